//! What is measured of the neural tangent kernel of a network: how far training moves it, at a few of the training inputs.

use crate::run::number;
use gmp_autograd::Mat;
use gmp_nn::Network;
use gmp_nn::neural_tangent::{alignment, kernel, relative_change};
use gmp_train::{Dataset, Epoch, Observer};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// How far the kernel moved from where it started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfKernel {
    /// Inputs at which it is looked at.
    pub inputs: usize,
    /// Of the trained network, whose test result is that of the record: ‖K − K₀‖/‖K₀‖ in the Frobenius norm.
    #[serde(with = "number")]
    pub change: f64,
    /// The cosine between K and K₀.
    #[serde(with = "number")]
    pub alignment: f64,
    /// The same on the way, after 1, 4, 16, … epochs.
    pub path: Vec<OnTheWay>,
}

/// How far the kernel was from where it started after some epochs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OnTheWay {
    /// Epochs carried out.
    pub epochs: usize,
    /// ‖K − K₀‖/‖K₀‖.
    #[serde(with = "number")]
    pub change: f64,
    /// The cosine between K and K₀.
    #[serde(with = "number")]
    pub alignment: f64,
}

/// Most inputs at which the kernel is looked at.
pub const INPUTS: usize = 32;

/// Watches the kernel of a network.
pub struct KernelChange {
    /// The network with the parameters of the moment.
    mirror: Network<f64>,
    inputs: Vec<f64>,
    columns: usize,
    start: Vec<f64>,
    path: Vec<OnTheWay>,
}

impl KernelChange {
    /// Of a network that has not been trained yet, at up to [`INPUTS`] of the training inputs, spread over their order.
    #[must_use]
    pub fn of(network: &Network<f64>, train: &Dataset<f64>) -> Self {
        let (columns, count) = (train.input_cols(), train.samples().min(INPUTS));
        let row = |k: usize| &train.inputs()[k * train.samples() / count * columns..][..columns];
        let inputs = (0..count).flat_map(row).copied().collect();
        let mut watch =
            Self { mirror: network.clone(), inputs, columns, start: Vec::new(), path: Vec::new() };
        watch.start = watch.kernel();
        watch
    }

    fn kernel(&self) -> Vec<f64> {
        kernel(&self.mirror, Mat::new(&self.inputs, self.inputs.len() / self.columns, self.columns))
    }

    /// The kernel with these parameters, beside the one at the start.
    fn moved(&mut self, parameters: &[f64]) -> [f64; 2] {
        self.mirror.parameters.values_mut().copy_from_slice(parameters);
        let now = self.kernel();
        [relative_change(&self.start, &now), alignment(&self.start, &now)]
    }

    /// The measure of the trained network.
    #[must_use]
    pub fn finish(mut self, network: &Network<f64>) -> OfKernel {
        let [change, alignment] = self.moved(network.parameters.values());
        OfKernel { inputs: self.inputs.len() / self.columns, change, alignment, path: self.path }
    }
}

impl Observer<f64> for KernelChange {
    fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
        let epochs = epoch.record.epoch + 1;
        let is_power_of_four = epochs.is_power_of_two() && epochs.trailing_zeros().is_multiple_of(2);
        if is_power_of_four {
            let [change, alignment] = self.moved(epoch.model.parameters().values());
            self.path.push(OnTheWay { epochs, change, alignment });
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use gmp_train::{Adam, Loss, Trainer};

    #[test]
    fn the_kernel_is_watched_after_powers_of_four_and_at_the_end() {
        let x: Vec<f64> = (0..100).map(|k| f64::from(k) / 50.0 - 1.0).collect();
        let data = Dataset::new(x.clone(), 2, vec![0.5; 50], 1).unwrap();
        let mut network: Network<f64> = method::GMP.mlp(2, &[8], 1).build(1).unwrap();
        let initial = network.clone();
        let mut watch = KernelChange::of(&network, &data);
        assert_eq!(&watch.inputs[..2], &x[..2]);
        assert_eq!(&watch.inputs[62..], &x[2 * (31 * 50 / 32)..][..2]);
        let trainer = Trainer::new(Loss::MeanSquaredError, 50, 20, 0.05);
        trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut watch).unwrap();
        let inputs = watch.inputs.clone();
        let measured = watch.finish(&network);
        assert_eq!((measured.inputs, measured.path.len()), (32, 3));
        assert_eq!(measured.path.iter().map(|at| at.epochs).collect::<Vec<_>>(), [1, 4, 16]);
        let [before, after] = [&initial, &network].map(|network| kernel(network, Mat::new(&inputs, 32, 2)));
        assert_eq!(measured.change, relative_change(&before, &after));
        assert_eq!(measured.alignment, alignment(&before, &after));
        assert!(measured.path[0].change < measured.path[2].change && measured.change > 0.01);
        assert!(measured.alignment > 0.0 && measured.alignment < 1.0);
    }
}
