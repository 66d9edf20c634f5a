//! Convolutions of images: sizes, and the kernels that [`op::conv2d`](crate::op::conv2d) chooses from.
//!
//! Images are matrices of (batch·height·width) rows in that order and one column per channel (NHWC). The weights of a
//! convolution are a matrix too, like those of a dense layer: (size·size·channels) rows in the order (row, column,
//! channel), and one column per filter.
//!
//! | kernel | for | multiplications |
//! |---|---|---|
//! | `winograd` | 3×3, stride 1, enough channels | a quarter of the direct ones, and transforms |
//! | `shifted` | everything else | all |
//!
//! The choice depends on sizes alone. Threads split outputs, never sums, so results have the same bits at any thread
//! count.
//!
//! On two cores whose multipliers give at most 195 GFLOP/s in f32, the layers of VGG-6 at batch 32 run at 360 to
//! 500 GFLOP/s of a direct convolution by Winograd (`cargo xtask bench conv`), and shifted views of stride 1 near 95 a core.
//! In f32 the root mean square error of Winograd's passes is twice that of direct sums, about 8·10⁻⁷ of the
//! results' own root mean square (64 to 64 channels, normal numbers; bounded by a test).
//! All work areas come from the tape and are bounded by bands of the image, whatever the batch.

mod finish;
mod geometry;
mod kernel;
#[cfg(test)]
mod naive;
pub(crate) mod pool;
mod shifted;
#[cfg(test)]
mod tests;
mod winograd;

pub(crate) use finish::Finish;
pub use geometry::{Geometry, GeometryError, Images, Padding, Window};
pub(crate) use kernel::work_area;

use crate::kernel::gemm::Element;
use winograd::Tiling;

/// Channels, on both sides, from which the transforms pay: with 16 Winograd is 1.6 times as fast, with 8 it
/// would take 1.5 times as long (measured, f32).
const ENOUGH_CHANNELS: usize = 16;

fn suits_winograd(g: &Geometry) -> bool {
    g.window.size == 3 && g.window.stride == 1 && g.input.channels.min(g.output.channels) >= ENOUGH_CHANNELS
}

/// `y (+)= x ⋆ w`, finished by `finish`; the outputs are y and, where it is scaled, the unscaled y.
pub(crate) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    w: &[T],
    outputs: [&mut [T]; 2],
    finish: Finish<'_, T>,
    scratch: &mut Vec<T>,
) {
    if suits_winograd(g) {
        winograd::correlate(&Tiling::forward(g), x, w, false, outputs, finish, scratch);
    } else {
        shifted::forward(g, x, w, outputs, finish, scratch);
    }
}

/// `dx (+)= dy ⋆ wᵀ`.
pub(crate) fn data_gradient<T: Element>(
    g: &Geometry,
    dy: &[T],
    w: &[T],
    dx: &mut [T],
    accumulate: bool,
    scratch: &mut Vec<T>,
) {
    if suits_winograd(g) {
        let tiling = Tiling::data_gradient(g);
        winograd::correlate(&tiling, dy, w, true, [dx, &mut []], Finish::plain(accumulate), scratch);
    } else {
        shifted::data_gradient(g, dy, w, dx, accumulate, scratch);
    }
}

/// `dw (+)= Σ over pixels of x ⊗ dy`.
pub(crate) fn weight_gradient<T: Element>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    accumulate: bool,
    scratch: &mut Vec<T>,
) {
    if suits_winograd(g) {
        winograd::weight_gradient(&Tiling::forward(g), x, dy, dw, accumulate, scratch);
    } else {
        shifted::weight_gradient(g, x, dy, dw, accumulate, scratch);
    }
}
