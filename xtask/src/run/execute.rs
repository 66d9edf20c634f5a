//! Carries runs out over the cores, with progress, and stops cleanly when asked to.

use super::store::Store;
use super::trace::Trace;
use super::{Record, Run};
use crate::terminal::escaped;
use anyhow::{Context, Result};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
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
    /// Stopped; so many are done, so many are left.
    Stopped {
        /// Done, in this call or before.
        done: usize,
        /// Left for the next call.
        left: usize,
    },
}

/// Carries out the runs that `store` does not have yet, the most expensive first, on `threads` threads.
///
/// `cost` weighs the runs against each other, for the order and the time left. When `stop` is set, running ones are
/// given up and finished ones kept.
///
/// # Errors
/// A store that can no longer be written to, or a run that could not be carried out.
pub fn execute(
    name: &str,
    runs: &[Run],
    cost: impl Fn(&Run) -> f64,
    carry_out: impl Fn(&Run) -> Finished + Sync,
    store: &mut Store,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Done> {
    let mut left: Vec<(f64, &Run)> =
        runs.iter().filter(|run| store.find(run).is_none()).map(|run| (cost(run), run)).collect();
    left.sort_by(|a, b| b.0.total_cmp(&a.0));
    let kept = runs.len() - left.len();
    if kept > 0 {
        say(&format!("{name}: {kept} of {} runs are there already", runs.len()));
    }
    if left.is_empty() {
        return Ok(Done::All);
    }
    let progress = Progress::new(name, left.len(), left.iter().map(|(cost, _)| cost).sum());
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let (left, carry_out, next) = (&left, &carry_out, &next);
    let mut finished = 0;
    let written = std::thread::scope(|scope| -> Result<()> {
        let mut started = 0;
        for _ in 0..threads.min(left.len()) {
            let sender = sender.clone();
            let work = move || {
                while !stop.load(Ordering::Relaxed)
                    && let Some((cost, run)) = left.get(next.fetch_add(1, Ordering::Relaxed))
                    && let Some(done) = carry_out(run).transpose()
                    && sender.send((*cost, done)).is_ok()
                {}
            };
            match std::thread::Builder::new().spawn_scoped(scope, work) {
                Ok(_) => started += 1,
                Err(error) if started == 0 => return Err(error).context("cannot start a thread"),
                // The others do the work.
                Err(_) => break,
            }
        }
        drop(sender);
        let result = receiver.iter().try_for_each(|(cost, done)| {
            let (record, trace) = done?;
            finished += 1;
            progress.advance(cost, finished);
            store.push(record, trace.as_ref())
        });
        if result.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        result
    });
    progress.finish(finished);
    written?;
    Ok(if finished == left.len() {
        Done::All
    } else {
        Done::Stopped { done: kept + finished, left: left.len() - finished }
    })
}

/// The bar that is on the terminal, if one is: there is one terminal.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn bar() -> Option<ProgressBar> {
    BAR.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A line on standard error, above the bar; a closed pipe is no reason to stop.
pub fn say(line: &str) {
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
                ProgressStyle::with_template("{prefix:>8} [{bar:32}] {msg} · {elapsed} gone · {eta} left");
            let bar = ProgressBar::with_draw_target(Some(STEPS as u64), ProgressDrawTarget::stderr());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▌ "));
            bar.set_prefix(name.to_owned());
            bar.set_message(format!("0 of {runs} runs"));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        BAR.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&bar);
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
        BAR.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say(&format!("{}: {finished} runs in {:.1} s", self.name, self.start.elapsed().as_secs_f64()));
    }
}
