use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Multiplies by a constant: `y = c · x`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0], 1, 2);
/// let y = x.scale(t, 3.0);
/// assert_eq!(t.value(y).data(), [3.0, 6.0]);
/// ```
#[track_caller]
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
