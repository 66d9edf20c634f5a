//! Samples and targets, checked once.

use crate::Error;
use gmp_math::Scalar;
use gmp_nn::Rng;

/// Inputs (samples×inputs) and targets (samples×outputs), row-major, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset<T> {
    inputs: Vec<T>,
    targets: Vec<T>,
    samples: usize,
    input_cols: usize,
    target_cols: usize,
}

impl<T: Scalar> Dataset<T> {
    /// Checks and takes the numbers.
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
    /// No samples or no columns, lengths that do not fit, or a number that is not finite.
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
        Ok(Self { inputs, targets, samples, input_cols, target_cols })
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
    pub fn inputs(&self) -> &[T] {
        &self.inputs
    }
    /// Targets, sample after sample.
    pub fn targets(&self) -> &[T] {
        &self.targets
    }

    /// The samples with the given numbers, in that order.
    ///
    /// # Errors
    /// If there are none.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn subset(&self, rows: &[usize]) -> Result<Self, Error> {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        self.gather(rows, &mut inputs, &mut targets);
        Self::new(inputs, self.input_cols, targets, self.target_cols)
    }

    /// Writes the samples with the given numbers into reused memory.
    pub(crate) fn gather(&self, rows: &[usize], inputs: &mut Vec<T>, targets: &mut Vec<T>) {
        inputs.clear();
        targets.clear();
        for &row in rows {
            inputs.extend_from_slice(&self.inputs[row * self.input_cols..][..self.input_cols]);
            targets.extend_from_slice(&self.targets[row * self.target_cols..][..self.target_cols]);
        }
    }
}

/// Numbers of the samples in two parts, in random order: the second has `fraction` of them, rounded up, as in
/// scikit-learn's `train_test_split`.
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
    if samples < 2 || second >= samples {
        return Err(Error::TooFewSamples { what: "split", got: samples, needed: 2 });
    }
    let mut rows: Vec<usize> = (0..samples).collect();
    rng.shuffle(&mut rows);
    let second = rows.split_off(samples - second);
    Ok((rows, second))
}

/// Shifts and scales every input column to mean 0 and standard deviation 1 of the data it was fitted to.
///
/// The deviation is the population's (divisor n), as in scikit-learn and Keras. A constant column maps to 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardizer<T> {
    mean: Vec<T>,
    /// 1/σ, or 0 for a constant column.
    inverse: Vec<T>,
}

impl<T: Scalar> Standardizer<T> {
    /// Measures the columns.
    pub fn fit(data: &Dataset<T>) -> Self {
        let cols = data.input_cols;
        let count = T::from_usize(data.samples);
        let mut mean = vec![T::ZERO; cols];
        for x in data.inputs.chunks_exact(cols) {
            mean.iter_mut().zip(x).for_each(|(mean, &x)| *mean += x);
        }
        mean.iter_mut().for_each(|mean| *mean /= count);
        let mut inverse = vec![T::ZERO; cols];
        for x in data.inputs.chunks_exact(cols) {
            inverse
                .iter_mut()
                .zip(x)
                .zip(&mean)
                .for_each(|((square, &x), &mean)| *square += (x - mean) * (x - mean));
        }
        for (j, inverse) in inverse.iter_mut().enumerate() {
            let deviation = (*inverse / count).sqrt();
            // Rounding of the mean leaves a constant column with a deviation of the order of ε·|mean|.
            let constant = deviation <= T::from_f64(10.0) * T::EPSILON * mean[j].abs();
            *inverse = if constant { T::ZERO } else { T::ONE / deviation };
        }
        Self { mean, inverse }
    }

    /// Columns that are constant in the data it was fitted to, from 0.
    pub fn constant_columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.inverse.iter().enumerate().filter(|(_, inverse)| **inverse == T::ZERO).map(|(j, _)| j)
    }

    /// Standardizes the inputs of `data` in place.
    ///
    /// # Panics
    /// If `data` has another number of input columns.
    pub fn apply(&self, data: &mut Dataset<T>) {
        assert_eq!(
            data.input_cols,
            self.mean.len(),
            "standardizer of {} columns on {}",
            self.mean.len(),
            data.input_cols
        );
        for x in data.inputs.chunks_exact_mut(self.mean.len()) {
            for ((x, &mean), &inverse) in x.iter_mut().zip(&self.mean).zip(&self.inverse) {
                *x = (*x - mean) * inverse;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardized_columns_have_mean_0_and_deviation_1_and_constants_are_0() {
        let inputs = (0..50).flat_map(|i| [f64::from(i * i) * 1e3, 0.1, -f64::from(i)]).collect();
        let mut data = Dataset::new(inputs, 3, vec![0.0; 50], 1).unwrap();
        let standardizer = Standardizer::fit(&data);
        assert_eq!(standardizer.constant_columns().collect::<Vec<_>>(), [1]);
        standardizer.apply(&mut data);
        for j in 0..3 {
            let column: Vec<f64> = data.inputs().iter().skip(j).step_by(3).copied().collect();
            let mean = column.iter().sum::<f64>() / 50.0;
            let variance = column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 50.0;
            assert!(mean.abs() < 1e-12);
            assert!(
                (variance - if j == 1 { 0.0 } else { 1.0 }).abs() < 1e-12,
                "column {j}: variance {variance}"
            );
        }
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
