//! How often an outcome is wrong, and whether more seeds, or other ones, overturn it.

use super::{chance, normals, share};
use gmp_nn::Rng;
use xtask::statistics::outcome::{all_of, all_of_outcomes};
use xtask::statistics::{
    ALPHA, Interval, Outcome, Population, confidence_interval, judge, mean, signed_rank,
};

const SMALLEST: f64 = 1.0;

type Rule = fn(&[f64]) -> Outcome;

fn ours(effects: &[f64]) -> Outcome {
    judge(effects, SMALLEST, ALPHA, Population::Draws).outcome
}

/// A mutant: whatever is significant and looks large enough is supported, or contradicted, and what is neither is
/// equivalent where its interval says so.
fn by_the_estimate(effects: &[f64]) -> Outcome {
    let Interval { low, high } = confidence_interval(effects).unwrap();
    let estimate = mean(effects).unwrap();
    match ours(effects) {
        _ if low > 0.0 && estimate >= SMALLEST => Outcome::Supported,
        _ if high < 0.0 && estimate <= -SMALLEST => Outcome::Contradicted,
        Outcome::Equivalent => Outcome::Equivalent,
        _ => Outcome::Inconclusive,
    }
}

/// A mutant: what is not significant makes no difference.
fn absence_of_evidence(effects: &[f64]) -> Outcome {
    let Interval { low, high } = confidence_interval(effects).unwrap();
    match (low > 0.0, high < 0.0) {
        (true, _) => Outcome::Supported,
        (_, true) => Outcome::Contradicted,
        _ => Outcome::Equivalent,
    }
}

/// A mutant, the rule of a red badge: what is not significantly better is contradicted.
fn red_badge(effects: &[f64]) -> Outcome {
    if confidence_interval(effects).unwrap().low > 0.0 { Outcome::Supported } else { Outcome::Contradicted }
}

/// How often `rule` names an outcome that the true effect makes wrong, at worst over true effects, spreads and numbers of
/// seeds.
fn worst_error(rule: Rule, repetitions: usize) -> f64 {
    let mut rng = Rng::new(1, "errors");
    let mut worst: f64 = 0.0;
    for n in [5, 10, 50] {
        for spread in [0.5, 2.0] {
            for truth in [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5] {
                // On the boundary both sides' outcomes are wrong but one; take each of them alone.
                let outcomes: Vec<Outcome> =
                    (0..repetitions).map(|_| rule(&normals(&mut rng, n, truth, spread))).collect();
                let of = |wrong| outcomes.iter().filter(|o| **o == wrong).count() as f64 / repetitions as f64;
                if truth <= SMALLEST {
                    worst = worst.max(of(Outcome::Supported));
                }
                if truth >= -SMALLEST {
                    worst = worst.max(of(Outcome::Contradicted));
                }
                if truth.abs() >= SMALLEST {
                    worst = worst.max(of(Outcome::Equivalent));
                }
            }
        }
    }
    worst
}

#[test]
fn a_wrong_outcome_is_named_once_in_twenty_times_at_most() {
    let repetitions = 1000;
    let worst = worst_error(ours, repetitions);
    assert!(worst <= ALPHA + chance(repetitions), "{worst}");
    for (name, mutant) in [
        ("by the estimate", by_the_estimate as Rule),
        ("absence of evidence", absence_of_evidence),
        ("red badge", red_badge),
    ] {
        let worst = worst_error(mutant, repetitions);
        assert!(worst > 3.0 * ALPHA, "{name}: {worst}");
    }
}

/// Where the effect is clear, it is named.
#[test]
fn fifty_seeds_suffice_for_what_is_clear() {
    let mut rng = Rng::new(1, "power");
    for (truth, expected) in
        [(2.0, Outcome::Supported), (0.0, Outcome::Equivalent), (-2.0, Outcome::Contradicted)]
    {
        let power = share(400, || ours(&normals(&mut rng, 50, truth, 1.5)) == expected);
        assert!(power > 0.95, "{power} for {truth}");
    }
}

/// A study of which true effect, spread and shape are drawn at random: normal; two humps, as GmP's RMSE has them; or long
/// tails, as the movement of boundaries has. All have the mean that they are drawn with.
struct World {
    truth: f64,
    spread: f64,
    shape: usize,
}

impl World {
    fn draw(rng: &mut Rng) -> Self {
        let truth = 6.0 * rng.uniform() - 3.0;
        let spread = 2.0_f64.powf(3.0 * rng.uniform() - 1.0);
        Self { truth, spread, shape: rng.below(3) }
    }

    fn effects(&self, rng: &mut Rng, n: usize) -> Vec<f64> {
        let mut noise = || match self.shape {
            0 => rng.normal(),
            // Two thirds at −0.7, a third at 1.4: mean 0, variance 0.98 without what is added.
            1 => (if rng.below(3) == 0 { 1.4 } else { -0.7 }) + 0.14 * rng.normal(),
            // Lognormal with σ = 1/2, of mean 0 and variance 1.
            _ => {
                let variance = 0.25_f64.exp() - 1.0;
                ((0.5 * rng.normal() - 0.125).exp() - 1.0) / variance.sqrt()
            }
        };
        (0..n).map(|_| self.truth + self.spread * noise()).collect()
    }
}

