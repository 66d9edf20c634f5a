//! Whether wide networks are trained lazily: how the change of the neural tangent kernel depends on the width.
//!
//! A kernel that training leaves where it was makes of a network a linear model of fixed features. In that limit the relative change
//! ‖K − K₀‖/‖K₀‖ falls as 1/√n or faster with the number of units n.

use super::ask;
use super::compare::Compared;
use super::data::Loaded;
use super::show::{self, Interval};
use super::study::Asked;
use super::width::{slope, width};
use crate::claim::{Claim, Unit};
use crate::method::{self, MethodId};
use crate::report::figure::{Axis, Figure, Legend, Panel};
use crate::report::number::{number, rate as shown_rate};
use crate::run::results::{Cell, Results};
use crate::run::{Protocol, Record};
use crate::setting::kernel::OfKernel;
use crate::statistics::{Summary, mean};
use std::collections::BTreeMap;

/// The learning rate at which all methods are compared in addition to their own best ones.
const EQUAL: f64 = 0.01;
/// The smallest slope that matters: half of that of 1/√n.
const SMALLEST: f64 = 0.25;

/// Of a record, where it was measured.
#[must_use]
pub fn of(record: &Record) -> Option<&OfKernel> {
    record.measures.as_ref()?.kernel.as_ref()
}

/// How far the kernel of the trained network is from where it started.
#[must_use]
pub fn change(record: &Record) -> Option<f64> {
    Some(of(record)?.change)
}

/// The cosine between the two.
#[must_use]
pub fn alignment(record: &Record) -> Option<f64> {
    Some(of(record)?.alignment)
}

/// Whether the kernel moves less the wider a network is: each method by itself, at its own best rate and at an equal one.
pub(super) fn lazy(asked: &Asked, results: Option<&Results<'_>>) -> Vec<Claim> {
    let methods = [method::SP, method::WN, method::GMP];
    let loaded = asked.problems.iter().map(|problem| (problem.id().name, Some(problem)));
    let all = loaded.chain(asked.missing.iter().map(|kind| (kind.name(), None)));
    let mut claims = Vec::new();
    for (dataset, problem) in all {
        for lr in [None, Some(EQUAL)] {
            for method in methods {
                let subject = method.name;
                let rates = lr.map_or("own best".to_owned(), |lr| format!("equal {}", shown_rate(lr)));
                let at = lr.map_or("at its own best learning rate".to_owned(), |lr| {
                    format!("at the learning rate {}", shown_rate(lr))
                });
                let compared = Compared {
                    question: if lr.is_none() { "width.lazy" } else { "width.lazy.equal" },
                    statement: "Wide networks are trained lazily: their neural tangent kernel stays close to its initial value.",
                    tested: &format!(
                        "Training moves the neural tangent kernel less the wider a network is, each method {at}"
                    ),
                    quantity: "−1 times the slope of the log₂ of ‖K − K₀‖/‖K₀‖ over the log₂ of the width: 0.5 where it falls as 1/√n",
                    unit: Unit::Number,
                    smallest: SMALLEST,
                    subject,
                    baseline: "no dependence on the width",
                    rates: &rates,
                };
                claims.push(match problem.zip(results) {
                    Some((problem, results)) => measured(asked, results, problem, method, lr, &compared),
                    None => compared.absent(asked.inquiry.id, dataset, "It was not run."),
                });
            }
        }
    }
    claims
}

