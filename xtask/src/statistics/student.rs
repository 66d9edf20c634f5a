//! Student's t distribution.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The number below which a t-distributed variable is with probability `p`; none without degrees of freedom.
#[must_use]
pub fn quantile(degrees_of_freedom: usize, p: f64) -> Option<f64> {
    Some(distribution(degrees_of_freedom)?.inverse_cdf(p))
}

/// The probability that a t-distributed variable is at least `t`; none without degrees of freedom.
#[must_use]
pub fn upper_tail(degrees_of_freedom: usize, t: f64) -> Option<f64> {
    if t.is_infinite() {
        return Some(if t > 0.0 { 0.0 } else { 1.0 });
    }
    Some(distribution(degrees_of_freedom)?.cdf(-t))
}

fn distribution(degrees_of_freedom: usize) -> Option<StudentsT> {
    StudentsT::new(0.0, 1.0, degrees_of_freedom as f64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // scipy: stats.t.ppf(0.975, df)
    #[test]
    fn quantiles_agree_with_scipy() {
        for (df, expected) in [
            (1, 12.706204736174694),
            (2, 4.302652729749462),
            (9, 2.262157162798205),
            (1000, 1.9623390808264083),
        ] {
            assert!((quantile(df, 0.975).unwrap() / expected - 1.0).abs() < 1e-9);
        }
        assert!(quantile(0, 0.975).is_none());
    }

    // scipy: stats.t.sf([-1.0, 0.5, 3.0], 7)
    #[test]
    fn tails_agree_with_scipy() {
        for (t, expected) in [(-1.0, 0.8246916685), (0.5, 0.3162035678), (3.0, 0.0099710632)] {
            let found = upper_tail(7, t).unwrap();
            assert!((found - expected).abs() < 1e-9, "{found} for {t}");
        }
        assert_eq!(upper_tail(7, f64::INFINITY), Some(0.0));
        assert_eq!(upper_tail(7, f64::NEG_INFINITY), Some(1.0));
    }
}
