//! The logistic sigmoid.

use super::{Pointwise, Reads};
use gmp_math::Scalar;

/// g(z) = 1/(1 + e⁻ᶻ), with slope g (1 − g).
///
/// ```
/// use gmp_nn::Activation::Sigmoid;
/// assert_eq!((Sigmoid.value(0.0), Sigmoid.slope(0.0)), (0.5, 0.25));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sigmoid;

impl Pointwise for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = false;
    const KINKS: &'static [f64] = &[];
    /// The sum 2 + (e⁻ᶻ − 1) cancels nothing: it is between 1 and ∞, whose reciprocal is 0.
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        T::ONE / (T::ONE + T::ONE + (-z).exp_m1())
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, y: T) -> T {
        y * (T::ONE - y)
    }
}
