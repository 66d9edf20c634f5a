//! Carries runs out over the cores, with progress, and stops cleanly when asked to.

use super::store::Store;
use super::trace::Trace;
use super::{Record, Run};
use crate::terminal::escaped;
use anyhow::{Result, anyhow, bail};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::any::Any;
use std::io::{IsTerminal as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// What a run leaves: nothing where it was stopped before its end, an error where it could not be carried out. A run
/// that diverged was carried out.
pub type Finished = Result<Option<(Record, Option<Trace>)>>;

/// Whether all runs are done, or the user stopped them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// All.
    All,
    /// Stopped: the numbers of runs that are done and that are left.
    Stopped {
        /// Done, in this call or before.
        done: usize,
        /// Left for the next call.
        left: usize,
    },
}

/// Carries out the runs that `store` does not have yet, the most expensive first, on `threads` threads.
///
/// `cost` weighs the runs against each other, for the order and the time left. A run that cannot be carried out, by an
/// error or a panic, costs the others nothing. `kept` is called with every record that is on the disk, of an earlier
/// call too: what the run needed on the way may go then, and not before. When `stop` is set, running ones are given up
/// and finished ones kept.
///
/// # Errors
/// Runs that could not be carried out, or that could not be written down, once the others are done.
pub fn execute(
    name: &str,
    runs: &[Run],
    cost: impl Fn(&Run) -> f64,
    carry_out: impl Fn(&Run) -> Finished + Sync,
    kept: impl Fn(&Record),
    store: &mut Store,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Done> {
    let (there, left): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|run| store.find(run).is_some());
    there.iter().filter_map(|run| store.find(run)).for_each(&kept);
    let mut left: Vec<(f64, &Run)> = left.into_iter().map(|run| (cost(run), run)).collect();
    left.sort_by(|a, b| b.0.total_cmp(&a.0));
    let there = there.len();
    if there > 0 {
        say(&format!("{name}: {there} of {} runs are already done", runs.len()));
    }
    if left.is_empty() {
        return Ok(Done::All);
    }
    let progress = Progress::new(name, left.len(), left.iter().map(|(cost, _)| cost).sum());
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let (left, carry_out, next) = (&left, &carry_out, &next);
    let (mut finished, mut failures, mut waiting) = (0, Vec::new(), Vec::new());
    std::thread::scope(|scope| -> Result<()> {
        let mut started = 0;
        for _ in 0..threads.min(left.len()) {
            let sender = sender.clone();
            let work = move || {
                while !stop.load(Ordering::Relaxed)
                    && let Some((cost, run)) = left.get(next.fetch_add(1, Ordering::Relaxed))
                    && let Some(done) = attempt(|| carry_out(run)).transpose()
                    && sender.send((*cost, *run, done)).is_ok()
                {}
            };
            match std::thread::Builder::new().spawn_scoped(scope, work) {
                Ok(_) => started += 1,
                Err(error) if started == 0 => bail!("cannot start a thread: {error}"),
                // The others do the work.
                Err(_) => break,
            }
        }
        drop(sender);
        for (cost, run, done) in receiver {
            let (mut record, trace) = match done {
                Ok(done) => done,
                Err(error) => {
                    let error = format!("{}: {error:#}", title(run));
                    say(&format!("{name}: FAILED: {error}"));
                    failures.push(error);
                    continue;
                }
            };
            finished += 1;
            progress.advance(cost, finished);
            // The curves first: a run that has a record is not carried out again for them.
            if let Some(Err(error)) = trace.map(|trace| store.write_trace(&mut record, &trace)) {
                say(&format!("WARNING: {error:#}: the figures will not show the curves of {}", title(run)));
            }
            waiting.push(record.clone());
            match store.push(record) {
                Ok(()) => waiting.drain(..).for_each(|record| kept(&record)),
                Err(error) => say(&format!("WARNING: {error:#}: writing is tried again after the next run")),
            }
        }
        Ok(())
    })?;
    progress.finish(finished);
    store.flush()?;
    waiting.iter().for_each(kept);
    if finished < left.len() && stop.load(Ordering::Relaxed) {
        return Ok(Done::Stopped { done: there + finished, left: left.len() - finished });
    }
    match &failures[..] {
        [] => Ok(Done::All),
        [error] => bail!("{error}"),
        [first, more @ ..] => {
            bail!("{} of {} runs failed: {first}; and {} more", failures.len(), runs.len(), more.len())
        }
    }
}

/// What a user tells a run by.
fn title(run: &Run) -> String {
    let Run { dataset, method, lr, protocol, seed, .. } = run;
    format!("{dataset}, {method}, lr {lr:?}, {protocol}, seed {seed}")
}

/// Does something that may panic, and makes an error of that: a mistake in this program should not cost what other
/// parts of it have done.
///
/// # Errors
/// Its own, or the panic.
pub fn attempt<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    // What the work was changing is not looked at again.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(anyhow!("a mistake in this program: {}", message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

