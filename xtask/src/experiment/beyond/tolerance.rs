//! Tolerance: how wide the range of learning rates is at which a method's results are close to its best.

use std::collections::BTreeMap;

/// Results that are within this share of the best one are close to it.
pub const SLACK: f64 = 0.05;

/// A range of learning rates around the best one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The smallest rate.
    pub low: f64,
    /// The largest rate.
    pub high: f64,
    /// Whether the grid of learning rates ends before the range does, so that it may be wider.
    pub is_cut: bool,
}

impl Range {
    /// Around the best of these results at these learning rates, which ascend: as far as results stay close to the best one.
    /// Between two rates of the grid a result is interpolated along the logarithm of the rate; towards a run that diverged the
    /// range ends at the last rate whose run did not. `None` where every run diverged.
    #[must_use]
    pub fn around_best(curve: &[(f64, f64)], larger_is_better: bool) -> Option<Self> {
        // The smaller the better from here on.
        let loss = |k: usize| if larger_is_better { -curve[k].1 } else { curve[k].1 };
        let finite = (0..curve.len()).filter(|k| curve[*k].1.is_finite());
        let best = finite.min_by(|a, b| loss(*a).total_cmp(&loss(*b)))?;
        let limit = loss(best) + SLACK * loss(best).abs();
        // From one rate of the grid, which is inside, towards its neighbours.
        let end = |neighbours: &mut dyn Iterator<Item = usize>| {
            let mut inside = best;
            for next in neighbours {
                let (from, to) = (loss(inside), loss(next));
                if !to.is_finite() {
                    return (curve[inside].0, false);
                }
                if to > limit {
                    let share = (limit - from) / (to - from);
                    return (curve[inside].0 * (curve[next].0 / curve[inside].0).powf(share), false);
                }
                inside = next;
            }
            (curve[inside].0, true)
        };
        let (low, cut_below) = end(&mut (0..best).rev());
        let (high, cut_above) = end(&mut (best + 1..curve.len()));
        Some(Self { low, high, is_cut: cut_below || cut_above })
    }

    /// The ratio of its ends as a log₂: 1 for a factor of two.
    #[must_use]
    pub fn bits(&self) -> f64 {
        (self.high / self.low).log2()
    }
}

/// The tolerance of every seed, of its results by seed at each rate; a seed that was not run at all rates is left out, and one
/// whose runs all diverged has none.
#[must_use]
pub fn by_seed(by_rate: &[(f64, BTreeMap<u64, f64>)], larger_is_better: bool) -> BTreeMap<u64, f64> {
    let Some((_, first)) = by_rate.first() else { return BTreeMap::new() };
    let of = |seed: &u64| {
        let curve: Option<Vec<(f64, f64)>> =
            by_rate.iter().map(|(rate, results)| Some((*rate, *results.get(seed)?))).collect();
        let range = Range::around_best(&curve?, larger_is_better);
        Some((*seed, range.map_or(f64::NAN, |range| range.bits())))
    };
    first.keys().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn a_range_ends_where_the_result_is_five_percent_worse() {
        // Best 1 at 0.1; 1.1 at 0.01 and at 1: the limit of 1.05 is half of a power of ten away on both sides.
        let range = Range::around_best(&[(0.01, 1.1), (0.1, 1.0), (1.0, 1.1)], false).unwrap();
        close(range.low, 0.1 / 10f64.sqrt());
        close(range.high, 0.1 * 10f64.sqrt());
        assert!(!range.is_cut);
        close(range.bits(), 10f64.log2());
        // Of accuracies the larger is the better; the limit is 0.95.
        let range = Range::around_best(&[(0.01, 0.9), (0.1, 1.0), (1.0, 0.96)], true).unwrap();
        close(range.low, 0.1 / 10f64.sqrt());
        assert_eq!((range.high, range.is_cut), (1.0, true));
    }

    #[test]
    fn a_run_that_diverged_ends_a_range_and_a_second_valley_is_no_part_of_it() {
        let range = Range::around_best(&[(0.01, 1.0), (0.1, 1.0), (1.0, f64::NAN)], false).unwrap();
        assert_eq!((range.low, range.high), (0.01, 0.1));
        let curve = [(0.001, 1.0), (0.01, 2.0), (0.1, 0.99), (1.0, 9.0)];
        let range = Range::around_best(&curve, false).unwrap();
        assert!(range.low > 0.01 && range.high < 1.0, "{range:?}");
        assert!(Range::around_best(&[(0.1, f64::NAN)], false).is_none());
        assert_eq!(Range::around_best(&[(0.1, 2.0)], false).unwrap().bits(), 0.0);
    }

    #[test]
    fn seeds_have_tolerances_of_their_own() {
        let at = |rate: f64, results: [f64; 2]| (rate, BTreeMap::from([(0, results[0]), (1, results[1])]));
        let mut all = vec![at(0.1, [1.0, f64::NAN]), at(0.4, [1.0, f64::NAN])];
        let found = by_seed(&all, false);
        assert_eq!(found[&0], 2.0);
        assert!(found[&1].is_nan());
        all[1].1.remove(&1);
        assert_eq!(by_seed(&all, false).len(), 1);
        assert!(by_seed(&[], false).is_empty());
    }
}