/// Of two outcomes of many worlds: how many pairs are decided, how many of these agree, and how many say the opposite.
fn agreement(rule: Rule, first: usize, second: usize) -> (usize, f64, usize) {
    let mut rng = Rng::new(1, "two sets of seeds");
    let (mut decided, mut agree, mut opposite) = (0, 0, 0);
    for _ in 0..1500 {
        let world = World::draw(&mut rng);
        let outcomes = [first, second].map(|n| rule(&world.effects(&mut rng, n)));
        if outcomes.iter().all(|outcome| outcome.is_decided()) {
            decided += 1;
            agree += usize::from(outcomes[0] == outcomes[1]);
            opposite += usize::from(
                outcomes.contains(&Outcome::Supported) && outcomes.contains(&Outcome::Contradicted),
            );
        }
    }
    (decided, agree as f64 / decided as f64, opposite)
}

#[test]
fn other_seeds_and_more_seeds_do_not_overturn_an_outcome() {
    for (first, second) in [(50, 50), (50, 500), (10, 100)] {
        let (decided, agree, opposite) = agreement(ours, first, second);
        assert!(decided > 400, "{decided}");
        assert!(agree >= 0.98, "{agree} of {decided} with {first} and {second} seeds");
        assert_eq!(opposite, 0, "with {first} and {second} seeds");
    }
    let (_, agree, opposite) = agreement(red_badge, 50, 50);
    assert!(agree < 0.98 && opposite > 0, "{agree}, {opposite}");
    let (_, agree, _) = agreement(by_the_estimate, 50, 500);
    assert!(agree < 0.98, "{agree}");
    let (_, agree, _) = agreement(absence_of_evidence, 50, 500);
    assert!(agree < 0.9, "{agree}");
}

/// The number of seeds that would decide does decide, most often.
#[test]
fn the_seeds_that_are_needed_decide() {
    use xtask::statistics::Needed;
    let mut rng = Rng::new(1, "needed");
    let (mut asked, mut decided) = (0, 0);
    while asked < 300 {
        let effects = normals(&mut rng, 40, 1.6, 3.0);
        let judgement = judge(&effects, SMALLEST, ALPHA, Population::Draws);
        let Needed::Seeds(n @ 41..=1000) = judgement.needed else { continue };
        asked += 1;
        // A world as the effects have it: their own mean and spread.
        let spread = xtask::statistics::standard_deviation(&effects).unwrap();
        decided += usize::from(ours(&normals(&mut rng, n, judgement.estimate, spread)).is_decided());
    }
    // The interval ends at the boundary, on the average: half of them do.
    let share = decided as f64 / asked as f64;
    assert!((0.4..0.65).contains(&share), "{share}");
}

/// One of three baselines is as good as can be without the claim being true; the others are far worse.
#[test]
fn better_than_each_is_wrong_no_more_often_than_one_comparison() {
    let mut rng = Rng::new(1, "intersection-union");
    let (mut wrong, mut mutant) = (0, 0);
    let repetitions = 1000;
    for _ in 0..repetitions {
        let judgements = [1.0, 5.0, 5.0]
            .map(|truth| judge(&normals(&mut rng, 20, truth, 1.0), SMALLEST, ALPHA, Population::Draws));
        wrong += usize::from(all_of(&judgements) == Outcome::Supported);
        // The mutant is content with most of the baselines.
        let supported = judgements.iter().filter(|j| j.outcome == Outcome::Supported).count();
        mutant += usize::from(2 * supported > judgements.len());
    }
    let [wrong, mutant] = [wrong, mutant].map(|k| k as f64 / repetitions as f64);
    assert!(wrong <= ALPHA / 2.0 + chance(repetitions), "{wrong}");
    assert!(mutant > 0.9, "{mutant}");
    assert_eq!(all_of_outcomes([Outcome::Supported; 3]), Outcome::Supported);
}

/// The signed rank test keeps its level where Student's interval has no meaning: Cauchy effects, some without a size.
#[test]
fn ranks_keep_their_level() {
    let mut rng = Rng::new(1, "ranks");
    let repetitions = 2000;
    for n in [8, 20, 120] {
        let mut draw = || -> Vec<f64> {
            let cauchy = |rng: &mut Rng| (std::f64::consts::PI * (rng.uniform() - 0.5)).tan();
            let one = |rng: &mut Rng| match rng.uniform() {
                u if u < 0.05 => f64::NEG_INFINITY,
                u if u < 0.10 => f64::INFINITY,
                _ => cauchy(rng),
            };
            (0..n).map(|_| one(&mut rng)).collect()
        };
        let mut tests: Vec<f64> = Vec::new();
        tests.extend((0..repetitions).map(|_| signed_rank(&draw()).map_or(1.0, |test| test.p)));
        let at = |level: f64| tests.iter().filter(|p| **p <= level).count() as f64 / repetitions as f64;
        assert!((0.03..=0.05 + chance(repetitions)).contains(&at(0.05)), "{} with {n}", at(0.05));
        // A mutant with half of the p-values.
        assert!(at(0.1) > 0.05 + chance(repetitions), "{}", at(0.1));
    }
}
