//! The context of one forward pass: the tape, and the source of the statistics of normalizations.

use crate::{Element, Slot};
use gmp_autograd::{Tape, Var};

/// Where normalizations take their statistics from.
#[derive(Debug)]
pub enum Statistics<'a, T> {
    /// From the batch, which also updates the running statistics, as in training.
    Batch(&'a mut [T]),
    /// From the batch, whose statistics replace the running ones. This shows what training would compute, for measurements.
    Measured(&'a mut [T]),
    /// From the batch, without changing the running statistics; a record of their updates is kept instead. This is
    /// for the parts of a batch that are computed independently of each other.
    Recorded(&'a [T], &'a mut RecordedStatistics<T>),
    /// From the buffers, as training left them, for evaluation.
    Running(&'a [T]),
}

/// The updates of the running statistics by a training pass, which [`RecordedStatistics::apply`] carries out.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::normalization::BatchMean;
/// use gmp_nn::{NetworkSpec, RecordedStatistics};
/// let mut network = NetworkSpec::vector(1).normalization("mean", BatchMean { momentum: 0.9 }).build::<f64>(1)?;
/// let (mut tape, mut record) = (Tape::new(), RecordedStatistics::default());
/// tape.begin(network.parameters.values());
/// let x = tape.input(&[8.0, 12.0], 2, 1);
/// network.forward_recorded(&mut tape, x, &mut record);
/// assert_eq!(network.buffers.values(), [0.0]); // as before
/// record.apply(network.buffers.values_mut());
/// assert!((network.buffers.values()[0] - 1.0).abs() < 1e-12); // a tenth of the way from 0 to 10
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedStatistics<T> {
    /// The place and the momentum of every move.
    moves: Vec<(Slot, f64)>,
    /// The statistics of the batch, one move after the other.
    numbers: Vec<T>,
    /// Buffers that a layer looked at.
    read: Vec<Slot>,
}

impl<T> Default for RecordedStatistics<T> {
    fn default() -> Self {
        Self { moves: Vec::new(), numbers: Vec::new(), read: Vec::new() }
    }
}

impl<T: Element> RecordedStatistics<T> {
    /// Removes all updates; the memory is reused.
    pub fn clear(&mut self) {
        self.moves.clear();
        self.numbers.clear();
        self.read.clear();
    }

    /// Every update in the order of the pass: its slot, its momentum, and the statistics of the batch.
    pub fn moves(&self) -> impl Iterator<Item = (Slot, f64, &[T])> {
        let mut numbers = &self.numbers[..];
        self.moves.iter().map(move |&(slot, momentum)| {
            let batch;
            (batch, numbers) = numbers.split_at(slot.rows * slot.cols);
            (slot, momentum, batch)
        })
    }

    /// Adds an update, such as one that another process has recorded.
    ///
    /// # Panics
    /// If the numbers do not fit the slot.
    #[track_caller]
    pub fn push(&mut self, slot: Slot, momentum: f64, batch: &[T]) {
        let expected = slot.rows * slot.cols;
        assert!(batch.len() == expected, "{} statistics for a slot of {expected} numbers", batch.len());
        self.moves.push((slot, momentum));
        self.numbers.extend_from_slice(batch);
    }

    /// Updates the running statistics in `buffers`, bit-for-bit as [`RunningStatistics::update`] would have done
    /// during the pass.
    ///
    /// # Panics
    /// If a slot is beyond the buffers.
    #[track_caller]
    pub fn apply(&self, buffers: &mut [T]) {
        for (slot, momentum, batch) in self.moves() {
            move_towards(slot.of_mut(buffers), momentum, batch);
        }
    }

    /// Whether a layer read ([`Forward::buffer`]) statistics that the pass updates. Its result then depends on the
    /// earlier parts of the batch, so the parts cannot be computed independently of each other.
    pub fn is_sequential(&self) -> bool {
        let overlaps = |a: Slot, b: Slot| a.offset < b.range().end && b.offset < a.range().end;
        self.read.iter().any(|&read| self.moves.iter().any(|&(moved, _)| overlaps(read, moved)))
    }
}

/// `momentum · running + (1 − momentum) · batch`; what is below the smallest normal number becomes 0.
fn move_towards<T: Element>(running: &mut [T], momentum: f64, batch: &[T]) {
    let momentum = T::from_f64(momentum);
    for (running, &batch) in running.iter_mut().zip(batch) {
        let mean = momentum * *running + (T::ONE - momentum) * batch;
        *running = if mean.abs() < T::MIN_POSITIVE { T::ZERO } else { mean };
    }
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
    /// The tape, on which a pass was begun with the network's parameters.
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
        if let Statistics::Recorded(_, record) = &mut self.statistics {
            record.read.push(slot);
        }
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
            Statistics::Recorded(buffers, _) | Statistics::Running(buffers) => buffers,
        };
        (self.tape, buffers)
    }
    /// The tape and the running statistics, for an operation that passes the statistics of its batch to a closure.
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
        let target = match &mut self.statistics {
            Statistics::Batch(buffers) => Target::Moved(buffers),
            Statistics::Measured(buffers) => Target::Replaced(buffers),
            Statistics::Recorded(_, record) => Target::Recorded(record),
            Statistics::Running(_) => Target::None,
        };
        (self.tape, RunningStatistics { target })
    }
}

/// The running statistics of a network during a forward pass.
#[derive(Debug)]
pub struct RunningStatistics<'a, T> {
    target: Target<'a, T>,
}

/// What becomes of the statistics of a batch.
#[derive(Debug)]
enum Target<'a, T> {
    None,
    Moved(&'a mut [T]),
    Replaced(&'a mut [T]),
    Recorded(&'a mut RecordedStatistics<T>),
}

impl<T: Element> RunningStatistics<'_, T> {
    /// Moves the statistics at `slot` towards those of the batch: `momentum · running + (1 − momentum) · batch`. In
    /// evaluation they are unchanged.
    ///
    /// The statistics of a dead channel decay, and would stay below the smallest normal number for ever, since there
    /// a product with the momentum is rounded to the same number. They are therefore set to 0.
    ///
    /// # Panics
    /// If the slot is beyond the buffers.
    #[track_caller]
    pub fn update(&mut self, slot: Slot, momentum: f64, batch: &[T]) {
        match &mut self.target {
            Target::None => {}
            Target::Moved(buffers) => move_towards(slot.of_mut(buffers), momentum, batch),
            Target::Replaced(buffers) => slot.of_mut(buffers).copy_from_slice(batch),
            Target::Recorded(record) => record.push(slot, momentum, batch),
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
        RunningStatistics { target: Target::Moved(&mut buffers) }.update(
            slot,
            0.5,
            &[f64::MIN_POSITIVE, 0.0, 0.0, 4.0],
        );
        assert_eq!(buffers, [7.0, f64::MIN_POSITIVE, 1.5 * f64::MIN_POSITIVE, 0.0, 6.0]);
    }
}
