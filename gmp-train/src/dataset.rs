//! Data sets in memory: inputs and targets, checked once.

use crate::batches::MiniBatches;
use crate::loss::Place;
use crate::{Batch, Batches, Error, Targets};
use gmp_autograd::Mat;
use gmp_math::Scalar;
use gmp_nn::Rng;

/// Inputs (samples×inputs) and targets (samples×outputs), row-major, all finite.
///
/// For classification with [`Loss::SoftmaxCrossEntropy`](crate::Loss) the targets are one column with the number of the
/// class, 0, 1, …; with [`Loss::BinaryCrossEntropy`](crate::Loss) they are 0 or 1.
///
/// A data set implements [`Batches`](crate::Batches) with one batch, so that [`evaluate`](crate::evaluate) accepts it
/// directly; your own training loops get mini-batches from [`Dataset::batches`].
///
/// ```
/// use gmp_train::Dataset;
/// // Three samples of two inputs, each of one of the classes 0 and 1.
/// let inputs = vec![0.1, 0.2, /* the next sample */ 0.3, 0.4, /* and the last */ 0.5, 0.6];
/// let data = Dataset::new(inputs, 2, vec![0.0, 1.0, 1.0], 1)?;
/// assert_eq!((data.samples(), data.input_cols(), data.target_cols()), (3, 2, 1));
/// # Ok::<(), gmp_train::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dataset<T> {
    inputs: Vec<T>,
    targets: Vec<T>,
    weights: Option<Vec<T>>,
    samples: usize,
    input_cols: usize,
    target_cols: usize,
    /// Whether the one batch of the epoch was handed out.
    is_read: bool,
}

/// The same samples; how far they were read does not count.
impl<T: PartialEq> PartialEq for Dataset<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.input_cols, self.target_cols) == (other.input_cols, other.target_cols)
            && (&self.inputs, &self.targets, &self.weights) == (&other.inputs, &other.targets, &other.weights)
    }
}

impl<T: Scalar> Dataset<T> {
    /// Checks the numbers and makes a data set of them.
    ///
    /// ```
    /// use gmp_train::Dataset;
    /// let data = Dataset::new(vec![0.0, 1.0, 2.0, 3.0], 2, vec![0.5, 1.5], 1)?;
    /// assert_eq!((data.samples(), data.input_cols()), (2, 2));
    ///
    /// let error = Dataset::new(vec![0.0, f64::NAN], 1, vec![0.0, 0.0], 1).unwrap_err();
    /// assert_eq!(error.to_string(), "inputs: NaN at sample 1, column 0; every number must be finite");
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no samples or no columns, lengths do not fit, or a number is not finite.
    pub fn new(
        inputs: Vec<T>,
        input_cols: usize,
        targets: Vec<T>,
        target_cols: usize,
    ) -> Result<Self, Error> {
        for (cols, setting) in
            [(input_cols, "number of input columns"), (target_cols, "number of target columns")]
        {
            if cols == 0 {
                return Err(Error::Setting { setting, value: 0.0, expected: "at least 1" });
            }
        }
        let samples = targets.len() / target_cols;
        for (what, numbers, cols) in [("targets", &targets, target_cols), ("inputs", &inputs, input_cols)] {
            if samples.checked_mul(cols) != Some(numbers.len()) {
                return Err(Error::Shape { what, got: numbers.len(), rows: samples, cols });
            }
            if let Some(i) = numbers.iter().position(|x| !x.is_finite()) {
                let (row, col) = (i / cols, i % cols);
                return Err(Error::NotFinite { what, value: numbers[i].to_f64(), row, col });
            }
        }
        if samples == 0 {
            return Err(Error::TooFewSamples { what: "data set", got: 0, needed: 1 });
        }
        Ok(Self { inputs, targets, weights: None, samples, input_cols, target_cols, is_read: false })
    }

