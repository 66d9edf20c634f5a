//! Predictions and parameters as arrays of the crate `ndarray`.

use crate::{Element, Error, Network, ParamStore};
use gmp_autograd::Mat;
use gmp_math::Scalar;
use ndarray::{Array2, ArrayView2};

/// Calls `f` with the array as a matrix: in place where it is one piece of memory, else copied.
fn with_matrix<T: Copy, R>(array: ArrayView2<'_, T>, f: impl FnOnce(Mat<'_, T>) -> R) -> R {
    match Mat::try_from(array) {
        Ok(a) => f(a),
        Err(_) => {
            let copy: Vec<T> = array.iter().copied().collect();
            f(Mat::new(&copy, array.nrows(), array.ncols()))
        }
    }
}

/// With the feature `ndarray`.
impl<T: Element> Network<T> {
    /// The outputs for a batch, like [`Network::predict`], for an array in any layout.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// use ndarray::{array, s};
    /// let mut network = Mlp::new(2, &[], 1, Parameterization::Standard).build::<f64>(1)?;
    /// network.parameters.set("output.weights", &[10.0, 1.0])?;
    /// let table = array![[1.0, 2.0, 0.5], [3.0, 4.0, 0.5]];
    /// let y = network.predict_array(table.slice(s![.., ..2])); // one row per sample
    /// assert_eq!(y, array![[12.0], [34.0]]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Network::predict`].
    #[track_caller]
    pub fn predict_array(&self, x: ArrayView2<'_, T>) -> Array2<T> {
        let y = with_matrix(x, |x| self.predict(x));
        let columns = self.output().columns();
        let rows = y.len() / columns;
        Array2::from_shape_vec((rows, columns), y).expect("predictions are whole rows")
    }
}

/// With the feature `ndarray`.
impl<T: Scalar> ParamStore<T> {
    /// The matrix called `name` as an array, without a copy.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let network = Mlp::new(2, &[8], 1, Parameterization::Standard).build::<f64>(1)?;
    /// let weights = network.parameters.array("hidden1.weights").unwrap();
    /// assert_eq!(weights.dim(), (2, 8)); // inputs × units
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn array(&self, name: &str) -> Option<ArrayView2<'_, T>> {
        self.matrix(name).map(ArrayView2::from)
    }

    /// Replaces the matrix called `name` by an array in any layout.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// use ndarray::array;
    /// let mut network = Mlp::new(2, &[3], 1, Parameterization::Standard).build::<f64>(1)?;
    /// let of_pytorch = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]; // units × inputs
    /// network.parameters.set_array("hidden1.weights", of_pytorch.t())?;
    /// assert_eq!(network.parameters.get("hidden1.weights").unwrap(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`ParamStore::set_matrix`].
    pub fn set_array(&mut self, name: &str, array: ArrayView2<'_, T>) -> Result<(), Error> {
        with_matrix(array, |a| self.set_matrix(name, a))
    }
}
