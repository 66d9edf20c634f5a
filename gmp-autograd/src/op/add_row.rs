use super::assert_row_of;
use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Adds a row to every row of a matrix: `y_ij = x_ij + row_j`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (x, row) = (t.input(&[1.0, 2.0, 3.0, 4.0], 2, 2), t.input(&[5.0, 6.0], 1, 2));
/// let y = x.add_row(t, row);
/// assert_eq!(t.value(y).data(), [6.0, 8.0, 8.0, 10.0]);
/// ```
///
/// # Panics
/// If `row` is not 1×cols.
#[track_caller]
pub fn add_row<T: Scalar>(tape: &mut Tape<T>, x: Var, row: Var) -> Var {
    assert_row_of("add_row", row, x);
    tape.record(&AddRow, [x, row], x.shape(), 0, |[x, row], mut y, _| {
        for i in 0..x.rows() {
            for ((y, &x), &r) in y.row_mut(i).iter_mut().zip(x.row(i)).zip(row.data()) {
                *y = x + r;
            }
        }
    })
}

struct AddRow;
impl<T: Scalar> Rule<T> for AddRow {
    fn name(&self) -> &'static str {
        "add_row"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_each(dy.data().iter().copied());
        }
        if let Some((dy, row)) = pull.wrt(1) {
            let mut row = row.into_zeroed();
            for i in 0..dy.rows() {
                for (r, &dy) in row.data_mut().iter_mut().zip(dy.row(i)) {
                    *r += dy;
                }
            }
        }
    }
}
