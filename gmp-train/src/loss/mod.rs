//! Loss functions.

mod custom;
#[macro_use]
mod elementwise;
mod softmax;
mod targets;

pub use custom::{CustomLoss, LossFunction};
pub(crate) use targets::Place;
pub use targets::Targets;

use crate::Error;
use elementwise::Formula;
use gmp_autograd::{Tape, Var, op};
use gmp_math::Scalar;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The loss that training minimizes, a mean over the samples of a batch.
///
/// | | one prediction p against its target t | targets |
/// |---|---|---|
/// | `MeanAbsoluteError` | \|p − t\| | one per output |
/// | `MeanSquaredError` | (p − t)² | one per output |
/// | `Huber` | (p − t)²/2 up to δ, δ(\|p − t\| − δ/2) beyond | one per output |
/// | `Quantile` | q(t − p) where p < t, (1 − q)(p − t) elsewhere | one per output |
/// | `BinaryCrossEntropy` | −t ln σ(p) − (1 − t) ln(1 − σ(p)) | one per output, 0 to 1 |
/// | `SoftmaxCrossEntropy` | −ln softmax(p)\[t\] of all outputs p | one column: the class 0, 1, … |
///
/// The network's last layer has no activation: the cross-entropies take logits.
///
/// A user-defined loss is a type that implements [`LossFunction`], used as [`Loss::Custom`].
///
/// # Weights of samples and classes
/// If the data have weights ([`Dataset::with_weights`](crate::Dataset::with_weights),
/// [`Dataset::with_class_weights`](crate::Dataset::with_class_weights)), the loss of every sample is multiplied by its
/// weight; the sum is still divided by the number of samples, as in Keras.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_train::Loss;
///
/// let mut tape = Tape::<f64>::new();
/// tape.begin(&[]);
/// let (prediction, target) = (tape.input(&[0.0, 5.0], 2, 1), tape.input(&[0.5, 1.0], 2, 1));
/// let loss = Loss::Huber { delta: 1.0 }.apply(&mut tape, prediction, target);
/// assert_eq!(tape.value(loss).data(), [(0.125 + 3.5) / 2.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Mean |prediction − target|.
    MeanAbsoluteError,
    /// Mean (prediction − target)².
    MeanSquaredError,
    /// Cross-entropy of sigmoid(prediction) against targets from 0 to 1.
    BinaryCrossEntropy,
    /// Cross-entropy of softmax(logits) against the number of the class: samples×classes against samples×1.
    SoftmaxCrossEntropy,
    /// Quadratic for errors up to δ and linear beyond, like Keras' and PyTorch's `Huber`.
    Huber {
        /// The error δ at which the two parts meet, positive.
        delta: f64,
    },
    /// The pinball loss, whose minimizer is a quantile. At level ½ it is half the absolute error.
    Quantile {
        /// Fraction q of the targets below the prediction, between 0 and 1.
        level: f64,
    },
    /// A user-defined loss. A file stores only its name: after reading a trainer from a file, put the loss back in
    /// its place.
    #[serde(with = "custom::by_name")]
    Custom(&'static dyn CustomLoss),
}

impl Loss {
    /// Appends the loss to the tape, as a 1×1 matrix.
    ///
    /// ```
    /// use gmp_train::{Loss, Tape};
    /// let mut tape = Tape::<f64>::new();
    /// tape.begin(&[]);
    /// let prediction = tape.variable(&[1.0, 5.0], 2, 1);
    /// let target = tape.input(&[2.0, 2.0], 2, 1);
    /// let loss = Loss::MeanSquaredError.apply(&mut tape, prediction, target);
    /// assert_eq!(tape.value(loss).data(), [5.0]); // (1 + 9)/2
    /// tape.backward(loss);
    /// assert_eq!(tape.gradient(prediction).unwrap().data(), [-1.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or a class is not a whole number below the number of logits.
    #[track_caller]
    pub fn apply<T: Scalar>(self, tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
        match self {
            // Three losses are operations of the tape too, whose sums have another order.
            Self::MeanAbsoluteError => op::mean_absolute_error(tape, prediction, target),
            Self::MeanSquaredError => op::mean_squared_error(tape, prediction, target),
            Self::BinaryCrossEntropy => op::binary_cross_entropy_with_logits(tape, prediction, target),
            loss => by_formula!(loss, F, c => elementwise::mean::<T, F>(tape, [prediction, target], c);
                Self::SoftmaxCrossEntropy => op::softmax_cross_entropy(tape, prediction, target),
                Self::Custom(loss) => custom::apply(loss, tape, prediction, target),
            ),
        }
    }

