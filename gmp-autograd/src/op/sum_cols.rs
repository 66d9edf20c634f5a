use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Sum of all columns, as a rows×1 matrix: `y_i = Σ_j x_ij`. NumPy's `sum(axis=1)`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0, 3.0, 4.0], 2, 2);
/// let y = x.sum_cols(t);
/// assert_eq!(t.value(y).data(), [3.0, 7.0]);
/// ```
#[track_caller]
pub fn sum_cols<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    tape.record(&SumCols, [x], Shape::new(x.rows(), 1), 0, |[x], mut y, _| {
        for (i, y) in y.data_mut().iter_mut().enumerate() {
            *y = x.row(i).iter().copied().sum();
        }
    })
}

struct SumCols;
impl<T: Scalar> Rule<T> for SumCols {
    fn name(&self) -> &'static str {
        "sum_cols"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        if let Some((dy, dx)) = pull.wrt(0) {
            for (dx, &dy) in dx.rows().zip(dy.data()) {
                dx.add_each(std::iter::repeat(dy));
            }
        }
    }
}
