use crate::{Attributes, Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;
use std::ops::Range;

/// A contiguous range of rows of a matrix, as a copy.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0, 3.0, 4.0], 2, 2);
/// let y = x.slice_rows(t, 1..2);
/// assert_eq!(t.value(y).data(), [3.0, 4.0]);
/// ```
///
/// # Panics
/// If there are no such rows.
#[track_caller]
pub fn slice_rows<T: Scalar>(tape: &mut Tape<T>, x: Var, range: Range<usize>) -> Var {
    let fits = range.start <= range.end && range.end <= x.rows();
    assert!(fits, "slice_rows: rows {range:?} of a {} matrix", x.shape());
    let mut attributes = Attributes::default();
    attributes[0] = range.start.try_into().expect("less than 2³² rows");
    let out = Shape::new(range.len(), x.cols());
    tape.record_with(&SliceRows, [x], out, 0, attributes, |[x], mut y, _, _| {
        y.data_mut().copy_from_slice(&x.data()[range.start * x.cols()..range.end * x.cols()]);
    })
}

struct SliceRows;
impl<T: Scalar> Rule<T> for SliceRows {
    fn name(&self) -> &'static str {
        "slice_rows"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let start = pull.attributes()[0] as usize;
        if let Some((dy, dx)) = pull.wrt(0) {
            let (start, mut dx) = (start * dy.cols(), dx.into_zeroed());
            let part = dx.data_mut()[start..].iter_mut().zip(dy.data());
            part.for_each(|(dx, &dy)| *dx += dy);
        }
    }
}
