//! The absolute value.

use super::{Pointwise, Reads};
use gmp_math::Scalar;

/// g(z) = |z|, with slope 0 at 0.
///
/// ```
/// use gmp_nn::Activation::AbsoluteValue;
/// assert_eq!((AbsoluteValue.value(-2.0), AbsoluteValue.slope(-2.0)), (2.0, -1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsoluteValue;

impl Pointwise for AbsoluteValue {
    const NAME: &'static str = "absolute_value";
    const READS: Reads = Reads::Input;
    const HOMOGENEOUS: bool = true;
    const KINKS: &'static [f64] = &[0.0];
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        z.abs()
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, z: T) -> T {
        if z > T::ZERO {
            T::ONE
        } else if z < T::ZERO {
            -T::ONE
        } else {
            T::ZERO
        }
    }
}
