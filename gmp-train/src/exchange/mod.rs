//! Exchanges between the processes of one run.
//!
//! [`Trainer::across`](crate::Trainer::across) trains on several ranks to the same bits as in one process. All that it
//! needs of them is an [`Exchange`]: to send bytes to another rank, and to receive them.
//!
//! | | ranks are |
//! |---|---|
//! | [`Local`] | this process alone |
//! | [`threads`] | threads of this process, for tests and trials |
//! | `Mpi` (the feature `mpi`) | the processes that `mpirun` or `srun` started |
//!
//! A transport of your own is a few methods; `tests/ranks/cluster.rs` has one that delays, reorders and loses.

mod collective;
#[cfg(feature = "mpi")]
mod mpi;
mod threads;

pub(crate) use collective::{Owned, Ranks, from_bytes, to_bytes};
#[cfg(feature = "mpi")]
pub use mpi::{Mpi, MpiError};
pub use threads::{ThreadRank, on_threads, threads};

/// What connects this rank to the others.
///
/// Messages from one rank to another arrive in the order in which they were sent. Nothing is promised of the order of
/// messages from different ranks, and `send` may wait until the message is received: the trainer relies on neither.
///
/// ```
/// use gmp_train::exchange::{Exchange, on_threads};
/// let sums = on_threads(3, |exchange| {
///     // Every rank but the last hands a number on to the next one.
///     let (rank, mut bytes) = (exchange.rank(), vec![0]);
///     if rank > 0 {
///         exchange.receive(rank - 1, &mut bytes)?;
///     }
///     let sum = bytes[0] + rank as u8;
///     if rank + 1 < exchange.ranks() {
///         exchange.send(rank + 1, &[sum])?;
///     }
///     Ok::<_, gmp_train::exchange::Lost>(sum)
/// });
/// assert_eq!(sums.into_iter().collect::<Result<Vec<_>, _>>()?, [0, 1, 3]);
/// # Ok::<(), gmp_train::exchange::Lost>(())
/// ```
pub trait Exchange {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn ranks(&self) -> usize;

    /// Sends a message to the rank `to`, which is another one.
    ///
    /// # Errors
    /// If a rank is lost: this one or any other.
    fn send(&mut self, to: usize, message: &[u8]) -> Result<(), Lost>;

    /// Waits for the next message of the rank `from`, which is another one, and puts it in the place of what `message`
    /// holds.
    ///
    /// # Errors
    /// If a rank is lost: this one or any other.
    fn receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<(), Lost>;

    /// As [`Exchange::receive`], without waiting: whether a message was there. Training does not use it; a program that
    /// shares out whole runs looks with it for the rank that has something to say.
    ///
    /// # Errors
    /// If the rank `from` is lost and has left no message. Of the other ranks it may say nothing.
    fn try_receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<bool, Lost>;

    /// Tells the other ranks that this one takes no further part, and why: their exchanges end with this error.
    fn abort(&mut self, cause: &Lost);
}

/// A rank that takes no further part in a run, and why.
///
/// ```
/// use gmp_train::exchange::Lost;
/// let lost = Lost { rank: 2, why: "the connection was closed".to_owned() };
/// assert_eq!(lost.to_string(), "rank 2: the connection was closed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rank {rank}: {why}")]
pub struct Lost {
    /// Its number.
    pub rank: usize,
    /// What happened to it.
    pub why: String,
}

/// One process alone: what [`Trainer::fit`](crate::Trainer::fit) uses. It has nobody to exchange anything with and costs
/// nothing.
///
/// ```
/// use gmp_train::exchange::{Exchange, Local};
/// assert_eq!((Local.rank(), Local.ranks()), (0, 1));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Local;

impl Exchange for Local {
    fn rank(&self) -> usize {
        0
    }
    fn ranks(&self) -> usize {
        1
    }
    fn send(&mut self, to: usize, _: &[u8]) -> Result<(), Lost> {
        Err(Lost { rank: to, why: NOBODY.to_owned() })
    }
    fn receive(&mut self, from: usize, _: &mut Vec<u8>) -> Result<(), Lost> {
        Err(Lost { rank: from, why: NOBODY.to_owned() })
    }
    fn try_receive(&mut self, from: usize, _: &mut Vec<u8>) -> Result<bool, Lost> {
        Err(Lost { rank: from, why: NOBODY.to_owned() })
    }
    fn abort(&mut self, _: &Lost) {}
}

const NOBODY: &str = "there is no such rank: this process is alone";

impl<E: Exchange + ?Sized> Exchange for &mut E {
    fn rank(&self) -> usize {
        (**self).rank()
    }
    fn ranks(&self) -> usize {
        (**self).ranks()
    }
    fn send(&mut self, to: usize, message: &[u8]) -> Result<(), Lost> {
        (**self).send(to, message)
    }
    fn receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<(), Lost> {
        (**self).receive(from, message)
    }
    fn try_receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<bool, Lost> {
        (**self).try_receive(from, message)
    }
    fn abort(&mut self, cause: &Lost) {
        (**self).abort(cause);
    }
}

/// The messages of all ranks on every rank, in the order of the ranks: for what a program exchanges around its runs. All
/// ranks must call it.
///
/// ```
/// use gmp_train::exchange::{Exchange, gather, on_threads};
/// let all = on_threads(3, |exchange| {
///     let own = [exchange.rank() as u8];
///     gather(exchange, &own)
/// });
/// assert_eq!(all[0].as_ref().unwrap(), &[[0], [1], [2]]);
/// ```
///
/// # Errors
/// If a rank is lost.
pub fn gather(exchange: &mut dyn Exchange, own: &[u8]) -> Result<Vec<Vec<u8>>, Lost> {
    Ranks::new(exchange).gather(own)
}

/// The message of rank 0 on every rank. All ranks must call it.
///
/// ```
/// use gmp_train::exchange::{Exchange, on_threads, tell};
/// let told = on_threads(3, |exchange| {
///     let mut message = if exchange.rank() == 0 { b"go".to_vec() } else { Vec::new() };
///     tell(exchange, &mut message).map(|()| message)
/// });
/// assert_eq!(told[2].as_ref().unwrap(), b"go");
/// ```
///
/// # Errors
/// If a rank is lost.
pub fn tell(exchange: &mut dyn Exchange, message: &mut Vec<u8>) -> Result<(), Lost> {
    Ranks::new(exchange).tell(message)
}

/// An error, the same on all ranks, unless all of them have the same values under the same names. All ranks must call it.
///
/// ```
/// use gmp_train::exchange::{Exchange, on_threads, same};
/// let results = on_threads(3, |exchange| {
///     let build = if exchange.rank() == 2 { "of yesterday" } else { "of today" };
///     same(exchange, [("program", build.to_owned())])
/// });
/// let text = results[0].as_ref().unwrap_err().to_string();
/// assert_eq!(text, "rank 2: the program is of yesterday, expected of today as on rank 0");
/// ```
///
/// # Errors
/// If they differ, or a rank is lost.
pub fn same<'n>(
    exchange: &mut dyn Exchange,
    values: impl IntoIterator<Item = (&'n str, String)>,
) -> Result<(), crate::Error> {
    crate::spread::same(&mut Ranks::new(exchange), values)
}
