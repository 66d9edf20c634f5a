//! The vectorised kernels behind [`directions`](super::directions()) and its derivatives, as batches of columns.

use super::{expect_shape, rows, saved_len};
use crate::Scalar;
use crate::columns::{Columns, ColumnsMut};
use crate::simd::prefetch;
use crate::split::{Batch, Body, PANEL};
use crate::trig::{beyond_limit, sin_cos_slices, within_limit};

/// Rows of a panel that are worked on together, and share one saved row of running products.
pub(super) const CHUNK: usize = 8;

/// Columns that [`Forward`] and [`Tangent`] get at once. They have fewer streams than the kernels of training and want long
/// rows; so much work space fits on the stack and in the first caches.
pub(super) const WIDE: usize = 512;

/// How many rows ahead numbers are asked for where a thread has a part of each: it is too short for the processor to see a
/// stream in it.
const AHEAD: usize = 4;

/// u(θ), and as a second matrix, where there is one, every [`CHUNK`]th row of the running products.
#[derive(Clone, Copy)]
pub(crate) struct Forward;

/// A batch of it.
pub(crate) fn forward<'a, T: Scalar, const W: usize>(
    angles: &'a [T],
    [inputs, units]: [usize; 2],
    writes: [&'a mut [T]; W],
) -> Batch<'a, T, Forward, 1, W> {
    let writes = writes.map(|matrix| ColumnsMut::new(matrix, units, 1));
    Batch::new(Forward, inputs, units, [Columns::new(angles, units, 1)], writes)
}

impl<T: Scalar, const W: usize> Body<T, 1, W> for Forward {
    const WIDEST: usize = WIDE;
    #[inline(always)]
    fn run(
        self,
        inputs: usize,
        width: usize,
        [angles]: [Columns<'_, T>; 1],
        mut writes: [ColumnsMut<'_, T>; W],
    ) {
        let (mut sines, mut cosines) = ([T::ZERO; WIDE], [T::ZERO; WIDE]);
        let mut products = [T::ONE; WIDE];
        let products = &mut products[..width];
        // A narrow layer fills a tile with several rows, so that sines are computed abreast there too.
        let tallest = angles.tallest(WIDE);
        for top in (0..inputs - 1).step_by(tallest) {
            let height = tallest.min(inputs - 1 - top);
            let (sines, cosines) = (&mut sines[..height * width], &mut cosines[..height * width]);
            sin_cos_slices(angles.tile(top, height), sines, cosines);
            for row in 0..height {
                if W == 2 && (top + row).is_multiple_of(CHUNK) {
                    writes[W - 1].row((top + row) / CHUNK).copy_from_slice(products);
                }
                let (sines, cosines) = (&sines[row * width..][..width], &cosines[row * width..][..width]);
                multiply(sines, cosines, products, &mut writes[0].row(top + row)[..width]);
                let next = top + row + AHEAD;
                if !angles.is_whole() && next < inputs - 1 {
                    prefetch(angles.row(next));
                    prefetch(writes[0].row(next));
                }
            }
        }
        writes[0].row(inputs - 1).copy_from_slice(products);
    }
}

/// u(θ), with sines, cosines and products.
#[derive(Clone, Copy)]
pub(crate) struct ForwardSaving;

/// A batch of it.
pub(crate) fn forward_saving<'a, T: Scalar>(
    angles: &'a [T],
    [inputs, units]: [usize; 2],
    directions: &'a mut [T],
    saved: &'a mut [T],
) -> Batch<'a, T, ForwardSaving, 1, 2> {
    let directions = ColumnsMut::new(directions, units, 1);
    let saved = ColumnsMut::new(saved, units, saved_len(inputs, 1));
    Batch::new(ForwardSaving, inputs, units, [Columns::new(angles, units, 1)], [directions, saved])
}

