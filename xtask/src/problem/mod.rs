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

/// Folds of a cross-validation.
const FOLDS: usize = 5;

/// The same of fold `fold` of five: no sample is held out by two of them, every sample by one, and fold 0 is [`hold_out`].
///
/// # Errors
/// If a part would be empty.
///
/// # Panics
/// If there is no such fold.
pub fn hold_out_fold(samples: usize, seed: u64, fold: usize) -> Result<(Vec<usize>, Vec<usize>), Error> {
    assert!(fold < FOLDS, "fold {fold} of {FOLDS}");
    let (rest, held_out) = hold_out(samples, seed)?;
    if fold == 0 {
        return Ok((rest, held_out));
    }
    if rest.len() < FOLDS - 1 {
        return Err(Error::TooFewSamples { what: "folds", got: samples, needed: FOLDS });
    }
    // The rest in four parts of nearly one size.
    let place = |part: usize| part * rest.len() / (FOLDS - 1);
    let of_fold = place(fold - 1)..place(fold);
    let others = [&rest[..of_fold.start], &rest[of_fold.end..], &held_out].concat();
    Ok((others, rest[of_fold].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_share_the_samples_out_and_the_first_is_what_was_always_held_out() {
        for samples in [5, 50, 203] {
            let folds: Vec<_> = (0..FOLDS).map(|fold| hold_out_fold(samples, 7, fold).unwrap()).collect();
            assert_eq!(folds[0], hold_out(samples, 7).unwrap());
            let mut held_out: Vec<usize> = folds.iter().flat_map(|(_, held_out)| held_out.clone()).collect();
            held_out.sort_unstable();
            assert_eq!(held_out, (0..samples).collect::<Vec<_>>());
            for (rest, held_out) in folds {
                assert!(held_out.len().abs_diff(samples / FOLDS) <= 1 && !held_out.is_empty());
                let mut all = [rest, held_out].concat();
                all.sort_unstable();
                assert_eq!(all, (0..samples).collect::<Vec<_>>());
            }
        }
        assert!(hold_out_fold(2, 7, 1).is_err());
    }
}
