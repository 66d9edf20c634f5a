//! What a layer is: an immutable description that reads its numbers from a slot; and the layers that are not
//! made of units.

mod layer_norm;
mod mean_norm;
mod pool;
mod residual;

pub(crate) use layer_norm::LayerNorm;
pub(crate) use mean_norm::MeanNorm;
pub(crate) use pool::{GlobalAveragePool, MaxPool};
pub(crate) use residual::Residual;

use crate::fold::EffectiveWeights;
use crate::params::Slot;
use crate::{Boundaries, Element};
use gmp_autograd::{Tape, Var};

/// Where normalizations take their statistics from.
#[derive(Debug)]
pub enum Statistics<'a, T> {
    /// From the batch, which also moves the running ones: training.
    Batch(&'a mut [T]),
    /// From what training left in the buffers: evaluation.
    Running(&'a [T]),
}

/// Keras' default, which the authors keep.
const MOMENTUM: f64 = 0.99;

/// Moves running statistics towards those of a batch, one for one.
///
/// Those of a channel that died decay, and would stay below the smallest normal number for ever, where a product with
/// the momentum is rounded to what it was: they become 0.
pub(crate) fn track<T: Element>(running: &mut [T], batch: &[T]) {
    let momentum = T::from_f64(MOMENTUM);
    for (running, &batch) in running.iter_mut().zip(batch) {
        let mean = momentum * *running + (T::ONE - momentum) * batch;
        *running = if mean.abs() < T::MIN_POSITIVE { T::ZERO } else { mean };
    }
}

/// What a layer needs for one forward pass.
pub struct Forward<'a, T: 'static> {
    /// Begun with the network's parameters.
    pub tape: &'a mut Tape<T>,
    /// The network's buffers.
    pub statistics: Statistics<'a, T>,
}

impl<T: Element> Forward<'_, T> {
    /// A parameter as a variable of the slot's rows and columns.
    ///
    /// # Panics
    /// If the slot lies beyond the parameters that the tape was begun with.
    #[track_caller]
    pub fn parameter(&self, slot: Slot) -> Var {
        self.tape.parameter(slot.offset, slot.rows, slot.cols)
    }
    /// A buffer as a constant of the slot's rows and columns.
    ///
    /// # Panics
    /// If the slot lies beyond the buffers.
    #[track_caller]
    pub fn buffer(&mut self, slot: Slot) -> Var {
        let buffers: &[T] = match &self.statistics {
            Statistics::Batch(buffers) => buffers,
            Statistics::Running(buffers) => buffers,
        };
        self.tape.input(&buffers[slot.range()], slot.rows, slot.cols)
    }
}

/// Layers one after the other. What one hands to the next has no other use; x may have.
pub(crate) fn chain<T: Element>(layers: &[Box<dyn Layer<T>>], pass: &mut Forward<'_, T>, x: Var) -> Var {
    let Some((first, rest)) = layers.split_first() else { return x };
    let y = first.forward(pass, x.shared());
    rest.iter().fold(y, |y, layer| layer.forward(pass, y.last_use()))
}

/// A layer of units owns whole neurons, their activation included, since parameterizations differ in what
/// surrounds it.
pub trait Layer<T: Element>: std::fmt::Debug + Send + Sync {
    /// Maps samples×inputs to samples×units, and images (batch·height·width)×channels to such images. A layer that uses
    /// x more than once makes it [shared](Var::shared) first.
    ///
    /// # Panics
    /// If x is not of the shape that the layer was built for.
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var;

    /// The layer as plain weights and biases; `None` for a layer that is not made of units.
    fn plain(&self, _parameters: &[T], _buffers: &[T]) -> Option<EffectiveWeights<T>> {
        None
    }

    /// The layers of both branches of a residual block; nothing for any other layer.
    fn branches(&self) -> [&[Box<dyn Layer<T>>]; 2] {
        [&[], &[]]
    }

    /// Writes the effective (w, b) of every unit, in the space of the unit's own inputs, of what is inside the layer:
    /// what stands behind it [moves](Layer::move_boundaries) them. `false` for a layer that is not made of units.
    fn boundaries(&self, _parameters: &[T], _buffers: &[T], _boundaries: &mut Boundaries<T>) -> bool {
        false
    }

    /// For a normalization behind units without a rectifier, whose outputs are w·x + b: moves their (w, b) to those
    /// of the hyperplanes where its own outputs are zero, with running statistics. `false` for any other layer.
    fn move_boundaries(&self, _buffers: &[T], _boundaries: &mut Boundaries<T>) -> bool {
        false
    }
}
