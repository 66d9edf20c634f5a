//! Maxima and means over windows of images.

use super::Geometry;
use crate::kernel::parallel::{self, share};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use std::ops::Range;

/// `y = max over the window of x`, a channel at a time.
pub(crate) fn max<T: Scalar>(g: &Geometry, x: &[T], y: &mut [T]) {
    let parts = parallel::threads(x.len(), parallel::NUMBERS);
    let offset = |image: usize| image * (y_len(g));
    share(0..g.input.batch, parts, [y], &mut [], &offset, &|images, [y], _| {
        dispatch(Max { g, x, images, y });
    });
}

/// `dx += dy` where x was the largest of its window: the first of equals, in the order of memory, as PyTorch does.
pub(crate) fn max_gradient<T: Scalar>(g: &Geometry, x: &[T], y: &[T], dy: &[T], dx: &mut [T]) {
    let parts = parallel::threads(x.len(), parallel::NUMBERS);
    let offset = |image: usize| image * x_len(g);
    share(0..g.input.batch, parts, [dx], &mut [], &offset, &|images, [dx], _| {
        dispatch(MaxGradient { g, x, y, dy, images, dx });
    });
}

fn x_len(g: &Geometry) -> usize {
    g.input.height * g.input.width * g.input.channels
}
fn y_len(g: &Geometry) -> usize {
    g.output.height * g.output.width * g.output.channels
}

/// The pixels of the image under the window at (row, col), as offsets within the image.
#[inline(always)]
fn pixels(g: &Geometry, row: usize, col: usize) -> impl Iterator<Item = usize> {
    let span = |position: usize, before: usize, extent: usize| {
        let start = position * g.window.stride;
        start.saturating_sub(before)..(start + g.window.size).saturating_sub(before).min(extent)
    };
    let (rows, cols) = (span(row, g.top, g.input.height), span(col, g.left, g.input.width));
    let (width, channels) = (g.input.width, g.input.channels);
    rows.flat_map(move |row| cols.clone().map(move |col| (row * width + col) * channels))
}

struct Max<'a, T> {
    g: &'a Geometry,
    x: &'a [T],
    images: Range<usize>,
    y: &'a mut [T],
}
impl<T: Scalar> Kernel for Max<'_, T> {
    type Output = ();
    #[inline(always)]
    #[allow(clippy::eq_op)] // what differs from itself is a NaN
    fn run(self) {
        let (g, channels) = (self.g, self.g.input.channels);
        let mut y = self.y.chunks_exact_mut(channels);
        for image in self.images {
            let x = &self.x[image * x_len(g)..][..x_len(g)];
            for row in 0..g.output.height {
                for col in 0..g.output.width {
                    let y = y.next().expect("a pixel of the output");
                    for (i, start) in pixels(g, row, col).enumerate() {
                        let x = &x[start..][..channels];
                        if i == 0 {
                            y.copy_from_slice(x);
                            continue;
                        }
                        for (y, &x) in y.iter_mut().zip(x) {
                            // A NaN wins, so that it shows.
                            *y = if *y >= x || *y != *y { *y } else { x };
                        }
                    }
                }
            }
        }
    }
}

struct MaxGradient<'a, T> {
    g: &'a Geometry,
    x: &'a [T],
    y: &'a [T],
    dy: &'a [T],
    images: Range<usize>,
    dx: &'a mut [T],
}
impl<T: Scalar> Kernel for MaxGradient<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (g, channels) = (self.g, self.g.input.channels);
        let first = self.images.start;
        for image in self.images {
            let x = &self.x[image * x_len(g)..][..x_len(g)];
            let dx = &mut self.dx[(image - first) * x_len(g)..][..x_len(g)];
            for row in 0..g.output.height {
                for col in 0..g.output.width {
                    let at = ((image * g.output.height + row) * g.output.width + col) * channels;
                    for block in (0..channels).step_by(BLOCK) {
                        let width = BLOCK.min(channels - block);
                        let y = &self.y[at + block..][..width];
                        // What is left to hand out; nothing once the maximum is found.
                        let mut left = [T::ZERO; BLOCK];
                        let left = &mut left[..width];
                        left.copy_from_slice(&self.dy[at + block..][..width]);
                        for start in pixels(g, row, col) {
                            let (x, dx) = (&x[start + block..][..width], &mut dx[start + block..][..width]);
                            for i in 0..width {
                                let here = x[i] == y[i];
                                dx[i] += if here { left[i] } else { T::ZERO };
                                left[i] = if here { T::ZERO } else { left[i] };
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Channels handled together, what is left of their gradients on the stack.
const BLOCK: usize = 64;
