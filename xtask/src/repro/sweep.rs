//! Whole runs on several ranks (`mpirun -n 4 xtask repro table1 …`).
//!
//! Rank 0 plans, keeps and reports as a single process does, by the same [`execute`](crate::run::execute::execute). Where a
//! single process has a thread for each run that is under way, there is also one for each run that another rank has under
//! way: it sends the run there and waits for its result. So the order of the runs, what is kept of them and what a failure
//! costs are those of one process.
//!
//! Rank 0 sends nothing unasked. The others report every few milliseconds, and are told in answer which runs to carry out,
//! so that no two ranks ever wait to send to each other. A rank whose connection fails, or that has not reported for
//! 15 seconds, is given up, and its runs go to others. Rank 0 can finish without any of them.

mod messages;
mod serve;

use super::{Begun, ReproCommand, lead, spread};
use crate::experiment::{Prepared, Study};
use crate::ranks::Ranks;
use crate::run::execute::{Finished, attempt, say};
use crate::run::stop::Stop;
use crate::run::trace::Trace;
use crate::run::{Record, Run, line};
use anyhow::{Context as _, Result, anyhow, bail};
use gmp_train::exchange::{Exchange, Lost, gather};
use messages::{
    Answer, End, MOST_BETWEEN_LOOKS, Order, Outcome, Pace, Report, out_of_turn, read, send, silent,
};
use serve::serve;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The command on several ranks, of which each carries out whole runs.
pub(super) fn share_runs(
    command: &ReproCommand,
    shared: &Path,
    begun: &mut Begun,
    start: Instant,
    stop: &Stop,
    ranks: &Arc<Ranks>,
) -> Result<ExitCode> {
    let own = begun.prepared.iter().map(|(_, prepared)| match prepared {
        Prepared::Ready(study) => study.at_a_time(begun.context.threads),
        Prepared::Skipped(_) => 0,
    });
    let own = serde_json::to_vec(&own.collect::<Vec<usize>>())?;
    let places = gather(&mut **ranks.exchange(), &own)?;
    if !ranks.is_first() {
        let prepared = &begun.prepared;
        let carry_out = |experiment: usize, run: &Run| match prepared.get(experiment) {
            Some((_, Prepared::Ready(study))) => study.carry_out(run, stop),
            _ => bail!("a run of an experiment that this rank has not prepared"),
        };
        let end = serve(&mut **ranks.exchange(), carry_out, stop, Pace::USUAL);
        // The end of MPI would wait for the ranks that are lost; an error means that the first one is.
        if end.as_ref().map_or(true, |end| end.has_lost) {
            ranks.leave();
        }
        return end.map(|end| ExitCode::from(end.code));
    }
    let places = places.iter().map(|places| serde_json::from_slice(places)).collect::<Result<_, _>>()?;
    let sweep = Sweep::new(places);
    say(&format!("the runs are shared by {} ranks", ranks.count()));
    let done = thread::scope(|scope| {
        scope.spawn(|| sweep.attend(&mut **ranks.exchange(), stop, Pace::USUAL));
        let done = attempt(|| lead(command, shared, begun, start, stop, Some(&sweep)));
        sweep.end(spread::code(&done));
        done
    });
    if sweep.lock().has_lost() {
        ranks.leave();
    }
    done
}

/// What rank 0 knows of the others.
pub(super) struct Sweep {
    state: Mutex<State>,
    /// A place is free, or a rank is lost.
    changed: Condvar,
}

struct State {
    /// By rank; rank 0 itself has places alone.
    ranks: Vec<Peer>,
    /// Ranks that can carry out one run more, as often as they can.
    free: Vec<usize>,
    /// Runs that wait for a place, by when they came.
    waiting: BTreeSet<u64>,
    numbers: u64,
    end: Option<u8>,
}

#[derive(Default)]
struct Peer {
    /// How many runs of each experiment it carries out at a time.
    places: Vec<usize>,
    /// What it is told in answer to its next report.
    orders: Vec<Order>,
    /// Who waits for the runs that it has.
    waiting: HashMap<u64, Sender<Outcome>>,
    is_lost: bool,
}

/// What rank 0 knows of its connection to another.
struct Link {
    rank: usize,
    reports: u64,
    silence: Duration,
    /// Nothing is expected of it any more.
    is_given_up: bool,
    is_closed: bool,
}

