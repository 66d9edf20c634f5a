//! Wilcoxon's signed rank test: it asks the order of the effects' sizes only, so that outliers and two humps do no harm, and
//! a run that diverged is simply the largest effect.

/// The two-sided signed rank test of effects that are symmetric about 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedRank {
    /// Effects that are not 0: the others carry no information and are left out.
    pub count: usize,
    /// Sum of the ranks of the positive effects; equal sizes share the mean of their ranks.
    pub positive: f64,
    /// p-value: exact given the ranks up to [`EXACT`] effects, by the normal distribution beyond.
    pub p: f64,
}

/// Most effects of which the distribution is counted out.
pub const EXACT: usize = 100;

impl SignedRank {
    /// Whether the positive effects outweigh the negative ones.
    #[must_use]
    pub fn favours(&self) -> bool {
        self.positive > (self.count * (self.count + 1)) as f64 / 4.0
    }

    /// The smallest p-value that this many effects can have: that of effects which all have one sign.
    #[must_use]
    pub fn smallest_p(&self) -> f64 {
        2.0 * 0.5_f64.powf(self.count as f64)
    }
}

/// Tests `effects`; `None` where all of them are 0. Infinite effects are larger than all others, and NaN counts as −∞.
///
/// Source: F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945).
#[must_use]
pub fn signed_rank(effects: &[f64]) -> Option<SignedRank> {
    let number = |x: &f64| if x.is_nan() { f64::NEG_INFINITY } else { *x };
    let mut ordered: Vec<f64> = effects.iter().map(number).filter(|x| *x != 0.0).collect();
    if ordered.is_empty() {
        return None;
    }
    ordered.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    // Twice the rank, so that the mean of two ranks is a whole number.
    let (mut ranks, mut ties) = (Vec::with_capacity(ordered.len()), 0.0);
    for group in ordered.chunk_by(|a, b| a.abs() == b.abs()) {
        let (first, size) = (ranks.len() + 1, group.len());
        ranks.extend(std::iter::repeat_n(2 * first + size - 1, size));
        ties += (size * size * size - size) as f64;
    }
    let positive: usize = ordered.iter().zip(&ranks).filter(|(x, _)| **x > 0.0).map(|(_, rank)| rank).sum();
    let count = ordered.len();
    let p = if count <= EXACT { counted(&ranks, positive) } else { normal(count, positive, ties) };
    Some(SignedRank { count, positive: positive as f64 / 2.0, p })
}

/// Over all ways to give signs to the ranks.
fn counted(ranks: &[usize], positive: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    let mut probability = vec![0.0; total + 1];
    probability[0] = 1.0;
    let mut reached = 0;
    for rank in ranks {
        reached += rank;
        for sum in (0..=reached).rev() {
            let with = if sum >= *rank { probability[sum - rank] } else { 0.0 };
            probability[sum] = 0.5 * (probability[sum] + with);
        }
    }
    let tail = |range: &[f64]| range.iter().sum::<f64>();
    (2.0 * tail(&probability[..=positive]).min(tail(&probability[positive..]))).min(1.0)
}

