//! Whether the best learning rate of a method is the same at every width, and whether wide networks are trained lazily.

use super::ask::{Asks, best_rates};
use super::data::{Kind, Loaded};
use super::kernel::{lazy, over_epochs};
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, RATES, in_paper, on_pictures};
use crate::claim::{Claim, Origin, Runs, Unit};
use crate::experiment::Profile;
use crate::experiment::ask::{combined, judged};
use crate::method::{self, MethodId};
use crate::report::html::Block;
use crate::run::Protocol;
use crate::run::results::Results;
use crate::setting::Setting;
use crate::statistics::{Scale, paired_effects};
use std::collections::BTreeMap;

/// 2⁴ to 2¹³ units.
pub const WIDTH: Inquiry = Inquiry {
    id: "width",
    title: "Width: does the best learning rate transfer, and is training lazy?",
    question: "Under the standard parameterization the best learning rate of Adam falls as networks become wider, so that it has to be tuned again. \
               A step in an angle turns a boundary by no more than the length of the step, whatever the width. Is the best learning rate of GmP the \
               same at every width, and how far does a boundary move? And are wide networks trained lazily, so that their neural tangent kernel \
               stays close to its initial value and they learn like linear models of fixed features, or does the kernel change as in narrow networks?",
    arms: |profile| {
        let widths = match profile {
            Profile::Quick => vec![4, 6, 8, 10],
            Profile::Full => (4..=13).collect(),
        };
        let arm = |power: u32| {
            Arm::named(format!("{}", 1 << power), Setting { width: Some(1 << power), ..Setting::default() })
        };
        widths.into_iter().map(arm).collect()
    },
    methods: in_paper,
    rates: |_| RATES.to_vec(),
    rates_on_pictures: on_pictures,
    problems: |profile| match profile {
        Profile::Quick => vec![Kind::Levy, Kind::Uci("yacht")],
        Profile::Full => vec![Kind::Levy, Kind::Banana, Kind::Uci("yacht")],
    },
    seeds: [9, 20],
    budget: 0.3,
    asks: &[
        Asks::Result("width.result"),
        Asks::Movement("width.movement"),
        Asks::Tolerance("width.tolerance"),
    ],
    across: |asked, results| [transfer(asked, results), lazy(asked, results)].concat(),
    show: blocks,
    advice: |tally| {
        format!(
            "Width: {} (its best rate depends least on the width: {}; the claims state the slopes). {} ({}; at one learning rate for all: {}).",
            tally.verdict(
                "width.transfer",
                [
                    "the best learning rate of GmP transfers from narrow networks to wide ones better than that of the other methods, which the paper could claim",
                    "the best learning rate of GmP depends on the width more than that of some other method",
                    "the best learning rate of GmP depends on the width as much as that of some other method",
                    "it is not settled whether the best learning rate of GmP transfers better from narrow networks to wide ones than that of every other method",
                ]
            ),
            tally.words("width.transfer"),
            tally.verdict(
                "width.lazy",
                [
                    "Training moves the neural tangent kernel less the wider a network is, as lazy training predicts; the claims state how far it \
                     still moves",
                    "Training moves the neural tangent kernel more in wide networks than in narrow ones: they are not trained lazily, and a theory of the kernel at the \
                     start does not explain them",
                    "Training moves the neural tangent kernel as far in wide networks as in narrow ones: they are not trained lazily, and a theory of the kernel at the \
                     start does not explain them",
                    "It is not settled whether training moves the neural tangent kernel less the wider a network is, as lazy training predicts",
                ]
            ),
            tally.words("width.lazy"),
            tally.words("width.lazy.equal")
        )
    },
    notes: &[
        "Weights have Glorot initialization, so they become smaller with the width: this is the standard parameterization used in practice, not the \
         maximal-update parameterization (µP), which is designed to transfer.",
        "The best rate of a seed is that of the grid with the best held-out result. Its slope is that of the straight line through its \
         log₂ over the log₂ of the width: 0 where the rate transfers, −1 where it falls as the width grows.",
        "The neural tangent kernel K is that of all trained parameters in the method's own parameterization, at 32 of the training inputs, which are \
         the same for all methods, rates and widths of a seed. Its change is ‖K − K₀‖/‖K₀‖ between the start and the trained network, in the \
         Frobenius norm, and the alignment is the cosine between the two. Under BN the outputs of a batch depend on one another: there is no such \
         kernel.",
        "The kernel describes gradient descent; these networks are trained by Adam, whose steps do not become shorter in wide networks. With \
         Glorot's variances the kernel would move under gradient descent, too, by a fraction that does not depend on the width (THEORY.md, section \
         7).",
    ],
    duration: ["2 min", "9 h"],
};

pub(super) fn width(arm: &Arm) -> f64 {
    arm.setting.width.unwrap_or(0) as f64
}

fn blocks(asked: &Asked, results: &Results<'_>, _: &[Claim]) -> Vec<Block> {
    let caption = "Over the number of hidden units, from top to bottom: best learning rates, and at them the test results, the movement of the boundaries, how \
                   far training moved the neural tangent kernel, ‖K − K₀‖/‖K₀‖, and the cosine between K and K₀; last, that change over the epochs of the \
                   widest network.";
    let shown = [Shown::Rate, Shown::Result, Shown::Movement, Shown::Kernel, Shown::Alignment];
    let figure = show::curves(asked, results, &shown, ["hidden units", caption], width);
    vec![Block::Figure(over_epochs(asked, results, figure))]
}

