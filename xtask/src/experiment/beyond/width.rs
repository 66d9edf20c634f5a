//! Whether the best learning rate of a method is the same at every width.

use super::ask::{Asks, best_rates};
use super::data::{Kind, Loaded};
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, RATES, in_paper};
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
    title: "Width: does the best learning rate transfer?",
    question: "Under the standard parameterization the best learning rate of Adam falls as networks become wider, so that it has to be searched \
               anew. A step of an angle turns a boundary by no more than itself, whatever the width. Is the best learning rate of GmP the same \
               at every width, and how far does a boundary move?",
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
    across: transfer,
    show: blocks,
    advice: |tally| {
        format!(
            "Width: {} (that the best rate depends least on the width under GmP: {}; the slopes are with the claims).",
            tally.verdict(
                "width.transfer",
                [
                    "the best learning rate of GmP transfers from narrow networks to wide ones better than that of the others, which the paper could claim",
                    "the best learning rate of GmP depends on the width more than that of some baseline",
                    "whether the best learning rate of GmP transfers better than that of every other method is open",
                ]
            ),
            tally.words("width.transfer")
        )
    },
    notes: &[
        "Weights are Glorot's, so that they become shorter with the width: the standard parameterization of practice, not the maximal-update \
         parameterization, which is made to transfer.",
        "The best rate of a seed is that of the grid with the best held-out result. Its slope is that of the straight line through its \
         log₂ over the log₂ of the width: 0 where the rate transfers, −1 where it falls as the width grows.",
    ],
    duration: ["1 min", "30 h"],
};

fn width(arm: &Arm) -> f64 {
    arm.setting.width.unwrap_or(0) as f64
}

fn blocks(asked: &Asked, results: &Results<'_>) -> Vec<Block> {
    let caption = "Best learning rates (top), test results at them, and movement of the boundaries at them (bottom), over the number of hidden units.";
    let shown = [Shown::Rate, Shown::Result, Shown::Movement];
    vec![Block::Figure(show::curves(asked, results, &shown, ["hidden units", caption], width))]
}

/// The slope of y over x, by least squares; none for fewer than two different x.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
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
                    &format!("Beyond: {}", asked.inquiry.id),
                    "The learning rate of GmP transfers from few to many.",
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