fn normal(count: usize, positive: usize, ties: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal};
    let n = count as f64;
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
    let z = (positive as f64 / 2.0 - n * (n + 1.0) / 4.0) / variance.sqrt();
    (2.0 * Normal::standard().cdf(-z.abs())).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{found} is not {expected}");
    }

    // Every sign of every rank, one after the other.
    fn by_enumeration(effects: &[f64]) -> f64 {
        let mean_rank = |x: &f64| {
            let below = effects.iter().filter(|y| y.abs() < x.abs()).count() as f64;
            let equal = effects.iter().filter(|y| y.abs() == x.abs()).count() as f64;
            below + (equal + 1.0) / 2.0
        };
        let ranks: Vec<f64> = effects.iter().map(mean_rank).collect();
        let found: f64 = effects.iter().zip(&ranks).filter(|(x, _)| **x > 0.0).map(|(_, r)| r).sum();
        let all = 1u32 << effects.len();
        let sum = |signs: u32| -> f64 {
            (0..effects.len()).filter(|i| signs >> i & 1 == 1).map(|i| ranks[i]).sum()
        };
        let low = (0..all).filter(|&signs| sum(signs) <= found).count() as f64;
        let high = (0..all).filter(|&signs| sum(signs) >= found).count() as f64;
        (2.0 * low.min(high) / f64::from(all)).min(1.0)
    }

    // scipy: stats.wilcoxon([1.2, -0.4, 3.1, 0.9, 2.2, -0.1, 1.7, 0.6]) -> statistic 3.0 (the negative ranks), p 0.0390625
    #[test]
    fn agrees_with_scipy() {
        let test = signed_rank(&[1.2, -0.4, 3.1, 0.9, 2.2, -0.1, 1.7, 0.6]).unwrap();
        assert_eq!((test.count, test.positive, test.favours()), (8, 33.0, true));
        close(test.p, 0.0390625);
    }

    #[test]
    fn ties_and_divergence_agree_with_every_sign_by_hand() {
        for effects in [
            vec![1.0, 1.0, -1.0, 2.0, 2.0, 3.0, -0.5],
            vec![f64::INFINITY, f64::NEG_INFINITY, 1.0, 2.0, f64::INFINITY, 0.5],
            vec![-1.0, -2.0, -3.0, -4.0, 5.0],
        ] {
            close(signed_rank(&effects).unwrap().p, by_enumeration(&effects));
        }
        assert_eq!(
            signed_rank(&[f64::NAN, 1.0, 0.0]).unwrap(),
            signed_rank(&[f64::NEG_INFINITY, 1.0]).unwrap()
        );
        assert!(signed_rank(&[0.0, 0.0]).is_none() && signed_rank(&[]).is_none());
    }

    #[test]
    fn no_p_value_is_smaller_than_that_of_equal_signs() {
        for count in [1, 3, 5, 6, 9] {
            let effects: Vec<f64> = (1..=count).map(f64::from).collect();
            let test = signed_rank(&effects).unwrap();
            close(test.smallest_p(), test.p);
        }
    }

    #[test]
    fn more_than_half_of_the_ranks_favour() {
        let favours = |effects: &[f64]| signed_rank(effects).unwrap().favours();
        // Of 1 + 2 + 3 half is 3.
        assert!(favours(&[1.0, -2.0, 3.0]) && favours(&[1.0, 2.0]));
        assert!(!favours(&[1.0, 2.0, -3.0]) && !favours(&[-1.0, -2.0, 3.0]) && !favours(&[-1.0]));
    }

    // A rank with a random sign has the variance of its square, and a positive rank a quarter of it, also where ranks are
    // means of several.
    #[test]
    fn the_normal_distribution_has_the_variance_of_the_ranks() {
        use statrs::distribution::{ContinuousCDF, Normal};
        // Sizes of which some come once, some several times.
        let effects: Vec<f64> =
            (0..130_i32).map(|k| f64::from((k * k % 71 + 1) * if k % 3 == 0 { -1 } else { 1 })).collect();
        let rank = |x: f64| {
            let below = effects.iter().filter(|y| y.abs() < x.abs()).count() as f64;
            below + (effects.iter().filter(|y| y.abs() == x.abs()).count() as f64 + 1.0) / 2.0
        };
        let variance = effects.iter().map(|x| rank(*x).powi(2) / 4.0).sum::<f64>();
        let centre = effects.iter().map(|x| rank(*x) / 2.0).sum::<f64>();
        let positive: f64 = effects.iter().filter(|x| **x > 0.0).map(|x| rank(*x)).sum();
        let z = (positive - centre) / variance.sqrt();
        let found = signed_rank(&effects).unwrap();
        assert_eq!((found.count, found.positive), (130, positive));
        close(found.p, 2.0 * Normal::standard().cdf(-z.abs()));
    }

    #[test]
    fn the_normal_distribution_takes_over_without_a_step() {
        let effects = |n: usize| (1..=n).map(|k| if k % 3 == 0 { -(k as f64) } else { k as f64 });
        let exact = signed_rank(&effects(100).collect::<Vec<_>>()).unwrap();
        let ranks: Vec<usize> = (1..=100).map(|k| 2 * k).collect();
        let approximate = normal(100, (2.0 * exact.positive) as usize, 0.0);
        close(exact.p, counted(&ranks, (2.0 * exact.positive) as usize));
        assert!((exact.p / approximate - 1.0).abs() < 0.08, "{} and {approximate}", exact.p);
    }
}
