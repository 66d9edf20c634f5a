//! What is measured of every hidden layer of a deep network: how far its boundaries move, how long the gradient of its
//! parameters is, and how many of its units are dead.

use crate::run::measures::{OverEpochs, Windows};
use crate::run::number;
use gmp_autograd::Tape;
use gmp_nn::{Network, ParamStore};
use gmp_train::{BoundaryChanges, Dataset, Epoch, Error, Observer, Optimizer, OptimizerState};
use serde::{Deserialize, Serialize};
use std::ops::{ControlFlow, Range};

/// The measures of one hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OfLayer {
    /// Turn of the normals per epoch, in radians, the mean over units; NaN for a layer with one input. Under BN by its
    /// running statistics, which do not change directions.
    pub turn: OverEpochs,
    /// log₂ of the mean over steps of the length of the gradient of the layer's parameters.
    #[serde(with = "number")]
    pub gradient: f64,
    /// Share of the units whose output is the same for all training samples at the end.
    pub dead: f64,
}

/// The names of the hidden layers of a network.
#[must_use]
pub fn hidden(network: &Network<f64>) -> Vec<String> {
    network.unit_layers().into_iter().filter(|name| name.starts_with("hidden")).collect()
}

/// Watches the boundaries of every hidden layer.
pub struct Movements(Vec<BoundaryChanges<f64>>);

impl Movements {
    /// Of a network that has not been trained yet.
    #[must_use]
    pub fn of(network: &Network<f64>) -> Self {
        Self(hidden(network).iter().map(|layer| BoundaryChanges::new(network, layer)).collect())
    }

    /// One measure for each hidden layer of the trained network.
    #[must_use]
    pub fn finish(
        self,
        network: &Network<f64>,
        train: &Dataset<f64>,
        gradients: &GradientNorms,
    ) -> Vec<OfLayer> {
        let dead = dead(network, train);
        let turn = |(layer, changes): (usize, &BoundaryChanges<f64>)| match (layer, train.input_cols()) {
            // With one input nothing turns.
            (0, 1) => OverEpochs { log_of_mean: f64::NAN, mean_of_log: f64::NAN, largest: f64::NAN },
            _ => Windows::of(&changes.direction, &changes.rates).before_reduction.mean,
        };
        let turns = self.0.iter().enumerate().map(turn);
        let all = turns.zip(gradients.logs()).zip(dead);
        all.map(|((turn, gradient), dead)| OfLayer { turn, gradient, dead }).collect()
    }
}

impl Observer<f64> for Movements {
    fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
        self.0.iter_mut().try_for_each(|changes| changes.on_epoch(epoch))
    }
}

/// Share of dead units of each hidden layer.
fn dead(network: &Network<f64>, train: &Dataset<f64>) -> Vec<f64> {
    let layers = hidden(network);
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(train.inputs(), train.samples(), train.input_cols());
    let mut seen = Vec::new();
    network.forward_each(&mut tape, x, |name, var| {
        if layers.iter().any(|layer| layer == name) {
            seen.push(var);
        }
    });
    let share = |var| {
        let outputs = tape.value(var);
        let is_dead = |unit: &usize| {
            let mut column = outputs.col(*unit);
            let first = column.next();
            column.all(|output| Some(output) == first)
        };
        (0..outputs.cols()).filter(is_dead).count() as f64 / outputs.cols() as f64
    };
    seen.into_iter().map(share).collect()
}

/// An optimizer that takes the steps of another, and sums the lengths of the gradients of every hidden layer.
pub struct GradientNorms {
    optimizer: Box<dyn Optimizer<f64>>,
    /// The numbers of each layer, and the sum over steps.
    layers: Vec<(Range<usize>, f64)>,
    steps: usize,
}

impl GradientNorms {
    /// Of the hidden layers of a network.
    #[must_use]
    pub fn of(network: &Network<f64>, optimizer: Box<dyn Optimizer<f64>>) -> Self {
        let range = |layer: String| {
            let prefix = format!("{layer}.");
            let entries = network.parameters.entries().iter();
            let of_layer = entries.filter(|entry| entry.name.starts_with(&prefix));
            let ranges: Vec<Range<usize>> = of_layer.map(|entry| entry.slot.range()).collect();
            // The matrices of a layer are declared one after the other.
            let (first, last) = (ranges.first().map_or(0, |r| r.start), ranges.last().map_or(0, |r| r.end));
            (first..last, 0.0)
        };
        Self { optimizer, layers: hidden(network).into_iter().map(range).collect(), steps: 0 }
    }

    fn logs(&self) -> impl Iterator<Item = f64> {
        self.layers.iter().map(|(_, sum)| (sum / self.steps as f64).log2())
    }
}

impl Optimizer<f64> for GradientNorms {
    fn step(&mut self, parameters: &mut ParamStore<f64>, gradients: &[f64], learning_rate: f64) {
        self.steps += 1;
        for (range, sum) in &mut self.layers {
            *sum += gradients[range.clone()].iter().map(|g| g * g).sum::<f64>().sqrt();
        }
        self.optimizer.step(parameters, gradients, learning_rate);
    }
    fn state(&self) -> OptimizerState<f64> {
        self.optimizer.state()
    }
    fn restore(&mut self, state: OptimizerState<f64>) -> Result<(), Error> {
        self.optimizer.restore(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use crate::setting::{Optimizing, Setting};

    #[test]
    fn a_unit_that_no_sample_reaches_is_dead() {
        let setting = Setting { depth: Some(2), ..Setting::default() };
        let mut network: Network<f64> = setting.network(method::SP, 1, 2).build(1).unwrap();
        // relu(x) and relu(−x − 9) on positive samples; then nothing of either.
        network.parameters.set("hidden1.weights", &[1.0, -1.0]).unwrap();
        network.parameters.set("hidden1.bias", &[0.0, -9.0]).unwrap();
        network.parameters.set("hidden2.weights", &[-1.0, -1.0, 0.0, 0.0]).unwrap();
        network.parameters.set("hidden2.bias", &[0.0, 0.0]).unwrap();
        let train = Dataset::new(vec![1.0, 2.0, 3.0], 1, vec![0.0; 3], 1).unwrap();
        assert_eq!(dead(&network, &train), [0.5, 1.0]);
    }

    #[test]
    fn gradients_are_summed_by_layer() {
        let setting = Setting { depth: Some(2), ..Setting::default() };
        let mut network: Network<f64> = setting.network(method::GMP, 2, 2).build(1).unwrap();
        let mut norms = GradientNorms::of(&network, Optimizing::Sgd.optimizer());
        let mut gradients = vec![0.0; network.parameters.values().len()];
        // Angles, offsets and radii: 2 + 2 + 2 numbers a layer.
        (gradients[0], gradients[5], gradients[6]) = (3.0, 4.0, 2.0);
        let before = network.parameters.values().to_vec();
        norms.step(&mut network.parameters, &gradients, 0.5);
        norms.step(&mut network.parameters, &gradients, 0.0);
        assert_eq!(network.parameters.values()[0], before[0] - 1.5);
        assert_eq!(norms.logs().collect::<Vec<_>>(), [5f64.log2(), 1.0]);
    }
}
