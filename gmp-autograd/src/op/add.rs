use super::assert_same_shape;
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Sum of two matrices of the same shape: `y = a + b`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (a, b) = (t.input(&[1.0, 6.0], 1, 2), t.input(&[2.0, 3.0], 1, 2));
/// let y = a.add(t, b);
/// assert_eq!(t.value(y).data(), [3.0, 9.0]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn add<T: Scalar>(tape: &mut Tape<T>, a: Var, b: Var) -> Var {
    assert_same_shape("add", a, b);
    tape.record(&Add, [a, b], a.shape(), 0, |[a, b], mut y, _| {
        for ((y, &a), &b) in y.data_mut().iter_mut().zip(a.data()).zip(b.data()) {
            *y = a + b;
        }
    })
}

struct Add;
impl<T: Scalar> Rule<T> for Add {
    fn name(&self) -> &'static str {
        "add"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        for i in 0..2 {
            if let Some((dy, dx)) = pull.wrt(i) {
                dx.add_each(dy.data().iter().copied());
            }
        }
    }
}
