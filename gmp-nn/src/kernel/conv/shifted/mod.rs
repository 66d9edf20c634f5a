//! Convolutions of any kernel, stride and padding as matrix products over shifted views.
//!
//! In NHWC a row of the window under a pixel is contiguous, and neighbouring pixels see the same memory,
//! shifted. So a few rows of the image are copied between zeros for the padding, and the register tiles read
//! the windows where they lie: no window is ever unfolded. Only the weight gradient, which sums over pixels,
//! gathers one line a pixel at a time, so that its sums run on over rows and images.
//!
//! A data gradient of stride s is s² convolutions of stride 1, one for each place of a pixel between the
//! strides, each with the part of the turned kernel that meets it.

mod forward;
mod gradient;

pub(super) use forward::{data_gradient, forward};
pub(super) use gradient::weight_gradient;

use super::Images;
use super::kernel::Runs;
use gmp_math::Scalar;

/// A convolution whose results lie on a grid of the output's pixels.
#[derive(Clone, Copy, Debug)]
struct Pass {
    input: Images,
    output: Images,
    /// Rows and columns of the window.
    window: [usize; 2],
    stride: usize,
    /// Padding above and to the left; negative where the window starts inside.
    before: [isize; 2],
    /// The first pixel that is computed, and the step to the next along both axes.
    first: [usize; 2],
    step: usize,
}

impl Pass {
    /// Results along the rows of an image, and along its columns.
    fn rows(&self) -> usize {
        self.output.height.saturating_sub(self.first[0]).div_ceil(self.step)
    }
    fn cols(&self) -> usize {
        self.output.width.saturating_sub(self.first[1]).div_ceil(self.step)
    }
    /// Rows of results that are computed together.
    fn strip(&self) -> usize {
        (PIXELS / self.cols().max(1)).clamp(1, self.rows().max(1))
    }
    /// Numbers in a row of the padded strip.
    fn padded_row(&self) -> usize {
        (self.cols().saturating_sub(1) * self.stride + self.window[1]) * self.input.channels
    }
    /// Numbers in a padded strip of `rows` rows of results.
    fn padded(&self, rows: usize) -> usize {
        (rows.saturating_sub(1) * self.stride + self.window[0]) * self.padded_row()
    }
    /// The windows' rows, seen from a pixel's first number.
    fn runs(&self) -> Runs {
        Runs { count: self.window[0], distance: self.padded_row(), len: self.window[1] * self.input.channels }
    }
    /// From one pixel's window to the next one's.
    fn shift(&self) -> usize {
        self.stride * self.input.channels
    }

    /// Copies the rows under the results `first_row ..` of an image, with zeros around them.
    #[inline(always)]
    fn pad<T: Scalar>(&self, x: &[T], image: usize, first_row: usize, padded: &mut [T]) {
        let Images { height, width, channels, .. } = self.input;
        let left = self.before[1];
        // The columns of the image that the padded row shows, and where they begin in it.
        let shown = (self.padded_row() / channels) as isize;
        let from = (-left).clamp(0, width as isize);
        let to = (shown - left).clamp(from, width as isize);
        let start = ((from + left).max(0) as usize * channels).min(self.padded_row());
        let len = (to - from) as usize * channels;
        for (i, padded) in padded.chunks_exact_mut(self.padded_row()).enumerate() {
            let row = (first_row * self.stride + i) as isize - self.before[0];
            match usize::try_from(row) {
                Ok(row) if row < height && len > 0 => {
                    let x = &x[((image * height + row) * width + from as usize) * channels..][..len];
                    padded[..start].fill(T::ZERO);
                    padded[start..start + len].copy_from_slice(x);
                    padded[start + len..].fill(T::ZERO);
                }
                _ => padded.fill(T::ZERO),
            }
        }
    }
}

/// Results computed together, so that a panel of weights is read once for as many.
const PIXELS: usize = 64;
