//! Several data sets, and a page of claims.

use super::{chance, normals, share};
use gmp_nn::Rng;
use xtask::statistics::{ALPHA, Interval, Outcome, Population, Study, judge, page_wide, pooled};

const REPETITIONS: usize = 2000;

/// Seven data sets whose effects spread by `between` around 0.3, each measured with its own error.
fn studies(rng: &mut Rng, between: f64) -> Vec<Study> {
    let study = |k: usize| {
        let standard_error = 0.05 * 1.3_f64.powi(k as i32);
        let effect = 0.3 + between * rng.normal();
        Study { estimate: effect + standard_error * rng.normal(), standard_error }
    };
    (0..7).map(study).collect()
}

/// A mutant: all data sets have the same effect.
fn fixed_effect(studies: &[Study]) -> Interval {
    let weights = studies.iter().map(|s| s.standard_error.powi(-2));
    let total: f64 = weights.clone().sum();
    let centre = studies.iter().zip(weights).map(|(s, w)| w * s.estimate).sum::<f64>() / total;
    Interval { low: centre - 1.96 / total.sqrt(), high: centre + 1.96 / total.sqrt() }
}

#[test]
fn the_pooled_interval_covers_the_mean_effect_of_data_sets() {
    let mut rng = Rng::new(1, "pooled");
    let ours = |studies: &[Study]| {
        let pooled = pooled(studies, ALPHA).unwrap();
        Interval { low: pooled.low, high: pooled.high }
    };
    for between in [0.0, 0.1, 0.5] {
        let coverage = share(REPETITIONS, || ours(&studies(&mut rng, between)).contains(0.3));
        assert!(coverage >= 0.95 - chance(REPETITIONS), "{coverage} with {between}");
        // Without variance between the sets the lower limit makes it wider than it need be.
        assert!(coverage <= if between == 0.0 { 0.995 } else { 0.975 }, "{coverage} with {between}");
    }
    let mutant = share(REPETITIONS, || fixed_effect(&studies(&mut rng, 0.5)).contains(0.3));
    assert!(mutant < 0.5, "{mutant}");
}

/// Pages of a hundred claims: one effect in ten is clear, all others are just above the smallest that matters, where
/// "equivalent" is wrong and as probable as it can be.
#[test]
fn of_the_outcomes_that_a_page_keeps_few_are_wrong() {
    let mut rng = Rng::new(1, "page");
    let pages = 60;
    let (mut kept_wrong, mut mutant) = (0.0, 0.0);
    let mut kept_right = 0;
    for _ in 0..pages {
        let judgements: Vec<_> = (0..100)
            .map(|k| {
                let truth = if k % 10 == 0 { 3.0 } else { 1.0001 };
                judge(&normals(&mut rng, 20, truth, 1.0), 1.0, ALPHA, Population::Draws)
            })
            .collect();
        let keeps = page_wide(&judgements.iter().collect::<Vec<_>>(), ALPHA);
        let wrong = |j: &xtask::statistics::Judgement| {
            matches!(j.outcome, Outcome::Equivalent | Outcome::Contradicted)
        };
        let count = |keep: &dyn Fn(usize) -> bool, only_wrong: bool| {
            let kept = judgements.iter().enumerate().filter(|(at, j)| keep(*at) && j.outcome.is_decided());
            kept.filter(|(_, j)| !only_wrong || wrong(j)).count() as f64
        };
        let share = |keep: &dyn Fn(usize) -> bool| count(keep, true) / count(keep, false).max(1.0);
        kept_wrong += share(&|at| keeps[at]) / f64::from(pages);
        mutant += share(&|_| true) / f64::from(pages);
        kept_right += judgements.iter().zip(&keeps).step_by(10).filter(|(_, keeps)| **keeps).count();
    }
    assert!(kept_wrong <= ALPHA + 0.03, "{kept_wrong}");
    // The mutant keeps what each claim says by itself.
    assert!(mutant > 0.15, "{mutant}");
    // All clear effects stay.
    assert!(kept_right > 590, "{kept_right} of 600");
}
