//! What is learned of a target: a number, one of two classes, or one of several.

use clap::ValueEnum;
use gmp_train::{Loss, Metric};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A number
    Regression,
    /// One of two classes
    Binary,
    /// One of several classes
    MultiClass,
}

impl Task {
    /// Outputs of a network for so many classes: logits, one of which tells two classes apart.
    #[must_use]
    pub fn outputs(self, classes: usize) -> usize {
        if self == Self::MultiClass { classes } else { 1 }
    }

    /// What is minimized; `regression` for numbers.
    #[must_use]
    pub fn loss(self, regression: Loss) -> Loss {
        match self {
            Self::Regression => regression,
            Self::Binary => Loss::BinaryCrossEntropy,
            Self::MultiClass => Loss::SoftmaxCrossEntropy,
        }
    }

    /// What is reported of a network's outputs beside the loss.
    #[must_use]
    pub fn metric(self) -> Metric {
        match self {
            Self::Regression => Metric::RootMeanSquaredError,
            Self::Binary => Metric::BinaryAccuracy,
            Self::MultiClass => Metric::TopK(1),
        }
    }

    /// What readers call that metric.
    #[must_use]
    pub fn metric_name(self) -> &'static str {
        if self == Self::Regression { "RMSE" } else { "accuracy" }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Regression => "regression",
            Self::Binary => "binary classification",
            Self::MultiClass => "multi-class classification",
        })
    }
}
