use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Sum of all rows, as a 1×cols matrix: `y_j = Σ_i x_ij`. NumPy's `sum(axis=0)`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0, 3.0, 4.0], 2, 2);
/// let y = x.sum_rows(t);
/// assert_eq!(t.value(y).data(), [4.0, 6.0]);
/// ```
#[track_caller]
pub fn sum_rows<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    tape.record(&SumRows, [x], Shape::new(1, x.cols()), 0, |[x], mut y, _| {
        let y = y.data_mut();
        y.fill(T::ZERO);
        for i in 0..x.rows() {
            y.iter_mut().zip(x.row(i)).for_each(|(y, &x)| *y += x);
        }
    })
}

struct SumRows;
impl<T: Scalar> Rule<T> for SumRows {
    fn name(&self) -> &'static str {
        "sum_rows"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        if let Some((dy, dx)) = pull.wrt(0) {
            for dx in dx.rows() {
                dx.add_each(dy.data().iter().copied());
            }
        }
    }
}
