//! Losses that compare every prediction with its own target: one formula and its derivative each.

use super::Targets;
use crate::Error;
use gmp_autograd::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;
use std::marker::PhantomData;

/// `$body` with `$formula`, the formula of a loss that has one, and `$constant`, its constant; the arms behind are for the
/// other losses. Whoever adds a loss with a formula adds it here.
macro_rules! by_formula {
    ($loss:expr, $formula:ident, $constant:ident => $body:expr; $($others:tt)*) => {{
        use $crate::loss::{Loss, elementwise as formulas};
        match $loss {
            Loss::MeanAbsoluteError => by_formula!(@ AbsoluteError, 0.0, $formula, $constant, $body),
            Loss::MeanSquaredError => by_formula!(@ SquaredError, 0.0, $formula, $constant, $body),
            Loss::BinaryCrossEntropy => by_formula!(@ BinaryCrossEntropy, 0.0, $formula, $constant, $body),
            Loss::Huber { delta } => by_formula!(@ Huber, delta, $formula, $constant, $body),
            Loss::Quantile { level } => by_formula!(@ Quantile, level, $formula, $constant, $body),
            $($others)*
        }
    }};
    (@ $type:ident, $value:expr, $formula:ident, $constant:ident, $body:expr) => {{
        type $formula = formulas::$type;
        let $constant: f64 = $value;
        $body
    }};
}

/// The loss of one prediction, and its derivative; `c` is the loss's constant, where it has one.
pub(super) trait Formula: Sync + 'static {
    /// The name of the loss in logs and messages.
    const NAME: &'static str;
    /// Whether the constant is part of that name.
    const IS_A_FAMILY: bool = false;
    const TARGETS: Targets = Targets::Values;
    fn error<T: Scalar>(p: T, t: T, c: T) -> T;
    fn slope<T: Scalar>(p: T, t: T, c: T) -> T;
    fn check(_constant: f64) -> Result<(), Error> {
        Ok(())
    }
}

pub(super) struct AbsoluteError;
impl Formula for AbsoluteError {
    const NAME: &'static str = "mean_absolute_error";
    fn error<T: Scalar>(p: T, t: T, _: T) -> T {
        (p - t).abs()
    }
    fn slope<T: Scalar>(p: T, t: T, _: T) -> T {
        steps(p - t, -T::ONE, T::ONE)
    }
}

pub(super) struct SquaredError;
impl Formula for SquaredError {
    const NAME: &'static str = "mean_squared_error";
    fn error<T: Scalar>(p: T, t: T, _: T) -> T {
        (p - t) * (p - t)
    }
    fn slope<T: Scalar>(p: T, t: T, _: T) -> T {
        (p - t) + (p - t)
    }
}

/// As [`binary_cross_entropy_with_logits`](gmp_autograd::op::binary_cross_entropy_with_logits).
pub(super) struct BinaryCrossEntropy;
impl Formula for BinaryCrossEntropy {
    const NAME: &'static str = "binary_cross_entropy";
    const TARGETS: Targets = Targets::Probabilities;
    fn error<T: Scalar>(z: T, t: T, _: T) -> T {
        z.max(T::ZERO) - z * t + (-z.abs()).exp().ln_1p()
    }
    fn slope<T: Scalar>(z: T, t: T, _: T) -> T {
        let e = (-z.abs()).exp();
        let sigmoid = if z >= T::ZERO { T::ONE / (T::ONE + e) } else { e / (T::ONE + e) };
        sigmoid - t
    }
}

/// Source: Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35, 1964.
pub(super) struct Huber;
impl Formula for Huber {
    const NAME: &'static str = "huber";
    fn error<T: Scalar>(p: T, t: T, delta: T) -> T {
        let (d, half) = ((p - t).abs(), T::from_f64(0.5));
        if d <= delta { half * d * d } else { delta * (d - half * delta) }
    }
    fn slope<T: Scalar>(p: T, t: T, delta: T) -> T {
        let d = p - t;
        if d > delta {
            delta
        } else if d < -delta {
            -delta
        } else {
            d
        }
    }
    fn check(delta: f64) -> Result<(), Error> {
        let is_valid = delta > 0.0 && delta.is_finite();
        require(is_valid, "Huber delta", delta, "a finite positive number")
    }
}

