use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Transpose of a matrix, as a copy: `y_ji = x_ij`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3);
/// let y = x.transpose(t);
/// assert_eq!(t.value(y).data(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// ```
#[track_caller]
pub fn transpose<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    tape.record(&Transpose, [x], Shape::new(x.cols(), x.rows()), 0, |[x], mut y, _| {
        for j in 0..x.cols() {
            y.row_mut(j).iter_mut().zip(x.col(j)).for_each(|(y, x)| *y = x);
        }
    })
}

struct Transpose;
impl<T: Scalar> Rule<T> for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        if let Some((dy, dx)) = pull.wrt(0) {
            for (i, dx) in dx.rows().enumerate() {
                dx.add_each(dy.col(i));
            }
        }
    }
}
