//! The propositions and their outcomes. Each says the rule that it was judged by.

use super::Measured;
use super::extremes::{Construction, holds, miss};
use super::infinitesimal::slope;
use super::optimizers::{Rule, predicted};
use super::order::{decided, percent};
use super::search::{Bound, total};
use super::singularity::{DEAD, Metric, Stage, expected_root};
use super::turns::Turn;
use super::unit::{INPUTS, ROUNDING};
use crate::claim::{Claim, Origin};
use crate::method::{self, MethodId};
use crate::statistics::Outcome;

/// A proposition with its number in front, what was found of it, in how many cases, and what by.
fn claim(origin: Origin, statement: &str, outcome: Outcome, cases: usize, evidence: String) -> Claim {
    let (number, _) = statement.split_once([' ', '.']).unwrap_or((statement, ""));
    Claim {
        outcome,
        n: if outcome == Outcome::NotTested { 0 } else { cases },
        ..Claim::untested(&format!("theory.{number}"), origin, "Theory", statement, &evidence)
    }
}

/// A proposition holds in all of its parts, or it does not hold; without parts it was not tested.
fn all(parts: &[bool]) -> Outcome {
    match (parts.len(), parts.iter().all(|held| *held)) {
        (0, _) => Outcome::NotTested,
        (_, true) => Outcome::Supported,
        (_, false) => Outcome::Contradicted,
    }
}

/// The same of an observation, which may hold on some data and not on others.
fn observed(parts: &[bool]) -> Outcome {
    match all(parts) {
        Outcome::Contradicted if parts.contains(&true) => Outcome::Inconclusive,
        outcome => outcome,
    }
}

/// All propositions.
#[must_use]
pub fn all_of(measured: &Measured) -> Vec<Claim> {
    let lists = [
        cartesian(measured),
        geometric(measured),
        singularity(measured),
        optimizers(measured),
        order(measured),
    ];
    lists.into_iter().flatten().collect()
}

/// Propositions 1 and 2: SP, WN, BN.
#[must_use]
pub fn cartesian(measured: &Measured) -> Vec<Claim> {
    let one = |methods: &[MethodId], statement: &str| {
        let of = |t: &&Turn| methods.contains(&t.method);
        let violations: usize = measured.turns.iter().filter(of).map(|t| t.violations).sum();
        let draws: usize = measured.turns.iter().filter(of).map(|t| t.draws).sum();
        let parts = [
            draws > 0 && violations == 0,
            holds(&measured.extremes, Construction::Worst, methods),
            holds(&measured.extremes, Construction::Flip, methods),
        ];
        let parts = if draws == 0 || measured.extremes.is_empty() { &[][..] } else { &parts[..] };
        let (worst, count) = miss(&measured.extremes, Construction::Worst, methods);
        let (flip, flips) = miss(&measured.extremes, Construction::Flip, methods);
        let shortest = measured
            .extremes
            .iter()
            .filter(|e| e.construction == Construction::Flip && methods.contains(&e.method))
            .map(|e| e.step)
            .fold(f64::INFINITY, f64::min);
        let evidence = format!(
            "{violations} of {draws} random steps turn further than arcsin(‖ε‖/‖w‖), or π from ‖ε‖ = ‖w‖ on. {count} constructed steps turn by \
             arcsin(‖ε‖/‖w‖) to within {worst:.0e}. {flips} constructed steps, down to ‖ε‖ = {shortest:.0e}, turn a small weight by π to within \
             {flip:.0e}. Rule: supported if no random step is beyond the bound and all constructions succeed, else contradicted."
        );
        claim(Origin::Mathematics, statement, all(parts), draws + count + flips, evidence)
    };
    vec![
        one(
            &[method::SP],
            "1. SP: a step shorter than ‖w‖ turns the direction by at most arcsin(‖ε‖/‖w‖), which is attained; a small weight can be reversed by an \
             arbitrarily short step.",
        ),
        one(&[method::WN, method::BN], "2. WN and BN inherit this: their directions are those of v and w."),
    ]
}

