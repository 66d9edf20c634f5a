//! Choosing the learning rate as a part of the procedure that is measured.
//!
//! A method that is shown at its best rate has had a choice, and a choice made by the results that are shown flatters it.
//! There are two ways to make the choice cost what it costs, and they answer two questions.
//!
//! **Within a seed** ([`select_within_seed`]): what does a method come to in the hands of someone who has one data set? Each
//! seed stands for such a person: its held-out samples choose its rate, and what counts is its test result at that rate. A
//! choice by a few held-out samples is often a bad one, and that is measured too. What seeds come to is independent, so
//! that the effects are [judged](super::judge) as all others.
//!
//! **By the other seeds** ([`select_out_of_fold`]): what does a method come to at the rate that suits it on this problem? The
//! seeds are split into folds; for the seeds of one fold the rate is chosen by the validation results of all other seeds.
//! The results that come of it are not independent: a seed whose result is low at one rate also makes the other folds
//! choose that rate. Where several rates are about equally good, Student's interval is too narrow by a half. So
//! [`judge_choice`] takes the standard error of the jackknife: one seed after the other is left out, and everything is done
//! again without it, the choice too.

use super::effect::{Scale, paired_effects};
use super::outcome::{Judgement, judge_widened};
use super::resplit::Population;
use super::summary::{mean, standard_deviation};
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
        let mean = mean(&finite)?;
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

/// The test result of every seed at the rate that its own validation results choose. NaN for a seed whose runs all
/// diverged.
///
/// ```
/// use std::collections::BTreeMap;
/// use xtask::statistics::{Tried, select_within_seed};
/// let tried = |rate, validation, test| Tried { rate, validation, test };
/// // Its few held-out samples mislead it: that is what a choice costs.
/// let table = BTreeMap::from([(0, vec![tried(0.01, 0.2, 0.9), tried(0.1, 0.3, 0.5)])]);
/// let selected = select_within_seed(&table, false);
/// assert_eq!((selected[&0].rate, selected[&0].test), (0.01, 0.9));
/// ```
#[must_use]
pub fn select_within_seed(
    table: &BTreeMap<u64, Vec<Tried>>,
    larger_is_better: bool,
) -> BTreeMap<u64, Selected> {
    let select = |(seed, tried): (&u64, &Vec<Tried>)| {
        let rate = best_rate([tried], larger_is_better).unwrap_or(f64::NAN);
        let test = tried.iter().find(|tried| tried.rate == rate).map_or(f64::NAN, |tried| tried.test);
        (*seed, Selected { rate, test })
    };
    table.iter().map(select).collect()
}

/// The effects of a subject against a baseline, each seed at the rates that its own validation results choose for the two
/// sides.
#[must_use]
pub fn effects_within_seed(
    scale: Scale,
    subject: &BTreeMap<u64, Vec<Tried>>,
    baseline: &BTreeMap<u64, Vec<Tried>>,
) -> Vec<f64> {
    let results = |table: &BTreeMap<u64, Vec<Tried>>| -> BTreeMap<u64, f64> {
        let selected = select_within_seed(table, scale.larger_is_better());
        selected.into_iter().map(|(seed, selected)| (seed, selected.test)).collect()
    };
    paired_effects(scale, &results(subject), &results(baseline))
}

/// The effects of a subject against a baseline, each seed at the rates that the seeds of the other folds choose for the two
/// sides.
#[must_use]
pub fn effects_out_of_fold(
    scale: Scale,
    subject: &BTreeMap<u64, Vec<Tried>>,
    baseline: &BTreeMap<u64, Vec<Tried>>,
    folds: usize,
) -> Vec<f64> {
    let results = |table: &BTreeMap<u64, Vec<Tried>>| -> BTreeMap<u64, f64> {
        let selected = select_out_of_fold(table, folds, scale.larger_is_better());
        selected.into_iter().map(|(seed, selected)| (seed, selected.test)).collect()
    };
    paired_effects(scale, &results(subject), &results(baseline))
}

