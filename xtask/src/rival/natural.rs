//! Natural angles: the step of every angle is divided by the square root of its metric, √g, so that equal steps of
//! all angles turn a boundary equally.
//!
//! The gradient of an angle is its derivative along a coordinate line whose length on the sphere is √g; divided by √g
//! it is the derivative per radian of turn. The optimizer inside receives these derivatives, and its steps are
//! divided by √g again. To first order the turn is then the length of the step. A finite step has no bound: near a
//! pole, where √g is small, angles move far. Square roots below [`LEAST`] are replaced by it.

use super::{column, gather, hidden};
use gmp_math::Scalar;
use gmp_math::sphere::metric;
use gmp_nn::{Element, Network, ParamStore, Slot};
use gmp_train::{Error, Optimizer, OptimizerState};

/// The smallest square root of the metric by which steps are divided.
pub const LEAST: f64 = 0.05;

/// Natural steps of all hidden units' angles, by the steps of `optimizer`.
#[must_use]
pub fn stepping<T: Element>(network: &Network<T>, optimizer: Box<dyn Optimizer<T>>) -> Box<dyn Optimizer<T>> {
    let slots = hidden(network, "angles");
    Box::new(Natural {
        optimizer,
        slots,
        before: Vec::new(),
        roots: Vec::new(),
        scaled: Vec::new(),
        scratch: Default::default(),
    })
}

struct Natural<T> {
    optimizer: Box<dyn Optimizer<T>>,
    slots: Vec<Slot>,
    before: Vec<T>,
    /// √g of every angle, 1 of every other parameter.
    roots: Vec<f64>,
    scaled: Vec<T>,
    scratch: [Vec<f64>; 2],
}

impl<T: Scalar> Optimizer<T> for Natural<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        self.before.clear();
        self.before.extend_from_slice(parameters.values());
        self.roots.clear();
        self.roots.resize(gradients.len(), 1.0);
        let [angles, g] = &mut self.scratch;
        for &slot in &self.slots {
            g.resize(slot.rows, 0.0);
            for unit in 0..slot.cols {
                gather(slot, unit, &self.before, angles);
                metric(angles, 1, g);
                column(slot, unit).zip(&*g).for_each(|(k, g)| self.roots[k] = g.sqrt().max(LEAST));
            }
        }
        self.scaled.clear();
        let divided = gradients.iter().zip(&self.roots).map(|(gradient, root)| gradient.to_f64() / root);
        self.scaled.extend(divided.map(T::from_f64));
        self.optimizer.step(parameters, &self.scaled, learning_rate);
        let values = parameters.values_mut();
        for slot in &self.slots {
            for k in slot.range() {
                let before = self.before[k].to_f64();
                values[k] = T::from_f64(before + (values[k].to_f64() - before) / self.roots[k]);
            }
        }
    }
    fn state(&self) -> OptimizerState<T> {
        self.optimizer.state()
    }
    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        self.optimizer.restore(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use crate::setting::Optimizing;
    use gmp_math::boundary::angle_between;
    use gmp_math::sphere::directions;

    /// A first step of Adam of 1e-4 in each of 7 angles turns by 1e-4 √7, where that of GmP turns by less.
    #[test]
    fn all_angles_turn_alike() {
        let network: Network<f64> = method::NATURAL.mlp(8, &[5], 1).build(3).unwrap();
        let gradients = vec![1.0; network.parameters.values().len()];
        let turn = |mut optimizer: Box<dyn Optimizer<f64>>, unit: usize| {
            let mut after = network.clone();
            optimizer.step(&mut after.parameters, &gradients, 1e-4);
            let slot = hidden(&network, "angles")[0];
            let of = |network: &Network<f64>| {
                let (mut angles, mut u) = (Vec::new(), [0.0; 8]);
                gather(slot, unit, network.parameters.values(), &mut angles);
                directions(&angles, 1, &mut u);
                u
            };
            angle_between(&of(&network), &of(&after))
        };
        for unit in 0..5 {
            let natural = turn(stepping(&network, Optimizing::Adam.optimizer()), unit);
            let plain = turn(Optimizing::Adam.optimizer(), unit);
            assert!(plain < natural && natural <= 1.01e-4 * 7f64.sqrt(), "{plain:e} {natural:e}");
        }
    }
}