impl<T: Scalar> Body<T, 1, 2> for ForwardSaving {
    const WIDEST: usize = PANEL;
    #[inline(always)]
    fn run(
        self,
        inputs: usize,
        width: usize,
        [angles]: [Columns<'_, T>; 1],
        [mut directions, mut saved]: [ColumnsMut<'_, T>; 2],
    ) {
        let mut products = [T::ONE; PANEL];
        let products = &mut products[..width];
        let mut gathered = [T::ZERO; CHUNK * PANEL];
        for first in (0..inputs - 1).step_by(CHUNK) {
            let height = CHUNK.min(inputs - 1 - first);
            let chunk = &mut saved.row(0)[saved_len(first + 1, width)..][..saved_len(height + 1, width)];
            let (saved_products, chunk) = chunk.split_at_mut(width);
            saved_products.copy_from_slice(products);
            if width == PANEL {
                for (row, pair) in chunk.chunks_exact_mut(2 * width).enumerate() {
                    let (sines, cosines) = pair.split_at_mut(width);
                    let directions = &mut directions.row(first + row)[..width];
                    advance(&angles.row(first + row)[..width], sines, cosines, products, directions);
                }
            } else {
                // Several rows at once, so that even a single unit fills the vectors.
                let tile = if angles.tallest(gathered.len()) >= height {
                    angles.tile(first, height)
                } else {
                    let tile = &mut gathered[..height * width];
                    for (row, tile) in tile.chunks_exact_mut(width).enumerate() {
                        tile.copy_from_slice(angles.row(first + row));
                    }
                    tile
                };
                let (sines, cosines) = chunk.split_at_mut(height * width);
                sin_cos_slices(tile, sines, cosines);
                let rows = sines.chunks_exact(width).zip(cosines.chunks_exact(width));
                for (row, (sines, cosines)) in rows.enumerate() {
                    multiply(sines, cosines, products, &mut directions.row(first + row)[..width]);
                }
            }
        }
        directions.row(inputs - 1).copy_from_slice(products);
    }
}

/// One row of a whole panel: its sines and cosines, and what [`multiply`] does.
#[inline(always)]
fn advance<T: Scalar>(
    angles: &[T],
    sines: &mut [T],
    cosines: &mut [T],
    products: &mut [T],
    directions: &mut [T],
) {
    const ABREAST: usize = 8;
    if !within_limit(angles) {
        beyond_limit(angles, sines, cosines);
        return multiply(sines, cosines, products, directions);
    }
    let angles = angles.as_chunks::<ABREAST>().0;
    let pairs = sines.as_chunks_mut().0.iter_mut().zip(cosines.as_chunks_mut().0);
    let outputs = products.as_chunks_mut().0.iter_mut().zip(directions.as_chunks_mut().0);
    for ((&angles, (sines, cosines)), (products, directions)) in angles.iter().zip(pairs).zip(outputs) {
        let (mut sine, mut cosine) = ([T::ZERO; ABREAST], [T::ZERO; ABREAST]);
        for i in 0..ABREAST {
            (sine[i], cosine[i]) = angles[i].sin_cos_within_limit();
        }
        (*sines, *cosines) = (sine, cosine);
        let (mut direction, mut product): ([T; ABREAST], [T; ABREAST]) = (*products, *products);
        for i in 0..ABREAST {
            direction[i] *= cosine[i];
            product[i] *= sine[i];
        }
        (*directions, *products) = (direction, product);
    }
}

/// `u_j = P_j cos θ_j` and `P_{j+1} = P_j sin θ_j`.
#[inline(always)]
fn multiply<T: Scalar>(sines: &[T], cosines: &[T], products: &mut [T], directions: &mut [T]) {
    for j in 0..sines.len() {
        directions[j] = products[j] * cosines[j];
        products[j] *= sines[j];
    }
}

/// Where the sines and the cosines of a row lie in a saved chunk of `height` rows: side by side in whole panels, which makes
/// one stream of them; in narrower ones all sines before all cosines, since there the rows are computed together.
#[inline(always)]
fn places(row: usize, height: usize, width: usize) -> [usize; 2] {
    if width == PANEL {
        [2 * row * width, (2 * row + 1) * width]
    } else {
        [row * width, (height + row) * width]
    }
}

/// Jᵀg.
#[derive(Clone, Copy)]
pub(crate) struct Backward {
    /// Whether it is added to what is there.
    accumulate: bool,
}

/// A batch of it.
pub(crate) fn backward<'a, T: Scalar>(
    saved: &'a [T],
    [inputs, units]: [usize; 2],
    direction_gradients: &'a [T],
    angle_gradients: &'a mut [T],
    accumulate: bool,
) -> Batch<'a, T, Backward, 2, 1> {
    let saved = Columns::new(saved, units, saved_len(inputs, 1));
    let reads = [saved, Columns::new(direction_gradients, units, 1)];
    Batch::new(Backward { accumulate }, inputs, units, reads, [ColumnsMut::new(angle_gradients, units, 1)])
}