/// Propositions 3 to 6: GmP.
#[must_use]
pub fn geometric(measured: &Measured) -> Vec<Claim> {
    let slopes: Vec<(usize, Option<f64>)> =
        INPUTS.into_iter().filter(|n| *n > 2).map(|n| (n, slope(&measured.remainders, n))).collect();
    let parts: Vec<bool> = slopes.iter().filter_map(|(_, s)| *s).map(|s| (1.9..=2.1).contains(&s)).collect();
    let complete = parts.is_empty() || parts.len() == slopes.len();
    let shown: Vec<String> =
        slopes.iter().filter_map(|(n, s)| Some(format!("{:.3} (n = {n})", (*s)?))).collect();
    let theorem = claim(
        Origin::Mathematics,
        "3. The paper's theorem: an infinitesimal step turns a GmP direction by √(Σ g_{i}ε_{i}²).",
        if complete { all(&parts) } else { Outcome::Inconclusive },
        measured.remainders.len(),
        format!(
            "The remainder |∠ − √(Σ g_{{i}}ε_{{i}}²)| falls with ‖ε‖ to the power {}; in the plane there is none. Rule: supported if every slope in \
             log-log, ‖ε‖ from 10⁻⁵ to 10⁻², is 2 ± 0.1, so that the formula is the first order and what remains the second.",
            shown.join(", ")
        ),
    );
    let searched = |bound: Bound, statement: &str, formula: &str| {
        let Some(found) = total(&measured.searches, bound) else {
            let why = "The search was not run.".to_owned();
            return claim(Origin::Mathematics, statement, Outcome::NotTested, 0, why);
        };
        let counterexample = found
            .counterexample
            .as_ref()
            .and_then(|case| serde_json::to_string(case).ok())
            .map_or(String::new(), |case| format!(" The first: {case}."));
        let evidence = format!(
            "{} violations of {formula} in {} random cases: 2 to 512 inputs, angles uniform, at poles and far out of range, steps of norm 10⁻⁶ to 10 \
             in isotropic and in extreme directions. Largest value/bound: {:.9}.{counterexample} Rule: supported if no case is beyond the bound by \
             more than {ROUNDING:.0e}, an allowance for rounding.",
            found.violations, found.cases, found.largest_ratio
        );
        claim(Origin::Mathematics, statement, all(&[found.violations == 0]), found.cases, evidence)
    };
    let gmp = |t: &&Turn| t.method == method::GMP && (t.step / 0.1 - 1.0).abs() < 1e-9;
    let tightness = |n: usize| measured.turns.iter().filter(gmp).find(|t| t.inputs == n).map(|t| t.tightness);
    let (first, count) = miss(&measured.extremes, Construction::First, &[method::GMP]);
    let (pole, poles) = miss(&measured.extremes, Construction::Pole, &[method::GMP]);
    let least = measured
        .extremes
        .iter()
        .filter(|e| e.construction == Construction::Pole)
        .map(|e| e.turn / e.step)
        .fold(f64::INFINITY, f64::min);
    let parts = [
        holds(&measured.extremes, Construction::First, &[method::GMP]),
        holds(&measured.extremes, Construction::Pole, &[method::GMP]),
    ];
    let show = |n| tightness(n).map_or("–".to_owned(), |t| format!("{t:.3}"));
    let tight = claim(
        Origin::Mathematics,
        "6. Moving θ₁ alone attains the bound; where some sin θ_{j} is small the bound is loose.",
        if measured.extremes.is_empty() { Outcome::NotTested } else { all(&parts) },
        count + poles,
        format!(
            "{count} steps of θ₁ alone, up to π long, turn by their length to within {first:.0e}. {poles} steps of θ₂ by 1 with θ₁ near its pole \
             turn as computed to within {pole:.0e}, the least by {least:.0e} of the bound. For random steps of norm 0.1 the median turn is {} of the \
             bound at n = 2, {} at 8, {} at 4096: the bound is within a factor √2 of the typical turn. Rule: supported if both constructions succeed.",
            show(2),
            show(8),
            show(4096)
        ),
    );
    vec![
        theorem,
        searched(
            Bound::Direction,
            "4. Globally: no finite step of the angles turns a GmP direction by more than ‖ε‖₂.",
            "∠ ≤ min(‖ε‖₂, π)",
        ),
        searched(
            Bound::Location,
            "5. No step of angles and offset moves the spatial location further than |δ| + |λ| ‖ε‖₂.",
            "‖Δφ‖ ≤ |δ| + |λ| ‖ε‖₂",
        ),
        tight,
    ]
}

