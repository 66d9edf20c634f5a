//! Angles to directions, and the pullback of that map.

use super::{expect_shape, rows};
use crate::Scalar;
use crate::columns::{Columns, ColumnsMut};
use crate::split::{Batch, Body, PANEL};
use crate::trig::{beyond_limit, sin_cos_slices, within_limit};

/// Rows of a panel that are worked on together, and share one saved row of running products.
const CHUNK: usize = 8;

/// Writes the unit vectors u(θ) of all units.
///
/// `angles` is (n−1) × h and `directions` n × h with h = `units`; n follows from the length of `directions`.
/// With n = 1 there are no angles and every direction is +1. Any finite angle is valid, not only canonical ones.
///
/// ```
/// // One unit in three dimensions: θ = (π/2, π/2) points along the last axis.
/// let right = std::f64::consts::FRAC_PI_2;
/// let mut u = [0.0; 3];
/// gmp_math::sphere::directions(&[right, right], 1, &mut u);
/// assert!(u[0].abs() < 1e-16 && u[1].abs() < 1e-16 && u[2] == 1.0);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions<T: Scalar>(angles: &[T], units: usize, directions: &mut [T]) {
    forward(angles, units, directions).run();
}

/// How many numbers [`directions_saving`] saves for a layer: a little more than 2 (n−1) h.
///
/// ```
/// use gmp_math::sphere::saved_len;
/// // Sines and cosines of eight angles and one row of running products, for four units.
/// assert_eq!(saved_len(9, 4), (8 + 8 + 1) * 4);
/// ```
///
/// # Panics
/// If that is more than a `usize` can count.
pub const fn saved_len(inputs: usize, units: usize) -> usize {
    let angles = inputs.saturating_sub(1);
    let rows = angles.checked_mul(2).expect(TOO_LARGE).checked_add(angles.div_ceil(CHUNK));
    rows.expect(TOO_LARGE).checked_mul(units).expect(TOO_LARGE)
}

const TOO_LARGE: &str = "a layer with more numbers than a usize can count";

/// [`directions`], keeping what [`directions_vjp`] needs.
///
/// `saved`, of length [`saved_len`], receives the sines, the cosines and every eighth row of the running products
/// P_j = ∏_{i<j} sin θ_i: the rows between are cheaper to compute again than to fetch. Its layout is our own: panel by
/// panel of 32 units, in each panel row after row, so that a thread writes and reads it in one go.
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_saving<T: Scalar>(angles: &[T], units: usize, directions: &mut [T], saved: &mut [T]) {
    forward_saving(angles, units, directions, saved).run();
}

/// Adds Jᵀg to `angle_gradients`, where J = ∂u/∂θ and g are the `direction_gradients`.
///
/// With A_n = g_n, for j = n−1 … 1:  ∂θ_j = P_j (cos θ_j A_{j+1} − sin θ_j g_j),
/// A_j = cos θ_j g_j + sin θ_j A_{j+1}. O(n) for a unit, and nothing is divided by a sine,
/// so the poles are no special case.
///
/// `saved` comes from [`directions_saving`]; `direction_gradients` is n × h and `angle_gradients` (n−1) × h.
///
/// ```
/// use gmp_math::sphere::{directions_saving, directions_vjp, saved_len};
/// // d cos θ / dθ = −sin θ and d sin θ / dθ = cos θ.
/// let (theta, mut u, mut saved) = (0.3_f64, [0.0; 2], [0.0; saved_len(2, 1)]);
/// directions_saving(&[theta], 1, &mut u, &mut saved);
/// let mut gradient = [0.0];
/// directions_vjp(&saved, 1, &[5.0, 7.0], &mut gradient);
/// assert!((gradient[0] - (7.0 * theta.cos() - 5.0 * theta.sin())).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_vjp<T: Scalar>(
    saved: &[T],
    units: usize,
    direction_gradients: &[T],
    angle_gradients: &mut [T],
) {
    backward(saved, units, direction_gradients, angle_gradients).run();
}

