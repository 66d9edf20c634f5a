//! Batches of samples.

use crate::dataset::Gathered;
use crate::{Dataset, Error};
use gmp_autograd::Mat;
use gmp_math::Scalar;
use gmp_nn::Rng;
use std::ops::Range;

/// A batch of samples.
///
/// ```
/// use gmp_train::{Batches, Dataset};
/// let mut data = Dataset::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, vec![10.0, 20.0, 30.0], 1)?;
/// data.start(0, 0);
/// let batch = data.next_batch()?.unwrap(); // a data set is one batch of all its samples
/// assert_eq!((batch.samples, batch.inputs.row(1)), (3, &[3.0, 4.0][..]));
/// assert_eq!(batch.targets.at(2, 0), 30.0);
/// # Ok::<(), gmp_train::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a, T> {
    /// Its number in the epoch, from 0.
    pub index: usize,
    /// Number of samples.
    pub samples: usize,
    /// The inputs of the model: one row per sample, or, for images, one row per pixel.
    pub inputs: Mat<'a, T>,
    /// The targets that [`Loss`](crate::Loss) compares with, one row per sample.
    pub targets: Mat<'a, T>,
    /// Weights of the samples, if they have any.
    pub weights: Option<&'a [T]>,
}

impl<'a, T: Scalar> Batch<'a, T> {
    /// Some of its samples.
    pub(crate) fn part(&self, samples: Range<usize>) -> Self {
        let of = |all: Mat<'a, T>| {
            let numbers = all.data().len() / self.samples.max(1);
            let part = &all.data()[samples.start * numbers..samples.end * numbers];
            Mat::new(part, part.len() / all.cols(), all.cols())
        };
        let weights = self.weights.map(|weights| &weights[samples.clone()]);
        Self { inputs: of(self.inputs), targets: of(self.targets), weights, samples: samples.len(), ..*self }
    }
}

/// A source of batches, epoch after epoch, which [`Trainer::fit_batches`](crate::Trainer::fit_batches) trains on.
///
/// An epoch must have the same batches every time that it is started, since a resumed run may start in the middle of
/// one. An image `Loader` implements it. [`Trainer::fit`](crate::Trainer::fit) takes a [`Dataset`] directly and makes
/// the mini-batches.
///
/// ```
/// use gmp_autograd::Mat;
/// use gmp_train::{Batch, Batches, Error};
///
/// /// The points of y = x², without ever storing them: four batches of eight per epoch.
/// #[derive(Default)]
/// struct Parabola {
///     batch: usize,
///     x: Vec<f64>,
///     y: Vec<f64>,
/// }
/// impl Batches<f64> for Parabola {
///     fn samples(&self) -> usize {
///         32
///     }
///     fn start(&mut self, _epoch: usize, batch: usize) {
///         self.batch = batch;
///     }
///     fn next_batch(&mut self) -> Result<Option<Batch<'_, f64>>, Error> {
///         if self.batch == 4 {
///             return Ok(None);
///         }
///         self.x = (0..8).map(|i| (8 * self.batch + i) as f64 / 16.0 - 1.0).collect();
///         self.y = self.x.iter().map(|x| x * x).collect();
///         self.batch += 1;
///         let (inputs, targets) = (Mat::new(&self.x, 8, 1), Mat::new(&self.y, 8, 1));
///         Ok(Some(Batch { index: self.batch - 1, samples: 8, inputs, targets, weights: None }))
///     }
/// }
/// ```
pub trait Batches<T: Scalar> {
    /// Number of samples of an epoch.
    fn samples(&self) -> usize;

    /// Begins epoch `epoch` (from 0) at its batch `batch` (from 0).
    fn start(&mut self, epoch: usize, batch: usize);

    /// The next batch, with at least one sample; `None` at the end of the epoch.
    ///
    /// # Errors
    /// If samples cannot be read.
    fn next_batch(&mut self) -> Result<Option<Batch<'_, T>>, Error>;

    /// Like [`Batches::start`], for a rank that needs only its share of every batch, which it gets from
    /// [`Batches::next_share`].
    fn start_share(&mut self, epoch: usize, batch: usize, _share: Share) {
        self.start(epoch, batch);
    }

    /// This share of the next batch; it is the share that the epoch was begun with. Sources that can read some
    /// samples of a batch without the others should do so; by default, the whole batch is read and the share is taken
    /// from it.
    ///
    /// Unlike [`Batches::next_batch`] it skips no batch, even if none of its samples can be read.
    ///
    /// # Errors
    /// If samples cannot be read.
    fn next_share(&mut self, share: Share) -> Result<Option<Portion<'_, T>>, Error> {
        let Some(batch) = self.next_batch()? else { return Ok(None) };
        let whole = batch.samples;
        Ok(Some(Portion { batch: batch.part(share.samples(whole)), whole, left_out: 0 }))
    }
}

