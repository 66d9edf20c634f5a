//! How an epoch is divided into batches, and batches into the pieces that threads work on.

use crate::Share;
use std::ops::Range;

/// Pictures in a piece, at most: enough that waiting for the lock costs nothing, few enough that the threads finish
/// a batch together.
pub(super) const PIECE: usize = 16;
/// The order of the pictures.
///
/// ```
/// use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
/// let first = |order| {
///     let (source, _) = SyntheticShapes::new(7, 100, 0);
///     let loading = Loading { batch_size: 5, order, seed: 1, threads: 1 };
///     let mut loader = Loader::new(std::sync::Arc::new(source), Preparation::small(false), loading)?;
///     loader.start(0, 0);
///     Ok::<_, gmp_train::image::Error>(loader.next_batch()?.unwrap().samples.to_vec())
/// };
/// assert_eq!(first(Order::AsStored)?, [0, 1, 2, 3, 4]);
/// assert_ne!(first(Order::Shuffled)?, [0, 1, 2, 3, 4]);
/// # Ok::<(), gmp_train::image::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A new random order for every epoch, determined by the seed and the number of the epoch.
    Shuffled,
    /// The order of the source.
    AsStored,
}

/// How pictures are loaded in batches.
///
/// ```
/// use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
/// let (training, _) = SyntheticShapes::new(7, 100, 0);
/// let loading = Loading { batch_size: 0, order: Order::Shuffled, seed: 1, threads: 1 };
/// let error = Loader::new(std::sync::Arc::new(training), Preparation::small(true), loading).unwrap_err();
/// assert_eq!(error.to_string(), "batch size is 0, expected at least 1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loading {
    /// Pictures in a batch; the last batch of an epoch may have fewer.
    pub batch_size: usize,
    /// The order of the pictures.
    pub order: Order,
    /// Seed of the order and of the random crops and flips.
    pub seed: u64,
    /// Largest number of background threads. Results do not depend on it.
    pub threads: usize,
}

impl Loading {
    /// Batches of an epoch of `count` pictures.
    pub(super) fn batches(&self, count: usize) -> usize {
        count.div_ceil(self.batch_size)
    }

    /// Pieces of an epoch: no piece crosses the border of a batch.
    pub(super) fn pieces(&self, count: usize) -> usize {
        let (whole, rest) = (count / self.batch_size, count % self.batch_size);
        whole * self.batch_size.div_ceil(PIECE) + rest.div_ceil(PIECE)
    }

    /// Places in the order that the pieces of a batch's share cover.
    pub(super) fn places(
        &self,
        batch: usize,
        count: usize,
        share: Share,
    ) -> impl Iterator<Item = Range<usize>> + use<> {
        let start = batch * self.batch_size;
        let own = share.samples(self.batch_size.min(count - start));
        let (own, end) = (start + own.start..start + own.end, start + own.end);
        own.step_by(PIECE).map(move |start| start..(start + PIECE).min(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_order_once_and_cross_no_batch() {
        for (count, batch_size) in [(1, 1), (100, 100), (100, 33), (117, 20), (64, 16), (65, 16), (50, 7)] {
            let loading = Loading { batch_size, order: Order::AsStored, seed: 0, threads: 1 };
            let all = |share| (0..loading.batches(count)).flat_map(move |b| loading.places(b, count, share));
            let places: Vec<_> = all(Share::WHOLE).collect();
            assert_eq!(places.len(), loading.pieces(count));
            let share = |rank| Share { rank, ranks: 3, micro_batch: Some(5) };
            let mut shared: Vec<_> = (0..3).flat_map(|rank| all(share(rank))).flatten().collect();
            shared.sort_unstable();
            assert_eq!(shared, (0..count).collect::<Vec<_>>());
            assert_eq!(places.iter().cloned().flatten().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
            for place in places {
                assert!(!place.is_empty() && place.len() <= PIECE);
                assert_eq!(place.start / batch_size, (place.end - 1) / batch_size);
            }
        }
    }
}