/// Writes the directions' tangents u̇ = J θ̇ for tangents θ̇ of the angles: with dP₁ = 0,
/// du_j = cos θ_j dP_j − P_j sin θ_j dθ_j and dP_{j+1} = sin θ_j dP_j + P_j cos θ_j dθ_j.
///
/// `angles` and `angle_tangents` are (n−1) × h, `direction_tangents` is n × h. Nothing is divided.
///
/// ```
/// // u = (cos θ, sin θ) at θ = 0 moves along the second axis, at the rate of θ.
/// let mut tangent = [0.0; 2];
/// gmp_math::sphere::directions_jvp(&[0.0], 1, &[3.0], &mut tangent);
/// assert_eq!(tangent, [0.0, 3.0]);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_jvp<T: Scalar>(
    angles: &[T],
    units: usize,
    angle_tangents: &[T],
    direction_tangents: &mut [T],
) {
    tangent(angles, units, angle_tangents, direction_tangents).run();
}

/// Columns that [`Forward`] and [`Tangent`] get at once. They have fewer streams than the kernels of training and want long
/// rows; so much work space fits on the stack and in the first caches.
const WIDE: usize = 512;

/// u(θ).
#[derive(Clone, Copy)]
pub(crate) struct Forward;

/// [`directions`] as a batch.
#[track_caller]
pub(crate) fn forward<'a, T: Scalar>(
    angles: &'a [T],
    units: usize,
    directions: &'a mut [T],
) -> Batch<'a, T, Forward, 1, 1> {
    let inputs = rows("directions", directions.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    let directions = ColumnsMut::new(directions, units, 1);
    Batch::new(Forward, inputs, units, [Columns::new(angles, units, 1)], [directions])
}

impl<T: Scalar> Body<T, 1, 1> for Forward {
    const WIDEST: usize = WIDE;
    #[inline(always)]
    fn run(
        self,
        inputs: usize,
        width: usize,
        [angles]: [Columns<'_, T>; 1],
        [mut directions]: [ColumnsMut<'_, T>; 1],
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
                let (sines, cosines) = (&sines[row * width..][..width], &cosines[row * width..][..width]);
                multiply(sines, cosines, products, &mut directions.row(top + row)[..width]);
            }
        }
        directions.row(inputs - 1).copy_from_slice(products);
    }
}

/// u(θ), with sines, cosines and products.
#[derive(Clone, Copy)]
pub(crate) struct ForwardSaving;

/// [`directions_saving`] as a batch.
#[track_caller]
pub(crate) fn forward_saving<'a, T: Scalar>(
    angles: &'a [T],
    units: usize,
    directions: &'a mut [T],
    saved: &'a mut [T],
) -> Batch<'a, T, ForwardSaving, 1, 2> {
    let inputs = rows("directions", directions.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_shape("saved", saved.len(), saved_len(inputs, 1), units);
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

/// u_j = P_j cos θ_j and P_{j+1} = P_j sin θ_j.
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

/// Jᵀg, added.
#[derive(Clone, Copy)]
pub(crate) struct Backward;

/// [`directions_vjp`] as a batch.
#[track_caller]
pub(crate) fn backward<'a, T: Scalar>(
    saved: &'a [T],
    units: usize,
    direction_gradients: &'a [T],
    angle_gradients: &'a mut [T],
) -> Batch<'a, T, Backward, 2, 1> {
    let inputs = rows("direction_gradients", direction_gradients.len(), units);
    expect_shape("angle_gradients", angle_gradients.len(), inputs.saturating_sub(1), units);
    expect_shape("saved", saved.len(), saved_len(inputs, 1), units);
    let saved = Columns::new(saved, units, saved_len(inputs, 1));
    let reads = [saved, Columns::new(direction_gradients, units, 1)];
    Batch::new(Backward, inputs, units, reads, [ColumnsMut::new(angle_gradients, units, 1)])
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
                pull_back_row([sines, cosines, products, gradients], outputs, tails);
            }
        }
    }
}

/// One row of the recurrence. Eight columns at a time are loaded before any is stored: the compiler cannot prove that the
/// rows lie apart in memory, and would otherwise take one column at a time.
#[inline(always)]
fn pull_back_row<T: Scalar>(rows: [&[T]; 4], outputs: &mut [T], tails: &mut [T]) {
    const ABREAST: usize = 8;
    let pull_back = |[sine, cosine, product, gradient]: [T; 4], output: &mut T, tail: &mut T| {
        *output += product * cosine.mul_add(*tail, -(sine * gradient));
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

/// [`directions_jvp`] as a batch.
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
