use super::assert_same_shape;
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Difference of two matrices of the same shape: `y = a − b`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (a, b) = (t.input(&[1.0, 6.0], 1, 2), t.input(&[2.0, 3.0], 1, 2));
/// let y = a.sub(t, b);
/// assert_eq!(t.value(y).data(), [-1.0, 3.0]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn sub<T: Scalar>(tape: &mut Tape<T>, a: Var, b: Var) -> Var {
    assert_same_shape("sub", a, b);
    tape.record(&Sub, [a, b], a.shape(), 0, |[a, b], mut y, _| {
        for ((y, &a), &b) in y.data_mut().iter_mut().zip(a.data()).zip(b.data()) {
            *y = a - b;
        }
    })
}

struct Sub;
impl<T: Scalar> Rule<T> for Sub {
    fn name(&self) -> &'static str {
        "sub"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        if let Some((dy, da)) = pull.wrt(0) {
            da.add_each(dy.data().iter().copied());
        }
        if let Some((dy, db)) = pull.wrt(1) {
            db.add_each(dy.data().iter().map(|&dy| -dy));
        }
    }
}
