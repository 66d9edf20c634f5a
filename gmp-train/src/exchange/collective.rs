//! What a run exchanges, made of messages between two ranks.

use super::{Exchange, Lost};
use gmp_math::Scalar;
use std::ops::Range;

/// The ranks of a run, as one of them sees them.
///
/// Every rank carries out the same exchanges in the same order. Each message says which kind of exchange it belongs to and
/// the how many-th it is between its two ranks, and has a checksum: one that went astray or was damaged is an error and
/// never another number. No exchange needs a message to be stored under way: with sends that wait until they are received,
/// none of them waits in a circle.
pub(crate) struct Ranks<'a> {
    exchange: &'a mut dyn Exchange,
    /// Messages so far to every rank, and from every rank.
    sent: Vec<u32>,
    received: Vec<u32>,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

/// The parts of a batch that this rank owns, and their gradients.
pub(crate) struct Owned<'a, T> {
    /// Gradients, one after the other.
    pub(crate) gradients: &'a [T],
    /// What each is multiplied by.
    pub(crate) shares: &'a [T],
    /// Ranks that own a part: the first ones.
    pub(crate) owners: usize,
    /// Whether there is one part in all, whose gradient is the sum as it is.
    pub(crate) is_whole: bool,
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
/// Numbers in a message of a sum: few enough that all ranks of the chain are busy, many enough that a message is worth
/// its latency.
const CHUNK: usize = 1 << 16;

impl<'a> Ranks<'a> {
    pub(crate) fn new(exchange: &'a mut dyn Exchange) -> Self {
        let none = vec![0; exchange.ranks()];
        Self { exchange, sent: none.clone(), received: none, outgoing: Vec::new(), incoming: Vec::new() }
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

    /// The sum of the gradients of all parts, in the order of the parts, on every rank.
    ///
    /// Ranks own the parts in order, so that the sum goes from one to the next: each adds its parts to what the rank
    /// before has added up, by the very operations of a single process, and the last one hands the result back. The
    /// vector goes chunk after chunk, so that all ranks are busy at a time. Every rank sends and receives it about twice,
    /// however many parts it owns.
    pub(crate) fn sum<T: Scalar>(&mut self, owned: &Owned<'_, T>, sum: &mut [T]) -> Result<(), Lost> {
        self.whole(|this| {
            let (rank, ranks, last) = (this.rank(), this.count(), owned.owners - 1);
            if rank <= last {
                for chunk in chunks(sum.len()) {
                    if rank > 0 {
                        this.receive_numbers(rank - 1, &mut sum[chunk.clone()])?;
                    }
                    owned.add_to(sum, chunk.clone(), rank == 0);
                    if rank < last {
                        this.send_numbers(rank + 1, &sum[chunk])?;
                    }
                }
            }
            for chunk in chunks(sum.len()) {
                if rank < last {
                    this.receive_numbers(rank + 1, &mut sum[chunk.clone()])?;
                } else if rank > last {
                    this.receive_numbers(rank - 1, &mut sum[chunk.clone()])?;
                }
                if rank <= last && rank > 0 {
                    this.send_numbers(rank - 1, &sum[chunk.clone()])?;
                }
                if rank >= last && rank + 1 < ranks {
                    this.send_numbers(rank + 1, &sum[chunk])?;
                }
            }
            Ok(())
        })
    }

    /// Tells the others that this rank is lost.
    pub(crate) fn abort(&mut self, cause: &Lost) {
        self.exchange.abort(cause);
    }

    /// One exchange from its begin to its end. Where it fails, the others are told why.
    fn whole<R>(&mut self, exchange: impl FnOnce(&mut Self) -> Result<R, Lost>) -> Result<R, Lost> {
        exchange(self).inspect_err(|lost| self.exchange.abort(lost))
    }

    fn send(&mut self, kind: Kind, to: usize, content: &[u8]) -> Result<(), Lost> {
        self.send_with(kind, to, |outgoing| outgoing.extend_from_slice(content))
    }

    fn send_numbers<T: Scalar>(&mut self, to: usize, numbers: &[T]) -> Result<(), Lost> {
        self.send_with(Kind::Sum, to, |outgoing| to_bytes(numbers, outgoing))
    }

    fn send_with(&mut self, kind: Kind, to: usize, append: impl FnOnce(&mut Vec<u8>)) -> Result<(), Lost> {
        self.outgoing.clear();
        self.outgoing.resize(HEADER, 0);
        append(&mut self.outgoing);
        let (header, content) = self.outgoing.split_at_mut(HEADER);
        header.copy_from_slice(&header_of(kind, self.sent[to], content));
        self.sent[to] = self.sent[to].wrapping_add(1);
        self.exchange.send(to, &self.outgoing)
    }

    fn receive(&mut self, kind: Kind, from: usize) -> Result<&[u8], Lost> {
        self.exchange.receive(from, &mut self.incoming)?;
        let number = self.received[from];
        self.received[from] = number.wrapping_add(1);
        match self.incoming.split_at_checked(HEADER) {
            Some((header, content)) if header == header_of(kind, number, content) => Ok(content),
            _ => {
                let why = "it is at another exchange of the run, or its message was damaged".to_owned();
                Err(Lost { rank: from, why })
            }
        }
    }

    fn receive_numbers<T: Scalar>(&mut self, from: usize, numbers: &mut [T]) -> Result<(), Lost> {
        let content = self.receive(Kind::Sum, from)?;
        if content.len() != size_of_val(numbers) {
            let (found, expected) = (content.len(), size_of_val(numbers));
            let why = format!("a message of gradients has {found} bytes, expected {expected}");
            return Err(Lost { rank: from, why });
        }
        from_bytes(content, numbers);
        Ok(())
    }
}

impl<T: Scalar> Owned<'_, T> {
    /// Adds the parts in their order, as a single process does.
    fn add_to(&self, sum: &mut [T], chunk: Range<usize>, is_first: bool) {
        let length = sum.len();
        if self.is_whole {
            return sum[chunk.clone()].copy_from_slice(&self.gradients[chunk]);
        }
        if is_first {
            sum[chunk.clone()].fill(T::ZERO);
        }
        for (part, &share) in self.shares.iter().enumerate() {
            let gradient = &self.gradients[part * length..][chunk.clone()];
            for (sum, &gradient) in sum[chunk.clone()].iter_mut().zip(gradient) {
                *sum += share * gradient;
            }
        }
    }
}