/// Proposition 7: what each angle is worth.
#[must_use]
pub fn singularity(measured: &Measured) -> Vec<Claim> {
    let drawn: Vec<&Metric> =
        measured.metrics.iter().filter(|m| m.what == Metric::DRAWN && m.inputs >= 512).collect();
    // The first root is 1 by definition; the last is a random number with a wide law, its median of that order.
    let ends = |m: &Metric| Some((m.roots.first()?.median, m.roots.last()?.median));
    let fits = |m: &&Metric| {
        let law = expected_root(m.inputs, m.inputs - 1);
        ends(m).is_some_and(|(first, last)| first == 1.0 && (0.5..2.0).contains(&(last / law)))
    };
    let parts: Vec<bool> = drawn.iter().map(fits).collect();
    let shown: Vec<String> =
        drawn.iter().filter_map(|m| Some(format!("{:.3} at n = {}", ends(m)?.1, m.inputs))).collect();
    let falls = claim(
        Origin::Ours,
        "7a. √g falls from 1 at the first angle to about √(2/n), 0.02 in the thousands, at the last.",
        all(&parts),
        drawn.len(),
        format!(
            "Median √g of the last angle of Glorot-uniform units: {}. Rule: supported if the first is 1 and the last is within a factor 2 \
             of √(2/n) for every n ≥ 512.",
            shown.join(", ")
        ),
    );
    let trained: Vec<&Metric> =
        measured.metrics.iter().filter(|m| m.stage == Stage::Trained && m.inputs > 2).collect();
    let share = |m: &Metric| 100.0 * m.dead as f64 / m.angles as f64;
    let initial = |m: &Metric| {
        measured.metrics.iter().find(|i| i.what == m.what && i.stage == Stage::Initial).map_or(0.0, share)
    };
    let shown: Vec<String> = trained
        .iter()
        .map(|m| format!("{} {:.2}% (initially {:.2}%)", m.what, share(m), initial(m)))
        .collect();
    let parts: Vec<bool> = trained.iter().map(|m| share(m) > initial(m)).collect();
    let died = claim(
        Origin::Ours,
        "7b. The coordinate singularity occurs in training (ours): some angles die that were alive at initialization.",
        observed(&parts),
        trained.len(),
        format!(
            "Angles with g < {DEAD:.0e} after training at learning rate 0.1: {}. Before the measurement we had expected fewer than 1%. Rule: \
             supported if the share grows on every data set with three inputs or more.",
            if shown.is_empty() {
                "no networks with three inputs were trained".to_owned()
            } else {
                shown.join(", ")
            }
        ),
    );
    vec![falls, died]
}

/// Proposition 7: what one step does.
#[must_use]
pub fn optimizers(measured: &Measured) -> Vec<Claim> {
    let adam = |method: MethodId, inputs: usize, lr: f64| {
        let same = |s: &&super::optimizers::Step| {
            s.rule == Rule::Adam && s.method == method && s.inputs == inputs && s.lr == lr
        };
        measured.steps.iter().find(same).map(|s| s.turn.median)
    };
    let small = measured.steps.iter().filter(|s| {
        s.rule == Rule::Adam && s.method == method::GMP && s.inputs >= 8 && predicted(s.inputs, s.lr) <= 0.5
    });
    let ratios: Vec<f64> = small.map(|s| s.turn.median / predicted(s.inputs, s.lr)).collect();
    let parts: Vec<bool> = ratios.iter().map(|r| (r - 1.0).abs() <= 0.15).collect();
    let (low, high) = ratios.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), r| (l.min(*r), h.max(*r)));
    let show = |method, n, lr| adam(method, n, lr).map_or("–".to_owned(), |t| format!("{t:.2}"));
    let grows = claim(
        Origin::Ours,
        "7c. One Adam step of lr turns a GmP direction by about lr·√(n/2) while that is small: the bound in ‖ε‖₂ is not a bound in the learning rate.",
        all(&parts),
        ratios.len(),
        format!(
            "Median turn over lr·√(n/2) is {low:.2} to {high:.2} where lr·√(n/2) ≤ 0.5 and n ≥ 8. At lr 0.1 the turn is {} rad at n = 8 and {} at n \
             = 1152. There the formula says {:.1}, but so long a step randomizes the direction, and the angle to a random direction is π/2. SP at lr \
             0.1 turns by {} and {}, at 0.01 by {} and {}: in many dimensions a step of Adam turns GmP no less than SP. Rule: supported if all those \
             ratios are 1 ± 0.15, else contradicted.",
            show(method::GMP, 8, 0.1),
            show(method::GMP, 1152, 0.1),
            predicted(1152, 0.1),
            show(method::SP, 8, 0.1),
            show(method::SP, 1152, 0.1),
            show(method::SP, 8, 0.01),
            show(method::SP, 1152, 0.01),
        ),
    );
    vec![grows]
}

