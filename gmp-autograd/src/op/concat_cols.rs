use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Concatenates up to six matrices with the same number of rows, side by side.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (a, b) = (t.input(&[1.0, 2.0], 2, 1), t.input(&[3.0, 4.0, 5.0, 6.0], 2, 2));
/// let y = gmp_autograd::op::concat_cols(t, [a, b]);
/// assert_eq!(t.value(y).data(), [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
/// ```
///
/// # Panics
/// If the numbers of rows differ.
#[track_caller]
pub fn concat_cols<T: Scalar, const K: usize>(tape: &mut Tape<T>, parts: [Var; K]) -> Var {
    const { assert!(K > 0) };
    for part in parts {
        assert!(
            part.rows() == parts[0].rows(),
            "concat_cols: {} beside {}; expected one number of rows",
            part.shape(),
            parts[0].shape()
        );
    }
    let cols = parts.iter().map(Var::cols).sum();
    tape.record(&ConcatCols, parts, Shape::new(parts[0].rows(), cols), 0, |parts, mut y, _| {
        for i in 0..y.rows() {
            let mut rest = y.row_mut(i);
            for part in parts {
                let (numbers, right) = rest.split_at_mut(part.cols());
                numbers.copy_from_slice(part.row(i));
                rest = right;
            }
        }
    })
}

struct ConcatCols;
impl<T: Scalar> Rule<T> for ConcatCols {
    fn name(&self) -> &'static str {
        "concat_cols"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let mut start = 0;
        for i in 0..pull.arity() {
            let cols = pull.value(i).cols();
            if let Some((dy, dx)) = pull.wrt(i) {
                for (row, dx) in dx.rows().enumerate() {
                    dx.add_each(dy.row(row)[start..].iter().copied());
                }
            }
            start += cols;
        }
    }
}
