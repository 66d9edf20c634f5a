use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Mean of all rows, as a 1×cols matrix: `y_j = Σ_i x_ij / rows`. NumPy's `mean(axis=0)`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0, 3.0, 4.0], 2, 2);
/// let y = x.mean_rows(t);
/// assert_eq!(t.value(y).data(), [2.0, 3.0]);
/// ```
///
/// # Panics
/// If there are no rows.
#[track_caller]
pub fn mean_rows<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    assert!(x.rows() > 0, "mean_rows: a {} matrix has no rows to average", x.shape());
    tape.record(&MeanRows, [x], Shape::new(1, x.cols()), 0, |[x], mut y, _| {
        let y = y.data_mut();
        y.fill(T::ZERO);
        for i in 0..x.rows() {
            y.iter_mut().zip(x.row(i)).for_each(|(y, &x)| *y += x);
        }
        let count = T::from_usize(x.rows());
        y.iter_mut().for_each(|y| *y /= count);
    })
}

struct MeanRows;
impl<T: Scalar> Rule<T> for MeanRows {
    fn name(&self) -> &'static str {
        "mean_rows"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let count = T::from_usize(pull.value(0).rows());
        if let Some((dy, dx)) = pull.wrt(0) {
            for dx in dx.rows() {
                dx.add_each(dy.data().iter().map(|&dy| dy / count));
            }
        }
    }
}
