//! The backward pass of layers too large for the caches: sines and cosines are not saved but computed again.
//!
//! What the forward pass of such a layer saves has left the caches when the backward pass needs it. To write 2n numbers for
//! each unit and to read them again takes longer than to compute them twice, the longer the more threads share the memory.

use super::kernels::{CHUNK, WIDE, pull_back_row};
use crate::Scalar;
use crate::columns::{Columns, ColumnsMut};
use crate::simd::prefetch;
use crate::split::{Batch, Body};
use crate::trig::sin_cos_slices;

/// Whether a layer's sines and cosines are computed again: 8 MiB of them in `f32`, which no second-level cache holds.
pub(crate) const fn is_large(inputs: usize, units: usize) -> bool {
    inputs.saturating_mul(units) > 1 << 20
}

/// Columns of a chunk that are worked on together: few enough that what is computed again stays in the first cache, and
/// many enough that a row of them is worth a request. 32, 64 and 256 are slower.
const PART: usize = 128;

/// Jᵀg.
#[derive(Clone, Copy)]
pub(crate) struct Backward {
    /// Whether it is added to what is there.
    accumulate: bool,
}

/// A batch of it.
pub(crate) fn backward<'a, T: Scalar>(
    angles: &'a [T],
    saved: &'a [T],
    [inputs, units]: [usize; 2],
    direction_gradients: &'a [T],
    angle_gradients: &'a mut [T],
    accumulate: bool,
) -> Batch<'a, T, Backward, 3, 1> {
    let reads = [angles, saved, direction_gradients].map(|matrix| Columns::new(matrix, units, 1));
    let body = Backward { accumulate };
    Batch::new(body, inputs, units, reads, [ColumnsMut::new(angle_gradients, units, 1)])
}

impl<T: Scalar> Body<T, 3, 1> for Backward {
    const WIDEST: usize = WIDE;
    #[inline(always)]
    fn run(
        self,
        inputs: usize,
        width: usize,
        [angles, saved, direction_gradients]: [Columns<'_, T>; 3],
        [mut angle_gradients]: [ColumnsMut<'_, T>; 1],
    ) {
        let (mut sines, mut cosines) = ([T::ZERO; CHUNK * PART], [T::ZERO; CHUNK * PART]);
        let mut products = [T::ONE; CHUNK * PART];
        let mut tails = [T::ZERO; WIDE];
        tails[..width].copy_from_slice(direction_gradients.row(inputs - 1));
        for first in (0..inputs - 1).step_by(CHUNK).rev() {
            let chunk = first..(first + CHUNK).min(inputs - 1);
            for from in (0..width).step_by(PART) {
                let part = from..(from + PART).min(width);
                let width = part.len();
                products[..width].copy_from_slice(&saved.row(first / CHUNK)[part.clone()]);
                for row in chunk.clone() {
                    let at = (row - first) * width;
                    let [sines, cosines] =
                        [&mut sines, &mut cosines].map(|numbers| &mut numbers[at..][..width]);
                    sin_cos_slices(&angles.row(row)[part.clone()], sines, cosines);
                    if row + 1 < chunk.end {
                        let (before, after) = products[at..][..2 * width].split_at_mut(width);
                        for j in 0..width {
                            after[j] = before[j] * sines[j];
                        }
                    }
                }
                for row in chunk.clone().rev() {
                    let at = (row - first) * width;
                    let [sines, cosines, products] =
                        [&sines, &cosines, &products].map(|numbers| &numbers[at..][..width]);
                    let rows = [sines, cosines, products, &direction_gradients.row(row)[part.clone()]];
                    let outputs = &mut angle_gradients.row(row)[part.clone()];
                    let tails = &mut tails[part.clone()];
                    pull_back_row(rows, outputs, tails, self.accumulate);
                    // From the last row to the first and a part of each: the processor sees no stream in that.
                    if let Some(next) = row.checked_sub(CHUNK) {
                        prefetch(&angles.row(next)[part.clone()]);
                        prefetch(&direction_gradients.row(next)[part.clone()]);
                        prefetch(&angle_gradients.row(next)[part.clone()]);
                    }
                }
            }
        }
    }
}
