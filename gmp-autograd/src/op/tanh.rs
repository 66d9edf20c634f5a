use super::pointwise::{by_output, pull_by_output};
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Hyperbolic tangent, element by element: `y = tanh x`, with derivative `1 − y²`. The same bits on every machine.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[0.0, 20.0], 1, 2);
/// let y = x.tanh(t);
/// assert_eq!(t.value(y).data(), [0.0, 1.0]);
/// ```
#[track_caller]
pub fn tanh<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    by_output(tape, &Tanh, x, T::tanh)
}

struct Tanh;
impl<T: Scalar> Rule<T> for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        pull_by_output(pull, |dy, y| dy * (T::ONE - y * y));
    }
}
