//! The maximum over every position of a window.

use crate::kernel::conv::{Geometry, GeometryError, Images, Window, pool};
use gmp_autograd::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// `y = max over the window of x`, separately for every channel: x and y are (batch·height·width)×channels of their
/// images. It also returns the sizes of the output images.
///
/// Padding is ignored. The gradient goes to the first of equal numbers, in the order (row, column), as in PyTorch.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::conv::{Images, Padding, Window};
/// use gmp_nn::op;
///
/// let images = Images { batch: 1, height: 2, width: 2, channels: 1 };
/// let mut tape = Tape::<f32>::new();
/// tape.begin(&[]);
/// let x = tape.input(&[1.0, 4.0, 3.0, 2.0], 4, 1);
/// let (y, size) = op::max_pool(&mut tape, x, images, Window::new(2, 2, Padding::Valid))?;
/// assert_eq!((tape.value(y).data(), size.height), (&[4.0][..], 1));
/// # Ok::<(), gmp_nn::conv::GeometryError>(())
/// ```
///
/// # Errors
/// If the window does not fit the images.
///
/// # Panics
/// If x is not (batch·height·width)×channels of `images`.
#[track_caller]
pub fn max_pool<T: Scalar>(
    tape: &mut Tape<T>,
    x: Var,
    images: Images,
    window: Window,
) -> Result<(Var, Images), GeometryError> {
    let geometry = Geometry::new(images, window, images.channels)?;
    let output = geometry.output();
    assert!(
        x.shape() == Shape::new(images.rows(), images.channels),
        "max_pool: {} is not {images:?}",
        x.shape()
    );
    let shape = Shape::new(output.rows(), output.channels);
    let y = tape.record_with(&MaxPool, [x], shape, 0, geometry.to_attributes(), |[x], mut y, _, _| {
        pool::max(&geometry, x.data(), y.data_mut());
    });
    Ok((y, output))
}

struct MaxPool;

impl<T: Scalar> Rule<T> for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let geometry = Geometry::from_attributes(pull.attributes());
        let (x, y) = (pull.value(0), pull.output());
        if let Some((dy, dx)) = pull.wrt(0) {
            pool::max_gradient(&geometry, x.data(), y.data(), dy.data(), dx.into_zeroed().data_mut());
        }
    }
}
