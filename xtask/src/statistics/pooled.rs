//! One estimate over several data sets, whose effects are not the same: a random-effects model.

use super::outcome::{Judgement, Outcome, decide_by_interval, excludes_zero};
use super::student;
use super::summary::Interval;
use serde::{Deserialize, Serialize};

/// What one data set says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Its estimate of the effect.
    pub estimate: f64,
    /// The standard error of that: s/√n.
    pub standard_error: f64,
}

impl Study {
    /// The study of a judgement: its standard error is that with which Student's interval of n effects would be as wide.
    /// `None` where that is not finite: fewer than two effects, or too many that diverged.
    #[must_use]
    pub fn of(judgement: &Judgement, alpha: f64) -> Option<Self> {
        let quantile = student::quantile(judgement.n.checked_sub(1)?, 1.0 - alpha / 2.0)?;
        let standard_error = (judgement.high - judgement.low) / (2.0 * quantile);
        let usable = judgement.estimate.is_finite() && standard_error.is_finite();
        usable.then_some(Self { estimate: judgement.estimate, standard_error })
    }
}

/// A mean effect over data sets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pooled {
    /// Number of data sets.
    pub studies: usize,
    /// Mean effect of the data sets' population.
    pub estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Lower end of the 1 − α interval of the mean effect.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Lower end of the 1 − 2α interval.
    pub inner_low: f64,
    /// Its upper end.
    pub inner_high: f64,
    /// Variance of the effects between the data sets.
    pub between: f64,
    /// Share of the spread of the estimates that is not the studies' own error: I².
    pub heterogeneity: f64,
}

impl Pooled {
    /// What the mean effect over data sets decides, and whether it is significant and yet negligible; by the rules of
    /// [`judge`](super::judge).
    #[must_use]
    pub fn outcome(&self, smallest: f64) -> (Outcome, bool) {
        let outer = Interval { low: self.low, high: self.high };
        let inner = Interval { low: self.inner_low, high: self.inner_high };
        let outcome = decide_by_interval(outer, inner, smallest);
        (outcome, outcome == Outcome::Equivalent && excludes_zero(outer))
    }
}

