//! Standardization: shifting and scaling columns to mean 0 and standard deviation 1.

use crate::Dataset;
use gmp_math::Scalar;
use serde::{Deserialize, Serialize};

/// Shifts and scales every column, so that the data it was fitted to have mean 0 and standard deviation 1.
///
/// The standard deviation is that of the population (divisor n), as in scikit-learn and Keras. A constant column is
/// mapped to 0.
///
/// The inputs of predictions must be standardized in the same way as the training data, so store the standardizer
/// with the network: it is serializable.
///
/// ```
/// use gmp_train::{Dataset, Standardizer};
///
/// let mut data = Dataset::new(vec![1.0, 3.0, 5.0], 1, vec![100.0, 200.0, 300.0], 1)?;
/// let inputs = Standardizer::fit(&data);
/// let targets = Standardizer::fit_targets(&data);
/// inputs.apply(&mut data);
/// targets.apply_to_targets(&mut data);
/// assert_eq!((data.inputs()[1], data.targets()[1]), (0.0, 0.0));
///
/// // In another process: new inputs go in, and predictions come out in the unit of the targets.
/// let inputs: Standardizer<f64> = serde_json::from_str(&serde_json::to_string(&inputs)?)?;
/// let mut new = [3.0];
/// inputs.apply_to(&mut new);
/// let mut prediction = [1.0_f64]; // what a network might say
/// targets.inverse(&mut prediction);
/// assert!((prediction[0] - 281.65).abs() < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "Columns<T>",
    bound(serialize = "T: Serialize", deserialize = "T: Scalar + Deserialize<'de>")
)]
pub struct Standardizer<T> {
    mean: Vec<T>,
    deviation: Vec<T>,
    /// 1/σ, or 0 for a constant column.
    #[serde(skip)]
    inverse: Vec<T>,
}

/// As it is read.
#[derive(Deserialize)]
struct Columns<T> {
    mean: Vec<T>,
    deviation: Vec<T>,
}

impl<T: Scalar> TryFrom<Columns<T>> for Standardizer<T> {
    type Error = String;
    fn try_from(Columns { mean, deviation }: Columns<T>) -> Result<Self, String> {
        if mean.is_empty() || mean.len() != deviation.len() {
            return Err(format!("{} means and {} deviations", mean.len(), deviation.len()));
        }
        if !mean.iter().chain(&deviation).all(|x| x.is_finite()) || deviation.iter().any(|x| *x < T::ZERO) {
            return Err("means and deviations must be finite, and deviations not negative".to_owned());
        }
        Ok(Self::new(mean, deviation))
    }
}

impl<T: Scalar> Standardizer<T> {
    fn new(mean: Vec<T>, deviation: Vec<T>) -> Self {
        let inverse = deviation.iter().map(|&d| if d == T::ZERO { T::ZERO } else { T::ONE / d }).collect();
        Self { mean, deviation, inverse }
    }

    /// Computes the mean and the standard deviation of the columns of the inputs.
    ///
    /// ```
    /// # use gmp_train::{Dataset, Standardizer};
    /// let data = Dataset::new(vec![1.0, 10.0, 3.0, 30.0], 2, vec![0.0, 0.0], 1)?;
    /// let standardizer = Standardizer::fit(&data);
    /// assert_eq!((standardizer.mean(), standardizer.deviation()), (&[2.0, 20.0][..], &[1.0, 10.0][..]));
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    pub fn fit(data: &Dataset<T>) -> Self {
        Self::of(data.inputs(), data.input_cols())
    }

    /// Computes the mean and the standard deviation of the columns of the targets.
    ///
    /// ```
    /// # use gmp_train::{Dataset, Standardizer};
    /// let data = Dataset::new(vec![0.0, 0.0], 1, vec![100.0, 300.0], 1)?;
    /// assert_eq!(Standardizer::fit_targets(&data).mean(), [200.0]);
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    pub fn fit_targets(data: &Dataset<T>) -> Self {
        Self::of(data.targets(), data.target_cols())
    }

