//! Choosing the learning rate as a part of the procedure that is measured.
//!
//! A method that is shown at its best rate has had a choice, and a choice made by the runs that are shown flatters it. Here
//! the seeds are split into folds; for the seeds of one fold the rate is chosen by the validation results of all other
//! seeds, and what counts is their test result at that rate. A bad choice costs what it costs.

use std::collections::BTreeMap;

/// One seed at one learning rate; NaN, or an infinity, where the run diverged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// The learning rate.
    pub rate: f64,
    /// What a rate may be chosen by.
    pub validation: f64,
    /// What counts.
    pub test: f64,
}

/// What a seed comes to at the rate that the other seeds chose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selected {
    /// The rate.
    pub rate: f64,
    /// The test result of the seed at that rate, as it was handed in.
    pub test: f64,
}

/// The rate with the best mean validation result over `seeds`. A rate at which fewer runs diverged is better than one
/// at which more did. Of rates that are equally good the smaller one is taken. `None` where no rate was tried under
/// every seed, or under all of them every run diverged.
#[must_use]
pub fn best_rate<'a>(seeds: impl IntoIterator<Item = &'a Vec<Tried>>, larger_is_better: bool) -> Option<f64> {
    let seeds: Vec<&Vec<Tried>> = seeds.into_iter().collect();
    let mut rates: Vec<f64> = seeds.first()?.iter().map(|tried| tried.rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let scored = rates.into_iter().filter_map(|rate| {
        let of = |seed: &&Vec<Tried>| seed.iter().find(|tried| tried.rate == rate).map(|t| t.validation);
        let results: Vec<f64> = seeds.iter().map(of).collect::<Option<_>>()?;
        let finite: Vec<f64> = results.iter().copied().filter(|x| x.is_finite()).collect();
        let mean = super::mean(&finite)?;
        Some((rate, results.len() - finite.len(), if larger_is_better { -mean } else { mean }))
    });
    scored.min_by(|a, b| a.1.cmp(&b.1).then(a.2.total_cmp(&b.2))).map(|(rate, ..)| rate)
}

/// The test result of every seed at the rate that the seeds of the other folds choose by their validation results.
///
/// The seeds are dealt to `folds` folds in their order, so that the same seeds of another method are in the same folds and
/// remain pairs; with fewer seeds than folds, each seed is a fold. Empty for fewer than two seeds; a seed for which no
/// rate can be chosen, or which was not run at the chosen one, is NaN.
///
/// ```
/// use std::collections::BTreeMap;
/// use xtask::statistics::{Tried, select_out_of_fold};
/// let seed = |small: f64, large: f64| {
///     vec![
///         Tried { rate: 0.01, validation: small, test: small },
///         Tried { rate: 0.1, validation: large, test: large },
///     ]
/// };
/// // Seed 2 is lucky at 0.01, which the others would not choose.
/// let table = BTreeMap::from([(0, seed(1.0, 0.5)), (1, seed(0.9, 0.6)), (2, seed(0.2, 0.7))]);
/// let selected = select_out_of_fold(&table, 3, false);
/// assert_eq!((selected[&2].rate, selected[&2].test), (0.1, 0.7));
/// ```
///
/// # Panics
/// For fewer than two folds.
#[must_use]
pub fn select_out_of_fold(
    table: &BTreeMap<u64, Vec<Tried>>,
    folds: usize,
    larger_is_better: bool,
) -> BTreeMap<u64, Selected> {
    assert!(folds >= 2, "{folds} folds; expected at least 2");
    let folds = folds.min(table.len());
    if folds < 2 {
        return BTreeMap::new();
    }
    let chosen: Vec<Option<f64>> = (0..folds)
        .map(|fold| {
            let others = table.values().enumerate().filter(|(at, _)| at % folds != fold);
            best_rate(others.map(|(_, seed)| seed), larger_is_better)
        })
        .collect();
    let select = |(at, (seed, tried)): (usize, (&u64, &Vec<Tried>))| {
        let rate = chosen[at % folds].unwrap_or(f64::NAN);
        let test = tried.iter().find(|tried| tried.rate == rate).map_or(f64::NAN, |tried| tried.test);
        (*seed, Selected { rate, test })
    };
    table.iter().enumerate().map(select).collect()
}

/// At which end of a grid a rate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// A smaller rate might be better.
    Smallest,
    /// A larger rate might be better.
    Largest,
}

/// Whether `rate` is at an end of the grid `rates`, in any order; then the grid has to grow there before the rate can be
/// called the best. A grid of one rate has it at its larger end.
#[must_use]
pub fn edge(rates: &[f64], rate: f64) -> Option<Edge> {
    if rates.iter().all(|other| *other <= rate) {
        Some(Edge::Largest)
    } else if rates.iter().all(|other| *other >= rate) {
        Some(Edge::Smallest)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(numbers: &[(f64, f64, f64)]) -> Vec<Tried> {
        numbers.iter().map(|&(rate, validation, test)| Tried { rate, validation, test }).collect()
    }

    #[test]
    fn a_rate_at_which_runs_diverge_is_the_last_to_be_chosen() {
        let seeds =
            [seed(&[(0.1, 0.2, 0.0), (0.01, 0.5, 0.0)]), seed(&[(0.1, f64::NAN, 0.0), (0.01, 0.6, 0.0)])];
        assert_eq!(best_rate(&seeds, false), Some(0.01));
        assert_eq!(best_rate(&seeds[..1], false), Some(0.1));
        // Of equal ones the smaller.
        assert_eq!(best_rate([&seed(&[(0.3, 1.0, 0.0), (0.1, 1.0, 0.0)])], true), Some(0.1));
        // Not tried under every seed.
        let one = seed(&[(0.3, 1.0, 0.0)]);
        assert_eq!(best_rate([&one, &seed(&[(0.1, 1.0, 0.0)])], true), None);
        assert_eq!(best_rate([&seed(&[(0.3, f64::NAN, 0.0)])], true), None);
        assert_eq!(best_rate(std::iter::empty(), true), None);
    }

    #[test]
    fn folds_are_dealt_by_place_and_never_see_themselves() {
        // At 0.1 a seed is better than at 0.01 but for the seeds of fold 0 (places 0 and 2), which are much worse.
        let table: BTreeMap<u64, Vec<Tried>> = (0..4)
            .map(|k| {
                let large = if k % 2 == 0 { 9.0 } else { 0.5 };
                (10 * k, seed(&[(0.01, 1.0, 1.0), (0.1, large, large)]))
            })
            .collect();
        let selected = select_out_of_fold(&table, 2, false);
        let rates: Vec<f64> = selected.values().map(|s| s.rate).collect();
        // The others of fold 0 are fold 1, which likes 0.1; and the other way round.
        assert_eq!(rates, [0.1, 0.01, 0.1, 0.01]);
        assert_eq!(selected[&0].test, 9.0);
        let single = BTreeMap::from([(0, seed(&[(0.1, 1.0, 1.0)]))]);
        assert!(select_out_of_fold(&single, 5, false).is_empty());
        // More folds than seeds: each seed is left out alone.
        assert_eq!(select_out_of_fold(&table, 100, false).len(), 4);
    }

    #[test]
    fn edges_of_a_grid() {
        let grid = [0.1, 0.01, 1.0];
        assert_eq!(edge(&grid, 0.1), None);
        assert_eq!(edge(&grid, 1.0), Some(Edge::Largest));
        assert_eq!(edge(&grid, 0.01), Some(Edge::Smallest));
        assert_eq!(edge(&[0.1], 0.1), Some(Edge::Largest));
    }
}
