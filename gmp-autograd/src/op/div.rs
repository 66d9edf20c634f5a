use super::pointwise::of_two;
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Quotient of two matrices of the same shape, element by element: `y = a / b`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (a, b) = (t.input(&[1.0, 6.0], 1, 2), t.input(&[2.0, 3.0], 1, 2));
/// let y = a.div(t, b);
/// assert_eq!(t.value(y).data(), [0.5, 2.0]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn div<T: Scalar>(tape: &mut Tape<T>, a: Var, b: Var) -> Var {
    of_two(tape, &Div, [a, b], |a, b| a / b)
}

struct Div;
impl<T: Scalar> Rule<T> for Div {
    fn name(&self) -> &'static str {
        "div"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (b, y) = (pull.value(1), pull.output());
        if let Some((dy, da)) = pull.wrt(0) {
            da.add_each(dy.data().iter().zip(b.data()).map(|(&dy, &b)| dy / b));
        }
        if let Some((dy, db)) = pull.wrt(1) {
            let quotients = y.data().iter().zip(b.data());
            db.add_each(dy.data().iter().zip(quotients).map(|(&dy, (&y, &b))| -(dy * y / b)));
        }
    }
}
