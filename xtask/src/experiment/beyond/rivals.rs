//! Whether it takes angles: other ways to the same bound.

use super::ask::Asks;
use super::chapter::Tally;
use super::data::Kind;
use super::duel;
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, RATES, in_paper, nothing};
use crate::claim::Claim;
use crate::experiment::Profile;
use crate::method;
use crate::report::html::Block;
use crate::run::results::Results;
use crate::setting::Setting;

/// Geodesic steps, projected weight normalization, fixed norms and natural angles.
pub const RIVALS: Inquiry = Inquiry {
    id: "rivals",
    title: "Rivals: are angles necessary?",
    question: "The theorem behind GmP is that a step turns a boundary by no more than the length of the step. Angles are one way to achieve this, at \
               the price of sines and cosines, of coordinates that are not equivalent, and of poles. Four other methods bound the turn without \
               angles, or with corrected ones: directions that move along great circles (geodesic: the turn is exactly the length of the step), \
               weight normalization with directions of length 1 (projected: at most the arcsine of it), weights of fixed length with steps of a \
               fixed angle (fixed norm), and angles whose steps are divided by the square root of the metric (natural: to first order only). Is any \
               of them better than GmP?",
    arms: |_| vec![Arm { on: Kind::is_for, ..Arm::named("Adam", Setting::default()) }],
    methods: || {
        [in_paper(), vec![method::GEODESIC, method::PROJECTED, method::FIXED_NORM, method::NATURAL]].concat()
    },
    rates: |_| RATES.to_vec(),
    rates_on_pictures: |profile, _| match profile {
        // A step of the geodesic rival turns a filter by the learning rate, and one of all its angles turns it many times further.
        Profile::Quick => &[0.003, 0.01],
        Profile::Full => &[0.001, 0.003, 0.01, 0.03, 0.1],
    },
    problems: |profile| Kind::of(profile).into_iter().chain([Kind::Pictures]).collect(),
    seeds: [20, 60],
    budget: 1.0,
    asks: &[
        Asks::Result("rivals.result"),
        Asks::Epochs("rivals.epochs"),
        Asks::Movement("rivals.movement"),
        Asks::Tolerance("rivals.tolerance"),
    ],
    across: nothing,
    show: blocks,
    advice: |tally| {
        format!(
            "Rivals: the bound does not require angles. Directions on the sphere that move along great circles satisfy it exactly, for every step \
             and every number of inputs, without poles and without dependence on the order of the inputs. Each rival in these runs: {}. GmP has the \
             best results of all: {}; it learns fastest: {}.",
            duel::sentence(tally),
            tally.words("rivals.result"),
            tally.words("rivals.epochs")
        )
    },
    notes: &[
        "With one input (levy) no direction can turn: geodesic, projected and natural equal GmP there up to rounding, and fixed norm is SP with \
         fixed weights. With two inputs (banana) a direction has one angle: geodesic and natural equal GmP there, too.",
        "The geodesic rival is trained by Adam on the sphere: moments are moved by parallel transport, and each unit has one second moment. Its turn \
         per step is about the learning rate, whatever the number of inputs; that of GmP under Adam grows with the number of inputs.",
        "Fixed norm is the rule known as Hyperball, applied to each unit: its turns become smaller with the learning rate only, not with the gradient.",
        "VGG-6 is compared under SP, WN, GmP and the rivals, which change every layer but the output, all with input mean normalization (IMN). It is a \
         narrow network trained for a short time by Adam on few images: its results say nothing about the paper's network. No claims are made about \
         its speed, since it meets the target in the first epochs.",
        "The theorems are in gmp-math (THEORY.md, section 6), where property tests check them in both precisions.",
    ],
    duration: ["2 min", "5 h"],
};

fn blocks(asked: &Asked, results: &Results<'_>, claims: &[Claim]) -> Vec<Block> {
    let caption = "Test results, epochs until the training loss is a quarter of the first epoch's (on banana, half of it) and movement of the \
                   boundaries, each method at its own best learning rate of one grid, and the range of learning rates that each method tolerates \
                   with results within 5% of its best.";
    let shown = [Shown::Result, Shown::Epochs, Shown::Movement, Shown::Tolerance];
    let figure = show::figure(asked, results, &shown, caption);
    vec![Block::Table(duel::table(&Tally::new(claims))), Block::Figure(figure)]
}