/// Judges a subject against a baseline, both at their own best rates, whose choice is a part of what is judged.
///
/// The effects are those of [`effects_out_of_fold`]; the intervals have the standard error of the jackknife over seeds
/// where that is larger than Student's ([`Judgement::widening`]). Only seeds that both tables have count. Where a run
/// diverged the intervals are those of independent effects ([`Basis::Median`](super::Basis)).
///
/// # Panics
/// As [`select_out_of_fold`] and [`judge`](super::judge).
#[must_use]
pub fn judge_choice(
    scale: Scale,
    subject: &BTreeMap<u64, Vec<Tried>>,
    baseline: &BTreeMap<u64, Vec<Tried>>,
    folds: usize,
    smallest: f64,
    alpha: f64,
    population: Population,
) -> Judgement {
    let common = |table: &BTreeMap<u64, Vec<Tried>>, other: &BTreeMap<u64, Vec<Tried>>| {
        let mut table = table.clone();
        table.retain(|seed, _| other.contains_key(seed));
        table
    };
    let (mut subject, mut baseline) = (common(subject, baseline), common(baseline, subject));
    let effects = effects_out_of_fold(scale, &subject, &baseline, folds);
    let seeds: Vec<u64> = subject.keys().copied().collect();
    let without: Option<Vec<f64>> = seeds
        .iter()
        .map(|seed| {
            let (ours, theirs) = (subject.remove(seed)?, baseline.remove(seed)?);
            let centre = mean(&effects_out_of_fold(scale, &subject, &baseline, folds));
            subject.insert(*seed, ours);
            baseline.insert(*seed, theirs);
            centre
        })
        .collect();
    // Of n means without one: (n−1)/n Σ(x − x̄)² = (n−1)²/n s².
    let n = seeds.len() as f64;
    let jackknife = without.as_deref().and_then(standard_deviation).map(|s| s * (n - 1.0) / n.sqrt());
    let student = standard_deviation(&effects).map(|s| s / (effects.len() as f64).sqrt());
    let widening = jackknife
        .zip(student)
        .map_or(1.0, |(jackknife, student)| if student > 0.0 { (jackknife / student).max(1.0) } else { 1.0 });
    judge_widened(&effects, widening, smallest, alpha, population)
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
        // However many did not diverge.
        let many = [seeds[0].clone(), seeds[0].clone(), seeds[1].clone()];
        assert_eq!(best_rate(&many, false), Some(0.01));
        // Of accuracies the largest.
        assert_eq!(best_rate(&seeds[..1], true), Some(0.01));
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
        // At 0.1 a seed is better than at 0.01 except for the seeds of fold 0 (places 0 and 2), which are much worse.
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

    // Two rates; seeds agree on one of them, so that without any seed the choice is the same: the jackknife is Student's.
    #[test]
    fn a_clear_choice_widens_nothing() {
        let table = |shift: f64| -> BTreeMap<u64, Vec<Tried>> {
            let results = [0.1, 0.3, 0.2, 0.25, 0.15, 0.4];
            let tried = |x: f64| seed(&[(0.01, x + shift, x + shift), (0.1, x + 5.0, x + 5.0)]);
            (0..).zip(results).map(|(k, x)| (k, tried(x * if shift > 0.0 { 1.0 } else { 0.5 }))).collect()
        };
        let (ours, theirs) = (table(0.0), table(1.0));
        let judgement =
            judge_choice(Scale::Reduction, &ours, &theirs, 5, 0.05, 0.05, Population::Initialisations);
        let effects: Vec<f64> = [0.1, 0.3, 0.2, 0.25, 0.15, 0.4].map(|x| 1.0 + 0.5 * x).to_vec();
        let plain = crate::statistics::judge(&effects, 0.05, 0.05, Population::Initialisations);
        assert!((judgement.widening - 1.0).abs() < 1e-9, "{}", judgement.widening);
        assert!((judgement.low - plain.low).abs() < 1e-9 && (judgement.high - plain.high).abs() < 1e-9);
        // A seed of one table only does not count.
        let mut more = ours.clone();
        more.insert(99, seed(&[(0.01, 0.0, 0.0), (0.1, 0.0, 0.0)]));
        assert_eq!(judge_choice(Scale::Reduction, &more, &theirs, 5, 0.05, 0.05, Population::Draws).n, 6);
    }

    // All effects are 0, but without seed 0 or 2 seed 1 alone chooses for the other, and chooses another rate.
    #[test]
    fn effects_without_spread_are_not_widened() {
        let like = |b: f64| seed(&[(0.01, 1.0, 1.0), (0.1, b, 2.0)]);
        let subject = BTreeMap::from([(0, like(10.0)), (1, like(0.0)), (2, like(10.0))]);
        let baseline: BTreeMap<u64, Vec<Tried>> = (0..3).map(|k| (k, seed(&[(0.01, 1.0, 1.0)]))).collect();
        let population = Population::Initialisations;
        let judgement = judge_choice(Scale::Reduction, &subject, &baseline, 3, 0.05, 0.05, population);
        assert_eq!((judgement.widening, judgement.low, judgement.high), (1.0, 0.0, 0.0));
    }

    #[test]
    fn within_a_seed_its_own_samples_choose() {
        let table = BTreeMap::from([
            (3, seed(&[(0.01, 0.2, 0.9), (0.1, 0.3, 0.5)])),
            (4, seed(&[(0.01, f64::NAN, f64::NAN), (0.1, 0.3, 0.6)])),
            (5, seed(&[(0.01, f64::NAN, f64::NAN), (0.1, f64::INFINITY, 0.1)])),
        ]);
        let selected = select_within_seed(&table, false);
        assert_eq!((selected[&3].rate, selected[&3].test), (0.01, 0.9));
        assert_eq!((selected[&4].rate, selected[&4].test), (0.1, 0.6));
        assert!(selected[&5].rate.is_nan() && selected[&5].test.is_nan());
        assert_eq!(select_within_seed(&table, true)[&3].rate, 0.1);
        // Seed 5 is lost, and seed 9 has no other side.
        let one = |test| seed(&[(0.1, 1.0, test)]);
        let other = BTreeMap::from([(3, one(1.0)), (4, one(1.0)), (5, one(1.0)), (9, one(1.0))]);
        let effects = effects_within_seed(Scale::Reduction, &table, &other);
        assert!((effects[0] - 0.1).abs() < 1e-12 && (effects[1] - 0.4).abs() < 1e-12);
        assert_eq!(effects[2..], [f64::NEG_INFINITY]);
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
