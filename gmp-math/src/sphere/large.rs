//! The backward pass of layers too large for the caches: sines and cosines are not saved but computed again.
//!
//! What the forward pass of such a layer saves has left the caches when the backward pass needs it. To write 2n numbers for
//! each unit and to read them again takes longer than to compute them twice, the longer the more threads share the memory.

use super::kernels::{CHUNK, WIDE, pull_back_row};
use crate::Scalar;
use crate::columns::{Columns, ColumnsMut};
use crate::split::{Batch, Body, PANEL};
use crate::trig::sin_cos_slices;
use std::ops::Range;

/// Whether a layer's sines and cosines are computed again: 8 MiB of them in `f32`, which no second-level cache holds.
pub(crate) const fn is_large(inputs: usize, units: usize) -> bool {
    inputs.saturating_mul(units) > 1 << 20
}

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
        reads: [Columns<'_, T>; 3],
        [mut angle_gradients]: [ColumnsMut<'_, T>; 1],
    ) {
        let mut tails = [T::ZERO; WIDE];
        tails[..width].copy_from_slice(reads[2].row(inputs - 1));
        for first in (0..inputs - 1).step_by(CHUNK).rev() {
            let chunk = first..(first + CHUNK).min(inputs - 1);
            for from in (0..width).step_by(PANEL) {
                let (chunk, tails) = (chunk.clone(), &mut tails);
                // The compiler makes loops without remainders for the width that it knows.
                if from + PANEL <= width {
                    self.pull_back(reads, &mut angle_gradients, chunk, from, PANEL, tails);
                } else {
                    self.pull_back(reads, &mut angle_gradients, chunk, from, width - from, tails);
                }
            }
        }
    }
}

impl Backward {
    /// A few rows, at most [`CHUNK`], of at most [`PANEL`] columns: their sines, cosines and products again, all in the first
    /// cache, then the recurrence from the last row to the first.
    #[inline(always)]
    fn pull_back<T: Scalar>(
        self,
        [angles, saved, direction_gradients]: [Columns<'_, T>; 3],
        angle_gradients: &mut ColumnsMut<'_, T>,
        chunk: Range<usize>,
        from: usize,
        width: usize,
        tails: &mut [T; WIDE],
    ) {
        let mut gathered = [T::ZERO; CHUNK * PANEL];
        let (mut sines, mut cosines) = (gathered, gathered);
        for (row, gathered) in chunk.clone().zip(gathered.chunks_exact_mut(width)) {
            gathered.copy_from_slice(&angles.row(row)[from..][..width]);
        }
        let size = chunk.len() * width;
        sin_cos_slices(&gathered[..size], &mut sines[..size], &mut cosines[..size]);
        let mut products = [T::ONE; (CHUNK + 1) * PANEL];
        products[..width].copy_from_slice(&saved.row(chunk.start / CHUNK)[from..][..width]);
        for (row, sines) in sines[..size].chunks_exact(width).enumerate() {
            let (before, after) = products[row * width..][..2 * width].split_at_mut(width);
            for j in 0..width {
                after[j] = before[j] * sines[j];
            }
        }
        let tails = &mut tails[from..][..width];
        for row in chunk.clone().rev() {
            let at = (row - chunk.start) * width;
            let [sines, cosines] = [&sines, &cosines].map(|numbers| &numbers[at..][..width]);
            let (products, gradients) =
                (&products[at..][..width], &direction_gradients.row(row)[from..][..width]);
            let outputs = &mut angle_gradients.row(row)[from..][..width];
            if !self.accumulate {
                outputs.fill(T::ZERO);
            }
            pull_back_row([sines, cosines, products, gradients], outputs, tails);
        }
    }
}
