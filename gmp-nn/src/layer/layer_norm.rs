//! Layer normalization, then an activation.

use crate::op::{self, Activation};
use crate::{Boundaries, Element, Forward, Layer};
use gmp_autograd::Var;

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
        op::activation(pass.tape, y, self.activation)
    }

    /// A unit's output is the mean of all units' where (w − w̄)·x + (b − b̄) = 0; the variance moves no zero.
    fn move_boundaries(&self, _buffers: &[T], boundaries: &mut Boundaries<T>) -> bool {
        let units = boundaries.units();
        let Boundaries { normals, offsets } = boundaries;
        for row in normals.chunks_exact_mut(units).chain([&mut offsets[..]]) {
            let mean = row.iter().copied().sum::<T>() / T::from_usize(units);
            row.iter_mut().for_each(|x| *x -= mean);
        }
        true
    }
}
