//! Where the samples of a run come from, a batch at a time.

use crate::{Dataset, Error};
use gmp_autograd::Mat;
use gmp_math::Scalar;
use gmp_nn::Rng;
use std::ops::Range;

/// Samples on their way to the network.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a, T> {
    /// Its number in the epoch, from 0.
    pub index: usize,
    /// How many samples.
    pub samples: usize,
    /// As the network takes them: a row a sample, or, of images, a row a pixel.
    pub inputs: Mat<'a, T>,
    /// A row a sample: what [`Loss`](crate::Loss) compares with.
    pub targets: Mat<'a, T>,
}

impl<'a, T: Scalar> Batch<'a, T> {
    /// Some of its samples.
    pub(crate) fn part(&self, samples: Range<usize>) -> Self {
        let of = |all: Mat<'a, T>| {
            let numbers = all.data().len() / self.samples;
            let part = &all.data()[samples.start * numbers..samples.end * numbers];
            Mat::new(part, part.len() / all.cols(), all.cols())
        };
        Self { inputs: of(self.inputs), targets: of(self.targets), samples: samples.len(), ..*self }
    }
}

/// Batches, epoch after epoch: what [`Trainer::fit_batches`](crate::Trainer::fit_batches) trains on.
///
/// An epoch must be the same whenever it is asked for: a run that is resumed starts in the middle of one. A
/// [`Dataset`] needs none of this, [`Trainer::fit`](crate::Trainer::fit) takes it as it is; an image `Loader` is one.
pub trait Batches<T: Scalar> {
    /// Samples of an epoch.
    fn samples(&self) -> usize;

    /// Begins epoch `epoch` (from 0) with its batch `batch` (from 0).
    fn start(&mut self, epoch: usize, batch: usize);

    /// The next batch, with at least one sample; `None` at the end of the epoch.
    ///
    /// # Errors
    /// Samples that cannot be had.
    fn next_batch(&mut self) -> Result<Option<Batch<'_, T>>, Error>;
}

/// A data set in batches, in a new random order every epoch; one that is no larger than a batch in its own.
#[derive(Debug)]
pub(crate) struct Shuffled<'a, T> {
    data: &'a Dataset<T>,
    batch_size: usize,
    seed: u64,
    rng: Rng,
    rows: Vec<usize>,
    /// Epochs that were shuffled, and the batch to come.
    epochs: usize,
    batch: usize,
    inputs: Vec<T>,
    targets: Vec<T>,
}

/// What the stream of shuffles is called.
const STREAM: &str = "shuffle";

impl<'a, T: Scalar> Shuffled<'a, T> {
    pub(crate) fn new(data: &'a Dataset<T>, batch_size: usize, seed: u64) -> Self {
        let rows = (0..data.samples()).collect();
        let (inputs, targets) = (Vec::new(), Vec::new());
        let rng = Rng::new(seed, STREAM);
        Self { data, batch_size, seed, rng, rows, epochs: 0, batch: 0, inputs, targets }
    }

    /// All samples in one batch.
    pub(crate) fn whole(data: &'a Dataset<T>) -> Self {
        Self::new(data, data.samples(), 0)
    }
}

impl<T: Scalar> Batches<T> for Shuffled<'_, T> {
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
        let Some(rows) = self.rows.chunks(self.batch_size).nth(self.batch) else { return Ok(None) };
        let (index, samples) = (self.batch, rows.len());
        self.batch += 1;
        let (inputs, targets) = if samples == self.data.samples() {
            (self.data.inputs(), self.data.targets())
        } else {
            self.data.gather(rows, &mut self.inputs, &mut self.targets);
            (&self.inputs[..], &self.targets[..])
        };
        let inputs = Mat::new(inputs, samples, self.data.input_cols());
        let targets = Mat::new(targets, samples, self.data.target_cols());
        Ok(Some(Batch { index, samples, inputs, targets }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(batches: &mut Shuffled<'_, f64>, epoch: usize, batch: usize) -> Vec<Vec<f64>> {
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
        let mut batches = Shuffled::new(&data, 4, 1);
        let first = epoch(&mut batches, 0, 0);
        let third = epoch(&mut batches, 2, 0);
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_ne!(first, third);
        assert_eq!(epoch(&mut batches, 0, 0), first);
        assert_eq!(epoch(&mut Shuffled::new(&data, 4, 1), 2, 1), third[1..]);
        assert_ne!(epoch(&mut Shuffled::new(&data, 4, 2), 0, 0), first);
        let whole = epoch(&mut Shuffled::whole(&data), 7, 0);
        assert_eq!(whole, [(0..10).map(f64::from).collect::<Vec<_>>()]);
    }

    #[test]
    fn a_part_of_a_batch_of_images_has_whole_images() {
        let (pixels, classes): (Vec<f32>, [f32; 3]) = ((0..24).map(|i| i as f32).collect(), [0.0, 1.0, 2.0]);
        let batch = Batch {
            index: 5,
            samples: 3,
            inputs: Mat::new(&pixels, 12, 2),
            targets: Mat::new(&classes, 3, 1),
        };
        let part = batch.part(1..3);
        assert_eq!((part.index, part.samples, part.inputs.rows(), part.inputs.cols()), (5, 2, 8, 2));
        assert_eq!((part.inputs.data(), part.targets.data()), (&pixels[8..], &classes[1..]));
    }
}
