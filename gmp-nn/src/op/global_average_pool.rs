//! The mean of every channel over the pixels of an image.

use gmp_autograd::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// `y_nc = mean over the pixels of image n of x_c`: from (batch·pixels)×channels to batch×channels.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::op;
///
/// let mut tape = Tape::<f32>::new();
/// tape.begin(&[]);
/// let x = tape.input(&[1.0, 10.0, 3.0, 30.0], 2, 2); // an image of two pixels with two channels
/// let y = op::global_average_pool(&mut tape, x, 2);
/// assert_eq!(tape.value(y).data(), [2.0, 20.0]);
/// ```
///
/// # Panics
/// If x's rows are not a whole number of images of `pixels` pixels, or `pixels` is zero.
#[track_caller]
pub fn global_average_pool<T: Scalar>(tape: &mut Tape<T>, x: Var, pixels: usize) -> Var {
    assert!(
        pixels > 0 && x.rows().is_multiple_of(pixels),
        "global_average_pool: {} is not a whole number of images of {pixels} pixels",
        x.shape()
    );
    let shape = Shape::new(x.rows() / pixels, x.cols());
    tape.record(&GlobalAveragePool, [x], shape, 0, |[x], mut y, _| {
        let share = T::ONE / T::from_usize(pixels);
        let channels = x.cols();
        for (y, x) in y.data_mut().chunks_exact_mut(channels).zip(x.data().chunks_exact(pixels * channels)) {
            y.fill(T::ZERO);
            for x in x.chunks_exact(channels) {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y += x;
                }
            }
            y.iter_mut().for_each(|y| *y *= share);
        }
    })
}

struct GlobalAveragePool;

impl<T: Scalar> Rule<T> for GlobalAveragePool {
    fn name(&self) -> &'static str {
        "global_average_pool"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let Some((dy, dx)) = pull.wrt(0) else { return };
        let (mut dx, fresh) = dx.into_parts();
        let channels = dy.cols();
        if dy.rows() == 0 {
            return;
        }
        let pixels = dx.rows() / dy.rows();
        let share = T::ONE / T::from_usize(pixels);
        let images = dx.data_mut().chunks_exact_mut(pixels * channels);
        for (dx, dy) in images.zip(dy.data().chunks_exact(channels)) {
            for dx in dx.chunks_exact_mut(channels) {
                for (dx, &dy) in dx.iter_mut().zip(dy) {
                    *dx = if fresh { dy * share } else { dy.mul_add(share, *dx) };
                }
            }
        }
    }
}
