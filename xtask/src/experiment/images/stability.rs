//! Questions about the movement of the boundaries of VGG-6, as those of Figures 2 and 3 about small networks.

use super::report::SUBJECT;
use crate::claim::Origin;
use crate::experiment::measured::in_training;
use crate::experiment::question::{Quantity, Question};
use crate::method::{self, Architecture};
use crate::run::Protocol;
use gmp_nn::Parameterization;

/// Of the subject of Table 2 against every other parameterization in the paper. The paper does not measure these networks.
#[must_use]
pub fn questions() -> Vec<Question> {
    let asked = |id, tested, name, number| Question {
        id,
        origin: Origin::Ours,
        figure: "Table 2",
        statement: "In convolutional networks, too, the boundaries of geometric units are the most stable in training.",
        tested,
        quantity: Quantity::bits(name, number),
        subject: SUBJECT,
        baselines: method::of(Architecture::Vgg)
            .into_iter()
            .filter(|m| m.in_paper && m.parameterization != Parameterization::Geometric)
            .collect(),
        protocols: &[Protocol::Paper],
        at_authors_rates: true,
        at_equal_rates: true,
        at_best_rate: false,
        headline: false,
        asks_for_seeds: false,
    };
    vec![
        asked(
            "table2.turn.max",
            "The largest turn of a boundary in an epoch is smallest under GmP+IMN",
            "log₂ of the largest turn per epoch, mean over the epochs before the learning rate first falls; BN, MBN by their batch",
            |r| in_training(r, |s| s.direction.before_reduction.max.mean_of_log),
        ),
        asked(
            "table2.turn.mean",
            "Boundaries turn least under GmP+IMN on average",
            "log₂ of the mean turn per epoch, mean over the epochs before the learning rate first falls; BN, MBN by their batch",
            |r| in_training(r, |s| s.direction.before_reduction.mean.mean_of_log),
        ),
        asked(
            "table2.turn.median",
            "The median boundary turns least under GmP+IMN",
            "log₂ of the median turn per epoch, mean over the epochs before the learning rate first falls; BN, MBN by their batch",
            |r| in_training(r, |s| s.direction.before_reduction.median.mean_of_log),
        ),
        asked(
            "table2.turn.rate",
            "Relative to the learning rate, the largest turn of a boundary in an epoch is smallest under GmP+IMN",
            "log₂ of the largest turn per epoch divided by its learning rate, mean over all epochs; BN, MBN by their batch",
            |r| in_training(r, |s| s.direction.per_rate.max.mean_of_log),
        ),
        asked(
            "table2.turn.whole",
            "Over the whole run, the largest turn of a boundary in an epoch is smallest under GmP+IMN",
            "log₂ of the largest turn per epoch, mean over all epochs; BN, MBN by their batch",
            |r| in_training(r, |s| s.direction.whole.max.mean_of_log),
        ),
        asked(
            "table2.movement.max",
            "The largest movement of a boundary in an epoch is smallest under GmP+IMN",
            "log₂ of the largest |Δφ| per epoch, mean over the epochs before the learning rate first falls; BN, MBN by their batch",
            |r| in_training(r, |s| s.location.before_reduction.max.mean_of_log),
        ),
        asked(
            "table2.movement.mean",
            "Boundaries move least under GmP+IMN on average",
            "log₂ of the mean |Δφ| per epoch, mean over the epochs before the learning rate first falls; BN, MBN by their batch",
            |r| in_training(r, |s| s.location.before_reduction.mean.mean_of_log),
        ),
        asked(
            "table2.movement.median",
            "The median boundary moves least under GmP+IMN",
            "log₂ of the median |Δφ| per epoch, mean over the epochs before the learning rate first falls; BN, MBN by their batch",
            |r| in_training(r, |s| s.location.before_reduction.median.mean_of_log),
        ),
        asked(
            "table2.movement.rate",
            "Relative to the learning rate, the largest movement of a boundary in an epoch is smallest under GmP+IMN",
            "log₂ of the largest |Δφ| per epoch divided by its learning rate, mean over all epochs; BN, MBN by their batch",
            |r| in_training(r, |s| s.location.per_rate.max.mean_of_log),
        ),
        asked(
            "table2.movement.whole",
            "Over the whole run, the largest movement of a boundary in an epoch is smallest under GmP+IMN",
            "log₂ of the largest |Δφ| per epoch, mean over all epochs; BN, MBN by their batch",
            |r| in_training(r, |s| s.location.whole.max.mean_of_log),
        ),
    ]
}
