use crate::{Attributes, Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;
use std::ops::Range;

/// A contiguous range of columns of a matrix, as a copy.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0, 3.0, 4.0], 2, 2);
/// let y = x.slice_cols(t, 1..2);
/// assert_eq!(t.value(y).data(), [2.0, 4.0]);
/// ```
///
/// # Panics
/// If there are no such columns.
#[track_caller]
pub fn slice_cols<T: Scalar>(tape: &mut Tape<T>, x: Var, range: Range<usize>) -> Var {
    let fits = range.start <= range.end && range.end <= x.cols();
    assert!(fits, "slice_cols: columns {range:?} of a {} matrix", x.shape());
    let mut attributes = Attributes::default();
    attributes[0] = range.start.try_into().expect("less than 2³² columns");
    let out = Shape::new(x.rows(), range.len());
    tape.record_with(&SliceCols, [x], out, 0, attributes, |[x], mut y, _, _| {
        for i in 0..x.rows() {
            y.row_mut(i).copy_from_slice(&x.row(i)[range.clone()]);
        }
    })
}

struct SliceCols;
impl<T: Scalar> Rule<T> for SliceCols {
    fn name(&self) -> &'static str {
        "slice_cols"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let start = pull.attributes()[0] as usize;
        if let Some((dy, dx)) = pull.wrt(0) {
            let mut dx = dx.into_zeroed();
            for i in 0..dy.rows() {
                let part = dx.row_mut(i)[start..].iter_mut().zip(dy.row(i));
                part.for_each(|(dx, &dy)| *dx += dy);
            }
        }
    }
}
