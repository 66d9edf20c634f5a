use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Sum of all elements, as a 1×1 matrix.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0], 1, 2);
/// let y = x.sum(t);
/// assert_eq!(t.value(y).data(), [3.0]);
/// ```
#[track_caller]
pub fn sum<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    tape.record(&Sum, [x], Shape::new(1, 1), 0, |[x], mut y, _| {
        y.data_mut()[0] = x.data().iter().copied().sum()
    })
}

struct Sum;
impl<T: Scalar> Rule<T> for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_each(std::iter::repeat(dy.data()[0]));
        }
    }
}
