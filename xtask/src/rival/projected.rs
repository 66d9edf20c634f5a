//! Projected weight normalization: r g(v/‖v‖·x + λ), where v is rescaled to length 1 after every step.
//!
//! Weight normalization has no bound in the step because the length of v is free: gradients are orthogonal to v, so
//! that it grows, and a v that started short turns far. At length 1 a step ε turns v by at most arcsin ‖ε‖. The
//! geodesic rival uses this parameterization too; its steps keep the length, so that nothing has to be rescaled.

use gmp_autograd::Mat;
use gmp_nn::parameterization::{EffectiveWeights, Parameterize, Unit, Weights};
use gmp_nn::{Declare, Element, Error, Forward, Role, Slot, op};

/// Unit vectors as directions, outside of which are offset and radius as under GmP.
#[derive(Debug)]
pub struct UnitVectors(pub &'static str);

impl<T: Element> Parameterize<T> for UnitVectors {
    fn name(&self) -> &'static str {
        self.0
    }
    fn declare(
        &self,
        initial: Mat<'_, T>,
        declare: &mut Declare<'_, T>,
    ) -> Result<Box<dyn Weights<T>>, Error> {
        let (rows, units) = (initial.rows(), initial.cols());
        let mut directions = initial.data().to_vec();
        let radii: Vec<T> = (0..units).map(|unit| normalize(&mut directions, rows, units, unit)).collect();
        let direction = declare.parameter("direction", Role::Other, Mat::new(&directions, rows, units));
        let offset = declare.row("offset", Role::Offset, units, T::ZERO)?;
        let radius = declare.parameter("radius", Role::Radius, Mat::new(&radii, 1, units));
        let one = declare.buffer_row("one", units, T::ONE)?;
        Ok(Box::new(Directions { direction, offset, radius, one }))
    }
}

#[derive(Debug)]
struct Directions {
    direction: Slot,
    offset: Slot,
    radius: Slot,
    /// The length of a direction, for the operation of weight normalization.
    one: Slot,
}

impl<T: Element> Weights<T> for Directions {
    /// Through v/‖v‖, so that the gradient of a direction is tangent.
    fn on_tape(&self, pass: &mut Forward<'_, T>) -> Unit {
        let (v, one) = (pass.parameter(self.direction), pass.buffer(self.one));
        let (bias, radius) = (pass.parameter(self.offset), pass.parameter(self.radius));
        Unit { weight: op::weight_norm(pass.tape, v, one), bias, scale: Some(radius) }
    }
    fn effective(&self, parameters: &[T], _buffers: &[T], into: &mut EffectiveWeights<T>) {
        into.weights.extend_from_slice(self.direction.of(parameters));
        into.bias.extend_from_slice(self.offset.of(parameters));
        into.scale.extend_from_slice(self.radius.of(parameters));
        let units = self.direction.cols;
        for unit in 0..units {
            normalize(&mut into.weights, self.direction.rows, units, unit);
        }
    }
    fn after_step(&self, parameters: &mut [T]) {
        let directions = self.direction.of_mut(parameters);
        for unit in 0..self.direction.cols {
            normalize(directions, self.direction.rows, self.direction.cols, unit);
        }
    }
}

/// Brings a column to length 1 and returns the length that it had; one of length 0 stays.
fn normalize<T: Element>(values: &mut [T], rows: usize, units: usize, unit: usize) -> T {
    let column = || (0..rows).map(|row| row * units + unit);
    let norm = column().fold(T::ZERO, |norm, k| norm.hypot(values[k]));
    if norm > T::ZERO {
        column().for_each(|k| values[k] /= norm);
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::super::tests::turns;
    use crate::method;
    use gmp_math::tangent::projected_worst_case;

    #[test]
    fn directions_stay_of_length_one_and_turn_within_the_bound() {
        for inputs in [2, 5] {
            let rate = 0.05;
            let turns = turns(method::PROJECTED, inputs, rate, |network| {
                let v = network.parameters.matrix("hidden1.direction").unwrap();
                for unit in 0..v.cols() {
                    let norm: f64 = v.col(unit).map(|x| x * x).sum::<f64>().sqrt();
                    assert!((norm - 1.0).abs() < 1e-14, "{norm}");
                }
            });
            // Adam's steps are hardly longer than the rate in any number of a unit.
            let bound = projected_worst_case(1.5 * rate * (inputs as f64).sqrt());
            assert!(turns.iter().all(|turn| turn[0] <= bound), "{turns:?}");
            assert!(turns.iter().any(|turn| turn[0] > 0.2 * rate));
        }
    }
}
