//! The leaky rectified linear unit.

use super::{Pointwise, Reads};
use gmp_math::Scalar;

/// g(z) = z where z > 0, else slope·z.
///
/// The slope may be negative; the output then does not determine the sign of the input, which is therefore kept.
///
/// Source: Maas, Hannun & Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML 2013 workshop.
///
/// ```
/// use gmp_nn::Activation;
/// let activation = Activation::LeakyRelu { slope: 0.1 };
/// assert_eq!([-2.0, 3.0].map(|z| activation.value(z)), [-0.2, 3.0]);
/// assert_eq!(activation.to_string(), "leaky_relu(0.1)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakyRelu {
    /// The factor of negative numbers, also the slope at 0.
    pub slope: f64,
}

impl Pointwise for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const READS: Reads = Reads::Input;
    const HOMOGENEOUS: bool = true;
    const KINKS: &'static [f64] = &[0.0];
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        if z > T::ZERO { z } else { T::from_f64(self.slope) * z }
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, z: T) -> T {
        if z > T::ZERO { T::ONE } else { T::from_f64(self.slope) }
    }
}
