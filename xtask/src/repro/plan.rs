//! What a call would carry out (`--plan`): how many runs, how long they take on this machine, and how long as several jobs.

use crate::experiment::Study;
use crate::run::Run;
use crate::run::execute::{attempt, say};
use crate::run::stop::Stop;
use crate::run::store::Store;
use indicatif::HumanDuration;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long the pace of an experiment is measured.
const MEASURED: Duration = Duration::from_secs(10);
/// As how many jobs the time is told.
const JOBS: [f64; 3] = [4.0, 16.0, 64.0];

/// The plan of one experiment, a few lines.
///
/// The pace is that of some of the runs that are left, carried out for at most ten seconds and not kept, from cheap to
/// expensive ones; where none of them comes to its end, that of the runs that are there.
pub(super) fn lines(id: &str, study: &dyn Study, store: &Store, threads: usize, stop: &Stop) -> Vec<String> {
    let stage = study.runs();
    let left: Vec<&Run> = stage.iter().filter(|run| store.find(run).is_none()).collect();
    let epochs = left.iter().map(|run| run.epoch_limit).max().unwrap_or(0);
    let mut lines = vec![format!(
        "{id:8} {} runs; {} are there, {} are left{}",
        stage.len(),
        stage.len() - left.len(),
        left.len(),
        if left.is_empty() { String::new() } else { format!(", each of at most {epochs} epochs") }
    )];
    if left.is_empty() {
        return lines;
    }
    let total: f64 = left.iter().map(|run| study.cost(run)).sum();
    let (pace, source) = match measured(id, study, &left, stop) {
        Some(pace) => (pace, "measured here"),
        None => match recorded(study, &stage, store) {
            Some(pace) => (pace, "by the runs that are there"),
            None => {
                lines.push(format!(
                    "{:8} the time is not known: a run takes more than {} seconds here, and none is there",
                    "",
                    MEASURED.as_secs()
                ));
                return lines;
            }
        },
    };
    let at_a_time = study.at_a_time(threads).min(left.len());
    let seconds = total * pace / at_a_time as f64;
    let time = |seconds: f64| HumanDuration(Duration::from_secs_f64(seconds.clamp(1.0, 1e12))).to_string();
    let jobs: Vec<String> =
        JOBS.iter().map(|jobs| format!("{} as {jobs} jobs", time(seconds / jobs))).collect();
    lines.push(format!(
        "{:8} about {} with {at_a_time} at a time on this machine ({source}); {} (--shard K/N)",
        "",
        time(seconds),
        jobs.join(", ")
    ));
    lines
}

/// Seconds per unit of cost, of runs that are left.
fn measured(id: &str, study: &dyn Study, left: &[&Run], stop: &Stop) -> Option<f64> {
    let mut order = left.to_vec();
    order.sort_by(|a, b| study.cost(a).total_cmp(&study.cost(b)));
    // Some cheap, some middling, some expensive: 1/8, 3/8, 5/8 and 7/8 of the way, then those between.
    let parts = 64.min(order.len());
    let places =
        [4, 2, 1].into_iter().flat_map(|step| (0..parts).filter(move |part| part % (2 * step) == step));
    let places = places.chain((0..parts).filter(|part| part % 2 == 0 && part % 8 == 0));
    say(&format!("{id}: measuring for at most {} seconds", MEASURED.as_secs()));
    let end = Instant::now() + MEASURED;
    let enough = Stop::default();
    let (mut seconds, mut cost) = (0.0, 0.0);
    std::thread::scope(|scope| {
        let (waited, timer) = (
            enough.clone(),
            scope.spawn({
                let enough = enough.clone();
                move || {
                    while Instant::now() < end
                        && !enough.load(Ordering::Relaxed)
                        && !stop.load(Ordering::Relaxed)
                    {
                        std::thread::park_timeout(Duration::from_millis(100));
                    }
                    enough.store(true, Ordering::Relaxed);
                }
            }),
        );
        for place in places {
            let run = order[place * order.len() / parts];
            let start = Instant::now();
            // A run that cannot be carried out says nothing of the time; the call itself says why.
            if let Ok(Some(_)) = attempt(|| study.carry_out(run, &enough)) {
                seconds += start.elapsed().as_secs_f64();
                cost += study.cost(run);
            }
            if enough.load(Ordering::Relaxed) {
                break;
            }
        }
        waited.store(true, Ordering::Relaxed);
        timer.thread().unpark();
    });
    (cost > 0.0).then_some(seconds / cost)
}

/// The same of the runs that are there.
fn recorded(study: &dyn Study, stage: &[Run], store: &Store) -> Option<f64> {
    let there = stage.iter().filter_map(|run| Some((study.cost(run), store.find(run)?.seconds)));
    let (cost, seconds) = there.fold((0.0, 0.0), |(c, s), (cost, seconds)| (c + cost, s + seconds));
    (cost > 0.0 && seconds > 0.0).then_some(seconds / cost)
}
