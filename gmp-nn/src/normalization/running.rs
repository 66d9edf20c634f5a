//! Normalizations in evaluation: one affine map per column, with running statistics.

use crate::op::{self, Activation};
use crate::parameterization::EffectiveWeights;
use crate::{Boundaries, Element, Forward, Slot};
use gmp_autograd::{Pullback, Rule, Shape, Var, op as basic};

/// The slots of the numbers in `gain · (z − mean)/√(variance + ϵ) + shift`, which is applied column by column. What
/// is `None` is left out.
///
/// Evaluation, activation boundaries and folding follow from it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Running {
    /// A buffer.
    pub mean: Option<Slot>,
    /// A buffer, and ϵ.
    pub variance: Option<(Slot, f64)>,
    /// A parameter.
    pub gain: Option<Slot>,
    /// A parameter.
    pub shift: Option<Slot>,
}

/// The numbers of one column.
struct Column<T> {
    mean: T,
    deviation: T,
    gain: T,
    shift: T,
}

impl Running {
    pub(crate) fn on_tape<T: Element>(
        self,
        pass: &mut Forward<'_, T>,
        z: Var,
        activation: Activation,
    ) -> Var {
        let Self { mean, variance, gain, shift } = self;
        let mut y = z;
        if let Some(mean) = mean {
            let minus_mean = constant(pass, mean, |mean| -mean);
            y = basic::add_row(pass.tape, y, minus_mean);
        }
        if let Some((variance, epsilon)) = variance {
            let epsilon = T::from_f64(epsilon);
            let inverse = constant(pass, variance, |v| T::ONE / (v + epsilon).sqrt());
            y = basic::mul_row(pass.tape, y, inverse);
        }
        if let Some(gain) = gain {
            let gain = pass.parameter(gain);
            y = basic::mul_row(pass.tape, y, gain);
        }
        if let Some(shift) = shift {
            let shift = pass.parameter(shift);
            y = basic::add_row(pass.tape, y, shift);
        }
        op::activation(pass.tape, y, activation)
    }

    fn column<T: Element>(self, j: usize, parameters: &[T], buffers: &[T]) -> Column<T> {
        let number = |slot: Option<Slot>, of: &[T], default| slot.map_or(default, |slot| slot.of(of)[j]);
        Column {
            mean: number(self.mean, buffers, T::ZERO),
            deviation: self
                .variance
                .map_or(T::ONE, |(slot, epsilon)| (slot.of(buffers)[j] + T::from_f64(epsilon)).sqrt()),
            gain: number(self.gain, parameters, T::ONE),
            shift: number(self.shift, parameters, T::ZERO),
        }
    }

    /// Number of columns.
    pub(crate) fn columns(self) -> usize {
        let slots = [self.mean, self.variance.map(|(slot, _)| slot), self.gain, self.shift];
        slots.into_iter().flatten().next().map_or(0, |slot| slot.cols)
    }

    /// The factor and the shift of column j: `factor · z + shift`.
    pub(crate) fn factor_and_shift<T: Element>(self, j: usize, parameters: &[T], buffers: &[T]) -> (T, T) {
        let Column { mean, deviation, gain, shift } = self.column(j, parameters, buffers);
        let factor = gain / deviation;
        (factor, shift - mean * factor)
    }

    /// Folds it into the weights and biases of the units before it.
    pub(crate) fn fold<T: Element>(self, parameters: &[T], buffers: &[T], into: &mut EffectiveWeights<T>) {
        for unit in 0..into.bias.len() {
            let Column { mean, deviation, gain, shift } = self.column(unit, parameters, buffers);
            into.bias[unit] -= mean;
            if self.gain.is_some() || self.variance.is_some() {
                into.scale_unit(unit, gain / deviation);
            }
            into.bias[unit] += shift;
        }
    }

    pub(super) fn place_boundaries<T: Element>(
        self,
        parameters: &[T],
        buffers: &[T],
        value: T,
        boundaries: &mut Boundaries<T>,
    ) {
        let units = boundaries.units();
        for j in 0..units {
            let Column { mean, deviation, gain, shift } = self.column(j, parameters, buffers);
            boundaries.offsets[j] += (shift - value) * deviation / gain - mean;
            // The normal points to where the unit is active: a negative gain turns it round.
            if gain < T::ZERO {
                boundaries.offsets[j] = -boundaries.offsets[j];
                boundaries.normals.iter_mut().skip(j).step_by(units).for_each(|w| *w = -*w);
            }
        }
    }
}

/// A row of constants on the tape, made of the numbers of a buffer.
pub(super) fn constant<T: Element>(pass: &mut Forward<'_, T>, buffer: Slot, f: impl Fn(T) -> T) -> Var {
    let (tape, buffers) = pass.tape_and_buffers();
    tape.record(&Constant, [], Shape::new(1, buffer.cols), 0, |[], mut row, _| {
        for (row, &x) in row.data_mut().iter_mut().zip(buffer.of(buffers)) {
            *row = f(x);
        }
    })
}

struct Constant;
impl<T: Element> Rule<T> for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }
    fn backward(&self, _pull: &mut Pullback<'_, T>) {}
}
