//! The Levy function in one dimension.

use super::{Setup, Watched};
use crate::data::notebook;
use crate::run::Run;
use crate::run::results::SetId;
use gmp_nn::Rng;
use gmp_train::{Loss, Metric};
use std::f64::consts::PI;

/// Of every network.
pub const SETUP: Setup = Setup {
    units: 100,
    loss: Loss::MeanAbsoluteError,
    metric: Metric::RootMeanSquaredError,
    monitor: Metric::MeanAbsoluteError,
    watched: Watched::TrainingLoss,
    batch_size: 50,
    patience: (500, 1000),
    standardize: false,
};
/// Maximum number of epochs.
pub const EPOCHS: usize = 10_000;

/// New points for every seed.
pub const SEEDED: SetId<'static> = SetId { name: "levy", fingerprint: "seeded" };
/// The authors' fifty points; the seed draws the initial weights only.
pub const NOTEBOOK: &str = "levy-notebook";

/// y = sin²(πw) + (w−1)²(1 + sin²(2πw)) with w = 1 + (x−1)/4.
#[must_use]
pub fn levy(x: f64) -> f64 {
    let w = 1.0 + (x - 1.0) / 4.0;
    (PI * w).sin().powi(2) + (w - 1.0).powi(2) * (1.0 + (2.0 * PI * w).sin().powi(2))
}

/// Fifty points x ~ U(−10, 10), y with noise N(0, 0.1²).
#[must_use]
pub fn draw(seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut rng = Rng::new(seed, "levy points");
    let x: Vec<f64> = (0..50).map(|_| 20.0 * rng.uniform() - 10.0).collect();
    let y = x.iter().map(|&x| levy(x) + 0.1 * rng.normal()).collect();
    (x, y)
}

/// The test grid −10, −9.9, …, 10 and the function on it, without noise.
#[must_use]
pub fn grid() -> (Vec<f64>, Vec<f64>) {
    let x: Vec<f64> = (-100..=100).map(|i| f64::from(i) / 10.0).collect();
    let y = x.iter().map(|&x| levy(x)).collect();
    (x, y)
}

/// The training points of a run.
pub fn points(run: &Run) -> (Vec<f64>, Vec<f64>) {
    if run.dataset == NOTEBOOK { notebook::levy_draw() } else { draw(run.seed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the definition by hand, and the authors' fifty points, whose noise is 0.1.
    #[test]
    fn known_values() {
        assert!(levy(1.0).abs() < 1e-30); // w = 1, the minimum
        assert!((levy(-3.0) - 1.0).abs() < 1e-12); // w = 0: 0 + 1·(1 + 0)
        assert!((levy(3.0) - 1.25).abs() < 1e-12); // w = 1.5: 1 + 0.25·(1 + 0)
        let (x, y) = notebook::levy_draw();
        assert_eq!(x.len(), 50);
        let residual: f64 = x.iter().zip(&y).map(|(&x, y)| (y - levy(x)).powi(2)).sum();
        assert!((residual / 50.0).sqrt() < 0.15, "{residual}");
    }
}
