//! Choosing a learning rate must cost what it costs: without a difference there is none to be found.

use super::chance;
use gmp_nn::Rng;
use std::collections::BTreeMap;
use xtask::statistics::{
    ALPHA, Population, Scale, Tried, effects_out_of_fold, effects_within_seed, judge, judge_choice, mean,
    select_out_of_fold, select_within_seed,
};

const RATES: [f64; 5] = [0.003, 0.01, 0.03, 0.1, 0.3];

/// ln RMSE of 20 seeds at five rates that are equally good; the validation result is the test result, as where the test set
/// decides.
fn subject(rng: &mut Rng) -> BTreeMap<u64, Vec<Tried>> {
    let tried = |rng: &mut Rng, rate| {
        let result = rng.normal();
        Tried { rate, validation: result, test: result }
    };
    (0..20).map(|seed| (seed, RATES.map(|rate| tried(rng, rate)).to_vec())).collect()
}

/// A mutant: the rate is chosen by the seeds that are shown.
fn chosen_by_all(table: &BTreeMap<u64, Vec<Tried>>) -> Vec<f64> {
    let rate = xtask::statistics::best_rate(table.values(), false).unwrap();
    table.values().map(|seed| seed.iter().find(|t| t.rate == rate).unwrap().test).collect()
}

/// Another mutant: the best rate of every seed.
fn best_of_each(table: &BTreeMap<u64, Vec<Tried>>) -> Vec<f64> {
    table.values().map(|seed| seed.iter().map(|t| t.test).fold(f64::INFINITY, f64::min)).collect()
}

fn nested(table: &BTreeMap<u64, Vec<Tried>>) -> Vec<f64> {
    select_out_of_fold(table, 5, false).values().map(|selected| selected.test).collect()
}

/// A baseline with one rate, as good as each of the subject's five, that spreads less: the noise is that of the choice.
fn baseline(rng: &mut Rng) -> BTreeMap<u64, Vec<Tried>> {
    let tried = |rng: &mut Rng| {
        let result = 0.2 * rng.normal();
        vec![Tried { rate: 0.01, validation: result, test: result }]
    };
    (0..20).map(|seed| (seed, tried(rng))).collect()
}

/// A choice out of fold has no bias; that of the seeds themselves, and the best of each seed, flatter.
#[test]
fn a_choice_out_of_fold_does_not_flatter() {
    let bias = |procedure: fn(&BTreeMap<u64, Vec<Tried>>) -> Vec<f64>| {
        let mut rng = Rng::new(1, "choice");
        let centres: Vec<f64> = (0..1500).map(|_| mean(&procedure(&subject(&mut rng))).unwrap()).collect();
        mean(&centres).unwrap()
    };
    // Four standard errors of the mean of 1500 means of 20 numbers, each with a spread of 0.29 for the choice's sake.
    assert!(bias(nested).abs() < 4.0 * 0.29 / 1500_f64.sqrt(), "{}", bias(nested));
    assert!(bias(chosen_by_all) < -0.2, "{}", bias(chosen_by_all));
    assert!(bias(best_of_each) < -1.0, "{}", bias(best_of_each));
}

/// A subject with five equal rates against a baseline with one is not better for its choice; and Student's interval of
/// these effects, which are not independent, is a mutant.
#[test]
fn a_choice_alone_is_no_support() {
    let mut rng = Rng::new(1, "choice against none");
    let (mut wrong, mut mutant, repetitions) = (0, 0, 600);
    for _ in 0..repetitions {
        let (subject, baseline) = (subject(&mut rng), baseline(&mut rng));
        let (scale, population) = (Scale::Reduction, Population::Draws);
        let judgement = judge_choice(scale, &subject, &baseline, 5, 0.05, ALPHA, population);
        wrong += usize::from(judgement.significant);
        let effects = effects_out_of_fold(scale, &subject, &baseline, 5);
        mutant += usize::from(judge(&effects, 0.05, ALPHA, population).significant);
    }
    let [wrong, mutant] = [wrong, mutant].map(|k| k as f64 / repetitions as f64);
    assert!(wrong <= ALPHA + chance(repetitions), "{wrong}");
    assert!(mutant > ALPHA + chance(repetitions), "{mutant}");
}

