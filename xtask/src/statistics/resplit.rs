//! Resplits of one data set: what they say of this set, and what of other data.
//!
//! Seeds that split one set anew are independent draws *given the set*, so the plain interval is right for "other splits of
//! this set". It says nothing of other data: the training parts of two seeds share most of their samples, and however many
//! splits are made, the set remains one. Nadeau and Bengio's correction widens the interval for that.

use super::outcome::{Outcome, decide};
use super::student;
use super::summary::{Interval, mean, standard_deviation};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an interval over seeds is about: what else the seeds stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// Seeds draw initial weights and the order of the samples; the data are the same. The plain interval applies.
    Initialisations,
    /// Every seed draws new data from their source, and initial weights. The plain interval applies.
    Draws,
    /// Every seed splits the same data set anew, and draws initial weights. The plain interval applies to other splits of
    /// this set; what they say of other draws of data is [`Corrected`].
    Splits {
        /// Samples that train.
        train: usize,
        /// Samples that test.
        test: usize,
    },
}

impl fmt::Display for Population {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Initialisations => "other initialisations",
            Self::Draws => "other draws of data",
            Self::Splits { .. } => "other splits of this set",
        })
    }
}

/// What resplits of one set say of other draws of data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Corrected {
    /// Lower end of the corrected interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// What it decides, by the same rules as the plain one.
    pub outcome: Outcome,
    /// Whether the effect is shown to differ from 0, and to be smaller than the smallest that matters.
    pub negligible: bool,
}

impl Corrected {
    /// Judges `effects` of seeds that split one set anew into the given numbers of training and test samples. `None` for fewer than
    /// two, or one that is not finite.
    pub(super) fn of(
        effects: &[f64],
        widening: f64,
        smallest: f64,
        alpha: f64,
        [train, test]: [usize; 2],
    ) -> Option<Self> {
        let outer = corrected_interval(effects, alpha, train, test)?.widened(widening);
        let inner = corrected_interval(effects, 2.0 * alpha, train, test)?.widened(widening);
        let (outcome, negligible) = decide(effects.len(), outer, inner, smallest);
        Some(Self { low: outer.low, high: outer.high, outcome, negligible })
    }
}

/// The two-sided 1 − α interval of the mean over other draws of data, from effects over resplits of one set: the variance
/// of the mean is s²·(1/n + test/train) instead of s²/n.
///
/// `None` for fewer than two values or one that is not finite.
///
/// Source: C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52 (2003). The factor is
/// derived for a correlation of test/(test + train) between the resplits.
///
/// # Panics
/// If there are no training samples.
#[must_use]
pub fn corrected_interval(effects: &[f64], alpha: f64, train: usize, test: usize) -> Option<Interval> {
    assert!(train > 0, "no training samples; expected at least one");
    let (centre, spread) = (mean(effects)?, standard_deviation(effects)?);
    let factor = 1.0 / effects.len() as f64 + test as f64 / train as f64;
    let reach = student::quantile(effects.len() - 1, 1.0 - alpha / 2.0)? * spread * factor.sqrt();
    Some(Interval { low: centre - reach, high: centre + reach })
}

#[cfg(test)]
mod tests {
    use super::*;

    // By hand: mean 2, s = 1, n = 3, test/train = 1/4: 4.302652729749462 * sqrt(1/3 + 1/4) = 3.2862205...
    #[test]
    fn the_variance_is_widened() {
        let interval = corrected_interval(&[1.0, 2.0, 3.0], 0.05, 80, 20).unwrap();
        assert!((interval.half_width() - 4.302652729749462 * (7.0_f64 / 12.0).sqrt()).abs() < 1e-9);
        assert!((interval.low + interval.high - 4.0).abs() < 1e-12);
        assert!(corrected_interval(&[1.0], 0.05, 80, 20).is_none());
        assert!(corrected_interval(&[1.0, f64::NAN], 0.05, 80, 20).is_none());
    }

    #[test]
    fn populations_have_names() {
        let splits = Population::Splits { train: 4, test: 1 };
        let names = [Population::Initialisations, Population::Draws, splits].map(|p| p.to_string());
        assert_eq!(names, ["other initialisations", "other draws of data", "other splits of this set"]);
    }
}