    /// Appends the loss with the loss of every sample multiplied by its weight, samples×1; `None` for a user-defined
    /// loss that does not support weights.
    ///
    /// ```
    /// use gmp_train::{Loss, Tape};
    /// let mut tape = Tape::<f64>::new();
    /// tape.begin(&[]);
    /// let [prediction, target, weights] =
    ///     [[1.0, 5.0], [2.0, 2.0], [0.0, 3.0]].map(|numbers| tape.input(&numbers, 2, 1));
    /// let loss = Loss::MeanAbsoluteError.apply_weighted(&mut tape, prediction, target, weights).unwrap();
    /// assert_eq!(tape.value(loss).data(), [4.5]); // (0·1 + 3·3)/2: divided by the samples, not by their weights
    /// ```
    ///
    /// # Panics
    /// As [`Loss::apply`].
    #[track_caller]
    pub fn apply_weighted<T: Scalar>(
        self,
        tape: &mut Tape<T>,
        prediction: Var,
        target: Var,
        weights: Var,
    ) -> Option<Var> {
        let inputs = [prediction, target, weights];
        by_formula!(self, F, c => Some(elementwise::mean::<T, F>(tape, inputs, c));
            Self::SoftmaxCrossEntropy => Some(softmax::weighted(tape, inputs)),
            Self::Custom(loss) => custom::apply_weighted(loss, tape, inputs),
        )
    }

    /// Which targets it accepts.
    ///
    /// ```
    /// # use gmp_train::{Loss, Targets};
    /// assert_eq!(Loss::MeanSquaredError.targets(), Targets::Values);
    /// assert_eq!(Loss::SoftmaxCrossEntropy.targets(), Targets::Classes);
    /// ```
    pub fn targets(self) -> Targets {
        by_formula!(self, F, _c => F::TARGETS;
            Self::SoftmaxCrossEntropy => Targets::Classes,
            Self::Custom(loss) => loss.targets(),
        )
    }

    /// The sum over all targets in double precision, each weighted as its sample; divided by the number of targets it
    /// is the loss. `None` for an own loss, which only a tape computes.
    pub(crate) fn sum<T: Scalar>(
        self,
        predictions: &[T],
        targets: &[T],
        weights: Option<&[T]>,
    ) -> Option<f64> {
        let numbers = (predictions, targets, weights);
        by_formula!(self, F, c => Some(elementwise::sum::<T, F>(numbers, c));
            Self::SoftmaxCrossEntropy => Some(softmax::sum(numbers)),
            Self::Custom(_) => None,
        )
    }

    pub(crate) fn check_settings(self) -> Result<(), Error> {
        by_formula!(self, F, c => F::check(c);
            Self::SoftmaxCrossEntropy => Ok(()),
            Self::Custom(loss) if loss.is_placeholder() => Err(Error::Placeholder { what: "loss" }),
            Self::Custom(_) => Ok(()),
        )
    }
}

/// The name of the loss in logs: `mean_squared_error`, `quantile_0.9`.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loss = *self;
        by_formula!(loss, F, c => if F::IS_A_FAMILY { write!(f, "{}_{c}", F::NAME) } else { f.write_str(F::NAME) };
            Self::SoftmaxCrossEntropy => f.write_str("softmax_cross_entropy"),
            Self::Custom(loss) => f.write_str(loss.name()),
        )
    }
}

#[cfg(test)]
mod tests;
