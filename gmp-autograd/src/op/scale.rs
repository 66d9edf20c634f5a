use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Multiplies by a constant: `y = c · x`.
pub fn scale<T: Scalar>(tape: &mut Tape<T>, x: Var, factor: T) -> Var {
    tape.record(&Scale, [x], x.shape(), 1, |[x], mut y, saved| {
        saved[0] = factor;
        for (y, &x) in y.data_mut().iter_mut().zip(x.data()) {
            *y = factor * x;
        }
    })
}

struct Scale;
impl<T: Scalar> Rule<T> for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let factor = pull.saved()[0];
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_each(dy.data().iter().map(|&dy| factor * dy));
        }
    }
}
