//! The identity.

use super::{Pointwise, Reads};
use gmp_math::Scalar;

/// g(z) = z.
///
/// ```
/// use gmp_nn::Activation::Identity;
/// assert_eq!((Identity.value(-3.0), Identity.slope(-3.0)), (-3.0, 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity;

impl Pointwise for Identity {
    const NAME: &'static str = "identity";
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = true;
    const KINKS: &'static [f64] = &[];
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        z
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, _: T) -> T {
        T::ONE
    }
}
