//! What a handful of seeds can and cannot say.
//!
//! Every function returns `None` where its answer would be undefined: too few values, or a value that is not finite.
//! A run that diverged to NaN is a result, so it is never dropped in silence: one NaN makes the summary of its group
//! undefined, and the caller has to say what happened.

use std::collections::BTreeMap;
use std::fmt;

use super::number::{number, with_reach};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

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
/// use xtask::report::statistics::confidence_interval;
/// let interval = confidence_interval(&[1.0, 2.0, 3.0]).unwrap();
/// assert!((interval.half_width() - 2.484_137_711).abs() < 1e-8);
/// assert!(confidence_interval(&[1.0]).is_none());
/// ```
#[must_use]
pub fn confidence_interval(values: &[f64]) -> Option<Interval> {
    let (centre, spread) = (mean(values)?, standard_deviation(values)?);
    let reach = student(values.len() - 1)?.inverse_cdf(0.975) * spread / (values.len() as f64).sqrt();
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
    /// use xtask::report::statistics::Summary;
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

/// The paired Student t-test of the mean of `left − right` against zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedTest {
    /// Number of pairs.
    pub count: usize,
    /// Mean of the differences.
    pub mean_difference: f64,
    /// 95% confidence interval of the mean difference.
    pub interval: Interval,
    /// The t statistic with `count − 1` degrees of freedom; `None` where all differences are equal, since a spread of
    /// zero gives no scale to measure the mean by.
    pub t: Option<f64>,
    /// Two-sided p-value; `None` where `t` is.
    pub p: Option<f64>,
}

/// Tests whether `left` and `right` differ in the mean over pairs, most often pairs of the same seed.
///
/// `None` for fewer than two pairs or a value that is not finite.
#[must_use]
pub fn paired_t_test(pairs: &[(f64, f64)]) -> Option<PairedTest> {
    let differences: Vec<f64> = pairs.iter().map(|(left, right)| left - right).collect();
    let mean_difference = mean(&differences)?;
    let interval = confidence_interval(&differences)?;
    let spread = standard_deviation(&differences)?;
    let t = (spread > 0.0).then(|| mean_difference / (spread / (pairs.len() as f64).sqrt()));
    let distribution = student(pairs.len() - 1)?;
    let p = t.map(|t| (2.0 * distribution.cdf(-t.abs())).min(1.0));
    Some(PairedTest { count: pairs.len(), mean_difference, interval, t, p })
}

/// The pairs of values whose seed is in both maps, in the order of the seeds.
#[must_use]
pub fn pair_by_seed(left: &BTreeMap<u64, f64>, right: &BTreeMap<u64, f64>) -> Vec<(f64, f64)> {
    left.iter().filter_map(|(seed, l)| right.get(seed).map(|r| (*l, *r))).collect()
}

/// Holm's step-down correction: p-values adjusted for a family of tests, in the order given.
///
/// A test without a p-value stays `None` and does not count towards the size of the family. A NaN is treated as 1.
///
/// Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).
#[must_use]
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = p_values
        .iter()
        .enumerate()
        .filter_map(|(at, p)| p.map(|p| (at, if p.is_nan() { 1.0 } else { p })))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![None; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, (at, p)) in order.iter().enumerate() {
        largest = largest.max(p * (order.len() - rank) as f64).min(1.0);
        adjusted[*at] = Some(largest);
    }
    adjusted
}

/// What became of one claim of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The stated test supports the claim as the paper makes it.
    Replicated,
    /// The test supports a part of the claim, or the claim under some conditions only.
    Partly,
    /// The test was run and does not support the claim.
    NotReplicated,
    /// The test was not run, or could not decide.
    NotTested,
}

impl Verdict {
    /// All verdicts, from the best to the absent.
    pub const ALL: [Self; 4] = [Self::Replicated, Self::Partly, Self::NotReplicated, Self::NotTested];
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replicated => "replicated",
            Self::Partly => "partly replicated",
            Self::NotReplicated => "not replicated",
            Self::NotTested => "not tested",
        })
    }
}

