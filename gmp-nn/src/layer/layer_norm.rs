//! Layer normalization, then an activation.

use crate::op::{self, Activation};
use crate::{Element, Forward, Layer};
use gmp_autograd::{Var, op as basic};

/// Keras' default.
const EPSILON: f64 = 1e-3;

/// Every row to mean 0 and variance 1, without gain and shift.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    pub(crate) activation: Activation,
}

impl<T: Element> Layer<T> for LayerNorm {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let y = op::layer_norm(pass.tape, x, T::from_f64(EPSILON));
        match self.activation {
            Activation::Identity => y,
            Activation::Relu => basic::relu(pass.tape, y),
        }
    }
}
