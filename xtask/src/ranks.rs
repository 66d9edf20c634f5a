//! Several processes as ranks of one command (`mpirun -n 4 xtask repro …`), with the feature `mpi`.
//!
//! Rank 0 plans, keeps and reports as a single process does. The others prepare the same studies, and wait for the runs
//! that rank 0 names: to take their part in, or to carry out as a whole ([`Shared`]).

use crate::run::Run;
use anyhow::{Result, bail};
use clap::ValueEnum;
use gmp_train::Error;
use gmp_train::exchange::{Exchange, Local, Lost, gather, same, tell};
use serde::{Deserialize, Serialize};
use std::ops::{Deref, DerefMut};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What several ranks share out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shared {
    /// The parts of every batch: all ranks carry out one run together
    Batches,
    /// The runs: each rank carries out whole ones
    Runs,
}

/// This process and those that it works with.
pub struct Ranks {
    rank: usize,
    count: usize,
    shared: Shared,
    exchange: Mutex<Box<dyn Exchange + Send>>,
}

/// What rank 0 asks of the others.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// To take part in a run.
    Run(Box<Run>),
    /// To end, with this exit code.
    End(u8),
}

/// Where launchers say how many processes they started: `mpirun` of Open MPI, of MPICH and its relatives, and `srun`.
const LAUNCHED: [&str; 4] =
    ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"];

impl Ranks {
    /// This process alone.
    #[must_use]
    pub fn alone() -> Arc<Self> {
        Self::of(Box::new(Local), Shared::Batches)
    }

    /// The processes that an MPI launcher started, or this one alone.
    ///
    /// # Errors
    /// One of several processes that was built without the feature `mpi`, and MPI that cannot be used.
    pub fn begin(shared: Shared) -> Result<Arc<Self>> {
        let size = |name: &&str| std::env::var(name).ok()?.parse::<usize>().ok();
        let launched = LAUNCHED.iter().find_map(size).unwrap_or(1);
        if launched <= 1 {
            return Ok(Self::alone());
        }
        Self::launched(launched, shared)
    }

    /// Those of an exchange.
    #[must_use]
    pub fn of(exchange: Box<dyn Exchange + Send>, shared: Shared) -> Arc<Self> {
        let (rank, count) = (exchange.rank(), exchange.ranks());
        Arc::new(Self { rank, count, shared, exchange: Mutex::new(exchange) })
    }

    #[cfg(feature = "mpi")]
    fn launched(_: usize, shared: Shared) -> Result<Arc<Self>> {
        let mpi = gmp_train::exchange::Mpi::begin()?;
        // A run that panics costs the other runs nothing, as in one process.
        let mpi = if shared == Shared::Runs { mpi.with_caught_panics() } else { mpi };
        Ok(Self::of(Box::new(mpi), shared))
    }

    #[cfg(not(feature = "mpi"))]
    fn launched(count: usize, _: Shared) -> Result<Arc<Self>> {
        bail!(
            "this is one of {count} processes of a launcher, and the program was built without MPI: \
             cargo build --release -p xtask --features mpi"
        )
    }

    /// Whether each rank carries out whole runs.
    #[must_use]
    pub fn is_sweep(&self) -> bool {
        self.count > 1 && self.shared == Shared::Runs
    }

    /// Those that carry out a run together.
    #[must_use]
    pub fn of_a_run(self: &Arc<Self>) -> Arc<Self> {
        if self.is_sweep() { Self::alone() } else { Arc::clone(self) }
    }

    /// Lets the process end without the others, of which some are lost: MPI's own end would wait for them.
    pub fn leave(self: &Arc<Self>) {
        std::mem::forget(Arc::clone(self));
    }

    /// The number of this one, from 0.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether this process writes and speaks for all.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// The exchange, for as long as it is kept.
    pub fn exchange(&self) -> Guard<'_> {
        Guard(self.exchange.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets all ranks begin the same run: to be called on rank 0, and on the others once they have the order.
    ///
    /// # Errors
    /// If a rank is lost.
    pub fn begin_run(&self, run: &Run) -> Result<Guard<'_>> {
        let mut exchange = self.exchange();
        if self.is_first() && self.count > 1 {
            order(&mut **exchange, &Order::Run(Box::new(run.clone())))?;
        }
        Ok(exchange)
    }

