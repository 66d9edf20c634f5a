//! Whether GmP needs a normalization, and which.

use super::ask::Asks;
use super::data::Kind;
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, RATES, nothing};
use crate::claim::Claim;
use crate::method;
use crate::report::html::Block;
use crate::run::results::Results;
use crate::setting::{Normalizing, Setting};

/// No normalization, BN, MBN, IMN and LN.
pub const NORMALIZATIONS: Inquiry = Inquiry {
    id: "normalizations",
    title: "Normalizations: does GmP need one?",
    question: "The paper compares GmP with batch normalization as if they were alternatives, and gives its networks on images an input mean \
               normalization that the other parameterizations do not get. Here every normalization is combined with every parameterization: \
               none, batch (BN), mean-only batch (MBN), input mean (IMN) and layer normalization (LN) under SP, WN and GmP.",
    arms: |_| {
        Normalizing::ALL
            .map(|normalization| {
                Arm::of(Setting { normalization: Some(normalization), ..Setting::default() })
            })
            .to_vec()
    },
    methods: || vec![method::SP, method::WN, method::GMP],
    rates: |_| RATES.to_vec(),
    problems: Kind::of,
    seeds: [6, 20],
    budget: 1.0,
    asks: &[
        Asks::Result("normalizations.result"),
        Asks::Epochs("normalizations.epochs"),
        Asks::Tolerance("normalizations.tolerance"),
    ],
    across: nothing,
    show: blocks,
    advice: |tally| {
        format!(
            "Normalizations: with the same normalization for all, GmP has the best results: {}; it learns fastest: {}. Compare parameterizations \
             under the same normalization.",
            tally.words("normalizations.result"),
            tally.words("normalizations.epochs")
        )
    },
    notes: &[
        "IMN normalizes the input of the hidden layer, as in the paper's convolutions; the inputs of banana and of the sets of Table 1 are \
         standardized already. All other normalizations stand between the linear map and the ReLU.",
        "Constants are those of Keras. MBN cancels the bias, so units under it have none, whatever the parameterization.",
        "Movement is not compared: under LN the boundary of a unit is not a hyperplane.",
    ],
    duration: ["1 min", "8 h"],
};

fn blocks(asked: &Asked, results: &Results<'_>, _: &[Claim]) -> Vec<Block> {
    let caption = "Test results (top) and epochs until the training loss is a quarter of the first epoch's (middle; on banana, half of it), each \
                   method at its own best learning rate of one grid, and the range of learning rates that each method tolerates with results within \
                   5% of its best (bottom).";
    let shown = [Shown::Result, Shown::Epochs, Shown::Tolerance];
    vec![Block::Figure(show::figure(asked, results, &shown, caption))]
}
