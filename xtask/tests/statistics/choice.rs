//! Choosing a learning rate must cost what it costs: without a difference there is none to be found.

use super::chance;
use gmp_nn::Rng;
use std::collections::BTreeMap;
use xtask::statistics::{
    ALPHA, Population, Scale, Tried, effects_out_of_fold, judge, judge_choice, mean, select_out_of_fold,
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
