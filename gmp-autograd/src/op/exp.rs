use super::pointwise::{by_output, pull_by_output};
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Exponential, element by element: `y = eˣ`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[0.0, 1.0], 1, 2);
/// let y = x.exp(t);
/// assert_eq!(t.value(y).data(), [1.0, 1.0_f64.exp()]);
/// ```
#[track_caller]
pub fn exp<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    by_output(tape, &Exp, x, T::exp)
}

struct Exp;
impl<T: Scalar> Rule<T> for Exp {
    fn name(&self) -> &'static str {
        "exp"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        pull_by_output(pull, |dy, y| dy * y);
    }
}
