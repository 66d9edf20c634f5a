//! The hyperbolic tangent.

use super::{Pointwise, Reads};
use gmp_math::Scalar;

/// g(z) = tanh z, with slope 1 − g².
///
/// ```
/// use gmp_nn::Activation::Tanh;
/// assert_eq!((Tanh.value(0.0), Tanh.slope(0.0)), (0.0, 1.0));
/// assert_eq!(Tanh.value(100.0), 1.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tanh;

impl Pointwise for Tanh {
    const NAME: &'static str = "tanh";
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = false;
    const KINKS: &'static [f64] = &[];
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        z.tanh()
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, y: T) -> T {
        (T::ONE - y) * (T::ONE + y)
    }
}