/// The mean effect over data sets by a random-effects model: DerSimonian and Laird's variance between them, and Hartung and
/// Knapp's interval with k − 1 degrees of freedom, never narrower than the classical standard error makes it.
///
/// `None` for fewer than two studies, or numbers that are not finite. A study without error of its own is given the
/// smallest error that another one has; where no study has any, all weigh the same.
///
/// Sources: R. DerSimonian and N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7 (1986); J. Hartung
/// and G. Knapp, "A refined method for the meta-analysis of controlled clinical trials with binary outcome", Statistics in
/// Medicine 20 (2001); C. Röver, G. Knapp and T. Friede, BMC Med. Res. Methodol. 15:99 (2015), on the lower limit.
#[must_use]
pub fn pooled(studies: &[Study], alpha: f64) -> Option<Pooled> {
    let k = studies.len();
    let usable = |s: &Study| s.estimate.is_finite() && s.standard_error.is_finite();
    if k < 2 || !studies.iter().all(usable) {
        return None;
    }
    let errors = studies.iter().map(|s| s.standard_error).filter(|error| *error > 0.0);
    let least = errors.fold(f64::INFINITY, f64::min);
    let variance = |s: &Study| if least.is_finite() { s.standard_error.max(least).powi(2) } else { 0.0 };
    let sum = |weights: &[f64], of: &dyn Fn(&Study) -> f64| -> f64 {
        studies.iter().zip(weights).map(|(s, w)| w * of(s)).sum()
    };
    let centre = |weights: &[f64]| sum(weights, &|s| s.estimate) / weights.iter().sum::<f64>();
    let (between, heterogeneity) = if least.is_finite() {
        let weights: Vec<f64> = studies.iter().map(|s| variance(s).recip()).collect();
        let fixed = centre(&weights);
        let q = sum(&weights, &|s| (s.estimate - fixed).powi(2));
        let (total, squares) = (weights.iter().sum::<f64>(), weights.iter().map(|w| w * w).sum::<f64>());
        let excess = (q - (k - 1) as f64).max(0.0);
        (excess / (total - squares / total), if q > 0.0 { excess / q } else { 0.0 })
    } else {
        let estimates: Vec<f64> = studies.iter().map(|s| s.estimate).collect();
        let spread = super::standard_deviation(&estimates)?;
        (spread * spread, 1.0)
    };
    let weights: Vec<f64> = if between + studies.iter().map(variance).fold(0.0, f64::max) > 0.0 {
        studies.iter().map(|s| (variance(s) + between).recip()).collect()
    } else {
        vec![1.0; k]
    };
    let (estimate, total) = (centre(&weights), weights.iter().sum::<f64>());
    let scale = sum(&weights, &|s| (s.estimate - estimate).powi(2)) / (k - 1) as f64;
    let classical = if between == 0.0 && !least.is_finite() { 0.0 } else { 1.0 };
    let standard_error = (scale.max(classical) / total).sqrt();
    let reach = |alpha: f64| Some(student::quantile(k - 1, 1.0 - alpha / 2.0)? * standard_error);
    let (outer, inner) = (reach(alpha)?, reach(2.0 * alpha)?);
    Some(Pooled {
        studies: k,
        estimate,
        standard_error,
        low: estimate - outer,
        high: estimate + outer,
        inner_low: estimate - inner,
        inner_high: estimate + inner,
        between,
        heterogeneity,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::ALPHA;

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{found} is not {expected}");
    }

    fn studies(numbers: &[(f64, f64)]) -> Vec<Study> {
        numbers.iter().map(|&(estimate, standard_error)| Study { estimate, standard_error }).collect()
    }

    // statsmodels: combine_effects([.12, .3, -.05, .22, .41], array([.05, .08, .1, .04, .15])**2, method_re="chi2",
    // use_t=True): mean_effect_re, tau2, i2, sd_eff_w_re_hksj, conf_int()[3]
    #[test]
    fn agrees_with_statsmodels() {
        let found =
            pooled(&studies(&[(0.12, 0.05), (0.30, 0.08), (-0.05, 0.10), (0.22, 0.04), (0.41, 0.15)]), ALPHA)
                .unwrap();
        close(found.estimate, 0.18480511955182413);
        close(found.between, 0.009394577115903748);
        close(found.heterogeneity, 0.6746497350457535);
        close(found.standard_error, 0.06682678924496396);
        assert!((found.low + 0.00073579).abs() < 1e-8 && (found.high - 0.37034603).abs() < 1e-8);
        assert_eq!(found.outcome(0.05), (Outcome::Inconclusive, false));
    }

    // By hand: weights 100, 100, 25; mean (10 + 11 + 3)/225 = 8/75; no variance between; 1/√225 = 1/15 since the estimates
    // spread less than their errors.
    #[test]
    fn estimates_that_agree_are_not_more_certain_than_their_errors() {
        let found = pooled(&studies(&[(0.10, 0.1), (0.11, 0.1), (0.12, 0.2)]), ALPHA).unwrap();
        close(found.estimate, 8.0 / 75.0);
        assert_eq!((found.between, found.heterogeneity), (0.0, 0.0));
        close(found.standard_error, 1.0 / 15.0);
        close(found.high - found.low, 2.0 * 4.302652729749462 / 15.0);
        // scipy: t.ppf(.95, 2)
        close(found.inner_high - found.estimate, 2.919985580353726 / 15.0);
        close(found.estimate - found.inner_low, 2.919985580353726 / 15.0);
    }

    #[test]
    fn edges() {
        assert!(pooled(&studies(&[(0.1, 0.1)]), ALPHA).is_none());
        assert!(pooled(&studies(&[(0.1, 0.1), (f64::INFINITY, 0.1)]), ALPHA).is_none());
        // No study has an error: the mean of their estimates, 0.2 ± s/√n.
        let exact = pooled(&studies(&[(0.1, 0.0), (0.2, 0.0), (0.3, 0.0)]), ALPHA).unwrap();
        close(exact.estimate, 0.2);
        close(exact.standard_error, 0.1 / 3.0_f64.sqrt());
        let equal = pooled(&studies(&[(0.2, 0.0), (0.2, 0.0)]), ALPHA).unwrap();
        assert_eq!((equal.low, equal.high, equal.outcome(0.05)), (0.2, 0.2, (Outcome::Supported, false)));
        assert_eq!(equal.outcome(0.5), (Outcome::Equivalent, true));
        let none = pooled(&studies(&[(-0.1, 0.2), (0.1, 0.2), (0.0, 0.2)]), ALPHA).unwrap();
        assert_eq!(none.outcome(1.0), (Outcome::Equivalent, false));
        // No spread at all beside the studies' own errors.
        let same = pooled(&studies(&[(0.25, 0.5), (0.25, 0.5)]), ALPHA).unwrap();
        assert_eq!((same.between, same.heterogeneity), (0.0, 0.0));
    }

    #[test]
    fn judgements_are_studies() {
        use crate::statistics::{Population, judge};
        let judgement = judge(&[1.0, 2.0, 3.0], 0.05, ALPHA, Population::Draws);
        let study = Study::of(&judgement, ALPHA).unwrap();
        close(study.standard_error, 1.0 / 3.0_f64.sqrt());
        assert!(Study::of(&judge(&[f64::NAN; 3], 0.05, ALPHA, Population::Draws), ALPHA).is_none());
        // The median is finite, its interval is not.
        let diverged = judge(&[f64::INFINITY, 1.0, f64::NAN], 0.05, ALPHA, Population::Draws);
        assert!(diverged.estimate == 1.0 && Study::of(&diverged, ALPHA).is_none());
    }
}
