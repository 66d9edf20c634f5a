//! Whether GmP helps in deep networks, and what becomes of its boundaries and gradients there.

use super::ask::Asks;
use super::data::{Kind, Loaded};
use super::show::{self, Interval, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, nothing, on_pictures, with_geodesic};
use crate::claim::Claim;
use crate::experiment::Profile;
use crate::method::MethodId;
use crate::report::figure::{Axis, Figure, Legend, Panel};
use crate::report::html::Block;
use crate::run::Protocol;
use crate::run::results::{Cell, Results};
use crate::setting::Setting;
use crate::setting::layers::OfLayer;
use crate::statistics::Summary;

/// Units of each hidden layer.
const UNITS: usize = 32;

/// 1, 2, 4, 8 and 16 hidden layers.
pub const DEPTH: Inquiry = Inquiry {
    id: "depth",
    title: "Depth: does it hold beyond one hidden layer?",
    question: "The paper's theory is about one unit, and its small experiments are about one hidden layer. In a deep network the boundary of a unit \
               is a hyperplane in the output space of the previous layer, which is trained too. How do results, movement, gradients and dead units \
               depend on depth?",
    arms: |_| {
        let arm = |depth: usize| {
            Arm::named(
                format!("{depth}"),
                Setting { depth: Some(depth), width: Some(UNITS), ..Setting::default() },
            )
        };
        [1, 2, 4, 8, 16].map(arm).to_vec()
    },
    methods: with_geodesic,
    rates: |profile| match profile {
        Profile::Quick => vec![3e-3, 0.01, 0.03, 0.1],
        Profile::Full => vec![3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3],
    },
    rates_on_pictures: on_pictures,
    problems: |profile| match profile {
        Profile::Quick => vec![Kind::Levy, Kind::Uci("yacht")],
        Profile::Full => Kind::of(profile),
    },
    seeds: [6, 20],
    budget: 0.2,
    asks: &[Asks::Result("depth.result"), Asks::Epochs("depth.epochs"), Asks::Tolerance("depth.tolerance")],
    across: nothing,
    show: blocks,
    advice: |tally| {
        format!(
            "Depth, from one hidden layer to sixteen: GmP has the best results: {}; it learns fastest: {}.",
            tally.words("depth.result"),
            tally.words("depth.epochs")
        )
    },
    notes: &[
        "Every hidden layer has 32 units, with Glorot initialization and without residual connections.",
        "The gradient of a layer is that with respect to its own parameters: angles, offsets and radii under GmP. Its norm can be compared between \
         layers, but not between methods.",
        "A unit is dead where its output is the same for every training sample at the end of training.",
        "The turns of BN's normals are those of its weights; its statistics do not change the direction of a normal.",
    ],
    duration: ["1 min", "3 h"],
};

fn depth(arm: &Arm) -> f64 {
    arm.setting.depth.unwrap_or(1) as f64
}

fn blocks(asked: &Asked, results: &Results<'_>, _: &[Claim]) -> Vec<Block> {
    let caption = "Test results and tolerated learning rates over the number of hidden layers, each method at its own best learning rate; below, of \
                   the deepest network, from the first hidden layer to the last: how far normals turn per epoch, the norm of the gradient, and the \
                   share of dead units.";
    let mut figure =
        show::curves(asked, results, &[Shown::Result, Shown::Tolerance], ["hidden layers", caption], depth);
    if let Some(arm) = asked.arms.last() {
        let deepest = results.with(&arm.setting);
        for problem in &asked.problems {
            figure = layers(asked, &deepest, problem, figure);
        }
    }
    vec![Block::Figure(figure)]
}

/// A row of panels over the layers of one network.
fn layers(asked: &Asked, results: &Results<'_>, problem: &Loaded, figure: Figure) -> Figure {
    type Number = fn(&OfLayer) -> f64;
    let shown: [(&str, Number); 3] = [
        ("log₂ of the mean turn per epoch", |layer| layer.turn.mean_of_log),
        ("log₂ of the gradient norm", |layer| layer.gradient),
        ("share of dead units", |layer| layer.dead),
    ];
    let panel = |(label, number): (&str, Number)| {
        let panel = Panel::new(problem.id().name, Axis::log2("hidden layer"), Axis::linear(label));
        show::lines(panel, &asked.methods, |method| by_layer(results, problem, method, number))
            .legend(Legend::Hidden)
    };
    figure.row(150.0, shown.map(panel).to_vec())
}

/// Mean and interval over seeds of a measure of each layer, at the method's own best rate.
fn by_layer(
    results: &Results<'_>,
    problem: &Loaded,
    method: MethodId,
    number: fn(&OfLayer) -> f64,
) -> Vec<Interval> {
    let set = problem.id();
    let Some(lr) = results.chosen_rate(set, method, problem.kind().larger_is_better()) else {
        return Vec::new();
    };
    let cell = Cell { set, method, lr, protocol: Protocol::HeldOut };
    let runs: Vec<&[OfLayer]> =
        results.of(cell).filter_map(|record| Some(&record.measures.as_ref()?.layers[..])).collect();
    let layers = runs.iter().map(|layers| layers.len()).min().unwrap_or(0);
    let of = |layer: usize| {
        let summary = Summary::of(&runs.iter().map(|layers| number(&layers[layer])).collect::<Vec<_>>());
        let mean = summary.mean?;
        let ends = summary.interval.map_or([mean; 2], |interval| [interval.low, interval.high]);
        Some(((layer + 1) as f64, (mean, ends)))
    };
    (0..layers).filter_map(of).collect()
}
