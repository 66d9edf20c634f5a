use super::pointwise::{by_input, pull_by_input};
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Absolute value, element by element: `y = |x|`, with derivative 0 at `x = 0`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[-3.0, 2.0], 1, 2);
/// let y = x.abs(t);
/// assert_eq!(t.value(y).data(), [3.0, 2.0]);
/// ```
#[track_caller]
pub fn abs<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    by_input(tape, &Abs, x, T::abs)
}

struct Abs;
impl<T: Scalar> Rule<T> for Abs {
    fn name(&self) -> &'static str {
        "abs"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        pull_by_input(pull, |dy, x| dy * sign(x));
    }
}

/// −1, 0 or 1; NaN stays NaN.
pub(super) fn sign<T: Scalar>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}