    /// What rank 0 asks for next.
    ///
    /// # Errors
    /// If a rank is lost.
    pub fn next_order(&self) -> Result<Order> {
        let mut message = Vec::new();
        tell(&mut **self.exchange(), &mut message)?;
        Ok(serde_json::from_slice(&message)?)
    }

    /// Ends the work of the other ranks.
    ///
    /// # Errors
    /// If a rank is lost.
    pub fn end(&self, code: u8) -> Result<()> {
        if self.count > 1 {
            order(&mut **self.exchange(), &Order::End(code))?;
        }
        Ok(())
    }

    /// Goes on if all ranks have prepared the same, by `identity`: names and values. The error of the lowest rank that has
    /// one is that of rank 0, which speaks for all; on the others it is an exit code.
    ///
    /// # Errors
    /// What a rank could not prepare, and ranks that differ.
    pub fn agree<R>(
        &self,
        prepared: Result<R>,
        identity: impl FnOnce(&R) -> Vec<(&'static str, String)>,
    ) -> Result<Result<R, ExitCode>> {
        if self.count == 1 {
            return prepared.map(Ok);
        }
        let mut exchange = self.exchange();
        let own = prepared.as_ref().err().map_or_else(String::new, |error| format!("{error:#}"));
        let all = gather(&mut **exchange, own.as_bytes())?;
        let failed = all.iter().position(|error| !error.is_empty());
        let (failed, prepared) = match (failed, prepared) {
            (Some(0), Err(error)) => (Some(error), None),
            (Some(rank), _) => {
                let error = String::from_utf8_lossy(&all[rank]);
                (Some(anyhow::anyhow!("rank {rank}: {error}")), None)
            }
            (None, Err(error)) => (Some(error), None),
            (None, Ok(prepared)) => {
                let error = same(&mut **exchange, identity(&prepared)).err();
                (error.map(Into::into), Some(prepared))
            }
        };
        match (failed, prepared) {
            (None, Some(prepared)) => Ok(Ok(prepared)),
            (Some(error), _) if self.is_first() => Err(error),
            _ => Ok(Err(ExitCode::FAILURE)),
        }
    }
}

fn order(exchange: &mut dyn Exchange, order: &Order) -> Result<()> {
    Ok(tell(exchange, &mut serde_json::to_vec(order)?)?)
}

/// The exchange while it is in use.
pub struct Guard<'a>(MutexGuard<'a, Box<dyn Exchange + Send>>);

impl Guard<'_> {
    /// Ends all ranks where only this one knows of an error: the others would wait for it.
    ///
    /// # Errors
    /// That of `result`.
    pub fn or_abort<R, E: std::fmt::Display>(&mut self, result: Result<R, E>) -> Result<R, E> {
        let rank = self.0.rank();
        if self.0.ranks() > 1
            && let Err(error) = &result
        {
            self.0.abort(&Lost { rank, why: error.to_string() });
        }
        result
    }
}

impl Guard<'_> {
    /// Ends all ranks where they cannot go on with each other.
    pub fn end(&mut self, error: &Error) {
        let (Error::Rank { rank, .. } | Error::Differs { rank, .. }) = error else { return };
        let text = error.to_string();
        let why = text.strip_prefix(&format!("rank {rank}: ")).unwrap_or(&text).to_owned();
        self.0.abort(&Lost { rank: *rank, why });
    }
}

impl Deref for Guard<'_> {
    type Target = Box<dyn Exchange + Send>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl std::fmt::Debug for Ranks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.count)
    }
}

