//! Batch normalization: γ (z − μ)/√(σ²+ϵ) + β with the mean and the variance of every column over the batch.

use super::running::constant;
use super::{EPSILON, MOMENTUM, Normalize, Normalizer, Running, gain_and_shift};
use crate::op::{self, Activation};
use crate::{Declare, Element, Error, Forward, Slot};
use gmp_autograd::Var;
use serde::{Deserialize, Serialize};

/// Options of batch normalization; the defaults are Keras'.
///
/// ```
/// use gmp_nn::normalization::BatchNorm;
/// use gmp_nn::{Mlp, Parameterization};
/// let options = BatchNorm { momentum: 0.9, ..Default::default() }; // PyTorch's momentum of 0.1
/// let network = Mlp::new(3, &[8], 1, Parameterization::Standard).normalization(options).build::<f64>(1)?;
/// assert_eq!(network.parameters.get("hidden1.gain"), Some(&[1.0; 8][..]));
/// assert_eq!(network.buffers.get("hidden1.running_variance"), Some(&[1.0; 8][..]));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchNorm {
    /// ϵ, added to the variance.
    pub epsilon: f64,
    /// Momentum of the running statistics: `momentum · running + (1 − momentum) · batch`, as in Keras; PyTorch's
    /// momentum is 1 − momentum.
    pub momentum: f64,
    /// Whether there are a gain γ and a shift β.
    pub affine: bool,
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self { epsilon: EPSILON, momentum: MOMENTUM, affine: true }
    }
}

impl<T: Element> Normalize<T> for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }
    fn declare(&self, columns: usize, declare: &mut Declare<'_, T>) -> Result<Box<dyn Normalizer<T>>, Error> {
        let affine = gain_and_shift(self.affine, columns, declare)?;
        let mean = declare.buffer_row("running_mean", columns, T::ZERO)?;
        let variance = declare.buffer_row("running_variance", columns, T::ONE)?;
        Ok(Box::new(Normalized { options: *self, affine, mean, variance }))
    }
}

#[derive(Debug)]
struct Normalized {
    options: BatchNorm,
    /// Gain and shift.
    affine: Option<(Slot, Slot)>,
    mean: Slot,
    variance: Slot,
}

impl<T: Element> Normalizer<T> for Normalized {
    fn on_tape(&self, pass: &mut Forward<'_, T>, z: Var, activation: Activation) -> Var {
        let BatchNorm { epsilon, momentum, .. } = self.options;
        let (gain, shift) = match self.affine {
            Some((gain, shift)) => (pass.parameter(gain), pass.parameter(shift)),
            None => (constant(pass, self.mean, |_| T::ONE), constant(pass, self.mean, |_| T::ZERO)),
        };
        let (tape, mut running) = pass.split();
        op::batch_norm(tape, [z, gain, shift], T::from_f64(epsilon), activation, |mean, variance| {
            running.update(self.mean, momentum, mean);
            running.update(self.variance, momentum, variance);
        })
    }

    fn running(&self) -> Option<Running> {
        let (gain, shift) = self.affine.unzip();
        Some(Running {
            mean: Some(self.mean),
            variance: Some((self.variance, self.options.epsilon)),
            gain,
            shift,
        })
    }
}