/// Proposition 7: what the order of the inputs changes.
#[must_use]
pub fn order(measured: &Measured) -> Vec<Claim> {
    let depends = |s: &super::optimizers::Step| s.method == method::GMP && s.inputs > 2;
    let parts: Vec<bool> = measured
        .steps
        .iter()
        .map(|s| if depends(s) { s.order_gap.median > 0.01 } else { s.order_gap.median < 1e-6 })
        .collect();
    let gaps: Vec<f64> = measured.steps.iter().filter(|s| depends(s)).map(|s| s.order_gap.median).collect();
    let (low, high) = gaps.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), g| (l.min(*g), h.max(*g)));
    let still = measured.steps.iter().filter(|s| !depends(s)).map(|s| s.order_gap.median).fold(0.0, f64::max);
    let steps = claim(
        Origin::Ours,
        "7d. GmP is not equivariant to the order of the inputs, from three inputs on; SP is.",
        all(&parts),
        parts.len(),
        format!(
            "With the inputs reversed, one step ends at another direction, which differs by {low:.2} to {high:.2} of the turn (medians over rules, \
             rates and n ≥ 3) under GmP; under SP, and under GmP in the plane, by at most {still:.0e}. Rule: supported if the first is always above \
             0.01 and the second below 10⁻⁶."
        ),
    );
    let typical = |dataset: &str, method: MethodId| {
        measured
            .orders
            .iter()
            .find(|o| o.dataset == dataset && o.method == method)
            .filter(|o| o.given.len() >= 3)
    };
    let compared: Vec<(&str, f64, f64)> = measured
        .orders
        .iter()
        .filter(|o| o.method == method::GMP && o.inputs > 2)
        .filter_map(|o| {
            let (gmp, sp) = (typical(&o.dataset, method::GMP)?, typical(&o.dataset, method::SP)?);
            Some((o.dataset.as_str(), gmp.typical(), sp.typical()))
        })
        .collect();
    let parts: Vec<bool> = compared.iter().map(|(_, gmp, sp)| gmp > sp).collect();
    let shown: Vec<String> = compared
        .iter()
        .map(|(name, gmp, sp)| format!("{name} {} and {}", percent(*gmp), percent(*sp)))
        .collect();
    let decided = decided(&measured.orders);
    let trained = claim(
        Origin::Ours,
        "7e. This affects trained networks (ours): reversing the inputs changes the test result more under GmP than under SP.",
        observed(&parts),
        compared.len(),
        format!(
            "Median |change| of the test metric over seeds under GmP and SP: {}. The change under SP is due to the rounding of sums in another \
             order. The mean over seeds changes under GmP (paired t-tests, Holm, level 0.05) on: {}; elsewhere another order acts like another seed. \
             Rule: supported if larger under GmP on every set with three inputs or more and three seeds or more, inconclusive if on some.",
            if shown.is_empty() { "not enough runs".to_owned() } else { shown.join(", ") },
            if decided.is_empty() { "no data set".to_owned() } else { decided.join(", ") }
        ),
    );
    vec![steps, trained]
}
