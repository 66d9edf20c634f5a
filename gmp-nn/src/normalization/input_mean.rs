//! Input mean normalization: every column of a layer's input minus its mean over the batch.

use super::{BatchMean, MOMENTUM, Normalize, Normalizer, Placement};
use crate::{Declare, Element, Error};
use serde::{Deserialize, Serialize};

/// Options of input mean normalization: mean-only batch normalization of the input of a layer.
///
/// ```
/// use gmp_nn::normalization::InputMean;
/// use gmp_nn::{Mlp, Parameterization};
/// let mlp = Mlp::new(3, &[8], 1, Parameterization::Geometric).normalization(InputMean { momentum: 0.9 });
/// let network = mlp.build::<f64>(1)?;
/// assert_eq!(network.buffers.get("hidden1.running_mean"), Some(&[0.0; 3][..])); // one per input
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InputMean {
    /// Momentum of the running mean: `momentum · running + (1 − momentum) · batch`, as in Keras; PyTorch's momentum
    /// is 1 − momentum.
    pub momentum: f64,
}

impl Default for InputMean {
    fn default() -> Self {
        Self { momentum: MOMENTUM }
    }
}

impl<T: Element> Normalize<T> for InputMean {
    fn name(&self) -> &'static str {
        "input_mean"
    }
    fn placement(&self) -> Placement {
        Placement::Input
    }
    fn declare(&self, columns: usize, declare: &mut Declare<'_, T>) -> Result<Box<dyn Normalizer<T>>, Error> {
        BatchMean { momentum: self.momentum }.declare(columns, declare)
    }
}