/// Source: Koenker & Bassett, "Regression Quantiles", Econometrica 46, 1978.
pub(super) struct Quantile;
impl Formula for Quantile {
    const NAME: &'static str = "quantile";
    const IS_A_FAMILY: bool = true;
    fn error<T: Scalar>(p: T, t: T, level: T) -> T {
        let d = t - p;
        if d < T::ZERO { (level - T::ONE) * d } else { level * d }
    }
    fn slope<T: Scalar>(p: T, t: T, level: T) -> T {
        steps(p - t, -level, T::ONE - level)
    }
    fn check(level: f64) -> Result<(), Error> {
        require(level > 0.0 && level < 1.0, "quantile level", level, "between 0 and 1")
    }
}

fn require(is_valid: bool, setting: &'static str, value: f64, expected: &'static str) -> Result<(), Error> {
    if is_valid { Ok(()) } else { Err(Error::Setting { setting, value, expected }) }
}

/// One number below 0 and another above; 0 stays 0 and NaN stays NaN.
fn steps<T: Scalar>(x: T, below: T, above: T) -> T {
    if x > T::ZERO {
        above
    } else if x < T::ZERO {
        below
    } else {
        x
    }
}

/// Appends the mean over all predictions: of `[prediction, target]`, or of `[prediction, target, weights]` with one
/// weight per row.
#[track_caller]
pub(super) fn mean<T: Scalar, F: Formula>(
    tape: &mut Tape<T>,
    inputs: impl AsRef<[Var]>,
    constant: f64,
) -> Var {
    let inputs = inputs.as_ref();
    let (p, t, c) = (inputs[0], inputs[1], T::from_f64(constant));
    assert_eq!(p.shape(), t.shape(), "{}: shapes {} and {} differ", F::NAME, p.shape(), t.shape());
    assert!(!p.shape().is_empty(), "{}: no elements to average over", F::NAME);
    let rule: &'static Mean<F> = const { &Mean(PhantomData) };
    let count = T::from_usize(p.shape().len());
    match *inputs {
        [p, t, w] => {
            assert_weights(F::NAME, p, w);
            tape.record(rule, [p, t, w], Shape::new(1, 1), 1, |[p, t, w], mut y, kept| {
                kept[0] = c;
                let rows = (0..p.rows()).map(|i| {
                    let pairs = p.row(i).iter().zip(t.row(i));
                    w.data()[i] * pairs.map(|(&p, &t)| F::error(p, t, c)).sum::<T>()
                });
                y.data_mut()[0] = rows.sum::<T>() / count;
            })
        }
        _ => tape.record(rule, [p, t], Shape::new(1, 1), 1, |[p, t], mut y, kept| {
            kept[0] = c;
            let pairs = p.data().iter().zip(t.data());
            y.data_mut()[0] = pairs.map(|(&p, &t)| F::error(p, t, c)).sum::<T>() / count;
        }),
    }
}

#[track_caller]
pub(super) fn assert_weights(name: &str, prediction: Var, weights: Var) {
    assert_eq!(
        weights.shape(),
        Shape::new(prediction.rows(), 1),
        "{name}: {} weights for predictions {}; expected one per row",
        weights.shape(),
        prediction.shape()
    );
}

struct Mean<F>(PhantomData<fn() -> F>);
impl<T: Scalar, F: Formula> Rule<T> for Mean<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        assert!(!pull.needs(1), "{}: the target is a constant, pass it as an input", F::NAME);
        let (p, t, c) = (pull.value(0), pull.value(1), pull.saved()[0]);
        let weights = (pull.arity() == 3).then(|| pull.value(2).data());
        if let Some((dy, dp)) = pull.wrt(0) {
            let (scale, cols) = (dy.data()[0] / T::from_usize(p.data().len()), p.cols());
            dp.add_each(
                p.data()
                    .iter()
                    .zip(t.data())
                    .enumerate()
                    .map(|(i, (&p, &t))| scale * weights.map_or(T::ONE, |w| w[i / cols]) * F::slope(p, t, c)),
            );
        }
    }
}

/// The sum over all predictions in double precision, each times the weight of its sample.
#[track_caller]
pub(super) fn sum<T: Scalar, F: Formula>(
    (predictions, targets, weights): (&[T], &[T], Option<&[T]>),
    constant: f64,
) -> f64 {
    assert_eq!(predictions.len(), targets.len(), "{}: as many predictions as targets", F::NAME);
    let errors = predictions.iter().zip(targets).map(|(p, t)| F::error(p.to_f64(), t.to_f64(), constant));
    match weights {
        None => errors.sum(),
        Some(weights) => {
            let cols = targets.len() / weights.len().max(1);
            errors.enumerate().map(|(i, error)| weights[i / cols].to_f64() * error).sum()
        }
    }
}
