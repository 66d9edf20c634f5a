//! What is minimized, and what is reported.

use gmp_autograd::{Tape, Var, op};
use gmp_math::Scalar;
use serde::{Deserialize, Serialize};

/// What training minimizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Mean |prediction − target|.
    MeanAbsoluteError,
    /// Mean (prediction − target)².
    MeanSquaredError,
    /// Cross-entropy of sigmoid(prediction) against targets 0 and 1.
    BinaryCrossEntropy,
}

impl Loss {
    /// Appends the loss to the tape.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn apply<T: Scalar>(self, tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
        match self {
            Self::MeanAbsoluteError => op::mean_absolute_error(tape, prediction, target),
            Self::MeanSquaredError => op::mean_squared_error(tape, prediction, target),
            Self::BinaryCrossEntropy => op::binary_cross_entropy_with_logits(tape, prediction, target),
        }
    }
}

/// What is reported of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean |prediction − target|.
    MeanAbsoluteError,
    /// Mean (prediction − target)².
    MeanSquaredError,
    /// Square root of the mean squared error.
    RootMeanSquaredError,
    /// Share of samples whose logit is on the side (above 0 or not) of their target (1 or 0).
    BinaryAccuracy,
}

impl Metric {
    /// Computes it in double precision.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn of<T: Scalar>(self, predictions: &[T], targets: &[T]) -> f64 {
        assert_eq!(predictions.len(), targets.len(), "{self:?}: as many predictions as targets");
        let pairs = predictions.iter().zip(targets).map(|(p, t)| (p.to_f64(), t.to_f64()));
        let count = targets.len() as f64;
        match self {
            Self::MeanAbsoluteError => pairs.map(|(p, t)| (p - t).abs()).sum::<f64>() / count,
            Self::MeanSquaredError => pairs.map(|(p, t)| (p - t) * (p - t)).sum::<f64>() / count,
            Self::RootMeanSquaredError => Self::MeanSquaredError.of(predictions, targets).sqrt(),
            Self::BinaryAccuracy => pairs.filter(|(p, t)| (*p > 0.0) == (*t > 0.5)).count() as f64 / count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let (p, t) = ([1.0, -2.0, 0.5], [1.0, 0.0, 1.0]);
        assert_eq!(Metric::MeanAbsoluteError.of(&p, &t), 2.5 / 3.0);
        assert_eq!(Metric::MeanSquaredError.of(&p, &t), 4.25 / 3.0);
        assert_eq!(Metric::RootMeanSquaredError.of(&p, &t), (4.25_f64 / 3.0).sqrt());
        assert_eq!(Metric::BinaryAccuracy.of(&p, &t), 1.0);
        assert_eq!(Metric::BinaryAccuracy.of(&[0.0, f64::NAN], &[0.0, 1.0]), 0.5);
    }
}
