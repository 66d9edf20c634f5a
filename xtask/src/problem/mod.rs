//! Problems: the data that networks learn, how they are split, and how a network is trained on them.
//!
//! A figure or a table runs methods on one or more of these and shows the results; no problem knows of either.

pub mod banana;
pub mod images;
pub mod levy;
pub mod names;
pub mod ridge;
pub mod uci;

use gmp_nn::Rng;
use gmp_train::{Error, Loss, Metric, split};

/// How a small network is trained on a problem; `xtask/docs/EXPERIMENTS.md` has the sources.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Units of the hidden layer.
    pub units: usize,
    /// What is minimized.
    pub loss: Loss,
    /// What is reported of the test set.
    pub metric: Metric,
    /// What the deciding samples are watched by.
    pub monitor: Metric,
    /// What the authors' protocol watches.
    pub watched: Watched,
    /// The batch size.
    pub batch_size: usize,
    /// Epochs without improvement until the rate falls tenfold, and until training stops.
    pub patience: (usize, usize),
    /// Whether inputs are standardized by the training samples' statistics.
    pub standardize: bool,
}

/// What the authors' protocol watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// The monitored metric of the test set.
    TestSet,
    /// The training loss.
    TrainingLoss,
}

/// Numbers of the training samples that remain, and of the fifth that is held out.
///
/// # Errors
/// If a part would be empty.
pub fn hold_out(samples: usize, seed: u64) -> Result<(Vec<usize>, Vec<usize>), Error> {
    split(samples, 0.2, &mut Rng::new(seed, "held-out split"))
}
