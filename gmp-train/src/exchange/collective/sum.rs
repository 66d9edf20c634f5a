//! The sum of the gradients of all parts of a batch.

use super::{HEADER, Kind, Ranks, check, next, seal, set_number};
use crate::exchange::bytes::{add, from_bytes, write};
use crate::exchange::{Lost, Swap};
use gmp_math::Scalar;
use std::ops::Range;

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

/// The messages of one direction.
#[derive(Default)]
pub(super) struct Lane {
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
}

/// Numbers in a message: few enough that all ranks of the chain are busy, many enough that a message is worth its latency.
const CHUNK: usize = 1 << 16;

impl Ranks<'_> {
    /// The sum of the gradients of all parts, in the order of the parts, on every rank.
    ///
    /// Ranks own the parts in order, so the sum passes from one rank to the next: each adds its parts to the sum of
    /// the ranks before it, with exactly the operations of a single process. The last rank that owns a part has the
    /// result, which goes back to the ranks before it and on to those after it. The vector is sent in chunks, so that
    /// all ranks are busy at the same time, in both directions: a chunk of the result is sent back while later ones
    /// are still being added up. Every rank sends and receives the vector about twice, however many parts it owns.
    pub(crate) fn sum<T: Scalar>(&mut self, owned: &Owned<'_, T>, sum: &mut [T]) -> Result<(), Lost> {
        self.sum_in_chunks(CHUNK, owned, sum)
    }

    /// The same with another number of numbers in a message.
    ///
    /// A chunk moves by one rank in every step. On its way up it is at rank `r` `r` steps after it began, and, if the
    /// last owner is rank `l`, on its way down it is there after `2 l - r` steps. In each step a rank sends the
    /// chunks that it had in the previous step and receives those of this step, all at the same time; all ranks have
    /// the same number of steps.
    fn sum_in_chunks<T: Scalar>(
        &mut self,
        size: usize,
        owned: &Owned<'_, T>,
        sum: &mut [T],
    ) -> Result<(), Lost> {
        self.whole(|this| {
            let (rank, ranks, last, length) = (this.rank(), this.count(), owned.owners - 1, sum.len());
            // A vector without numbers is a chunk, so that every exchange has a message.
            let chunks = length.div_ceil(size).max(1);
            for step in 0..chunks + (ranks - 1).max(2 * last) {
                // The chunk that began so many steps ago.
                let begun = |steps: usize| step.checked_sub(steps).filter(|&chunk| chunk < chunks);
                let numbers = |chunk: usize| chunk * size..length.min((chunk + 1) * size);
                let upward = begun(rank).map(numbers);
                let is_sent_up = rank + 1 < ranks && begun(rank + 1).is_some();
                let (mut downward, mut is_sent_down) = (None, false);
                if rank <= last {
                    downward = begun(2 * last - rank).map(numbers).filter(|_| rank < last);
                    is_sent_down = rank > 0 && begun(2 * last - rank + 1).is_some();
                }
                let (up, down) = (&mut this.upward, &mut this.downward);
                let mut links = [
                    Swap {
                        with: rank.wrapping_sub(1),
                        send: is_sent_down.then_some(&down.outgoing[..]),
                        receive: (rank > 0 && upward.is_some()).then_some(&mut up.incoming),
                    },
                    Swap {
                        with: rank + 1,
                        send: is_sent_up.then_some(&up.outgoing[..]),
                        receive: downward.is_some().then_some(&mut down.incoming),
                    },
                ];
                let neighbours = usize::from(rank == 0)..if rank + 1 == ranks { 1 } else { 2 };
                let received = &mut this.received;
                this.exchange.swap(&mut links[neighbours], &mut |from, message| {
                    let chunk = if from < rank { &upward } else { &downward };
                    let bytes = size_of::<T>() * chunk.as_ref().map_or(0, ExactSizeIterator::len);
                    check_numbers(from, next(&mut received[from]), message, bytes)
                })?;
                if let Some(chunk) = upward {
                    this.go_up(owned, chunk, sum);
                }
                if let Some(chunk) = downward {
                    this.go_down(&mut sum[chunk]);
                }
            }
            Ok(())
        })
    }

    /// Turns the partial sum of a chunk from the previous ranks into that for the next one, or into the result, which
    /// is passed on.
    fn go_up<T: Scalar>(&mut self, owned: &Owned<'_, T>, chunk: Range<usize>, sum: &mut [T]) {
        let (rank, ranks, last) = (self.rank(), self.count(), owned.owners - 1);
        let Lane { outgoing, incoming } = &mut self.upward;
        if rank == 0 {
            incoming.clear();
            incoming.resize(HEADER + size_of::<T>() * chunk.len(), 0);
        }
        if rank <= last {
            owned.add_to(&mut incoming[HEADER..], chunk.clone(), sum.len());
            if ranks > 1 {
                seal(Kind::Sum, incoming);
            }
        }
        if rank >= last {
            from_bytes(&incoming[HEADER..], &mut sum[chunk]);
        }
        let goes_on = rank + 1 < ranks;
        if rank == last && rank > 0 {
            let down = &mut self.downward.outgoing;
            if goes_on {
                down.clone_from(incoming);
            } else {
                std::mem::swap(down, incoming);
            }
            set_number(down, next(&mut self.sent[rank - 1]));
        }
        if goes_on {
            set_number(incoming, next(&mut self.sent[rank + 1]));
            std::mem::swap(outgoing, incoming);
        }
    }

    /// A chunk of the result from the rank above goes on to the one below.
    fn go_down<T: Scalar>(&mut self, numbers: &mut [T]) {
        let rank = self.rank();
        let Lane { outgoing, incoming } = &mut self.downward;
        from_bytes(&incoming[HEADER..], numbers);
        if rank > 0 {
            set_number(incoming, next(&mut self.sent[rank - 1]));
            std::mem::swap(outgoing, incoming);
        }
    }
}