impl Sweep {
    /// `places` says for every rank how many runs of each experiment it carries out at a time.
    fn new(places: Vec<Vec<usize>>) -> Self {
        let ranks = places.into_iter().map(|places| Peer { places, ..Peer::default() }).collect();
        let state = State { ranks, free: Vec::new(), waiting: BTreeSet::new(), numbers: 0, end: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with an experiment: how many of its runs are under way at a time, on all ranks.
    fn begin(&self, experiment: usize) -> usize {
        let mut state = self.lock();
        let places = state.ranks.iter().map(|peer| match peer.is_lost {
            true => 0,
            false => peer.places.get(experiment).copied().unwrap_or(0),
        });
        let places: Vec<usize> = places.collect();
        // Few runs go to as many ranks, the first of them to this one: places are taken from the end.
        let rounds = (0..places.iter().copied().max().unwrap_or(0)).rev();
        let of_round =
            |round| (0..places.len()).rev().filter(|&rank| places[rank] > round).collect::<Vec<_>>();
        state.free = rounds.flat_map(of_round).collect();
        state.free.len()
    }

    /// Carries out a run wherever a place is free; `here` does so on this rank.
    fn carry_out(&self, experiment: usize, run: &Run, stop: &Stop, here: impl Fn() -> Finished) -> Finished {
        let mut is_for_here = false;
        while let Some(rank) = self.take_place(is_for_here, stop) {
            if rank == 0 {
                let finished = attempt(&here);
                self.give_back(0);
                return finished;
            }
            let outcome = self.order(rank, experiment, run).and_then(|outcome| outcome.recv().ok());
            self.give_back(rank);
            let failed = match outcome {
                Some(Outcome::Finished(line, curves)) => match finished(&line, curves.as_deref()) {
                    Ok(done) => return Ok(Some(done)),
                    Err(error) => format!("{error:#}"),
                },
                Some(Outcome::Failed(error)) => error,
                // Whoever was stopped has said so before, and who is lost is known.
                Some(Outcome::Stopped) | None => continue,
            };
            // What it may lack is said by this rank, or it can do what that one could not.
            say(&format!("WARNING: rank {rank}: {failed}: {} is carried out by rank 0", run.slug()));
            is_for_here = true;
        }
        Ok(None)
    }

    /// Waits for a free place, in turn; none once the sweep is stopped.
    fn take_place(&self, is_for_here: bool, stop: &Stop) -> Option<usize> {
        let mut state = self.lock();
        let number = state.number();
        if !is_for_here {
            state.waiting.insert(number);
        }
        let place = loop {
            if stop.load(Ordering::Relaxed) {
                break None;
            }
            if is_for_here || state.waiting.first() == Some(&number) {
                let State { ranks, free, .. } = &mut *state;
                free.retain(|&rank| !ranks[rank].is_lost);
                if let Some(at) = free.iter().rposition(|&rank| rank == 0 || !is_for_here) {
                    break Some(free.remove(at));
                }
            }
            // A signal only sets the flag and wakes nobody.
            let wait = self.changed.wait_timeout(state, Duration::from_millis(100));
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        };
        state.waiting.remove(&number);
        self.changed.notify_all();
        place
    }

    fn give_back(&self, rank: usize) {
        self.lock().free.push(rank);
        self.changed.notify_all();
    }

    /// Lets a rank carry out a run; none if it is lost.
    fn order(&self, rank: usize, experiment: usize, run: &Run) -> Option<Receiver<Outcome>> {
        let mut state = self.lock();
        let number = state.number();
        let peer = &mut state.ranks[rank];
        let (sender, receiver) = mpsc::channel();
        if peer.is_lost {
            return None;
        }
        peer.waiting.insert(number, sender);
        peer.orders.push(Order { number, experiment, run: run.clone() });
        Some(receiver)
    }

    /// Lets the others end, with this exit code.
    fn end(&self, code: u8) {
        self.lock().end = Some(code);
    }

    /// Answers the reports of the others until all have been told to end, or are lost. To be called on a thread of its own.
    fn attend(&self, exchange: &mut dyn Exchange, stop: &Stop, pace: Pace) {
        let ranks = exchange.ranks();
        if let Err(error) = attempt(|| {
            self.answer_all(exchange, stop, pace);
            Ok(())
        }) {
            // Nobody reads what they send any more.
            (1..ranks).for_each(|rank| self.give_up(rank, &Lost { rank, why: error.to_string() }));
        }
    }

    fn answer_all(&self, exchange: &mut dyn Exchange, stop: &Stop, pace: Pace) {
        let link =
            |rank| Link { rank, reports: 0, silence: Duration::ZERO, is_given_up: false, is_closed: false };
        let mut links: Vec<Link> = (1..exchange.ranks()).map(link).collect();
        let (mut message, mut last) = (Vec::new(), Instant::now());
        while links.iter().any(|link| !link.is_given_up && !link.is_closed) {
            let passed = last.elapsed().min(MOST_BETWEEN_LOOKS);
            last = Instant::now();
            let mut is_quiet = true;
            for link in links.iter_mut().filter(|link| !link.is_closed) {
                let lost = match exchange.try_receive(link.rank, &mut message) {
                    Ok(false) => {
                        link.silence += passed;
                        (link.silence > pace.silence && !link.is_given_up).then(|| silent(link.rank, pace))
                    }
                    Ok(true) => {
                        (is_quiet, link.silence) = (false, Duration::ZERO);
                        let answered = self.answer(link, exchange, &message, stop);
                        link.is_closed |= answered.is_err();
                        answered.err()
                    }
                    Err(lost) => {
                        link.is_closed = true;
                        Some(lost)
                    }
                };
                if let Some(lost) = lost {
                    link.is_given_up = true;
                    self.give_up(link.rank, &lost);
                }
            }
            if is_quiet {
                thread::sleep(pace.look);
            }
        }
    }

    fn answer(
        &self,
        link: &mut Link,
        exchange: &mut dyn Exchange,
        message: &[u8],
        stop: &Stop,
    ) -> Result<(), Lost> {
        let report: Option<Report> =
            read(message).filter(|report: &Report| report.number == link.reports + 1);
        let report = report.ok_or_else(|| out_of_turn(link.rank))?;
        link.reports = report.number;
        if report.stop {
            stop.store(true, Ordering::Relaxed);
        }
        let mut state = self.lock();
        let has_lost = state.has_lost();
        // One that was given up has no place here any more.
        let code = if link.is_given_up { Some(1) } else { state.end };
        let end = code.map(|code| End { code, has_lost });
        let peer = &mut state.ranks[link.rank];
        for (number, outcome) in report.ended {
            if let Some(waiting) = peer.waiting.remove(&number) {
                // Whoever ordered it waits for it.
                let _ = waiting.send(outcome);
            }
        }
        let orders = std::mem::take(&mut peer.orders);
        drop(state);
        link.is_closed = end.is_some();
        let answer = Answer { number: report.number, orders, stop: stop.load(Ordering::Relaxed), end };
        send(exchange, link.rank, &answer)
    }

    fn give_up(&self, rank: usize, lost: &Lost) {
        let mut state = self.lock();
        let peer = &mut state.ranks[rank];
        if std::mem::replace(&mut peer.is_lost, true) {
            return;
        }
        // Those who wait for its runs are told so by that.
        peer.waiting.clear();
        peer.orders.clear();
        drop(state);
        let why = if lost.rank == rank { lost.to_string() } else { format!("rank {rank}, by {lost}") };
        say(&format!("WARNING: {why}: its runs are given to others"));
        self.changed.notify_all();
    }
}

impl State {
    /// Whether a rank was lost.
    fn has_lost(&self) -> bool {
        self.ranks.iter().any(|peer| peer.is_lost)
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

/// The result of a run as another rank sent it.
fn finished(line: &str, curves: Option<&str>) -> Result<(Record, Option<Trace>)> {
    let record = line::read(line.as_bytes()).map_err(|error| anyhow!("its record: {error}"))?;
    let curves = curves.map(|text| Trace::parse(text.as_bytes()).context("its curves cannot be read"));
    Ok((record, curves.transpose()?))
}

/// Where the runs of an experiment are carried out.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    /// The ranks, and which experiment it is.
    ranks: Option<(&'a Sweep, usize)>,
}

impl<'a> Places<'a> {
    /// In this process.
    pub(super) const HERE: Self = Self { ranks: None };

    /// On several ranks.
    pub(super) fn on(sweep: &'a Sweep, experiment: usize) -> Self {
        Self { ranks: Some((sweep, experiment)) }
    }

    /// How many are under way at a time.
    pub(super) fn count(self, study: &dyn Study, threads: usize) -> usize {
        self.ranks.map_or_else(|| study.at_a_time(threads), |(sweep, experiment)| sweep.begin(experiment))
    }

    pub(super) fn carry_out(self, study: &dyn Study, run: &Run, stop: &Stop) -> Finished {
        let here = || study.carry_out(run, stop);
        self.ranks.map_or_else(here, |(sweep, experiment)| sweep.carry_out(experiment, run, stop, here))
    }
}

#[cfg(test)]
mod tests;
