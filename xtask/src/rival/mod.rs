//! Rivals of GmP: other methods that bound the turn of a boundary by the step, without angles. They use only the
//! public interface of the libraries, as any program can: a parameterization is a type that implements
//! [`Parameterize`](gmp_nn::parameterization::Parameterize), and steps are changed by an optimizer that wraps another
//! one. `gmp_math::tangent` has the theorems.
//!
//! | | trained | turn of a step |
//! |---|---|---|
//! | [`geodesic`] | u, λ, r | its length in radians, exactly |
//! | [`projected`] | v, λ, r; v rescaled to length 1 after every step | at most arcsin of the step's length |
//! | [`fixed_norm`] | w, b; ‖w‖ stays as it was initialized | arctan of the learning rate, exactly |
//! | [`natural`] | θ, λ, r; steps of angles divided by the square root of the metric | the step's length, to first order |
//! | [`scaled`] | θ, λ, r; steps of angles divided by √(n − 1) | at most the step of one angle, if all steps are equal |
//! | [`recentred`] | θ, λ, r; new coordinates for a unit that nears a pole | at most the step's length, and at least half of it to first order |
//!
//! In a network of your own, choose the parameterization and, if the method has one, wrap any optimizer in that of
//! the method. This example uses the geodesic method; `projected` needs no special optimizer:
//!
//! ```
//! use gmp_math::{Mat, boundary::turns};
//! use gmp_nn::{Boundaries, NetworkSpec, Parameterization};
//! use gmp_train::{Adam, Dataset, Loss, Trainer};
//! use xtask::rival::{geodesic, projected::UnitVectors};
//!
//! const DIRECTIONS: Parameterization = Parameterization::Custom(&UnitVectors("geodesic"));
//! let data = Dataset::new(vec![0.0, 1.0, 1.0, 0.0, -1.0, 0.5], 2, vec![1.0, 0.0, 0.5], 1)?;
//! // Layers whose names begin with `hidden` are stepped along great circles.
//! let mut network = NetworkSpec::vector(2).dense("hidden1", 8, DIRECTIONS).output(1).build::<f64>(7)?;
//! let mut optimizer = geodesic::stepping(&network, Box::new(Adam::default()));
//! let mut boundaries = Boundaries::default();
//! network.boundaries("hidden1", &mut boundaries);
//! let before = boundaries.normals.clone();
//! // One step.
//! Trainer::new(Loss::MeanSquaredError, 3, 1, 0.1).fit(&mut network, &mut optimizer, &data, None, &mut ())?;
//! network.boundaries("hidden1", &mut boundaries);
//! let normals = [&before, &boundaries.normals].map(|normals| Mat::new(normals, 2, 8));
//! for turn in turns(normals[0], normals[1]) {
//!     assert!(turn < 0.1 + 1e-9); // radians: no boundary turned by more than the learning rate
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`projected`] is one file that a program can copy without changes; [`geodesic`] is one more. The section of the
//! experiment `rivals` in the report compares each of them with GmP.

pub mod fixed_norm;
pub mod geodesic;
pub mod natural;
pub mod projected;
pub mod recentred;
pub mod scaled;

use crate::method::OUTPUT_LAYER;
use gmp_math::Scalar;
use gmp_nn::{Element, Network, Slot};
use gmp_train::Optimizer;

/// How a method changes the steps of an optimizer, for networks of either precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepping {
    /// See [`geodesic`].
    Geodesic,
    /// See [`fixed_norm`].
    FixedNorm,
    /// See [`natural`].
    Natural,
    /// See [`scaled`].
    Scaled,
    /// See [`recentred`].
    Recentred,
}

impl Stepping {
    /// An optimizer for `network` that takes the steps of `optimizer` in this way.
    #[must_use]
    pub fn around<T: Element>(
        self,
        network: &Network<T>,
        optimizer: Box<dyn Optimizer<T>>,
    ) -> Box<dyn Optimizer<T>> {
        match self {
            Self::Geodesic => geodesic::stepping(network, optimizer),
            Self::FixedNorm => fixed_norm::stepping(network, optimizer),
            Self::Natural => natural::stepping(network, optimizer),
            Self::Scaled => scaled::stepping(network, optimizer),
            Self::Recentred => recentred::stepping(network, optimizer),
        }
    }
}

/// The matrices of this name of every layer but the output: one column for each neuron of a dense layer, or filter of a
/// convolution.
fn hidden<T: Element>(network: &Network<T>, name: &str) -> Vec<Slot> {
    let is_it =
        |full: &str| full.rsplit_once('.').is_some_and(|(layer, last)| last == name && layer != OUTPUT_LAYER);
    network.parameters.entries().iter().filter(|entry| is_it(&entry.name)).map(|entry| entry.slot).collect()
}

/// The numbers of one unit, a column of a matrix.
fn column(slot: Slot, unit: usize) -> impl Iterator<Item = usize> {
    (0..slot.rows).map(move |row| slot.offset + row * slot.cols + unit)
}

/// Copies the numbers of one unit, in double precision.
fn gather<T: Scalar>(slot: Slot, unit: usize, values: &[T], into: &mut Vec<f64>) {
    into.clear();
    into.extend(column(slot, unit).map(|k| values[k].to_f64()));
}

