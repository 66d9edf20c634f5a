//! The paired t-test.

use super::student;
use super::summary::{Interval, confidence_interval, mean, standard_deviation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    let tail = |t: f64| student::upper_tail(pairs.len() - 1, t.abs());
    let p = t.and_then(tail).map(|tail| (2.0 * tail).min(1.0));
    Some(PairedTest { count: pairs.len(), mean_difference, interval, t, p })
}

/// The pairs of values whose seed is in both maps, in the order of the seeds.
#[must_use]
pub fn pair_by_seed(left: &BTreeMap<u64, f64>, right: &BTreeMap<u64, f64>) -> Vec<(f64, f64)> {
    left.iter().filter_map(|(seed, l)| right.get(seed).map(|r| (*l, *r))).collect()
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
    fn too_few_pairs_or_numbers_that_are_not_finite_are_undefined() {
        assert!(paired_t_test(&[]).is_none());
        assert!(paired_t_test(&[(1.0, 2.0)]).is_none());
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
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

    #[test]
    fn seeds_in_one_group_only_are_left_out() {
        let left = BTreeMap::from([(3, 0.3), (1, 0.1), (2, 0.2)]);
        let right = BTreeMap::from([(2, 2.0), (3, 3.0), (4, 4.0)]);
        assert_eq!(pair_by_seed(&left, &right), [(0.2, 2.0), (0.3, 3.0)]);
    }
}
