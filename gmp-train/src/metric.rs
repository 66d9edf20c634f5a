//! Metrics of predictions.

use crate::{Error, Goal, Loss, Targets};
use gmp_autograd::Tape;
use gmp_math::Scalar;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A metric of predictions, over all samples and all outputs together.
///
/// ```
/// use gmp_train::Metric;
/// let (predictions, targets) = ([1.0, 2.0, 3.0], [1.0, 2.0, 6.0]);
/// assert_eq!(Metric::MeanAbsoluteError.of(&predictions, &targets), 1.0);
/// assert_eq!(Metric::MeanSquaredError.of(&predictions, &targets), 3.0);
/// assert_eq!(Metric::TopK(5).to_string(), "top_5_accuracy"); // in logs
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean |prediction − target|.
    MeanAbsoluteError,
    /// Mean (prediction − target)².
    MeanSquaredError,
    /// Square root of the mean squared error.
    RootMeanSquaredError,
    /// Fraction of samples whose logit (above 0 or not) agrees with their target (1 or 0).
    BinaryAccuracy,
    /// Fraction of samples whose class (the target, a class number) is among the k classes with the largest logits.
    /// Of equal logits, that of the lower class counts as larger.
    #[serde(rename = "top_accuracy")]
    TopK(usize),
    /// A loss of the whole set in evaluation: `Metric::Loss(Loss::SoftmaxCrossEntropy)` is the cross-entropy. It is
    /// the only metric that uses the weights of samples.
    Loss(Loss),
}

impl Metric {
    /// Whether smaller or larger values are better.
    ///
    /// ```
    /// # use gmp_train::{Goal, Metric};
    /// assert_eq!(Metric::MeanAbsoluteError.goal(), Goal::Minimize);
    /// assert_eq!(Metric::TopK(1).goal(), Goal::Maximize);
    /// ```
    pub fn goal(self) -> Goal {
        match self {
            Self::BinaryAccuracy | Self::TopK(_) => Goal::Maximize,
            _ => Goal::Minimize,
        }
    }

    /// Which targets it accepts.
    ///
    /// ```
    /// # use gmp_train::{Metric, Targets};
    /// assert_eq!(Metric::MeanAbsoluteError.targets(), Targets::Values);
    /// assert_eq!(Metric::TopK(1).targets(), Targets::Classes);
    /// ```
    pub fn targets(self) -> Targets {
        match self {
            Self::TopK(_) => Targets::Classes,
            Self::Loss(loss) => loss.targets(),
            _ => Targets::Values,
        }
    }

    /// Computes it in double precision from as many predictions as targets, or from samples×classes logits and one
    /// class per sample. (A user-defined loss is computed on a tape, in the precision of its numbers.)
    ///
    /// ```
    /// use gmp_train::{Loss, Metric};
    /// let logits = [0.1, 2.0, 1.0, /* the next sample */ 3.0, 0.2, 0.5];
    /// assert_eq!(Metric::TopK(1).of(&logits, &[1.0, 2.0]), 0.5);
    /// assert_eq!(Metric::TopK(2).of(&logits, &[1.0, 2.0]), 1.0);
    /// let cross_entropy = Metric::Loss(Loss::SoftmaxCrossEntropy).of(&logits, &[1.0, 2.0]);
    /// assert!((cross_entropy - 1.526).abs() < 1e-3);
    /// ```
    ///
    /// # Panics
    /// If the lengths do not fit, or a class is not a whole number below the number of classes.
    #[track_caller]
    pub fn of<T: Scalar>(self, predictions: &[T], targets: &[T]) -> f64 {
        if let Self::Loss(loss @ Loss::Custom(_)) = self {
            let (rows, cols) = (targets.len(), predictions.len() / targets.len().max(1));
            let mut tape = Tape::new();
            tape.begin(&[]);
            let prediction = tape.input(predictions, rows, cols);
            let target = tape.input(targets, rows, 1);
            let loss = loss.apply(&mut tape, prediction, target);
            return tape.value(loss).data()[0].to_f64();
        }
        self.mean(self.sum(predictions, targets, None).unwrap_or(f64::NAN), targets.len())
    }