/// Writes the numbers of one unit.
fn scatter<T: Scalar>(slot: Slot, unit: usize, numbers: &[f64], values: &mut [T]) {
    column(slot, unit).zip(numbers).for_each(|(k, number)| values[k] = T::from_f64(*number));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::method::{self, MethodId};
    use crate::setting::Optimizing;
    use gmp_math::boundary::angle_between;
    use gmp_nn::zoo::vgg6;
    use gmp_nn::{Boundaries, Rng};
    use gmp_train::{Adam, Dataset, Loss, State, Step, Trainer};
    use std::ops::ControlFlow;

    /// The normals of every step.
    struct Normals {
        before: Vec<f64>,
        /// The largest turn of a unit in each step, and the smallest.
        turns: Vec<[f64; 2]>,
        check: fn(&Network<f64>),
        mirror: Network<f64>,
    }

    impl gmp_train::Observer<f64> for Normals {
        fn on_step(&mut self, _: &Step, state: &State<'_, f64>) -> ControlFlow<()> {
            self.mirror.parameters.values_mut().copy_from_slice(state.model.parameters().values());
            (self.check)(&self.mirror);
            let mut boundaries = Boundaries::default();
            self.mirror.boundaries("hidden1", &mut boundaries);
            let units = boundaries.units();
            let of = |normals: &[f64], unit: usize| -> Vec<f64> {
                normals.iter().skip(unit).step_by(units).copied().collect()
            };
            let turns: Vec<f64> = (0..units)
                .map(|unit| angle_between(&of(&self.before, unit), &of(&boundaries.normals, unit)))
                .collect();
            let fold = |start, pick: fn(f64, f64) -> f64| turns.iter().copied().fold(start, pick);
            self.turns.push([fold(0.0, f64::max), fold(9.0, f64::min)]);
            self.before = boundaries.normals;
            ControlFlow::Continue(())
        }
    }

    /// In single precision, convolutional layers take the steps of double precision up to rounding, and the last layer takes those of
    /// the optimizer inside.
    #[test]
    fn both_precisions_take_the_same_steps_in_every_layer_but_the_output() {
        fn after<T: Element>(method: MethodId, stepping: Option<Stepping>) -> Network<T> {
            let mut network: Network<T> = vgg6(&method.variant(), 2, 3).build(5).unwrap();
            let adam = Box::new(Adam::default());
            let mut optimizer: Box<dyn Optimizer<T>> = match stepping {
                Some(stepping) => stepping.around(&network, adam),
                None => adam,
            };
            // A unit has to turn far before it is recentred.
            let rate = if method == method::RECENTRED { 0.2 } else { 0.03 };
            let mut rng = Rng::new(6, "gradients");
            for _ in 0..5 {
                let count = network.parameters.values().len();
                let gradients: Vec<T> = (0..count).map(|_| T::from_f64(rng.normal())).collect();
                optimizer.step(&mut network.parameters, &gradients, rate);
            }
            network
        }
        for method in
            [method::GEODESIC, method::FIXED_NORM, method::NATURAL, method::SCALED, method::RECENTRED]
        {
            let (single, double) =
                (after::<f32>(method, method.stepping), after::<f64>(method, method.stepping));
            let values = single.parameters.values().iter().zip(double.parameters.values());
            let furthest = values.map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(furthest < 1e-4, "{method}: {furthest:e}");
            let plain = after::<f64>(method, None);
            let is_equal =
                |name: &str| double.parameters.get(name).unwrap() == plain.parameters.get(name).unwrap();
            let trained = trained(method);
            assert!(
                ["conv1", "conv6"].iter().all(|layer| !is_equal(&format!("{layer}.{trained}"))),
                "{method}"
            );
            assert!(["output.weights", "output.bias"].into_iter().all(is_equal), "{method}");
        }
    }

    /// The parameters that make the directions of a method's units.
    fn trained(method: MethodId) -> &'static str {
        match method.stepping {
            Some(Stepping::Geodesic) => "direction",
            Some(Stepping::FixedNorm) => "weights",
            _ => "angles",
        }
    }

    /// Trains a method for 40 steps and returns the largest and the smallest turn of a unit in each; `check` sees the network after
    /// every step.
    pub(crate) fn turns(
        method: MethodId,
        inputs: usize,
        rate: f64,
        check: fn(&Network<f64>),
    ) -> Vec<[f64; 2]> {
        let mut network: Network<f64> = method.mlp(inputs, &[6], 1).build(2).unwrap();
        let mut rng = Rng::new(4, "samples");
        let x: Vec<f64> = (0..24 * inputs).map(|_| rng.normal()).collect();
        let y: Vec<f64> = x.chunks(inputs).map(|x| (2.0 * x[0]).sin() + x.iter().sum::<f64>()).collect();
        let data = Dataset::new(x, inputs, y, 1).unwrap();
        let mut optimizer = method.optimizer(&network, Optimizing::Adam.optimizer());
        let mut boundaries = Boundaries::default();
        network.boundaries("hidden1", &mut boundaries);
        let mut normals =
            Normals { before: boundaries.normals, turns: Vec::new(), check, mirror: network.clone() };
        let trainer = Trainer::new(Loss::MeanSquaredError, 12, 20, rate);
        trainer.fit(&mut network, &mut optimizer, &data, None, &mut normals).unwrap();
        assert_eq!(normals.turns.len(), 40);
        normals.turns
    }
}
