use super::pointwise::{by_output, pull_by_output};
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// ReLU: `y = max(x, 0)`, with derivative 0 at `x = 0`, as is usual.
///
/// At x's [last use](Var::last_use) the result reuses its memory, if the operation that computed x allows it.
/// A NaN stays a NaN: a broken number must not be mistaken for an inactive unit.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[-3.0, 2.0], 1, 2);
/// let y = x.relu(t);
/// assert_eq!(t.value(y).data(), [0.0, 2.0]);
/// ```
#[track_caller]
pub fn relu<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    by_output(tape, &Relu, x, |x| if x < T::ZERO { T::ZERO } else { x })
}

struct Relu;
impl<T: Scalar> Rule<T> for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        pull_by_output(pull, |dy, y| if y > T::ZERO { dy } else { T::ZERO });
    }
}
