//! Losses of a prediction against a target, averaged over all elements: one formula and its derivative each.

use super::abs::sign;
use super::sigmoid::logistic;
use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Mean absolute error, `mean |prediction − target|`, as a 1×1 matrix; its derivative is 0 where they agree.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (p, target) = (t.input(&[1.0, 5.0], 2, 1), t.input(&[2.0, 2.0], 2, 1));
/// let loss = p.mean_absolute_error(t, target);
/// assert_eq!(t.value(loss).data(), [2.0]);
/// ```
///
/// # Panics
/// If the shapes differ or there are no elements.
#[track_caller]
pub fn mean_absolute_error<T: Scalar>(tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
    mean_over(tape, &AbsoluteError, prediction, target)
}

/// Mean squared error, `mean (prediction − target)²`, as a 1×1 matrix.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (p, target) = (t.input(&[1.0, 5.0], 2, 1), t.input(&[2.0, 2.0], 2, 1));
/// let loss = p.mean_squared_error(t, target);
/// assert_eq!(t.value(loss).data(), [5.0]);
/// ```
///
/// # Panics
/// If the shapes differ or there are no elements.
#[track_caller]
pub fn mean_squared_error<T: Scalar>(tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
    mean_over(tape, &SquaredError, prediction, target)
}

/// Binary cross-entropy of `sigmoid(logits)` against targets in [0, 1], as a 1×1 matrix.
///
/// Computed as `max(z, 0) − z·t + ln(1 + e^−|z|)`, which never overflows.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (logit, class) = (t.input(&[0.0], 1, 1), t.input(&[1.0], 1, 1));
/// let loss = logit.binary_cross_entropy_with_logits(t, class);
/// assert_eq!(t.value(loss).data(), [2.0_f64.ln()]);
/// ```
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
    let (name, p, t) = (rule.name(), prediction.shape(), target.shape());
    assert!(p == t, "{name}: the prediction is {p} and the target {t}; expected one shape");
    assert!(!p.is_empty(), "{name}: a prediction of {p} has no elements to average over");
    tape.record(rule, [prediction, target], Shape::new(1, 1), 0, |[prediction, target], mut y, _| {
        let pairs = prediction.data().iter().zip(target.data());
        let sum: T = pairs.map(|(&p, &t)| E::error(p, t)).sum();
        y.data_mut()[0] = sum / T::from_usize(target.data().len());
    })
}

fn pull_back<T: Scalar, E: Elementwise<T>>(rule: &E, pull: &mut Pullback<'_, T>) {
    let (prediction, target) = (pull.value(0), pull.value(1));
    assert!(
        !pull.needs(1),
        "{}: no gradient is computed for a target; put it on the tape as an input",
        rule.name()
    );
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
    logistic(z) - t
);