    /// Gives every sample a weight, by which its loss is multiplied.
    ///
    /// ```
    /// use gmp_train::Dataset;
    /// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?.with_weights(vec![1.0, 3.0])?;
    /// assert_eq!(data.weights(), Some(&[1.0, 3.0][..]));
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are more or fewer weights than samples, or one is negative or not finite.
    pub fn with_weights(self, weights: Vec<T>) -> Result<Self, Error> {
        if weights.len() != self.samples {
            return Err(Error::Shape { what: "weights", got: weights.len(), rows: self.samples, cols: 1 });
        }
        if let Some(weight) = weights.iter().find(|w| !(w.is_finite() && **w >= T::ZERO)) {
            let expected = "a finite number that is not negative";
            return Err(Error::Setting { setting: "weight of a sample", value: weight.to_f64(), expected });
        }
        Ok(Self { weights: Some(weights), ..self })
    }

    /// Gives every sample the weight of its class, which is its target, like Keras' `class_weight`.
    ///
    /// ```
    /// use gmp_train::Dataset;
    /// // The second class is rare, and counts for three.
    /// let data = Dataset::new(vec![0.0, 1.0, 2.0, 3.0], 1, vec![0.0, 0.0, 1.0, 0.0], 1)?;
    /// let data = data.with_class_weights(&[1.0, 3.0])?;
    /// assert_eq!(data.weights(), Some(&[1.0, 1.0, 3.0, 1.0][..]));
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the targets are not one column of classes below `weights.len()`, or a weight is negative or not finite.
    pub fn with_class_weights(self, weights: &[T]) -> Result<Self, Error> {
        let user = "a list of class weights";
        let place = Place { set: "data set", user: &user, first: 0 };
        let targets = Mat::new(&self.targets, self.samples, self.target_cols);
        Targets::Classes.check_shape(
            place,
            (self.samples, weights.len()),
            (self.samples, self.target_cols),
        )?;
        Targets::Classes.check_values(place, weights.len(), targets)?;
        let of_samples = self.targets.iter().map(|class| weights[class.to_f64() as usize]).collect();
        self.with_weights(of_samples)
    }

    /// Weights of the samples, if they have any.
    pub fn weights(&self) -> Option<&[T]> {
        self.weights.as_deref()
    }

    /// Mini-batches in a new random order every epoch, as [`Trainer::fit`](crate::Trainer::fit) uses them, for your
    /// own training loops. The order depends on the seed and the epoch alone. A batch size of at least the number of
    /// samples gives all samples in their own order.
    ///
    /// ```
    /// use gmp_train::{Batches, Dataset};
    /// let data = Dataset::new((0..10).map(f64::from).collect(), 1, vec![0.0; 10], 1)?;
    /// let (mut batches, mut sizes) = (data.batches(4, 1), Vec::new());
    /// for epoch in 0..2 {
    ///     batches.start(epoch, 0);
    ///     while let Some(batch) = batches.next_batch()? {
    ///         sizes.push(batch.samples);
    ///     }
    /// }
    /// assert_eq!(sizes, [4, 4, 2, 4, 4, 2]);
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the batch size is 0.
    pub fn batches(&self, batch_size: usize, seed: u64) -> MiniBatches<'_, T> {
        assert!(batch_size > 0, "a batch size of 0");
        MiniBatches::new(self, batch_size, seed)
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }
    /// Number of input coordinates.
    pub fn input_cols(&self) -> usize {
        self.input_cols
    }
    /// Number of outputs.
    pub fn target_cols(&self) -> usize {
        self.target_cols
    }
    /// Inputs, sample after sample.
    ///
    /// ```
    /// # use gmp_train::Dataset;
    /// let data = Dataset::new(vec![1.0, 2.0, 3.0, 4.0], 2, vec![0.0, 1.0], 1)?;
    /// let samples: Vec<&[f64]> = data.inputs().chunks(data.input_cols()).collect();
    /// assert_eq!(samples[1], [3.0, 4.0]);
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    pub fn inputs(&self) -> &[T] {
        &self.inputs
    }
    /// Targets, sample after sample.
    ///
    /// ```
    /// # use gmp_train::Dataset;
    /// let data = Dataset::new(vec![1.0, 2.0, 3.0], 1, vec![0.0, 1.0, 1.0], 1)?;
    /// assert_eq!(data.targets().iter().filter(|class| **class == 1.0).count(), 2);
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    pub fn targets(&self) -> &[T] {
        &self.targets
    }
    pub(crate) fn inputs_mut(&mut self) -> &mut [T] {
        &mut self.inputs
    }
    pub(crate) fn targets_mut(&mut self) -> &mut [T] {
        &mut self.targets
    }

    /// The samples with the given indices, in that order. An index may occur more than once.
    ///
    /// ```
    /// # use gmp_train::Dataset;
    /// let data = Dataset::new(vec![10.0, 11.0, 12.0, 13.0], 1, vec![0.0; 4], 1)?;
    /// assert_eq!(data.subset(&[3, 0, 0])?.inputs(), [13.0, 10.0, 10.0]);
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are none.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn subset(&self, rows: &[usize]) -> Result<Self, Error> {
        let mut gathered = Gathered::default();
        self.gather(rows, &mut gathered);
        let Gathered { inputs, targets, weights } = gathered;
        let subset = Self::new(inputs, self.input_cols, targets, self.target_cols)?;
        Ok(Self { weights: self.weights.is_some().then_some(weights), ..subset })
    }

    /// Writes the samples with the given numbers into reused memory.
    pub(crate) fn gather(&self, rows: &[usize], Gathered { inputs, targets, weights }: &mut Gathered<T>) {
        inputs.clear();
        targets.clear();
        weights.clear();
        for &row in rows {
            inputs.extend_from_slice(&self.inputs[row * self.input_cols..][..self.input_cols]);
            targets.extend_from_slice(&self.targets[row * self.target_cols..][..self.target_cols]);
            weights.extend(self.weights.iter().map(|weights| weights[row]));
        }
    }

    /// All samples.
    pub(crate) fn whole(&self) -> Batch<'_, T> {
        Batch {
            index: 0,
            samples: self.samples,
            inputs: Mat::new(&self.inputs, self.samples, self.input_cols),
            targets: Mat::new(&self.targets, self.samples, self.target_cols),
            weights: self.weights(),
        }
    }
}

