//! Data sets from arrays of the crate `ndarray`.

use crate::{Dataset, Error};
use gmp_autograd::Mat;
use gmp_math::Scalar;
use ndarray::ArrayView2;

/// With the feature `ndarray`.
impl<T: Scalar> Dataset<T> {
    /// Checks and copies arrays in any layout, with one row per sample.
    ///
    /// ```
    /// use gmp_train::Dataset;
    /// use gmp_train::ndarray::{array, s};
    /// let table = array![[0.1, 0.2, 1.0], [0.3, 0.4, 0.0]]; // two inputs and a target
    /// let data = Dataset::from_arrays(table.slice(s![.., ..2]), table.slice(s![.., 2..]))?;
    /// assert_eq!((data.inputs(), data.targets()), (&[0.1, 0.2, 0.3, 0.4][..], &[1.0, 0.0][..]));
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Dataset::new`]: arrays without rows or columns, another number of inputs than of targets, or a number that
    /// is not finite.
    pub fn from_arrays(inputs: ArrayView2<'_, T>, targets: ArrayView2<'_, T>) -> Result<Self, Error> {
        let numbers = |array: ArrayView2<'_, T>| array.iter().copied().collect();
        Self::new(numbers(inputs), inputs.ncols(), numbers(targets), targets.ncols())
    }

    /// The inputs, one row per sample, without a copy.
    pub fn input_array(&self) -> ArrayView2<'_, T> {
        Mat::new(self.inputs(), self.samples(), self.input_cols()).into()
    }

    /// The targets, one row per sample, without a copy.
    pub fn target_array(&self) -> ArrayView2<'_, T> {
        Mat::new(self.targets(), self.samples(), self.target_cols()).into()
    }
}