/// Which samples of every batch a rank reads: those of its parts, of at most `micro_batch` samples each, which are
/// assigned to the ranks in order and as equally as possible.
///
/// ```
/// use gmp_train::Share;
/// let share = |rank| Share { rank, ranks: 2, micro_batch: Some(4) };
/// assert_eq!((share(0).samples(10), share(1).samples(10)), (0..8, 8..10)); // two parts, and a smaller one
/// let whole = Share { rank: 0, ranks: 1, micro_batch: Some(4) };
/// assert_eq!(whole.samples(10), 0..10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The number of the rank, from 0.
    pub rank: usize,
    /// The number of ranks.
    pub ranks: usize,
    /// The largest number of samples of a part; without it, a batch is one part.
    pub micro_batch: Option<usize>,
}

impl Share {
    /// Everything.
    pub(crate) const WHOLE: Self = Self { rank: 0, ranks: 1, micro_batch: None };

    /// The samples of this share among those of a batch of `batch` samples.
    pub fn samples(&self, batch: usize) -> Range<usize> {
        let parts = self.parts(batch);
        let size = self.size(batch);
        (parts.start * size).min(batch)..(parts.end * size).min(batch)
    }

    /// The parts of this share among those of a batch of `batch` samples.
    pub(crate) fn parts(&self, batch: usize) -> Range<usize> {
        let all = batch.div_ceil(self.size(batch));
        let (each, rest) = (all / self.ranks, all % self.ranks);
        let start = |rank: usize| rank * each + rank.min(rest);
        start(self.rank)..start(self.rank + 1)
    }

    fn size(&self, batch: usize) -> usize {
        self.micro_batch.unwrap_or(batch).max(1)
    }
}

/// The part of a batch that [`Batches::next_share`] returns.
#[derive(Debug, Clone, Copy)]
pub struct Portion<'a, T> {
    /// The samples of the share, in their order; there may be none.
    pub batch: Batch<'a, T>,
    /// The number of samples of the whole batch, including those that were left out.
    pub whole: usize,
    /// The number of samples of the share that could not be read and are not in `batch`.
    pub left_out: usize,
}

/// A data set in batches, in a new random order every epoch. A data set that is no larger than a batch keeps its own
/// order. Created by [`Dataset::batches`].
///
/// ```
/// use gmp_train::{Batches, Dataset};
/// let data = Dataset::new((0..6).map(f64::from).collect(), 1, vec![0.0; 6], 1)?;
/// let epoch = |number| {
///     let (mut batches, mut seen) = (data.batches(4, 1), Vec::new());
///     batches.start(number, 0);
///     while let Some(batch) = batches.next_batch()? {
///         seen.extend_from_slice(batch.inputs.data());
///     }
///     Ok::<_, gmp_train::Error>(seen)
/// };
/// assert_eq!(epoch(0)?, epoch(0)?);
/// assert_ne!(epoch(0)?, epoch(1)?); // another order
/// # Ok::<(), gmp_train::Error>(())
/// ```
#[derive(Debug)]
pub struct MiniBatches<'a, T> {
    data: &'a Dataset<T>,
    batch_size: usize,
    seed: u64,
    rng: Rng,
    rows: Vec<usize>,
    /// Epochs that were shuffled, and the batch to come.
    epochs: usize,
    batch: usize,
    gathered: Gathered<T>,
}

/// What the stream of shuffles is called.
const STREAM: &str = "shuffle";

impl<'a, T: Scalar> MiniBatches<'a, T> {
    pub(crate) fn new(data: &'a Dataset<T>, batch_size: usize, seed: u64) -> Self {
        let rows = (0..data.samples()).collect();
        let gathered = Gathered { inputs: Vec::new(), targets: Vec::new(), weights: Vec::new() };
        let rng = Rng::new(seed, STREAM);
        Self { data, batch_size, seed, rng, rows, epochs: 0, batch: 0, gathered }
    }
}

