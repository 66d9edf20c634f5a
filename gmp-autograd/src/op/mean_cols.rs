use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Mean of all columns, as a rows×1 matrix: `y_i = Σ_j x_ij / cols`. NumPy's `mean(axis=1)`.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0, 3.0, 4.0], 2, 2);
/// let y = x.mean_cols(t);
/// assert_eq!(t.value(y).data(), [1.5, 3.5]);
/// ```
///
/// # Panics
/// If there are no columns.
#[track_caller]
pub fn mean_cols<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    assert!(x.cols() > 0, "mean_cols: a {} matrix has no columns to average", x.shape());
    tape.record(&MeanCols, [x], Shape::new(x.rows(), 1), 0, |[x], mut y, _| {
        for (i, y) in y.data_mut().iter_mut().enumerate() {
            *y = x.row(i).iter().copied().sum::<T>() / T::from_usize(x.cols());
        }
    })
}

struct MeanCols;
impl<T: Scalar> Rule<T> for MeanCols {
    fn name(&self) -> &'static str {
        "mean_cols"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let count = T::from_usize(pull.value(0).cols());
        if let Some((dy, dx)) = pull.wrt(0) {
            for (dx, &dy) in dx.rows().zip(dy.data()) {
                dx.add_each(std::iter::repeat(dy / count));
            }
        }
    }
}
