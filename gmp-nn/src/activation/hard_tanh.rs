//! The piecewise linear approximation of the hyperbolic tangent.

use super::{Pointwise, Reads};
use gmp_math::Scalar;

/// g(z) = z, at least −1 and at most 1, with slope 0 at both.
///
/// Source: Collobert, "Large Scale Machine Learning", PhD thesis, 2004.
///
/// ```
/// use gmp_nn::Activation::HardTanh;
/// assert_eq!([-3.0, 0.5, 7.0].map(|z| HardTanh.value(z)), [-1.0, 0.5, 1.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HardTanh;

impl Pointwise for HardTanh {
    const NAME: &'static str = "hard_tanh";
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = false;
    const PIECEWISE_LINEAR: bool = true;
    const KINKS: &'static [f64] = &[-1.0, 1.0];
    /// A NaN is neither above nor below, and stays.
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        if z > T::ONE {
            T::ONE
        } else if z < -T::ONE {
            -T::ONE
        } else {
            z
        }
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, y: T) -> T {
        if y.abs() < T::ONE { T::ONE } else { T::ZERO }
    }
}
