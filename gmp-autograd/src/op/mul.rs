use super::assert_same_shape;
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Product of two matrices of the same shape, element by element: `y = a ∘ b`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (a, b) = (t.input(&[1.0, 6.0], 1, 2), t.input(&[2.0, 3.0], 1, 2));
/// let y = a.mul(t, b);
/// assert_eq!(t.value(y).data(), [2.0, 18.0]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn mul<T: Scalar>(tape: &mut Tape<T>, a: Var, b: Var) -> Var {
    assert_same_shape("mul", a, b);
    tape.record(&Mul, [a, b], a.shape(), 0, |[a, b], mut y, _| {
        for ((y, &a), &b) in y.data_mut().iter_mut().zip(a.data()).zip(b.data()) {
            *y = a * b;
        }
    })
}

struct Mul;
impl<T: Scalar> Rule<T> for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        for i in 0..2 {
            let other = pull.value(1 - i);
            if let Some((dy, dx)) = pull.wrt(i) {
                dx.add_each(dy.data().iter().zip(other.data()).map(|(&dy, &x)| dy * x));
            }
        }
    }
}
