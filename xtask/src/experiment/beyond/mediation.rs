//! Mediation: how a result goes with a movement, within groups of runs, over seeds, and what is left of a method's effect at
//! equal movement.
//!
//! A slope within groups is that of least squares after the means of every group are taken away, so that what is the same
//! within a group explains nothing. Its interval is the jackknife's over seeds: the seeds are independent, the runs of one
//! seed are not.
//!
//! Sources: R. M. Baron and D. A. Kenny, "The moderator–mediator variable distinction in social psychological research", J.
//! Pers. Soc. Psychol. 51 (1986); B. Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", SIAM (1982).

use std::collections::BTreeMap;

/// A run: its seed, its group, and two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<G> {
    /// The seed.
    pub seed: u64,
    /// What is the same for all runs of a group.
    pub group: G,
    /// The movement.
    pub x: f64,
    /// The result.
    pub y: f64,
}

/// The slope of y over x within groups, of the points that are finite; none where x is the same throughout every group.
#[must_use]
pub fn slope_within<G: Ord + Copy>(points: &[Point<G>]) -> Option<f64> {
    let mut groups: BTreeMap<G, Vec<(f64, f64)>> = BTreeMap::new();
    for point in points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()) {
        groups.entry(point.group).or_default().push((point.x, point.y));
    }
    let (mut xx, mut xy) = (0.0, 0.0);
    for group in groups.values() {
        let mean = |of: fn(&(f64, f64)) -> f64| group.iter().map(of).sum::<f64>() / group.len() as f64;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        for point in group {
            xx += (point.0 - x).powi(2);
            xy += (point.0 - x) * (point.1 - y);
        }
    }
    // Rounding alone is no spread.
    (xx > 1e-20).then_some(xy / xx)
}

/// The pseudo-values of a statistic, one for each seed: their mean is its estimate with less bias, their spread its error. Empty
/// where the statistic of all points, or of all but one seed's, is undefined.
#[must_use]
pub fn pseudo_values<G: Copy>(
    points: &[Point<G>],
    statistic: impl Fn(&[Point<G>]) -> Option<f64>,
) -> Vec<f64> {
    let mut seeds: Vec<u64> = points.iter().map(|point| point.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let count = seeds.len() as f64;
    let Some(whole) = statistic(points) else { return Vec::new() };
    let without = |seed: &u64| -> Option<f64> {
        let rest: Vec<Point<G>> = points.iter().copied().filter(|point| point.seed != *seed).collect();
        Some(count * whole - (count - 1.0) * statistic(&rest)?)
    };
    seeds.iter().map(without).collect::<Option<Vec<f64>>>().unwrap_or_default()
}

/// What remains of the difference of two methods once their movements are made equal: mean over groups of y of the second less
/// y of the first, less `slope` times the same of x. The groups are of a method (true for the first) and what is equal for both.
#[must_use]
pub fn direct<K: Ord + Copy>(points: &[Point<(bool, K)>], slope: f64) -> Option<f64> {
    let mut cells: BTreeMap<K, [(f64, f64, f64); 2]> = BTreeMap::new();
    for point in points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()) {
        let side = usize::from(!point.group.0);
        let (count, x, y) = &mut cells.entry(point.group.1).or_default()[side];
        (*count, *x, *y) = (*count + 1.0, *x + point.x, *y + point.y);
    }
    let of = |cell: &[(f64, f64, f64); 2]| {
        let [first, second] = cell.map(|(count, x, y)| (x / count, y / count));
        let difference = second.1 - first.1 - slope * (second.0 - first.0);
        difference.is_finite().then_some(difference)
    };
    let both: Vec<f64> = cells.values().filter_map(of).collect();
    (!both.is_empty()).then(|| both.iter().sum::<f64>() / both.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::mean;
    use gmp_nn::Rng;

    fn point<G>(seed: u64, group: G, x: f64, y: f64) -> Point<G> {
        Point { seed, group, x, y }
    }

    /// Simpson's paradox: y falls with x within both groups, and grows from one group to the other.
    #[test]
    fn within_groups_and_between_them_are_two_slopes() {
        let points: Vec<Point<u8>> = (0..2)
            .flat_map(|group| {
                let high = 10.0 * f64::from(group);
                [(0.0, 2.0), (1.0, 1.0), (2.0, 0.0)].map(|(x, y)| point(0, group, high + x, high + y))
            })
            .collect();
        assert!((slope_within(&points).unwrap() + 1.0).abs() < 1e-12);
        let together: Vec<Point<u8>> = points.iter().map(|p| Point { group: 0, ..*p }).collect();
        assert!(slope_within(&together).unwrap() > 0.5);
        // A run that diverged is left out, and a group of one run has no slope.
        let more: Vec<Point<u8>> =
            points.iter().copied().chain([point(0, 0, f64::NAN, 1.0), point(0, 7, 1.0, 1.0)]).collect();
        assert_eq!(slope_within(&more), slope_within(&points));
        assert_eq!(slope_within(&[point(0, 0, 1.0, 1.0), point(0, 0, 1.0, 2.0)]), None);
    }

    /// Of a mean, pseudo-values are the values.
    #[test]
    fn the_jackknife_of_a_mean_is_the_mean() {
        let points: Vec<Point<()>> = (0..5).map(|seed| point(seed, (), 0.0, (seed * seed) as f64)).collect();
        let values = pseudo_values(&points, |points| mean(&points.iter().map(|p| p.y).collect::<Vec<_>>()));
        let expected = [0.0, 1.0, 4.0, 9.0, 16.0];
        assert!(values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{values:?}");
        assert!(pseudo_values(&points, slope_within).is_empty(), "x is the same throughout");
    }

    /// Known truth: y = 0.5 x + noise within a method, and a method of which x is 2 less and y is otherwise 0.3 better.
    #[test]
    fn a_known_mediation_is_found() {
        let mut rng = Rng::new(1, "mediation");
        let mut points = Vec::new();
        for seed in 0..200 {
            for rate in 0..4_u8 {
                for is_first in [true, false] {
                    let x = f64::from(rate) + if is_first { 0.0 } else { 2.0 } + rng.normal();
                    let y = 0.5 * x + if is_first { -0.3 } else { 0.0 } + 0.1 * rng.normal();
                    points.push(point(seed, (is_first, rate), x, y));
                }
            }
        }
        let slope = slope_within(&points).unwrap();
        assert!((slope - 0.5).abs() < 0.02, "{slope}");
        let direct_effect = direct(&points, slope).unwrap();
        assert!((direct_effect - 0.3).abs() < 0.05, "{direct_effect}");
        assert!((direct(&points, 0.0).unwrap() - 1.3).abs() < 0.1, "the total effect");
        let values = pseudo_values(&points, slope_within);
        assert!((mean(&values).unwrap() - 0.5).abs() < 0.02 && values.len() == 200);
    }
}
