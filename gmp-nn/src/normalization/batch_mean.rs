//! Mean-only batch normalization: z − μ with the mean of every column over the batch.

use super::{MOMENTUM, Normalize, Normalizer, Running};
use crate::op::{self, Activation};
use crate::{Declare, Element, Error, Forward, Slot};
use gmp_autograd::Var;
use serde::{Deserialize, Serialize};

/// Options of mean-only batch normalization.
///
/// ```
/// use gmp_nn::normalization::BatchMean;
/// use gmp_nn::{Mlp, Parameterization};
/// let mlp = Mlp::new(3, &[8], 1, Parameterization::WeightNorm).normalization(BatchMean { momentum: 0.9 });
/// let network = mlp.build::<f64>(1)?;
/// assert_eq!(network.buffers.get("hidden1.running_mean"), Some(&[0.0; 8][..])); // one per unit
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchMean {
    /// Momentum of the running mean: `momentum · running + (1 − momentum) · batch`, as in Keras; PyTorch's momentum
    /// is 1 − momentum.
    pub momentum: f64,
}

impl Default for BatchMean {
    fn default() -> Self {
        Self { momentum: MOMENTUM }
    }
}

impl<T: Element> Normalize<T> for BatchMean {
    fn name(&self) -> &'static str {
        "batch_mean"
    }
    fn declare(&self, columns: usize, declare: &mut Declare<'_, T>) -> Result<Box<dyn Normalizer<T>>, Error> {
        let mean = declare.buffer_row("running_mean", columns, T::ZERO)?;
        Ok(Box::new(Centred { mean, momentum: self.momentum }))
    }
}

#[derive(Debug)]
struct Centred {
    mean: Slot,
    momentum: f64,
}

impl<T: Element> Normalizer<T> for Centred {
    fn on_tape(&self, pass: &mut Forward<'_, T>, z: Var, activation: Activation) -> Var {
        let (tape, mut running) = pass.split();
        op::mean_norm(tape, z, activation, |mean| running.update(self.mean, self.momentum, mean))
    }
    fn running(&self) -> Option<Running> {
        Some(Running { mean: Some(self.mean), ..Running::default() })
    }
}
