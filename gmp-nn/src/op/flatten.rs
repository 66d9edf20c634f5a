//! All numbers of an image in one row.

use gmp_autograd::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// From (batch·pixels)×channels to batch×(pixels·channels), in the order (row, column, channel): the same numbers in the same
/// order. PyTorch's `Flatten` has the order (channel, row, column).
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::op;
///
/// let mut tape = Tape::<f32>::new();
/// tape.begin(&[]);
/// let x = tape.input(&[1.0, 10.0, 3.0, 30.0], 2, 2); // an image of two pixels with two channels
/// let y = op::flatten(&mut tape, x, 2);
/// assert_eq!((y.rows(), tape.value(y).data()), (1, &[1.0, 10.0, 3.0, 30.0][..]));
/// ```
///
/// # Panics
/// If x's rows are not a whole number of images of `pixels` pixels, or `pixels` is zero.
#[track_caller]
pub fn flatten<T: Scalar>(tape: &mut Tape<T>, x: Var, pixels: usize) -> Var {
    assert!(
        pixels > 0 && x.rows().is_multiple_of(pixels),
        "flatten: {} is not a whole number of images of {pixels} pixels",
        x.shape()
    );
    let shape = Shape::new(x.rows() / pixels, pixels * x.cols());
    tape.record(&Flatten, [x], shape, 0, |[x], mut y, _| y.data_mut().copy_from_slice(x.data()))
}

struct Flatten;

impl<T: Scalar> Rule<T> for Flatten {
    fn name(&self) -> &'static str {
        "flatten"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_with(|i| dy.data()[i]);
        }
    }
}