/// Samples that were copied together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered<T> {
    pub(crate) inputs: Vec<T>,
    pub(crate) targets: Vec<T>,
    pub(crate) weights: Vec<T>,
}

/// All samples in one batch, in their order.
impl<T: Scalar> Batches<T> for Dataset<T> {
    fn samples(&self) -> usize {
        self.samples
    }
    fn start(&mut self, _: usize, batch: usize) {
        self.is_read = batch > 0;
    }
    fn next_batch(&mut self) -> Result<Option<Batch<'_, T>>, Error> {
        let is_read = std::mem::replace(&mut self.is_read, true);
        Ok((!is_read).then(|| self.whole()))
    }
}

/// Splits the indices of the samples into two parts, in random order. The second part has `fraction` of them, rounded
/// up, as in scikit-learn's `train_test_split`.
///
/// ```
/// use gmp_nn::Rng;
/// use gmp_train::{Dataset, split};
/// let data = Dataset::new((0..10).map(f64::from).collect(), 1, vec![0.0; 10], 1)?;
/// let (training, validation) = split(data.samples(), 0.2, &mut Rng::new(1, "split"))?;
/// let (training, validation) = (data.subset(&training)?, data.subset(&validation)?);
/// assert_eq!((training.samples(), validation.samples()), (8, 2));
/// # Ok::<(), gmp_train::Error>(())
/// ```
///
/// # Errors
/// If `fraction` is not in (0, 1) or a part would be empty.
pub fn split(samples: usize, fraction: f64, rng: &mut Rng) -> Result<(Vec<usize>, Vec<usize>), Error> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::Setting {
            setting: "split fraction",
            value: fraction,
            expected: "between 0 and 1",
        });
    }
    let second = (samples as f64 * fraction).ceil() as usize;
    if second >= samples {
        return Err(Error::TooFewSamples { what: "split", got: samples, needed: 2 });
    }
    let mut rows: Vec<usize> = (0..samples).collect();
    rng.shuffle(&mut rows);
    let second = rows.split_off(samples - second);
    Ok((rows, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_with_an_empty_part_is_refused() {
        let sizes = |samples, fraction| {
            split(samples, fraction, &mut Rng::new(1, "split"))
                .map(|(first, second)| (first.len(), second.len()))
        };
        assert_eq!([sizes(2, 0.5), sizes(10, 0.01)], [Ok((1, 1)), Ok((9, 1))]);
        for (samples, fraction) in [(0, 0.5), (1, 0.5), (2, 0.9)] {
            let error = Error::TooFewSamples { what: "split", got: samples, needed: 2 };
            assert_eq!(sizes(samples, fraction), Err(error));
        }
        for fraction in [-0.5, 0.0, 1.0, 1.5, f64::NAN] {
            assert!(matches!(sizes(10, fraction), Err(Error::Setting { .. })), "{fraction}");
        }
    }

    #[test]
    fn data_sets_of_other_numbers_or_shapes_are_others() {
        let set = |inputs: [f64; 4], cols: usize, targets: &[f64]| {
            Dataset::new(inputs.to_vec(), cols, targets.to_vec(), targets.len() * cols / 4).unwrap()
        };
        let one = set([1.0, 2.0, 3.0, 4.0], 2, &[5.0, 6.0]);
        assert_eq!(one, set([1.0, 2.0, 3.0, 4.0], 2, &[5.0, 6.0]));
        assert_ne!(one, set([1.0, 2.0, 3.0, 9.0], 2, &[5.0, 6.0]));
        assert_ne!(one, set([1.0, 2.0, 3.0, 4.0], 4, &[5.0, 6.0]));
        assert_ne!(one, one.clone().with_weights(vec![1.0, 2.0]).unwrap());
    }

    /// Several columns of each.
    #[test]
    fn samples_are_gathered_whole() {
        let numbers = (0..9).map(f64::from).collect::<Vec<_>>();
        let mut data = Dataset::new(numbers[..6].to_vec(), 2, numbers.clone(), 3).unwrap();
        let mut gathered = Gathered::default();
        data.gather(&[2, 0], &mut gathered);
        assert_eq!(gathered.inputs, [4.0, 5.0, 0.0, 1.0]);
        assert_eq!(gathered.targets, [6.0, 7.0, 8.0, 0.0, 1.0, 2.0]);
        // As batches it is one, which a run that goes on behind it has had.
        assert_eq!(Batches::samples(&data), 3);
        data.start(0, 0);
        assert!(data.next_batch().unwrap().is_some() && data.next_batch().unwrap().is_none());
        data.start(0, 1);
        assert!(data.next_batch().unwrap().is_none());
    }

    #[test]
    fn a_split_is_a_partition_in_random_order() {
        let (train, test) = split(506, 0.2, &mut Rng::new(1, "split")).unwrap();
        assert_eq!((train.len(), test.len()), (404, 102));
        let mut all = [train.clone(), test.clone()].concat();
        assert_ne!(all, (0..506).collect::<Vec<_>>());
        all.sort_unstable();
        assert_eq!(all, (0..506).collect::<Vec<_>>());
        assert_eq!(split(506, 0.2, &mut Rng::new(1, "split")).unwrap(), (train, test));
        assert!(split(1, 0.2, &mut Rng::new(1, "split")).is_err());
        assert!(split(10, f64::NAN, &mut Rng::new(1, "split")).is_err());
    }

    #[test]
    fn lengths_that_do_not_fit_are_an_error() {
        let error = Dataset::new(vec![0.0; 5], 2, vec![0.0; 2], 1).unwrap_err();
        assert_eq!(error.to_string(), "inputs: 5 numbers, expected 2 samples × 2 = 4");
        assert!(Dataset::<f32>::new(vec![], 0, vec![], 1).is_err());
        assert!(Dataset::<f32>::new(vec![], 1, vec![], 1).is_err());
        // Two samples times these columns wrap to 2.
        let wraps = (1 << (usize::BITS - 1)) + 1;
        let error = Dataset::new(vec![1.0, 2.0], wraps, vec![0.0, 1.0], 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("inputs: 2 numbers, expected 2 samples × {wraps} = {}", 2 * wraps as u128)
        );
    }
}
