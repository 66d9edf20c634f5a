//! Losses of a prediction against a target, averaged over all elements: one formula and its derivative each.

use super::assert_same_shape;
use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Mean absolute error, `mean |prediction − target|`, as a 1×1 matrix; its derivative is 0 where they agree.
///
/// # Panics
/// If the shapes differ or there are no elements.
#[track_caller]
pub fn mean_absolute_error<T: Scalar>(tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
    mean_over(tape, &AbsoluteError, prediction, target)
}

/// Mean squared error, `mean (prediction − target)²`, as a 1×1 matrix.
///
/// # Panics
/// If the shapes differ or there are no elements.
#[track_caller]
pub fn mean_squared_error<T: Scalar>(tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
    mean_over(tape, &SquaredError, prediction, target)
}

/// Binary cross-entropy of `sigmoid(logits)` against targets in [0, 1], as a 1×1 matrix.
///
/// Computed as `max(z, 0) − z·t + ln(1 + e^−|z|)`, which overflows nowhere.
///
/// # Panics
/// If the shapes differ or there are no elements.
#[track_caller]
pub fn binary_cross_entropy_with_logits<T: Scalar>(tape: &mut Tape<T>, logits: Var, target: Var) -> Var {
    mean_over(tape, &BinaryCrossEntropy, logits, target)
}

/// An error of one element: all that distinguishes one loss from another.
trait Elementwise<T: Scalar>: Rule<T> {
    fn error(prediction: T, target: T) -> T;
    fn derivative(prediction: T, target: T) -> T;
}

#[track_caller]
fn mean_over<T: Scalar, E: Elementwise<T>>(
    tape: &mut Tape<T>,
    rule: &'static E,
    prediction: Var,
    target: Var,
) -> Var {
    assert_same_shape(rule.name(), prediction, target);
    assert!(!prediction.shape().is_empty(), "{}: no elements to average over", rule.name());
    tape.record(rule, [prediction, target], Shape::new(1, 1), 0, |[prediction, target], mut y, _| {
        let pairs = prediction.data().iter().zip(target.data());
        let sum: T = pairs.map(|(&p, &t)| E::error(p, t)).sum();
        y.data_mut()[0] = sum / T::from_usize(target.data().len());
    })
}

fn pull_back<T: Scalar, E: Elementwise<T>>(rule: &E, pull: &mut Pullback<'_, T>) {
    let (prediction, target) = (pull.value(0), pull.value(1));
    assert!(!pull.needs(1), "{}: the target is a constant, pass it as an input", rule.name());
    if let Some((dy, dx)) = pull.wrt(0) {
        let scale = dy.data()[0] / T::from_usize(target.data().len());
        dx.add_each(prediction.data().iter().zip(target.data()).map(|(&p, &t)| scale * E::derivative(p, t)));
    }
}

macro_rules! loss {
    ($rule:ident, $name:literal, |$p:ident, $t:ident| $error:expr, $derivative:expr) => {
        struct $rule;
        impl<T: Scalar> Elementwise<T> for $rule {
            #[inline(always)]
            fn error($p: T, $t: T) -> T {
                $error
            }
            #[inline(always)]
            fn derivative($p: T, $t: T) -> T {
                $derivative
            }
        }
        impl<T: Scalar> Rule<T> for $rule {
            fn name(&self) -> &'static str {
                $name
            }
            fn backward(&self, pull: &mut Pullback<'_, T>) {
                pull_back(self, pull);
            }
        }
    };
}

loss!(AbsoluteError, "mean_absolute_error", |p, t| (p - t).abs(), sign(p - t));
loss!(SquaredError, "mean_squared_error", |p, t| (p - t) * (p - t), (p - t) + (p - t));
loss!(
    BinaryCrossEntropy,
    "binary_cross_entropy_with_logits",
    |z, t| z.max(T::ZERO) - z * t + (-z.abs()).exp().ln_1p(),
    sigmoid(z) - t
);

/// −1, 0 or 1; NaN stays NaN.
fn sign<T: Scalar>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}

fn sigmoid<T: Scalar>(z: T) -> T {
    let e = (-z.abs()).exp();
    if z >= T::ZERO { T::ONE / (T::ONE + e) } else { e / (T::ONE + e) }
}
