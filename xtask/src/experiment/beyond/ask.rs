//! What is asked of every arm of an inquiry, as claims.

use super::Arm;
use super::data::{Kind, Loaded};
use super::study::Asked;
use super::tolerance;
use crate::claim::{BEYOND, Claim, Origin, Runs, Unit};
use crate::experiment::Context;
use crate::experiment::ask::{Asker, combined, judged};
use crate::experiment::question::{Data, Question};
use crate::method::{self, MethodId};
use crate::run::results::{Cell, Results, SetId};
use crate::run::{Protocol, Record};
use crate::statistics::{Scale, paired_effects};
use std::collections::BTreeMap;

/// What is asked within an arm, under the name of its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Whether GmP has the best test result.
    Result(&'static str),
    /// Whether GmP learns fastest.
    Epochs(&'static str),
    /// Whether boundaries move least under GmP.
    Movement(&'static str),
    /// Whether GmP tolerates the widest range of learning rates.
    Tolerance(&'static str),
}

/// All claims of an inquiry; those of problems without data say why.
#[must_use]
pub fn all(asked: &Asked, context: &Context, results: Option<&Results<'_>>, why: &str) -> Vec<Claim> {
    let mut claims = Vec::new();
    for arm in &asked.arms {
        let results = results.map(|results| results.with(&arm.setting));
        for problem in &asked.problems {
            let data = problem.data();
            claims.extend(of_arm(asked, context, arm, problem.kind(), &data, results.as_ref()));
        }
        for kind in &asked.missing {
            claims.extend(of_arm(asked, context, arm, *kind, &kind.absent(why), None));
        }
    }
    claims.extend((asked.inquiry.across)(asked, results));
    claims
}

fn of_arm(
    asked: &Asked,
    context: &Context,
    arm: &Arm,
    kind: Kind,
    data: &Data<'_>,
    results: Option<&Results<'_>>,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    // GmP is the subject of what is asked within an arm.
    let is_run = |method: &MethodId| (arm.on)(kind, *method);
    let baselines: Vec<MethodId> = baselines(asked).into_iter().filter(is_run).collect();
    if !is_run(&method::GMP) || baselines.is_empty() {
        return claims;
    }
    let is_asked = |asks: &&Asks| match asks {
        Asks::Epochs(_) => kind.has_speed(),
        // The width of a range of two or three learning rates says more about the grid than about a method.
        Asks::Tolerance(_) => kind != Kind::Pictures || asked.rates_in(&arm.setting, kind).len() > 3,
        Asks::Result(_) | Asks::Movement(_) => true,
    };
    // Where the inquiry has a single learning rate, methods are compared at that one.
    let only = match asked.rates_in(&arm.setting, kind) {
        [only] if context.rates.is_none() => std::slice::from_ref(only),
        _ => &[],
    };
    for &asks in asked.inquiry.asks.iter().filter(is_asked) {
        let figure = Claim::figure_beyond(asked.inquiry.id);
        let of = match question(&baselines, asks, kind, !only.is_empty()) {
            Some(question) => {
                let asker = Asker {
                    context,
                    methods: &asked.methods,
                    equal: only,
                    store: asked.inquiry.id,
                    pools: false,
                };
                asker.ask(&[question], std::slice::from_ref(data), results)
            }
            None => tolerances(asked, context, asks, kind, (data, &baselines), results),
        };
        claims.extend(of.into_iter().map(|claim| in_arm(claim, arm, &figure)));
    }
    claims
}

/// The claim as one of an arm.
fn in_arm(mut claim: Claim, arm: &Arm, figure: &str) -> Claim {
    claim.figure = figure.to_owned();
    if let Some((question, rest)) = claim.id.split_once('/') {
        claim.id = format!("{question}/{}/{rest}", arm.label.replace(' ', "-"));
    }
    claim.dataset = format!("{} · {}", claim.dataset, arm.label);
    claim.runs.iter_mut().for_each(|runs| runs.setting = arm.setting);
    claim
}

/// A question that single runs answer; none for the tolerance, which takes several.
fn question(baselines: &[MethodId], asks: Asks, kind: Kind, is_at_one_rate: bool) -> Option<Question> {
    let (id, statement, tested, quantity) = match asks {
        Asks::Result(id) => (
            id,
            match is_at_one_rate {
                true => "GmP gives the best test result, all methods at one learning rate.",
                false => "GmP gives the best test result, each method at its own best learning rate.",
            },
            "GmP has the best test result",
            kind.result(),
        ),
        Asks::Epochs(id) => (
            id,
            "GmP learns fastest, each method at its own best learning rate.",
            "GmP needs the fewest epochs until the training loss has fallen by a given factor",
            kind.learned(),
        ),
        Asks::Movement(id) => (
            id,
            "Boundaries move least under GmP, each method at its own best learning rate.",
            "Boundaries move least under GmP",
            kind.movement(),
        ),
        Asks::Tolerance(_) => return None,
    };
    Some(Question {
        id,
        origin: Origin::Ours,
        figure: BEYOND,
        statement,
        tested,
        quantity,
        subject: method::GMP,
        baselines: baselines.to_vec(),
        protocols: &[Protocol::HeldOut],
        at_authors_rates: false,
        at_equal_rates: is_at_one_rate,
        at_best_rate: !is_at_one_rate,
        headline: false,
        asks_for_seeds: false,
    })
}

/// The methods that GmP is compared with: all of the inquiry, whatever the user leaves out, and what the user adds.
fn baselines(asked: &Asked) -> Vec<MethodId> {
    let mut methods = (asked.inquiry.methods)();
    let added = asked.methods.iter().filter(|method| !methods.contains(method)).copied();
    methods.extend(added.collect::<Vec<_>>());
    methods.retain(|method| *method != method::GMP);
    methods
}

/// The tolerance of every seed of a method on one set; the results are those of one arm.
#[must_use]
pub fn tolerance_of(
    results: &Results<'_>,
    set: SetId<'_>,
    kind: Kind,
    method: MethodId,
) -> BTreeMap<u64, f64> {
    let at = |lr| (lr, results.values(Cell { set, method, lr, protocol: Protocol::HeldOut }));
    let by_rate: Vec<_> = results.rates(set, method).into_iter().map(at).collect();
    tolerance::by_seed(&by_rate, kind.larger_is_better())
}

fn tolerances(
    asked: &Asked,
    context: &Context,
    asks: Asks,
    kind: Kind,
    (data, baselines): (&Data<'_>, &[MethodId]),
    results: Option<&Results<'_>>,
) -> Vec<Claim> {
    let Asks::Tolerance(id) = asks else { return Vec::new() };
    let of =
        |method| results.map_or_else(BTreeMap::new, |results| tolerance_of(results, data.id, kind, method));
    let ours = of(method::GMP);
    let claim = |baseline: MethodId| {
        let theirs = of(baseline);
        let base = Claim {
            id: format!("{id}/{}/held-out/all-rates/{baseline}", data.id.name),
            tested: "GmP tolerates the widest range of learning rates".to_owned(),
            quantity: "log₂ of the ratio of the largest to the smallest learning rate with a test result within 5% of the seed's best"
                .to_owned(),
            unit: Unit::Bits,
            dataset: data.id.name.to_owned(),
            generated: data.generated,
            subject: method::GMP.to_string(),
            baseline: baseline.to_string(),
            rates: "all".to_owned(),
            protocol: Protocol::HeldOut.to_string(),
            population: data.population.to_string(),
            smallest: Some(context.smallest.movement),
            ..Claim::untested(id, Origin::Ours, BEYOND, "GmP tolerates a wider range of learning rates.", "")
        };
        let mut claim = judged(base, &paired_effects(Scale::Difference, &ours, &theirs), data.population);
        match (results, ours.keys().next(), ours.keys().last()) {
            (Some(results), Some(first), Some(last)) if claim.n > 0 => {
                claim.runs = [method::GMP, baseline]
                    .map(|method| Runs {
                        file: format!("{}/runs.jsonl", asked.inquiry.id),
                        method: method.to_string(),
                        rates: results.rates(data.id, method),
                        seeds: [*first, *last],
                        setting: Default::default(),
                    })
                    .to_vec();
            }
            _ => {
                let left_out = "--method leaves it out.".to_owned();
                claim.reason = data.limits.clone().unwrap_or(left_out);
            }
        }
        claim
    };
    combined(baselines.iter().copied().map(claim).collect())
}

/// A number of every seed that has one, at the method's own best rate or at a given one.
#[must_use]
pub fn by_seed(
    results: &Results<'_>,
    problem: &Loaded,
    method: MethodId,
    lr: Option<f64>,
    number: fn(&Record) -> Option<f64>,
) -> BTreeMap<u64, f64> {
    let set = problem.id();
    let lr = lr.or_else(|| results.chosen_rate(set, method, problem.kind().larger_is_better()));
    let cell = lr.map(|lr| Cell { set, method, lr, protocol: Protocol::HeldOut });
    cell.map_or_else(BTreeMap::new, |cell| results.by_seed(cell, number))
}

/// The best learning rate of every seed by its held-out samples, of one arm; seeds without a finite result have none.
#[must_use]
pub fn best_rates(results: &Results<'_>, problem: &Loaded, method: MethodId) -> BTreeMap<u64, f64> {
    let (set, larger) = (problem.id(), problem.kind().larger_is_better());
    let mut best: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for lr in results.rates(set, method) {
        let cell = Cell { set, method, lr, protocol: Protocol::HeldOut };
        for (seed, score) in results.by_seed(cell, |record| record.validation) {
            let loss = if larger { -score } else { score };
            if loss.is_finite() && best.get(&seed).is_none_or(|(least, _)| loss < *least) {
                best.insert(seed, (loss, lr));
            }
        }
    }
    best.into_iter().map(|(seed, (_, lr))| (seed, lr)).collect()
}
