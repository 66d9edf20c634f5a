//! Stein's two-stage design: a pilot's spread says how many seeds make the interval short enough.

use super::student;
use super::summary::{Interval, mean, standard_deviation};
use serde::{Deserialize, Serialize};

/// How many seeds to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Seeds in all, those of the pilot among them.
    pub seeds: usize,
    /// Whether more were needed than the cap allows: the interval will be wider than asked for.
    pub is_capped: bool,
}

/// The seeds that make the half-width of the two-sided 1 − α interval of the mean at most `half_width`, from the effects of
/// a pilot: the smallest n with t·s/√n ≤ `half_width`, t with the pilot's degrees of freedom.
///
/// With the interval [`stein_interval`] the coverage is exactly 1 − α for normal effects, whatever their spread is. Where
/// the pilot has fewer than two effects, or one that is not finite, its spread is unknown and the plan is the cap.
///
/// Source: C. Stein, "A two-sample test for a linear hypothesis whose power is independent of the variance", Ann. Math.
/// Statist. 16 (1945).
///
/// ```
/// use xtask::statistics::plan;
/// // s = 1, t₀.₉₇₅ with 2 degrees of freedom = 4.303: (4.303 / 0.5)² = 74.05
/// assert_eq!(plan(&[1.0, 2.0, 3.0], 0.5, 0.05, 1000).seeds, 75);
/// assert!(plan(&[1.0, 2.0, 3.0], 0.5, 0.05, 50).is_capped);
/// ```
#[must_use]
pub fn plan(pilot: &[f64], half_width: f64, alpha: f64, cap: usize) -> Plan {
    let (least, cap) = (pilot.len(), cap.max(pilot.len()));
    let spread = standard_deviation(pilot);
    let quantile = pilot.len().checked_sub(1).and_then(|df| student::quantile(df, 1.0 - alpha / 2.0));
    let Some((spread, quantile)) = spread.zip(quantile) else {
        return Plan { seeds: cap, is_capped: true };
    };
    let needed = (quantile * spread / half_width).powi(2).ceil();
    // Also where the half-width is 0 and the spread is not.
    if needed > cap as f64 {
        return Plan { seeds: cap, is_capped: true };
    }
    Plan { seeds: (needed as usize).max(least), is_capped: false }
}

/// Stein's interval: the mean of all effects, with the spread and the degrees of freedom of the first `pilot` ones.
///
/// `None` for a pilot of fewer than two effects or an effect that is not finite.
///
/// # Panics
/// If there are fewer effects than the pilot has.
#[must_use]
pub fn stein_interval(effects: &[f64], pilot: usize, alpha: f64) -> Option<Interval> {
    let centre = mean(effects)?;
    let spread = standard_deviation(&effects[..pilot])?;
    let reach = student::quantile(pilot - 1, 1.0 - alpha / 2.0)? * spread / (effects.len() as f64).sqrt();
    Some(Interval { low: centre - reach, high: centre + reach })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        let plan = |pilot: &[f64]| plan(pilot, 0.5, 0.05, 40);
        assert_eq!(plan(&[1.0; 10]), Plan { seeds: 10, is_capped: false });
        assert_eq!(plan(&[1.0]), Plan { seeds: 40, is_capped: true });
        assert_eq!(plan(&[1.0, f64::INFINITY, 2.0]), Plan { seeds: 40, is_capped: true });
        assert_eq!(super::plan(&[1.0, 2.0], 0.0, 0.05, 40), Plan { seeds: 40, is_capped: true });
        // (4.303 / 0.5)² = 74.05
        assert_eq!(super::plan(&[1.0, 2.0, 3.0], 0.5, 0.05, 75), Plan { seeds: 75, is_capped: false });
        assert_eq!(super::plan(&[1.0, 2.0, 3.0], 0.5, 0.05, 74), Plan { seeds: 74, is_capped: true });
        // The cap never takes back what was run.
        assert_eq!(super::plan(&[1.0; 10], 0.5, 0.05, 5), Plan { seeds: 10, is_capped: false });
    }

    // numpy: t.ppf(.975, 4) = 2.7764451051977987, std([1,2,3,4,5], ddof=1) = 1.5811388; mean of all six 3.5
    #[test]
    fn the_interval_keeps_the_pilots_spread() {
        let interval = stein_interval(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 5, 0.05).unwrap();
        let reach = 2.7764451051977987 * 2.5_f64.sqrt() / 6.0_f64.sqrt();
        assert!((interval.low - (3.5 - reach)).abs() < 1e-9 && (interval.high - (3.5 + reach)).abs() < 1e-9);
    }
}
