//! Whether what is said of ReLUs holds for other activations.

use super::ask::Asks;
use super::data::Kind;
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, nothing, on_pictures, with_geodesic};
use crate::claim::Claim;
use crate::report::html::Block;
use crate::run::results::Results;
use crate::setting::Setting;
use gmp_nn::Activation;

/// All activations but the identity.
pub const ACTIVATIONS: Inquiry = Inquiry {
    id: "activations",
    title: "Activations: does it hold beyond ReLU?",
    question: "The paper is about ReLU units, and names other activations as future work. Leaky ReLU, |x| and hard tanh have kinks, so their \
               boundaries can be unstable in the same way; tanh, sigmoid, softplus, GELU and SiLU are smooth, and their boundary is here the set \
               where the input of the activation is zero. Does GmP help with any of them, and does it keep their boundaries stable?",
    arms: |_| {
        let others = Activation::ALL.into_iter().filter(|activation| *activation != Activation::Identity);
        others
            .map(|activation| {
                let setting = Setting { activation: Some(activation), ..Setting::default() };
                Arm::named(activation.name().replace('_', " "), setting)
            })
            .collect()
    },
    methods: with_geodesic,
    rates: |_| vec![0.003, 0.01, 0.03, 0.1, 0.3],
    rates_on_pictures: on_pictures,
    problems: Kind::of,
    seeds: [5, 20],
    budget: 0.4,
    asks: &[
        Asks::Result("activations.result"),
        Asks::Movement("activations.movement"),
        Asks::Tolerance("activations.tolerance"),
    ],
    across: nothing,
    show: blocks,
    advice: |tally| {
        format!(
            "Other activations: {} (best results: {}; least movement: {}). Best results with activations that are positively homogeneous, as ReLU, leaky ReLU \
             and |x| are: {}; with the others: {}. A radius outside of an activation that is not homogeneous cannot make the unit steeper; a radius \
             inside of it was not tested.",
            tally.verdict(
                "activations.result",
                [
                    "with most of them, GmP is best",
                    "with most of them, some baseline is better than GmP",
                    "with most of them, some baseline is as good as GmP",
                    "with most of them, it is not settled whether GmP is best",
                ]
            ),
            tally.words("activations.result"),
            tally.words("activations.movement"),
            tally.of_settings("activations.result", is_homogeneous).words(),
            tally.of_settings("activations.result", |setting| !is_homogeneous(setting)).words()
        )
    },
    notes: &[
        "The radius of a geometric unit stands outside the activation, as in the paper. With an activation that is not homogeneous, networks of \
         different methods do not start as the same function.",
        "The leaky ReLU has slope 0.01 for negative inputs. A hard tanh has two kinks, and so two boundaries per unit.",
        "Where the learning rates that a method tolerates reach the end of the grid, its tolerance is a lower bound.",
    ],
    duration: ["1 min", "2 h"],
};

fn blocks(asked: &Asked, results: &Results<'_>, _: &[Claim]) -> Vec<Block> {
    let caption = "Test results (top) and movement of the boundaries (middle), each method at its own best learning rate, and the range of \
                   learning rates that each method tolerates with results within 5% of its best (bottom).";
    let shown = [Shown::Result, Shown::Movement, Shown::Tolerance];
    vec![Block::Figure(show::figure(asked, results, &shown, caption))]
}

fn is_homogeneous(setting: Setting) -> bool {
    setting.activation.is_some_and(Activation::is_homogeneous)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Profile;

    #[test]
    fn three_arms_are_homogeneous() {
        let arms = (ACTIVATIONS.arms)(Profile::Quick);
        let names: Vec<&str> =
            arms.iter().filter(|arm| is_homogeneous(arm.setting)).map(|arm| &arm.label[..]).collect();
        assert_eq!(names, ["relu", "leaky relu", "absolute value"]);
    }
}
