//! Input mean normalization: every column of a layer's input less its mean over the batch.

use super::{BatchMean, MOMENTUM, Normalize, Normalizer, Placement};
use crate::{Declare, Element, Error};
use serde::{Deserialize, Serialize};

/// Options of input mean normalization: mean-only batch normalization of what goes into a layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InputMean {
    /// Of the running mean: `momentum · running + (1 − momentum) · batch`.
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
