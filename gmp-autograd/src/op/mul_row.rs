use super::assert_row_of;
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Multiplies every row of a matrix by a row: `y_ij = x_ij · row_j`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (x, row) = (t.input(&[1.0, 2.0, 3.0, 4.0], 2, 2), t.input(&[5.0, 6.0], 1, 2));
/// let y = x.mul_row(t, row);
/// assert_eq!(t.value(y).data(), [5.0, 12.0, 15.0, 24.0]);
/// ```
///
/// # Panics
/// If `row` is not 1×cols.
#[track_caller]
pub fn mul_row<T: Scalar>(tape: &mut Tape<T>, x: Var, row: Var) -> Var {
    assert_row_of("mul_row", row, x);
    tape.record(&MulRow, [x, row], x.shape(), 0, |[x, row], mut y, _| {
        for i in 0..x.rows() {
            for ((y, &x), &r) in y.row_mut(i).iter_mut().zip(x.row(i)).zip(row.data()) {
                *y = x * r;
            }
        }
    })
}

struct MulRow;
impl<T: Scalar> Rule<T> for MulRow {
    fn name(&self) -> &'static str {
        "mul_row"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (x, row) = (pull.value(0), pull.value(1));
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_each(dy.data().iter().zip(row.data().iter().cycle()).map(|(&dy, &r)| dy * r));
        }
        if let Some((dy, drow)) = pull.wrt(1) {
            let mut drow = drow.into_zeroed();
            for i in 0..dy.rows() {
                for ((r, &dy), &x) in drow.data_mut().iter_mut().zip(dy.row(i)).zip(x.row(i)) {
                    *r += dy * x;
                }
            }
        }
    }
}