impl<T: Scalar> Batches<T> for MiniBatches<'_, T> {
    fn samples(&self) -> usize {
        self.data.samples()
    }

    /// The order is a function of the seed, the number of samples and the epoch: the shuffles of the epochs before
    /// are carried out too.
    fn start(&mut self, epoch: usize, batch: usize) {
        self.batch = batch;
        if self.batch_size >= self.data.samples() {
            return;
        }
        if epoch < self.epochs {
            self.rng = Rng::new(self.seed, STREAM);
            self.epochs = 0;
            self.rows.iter_mut().enumerate().for_each(|(i, row)| *row = i);
        }
        while self.epochs <= epoch {
            self.rng.shuffle(&mut self.rows);
            self.epochs += 1;
        }
    }

    fn next_batch(&mut self) -> Result<Option<Batch<'_, T>>, Error> {
        Ok(self.next_share(Share::WHOLE)?.map(|portion| portion.batch))
    }

    fn next_share(&mut self, share: Share) -> Result<Option<Portion<'_, T>>, Error> {
        let Some(rows) = self.rows.chunks(self.batch_size).nth(self.batch) else { return Ok(None) };
        let (index, whole) = (self.batch, rows.len());
        self.batch += 1;
        if whole == self.data.samples() {
            let batch = self.data.whole();
            let own = share.samples(whole);
            let batch = if own.len() == whole { batch } else { batch.part(own) };
            return Ok(Some(Portion { batch, whole, left_out: 0 }));
        }
        let rows = &rows[share.samples(whole)];
        let samples = rows.len();
        self.data.gather(rows, &mut self.gathered);
        let Gathered { inputs, targets, weights } = &self.gathered;
        let inputs = Mat::new(inputs, samples, self.data.input_cols());
        let targets = Mat::new(targets, samples, self.data.target_cols());
        let weights = self.data.weights().map(|_| &weights[..]);
        let batch = Batch { index, samples, inputs, targets, weights };
        Ok(Some(Portion { batch, whole, left_out: 0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(batches: &mut MiniBatches<'_, f64>, epoch: usize, batch: usize) -> Vec<Vec<f64>> {
        batches.start(epoch, batch);
        let mut all = Vec::new();
        while let Some(batch) = batches.next_batch().unwrap() {
            assert_eq!(batch.samples, batch.targets.data().len());
            let doubled: Vec<f64> = batch.targets.data().iter().map(|t| 2.0 * t).collect();
            assert_eq!(batch.inputs.data(), doubled);
            all.push(batch.targets.data().to_vec());
        }
        all
    }

    #[test]
    fn an_epoch_is_the_same_whenever_it_is_asked_for() {
        let numbers: Vec<f64> = (0..10).map(f64::from).collect();
        let data = Dataset::new(numbers.iter().map(|x| 2.0 * x).collect(), 1, numbers, 1).unwrap();
        let mut batches = MiniBatches::new(&data, 4, 1);
        assert_eq!(batches.samples(), 10);
        let first = epoch(&mut batches, 0, 0);
        let third = epoch(&mut batches, 2, 0);
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_ne!(first, third);
        assert_eq!(epoch(&mut batches, 0, 0), first);
        assert_eq!(epoch(&mut MiniBatches::new(&data, 4, 1), 2, 1), third[1..]);
        assert_ne!(epoch(&mut MiniBatches::new(&data, 4, 2), 0, 0), first);
        let whole = epoch(&mut data.batches(10, 0), 7, 0);
        assert_eq!(whole, [(0..10).map(f64::from).collect::<Vec<_>>()]);
    }

    #[test]
    fn shares_are_whole_parts_and_together_the_batch() {
        for (batch, micro_batch) in [(10, Some(4)), (1, Some(4)), (64, Some(8)), (7, Some(1)), (9, None)] {
            for ranks in 1..=9 {
                let share = |rank| Share { rank, ranks, micro_batch };
                let mut end = 0;
                for rank in 0..ranks {
                    let (samples, parts) = (share(rank).samples(batch), share(rank).parts(batch));
                    assert_eq!(samples.start, end);
                    assert_eq!(samples.len().div_ceil(micro_batch.unwrap_or(batch)), parts.len());
                    assert!(parts.len() <= share(0).parts(batch).len(), "the first rank has the most");
                    end = samples.end;
                }
                assert_eq!(end, batch);
            }
        }
    }

    #[test]
    fn the_shares_of_a_data_set_are_together_its_batches() {
        let numbers: Vec<f64> = (0..23).map(f64::from).collect();
        let data = Dataset::new(numbers.clone(), 1, numbers, 1).unwrap();
        for batch_size in [5, 8, 23, 40] {
            let whole = {
                let (mut batches, mut all) = (data.batches(batch_size, 1), Vec::new());
                batches.start(1, 0);
                while let Some(batch) = batches.next_batch().unwrap() {
                    all.push(batch.inputs.data().to_vec());
                }
                all
            };
            let mut shared = vec![Vec::new(); whole.len()];
            for rank in 0..3 {
                let share = Share { rank, ranks: 3, micro_batch: Some(2) };
                let mut batches = data.batches(batch_size, 1);
                batches.start_share(1, 0, share);
                while let Some(portion) = batches.next_share(share).unwrap() {
                    assert_eq!(portion.whole, whole[portion.batch.index].len());
                    shared[portion.batch.index].extend_from_slice(portion.batch.inputs.data());
                }
            }
            assert_eq!(shared, whole);
        }
    }

    #[test]
    fn a_part_of_a_batch_of_images_has_whole_images() {
        let (pixels, classes): (Vec<f32>, [f32; 3]) = ((0..24).map(|i| i as f32).collect(), [0.0, 1.0, 2.0]);
        let batch = Batch {
            index: 5,
            samples: 3,
            inputs: Mat::new(&pixels, 12, 2),
            targets: Mat::new(&classes, 3, 1),
            weights: Some(&classes),
        };
        let part = batch.part(1..3);
        assert_eq!((part.index, part.samples, part.inputs.rows(), part.inputs.cols()), (5, 2, 8, 2));
        assert_eq!((part.inputs.data(), part.targets.data()), (&pixels[8..], &classes[1..]));
    }
}
