//! Initial weights.

use crate::Rng;
use gmp_math::Scalar;

/// Uniform on ±√(6/(inputs + units)), drawn in the order of `weights`. Their number is inputs×units, or any other,
/// since the fans of a convolution are not the sizes of its matrix.
///
/// Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks",
/// AISTATS 2010, Eq. 16.
///
/// ```
/// use gmp_nn::{Rng, init};
/// let mut weights = [0.0_f64; 200];
/// init::glorot_uniform(&mut Rng::new(1, "weights"), 4, 50, &mut weights);
/// let largest = weights.iter().fold(0.0, |largest: f64, w| largest.max(w.abs()));
/// assert!(largest < 1.0 / 3.0 && largest > 0.3); // √(6/54) = 1/3
/// ```
pub fn glorot_uniform<T: Scalar>(rng: &mut Rng, inputs: usize, units: usize, weights: &mut [T]) {
    let limit = (6.0 / (inputs + units) as f64).sqrt();
    for w in weights {
        *w = T::from_f64((2.0 * rng.uniform() - 1.0) * limit);
    }
}
