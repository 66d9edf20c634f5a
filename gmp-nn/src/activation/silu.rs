//! The sigmoid linear unit.

use super::gelu::times;
use super::{Pointwise, Reads, Sigmoid};
use gmp_math::Scalar;

/// g(z) = z σ(z) with the sigmoid σ(z) = 1/(1 + e⁻ᶻ), also called swish; its slope is σ + g (1 − σ).
///
/// Source: Elfwing, Uchibe & Doya, "Sigmoid-Weighted Linear Units for Neural Network Function Approximation in
/// Reinforcement Learning", Neural Networks 2018.
///
/// ```
/// use gmp_nn::Activation::Silu;
/// assert_eq!((Silu.value(0.0), Silu.slope(0.0)), (0.0, 0.5));
/// assert!((Silu.value(10.0_f64) - 10.0).abs() < 1e-3); // nearly the identity
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silu;

impl Pointwise for Silu {
    const NAME: &'static str = "silu";
    const READS: Reads = Reads::Input;
    const HOMOGENEOUS: bool = false;
    const KINKS: &'static [f64] = &[];
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        times(z, Sigmoid.value(z))
    }
    /// Of −|z|, where σ and g vanish together; slope(z) + slope(−z) = 1 gives the other side.
    #[inline(always)]
    fn slope<T: Scalar>(self, z: T) -> T {
        let below = -z.abs();
        let sigmoid = Sigmoid.value(below);
        let slope = times(below, sigmoid).mul_add(T::ONE - sigmoid, sigmoid);
        if z > T::ZERO { T::ONE - slope } else { slope }
    }
}
