//! The effect of a subject against a baseline: one number for each seed, positive where it favours the subject.
//!
//! **Runs that diverged.** A run without a finite number is a loss for its side: the effect is −∞ where the subject
//! diverged and the baseline did not, and +∞ where it was the other way round. Where both did, the pair says nothing about
//! which is better, nor that there is no difference: it is left out. A run that never reached a target is treated in the same
//! way.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the numbers of two runs make an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// ln(baseline / subject), of numbers of which the smaller is better: RMSE, epochs until a target.
    LogRatio,
    /// log₂(baseline / subject), of numbers of which the smaller is better: movement of boundaries, in bits.
    Log2Ratio,
    /// subject − baseline, of numbers of which the larger is better: accuracy, coverage.
    Difference,
    /// baseline − subject, of numbers of which the smaller is better: a mean of logarithms, a distance.
    Reduction,
}

impl Scale {
    /// The effect of one pair of runs; NaN where neither has a finite number. A ratio of 0 to a positive number is infinite, that
    /// of 0 to 0 is 1.
    #[must_use]
    pub fn effect(self, subject: f64, baseline: f64) -> f64 {
        match (subject.is_finite(), baseline.is_finite()) {
            (false, false) => return f64::NAN,
            (false, true) => return f64::NEG_INFINITY,
            (true, false) => return f64::INFINITY,
            (true, true) => {}
        }
        match self {
            Self::LogRatio | Self::Log2Ratio if subject == baseline => 0.0,
            // Not the logarithm of the ratio, which may overflow.
            Self::LogRatio => baseline.ln() - subject.ln(),
            Self::Log2Ratio => baseline.log2() - subject.log2(),
            Self::Difference => subject - baseline,
            Self::Reduction => baseline - subject,
        }
    }

    /// Whether it is of numbers of which the larger is better.
    #[must_use]
    pub fn larger_is_better(self) -> bool {
        self == Self::Difference
    }

    /// The unit of the effects.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::LogRatio => "ln ratio",
            Self::Log2Ratio => "bits",
            Self::Difference | Self::Reduction => "difference",
        }
    }
}

/// The effects of the seeds that both sides have, in the order of the seeds, without those of which both diverged. A number that is
/// not finite, NaN among them, is a run that diverged.
///
/// ```
/// use std::collections::BTreeMap;
/// use xtask::statistics::{Scale, paired_effects};
/// let accuracy = BTreeMap::from([(0, 0.9), (1, f64::NAN), (2, 0.5), (4, f64::NAN)]);
/// let baseline = BTreeMap::from([(0, 0.8), (1, 0.8), (2, f64::NAN), (3, 0.7), (4, f64::NAN)]);
/// let effects = paired_effects(Scale::Difference, &accuracy, &baseline);
/// assert!((effects[0] - 0.1).abs() < 1e-12);
/// assert_eq!(effects[1..], [f64::NEG_INFINITY, f64::INFINITY]);
/// ```
#[must_use]
pub fn paired_effects(scale: Scale, subject: &BTreeMap<u64, f64>, baseline: &BTreeMap<u64, f64>) -> Vec<f64> {
    let pairs = subject.iter().filter_map(|(seed, s)| baseline.get(seed).map(|b| (*s, *b)));
    pairs.map(|(s, b)| scale.effect(s, b)).filter(|effect| !effect.is_nan()).collect()
}

/// The smallest effects that matter. What is smaller is called equivalent, be it significant or not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SmallestEffects {
    /// Share of the RMSE: 0.05 is 5%.
    pub rmse: f64,
    /// Share of the samples: 0.01 is one point of accuracy.
    pub accuracy: f64,
    /// Bits: 1 is a factor of two.
    pub movement: f64,
    /// Share of the epochs until a target: 0.1 is 10%.
    pub epochs: f64,
    /// Share of the cells of the data's range in which a spatial location lies: 0.05 is 5 points.
    pub coverage: f64,
}

impl Default for SmallestEffects {
    fn default() -> Self {
        Self { rmse: 0.05, accuracy: 0.01, movement: 1.0, epochs: 0.1, coverage: 0.05 }
    }
}

impl SmallestEffects {
    /// On the scale of [`Scale::LogRatio`].
    #[must_use]
    pub fn rmse(&self) -> f64 {
        self.rmse.ln_1p()
    }
    /// On the scale of [`Scale::LogRatio`].
    #[must_use]
    pub fn epochs(&self) -> f64 {
        self.epochs.ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positive_favours_the_subject() {
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
        close(Scale::LogRatio.effect(2.0, 2.0 * std::f64::consts::E), 1.0);
        close(Scale::Log2Ratio.effect(0.125, 1.0), 3.0);
        close(Scale::Difference.effect(0.9, 0.8), 0.1);
        close(Scale::Reduction.effect(-9.0, -5.0), 4.0);
        // Neither the ratio nor its inverse is a number of the type.
        close(Scale::Log2Ratio.effect(2f64.powi(-600), 2f64.powi(600)), 1200.0);
    }

    #[test]
    fn scales_know_their_direction_and_unit() {
        let all = [Scale::LogRatio, Scale::Log2Ratio, Scale::Difference, Scale::Reduction];
        assert_eq!(all.map(Scale::larger_is_better), [false, false, true, false]);
        assert_eq!(all.map(Scale::unit), ["ln ratio", "bits", "difference", "difference"]);
    }

    #[test]
    fn shares_become_logarithms() {
        let smallest = SmallestEffects { rmse: 0.25, epochs: 1.0, ..Default::default() };
        assert!((smallest.rmse() - 1.25_f64.ln()).abs() < 1e-15);
        assert!((smallest.epochs() - 2.0_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn who_diverges_loses() {
        for scale in [Scale::LogRatio, Scale::Log2Ratio, Scale::Difference, Scale::Reduction] {
            for broken in [f64::NAN, f64::INFINITY] {
                assert_eq!(scale.effect(broken, 1.0), f64::NEG_INFINITY);
                assert_eq!(scale.effect(1.0, broken), f64::INFINITY);
                assert!(scale.effect(broken, f64::NAN).is_nan());
            }
        }
    }

    #[test]
    fn what_does_not_move_has_no_ratio() {
        assert_eq!(Scale::Log2Ratio.effect(0.0, 0.0), 0.0);
        assert_eq!(Scale::Log2Ratio.effect(0.0, 1.0), f64::INFINITY);
        assert_eq!(Scale::LogRatio.effect(1.0, 0.0), f64::NEG_INFINITY);
    }
}
