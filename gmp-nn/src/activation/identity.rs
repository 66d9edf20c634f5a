//! The identity.

use super::{Pointwise, Reads};
use gmp_math::Scalar;

/// g(z) = z.
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
