//! One forward pass: the tape, and where normalizations take their statistics from.

use crate::{Element, Slot};
use gmp_autograd::{Tape, Var};

/// Where normalizations take their statistics from.
#[derive(Debug)]
pub enum Statistics<'a, T> {
    /// From the batch, which also updates the running ones: training.
    Batch(&'a mut [T]),
    /// From the buffers, as training left them: evaluation.
    Running(&'a [T]),
}

/// What a layer needs for one forward pass.
pub struct Forward<'a, T: 'static> {
    /// Begun with the network's parameters.
    pub tape: &'a mut Tape<T>,
    /// The network's buffers.
    pub statistics: Statistics<'a, T>,
    /// Called with the name and the output of every layer.
    pub(crate) watch: Option<&'a mut Watch<'a>>,
}

/// Sees the name and the output of a layer.
pub(crate) type Watch<'a> = dyn FnMut(&str, Var) + 'a;

impl<T: Element> Forward<'_, T> {
    /// A parameter as a variable of the slot's rows and columns.
    ///
    /// # Panics
    /// If the slot is beyond the parameters that the tape was begun with.
    #[track_caller]
    pub fn parameter(&self, slot: Slot) -> Var {
        self.tape.parameter(slot.offset, slot.rows, slot.cols)
    }
    /// A buffer as a constant of the slot's rows and columns.
    ///
    /// # Panics
    /// If the slot is beyond the buffers.
    #[track_caller]
    pub fn buffer(&mut self, slot: Slot) -> Var {
        let (tape, buffers) = self.tape_and_buffers();
        tape.input(slot.of(buffers), slot.rows, slot.cols)
    }
    /// Whether normalizations take their statistics from the batch.
    pub fn is_training(&self) -> bool {
        matches!(self.statistics, Statistics::Batch(_))
    }
    pub(crate) fn tape_and_buffers(&mut self) -> (&mut Tape<T>, &[T]) {
        let buffers: &[T] = match &self.statistics {
            Statistics::Batch(buffers) => buffers,
            Statistics::Running(buffers) => buffers,
        };
        (self.tape, buffers)
    }
    /// The tape, and the running statistics beside it: for an operation that shows its batch's statistics to a closure.
    pub fn split(&mut self) -> (&mut Tape<T>, RunningStatistics<'_, T>) {
        let buffers = match &mut self.statistics {
            Statistics::Batch(buffers) => Some(&mut **buffers),
            Statistics::Running(_) => None,
        };
        (self.tape, RunningStatistics { buffers })
    }
}

/// The running statistics of a network during a forward pass.
#[derive(Debug)]
pub struct RunningStatistics<'a, T> {
    buffers: Option<&'a mut [T]>,
}

impl<T: Element> RunningStatistics<'_, T> {
    /// Moves the statistics at `slot` towards those of the batch: `momentum · running + (1 − momentum) · batch`. In
    /// evaluation they stay as they are.
    ///
    /// Those of a channel that died decay, and would stay below the smallest normal number for ever, where a product
    /// with the momentum is rounded to what it was: they become 0.
    ///
    /// # Panics
    /// If the slot is beyond the buffers.
    #[track_caller]
    pub fn update(&mut self, slot: Slot, momentum: f64, batch: &[T]) {
        let Some(buffers) = &mut self.buffers else { return };
        let momentum = T::from_f64(momentum);
        for (running, &batch) in slot.of_mut(buffers).iter_mut().zip(batch) {
            let mean = momentum * *running + (T::ONE - momentum) * batch;
            *running = if mean.abs() < T::MIN_POSITIVE { T::ZERO } else { mean };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mean below the smallest normal number becomes 0, and that number stays.
    #[test]
    fn running_statistics_are_no_denormals() {
        let mut buffers = [7.0, f64::MIN_POSITIVE, 3.0 * f64::MIN_POSITIVE, 1.5 * f64::MIN_POSITIVE, 8.0];
        let slot = Slot { offset: 1, rows: 1, cols: 4 };
        RunningStatistics { buffers: Some(&mut buffers) }.update(
            slot,
            0.5,
            &[f64::MIN_POSITIVE, 0.0, 0.0, 4.0],
        );
        assert_eq!(buffers, [7.0, f64::MIN_POSITIVE, 1.5 * f64::MIN_POSITIVE, 0.0, 6.0]);
    }
}
