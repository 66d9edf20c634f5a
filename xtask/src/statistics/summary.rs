//! Mean, spread and interval of a group of runs.
//!
//! Every function returns `None` where its answer would be undefined: too few values, or a value that is not finite.
//! A run that diverged to NaN is a result, so it is never dropped in silence: one NaN makes the summary of its group
//! undefined, and the caller has to say what happened.

use super::student;
use crate::report::number::{number, with_reach};
use serde::{Deserialize, Serialize};

/// A closed interval `[low, high]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies in the interval, ends included.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Half the distance between the ends: the `x` of `mean ± x`.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        0.5 * (self.high - self.low)
    }

    /// The interval about the same middle that is `factor` times as wide; the same interval for a factor of 1.
    #[must_use]
    pub fn widened(&self, factor: f64) -> Self {
        let reach = (factor - 1.0) * self.half_width();
        if reach == 0.0 { *self } else { Self { low: self.low - reach, high: self.high + reach } }
    }
}

/// Arithmetic mean; `None` for no values or a value that is not finite.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    let usable = !values.is_empty() && values.iter().all(|v| v.is_finite());
    usable.then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation, with n − 1 in the denominator; `None` for fewer than two values or a value that is not
/// finite. Zero for equal values.
#[must_use]
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let centre = mean(values)?;
    if values.len() < 2 {
        return None;
    }
    let squares: f64 = values.iter().map(|v| (v - centre) * (v - centre)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Two-sided 95% confidence interval of the mean, mean ± t₀.₉₇₅ s/√n with n − 1 degrees of freedom.
///
/// `None` where [`standard_deviation`] is. Equal values give an interval of zero width.
///
/// ```
/// use xtask::statistics::confidence_interval;
/// let interval = confidence_interval(&[1.0, 2.0, 3.0]).unwrap();
/// assert!((interval.half_width() - 2.484_137_711).abs() < 1e-8);
/// assert!(confidence_interval(&[1.0]).is_none());
/// ```
#[must_use]
pub fn confidence_interval(values: &[f64]) -> Option<Interval> {
    interval_of_mean(values, 0.05)
}

/// The two-sided 1 − α confidence interval of the mean, likewise.
#[must_use]
pub fn interval_of_mean(values: &[f64], alpha: f64) -> Option<Interval> {
    let (centre, spread) = (mean(values)?, standard_deviation(values)?);
    let reach =
        student::quantile(values.len() - 1, 1.0 - alpha / 2.0)? * spread / (values.len() as f64).sqrt();
    Some(Interval { low: centre - reach, high: centre + reach })
}

/// Mean, spread and interval of one group of runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many values the group has, those that are not finite included.
    pub count: usize,
    /// See [`mean`].
    pub mean: Option<f64>,
    /// See [`standard_deviation`].
    pub standard_deviation: Option<f64>,
    /// See [`confidence_interval`].
    pub interval: Option<Interval>,
}

impl Summary {
    /// Summarises `values`.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        Self {
            count: values.len(),
            mean: mean(values),
            standard_deviation: standard_deviation(values),
            interval: confidence_interval(values),
        }
    }

    /// `mean ± half-width of the 95% interval` with `decimals` digits after the point, or as many
    /// as make six significant ones; the mean alone where there is
    /// no interval, and a dash where there is no mean.
    ///
    /// ```
    /// use xtask::statistics::Summary;
    /// assert_eq!(Summary::of(&[1.0, 2.0, 3.0]).display(2), "2.00 ± 2.48");
    /// assert_eq!(Summary::of(&[1.0]).display(1), "1.0");
    /// assert_eq!(Summary::of(&[f64::NAN, 1.0]).display(1), "–");
    /// ```
    #[must_use]
    pub fn display(&self, decimals: usize) -> String {
        match (self.mean, self.interval) {
            (Some(mean), Some(interval)) => with_reach(mean, interval.half_width(), decimals),
            (Some(mean), None) => number(mean, decimals),
            _ => "–".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: [f64; 5] = [0.496, 0.81, 1.02, 0.33, 0.74];

    #[track_caller]
    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{value} is not {expected}");
    }

    // numpy: mean(a), std(a, ddof=1); scipy 1.x: stats.t.interval(0.95, 4, mean(a), stats.sem(a))
    #[test]
    fn summary_agrees_with_scipy() {
        close(mean(&LEFT).unwrap(), 0.6792);
        close(standard_deviation(&LEFT).unwrap(), 0.27039452657182245);
        let interval = confidence_interval(&LEFT).unwrap();
        close(interval.low, 0.34346085104441704);
        close(interval.high, 1.014939148955583);
        assert!(interval.contains(0.5) && !interval.contains(0.3) && !interval.contains(1.1));
    }

    // Deviations −2, −1 and 3 from a mean whose square has no room for them.
    #[test]
    fn a_large_mean_costs_no_digits() {
        let large = 2.0_f64.powi(51);
        close(standard_deviation(&[large, large + 1.0, large + 5.0]).unwrap(), 7.0_f64.sqrt());
    }

    #[test]
    fn what_is_undefined_is_not_shown() {
        let shown = |values: &[f64], decimals| Summary::of(values).display(decimals);
        assert_eq!(shown(&[1.0, 2.0, 3.0], 2), "2.00 ± 2.48");
        assert_eq!(shown(&[1.0], 1), "1.0");
        assert_eq!(shown(&[f64::NAN, 1.0], 1), "–");
    }

    #[test]
    fn too_few_values_are_undefined() {
        assert_eq!(
            Summary::of(&[]),
            Summary { count: 0, mean: None, standard_deviation: None, interval: None }
        );
        let one = Summary::of(&[2.0]);
        assert_eq!((one.mean, one.standard_deviation, one.interval), (Some(2.0), None, None));
    }

    #[test]
    fn values_that_are_not_finite_make_the_group_undefined() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let summary = Summary::of(&[1.0, bad, 3.0]);
            assert_eq!((summary.count, summary.mean, summary.interval), (3, None, None));
        }
    }
}
