//! A ridge in n dimensions: a function that varies along one random direction alone, so that the same problem is there for every n.

use super::{Setup, Watched};
use crate::run::Run;
use crate::run::results::SetId;
use gmp_math::uniform::uniform_directions;
use gmp_nn::Rng;
use gmp_train::{Dataset, Error, Loss, Metric};

/// Of every network: that of the sets of Table 1, in batches, so that an epoch has several steps.
pub const SETUP: Setup = Setup {
    units: 50,
    loss: Loss::MeanAbsoluteError,
    metric: Metric::RootMeanSquaredError,
    monitor: Metric::MeanSquaredError,
    watched: Watched::TestSet,
    batch_size: 64,
    patience: (50, 100),
    standardize: false,
};
/// Maximum number of epochs.
pub const EPOCHS: usize = 2000;
/// Training samples.
pub const TRAIN: usize = 400;
/// Test samples.
pub const TEST: usize = 400;

/// Another direction and other points for every seed.
pub const SEEDED: SetId<'static> = SetId { name: "ridge", fingerprint: "seeded" };

/// Number of inputs of a run, 8 where its setting does not say.
#[must_use]
pub fn inputs(run: &Run) -> usize {
    run.setting.inputs.unwrap_or(8)
}

/// Training and test samples: x ~ N(0, I), y = sin(2 a·x) with ‖a‖ = 1, and noise of deviation 0.1 on the training samples.
///
/// # Errors
/// None that is known: no part is empty.
pub fn samples(run: &Run) -> Result<(Dataset<f64>, Dataset<f64>), Error> {
    let inputs = inputs(run);
    let mut rng = Rng::new(run.seed, "ridge");
    let mut direction = vec![0.0; inputs];
    uniform_directions(1, &mut direction, || rng.normal());
    let mut draw = |count: usize, noise: f64| {
        let x: Vec<f64> = (0..count * inputs).map(|_| rng.normal()).collect();
        let along = |x: &[f64]| x.iter().zip(&direction).map(|(x, a)| x * a).sum::<f64>();
        let y = x.chunks(inputs).map(|x| (2.0 * along(x)).sin()).collect::<Vec<f64>>();
        let y = y.into_iter().map(|y| y + noise * rng.normal()).collect();
        Dataset::new(x, inputs, y, 1)
    };
    Ok((draw(TRAIN, 0.1)?, draw(TEST, 0.0)?))
}