/// Whether a message is the expected one, with as many bytes of numbers.
fn check_numbers(from: usize, number: u32, message: &[u8], expected: usize) -> Result<(), Lost> {
    check(Kind::Sum, from, number, message)?;
    let found = message.len() - HEADER;
    if found != expected {
        let why = format!("a message of gradients has {found} bytes, expected {expected}");
        return Err(Lost { rank: from, why });
    }
    Ok(())
}

impl<T: Scalar> Owned<'_, T> {
    /// Adds the parts in their order to the bytes of a chunk of the sum, as a single process does.
    fn add_to(&self, sum: &mut [u8], chunk: Range<usize>, length: usize) {
        if self.is_whole {
            return write(sum, &self.gradients[chunk]);
        }
        for (part, &share) in self.shares.iter().enumerate() {
            add(sum, share, &self.gradients[part * length..][chunk.clone()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::rendezvous::on_waiting_threads;
    use crate::exchange::{Exchange, on_threads};

    /// Numbers whose sum depends on the order, and the length of more than a chunk.
    #[test]
    fn sums_have_the_bits_of_one_process() {
        fn number<T: Scalar>(part: usize, i: usize) -> T {
            T::from_f64((((part * 37 + i) * 7919) as f64).sin() * 1e3)
        }
        /// Two sums in a row, of which the second finds the buffers of the first.
        fn sum<T: Scalar>(
            exchange: &mut dyn Exchange,
            (size, length): (usize, usize),
            shares: &[T],
            owners: usize,
            is_whole: bool,
        ) -> [Vec<T>; 2] {
            let start = |rank: usize| (rank * shares.len() / owners).min(shares.len());
            let own = start(exchange.rank())..start(exchange.rank() + 1);
            let mut ranks = Ranks::new(exchange);
            [length, length / 2].map(|length| {
                let gradients: Vec<T> =
                    own.clone().flat_map(|part| (0..length).map(move |i| number(part, i))).collect();
                let mut sum = vec![T::ONE; length];
                let owned = Owned { gradients: &gradients, shares: &shares[own.clone()], owners, is_whole };
                ranks.sum_in_chunks(size, &owned, &mut sum).unwrap();
                sum
            })
        }
        fn check<T: Scalar>(size: usize, length: usize) {
            for (parts, is_whole) in [(1, true), (1, false), (3, false), (11, false)] {
                let shares: Vec<T> = (0..parts).map(|part| T::from_f64(0.1 + part as f64 / 7.0)).collect();
                let expected = [length, length / 2].map(|length| {
                    let mut sum = vec![T::ZERO; length];
                    for (part, &share) in shares.iter().enumerate() {
                        sum.iter_mut().enumerate().for_each(|(i, sum)| *sum += share * number(part, i));
                    }
                    if is_whole { (0..length).map(|i| number(0, i)).collect() } else { sum }
                });
                for ranks in 1..=7 {
                    // With fewer owners the ranks above only receive the result.
                    for owners in 1..=ranks.min(parts) {
                        let work = |exchange: &mut dyn Exchange| {
                            sum(exchange, (size, length), &shares, owners, is_whole)
                        };
                        let stored = on_threads(ranks, |exchange| work(exchange));
                        let waiting = on_waiting_threads(ranks, |exchange| work(exchange));
                        for (rank, sums) in stored.iter().chain(&waiting).enumerate() {
                            let place = format!("{length} numbers by {size}, {parts} parts, {owners} owners");
                            assert!(*sums == expected, "{place}, rank {} of {ranks}", rank % ranks);
                        }
                    }
                }
            }
        }
        // No numbers; one chunk, not filled and filled; fewer chunks than ranks, and more.
        for length in [0, 3, 9, 40] {
            check::<f32>(4, length);
        }
        check::<f64>(4, 18);
    }

    #[test]
    fn a_sum_of_another_length_is_an_error_that_names_the_rank() {
        let results = on_threads(2, |exchange| {
            let mut sum = vec![0.0; 5 + exchange.rank()];
            let owned = Owned { gradients: &[1.0; 6], shares: &[1.0], owners: 2, is_whole: false };
            Ranks::new(exchange).sum(&owned, &mut sum)
        });
        let why = "a message of gradients has 40 bytes, expected 48".to_owned();
        assert_eq!(results[1], Err(Lost { rank: 0, why }));
        assert!(results[0].is_err());
    }

    /// The numbers of VGG-6 on threads: `--release … -- --ignored --nocapture` prints what checksums, copies and a sum take.
    #[test]
    #[ignore = "a measurement"]
    fn what_a_sum_costs() {
        let length = 4_600_000;
        let gradients = vec![0.5_f32; length];
        let mut bytes = vec![0; 4 * CHUNK];
        let mut rate = |work: &mut dyn FnMut(&mut [u8], &[f32])| {
            let start = std::time::Instant::now();
            for _ in 0..10 {
                gradients.chunks(CHUNK).for_each(|chunk| work(&mut bytes[..4 * chunk.len()], chunk));
            }
            10.0 * (4 * length) as f64 / start.elapsed().as_secs_f64() / 1e9
        };
        let mut sum = vec![0.0; CHUNK];
        println!(
            "checksums at {:.1} GB/s, added at {:.1} GB/s, a chunk in the middle of the chain at {:.1} GB/s",
            rate(&mut |bytes, _| {
                std::hint::black_box(crc32fast::hash(bytes));
            }),
            rate(&mut |bytes, chunk| add(bytes, 0.5, chunk)),
            rate(&mut |bytes, chunk| {
                std::hint::black_box(crc32fast::hash(bytes));
                add(bytes, 0.5, chunk);
                std::hint::black_box(crc32fast::hash(bytes));
                std::hint::black_box(crc32fast::hash(bytes));
                from_bytes(bytes, &mut sum[..chunk.len()]);
            }),
        );
        for ranks in [2, 3] {
            let seconds = on_threads(ranks, |exchange| {
                let (mut sum, mut ranks) = (vec![0.0; length], Ranks::new(exchange));
                let owners = ranks.count();
                let owned = Owned { gradients: &gradients, shares: &[0.5], owners, is_whole: false };
                ranks.sum(&owned, &mut sum).unwrap();
                let start = std::time::Instant::now();
                (0..10).for_each(|_| ranks.sum(&owned, &mut sum).unwrap());
                start.elapsed().as_secs_f64() / 10.0
            });
            println!("a sum on {ranks} threads took {:.1} ms", 1e3 * seconds[0]);
        }
    }
}