    fn of(numbers: &[T], cols: usize) -> Self {
        let count = T::from_usize(numbers.len() / cols);
        let mut mean = vec![T::ZERO; cols];
        for x in numbers.chunks_exact(cols) {
            mean.iter_mut().zip(x).for_each(|(mean, &x)| *mean += x);
        }
        mean.iter_mut().for_each(|mean| *mean /= count);
        let mut squares = vec![T::ZERO; cols];
        for x in numbers.chunks_exact(cols) {
            let columns = squares.iter_mut().zip(x).zip(&mean);
            columns.for_each(|((square, &x), &mean)| *square += (x - mean) * (x - mean));
        }
        let deviation = squares.iter().zip(&mean).map(|(&square, mean)| {
            let deviation = (square / count).sqrt();
            // Rounding of the mean leaves a constant column with a deviation of the order of ε·|mean|.
            let is_constant = deviation <= T::from_f64(10.0) * T::EPSILON * mean.abs();
            if is_constant { T::ZERO } else { deviation }
        });
        let deviation = deviation.collect();
        Self::new(mean, deviation)
    }

    /// Mean of every column.
    pub fn mean(&self) -> &[T] {
        &self.mean
    }

    /// Standard deviation of every column, 0 for a constant one.
    pub fn deviation(&self) -> &[T] {
        &self.deviation
    }

