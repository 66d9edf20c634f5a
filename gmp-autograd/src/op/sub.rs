use super::assert_same_shape;
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Difference of two matrices of the same shape: `y = a − b`.
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
