//! One forward pass: the tape, and where normalizations take their statistics from.

use crate::{Element, Slot};
use gmp_autograd::{Tape, Var};

/// Where normalizations take their statistics from.
#[derive(Debug)]
pub enum Statistics<'a, T> {
    /// From the batch, which also updates the running ones: training.
    Batch(&'a mut [T]),
    /// From the batch, which puts its own in the place of the running ones: training as it would be, for those who look on.
    Measured(&'a mut [T]),
    /// From the buffers, as training left them: evaluation.
    Running(&'a [T]),
}

/// What a layer needs for one forward pass.
///
/// ```
/// use gmp_autograd::{Tape, Var, op};
/// use gmp_nn::{Element, Features, Forward, Layer, Network};
///
/// /// Halves its input in training.
/// #[derive(Debug)]
/// struct Half;
/// impl<T: Element> Layer<T> for Half {
///     fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
///         if pass.is_training() { op::scale(pass.tape, x, T::from_f64(0.5)) } else { x }
///     }
/// }
/// let mut network = Network::<f64>::builder(Features::Vector(1)).own("half", |_| Ok(Half))?.build();
/// let mut tape = Tape::new();
/// tape.begin(network.parameters.values());
/// let x = tape.input(&[8.0], 1, 1);
/// let [y, z] = [network.forward_training(&mut tape, x), network.forward(&mut tape, x)];
/// assert_eq!([tape.value(y).data(), tape.value(z).data()], [[4.0], [8.0]]);
/// # Ok::<(), gmp_nn::Error>(())
/// ```
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
        !matches!(self.statistics, Statistics::Running(_))
    }
    pub(crate) fn tape_and_buffers(&mut self) -> (&mut Tape<T>, &[T]) {
        let buffers: &[T] = match &self.statistics {
            Statistics::Batch(buffers) | Statistics::Measured(buffers) => buffers,
            Statistics::Running(buffers) => buffers,
        };
        (self.tape, buffers)
    }
    /// The tape, and the running statistics beside it: for an operation that shows its batch's statistics to a closure.
    ///
    /// ```
    /// use gmp_autograd::Var;
    /// use gmp_nn::{Activation, Element, Forward, Slot, op};
    /// /// Takes the mean of the batch away, and keeps a running mean at `slot` in training.
    /// fn centre<T: Element>(pass: &mut Forward<'_, T>, x: Var, slot: Slot) -> Var {
    ///     let (tape, mut running) = pass.split();
    ///     op::mean_norm(tape, x, Activation::Identity, |mean| running.update(slot, 0.99, mean))
    /// }
    /// ```
    pub fn split(&mut self) -> (&mut Tape<T>, RunningStatistics<'_, T>) {
        let (buffers, is_measured) = match &mut self.statistics {
            Statistics::Batch(buffers) => (Some(&mut **buffers), false),
            Statistics::Measured(buffers) => (Some(&mut **buffers), true),
            Statistics::Running(_) => (None, false),
        };
        (self.tape, RunningStatistics { buffers, is_measured })
    }
}

/// The running statistics of a network during a forward pass.
#[derive(Debug)]
pub struct RunningStatistics<'a, T> {
    buffers: Option<&'a mut [T]>,
    /// Whether those of the batch take the place of what is there.
    is_measured: bool,
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
        if self.is_measured {
            return slot.of_mut(buffers).copy_from_slice(batch);
        }
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
        RunningStatistics { buffers: Some(&mut buffers), is_measured: false }.update(
            slot,
            0.5,
            &[f64::MIN_POSITIVE, 0.0, 0.0, 4.0],
        );
        assert_eq!(buffers, [7.0, f64::MIN_POSITIVE, 1.5 * f64::MIN_POSITIVE, 0.0, 6.0]);
    }
}
