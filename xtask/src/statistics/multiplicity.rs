//! Many tests at once.

use super::outcome::Judgement;

/// Holm's step-down correction: p-values adjusted for a family of tests, in the order given.
///
/// A test without a p-value stays `None` and does not count towards the size of the family. A NaN is treated as 1.
///
/// Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).
#[must_use]
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let order = ascending(p_values);
    let mut adjusted = vec![None; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, (at, p)) in order.iter().enumerate() {
        largest = largest.max(p * (order.len() - rank) as f64).min(1.0);
        adjusted[*at] = Some(largest);
    }
    adjusted
}

/// Benjamini and Hochberg's step-up correction: p-values adjusted so that of all tests rejected at q an expected share of
/// at most q is rejected wrongly, in the order given.
///
/// A test without a p-value stays `None` and does not count towards the size of the family. A NaN is treated as 1.
///
/// Source: Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", J. R. Statist. Soc. B 57 (1995).
#[must_use]
pub fn benjamini_hochberg(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let order = ascending(p_values);
    let mut adjusted = vec![None; p_values.len()];
    let mut smallest: f64 = 1.0;
    for (rank, (at, p)) in order.iter().enumerate().rev() {
        smallest = smallest.min(p * order.len() as f64 / (rank + 1) as f64);
        adjusted[*at] = Some(smallest);
    }
    adjusted
}

/// The rule for a whole page of claims: which of these judgements keep a decided outcome once it is asked that, of all
/// outcomes of the page that are decided, an expected share of at most `alpha` is wrong.
///
/// It is Benjamini and Hochberg's on the p-values of the decisions ([`Judgement::p`]), over every judgement that was tested,
/// decided or not. Baselines of one claim need no correction of their own ([`all_of`](super::all_of)). Judgements share
/// runs of one subject, so that they are positively dependent, which the rule allows.
#[must_use]
pub fn page_wide(judgements: &[&Judgement], alpha: f64) -> Vec<bool> {
    let p_values: Vec<Option<f64>> = judgements.iter().map(|judgement| judgement.p).collect();
    let keeps = |(judgement, p): (&&Judgement, Option<f64>)| {
        judgement.outcome.is_decided() && p.is_some_and(|p| p <= alpha)
    };
    judgements.iter().zip(benjamini_hochberg(&p_values)).map(keeps).collect()
}

/// The tests that have a p-value, with their places, from the smallest on.
fn ascending(p_values: &[Option<f64>]) -> Vec<(usize, f64)> {
    let number = |p: f64| if p.is_nan() { 1.0 } else { p };
    let mut order: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(at, p)| p.map(|p| (at, number(p)))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{value} is not {expected}");
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

    // statsmodels: multipletests([0.01, 0.04, 0.03, 0.005, 0.8], method="fdr_bh")[1]
    #[test]
    fn benjamini_hochberg_agrees_with_statsmodels() {
        let adjusted = benjamini_hochberg(&[Some(0.01), Some(0.04), Some(0.03), Some(0.005), Some(0.8)]);
        for (value, expected) in adjusted.into_iter().zip([0.025, 0.05, 0.05, 0.025, 0.8]) {
            close(value.unwrap(), expected);
        }
        assert_eq!(benjamini_hochberg(&[None, Some(0.03), Some(f64::NAN)]), [None, Some(0.06), Some(1.0)]);
    }
}
