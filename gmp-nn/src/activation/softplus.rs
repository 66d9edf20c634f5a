//! The smooth approximation of the rectified linear unit.

use super::{Pointwise, Reads};
use gmp_math::Scalar;
use gmp_math::elementary::ln_1p;

/// g(z) = ln(1 + eᶻ), with slope 1 − e⁻ᵍ.
///
/// Source: Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing", NeurIPS 2000.
///
/// ```
/// use gmp_nn::Activation::Softplus;
/// assert!((Softplus.value(0.0) - 2.0_f64.ln()).abs() < 1e-15);
/// assert_eq!(Softplus.value(1000.0), 1000.0); // nothing overflows
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softplus;

impl Pointwise for Softplus {
    const NAME: &'static str = "softplus";
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = false;
    const KINKS: &'static [f64] = &[];
    /// max(z, 0) + ln(1 + e^−|z|), where nothing overflows.
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        let small = T::ONE / (T::ONE + z.abs().exp_m1());
        // Not `Scalar::ln_1p`, which is the platform's.
        z.max(T::ZERO) + T::from_f64(ln_1p(small.to_f64()))
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, y: T) -> T {
        -(-y).exp_m1()
    }
}