    /// Columns that are constant in the data it was fitted to, from 0.
    ///
    /// ```
    /// # use gmp_train::{Dataset, Standardizer};
    /// let data = Dataset::new(vec![1.0, 7.0, 3.0, 7.0], 2, vec![0.0, 0.0], 1)?;
    /// let constant: Vec<usize> = Standardizer::fit(&data).constant_columns().collect();
    /// assert_eq!(constant, [1]); // always 7
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    pub fn constant_columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.inverse.iter().enumerate().filter(|(_, inverse)| **inverse == T::ZERO).map(|(j, _)| j)
    }

    /// Standardizes the inputs of `data` in place.
    ///
    /// ```
    /// # use gmp_train::{Dataset, Standardizer};
    /// let mut training = Dataset::new(vec![1.0, 3.0], 1, vec![0.0, 0.0], 1)?;
    /// let mut test = Dataset::new(vec![5.0], 1, vec![0.0], 1)?;
    /// let standardizer = Standardizer::fit(&training); // of the training data alone
    /// standardizer.apply(&mut training);
    /// standardizer.apply(&mut test);
    /// assert_eq!((training.inputs(), test.inputs()), (&[-1.0, 1.0][..], &[3.0][..]));
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `data` has another number of input columns.
    #[track_caller]
    pub fn apply(&self, data: &mut Dataset<T>) {
        self.expect_columns(data.input_cols());
        self.apply_to(data.inputs_mut());
    }

    /// Standardizes the targets of `data` in place.
    ///
    /// # Panics
    /// If `data` has another number of target columns.
    #[track_caller]
    pub fn apply_to_targets(&self, data: &mut Dataset<T>) {
        self.expect_columns(data.target_cols());
        self.apply_to(data.targets_mut());
    }

    /// Standardizes rows of numbers in place, one after the other.
    ///
    /// ```
    /// # use gmp_train::{Dataset, Standardizer};
    /// let data = Dataset::new(vec![1.0, 10.0, 3.0, 30.0], 2, vec![0.0, 0.0], 1)?;
    /// let mut new = [4.0, 20.0, /* the next row */ 2.0, 40.0];
    /// Standardizer::fit(&data).apply_to(&mut new);
    /// assert_eq!(new, [2.0, 0.0, 0.0, 2.0]);
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Panics
    /// If they are not a whole number of rows.
    #[track_caller]
    pub fn apply_to(&self, rows: &mut [T]) {
        self.each_row(rows, |x, j| (x - self.mean[j]) * self.inverse[j]);
    }

    /// The inverse: converts standardized rows to rows in the units of the data. A constant column becomes its
    /// constant.
    ///
    /// ```
    /// # use gmp_train::{Dataset, Standardizer};
    /// let data = Dataset::new(vec![0.0, 0.0], 1, vec![100.0, 300.0], 1)?;
    /// let mut predictions = [0.0, 0.5]; // of a network that was trained on standardized targets
    /// Standardizer::fit_targets(&data).inverse(&mut predictions);
    /// assert_eq!(predictions, [200.0, 250.0]);
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Panics
    /// If they are not a whole number of rows.
    #[track_caller]
    pub fn inverse(&self, rows: &mut [T]) {
        self.each_row(rows, |x, j| x * self.deviation[j] + self.mean[j]);
    }

    #[track_caller]
    fn each_row(&self, rows: &mut [T], f: impl Fn(T, usize) -> T) {
        let cols = self.mean.len();
        assert!(rows.len().is_multiple_of(cols), "{} numbers are no rows of {cols} columns", rows.len());
        for row in rows.chunks_exact_mut(cols) {
            row.iter_mut().enumerate().for_each(|(j, x)| *x = f(*x, j));
        }
    }

    #[track_caller]
    fn expect_columns(&self, columns: usize) {
        assert_eq!(columns, self.mean.len(), "standardizer of {} columns on {columns}", self.mean.len());
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
    fn known_columns() {
        let data = Dataset::new(vec![1.0, 7.0, 3.0, 7.0, 5.0, 7.0, 7.0, 7.0], 2, vec![1.0; 4], 1).unwrap();
        let standardizer = Standardizer::<f64>::fit(&data);
        assert_eq!(standardizer.mean(), [4.0, 7.0]);
        assert_eq!(standardizer.deviation(), [5.0_f64.sqrt(), 0.0]);
    }

    /// The mean of a constant column is rounded, in proportion to the constant.
    #[test]
    fn constant_columns_of_any_size_are_recognized() {
        for constant in [1e-12, 1e-3, 0.1, 12.3, 123_456.7, 1e9 / 3.0, -1e15 / 7.0] {
            let data = Dataset::new(vec![constant; 77], 1, vec![0.0; 77], 1).unwrap();
            let standardizer = Standardizer::<f64>::fit(&data);
            assert_eq!(standardizer.constant_columns().count(), 1, "{constant}: {standardizer:?}");
        }
        // Small is not constant.
        let small: Vec<f64> = (0..50).map(|i| 1e-12 + f64::from(i % 2) * 1e-20).collect();
        let data = Dataset::new(small, 1, vec![0.0; 50], 1).unwrap();
        assert_eq!(Standardizer::fit(&data).constant_columns().count(), 0);
    }

    #[test]
    #[should_panic(expected = "standardizer of 1 columns on 2")]
    fn data_of_another_number_of_columns_panic() {
        let one = Dataset::new(vec![0.0, 1.0], 1, vec![0.0; 2], 1).unwrap();
        let mut two = Dataset::new(vec![0.0; 4], 2, vec![0.0; 2], 1).unwrap();
        Standardizer::<f64>::fit(&one).apply(&mut two);
    }

    #[test]
    fn a_file_keeps_every_bit_and_a_wrong_one_is_refused() {
        let data = Dataset::new(vec![0.1, 5.0, 0.7, 5.0, -3.0, 5.0], 2, vec![1.0; 3], 1).unwrap();
        let standardizer = Standardizer::fit(&data);
        let text = serde_json::to_string(&standardizer).unwrap();
        assert_eq!(serde_json::from_str::<Standardizer<f64>>(&text).unwrap(), standardizer);
        let mut numbers = data.inputs().to_vec();
        standardizer.apply_to(&mut numbers);
        standardizer.inverse(&mut numbers);
        for (back, original) in numbers.iter().zip(data.inputs()) {
            assert!((back - original).abs() < 1e-15, "{numbers:?}");
        }
        for wrong in [
            "{\"mean\":[],\"deviation\":[]}",
            "{\"mean\":[1.0],\"deviation\":[]}",
            "{\"mean\":[1.0],\"deviation\":[-1.0]}",
        ] {
            assert!(serde_json::from_str::<Standardizer<f64>>(wrong).is_err(), "{wrong}");
        }
    }
}
