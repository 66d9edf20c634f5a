//! Whether GmP needs a normalization, and which.

use super::ask::Asks;
use super::data::Kind;
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, RATES, nothing, on_pictures};
use crate::claim::Claim;
use crate::experiment::Profile;
use crate::method::{self, MethodId};
use crate::report::html::Block;
use crate::run::results::Results;
use crate::setting::{Normalizing, Setting};

/// No normalization, BN, MBN, IMN and LN.
pub const NORMALIZATIONS: Inquiry = Inquiry {
    id: "normalizations",
    title: "Normalizations: does GmP need one?",
    question: "The paper compares GmP with batch normalization as if they were alternatives, and gives its networks on images an input mean \
               normalization that the other parameterizations do not get. Here every normalization is combined with every parameterization: \
               none, batch (BN), mean-only batch (MBN), input mean (IMN) and layer normalization (LN) under SP, WN and GmP, each in its usual \
               place and, where that makes a difference, after the activation.",
    arms,
    methods: || vec![method::SP, method::WN, method::GMP],
    rates: |profile| match profile {
        Profile::Quick => RATES[1..6].to_vec(),
        Profile::Full => RATES.to_vec(),
    },
    rates_on_pictures: |profile, setting| match profile {
        Profile::Quick => &[0.003],
        Profile::Full => on_pictures(profile, setting),
    },
    problems: |profile| Kind::of(profile).into_iter().chain([Kind::Pictures]).collect(),
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
        "The usual place of BN, MBN and LN is between the linear map and the ReLU. That of IMN is before the linear map, where it normalizes the input of \
         the layer; the inputs of banana and of the sets of Table 1 are standardized already. After the activation, a normalization is a layer of \
         its own, as IMN is in the paper's networks on images. MBN in that place would be the same operation as IMN and is not run again.",
        "On VGG-6 the normalization is the same in every layer but the output. The quick profile compares SP and GmP there, at the learning rate 0.003, \
         without MBN and without LN after the activation. It \
         is a narrow network trained for a short time by Adam on few images: its results say nothing about the paper's network.",
        "Constants are those of Keras. MBN cancels the bias, so units under it have none, whatever the parameterization.",
        "Movement is not compared: under LN the boundary of a unit is not a hyperplane.",
    ],
    duration: ["3 min", "13 h"],
};

fn arms(profile: Profile) -> Vec<Arm> {
    let is_on_pictures = |after_activation: bool, normalizing: Normalizing| match normalizing {
        Normalizing::BatchMean => false,
        Normalizing::Layer => !after_activation,
        Normalizing::None | Normalizing::Batch | Normalizing::InputMean => true,
    };
    let places = [false, true].into_iter().flat_map(|after_activation| {
        // Without a normalization there are not two places, and MBN after the activation is the IMN of the next layer.
        let is_there = move |normalizing: &Normalizing| {
            !after_activation || !matches!(normalizing, Normalizing::None | Normalizing::BatchMean)
        };
        Normalizing::ALL.into_iter().filter(is_there).map(move |normalizing| {
            let label = match after_activation {
                true => format!("{}, after ReLU", normalizing.name()),
                false => normalizing.name().to_owned(),
            };
            let setting =
                Setting { normalization: Some(normalizing), after_activation, ..Setting::default() };
            let on: fn(Kind, MethodId) -> bool =
                match (profile, is_on_pictures(after_activation, normalizing)) {
                    (Profile::Full, _) => |_, _| true,
                    (Profile::Quick, true) => |kind, method| kind != Kind::Pictures || method != method::WN,
                    (Profile::Quick, false) => |kind, _| kind != Kind::Pictures,
                };
            Arm { on, ..Arm::named(label, setting) }
        })
    });
    places.collect()
}

fn blocks(asked: &Asked, results: &Results<'_>, _: &[Claim]) -> Vec<Block> {
    let caption = "Test results (top) and epochs until the training loss is a quarter of the first epoch's (middle; on banana, half of it), each \
                   method at its own best learning rate of one grid, and the range of learning rates that each method tolerates with results within \
                   5% of its best (bottom).";
    let shown = [Shown::Result, Shown::Epochs, Shown::Tolerance];
    vec![Block::Figure(show::figure(asked, results, &shown, caption))]
}