/// Accuracies of 30 seeds at five rates. A few held-out samples say little of which rate is good: of the noise in `validation`
/// nothing is in `test`. The rates differ by `spread` in truth.
fn with_held_out(rng: &mut Rng, spread: f64) -> BTreeMap<u64, Vec<Tried>> {
    let tried = |rng: &mut Rng, (k, rate): (usize, f64)| {
        let truth = 0.8 + spread * k as f64;
        let [validation, test] = [0.05, 0.03].map(|noise| truth + noise * rng.normal());
        Tried { rate, validation, test }
    };
    let rates = RATES.into_iter().enumerate();
    (0..30).map(|seed| (seed, rates.clone().map(|of| tried(rng, of)).collect())).collect()
}

/// The same at one rate.
fn at_one_rate(rng: &mut Rng) -> BTreeMap<u64, Vec<Tried>> {
    let mut table = with_held_out(rng, 0.0);
    table.values_mut().for_each(|tried| tried.truncate(1));
    table
}

/// A mutant: the test result itself chooses the rate of each seed.
fn chosen_by_the_test_set(table: &BTreeMap<u64, Vec<Tried>>) -> BTreeMap<u64, Vec<Tried>> {
    let peek = |tried: &Tried| Tried { validation: tried.test, ..*tried };
    table.iter().map(|(seed, all)| (*seed, all.iter().map(peek).collect())).collect()
}

/// Five rates that are equally good against one that is as good: the choice within a seed finds no lead where there is none,
/// and its interval covers the truth, 0. A choice by the test results that are shown finds one nearly always.
#[test]
fn a_choice_within_a_seed_finds_no_lead_where_there_is_none() {
    let mut rng = Rng::new(1, "within a seed");
    let (mut wrong, mut covered, mut mutant, repetitions) = (0, 0, 0, 1000);
    for _ in 0..repetitions {
        let (subject, baseline) = (with_held_out(&mut rng, 0.0), at_one_rate(&mut rng));
        let leads = |subject: &BTreeMap<u64, Vec<Tried>>| {
            let effects = effects_within_seed(Scale::Difference, subject, &baseline);
            judge(&effects, 0.01, ALPHA, Population::Draws)
        };
        let judgement = leads(&subject);
        wrong += usize::from(judgement.significant);
        covered += usize::from(judgement.low <= 0.0 && 0.0 <= judgement.high);
        mutant += usize::from(leads(&chosen_by_the_test_set(&subject)).low > 0.0);
    }
    let [wrong, covered, mutant] = [wrong, covered, mutant].map(|k| k as f64 / repetitions as f64);
    assert!(wrong <= ALPHA + chance(repetitions), "{wrong}");
    assert!((covered - 0.95).abs() <= chance(repetitions), "{covered}");
    assert!(mutant > 0.9, "{mutant}");
}

/// Where one rate is better than the others, few held-out samples miss it at times: what a seed comes to lies below what the
/// other seeds, who know it, make of it, and above what a rate drawn at random is worth.
#[test]
fn a_choice_within_a_seed_costs_what_it_costs() {
    let mut rng = Rng::new(1, "cost");
    let (mut within, mut by_others) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        let table = with_held_out(&mut rng, 0.02);
        let mean_of = |selected: BTreeMap<u64, xtask::statistics::Selected>| {
            mean(&selected.values().map(|selected| selected.test).collect::<Vec<_>>()).unwrap()
        };
        within.push(mean_of(select_within_seed(&table, true)));
        by_others.push(mean_of(select_out_of_fold(&table, 10, true)));
    }
    let [within, by_others] = [within, by_others].map(|means| mean(&means).unwrap());
    // The rates are worth 0.80, 0.82, …, 0.88.
    assert!((0.85..0.87).contains(&within), "{within}");
    assert!((0.875..0.882).contains(&by_others), "{by_others}");
}
