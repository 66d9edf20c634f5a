//! Threads of this process as ranks.

use super::{Check, Exchange, Lost, Swap};
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What the ranks share.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Messages under way from rank a to rank b, at `a · ranks + b`.
    queues: Vec<VecDeque<Vec<u8>>>,
    /// Ranks that have left.
    has_left: Vec<bool>,
    /// The first rank that was lost.
    lost: Option<Lost>,
    /// Memory of messages that were received.
    free: Vec<Vec<u8>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, cause: Lost) {
        self.lock().lost.get_or_insert(cause);
        self.changed.notify_all();
    }
}

/// A thread as a rank, from [`threads`].
pub struct ThreadRank {
    shared: Arc<Shared>,
    rank: usize,
    ranks: usize,
}

/// Creates `ranks` ranks, each to be moved to its own thread. [`on_threads`] starts the threads as well.
///
/// A rank whose thread panics is lost, and ends the exchanges of the others with an error that names it.
///
/// # Panics
/// If `ranks` is 0.
#[track_caller]
pub fn threads(ranks: usize) -> Vec<ThreadRank> {
    assert!(ranks > 0, "a run needs at least one rank");
    let state = State {
        queues: (0..ranks * ranks).map(|_| VecDeque::new()).collect(),
        has_left: vec![false; ranks],
        lost: None,
        free: Vec::new(),
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
    (0..ranks).map(|rank| ThreadRank { shared: Arc::clone(&shared), rank, ranks }).collect()
}

/// Does the work of all ranks, each on its own thread, and returns their results in the order of the ranks.
///
/// # Panics
/// If the work of a rank panics, once the others have ended.
pub fn on_threads<R: Send>(ranks: usize, work: impl Fn(&mut ThreadRank) -> R + Sync) -> Vec<R> {
    let work = &work;
    std::thread::scope(|scope| {
        let all: Vec<_> =
            threads(ranks).into_iter().map(|mut rank| scope.spawn(move || work(&mut rank))).collect();
        all.into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|result| result.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

fn left(rank: usize) -> Lost {
    Lost { rank, why: "it has left the run".to_owned() }
}

impl Exchange for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn send(&mut self, to: usize, message: &[u8]) -> Result<(), Lost> {
        let mut state = self.shared.lock();
        if let Some(lost) = &state.lost {
            return Err(lost.clone());
        }
        let mut copy = state.free.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(message);
        state.queues[self.rank * self.ranks + to].push_back(copy);
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    fn receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<(), Lost> {
        let mut state = self.shared.lock();
        loop {
            if let Some(lost) = &state.lost {
                return Err(lost.clone());
            }
            if let Some(arrived) = state.queues[from * self.ranks + self.rank].pop_front() {
                let before = std::mem::replace(message, arrived);
                state.free.push(before);
                return Ok(());
            }
            if state.has_left[from] {
                return Err(left(from));
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Messages are stored, so that no send waits.
    fn swap(&mut self, swaps: &mut [Swap<'_>], check: &mut Check<'_>) -> Result<(), Lost> {
        for swap in &*swaps {
            swap.send.map_or(Ok(()), |message| self.send(swap.with, message))?;
        }
        for swap in swaps {
            if let Some(message) = &mut swap.receive {
                self.receive(swap.with, message)?;
                check(swap.with, message)?;
            }
        }
        Ok(())
    }

    fn try_receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<bool, Lost> {
        let mut state = self.shared.lock();
        if let Some(arrived) = state.queues[from * self.ranks + self.rank].pop_front() {
            let before = std::mem::replace(message, arrived);
            state.free.push(before);
            return Ok(true);
        }
        match &state.lost {
            Some(lost) => Err(lost.clone()),
            None if state.has_left[from] => Err(left(from)),
            None => Ok(false),
        }
    }

    fn abort(&mut self, cause: &Lost) {
        self.shared.lose(cause.clone());
    }
}

impl Drop for ThreadRank {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.lose(Lost { rank: self.rank, why: "it panicked".to_owned() });
        }
        self.shared.lock().has_left[self.rank] = true;
        self.shared.changed.notify_all();
    }
}

impl std::fmt::Debug for ThreadRank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {} threads", self.rank, self.ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_in_the_order_in_which_they_were_sent() {
        let seen = on_threads(2, |exchange| {
            let mut seen = Vec::new();
            for i in 0..100 {
                if exchange.rank() == 0 {
                    exchange.send(1, &[i]).unwrap();
                } else {
                    let mut message = Vec::new();
                    exchange.receive(0, &mut message).unwrap();
                    seen.extend(message);
                }
            }
            seen
        });
        assert_eq!(seen[1], (0..100).collect::<Vec<u8>>());
    }

    #[test]
    fn a_look_for_messages_does_not_wait() {
        let [mut first, mut second] = <[ThreadRank; 2]>::try_from(threads(2)).unwrap();
        let mut message = vec![7];
        assert_eq!((first.try_receive(1, &mut message), &message[..]), (Ok(false), &[7][..]));
        second.send(0, &[1, 2]).unwrap();
        drop(second);
        // What it said before it left is still there.
        assert_eq!((first.try_receive(1, &mut message), &message[..]), (Ok(true), &[1, 2][..]));
        assert_eq!(first.try_receive(1, &mut message), Err(left(1)));
    }

    /// Those that wait for it, and those that wait for one that waits for it.
    #[test]
    fn a_rank_that_panics_or_leaves_ends_the_exchanges_of_the_others() {
        for is_panic in [true, false] {
            let mut ranks = threads(3);
            let lost: Vec<Lost> = std::thread::scope(|scope| {
                let mut last = ranks.pop().unwrap();
                let leaver = scope.spawn(move || {
                    last.send(0, &[1]).unwrap();
                    assert!(!is_panic, "as the test wants it");
                });
                let waiting: Vec<_> = ranks
                    .into_iter()
                    .map(|mut rank| {
                        scope.spawn(move || {
                            let from = if rank.rank() == 0 { 2 } else { 0 };
                            let mut message = Vec::new();
                            let lost = std::iter::repeat_with(|| rank.receive(from, &mut message))
                                .find_map(Result::err)
                                .unwrap();
                            rank.abort(&lost);
                            lost
                        })
                    })
                    .collect();
                assert_eq!(leaver.join().is_err(), is_panic);
                waiting.into_iter().map(|rank| rank.join().unwrap()).collect()
            });
            let why = if is_panic { "it panicked" } else { "it has left the run" };
            assert_eq!(lost, [Lost { rank: 2, why: why.to_owned() }, Lost { rank: 2, why: why.to_owned() }]);
        }
    }
}
