use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Concatenates up to six matrices with the same number of columns, one below the other.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (a, b) = (t.input(&[1.0, 2.0], 1, 2), t.input(&[3.0, 4.0, 5.0, 6.0], 2, 2));
/// let y = gmp_autograd::op::concat_rows(t, [a, b]);
/// assert_eq!((y.rows(), t.value(y).row(1)), (3, &[3.0, 4.0][..]));
/// ```
///
/// # Panics
/// If the numbers of columns differ.
#[track_caller]
pub fn concat_rows<T: Scalar, const K: usize>(tape: &mut Tape<T>, parts: [Var; K]) -> Var {
    const { assert!(K > 0) };
    for part in parts {
        assert!(
            part.cols() == parts[0].cols(),
            "concat_rows: {} below {}; expected one number of columns",
            part.shape(),
            parts[0].shape()
        );
    }
    let rows = parts.iter().map(Var::rows).sum();
    tape.record(&ConcatRows, parts, Shape::new(rows, parts[0].cols()), 0, |parts, mut y, _| {
        let mut rest = y.data_mut();
        for part in parts {
            let (numbers, below) = rest.split_at_mut(part.data().len());
            numbers.copy_from_slice(part.data());
            rest = below;
        }
    })
}

struct ConcatRows;
impl<T: Scalar> Rule<T> for ConcatRows {
    fn name(&self) -> &'static str {
        "concat_rows"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let mut start = 0;
        for i in 0..pull.arity() {
            let len = pull.value(i).data().len();
            if let Some((dy, dx)) = pull.wrt(i) {
                dx.add_each(dy.data()[start..].iter().copied());
            }
            start += len;
        }
    }
}
