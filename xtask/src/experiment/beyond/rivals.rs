//! Whether it takes angles: other ways to the same bound.

use super::ask::Asks;
use super::chapter::Tally;
use super::data::Kind;
use super::duel;
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, RATES, in_paper, nothing};
use crate::claim::Claim;
use crate::method;
use crate::report::html::Block;
use crate::run::results::Results;
use crate::setting::Setting;

/// Geodesic steps, projected weight normalization, fixed norms and natural angles.
pub const RIVALS: Inquiry = Inquiry {
    id: "rivals",
    title: "Rivals: does it take angles?",
    question: "The theorem behind GmP is that a step turns a boundary by no more than its length. Angles are one way to that, at the price of \
               sines and cosines, of coordinates that are not alike, and of poles. Four others make the same promise without angles, or with \
               better ones: directions that move along great circles (geodesic: the turn is the length of the step, exactly), weight \
               normalization with directions of length 1 (projected: at most the arc sine), weights of fixed length with steps of a fixed angle \
               (fixed norm), and angles whose steps are divided by the root of the metric (natural: to first order alone). Is any of them better \
               than GmP?",
    arms: |_| vec![Arm::named("Adam", Setting::default())],
    methods: || {
        [in_paper(), vec![method::GEODESIC, method::PROJECTED, method::FIXED_NORM, method::NATURAL]].concat()
    },
    rates: |_| RATES.to_vec(),
    problems: Kind::of,
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
            "Rivals: the bound does not take angles. Directions on the sphere that move along great circles have it exactly, for every step and every \
             number of inputs, without poles and without an order of the inputs. What these runs say of each: {}. GmP has the best results of \
             all: {}; it learns fastest: {}.",
            duel::sentence(tally),
            tally.words("rivals.result"),
            tally.words("rivals.epochs")
        )
    },
    notes: &[
        "With one input (levy) there is nothing to turn: geodesic, projected and natural are GmP there, but for rounding, and fixed norm is SP with fixed weights. With two (banana) a direction has \
         one angle: geodesic and natural are GmP there too.",
        "The geodesic rival has Adam on the sphere: moments are carried along by parallel transport, and each unit has one second moment. Its turn is \
         about the learning rate, whatever the number of inputs; that of GmP under Adam grows with it.",
        "Fixed norm is the rule that is known as Hyperball, for each unit: its turns do not become shorter as gradients do, but with the \
         learning rate alone.",
        "The theorems are in gmp-math (THEORY.md, section 6), where property tests check them in both precisions.",
    ],
    duration: ["1 min", "8 h"],
};

fn blocks(asked: &Asked, results: &Results<'_>, claims: &[Claim]) -> Vec<Block> {
    let caption = "Test results, epochs until the training loss is a quarter of the first epoch's (of banana, half of it) and movement of the boundaries, \
                   each method at its own best learning rate of one grid, and the range of learning rates that each method tolerates with results \
                   within 5% of its best.";
    let shown = [Shown::Result, Shown::Epochs, Shown::Movement, Shown::Tolerance];
    let figure = show::figure(asked, results, &shown, caption);
    vec![Block::Table(duel::table(&Tally::new(claims))), Block::Figure(figure)]
}
