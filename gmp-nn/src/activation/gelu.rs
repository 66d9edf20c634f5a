//! The Gaussian error linear unit.

use super::{Pointwise, Reads};
use gmp_math::Scalar;
use gmp_math::elementary::erfc;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// g(z) = z Φ(z) with slope Φ(z) + z φ(z), where Φ and φ are the distribution function and the density of the standard
/// normal distribution. Φ is exact, by the error function, not approximated by a hyperbolic tangent.
///
/// Source: Hendrycks & Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv 1606.08415.
///
/// ```
/// use gmp_nn::Activation::Gelu;
/// assert!((Gelu.value(1.0_f64) - 0.841_345).abs() < 1e-6); // 1·Φ(1)
/// assert_eq!(Gelu.slope(0.0), 0.5); // Φ(0)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gelu;

impl Pointwise for Gelu {
    const NAME: &'static str = "gelu";
    const READS: Reads = Reads::Input;
    const HOMOGENEOUS: bool = false;
    const KINKS: &'static [f64] = &[];
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        times(z, distribution(z))
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, z: T) -> T {
        distribution(z) + times(z, density(z))
    }
}

/// Φ(z). Its complement 1 − Φ(−z) would lose all digits where Φ is small.
#[inline(always)]
fn distribution<T: Scalar>(z: T) -> T {
    T::from_f64(0.5 * erfc(-FRAC_1_SQRT_2 * z.to_f64()))
}

/// φ(z).
#[inline(always)]
fn density<T: Scalar>(z: T) -> T {
    let scale = T::from_f64(1.0 / (2.0 * PI).sqrt());
    scale / (T::ONE + (T::from_f64(0.5) * z * z).exp_m1())
}

/// z·p, and 0 where p is, at −∞ too.
#[inline(always)]
pub(super) fn times<T: Scalar>(z: T, p: T) -> T {
    if p == T::ZERO { T::ZERO } else { z * p }
}