fn student(degrees_of_freedom: usize) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, degrees_of_freedom as f64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: [f64; 5] = [0.496, 0.81, 1.02, 0.33, 0.74];
    const RIGHT: [f64; 5] = [1.104, 1.15, 1.19, 1.13, 1.22];

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

    // scipy: stats.t.ppf(0.975, df)
    #[test]
    fn student_quantiles_agree_with_scipy() {
        for (df, expected) in [
            (1, 12.706204736174694),
            (2, 4.302652729749462),
            (9, 2.262157162798205),
            (1000, 1.9623390808264083),
        ] {
            close(student(df).unwrap().inverse_cdf(0.975), expected);
        }
    }

    // scipy: r = stats.ttest_rel(a, b); r.statistic, r.pvalue, r.confidence_interval(0.95)
    #[test]
    fn paired_test_agrees_with_scipy() {
        let pairs: Vec<_> = LEFT.into_iter().zip(RIGHT).collect();
        let test = paired_t_test(&pairs).unwrap();
        close(test.mean_difference, -0.4796);
        close(test.t.unwrap(), -4.4293327355149135);
        close(test.p.unwrap(), 0.011427914624381917);
        close(test.interval.low, -0.7802283681910078);
        close(test.interval.high, -0.17897163180899206);
        // scipy: x = arange(10.); stats.ttest_rel(x, x + 100*[1, 2]*5) -> -9.0, 8.538051223166281e-06
        let pairs: Vec<_> = (0..10).map(|k| (k as f64, k as f64 + 100.0 * (1 + k % 2) as f64)).collect();
        let test = paired_t_test(&pairs).unwrap();
        close(test.t.unwrap(), -9.0);
        assert!((test.p.unwrap() / 8.538051223166281e-06 - 1.0).abs() < 1e-8);
    }

    #[test]
    fn too_few_values_are_undefined() {
        assert_eq!(
            Summary::of(&[]),
            Summary { count: 0, mean: None, standard_deviation: None, interval: None }
        );
        let one = Summary::of(&[2.0]);
        assert_eq!((one.mean, one.standard_deviation, one.interval), (Some(2.0), None, None));
        assert!(paired_t_test(&[]).is_none());
        assert!(paired_t_test(&[(1.0, 2.0)]).is_none());
    }

    #[test]
    fn values_that_are_not_finite_make_the_group_undefined() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let summary = Summary::of(&[1.0, bad, 3.0]);
            assert_eq!((summary.count, summary.mean, summary.interval), (3, None, None));
            assert!(paired_t_test(&[(1.0, 2.0), (bad, 2.0), (3.0, 3.0)]).is_none());
        }
    }

    #[test]
    fn no_variance_gives_an_interval_but_no_test() {
        let interval = confidence_interval(&[2.0; 4]).unwrap();
        assert_eq!(interval, Interval { low: 2.0, high: 2.0 });
        let test = paired_t_test(&[(3.0, 1.0), (4.0, 2.0), (5.0, 3.0)]).unwrap();
        assert_eq!((test.mean_difference, test.t, test.p), (2.0, None, None));
    }

    // statsmodels: multipletests([0.01, 0.04, 0.03, 0.005, 0.8], method="holm")[1]
    #[test]
    fn holm_agrees_with_statsmodels() {
        let adjusted = holm(&[Some(0.01), Some(0.04), Some(0.03), Some(0.005), Some(0.8)]);
        for (value, expected) in adjusted.into_iter().zip([0.04, 0.09, 0.09, 0.025, 0.8]) {
            close(value.unwrap(), expected);
        }
        assert_eq!(holm(&[None, Some(0.03), Some(f64::NAN)]), [None, Some(0.06), Some(1.0)]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn seeds_in_one_group_only_are_left_out() {
        let left = BTreeMap::from([(3, 0.3), (1, 0.1), (2, 0.2)]);
        let right = BTreeMap::from([(2, 2.0), (3, 3.0), (4, 4.0)]);
        assert_eq!(pair_by_seed(&left, &right), [(0.2, 2.0), (0.3, 3.0)]);
    }

    #[test]
    fn verdicts_keep_their_names_in_json() {
        let json = serde_json::to_string(&Verdict::ALL).unwrap();
        assert_eq!(json, r#"["replicated","partly","not_replicated","not_tested"]"#);
        assert_eq!(Verdict::NotReplicated.to_string(), "not replicated");
    }
}