fn header_of(kind: Kind, number: u32, content: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    for (to, number) in
        header.as_chunks_mut().0.iter_mut().zip([kind as u32, number, crc32fast::hash(content)])
    {
        *to = number.to_le_bytes();
    }
    header
}

/// Parts of a vector; one of a vector without numbers, so that every exchange has a message.
fn chunks(length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length.max(1)).step_by(CHUNK).map(move |start| start..(start + CHUNK).min(length))
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

/// Appends the little-endian bytes of the numbers.
pub(crate) fn to_bytes<T: Scalar>(numbers: &[T], bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.resize(start + size_of_val(numbers), 0);
    if size_of::<T>() == 4 {
        for (to, x) in bytes[start..].as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
            *to = (x.to_f64() as f32).to_le_bytes();
        }
    } else {
        for (to, x) in bytes[start..].as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
            *to = x.to_f64().to_le_bytes();
        }
    }
}

/// Reads as many numbers as there are bytes for.
pub(crate) fn from_bytes<T: Scalar>(bytes: &[u8], numbers: &mut [T]) {
    if size_of::<T>() == 4 {
        for (to, &x) in numbers.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *to = T::from_f64(f64::from(f32::from_le_bytes(x)));
        }
    } else {
        for (to, &x) in numbers.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *to = T::from_f64(f64::from_le_bytes(x));
        }
    }
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

    /// Numbers whose sum depends on the order, and the length of more than a chunk.
    #[test]
    fn sums_have_the_bits_of_one_process() {
        fn check<T: Scalar>(length: usize) {
            let number = |part: usize, i: usize| T::from_f64((((part * 37 + i) * 7919) as f64).sin() * 1e3);
            for parts in [1, 2, 3, 8] {
                let shares: Vec<T> = (0..parts).map(|part| T::from_f64(0.1 + part as f64 / 7.0)).collect();
                let mut expected = vec![T::ZERO; length];
                for (part, &share) in shares.iter().enumerate() {
                    expected.iter_mut().enumerate().for_each(|(i, sum)| *sum += share * number(part, i));
                }
                for ranks in 1..=5 {
                    let owners = ranks.min(parts);
                    let sums = on_threads(ranks, |exchange| {
                        let rank = exchange.rank();
                        let start = |rank: usize| (rank * parts / owners).min(parts);
                        let own = start(rank)..start(rank + 1);
                        let gradients: Vec<T> =
                            own.clone().flat_map(|part| (0..length).map(move |i| number(part, i))).collect();
                        let mut sum = vec![T::ONE; length];
                        let shares = &shares[own];
                        let owned = Owned { gradients: &gradients, shares, owners, is_whole: false };
                        Ranks::new(exchange).sum(&owned, &mut sum).unwrap();
                        sum
                    });
                    assert!(sums.iter().all(|sum| *sum == expected), "{parts} parts on {ranks} ranks");
                }
            }
        }
        check::<f32>(CHUNK + 3);
        check::<f64>(5);
        check::<f64>(0);
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

    /// The numbers of VGG-6 on two threads: `--release … -- --ignored --nocapture` prints what packing and a sum take.
    #[test]
    #[ignore = "a measurement"]
    fn what_a_sum_costs() {
        let length = 4_600_000;
        let gradients = vec![0.5_f32; length];
        let start = std::time::Instant::now();
        let mut bytes = Vec::new();
        for _ in 0..10 {
            for chunk in gradients.chunks(CHUNK) {
                bytes.clear();
                to_bytes(chunk, &mut bytes);
                std::hint::black_box(crc32fast::hash(&bytes));
            }
        }
        let rate = 10.0 * (4 * length) as f64 / start.elapsed().as_secs_f64() / 1e9;
        let seconds = on_threads(2, |exchange| {
            let (mut sum, mut ranks) = (vec![0.0; length], Ranks::new(exchange));
            let owned = Owned { gradients: &gradients, shares: &[0.5], owners: 2, is_whole: false };
            ranks.sum(&owned, &mut sum).unwrap();
            let start = std::time::Instant::now();
            (0..10).for_each(|_| ranks.sum(&owned, &mut sum).unwrap());
            start.elapsed().as_secs_f64() / 10.0
        });
        println!(
            "packed and checked at {rate:.1} GB/s; a sum on two threads took {:.1} ms",
            1e3 * seconds[0]
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
