use super::pointwise::{of_two, pull_to_chosen};
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// The smaller of two matrices of the same shape, element by element: `y = min(a, b)`. The gradient goes to the
/// operand that was chosen, and half to each if they are equal, as in PyTorch. NaN where either is NaN.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (a, b) = (t.input(&[1.0, 6.0], 1, 2), t.input(&[2.0, 3.0], 1, 2));
/// let y = a.min(t, b);
/// assert_eq!(t.value(y).data(), [1.0, 3.0]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn min<T: Scalar>(tape: &mut Tape<T>, a: Var, b: Var) -> Var {
    of_two(tape, &Min, [a, b], |a, b| if a < b || a.is_nan() { a } else { b })
}

struct Min;
impl<T: Scalar> Rule<T> for Min {
    fn name(&self) -> &'static str {
        "min"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        pull_to_chosen(pull, |x, other| x < other);
    }
}
