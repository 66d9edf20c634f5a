//! Optimizers by name, with one choice of constants each.

use gmp_train::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use serde::{Deserialize, Serialize};

/// An optimizer with Keras' constants, and a momentum of 0.9 where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Optimizing {
    /// Gradient descent.
    #[serde(rename = "SGD")]
    Sgd,
    /// With momentum 0.9.
    #[serde(rename = "momentum")]
    Momentum,
    /// With Nesterov's momentum, 0.9.
    Nesterov,
    /// RMSprop.
    #[serde(rename = "RMSprop")]
    RmsProp,
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay 0.004, of everything but angles.
    AdamW,
}

impl Optimizing {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Sgd, Self::Momentum, Self::Nesterov, Self::RmsProp, Self::Adam, Self::AdamW];

    /// The name in figures and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "SGD",
            Self::Momentum => "momentum",
            Self::Nesterov => "Nesterov",
            Self::RmsProp => "RMSprop",
            Self::Adam => "Adam",
            Self::AdamW => "AdamW",
        }
    }

    /// The optimizer before its first step.
    #[must_use]
    pub fn optimizer(self) -> Box<dyn Optimizer<f64>> {
        match self {
            Self::Sgd => Box::new(Sgd::new(0.0)),
            Self::Momentum => Box::new(Sgd::new(0.9)),
            Self::Nesterov => Box::new(Sgd::new(0.9).with_nesterov()),
            Self::RmsProp => Box::new(RmsProp::default()),
            Self::Adam => Box::new(Adam::default()),
            Self::AdamW => Box::new(AdamW::new(0.004)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_are_the_same_optimizer() {
        let states: HashSet<String> = Optimizing::ALL
            .iter()
            .map(|optimizer| {
                let state = optimizer.optimizer().state();
                format!("{} {:?}", state.kind, state.settings)
            })
            .collect();
        assert_eq!(states.len(), Optimizing::ALL.len(), "{states:?}");
    }
}