/// The bar that is on the terminal, if one is: there is one terminal.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says which bar is on the terminal, so that lines are written above it.
pub(crate) fn show(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

fn bar() -> Option<ProgressBar> {
    BAR.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Whether another process speaks for this one.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From here on this process says nothing of what it does: it is one of several that do the same, and the first of them
/// speaks.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// A line on standard error, above the bar; a closed pipe is no reason to stop.
pub fn say(line: &str) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    let line = escaped(line);
    let write = || {
        let _ = writeln!(std::io::stderr(), "{line}");
    };
    match bar() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// How far a long run is: beside the bar on a terminal, a line elsewhere. To be called every few seconds.
pub fn status(line: &str) {
    match bar() {
        Some(bar) => bar.set_message(escaped(line).into_owned()),
        None => say(line),
    }
}

/// A bar on a terminal, a line every few seconds elsewhere.
struct Progress {
    name: String,
    runs: usize,
    bar: Option<ProgressBar>,
    start: Instant,
    total: f64,
    done: std::cell::Cell<f64>,
    spoken: std::cell::Cell<Instant>,
}

/// The bar counts in thousandths of the whole cost.
const STEPS: f64 = 1000.0;

impl Progress {
    fn new(name: &str, runs: usize, total: f64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{prefix:>8} [{bar:32}] {msg} · {elapsed} elapsed · {eta} left");
            let bar = ProgressBar::with_draw_target(Some(STEPS as u64), ProgressDrawTarget::stderr());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▌ "));
            bar.set_prefix(escaped(name).into_owned());
            bar.set_message(format!("0 of {runs} runs"));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        show(bar.clone());
        if bar.is_none() {
            say(&format!("{name}: {runs} runs to carry out"));
        }
        let now = Instant::now();
        Self { name: name.to_owned(), runs, bar, start: now, total, done: 0.0.into(), spoken: now.into() }
    }

    fn advance(&self, cost: f64, finished: usize) {
        self.done.set(self.done.get() + cost);
        let share = self.done.get() / self.total;
        let rate = finished as f64 / self.start.elapsed().as_secs_f64();
        let rate =
            if rate >= 1.0 { format!("{rate:.1} a second") } else { format!("{:.1} a minute", 60.0 * rate) };
        if let Some(bar) = &self.bar {
            bar.set_position((share * STEPS) as u64);
            bar.set_message(format!("{finished} of {} runs · {rate}", self.runs));
        } else if self.spoken.get().elapsed() >= Duration::from_secs(5) {
            self.spoken.set(Instant::now());
            let left = self.start.elapsed().mul_f64((1.0 - share).max(0.0) / share.max(1e-9));
            let Self { name, runs, .. } = self;
            say(&format!("{name}: {finished} of {runs} runs · {rate} · about {} left", HumanDuration(left)));
        }
    }

    fn finish(&self, finished: usize) {
        show(None);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say(&format!("{}: {finished} runs in {:.1} s", self.name, self.start.elapsed().as_secs_f64()));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::method;
    use crate::run::{Origin, Protocol};
    use std::cell::RefCell;

    /// Runs that differ in their seeds.
    pub(crate) fn runs(count: u64) -> Vec<Run> {
        let run = |seed| Run {
            experiment: "test".to_owned(),
            dataset: "none".to_owned(),
            method: method::SP,
            lr: 0.1,
            protocol: Protocol::Paper,
            seed,
            epoch_limit: 1,
            data: String::new(),
            setting: Default::default(),
        };
        (0..count).map(run).collect()
    }

    /// A finished one.
    pub(crate) fn record(run: &Run) -> Record {
        Record {
            run: run.clone(),
            metric: "rmse".to_owned(),
            value: Some(1.0),
            validation: None,
            epochs: 1,
            end: "epochs".to_owned(),
            seconds: 0.0,
            movement: None,
            measures: None,
            accuracy: None,
            origin: Origin::here(),
            curves: None,
        }
    }

    #[test]
    fn a_run_that_fails_or_panics_costs_the_others_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let runs = runs(9);
        let carry_out = |run: &Run| match run.seed {
            3 => panic!("seed {} is unlucky", run.seed),
            5 => bail!("no data"),
            _ => Ok(Some((record(run), Some(Trace::default())))),
        };
        for threads in [1, 2] {
            let mut store = Store::open(folder.path(), &threads.to_string()).unwrap();
            let stop = AtomicBool::new(false);
            let kept = RefCell::new(Vec::new());
            let keep = |record: &Record| kept.borrow_mut().push(record.run.seed);
            let error = execute("test", &runs, |_| 1.0, carry_out, keep, &mut store, threads, &stop);
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("2 of 9 runs failed: none, SP, lr 0.1, paper, seed "), "{error}");
            let mut seeds = kept.take();
            seeds.sort_unstable();
            assert_eq!(seeds, [0, 1, 2, 4, 6, 7, 8]);
            // The next call has the finished runs, and a fixed program does the rest.
            let mut store = Store::open(folder.path(), &threads.to_string()).unwrap();
            let mended = |run: &Run| {
                assert!([3, 5].contains(&run.seed), "seed {} is there", run.seed);
                Ok(Some((record(run), None)))
            };
            let done = execute("test", &runs, |_| 1.0, mended, keep, &mut store, threads, &stop).unwrap();
            assert_eq!((done, kept.take().len()), (Done::All, 9));
        }
    }

    #[test]
    fn what_is_stopped_is_left_for_the_next_call() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), "test").unwrap();
        let (runs, stop) = (runs(5), AtomicBool::new(false));
        let carry_out = |run: &Run| {
            stop.store(run.seed == 2, Ordering::Relaxed);
            Ok((run.seed != 2).then(|| (record(run), None)))
        };
        let done = execute("test", &runs, |_| 1.0, carry_out, |_| (), &mut store, 1, &stop).unwrap();
        assert_eq!(done, Done::Stopped { done: 2, left: 3 });
    }
}
