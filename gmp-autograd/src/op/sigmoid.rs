use super::pointwise::{by_output, pull_by_output};
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Logistic function, element by element: `y = 1/(1 + e⁻ˣ)`, with derivative `y (1 − y)`. It never overflows.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[0.0, -1000.0], 1, 2);
/// let y = x.sigmoid(t);
/// assert_eq!(t.value(y).data(), [0.5, 0.0]);
/// ```
#[track_caller]
pub fn sigmoid<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    by_output(tape, &Sigmoid, x, logistic)
}

struct Sigmoid;
impl<T: Scalar> Rule<T> for Sigmoid {
    fn name(&self) -> &'static str {
        "sigmoid"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        pull_by_output(pull, |dy, y| dy * y * (T::ONE - y));
    }
}

/// 1/(1 + e^−z) from an exponential that is at most 1.
pub(super) fn logistic<T: Scalar>(z: T) -> T {
    let e = (-z.abs()).exp();
    if z >= T::ZERO { T::ONE / (T::ONE + e) } else { e / (T::ONE + e) }
}
