//! The rectified linear unit.

use super::{Pointwise, Reads};
use gmp_math::Scalar;

/// g(z) = max(z, 0), with slope 0 at 0.
///
/// ```
/// use gmp_nn::Activation::Relu;
/// assert_eq!([-2.0, 0.0, 3.0].map(|z| Relu.value(z)), [0.0, 0.0, 3.0]);
/// assert_eq!([-2.0, 0.0, 3.0].map(|z| Relu.slope(z)), [0.0, 0.0, 1.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relu;

impl Pointwise for Relu {
    const NAME: &'static str = "relu";
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = true;
    const KINKS: &'static [f64] = &[0.0];
    /// A NaN stays a NaN: it must not pass for an inactive unit.
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        if z < T::ZERO { T::ZERO } else { z }
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, y: T) -> T {
        if y > T::ZERO { T::ONE } else { T::ZERO }
    }
}
