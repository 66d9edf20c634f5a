use super::pointwise::{by_output, pull_by_output};
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Square root, element by element: `y = √x`. NaN where x is negative; the derivative is infinite where it is 0.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[4.0, 2.25], 1, 2);
/// let y = x.sqrt(t);
/// assert_eq!(t.value(y).data(), [2.0, 1.5]);
/// ```
#[track_caller]
pub fn sqrt<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    by_output(tape, &Sqrt, x, T::sqrt)
}

struct Sqrt;
impl<T: Scalar> Rule<T> for Sqrt {
    fn name(&self) -> &'static str {
        "sqrt"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        pull_by_output(pull, |dy, y| dy / (y + y));
    }
}
