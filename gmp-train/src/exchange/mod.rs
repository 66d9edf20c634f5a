//! Communication between the processes of one run.
//!
//! [`Trainer::across`](crate::Trainer::across) trains on several ranks with the same bits as in one process. All that
//! it needs is an [`Exchange`], which sends bytes to another rank and receives them, one message after the other or
//! several at the same time.
//!
//! | | ranks are |
//! |---|---|
//! | [`Local`] | this process alone |
//! | [`threads`] | threads of this process, for tests and trials |
//! | `Mpi` (the feature `mpi`) | the processes that `mpirun` or `srun` started |
//!
//! A transport of your own needs only a few methods; `tests/ranks/cluster.rs` has one that delays, reorders and loses
//! messages.

mod bytes;
mod collective;
#[cfg(feature = "mpi")]
mod mpi;
#[cfg(test)]
mod rendezvous;
mod threads;

pub(crate) use bytes::{from_bytes, to_bytes};
pub(crate) use collective::{Owned, Ranks};
#[cfg(feature = "mpi")]
pub use mpi::{Mpi, MpiError};
pub use threads::{ThreadRank, on_threads, threads};

/// The connection of this rank to the others.
///
/// Messages from one rank to another arrive in the order in which they were sent. The order of messages from
/// different ranks is not specified, and `send` may or may not wait until the message is received: the trainer works
/// with any order and in both cases.
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

    /// Waits for the next message of the rank `from`, which is another one, and replaces the content of `message`
    /// with it.
    ///
    /// # Errors
    /// If a rank is lost: this one or any other.
    fn receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<(), Lost>;

    /// Sends messages to several ranks and receives messages of several ranks, and waits for all of them. Each other
    /// rank is in the list at most once; the order of the list does not matter, and may be changed afterwards.
    /// `check` is called with every message and the number of its rank as soon as the message arrives, and its error
    /// ends the swap at once: a rank that has received an unexpected message must not wait for messages that will
    /// never come.
    ///
    /// The default sends and receives one message after the other. A transport that can have several messages in
    /// transit at the same time should override it: the sum of gradients spends its time here, and a rank between two
    /// others has four messages to exchange.
    ///
    /// The default guarantees the following for any transport, if all ranks swap in rounds, and the other rank
    /// receives in its own nth round what a rank sends to it in its nth round: ranks never deadlock, even if `send`
    /// waits until the message is received; and messages from one rank to another keep their order, including those
    /// of [`Exchange::send`]. It does not guarantee that messages are in transit at the same time, nor any order of
    /// the messages of different ranks, and it guarantees nothing if the two ranks of a message do not agree about
    /// its round.
    ///
    /// ```
    /// use gmp_train::exchange::{Exchange, Swap, on_threads};
    /// let seen = on_threads(3, |exchange| {
    ///     // Every rank tells the next one its number, in a circle.
    ///     let (rank, ranks) = (exchange.rank(), exchange.ranks());
    ///     let (own, mut other) = ([rank as u8], Vec::new());
    ///     let mut swaps = [
    ///         Swap { with: (rank + 1) % ranks, send: Some(&own), receive: None },
    ///         Swap { with: (rank + ranks - 1) % ranks, send: None, receive: Some(&mut other) },
    ///     ];
    ///     exchange.swap(&mut swaps, &mut |_, _| Ok(()))?;
    ///     Ok::<_, gmp_train::exchange::Lost>(other[0])
    /// });
    /// assert_eq!(seen.into_iter().collect::<Result<Vec<_>, _>>()?, [2, 0, 1]);
    /// # Ok::<(), gmp_train::exchange::Lost>(())
    /// ```
    ///
    /// # Errors
    /// If a rank is lost (this one or any other), and that of `check`. Some of the messages may have been exchanged.
    fn swap(&mut self, swaps: &mut [Swap<'_>], check: &mut Check<'_>) -> Result<(), Lost> {
        // All ranks go through the links in one order, and on a link the lower rank sends first: the first of all messages
        // that are left, in this order, has both of its ranks waiting for it. Of a chain, every other link is
        // busy at a time.
        let rank = self.rank();
        swaps.sort_unstable_by_key(|swap| {
            let (lower, higher) = (rank.min(swap.with), rank.max(swap.with));
            (lower % 2, lower, higher)
        });
        for Swap { with, send, receive } in swaps {
            let (with, sends_first) = (*with, rank < *with);
            if sends_first && let Some(message) = send {
                self.send(with, message)?;
            }
            if let Some(message) = receive {
                self.receive(with, message)?;
                check(with, message)?;
            }
            if !sends_first && let Some(message) = send {
                self.send(with, message)?;
            }
        }
        Ok(())
    }

    /// Like [`Exchange::receive`], without waiting; it returns whether there was a message. Training does not use it;
    /// a program that distributes whole runs uses it to find the ranks that have sent something.
    ///
    /// # Errors
    /// If the rank `from` is lost and has left no message. The loss of other ranks may not be reported.
    fn try_receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<bool, Lost>;

    /// Tells the other ranks that this one no longer takes part, and why: their exchanges end with this error.
    fn abort(&mut self, cause: &Lost);
}

/// Checks a message and the number of its rank as soon as it arrives: see [`Exchange::swap`].
pub type Check<'a> = dyn FnMut(usize, &[u8]) -> Result<(), Lost> + 'a;

/// The messages between this rank and another one in an [`Exchange::swap`].
#[derive(Debug)]
pub struct Swap<'a> {
    /// The other rank.
    pub with: usize,
    /// The message to it, if there is one.
    pub send: Option<&'a [u8]>,
    /// The buffer whose content is replaced by its message, if there is one.
    pub receive: Option<&'a mut Vec<u8>>,
}

/// A rank that no longer takes part in a run, and why.
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

/// A single process, which [`Trainer::fit`](crate::Trainer::fit) uses. It exchanges nothing and costs nothing.
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
    fn swap(&mut self, swaps: &mut [Swap<'_>], check: &mut Check<'_>) -> Result<(), Lost> {
        (**self).swap(swaps, check)
    }
    fn try_receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<bool, Lost> {
        (**self).try_receive(from, message)
    }
    fn abort(&mut self, cause: &Lost) {
        (**self).abort(cause);
    }
}

/// Returns the messages of all ranks on every rank, in the order of the ranks, for what a program exchanges before
/// and after its runs. All ranks must call it.
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

/// Gives the message of rank 0 to every rank. All ranks must call it.
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

/// Returns an error, the same on all ranks, unless all of them have the same values under the same names. All ranks
/// must call it.
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