impl<T: Scalar> Body<T, 2, 1> for Backward {
    const WIDEST: usize = PANEL;
    #[inline(always)]
    fn run(
        self,
        inputs: usize,
        width: usize,
        [saved, direction_gradients]: [Columns<'_, T>; 2],
        [mut angle_gradients]: [ColumnsMut<'_, T>; 1],
    ) {
        let mut products = [[T::ZERO; PANEL]; CHUNK];
        let mut tails = [T::ZERO; PANEL];
        let tails = &mut tails[..width];
        tails.copy_from_slice(direction_gradients.row(inputs - 1));
        for first in (0..inputs - 1).step_by(CHUNK).rev() {
            let height = CHUNK.min(inputs - 1 - first);
            let chunk = &saved.row(0)[saved_len(first + 1, width)..][..saved_len(height + 1, width)];
            let (saved_products, chunk) = chunk.split_at(width);
            let pair = |row| places(row, height, width).map(|at| &chunk[at..][..width]);
            let mut product = [T::ZERO; PANEL];
            let product = &mut product[..width];
            product.copy_from_slice(saved_products);
            for (row, products) in products[..height].iter_mut().enumerate() {
                products[..width].copy_from_slice(product);
                for (product, &sine) in product.iter_mut().zip(pair(row)[0]) {
                    *product *= sine;
                }
            }
            for row in (0..height).rev() {
                let products = &products[row][..width];
                let [sines, cosines] = pair(row);
                let gradients = &direction_gradients.row(first + row)[..width];
                let outputs = &mut angle_gradients.row(first + row)[..width];
                pull_back_row([sines, cosines, products, gradients], outputs, tails, self.accumulate);
            }
        }
    }
}

/// One row of the recurrence, whose result is added to the outputs or replaces them.
#[inline(always)]
pub(super) fn pull_back_row<T: Scalar>(
    rows: [&[T]; 4],
    outputs: &mut [T],
    tails: &mut [T],
    accumulate: bool,
) {
    if accumulate {
        row_of_recurrence::<T, true>(rows, outputs, tails);
    } else {
        row_of_recurrence::<T, false>(rows, outputs, tails);
    }
}

/// [`pull_back_row`] without a branch in its loop. Sixteen columns at a time are loaded before any is stored: the compiler cannot
/// prove that the rows lie apart in memory, and would otherwise take one column at a time.
#[inline(always)]
fn row_of_recurrence<T: Scalar, const ACCUMULATE: bool>(rows: [&[T]; 4], outputs: &mut [T], tails: &mut [T]) {
    const ABREAST: usize = 16;
    let pull_back = |[sine, cosine, product, gradient]: [T; 4], output: &mut T, tail: &mut T| {
        let before = if ACCUMULATE { *output } else { T::ZERO };
        *output = before + product * cosine.mul_add(*tail, -(sine * gradient));
        *tail = cosine.mul_add(gradient, sine * *tail);
    };
    let [
        (sines, last_sines),
        (cosines, last_cosines),
        (products, last_products),
        (gradients, last_gradients),
    ] = rows.map(|row| row.as_chunks::<ABREAST>());
    let (outputs, last_outputs) = outputs.as_chunks_mut::<ABREAST>();
    let (tails, last_tails) = tails.as_chunks_mut::<ABREAST>();
    let chunks = sines.iter().zip(cosines).zip(products).zip(gradients);
    for (((((sine, cosine), product), gradient), output), tail) in chunks.zip(outputs).zip(tails) {
        let (mut new_output, mut new_tail) = (*output, *tail);
        for i in 0..ABREAST {
            let row = [sine[i], cosine[i], product[i], gradient[i]];
            pull_back(row, &mut new_output[i], &mut new_tail[i]);
        }
        (*output, *tail) = (new_output, new_tail);
    }
    for (i, (output, tail)) in last_outputs.iter_mut().zip(last_tails).enumerate() {
        let row = [last_sines[i], last_cosines[i], last_products[i], last_gradients[i]];
        pull_back(row, output, tail);
    }
}

/// Ju̇ = ∂u/∂θ · θ̇.
#[derive(Clone, Copy)]
pub(crate) struct Tangent;

/// [`directions_jvp`](super::directions_jvp()) as a batch.
#[track_caller]
pub(crate) fn tangent<'a, T: Scalar>(
    angles: &'a [T],
    units: usize,
    angle_tangents: &'a [T],
    direction_tangents: &'a mut [T],
) -> Batch<'a, T, Tangent, 2, 1> {
    let inputs = rows("direction_tangents", direction_tangents.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_shape("angle_tangents", angle_tangents.len(), inputs.saturating_sub(1), units);
    let reads = [angles, angle_tangents].map(|matrix| Columns::new(matrix, units, 1));
    Batch::new(Tangent, inputs, units, reads, [ColumnsMut::new(direction_tangents, units, 1)])
}

impl<T: Scalar> Body<T, 2, 1> for Tangent {
    const WIDEST: usize = WIDE;
    #[inline(always)]
    fn run(
        self,
        inputs: usize,
        width: usize,
        [angles, angle_tangents]: [Columns<'_, T>; 2],
        [mut direction_tangents]: [ColumnsMut<'_, T>; 1],
    ) {
        let (mut sines, mut cosines) = ([T::ZERO; WIDE], [T::ZERO; WIDE]);
        let (sines, cosines) = (&mut sines[..width], &mut cosines[..width]);
        let (mut products, mut product_tangents) = ([T::ONE; WIDE], [T::ZERO; WIDE]);
        for row in 0..inputs - 1 {
            sin_cos_slices(angles.row(row), sines, cosines);
            let tangents = &angle_tangents.row(row)[..width];
            let outputs = &mut direction_tangents.row(row)[..width];
            for j in 0..width {
                let (sine, cosine, product) = (sines[j], cosines[j], products[j]);
                let turn = product * tangents[j];
                outputs[j] = cosine.mul_add(product_tangents[j], -(sine * turn));
                product_tangents[j] = sine.mul_add(product_tangents[j], cosine * turn);
                products[j] = product * sine;
            }
        }
        direction_tangents.row(inputs - 1).copy_from_slice(&product_tangents[..width]);
    }
}
