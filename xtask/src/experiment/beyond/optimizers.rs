//! Whether what is found under Adam holds under other optimizers.

use super::ask::Asks;
use super::data::Kind;
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, RATES, in_paper, nothing, on_pictures};
use crate::claim::Claim;
use crate::report::html::Block;
use crate::run::results::Results;
use crate::setting::{Optimizing, Setting};

/// SGD, momentum, Nesterov, RMSprop, Adam and AdamW.
pub const OPTIMIZERS: Inquiry = Inquiry {
    id: "optimizers",
    title: "Optimizers: does it hold beyond Adam?",
    question: "The paper trains its small networks with Adam, whose steps have about the same length in every parameter whatever the gradient. A \
               bound on the turn of a boundary in terms of the length of a step is then a bound in terms of the learning rate. Under plain gradient \
               descent the length of a step is proportional to that of the gradient. Does GmP give better results, learn faster and tolerate more \
               learning rates under every optimizer?",
    arms: |_| {
        Optimizing::ALL
            .map(|optimizer| Arm::of(Setting { optimizer: Some(optimizer), ..Setting::default() }))
            .to_vec()
    },
    methods: in_paper,
    rates: |_| RATES.to_vec(),
    rates_on_pictures: on_pictures,
    problems: Kind::of,
    seeds: [6, 20],
    budget: 1.0,
    asks: &[
        Asks::Result("optimizers.result"),
        Asks::Epochs("optimizers.epochs"),
        Asks::Tolerance("optimizers.tolerance"),
    ],
    across: nothing,
    show: blocks,
    advice: |tally| {
        format!(
            "Optimizers: {} (best results: {}; fastest: {}; widest range of learning rates: {}). State the optimizer of every result, and tune the \
             learning rate of every method on the same grid.",
            tally.verdict(
                "optimizers.epochs",
                [
                    "GmP learns fastest in most comparisons",
                    "some baseline learns faster than GmP in most comparisons",
                    "some baseline learns as fast as GmP in most comparisons",
                    "whether GmP learns fastest is not settled by most comparisons",
                ]
            ),
            tally.words("optimizers.result"),
            tally.words("optimizers.epochs"),
            tally.words("optimizers.tolerance")
        )
    },
    notes: &[
        "Every optimizer has the constants of Keras, and momentum 0.9 where it has momentum; AdamW has weight decay 0.004 on everything but angles.",
        "All optimizers have the same grid of learning rates. Where the learning rates that a method tolerates reach the end of the grid, its \
         tolerance is a lower bound.",
    ],
    duration: ["1 min", "1 h"],
};

fn blocks(asked: &Asked, results: &Results<'_>, _: &[Claim]) -> Vec<Block> {
    let caption = "Test results (top) and epochs until the training loss is a quarter of the first epoch's (middle; on banana, half of it), each \
                   method at its own best learning rate of one grid, and the range of learning rates that each method tolerates with results within \
                   5% of its best (bottom).";
    let shown = [Shown::Result, Shown::Epochs, Shown::Tolerance];
    vec![Block::Figure(show::figure(asked, results, &shown, caption))]
}