fn measured(
    asked: &Asked,
    results: &Results<'_>,
    problem: &Loaded,
    method: MethodId,
    lr: Option<f64>,
    compared: &Compared<'_>,
) -> Claim {
    let by_arm: Vec<(f64, BTreeMap<u64, f64>)> = asked
        .arms
        .iter()
        .map(|arm| {
            let mut changes = ask::by_seed(&results.with(&arm.setting), problem, method, lr, change);
            changes.retain(|_, change| change.is_finite());
            (width(arm), changes)
        })
        .collect();
    let effects: Vec<f64> = slopes(&by_arm).into_values().map(|slope| -slope).collect();
    let settings: Vec<_> = asked.arms.iter().map(|arm| (method, arm.setting)).collect();
    let mut claim = compared.claim(asked, problem, &effects, &settings);
    if effects.is_empty() {
        claim.reason = "No seed has a measured kernel at every width: a run diverged, --method or --lr leaves it out, or the records are from an \
                        earlier version that did not measure it (runs in another --out folder will have it)."
            .to_owned();
    } else if let [(narrowest, first), .., (widest, last)] = &by_arm[..] {
        let mean_of = |of: &BTreeMap<u64, f64>| {
            number(mean(&of.values().copied().collect::<Vec<_>>()).unwrap_or(f64::NAN), 2)
        };
        claim.reason += &format!(
            " Mean ‖K − K₀‖/‖K₀‖: {} with {narrowest} units, {} with {widest}.",
            mean_of(first),
            mean_of(last)
        );
    }
    claim
}

/// The slope of every seed that has a number at each of at least two widths, both as log₂.
fn slopes(by_width: &[(f64, BTreeMap<u64, f64>)]) -> BTreeMap<u64, f64> {
    let Some((_, first)) = by_width.first() else { return BTreeMap::new() };
    let of = |seed: &u64| {
        let points: Option<Vec<(f64, f64)>> =
            by_width.iter().map(|(width, changes)| Some((width.log2(), changes.get(seed)?.log2()))).collect();
        let slope = slope(&points?)?;
        slope.is_finite().then_some((*seed, slope))
    };
    first.keys().filter_map(of).collect()
}

/// A row of panels over the epochs of the widest network: how far the kernel is from where it started, each method at its own best rate.
pub(super) fn over_epochs(asked: &Asked, results: &Results<'_>, figure: Figure) -> Figure {
    let Some(arm) = asked.arms.last() else { return figure };
    let widest = results.with(&arm.setting);
    let panel = |problem: &Loaded| {
        let title = format!("{}, {} units", problem.id().name, arm.label);
        let axes = (Axis::log2("epochs"), Axis::log10("‖K − K₀‖/‖K₀‖"));
        let panel = Panel::new(&title, axes.0, axes.1).legend(Legend::Hidden);
        show::lines(panel, &asked.methods, |method| on_the_way(&widest, problem, method))
    };
    figure.row(170.0, asked.problems.iter().map(panel).collect())
}

/// Geometric means over seeds and their intervals, at every number of epochs that all seeds came to.
fn on_the_way(results: &Results<'_>, problem: &Loaded, method: MethodId) -> Vec<Interval> {
    let set = problem.id();
    let Some(lr) = results.chosen_rate(set, method, problem.kind().larger_is_better()) else {
        return Vec::new();
    };
    let cell = Cell { set, method, lr, protocol: Protocol::HeldOut };
    let runs: Vec<&OfKernel> = results.of(cell).filter_map(of).collect();
    let moments = runs.iter().map(|of| of.path.len()).min().unwrap_or(0);
    let at = |k: usize| {
        let logs: Vec<f64> = runs.iter().map(|of| of.path[k].change.ln()).collect();
        let summary = Summary::of(&logs);
        let mean = summary.mean?;
        let ends = summary.interval.map_or([mean; 2], |interval| [interval.low, interval.high]);
        Some((runs[0].path[k].epochs as f64, (mean.exp(), ends.map(f64::exp))))
    };
    (0..moments).filter_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_a_slope_where_it_has_every_width() {
        // Seed 0 falls as 1/√n; seed 1 has no number at one width.
        let by_width = [16.0, 64.0, 256.0].map(|n: f64| {
            let mut numbers = BTreeMap::from([(0, 3.0 / n.sqrt()), (1, 1.0), (2, 5.0)]);
            if n == 64.0 {
                numbers.remove(&1);
            }
            (n, numbers)
        });
        let found = slopes(&by_width);
        assert_eq!(found.keys().collect::<Vec<_>>(), [&0, &2]);
        assert!((found[&0] + 0.5).abs() < 1e-12 && found[&2].abs() < 1e-12);
        assert!(slopes(&[]).is_empty() && slopes(&by_width[..1]).is_empty());
    }
}
