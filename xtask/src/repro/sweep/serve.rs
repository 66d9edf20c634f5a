//! The ranks of a sweep but the first: they carry out the runs that it orders.

use super::messages::{Answer, End, Order, Outcome, Pace, Report, out_of_turn, send, wait_for};
use crate::run::execute::{Finished, attempt};
use crate::run::stop::Stop;
use crate::run::trace::Trace;
use crate::run::{Record, Run, line};
use anyhow::Result;
use gmp_train::exchange::{Exchange, Lost};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::{self, Scope};

/// Carries out the runs that rank 0 orders, by their experiment, until it is told how to end.
///
/// # Errors
/// If rank 0 is lost.
pub(super) fn serve(
    exchange: &mut dyn Exchange,
    carry_out: impl Fn(usize, &Run) -> Finished + Sync,
    stop: &Stop,
    pace: Pace,
) -> Result<End> {
    let carry_out = &carry_out;
    thread::scope(|scope| {
        let end = serve_on(scope, exchange, carry_out, stop, pace);
        // What is still under way is waited for.
        stop.store(true, Ordering::Relaxed);
        Ok(end?)
    })
}

fn serve_on<'scope>(
    scope: &'scope Scope<'scope, '_>,
    exchange: &mut dyn Exchange,
    carry_out: &'scope (impl Fn(usize, &Run) -> Finished + Sync),
    stop: &'scope Stop,
    pace: Pace,
) -> Result<End, Lost> {
    let (sender, receiver) = mpsc::channel();
    let [shortest, longest] = pace.report;
    let mut pause = shortest;
    let mut number = 0;
    loop {
        number += 1;
        // A run that has ended is reported at once.
        let first = receiver.recv_timeout(pause).ok();
        let ended: Vec<(u64, Outcome)> = first.into_iter().chain(receiver.try_iter()).collect();
        let mut has_news = !ended.is_empty();
        send(exchange, 0, &Report { number, ended, stop: stop.load(Ordering::Relaxed) })?;
        let answer: Answer = wait_for(exchange, 0, pace)?;
        if answer.number != number {
            return Err(out_of_turn(0));
        }
        if answer.stop {
            stop.store(true, Ordering::Relaxed);
        }
        if let Some(end) = answer.end {
            return Ok(end);
        }
        for Order { number, experiment, run } in answer.orders {
            has_news = true;
            let of_thread = sender.clone();
            let work = move || {
                let outcome = outcome(|| carry_out(experiment, &run), stop);
                let _ = of_thread.send((number, outcome));
            };
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, work) {
                let _ = sender.send((number, Outcome::Failed(format!("it cannot start a thread: {error}"))));
            }
        }
        pause = if has_news { shortest } else { (2 * pause).min(longest) };
    }
}

fn outcome(carry_out: impl FnOnce() -> Finished, stop: &Stop) -> Outcome {
    if stop.load(Ordering::Relaxed) {
        return Outcome::Stopped;
    }
    let text = |(record, curves): (Record, Option<Trace>)| {
        let curves = curves.map(|curves| serde_json::to_string(&curves)).transpose()?;
        Ok::<_, serde_json::Error>(Outcome::Finished(line::write(&record)?, curves))
    };
    match attempt(carry_out) {
        Ok(None) => Outcome::Stopped,
        Ok(Some(done)) => text(done).unwrap_or_else(|error| Outcome::Failed(error.to_string())),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}