/// Refuses what ranks cannot share out. `experiments` says of each whether its batches can have parts.
///
/// # Errors
/// Parts of batches where there are none, and a plan.
pub fn check(
    ranks: &Ranks,
    experiments: &[(&str, bool)],
    micro_batch: Option<usize>,
    plan: bool,
) -> Result<()> {
    if ranks.count == 1 {
        return Ok(());
    }
    if ranks.shared == Shared::Batches {
        if let Some((id, _)) = experiments.iter().find(|(_, has_parts)| !has_parts) {
            bail!(
                "the ranks would divide every batch into micro-batches (--micro-batch), but batches of {id} cannot be split: run it in a separate \
                 command without --micro-batch, in which every rank carries out whole runs"
            );
        }
        if micro_batch.is_none() {
            bail!(
                "the {} ranks would divide the micro-batches of every batch, but without --micro-batch N a batch is not split: with N = batch size / \
                 number of ranks all of them are busy",
                ranks.count
            );
        }
    }
    if plan {
        bail!("--plan works with one process only");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::execute::tests::runs;
    use gmp_train::exchange::threads;

    fn on_ranks<R: Send>(count: usize, work: impl Fn(Arc<Ranks>) -> R + Sync) -> Vec<R> {
        let work = &work;
        std::thread::scope(|scope| {
            let all: Vec<_> = threads(count)
                .into_iter()
                .map(|rank| scope.spawn(move || work(Ranks::of(Box::new(rank), Shared::Batches))))
                .collect();
            all.into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    #[test]
    fn ranks_follow_the_orders_of_the_first() {
        let run = &runs(1)[0];
        let seen = on_ranks(3, |ranks| {
            if ranks.is_first() {
                drop(ranks.begin_run(run).unwrap());
                ranks.end(7).unwrap();
                return true;
            }
            let first = ranks.next_order().unwrap();
            let second = ranks.next_order().unwrap();
            matches!(first, Order::Run(named) if *named == *run) && matches!(second, Order::End(7))
        });
        assert_eq!(seen, [true; 3]);
    }

    #[test]
    fn what_one_rank_cannot_prepare_is_said_by_the_first() {
        let said = |failing: usize| {
            let all = on_ranks(3, move |ranks| {
                let prepared = match ranks.rank() == failing {
                    true => Err(anyhow::anyhow!("no pictures")),
                    false => Ok(()),
                };
                ranks.agree(prepared, |()| Vec::new()).map_err(|error| error.to_string())
            });
            assert!(all[1..].iter().all(|other| matches!(other, Ok(Err(_)))));
            all[0].clone().unwrap_err()
        };
        assert_eq!((said(0), said(2)), ("no pictures".to_owned(), "rank 2: no pictures".to_owned()));
        let all = on_ranks(2, |ranks| {
            let value = ranks.rank().to_string();
            ranks.agree(Ok(()), |()| vec![("program", value)]).map_err(|error| error.to_string())
        });
        assert_eq!(all[0].clone().unwrap_err(), "rank 1: the program is 1, expected 0 as on rank 0");
    }

    #[test]
    fn what_ranks_cannot_share_out_is_refused() {
        let of = |count, shared| Ranks::of(Box::new(threads(count).remove(0)), shared);
        let (table1, table2) = (("table1", false), ("table2", true));
        let refused = |shared, experiments: &[(&str, bool)], plan| {
            check(&of(2, shared), experiments, Some(8), plan).unwrap_err().to_string()
        };
        let without = check(&of(2, Shared::Batches), &[table2], None, false).unwrap_err().to_string();
        assert!(without.contains("--micro-batch N"), "{without}");
        let said = refused(Shared::Batches, &[table2, table1], false);
        assert!(said.contains("batches of table1 cannot be split"), "{said}");
        assert!(refused(Shared::Runs, &[table1], true).contains("--plan"));
        for (count, shared, experiments, plan) in [
            (2, Shared::Batches, &[table2][..], false),
            (2, Shared::Runs, &[table2, table1], false),
            (1, Shared::Batches, &[table1], true),
        ] {
            assert!(check(&of(count, shared), experiments, Some(8), plan).is_ok());
        }
    }
}
