//! The exchanges of a run, built from messages between two ranks.

mod sum;

use super::{Exchange, Lost};
use sum::Lane;
pub(crate) use sum::Owned;

/// The ranks of a run, as one of them sees them.
///
/// Every rank carries out the same exchanges in the same order. Each message contains the kind of exchange that it
/// belongs to, its sequence number between its two ranks, and a checksum: a message that was lost or damaged is an
/// error and never leads to another number. No exchange needs a message to be buffered in transit: even with sends
/// that wait until they are received, there is no deadlock.
pub(crate) struct Ranks<'a> {
    exchange: &'a mut dyn Exchange,
    /// Messages so far to every rank, and from every rank.
    sent: Vec<u32>,
    received: Vec<u32>,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// What a sum sends and receives: towards the last rank, and back.
    upward: Lane,
    downward: Lane,
}

/// Kinds of exchanges, as messages name them.
#[derive(Clone, Copy)]
enum Kind {
    Gather = 1,
    Tell = 2,
    Sum = 3,
}

/// Bytes before the content of a message: the kind of its exchange, its number and the checksum of its content.
const HEADER: usize = 12;

impl<'a> Ranks<'a> {
    pub(crate) fn new(exchange: &'a mut dyn Exchange) -> Self {
        let none = vec![0; exchange.ranks()];
        Self {
            exchange,
            sent: none.clone(),
            received: none,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            upward: Lane::default(),
            downward: Lane::default(),
        }
    }

    pub(crate) fn rank(&self) -> usize {
        self.exchange.rank()
    }

    pub(crate) fn count(&self) -> usize {
        self.exchange.ranks()
    }

    /// The messages of all ranks, in the order of the ranks, on every rank: all send theirs to rank 0, which sends them
    /// all to every rank.
    pub(crate) fn gather(&mut self, own: &[u8]) -> Result<Vec<Vec<u8>>, Lost> {
        self.whole(|this| {
            let (rank, ranks) = (this.rank(), this.count());
            if rank > 0 {
                this.send(Kind::Gather, 0, own)?;
                let all = this.receive(Kind::Gather, 0)?;
                return split(all, ranks)
                    .ok_or_else(|| Lost { rank: 0, why: "its message is damaged".to_owned() });
            }
            let mut all = vec![own.to_vec()];
            for from in 1..ranks {
                all.push(this.receive(Kind::Gather, from)?.to_vec());
            }
            let mut joined = Vec::new();
            for message in &all {
                joined.extend((message.len() as u64).to_le_bytes());
                joined.extend(message);
            }
            (1..ranks).try_for_each(|to| this.send(Kind::Gather, to, &joined))?;
            Ok(all)
        })
    }

    /// The message of rank 0, on every rank.
    pub(crate) fn tell(&mut self, message: &mut Vec<u8>) -> Result<(), Lost> {
        self.whole(|this| {
            if this.rank() > 0 {
                let told = this.receive(Kind::Tell, 0)?;
                message.clear();
                message.extend_from_slice(told);
                return Ok(());
            }
            (1..this.count()).try_for_each(|to| this.send(Kind::Tell, to, message))
        })
    }

    /// Tells the others that this rank is lost.
    pub(crate) fn abort(&mut self, cause: &Lost) {
        self.exchange.abort(cause);
    }

    /// One exchange from beginning to end. If it fails, the other ranks are told why.
    fn whole<R>(&mut self, exchange: impl FnOnce(&mut Self) -> Result<R, Lost>) -> Result<R, Lost> {
        exchange(self).inspect_err(|lost| self.exchange.abort(lost))
    }

    fn send(&mut self, kind: Kind, to: usize, content: &[u8]) -> Result<(), Lost> {
        self.outgoing.clear();
        self.outgoing.resize(HEADER, 0);
        self.outgoing.extend_from_slice(content);
        seal(kind, &mut self.outgoing);
        set_number(&mut self.outgoing, next(&mut self.sent[to]));
        self.exchange.send(to, &self.outgoing)
    }

    fn receive(&mut self, kind: Kind, from: usize) -> Result<&[u8], Lost> {
        self.exchange.receive(from, &mut self.incoming)?;
        check(kind, from, next(&mut self.received[from]), &self.incoming)?;
        Ok(&self.incoming[HEADER..])
    }
}

/// The number of the next message.
fn next(count: &mut u32) -> u32 {
    std::mem::replace(count, count.wrapping_add(1))
}

/// Writes the kind and the checksum of the content into the header of a message.
fn seal(kind: Kind, message: &mut [u8]) {
    let checksum = crc32fast::hash(&message[HEADER..]);
    message[..4].copy_from_slice(&(kind as u32).to_le_bytes());
    message[8..HEADER].copy_from_slice(&checksum.to_le_bytes());
}

/// Writes the sequence number into the header of a message. A message that is passed on unchanged needs nothing else.
fn set_number(message: &mut [u8], number: u32) {
    message[4..8].copy_from_slice(&number.to_le_bytes());
}

/// Compares the header of a message with what is expected, and with its content.
fn check(kind: Kind, from: usize, number: u32, message: &[u8]) -> Result<(), Lost> {
    if let Some((header, content)) = message.split_at_checked(HEADER)
        && header.as_chunks().0 == [kind as u32, number, crc32fast::hash(content)].map(u32::to_le_bytes)
    {
        return Ok(());
    }
    let why = "it is at another exchange of the run, or its message was damaged".to_owned();
    Err(Lost { rank: from, why })
}

/// The messages of all ranks out of one.
fn split(mut joined: &[u8], ranks: usize) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::with_capacity(ranks);
    for _ in 0..ranks {
        let (length, rest) = joined.split_first_chunk()?;
        let (message, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        all.push(message.to_vec());
        joined = rest;
    }
    joined.is_empty().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::on_threads;

    #[test]
    fn everybody_has_the_messages_of_all_in_the_order_of_the_ranks() {
        for ranks in [1, 2, 3, 5] {
            let expected: Vec<Vec<u8>> = (0..ranks).map(|rank| vec![rank as u8; rank]).collect();
            let all = on_threads(ranks, |exchange| {
                let mut ranks = Ranks::new(exchange);
                let own = vec![ranks.rank() as u8; ranks.rank()];
                let mut told = own.clone();
                ranks.tell(&mut told).unwrap();
                assert_eq!(told, [0; 0]);
                ranks.gather(&own).unwrap()
            });
            assert!(all.iter().all(|seen| *seen == expected), "{all:?}");
        }
    }

    #[test]
    fn a_message_of_another_exchange_is_an_error() {
        let results = on_threads(2, |exchange| {
            let mut ranks = Ranks::new(exchange);
            match ranks.rank() {
                0 => ranks.tell(&mut Vec::new()),
                _ => ranks.gather(&[]).map(drop),
            }
        });
        assert!(
            results
                .iter()
                .any(|result| result.as_ref().is_err_and(|lost| lost.why.contains("another exchange")))
        );
    }

    #[test]
    fn what_is_no_list_of_messages_is_none() {
        for damaged in [&[][..], &[1, 0, 0, 0, 0, 0, 0, 0], &[0; 9], &[255; 16]] {
            assert_eq!(split(damaged, 1), None);
        }
        assert_eq!(split(&[1, 0, 0, 0, 0, 0, 0, 0, 5], 1), Some(vec![vec![5]]));
    }
}
