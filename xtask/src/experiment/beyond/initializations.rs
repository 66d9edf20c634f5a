//! Whether the start matters: boundaries spread over the data, half of the sphere, other weights, and the fan-out of convolutions.

use super::ask::Asks;
use super::compare::Compared;
use super::data::Kind;
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, on_pictures};
use crate::claim::Claim;
use crate::experiment::Profile;
use crate::method::{self, MethodId};
use crate::report::html::Block;
use crate::run::results::Results;
use crate::setting::{Setting, Start};
use crate::statistics::paired_effects;
use gmp_nn::FanOut;

/// Glorot's weights, and seven other starts.
pub const INITIALIZATIONS: Inquiry = Inquiry {
    id: "initializations",
    title: "Initializations: does the initialization matter?",
    question: "All boundaries start at the origin (λ = 0), although it is their spread over the data that should help; and the released code starts \
               with directions on half of the sphere. Does it help to start with boundaries through training samples, or through points that are uniformly \
               distributed over the ranges of the inputs; does the half sphere do harm; and do He initialization, uniformly distributed directions \
               with weights of equal length or orthogonal weights make a difference to GmP? The filters of VGG-6 start with weights of larger \
               variance under GmP (1.8 times that of SP where the number of channels stays the same), since its convolutions count the filters alone \
               as their fan-out in the released code: does it make a difference if they start with the weights of SP?",
    arms: |_| {
        let of = |start: Start| Arm {
            // Other weights are expressed in these three alone.
            on: |kind, method| {
                kind != Kind::Pictures && [method::SP, method::WN, method::GMP].contains(&method)
            },
            ..Arm::named(start.name(), Setting { start: Some(start), ..Setting::default() })
        };
        let others = [
            Start::Spread,
            Start::SpreadUniformly,
            Start::HalfSphere,
            Start::He,
            Start::Uniform,
            Start::Orthogonal,
        ];
        let fan_out = Setting { fan_out: Some(FanOut::Window), ..Setting::default() };
        let fan_out = Arm { on: on_pictures_only, ..Arm::named("equal fan-outs", fan_out) };
        let glorot = Arm { on: on_most, ..Arm::named("Glorot, λ = 0", Setting::default()) };
        [glorot].into_iter().chain(others.map(of)).chain([fan_out]).collect()
    },
    methods: || vec![method::SP, method::WN, method::GMP],
    rates: |_| vec![0.003, 0.01, 0.03, 0.1, 0.3],
    rates_on_pictures: |profile, setting| match profile {
        Profile::Quick => &[0.003],
        Profile::Full => on_pictures(profile, setting),
    },
    problems: |profile| Kind::of(profile).into_iter().chain([Kind::Pictures]).collect(),
    seeds: [16, 40],
    budget: 0.8,
    asks: &[Asks::Result("initializations.result"), Asks::Epochs("initializations.epochs")],
    across: starts,
    show: blocks,
    advice: |tally| {
        format!(
            "Initializations: an initialization other than Glorot's weights with λ = 0 helps GmP: {}. {}",
            tally.words("initializations.start"),
            tally.verdict(
                "initializations.start",
                [
                    "Initialize GmP differently from Glorot's weights and λ = 0.",
                    "Glorot's weights with λ = 0 are the better initialization.",
                    "The initialization makes no difference that matters.",
                    "Most comparisons do not settle whether the initialization matters."
                ]
            )
        )
    },
    notes: &[
        "Every initialization is a set of weights and biases of the hidden layer, which each method expresses in its own parameters: all methods \
         start as the same function. BN is left out, since it cancels the bias.",
        "VGG-6 has input mean normalization after every activation, and is compared under SP and GmP. It is a narrow network trained for a short \
         time by Adam on few images: its results say nothing about the paper's network.",
        "With one input (levy) a direction is a sign: the half sphere changes nothing, and with uniform and orthogonal directions all weights have \
         the same length.",
    ],
    duration: ["2 min", "3 h"],
};

/// On pictures SP and GmP, whose fan-outs differ.
fn on_most(kind: Kind, method: MethodId) -> bool {
    kind != Kind::Pictures || method != method::WN
}

fn on_pictures_only(kind: Kind, method: MethodId) -> bool {
    kind == Kind::Pictures && on_most(kind, method)
}

/// Every other start against Glorot's weights without bias, under GmP.
fn starts(asked: &Asked, results: Option<&Results<'_>>) -> Vec<Claim> {
    let (Some(results), [glorot, others @ ..]) = (results, &asked.arms[..]) else { return Vec::new() };
    let mut claims = Vec::new();
    for problem in &asked.problems {
        let quantity = problem.kind().result();
        let by_seed = |arm: &Arm| Shown::Result.by_seed(&results.with(&arm.setting), problem, method::GMP);
        let usual = by_seed(glorot);
        let is_compared =
            |arm: &&Arm| asked.methods.contains(&method::GMP) && (arm.on)(problem.kind(), method::GMP);
        for arm in others.iter().filter(is_compared) {
            let compared = Compared {
                question: "initializations.start",
                statement: "An initialization other than Glorot's weights with λ = 0 helps GmP.",
                tested: "GmP does better with an initialization other than Glorot's weights and λ = 0",
                quantity: quantity.name,
                unit: quantity.unit(),
                smallest: (quantity.smallest)(&asked.smallest),
                subject: &format!("GmP, {}", arm.label),
                baseline: "GmP, Glorot",
                rates: "own best",
            };
            let effects = paired_effects(quantity.scale, &by_seed(arm), &usual);
            let runs = [arm, glorot].map(|arm| (method::GMP, arm.setting));
            claims.push(compared.claim(asked, problem, &effects, &runs));
        }
    }
    claims
}

fn blocks(asked: &Asked, results: &Results<'_>, _: &[Claim]) -> Vec<Block> {
    let caption = "Test results (top) and epochs until the training loss is a quarter of the first epoch's (bottom; on banana, half of it), each \
                   method at its own best learning rate of one grid.";
    vec![Block::Figure(show::figure(asked, results, &[Shown::Result, Shown::Epochs], caption))]
}