/// The slope of y over x, by least squares; none for fewer than two different x.
pub(super) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (xx, xy) = points
        .iter()
        .fold((0.0, 0.0), |(xx, xy), point| (xx + (point.0 - x).powi(2), xy + (point.0 - x) * (point.1 - y)));
    (xx > 0.0).then_some(xy / xx)
}

/// The slope of every seed's best rate over the width, both as log₂.
fn slopes(
    asked: &Asked,
    results: &Results<'_>,
    problem: &Loaded,
    method: MethodId,
    at: fn(&Arm) -> f64,
) -> BTreeMap<u64, f64> {
    let mut points: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for arm in &asked.arms {
        for (seed, rate) in best_rates(&results.with(&arm.setting), problem, method) {
            points.entry(seed).or_default().push((at(arm).log2(), rate.log2()));
        }
    }
    points.into_iter().filter_map(|(seed, points)| Some((seed, slope(&points)?))).collect()
}

/// Whether the best rate of GmP depends less on the width than that of each other method.
fn transfer(asked: &Asked, results: Option<&Results<'_>>) -> Vec<Claim> {
    let words = ["The best learning rate of GmP depends least on the width", "width"];
    transfer_of(asked, results, "width.transfer", words, width)
}

/// The same of anything that the arms of an inquiry vary: what is tested, and what is varied.
pub(super) fn transfer_of(
    asked: &Asked,
    results: Option<&Results<'_>>,
    question: &'static str,
    [tested, varied]: [&str; 2],
    at: fn(&Arm) -> f64,
) -> Vec<Claim> {
    let data = asked.problems.iter().map(|problem| (problem.kind(), Some(problem)));
    let data = data.chain(asked.missing.iter().map(|kind| (*kind, None)));
    let mut claims = Vec::new();
    for (kind, problem) in data {
        let both = problem.zip(results);
        let of = |method| {
            both.map_or_else(BTreeMap::new, |(problem, results)| slopes(asked, results, problem, method, at))
        };
        let steepness = |method| -> BTreeMap<u64, f64> {
            of(method).into_iter().map(|(seed, slope)| (seed, slope.abs())).collect()
        };
        let ours = steepness(method::GMP);
        let claim = |baseline: MethodId| {
            let theirs = steepness(baseline);
            let name = problem.map_or(kind.name(), |problem| problem.id().name);
            let base = Claim {
                id: format!("{question}/{name}/held-out/per-seed/{baseline}"),
                tested: tested.to_owned(),
                quantity: format!(
                    "absolute slope of the log₂ of a seed's best learning rate over the log₂ of the {varied}"
                ),
                unit: Unit::Number,
                dataset: name.to_owned(),
                generated: problem.is_some_and(|problem| problem.data().generated),
                subject: method::GMP.to_string(),
                baseline: baseline.to_string(),
                rates: "per seed".to_owned(),
                protocol: Protocol::HeldOut.to_string(),
                // A tenth: less than a factor of 1.9 over the widths of the full profile.
                smallest: Some(0.1),
                ..Claim::untested(
                    question,
                    Origin::Ours,
                    &Claim::figure_beyond(asked.inquiry.id),
                    "The best learning rate of GmP transfers from small networks to large ones.",
                    "It was not run.",
                )
            };
            let Some(problem) = problem else { return base };
            let effects = paired_effects(Scale::Reduction, &ours, &theirs);
            let mut claim = judged(base, &effects, problem.data().population);
            if let (Some(first), Some(last), true) = (ours.keys().next(), ours.keys().last(), claim.n > 0) {
                let arms =
                    asked.arms.iter().flat_map(|arm| [method::GMP, baseline].map(|method| (arm, method)));
                claim.runs = arms
                    .map(|(arm, method)| Runs {
                        file: format!("{}/runs.jsonl", asked.inquiry.id),
                        method: method.to_string(),
                        rates: asked.rates.clone(),
                        seeds: [*first, *last],
                        setting: arm.setting,
                    })
                    .collect();
                let mean = |of: BTreeMap<u64, f64>| of.values().sum::<f64>() / of.len() as f64;
                claim.reason += &format!(
                    " Mean slopes: GmP {:+.2}, {baseline} {:+.2}.",
                    mean(of(method::GMP)),
                    mean(of(baseline))
                );
            }
            claim
        };
        let baselines = (asked.inquiry.methods)().into_iter().filter(|method| *method != method::GMP);
        claims.extend(combined(baselines.map(claim).collect()));
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_of_straight_lines_and_of_none() {
        let line: Vec<(f64, f64)> = (0..5).map(|x| (f64::from(x), 3.0 - 0.5 * f64::from(x))).collect();
        assert!((slope(&line).unwrap() + 0.5).abs() < 1e-12);
        assert_eq!(slope(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(slope(&[]), None);
        // Residuals that cancel: y = x² on −1, 0, 1.
        assert_eq!(slope(&[(-1.0, 1.0), (0.0, 0.0), (1.0, 1.0)]), Some(0.0));
    }
}
