use super::pointwise::{by_input, pull_by_input};
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Natural logarithm, element by element: `y = ln x`. NaN where x is negative, −∞ where it is 0.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0], 1, 2);
/// let y = x.ln(t);
/// assert_eq!(t.value(y).data(), [0.0, 2.0_f64.ln()]);
/// ```
#[track_caller]
pub fn ln<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    by_input(tape, &Ln, x, T::ln)
}

struct Ln;
impl<T: Scalar> Rule<T> for Ln {
    fn name(&self) -> &'static str {
        "ln"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        pull_by_input(pull, |dy, x| dy / x);
    }
}
