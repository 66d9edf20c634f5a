//! Ranks whose sends wait until the message is received: for tests that nothing relies on a message being stored.

use super::{Exchange, Lost};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// A thread as a rank.
pub(super) struct WaitingRank {
    rank: usize,
    /// To every rank and from every rank, itself among them.
    to: Vec<SyncSender<Vec<u8>>>,
    from: Vec<Receiver<Vec<u8>>>,
}

/// Longer than any message takes: ranks that wait in a circle would do so for ever.
const LONGEST: Duration = Duration::from_secs(30);

/// As [`on_threads`](super::on_threads).
///
/// # Panics
/// If ranks wait for each other.
pub(super) fn on_waiting_threads<R: Send>(
    ranks: usize,
    work: impl Fn(&mut WaitingRank) -> R + Sync,
) -> Vec<R> {
    let new = |rank| WaitingRank { rank, to: Vec::new(), from: Vec::new() };
    let mut all: Vec<WaitingRank> = (0..ranks).map(new).collect();
    for sender in 0..ranks {
        for receiver in 0..ranks {
            let (to, from) = sync_channel(0);
            all[sender].to.push(to);
            all[receiver].from.push(from);
        }
    }
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = all.into_iter().map(|mut rank| scope.spawn(move || work(&mut rank))).collect();
        threads.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

fn left(rank: usize) -> Lost {
    Lost { rank, why: "it has left the run".to_owned() }
}

impl Exchange for WaitingRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.to.len()
    }

    fn send(&mut self, to: usize, message: &[u8]) -> Result<(), Lost> {
        let (start, mut message) = (Instant::now(), message.to_vec());
        loop {
            match self.to[to].try_send(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) => message = back,
                Err(TrySendError::Disconnected(_)) => return Err(left(to)),
            }
            assert!(start.elapsed() < LONGEST, "rank {} waits to send to rank {to}", self.rank);
            std::thread::yield_now();
        }
    }

    fn receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<(), Lost> {
        match self.from[from].recv_timeout(LONGEST) {
            Ok(arrived) => *message = arrived,
            Err(RecvTimeoutError::Disconnected) => return Err(left(from)),
            Err(RecvTimeoutError::Timeout) => panic!("rank {} waits for rank {from}", self.rank),
        }
        Ok(())
    }

    fn try_receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<bool, Lost> {
        match self.from[from].try_recv() {
            Ok(arrived) => *message = arrived,
            Err(TryRecvError::Empty) => return Ok(false),
            Err(TryRecvError::Disconnected) => return Err(left(from)),
        }
        Ok(true)
    }

    fn abort(&mut self, _: &Lost) {}
}

/// Any messages at all, and those of a circle, in which every rank would wait to send.
#[test]
fn ranks_that_swap_do_not_wait_for_each_other() {
    use super::Swap;
    for ranks in 2..=7 {
        let has = |round: usize, from: usize, to: usize| match round {
            0 => true,
            1 => to == (from + 1) % ranks,
            2 => to.abs_diff(from) == 1,
            _ => (round * 7919 + from * 613 + to * 131) % 5 < 2,
        };
        on_waiting_threads(ranks, |exchange| {
            let rank = exchange.rank();
            for round in 0..40 {
                let said = |from: usize, to: usize| [round as u8, from as u8, to as u8];
                // The order of the list does not matter.
                let mut others: Vec<usize> = (0..ranks).filter(|&other| other != rank).collect();
                others.rotate_left(round % (ranks - 1));
                let own: Vec<[u8; 3]> = others.iter().map(|&to| said(rank, to)).collect();
                let mut heard = vec![Vec::new(); others.len()];
                let links = others.iter().zip(&own).zip(&mut heard);
                let mut swaps: Vec<Swap<'_>> = links
                    .map(|((&with, own), heard)| Swap {
                        with,
                        send: has(round, rank, with).then_some(&own[..]),
                        receive: has(round, with, rank).then_some(heard),
                    })
                    .collect();
                let mut messages = 0;
                let mut check = |from: usize, message: &[u8]| {
                    assert_eq!(message, said(from, rank));
                    messages += 1;
                    Ok(())
                };
                exchange.swap(&mut swaps, &mut check).unwrap();
                assert_eq!(messages, others.iter().filter(|&&from| has(round, from, rank)).count());
                for (&from, heard) in others.iter().zip(&heard) {
                    let expected = if has(round, from, rank) { &said(from, rank)[..] } else { &[] };
                    assert_eq!(heard, expected, "round {round}: rank {from} of {ranks} to rank {rank}");
                }
            }
        });
    }
}

/// It does not wait to send to a rank that is somewhere else.
#[test]
fn a_message_that_is_refused_ends_a_swap_at_once() {
    use super::{Swap, on_threads};
    let work = |exchange: &mut dyn Exchange| {
        if exchange.rank() == 0 {
            return exchange.send(1, b"of another exchange");
        }
        let mut message = Vec::new();
        let swap = Swap { with: 0, send: Some(b"answer"), receive: Some(&mut message) };
        exchange.swap(&mut [swap], &mut |rank, message| {
            assert_eq!((rank, message), (0, &b"of another exchange"[..]));
            Err(Lost { rank, why: "refused".to_owned() })
        })
    };
    let refused = Err(Lost { rank: 0, why: "refused".to_owned() });
    assert_eq!(on_waiting_threads(2, |exchange| work(exchange)), [Ok(()), refused.clone()]);
    assert_eq!(on_threads(2, |exchange| work(exchange)), [Ok(()), refused]);
}
