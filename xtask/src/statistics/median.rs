//! The median of effects of which some have no size: the estimate and interval where a run diverged.
//!
//! A mean over an infinite effect is no number. The median is one as long as fewer than half of the effects are infinite,
//! and its interval asks for nothing but that the seeds are independent: it lies between two of the ordered effects, as
//! the sign test has it.

use super::summary::Interval;

/// The middle effect, or the middle of the two middle ones; `None` for no effects. NaN counts as −∞.
#[must_use]
pub fn median(effects: &[f64]) -> Option<f64> {
    let ordered = ordered(effects);
    let n = ordered.len();
    if n == 0 {
        return None;
    }
    let (a, b) = (ordered[(n - 1) / 2], ordered[n / 2]);
    Some(if a == b { a } else { middle(a, b) })
}

/// Of −∞ and ∞ neither outweighs the other.
fn middle(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY && b == f64::INFINITY { 0.0 } else { 0.5 * a + 0.5 * b }
}

/// The shortest two-sided interval of the median between ordered effects whose coverage is at least 1 − α whatever the
/// distribution. Its ends are infinite where there are too few effects for any: fewer than 6 at α = 0.05. NaN counts as
/// −∞.
#[must_use]
pub fn median_interval(effects: &[f64], alpha: f64) -> Interval {
    let ordered = ordered(effects);
    let n = ordered.len();
    // The largest k such that fewer than k effects are below the median with probability of at most α/2.
    let (mut k, mut tail) = (0, 0.0);
    for (below, probability) in binomial(n).enumerate() {
        tail += probability;
        if tail > alpha / 2.0 {
            break;
        }
        k = below + 1;
    }
    if k == 0 {
        return Interval { low: f64::NEG_INFINITY, high: f64::INFINITY };
    }
    Interval { low: ordered[k - 1], high: ordered[n - k] }
}

/// The probability that at least `successes` of `trials` fair coins show heads.
#[must_use]
pub fn sign_tail(successes: usize, trials: usize) -> f64 {
    binomial(trials).take(trials + 1 - successes.min(trials + 1)).sum::<f64>().min(1.0)
}

/// The probabilities of 0, 1, … n heads of n fair coins.
fn binomial(n: usize) -> impl Iterator<Item = f64> {
    // In logarithms: 2⁻ⁿ alone is below the range from n = 1075 on.
    let mut logarithm = -(n as f64) * std::f64::consts::LN_2;
    (0..=n).map(move |k| {
        let probability = logarithm.exp();
        logarithm += ((n - k) as f64 / (k + 1) as f64).ln();
        probability
    })
}

fn ordered(effects: &[f64]) -> Vec<f64> {
    let mut ordered: Vec<f64> =
        effects.iter().map(|x| if x.is_nan() { f64::NEG_INFINITY } else { *x }).collect();
    ordered.sort_by(f64::total_cmp);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_by_hand() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[2.0, 4.0]), Some(3.0));
        assert_eq!((median(&[1.0, inf]), median(&[-inf, 1.0])), (Some(inf), Some(-inf)));
        assert_eq!(median(&[inf, 1.0, nan]), Some(1.0));
        assert_eq!(median(&[inf, inf, 1.0]), Some(inf));
        assert_eq!(median(&[inf, -inf]), Some(0.0));
        assert_eq!(median(&[]), None);
    }

    // scipy: stats.binom.cdf(k, n, 0.5): at n = 6 cdf(0) = 0.015625; at n = 20 cdf(5) = 0.020695, cdf(6) = 0.057659; at
    // n = 50 cdf(17) = 0.016420, cdf(18) = 0.032454.
    #[test]
    fn intervals_are_those_of_the_sign_test() {
        let numbers = |n: usize| (1..=n).map(|k| k as f64).collect::<Vec<_>>();
        let ends = |n, alpha| {
            let interval = median_interval(&numbers(n), alpha);
            (interval.low, interval.high)
        };
        assert_eq!(ends(5, 0.05), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(ends(6, 0.05), (1.0, 6.0));
        assert_eq!(ends(20, 0.05), (6.0, 15.0));
        assert_eq!(ends(50, 0.05), (18.0, 33.0));
        assert_eq!(ends(50, 0.1), (19.0, 32.0));
        assert_eq!(ends(0, 0.05), (f64::NEG_INFINITY, f64::INFINITY));
    }

    // scipy: stats.binom.sf(14, 20, 0.5)
    #[test]
    fn tails_agree_with_scipy() {
        assert!((sign_tail(15, 20) - 0.0206947326660156).abs() < 1e-12);
        assert_eq!(sign_tail(21, 20), 0.0);
        assert!((sign_tail(0, 20) - 1.0).abs() < 1e-12);
        // Far beyond 2⁻¹⁰⁷⁵: scipy stats.binom.sf(1049, 2000, 0.5) = 0.0134...
        assert!((sign_tail(1050, 2000) - 0.01341).abs() < 1e-4);
    }
}