    /// What adds up from batch to batch; `None` for an own loss, which only a tape computes.
    #[track_caller]
    pub(crate) fn sum<T: Scalar>(
        self,
        predictions: &[T],
        targets: &[T],
        weights: Option<&[T]>,
    ) -> Option<f64> {
        match self {
            Self::TopK(best) => return Some(top(best, predictions, targets) as f64),
            Self::Loss(loss) => return loss.sum(predictions, targets, weights),
            _ => {}
        }
        assert_eq!(predictions.len(), targets.len(), "{self:?}: as many predictions as targets");
        let pairs = predictions.iter().zip(targets).map(|(p, t)| (p.to_f64(), t.to_f64()));
        Some(match self {
            Self::MeanAbsoluteError => pairs.map(|(p, t)| (p - t).abs()).sum(),
            Self::BinaryAccuracy => pairs.filter(|(p, t)| (*p > 0.0) == (*t > 0.5)).count() as f64,
            _ => pairs.map(|(p, t)| (p - t) * (p - t)).sum(),
        })
    }

    /// The metric of `targets` targets with this sum.
    pub(crate) fn mean(self, sum: f64, targets: usize) -> f64 {
        let mean = sum / targets as f64;
        if self == Self::RootMeanSquaredError { mean.sqrt() } else { mean }
    }

    pub(crate) fn check_settings(self) -> Result<(), Error> {
        if let Self::Loss(loss) = self { loss.check_settings() } else { Ok(()) }
    }
}

/// The name that a metric has in logs: `top_5_accuracy`.
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MeanAbsoluteError => "mean_absolute_error",
            Self::MeanSquaredError => "mean_squared_error",
            Self::RootMeanSquaredError => "root_mean_squared_error",
            Self::BinaryAccuracy => "binary_accuracy",
            Self::TopK(best) => return write!(f, "top_{best}_accuracy"),
            Self::Loss(loss) => return loss.fmt(f),
        })
    }
}

/// Samples whose class is among the `best` ones.
#[track_caller]
fn top<T: Scalar>(best: usize, logits: &[T], targets: &[T]) -> usize {
    let classes = logits.len().checked_div(targets.len()).unwrap_or(0);
    assert_eq!(logits.len(), targets.len() * classes, "top accuracy: samples × classes logits");
    let is_top = |(logits, target): (&[T], &T)| {
        let class = target.to_f64() as usize;
        assert!(class < classes && class as f64 == target.to_f64(), "class {target:?} of {classes}");
        let own = logits[class];
        let above = |(other, logit): (usize, &T)| !(*logit < own || (*logit == own && other >= class));
        own.is_finite() && logits.iter().enumerate().filter(|&pair| above(pair)).count() < best
    };
    logits.chunks_exact(classes.max(1)).zip(targets).filter(|&pair| is_top(pair)).count()
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

    #[test]
    fn ties_go_to_the_lower_class_and_what_is_not_finite_is_never_right() {
        let top = |best, logits: &[f32], class| Metric::TopK(best).of(logits, &[class]);
        assert_eq!([0.0, 1.0, 2.0].map(|class| top(1, &[0.0; 3], class)), [1.0, 0.0, 0.0]);
        assert_eq!([0.0, 1.0, 2.0].map(|class| top(2, &[0.0; 3], class)), [1.0, 1.0, 0.0]);
        assert_eq!(top(3, &[f32::NAN, 1.0, 2.0], 0.0), 0.0);
        assert_eq!(top(1, &[f32::NAN, 1.0, 0.0], 1.0), 0.0);
        assert_eq!(top(2, &[f32::NAN, 1.0, 0.0], 1.0), 1.0);
    }

    #[test]
    fn sums_of_batches_give_the_metric_of_all() {
        let (p, t) = ([1.0, -2.0, 0.5, 4.0], [1.0, 0.0, 1.0, 1.0]);
        for metric in [Metric::RootMeanSquaredError, Metric::MeanAbsoluteError, Metric::BinaryAccuracy] {
            let sum =
                |range: std::ops::RangeFrom<usize>| metric.sum(&p[range.clone()], &t[range], None).unwrap();
            let sum = sum(1..) + metric.sum(&p[..1], &t[..1], None).unwrap();
            assert_eq!(metric.mean(sum, 4), metric.of(&p, &t));
        }
    }

    #[test]
    fn the_settings_of_a_loss_are_checked_where_it_is_a_metric() {
        assert_eq!(Metric::Loss(Loss::Huber { delta: 1.0 }).check_settings(), Ok(()));
        assert!(Metric::Loss(Loss::Huber { delta: -1.0 }).check_settings().is_err());
        assert_eq!(Metric::TopK(5).check_settings(), Ok(()));
    }

    #[test]
    #[should_panic(expected = "class 3.0 of 3")]
    fn a_class_that_is_none_panics() {
        Metric::TopK(1).of(&[0.0; 3], &[3.0]);
    }
}
