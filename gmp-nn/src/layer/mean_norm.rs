//! Mean-only batch normalization: MBN before the rectifier, IMN after it.

use super::track;
use crate::op::{self, Activation};
use crate::{Boundaries, Element, Forward, Layer, Slot, Statistics};
use gmp_autograd::{Var, op as basic};

/// Every column less its mean: that of the batch in training, the running one in evaluation.
#[derive(Debug)]
pub(crate) struct MeanNorm {
    pub(crate) mean: Slot,
    pub(crate) activation: Activation,
}

impl<T: Element> Layer<T> for MeanNorm {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        match &mut pass.statistics {
            Statistics::Batch(running) => {
                let running = &mut running[self.mean.range()];
                op::mean_norm(pass.tape, x, self.activation, |mean| track(running, mean))
            }
            Statistics::Running(running) => {
                let minus_mean: Vec<T> = running[self.mean.range()].iter().map(|&mean| -mean).collect();
                let minus_mean = pass.tape.input(&minus_mean, 1, self.mean.cols);
                let y = basic::add_row(pass.tape, x, minus_mean);
                op::activation(pass.tape, y, self.activation)
            }
        }
    }

    fn move_boundaries(&self, buffers: &[T], boundaries: &mut Boundaries<T>) -> bool {
        for (offset, &mean) in boundaries.offsets.iter_mut().zip(&buffers[self.mean.range()]) {
            *offset -= mean;
        }
        true
    }
}
