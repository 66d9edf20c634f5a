//! Angles to directions, and the pullback of that map.

use super::{expect_shape, rows};
use crate::Scalar;
use crate::columns::{Columns, ColumnsMut};
use crate::split::{Batch, Body, WIDEST};
use crate::trig::sin_cos_slices;

/// Rows between two saved running products: few enough that recomputing them stays in the first cache.
const CHUNK: usize = 8;

/// Columns of a small layer, whose gradient gets by with less work space.
const NARROW: usize = 128;

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
pub const fn saved_len(inputs: usize, units: usize) -> usize {
    let angles = inputs.saturating_sub(1);
    (2 * angles + angles.div_ceil(CHUNK)) * units
}

/// [`directions`], keeping what [`directions_vjp`] needs.
///
/// `saved`, of length [`saved_len`], receives the sines and the cosines, each (n−1) × h, and every eighth row of the
/// running products P_j = ∏_{i<j} sin θ_i: the rows between are cheaper to compute again than to fetch.
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

/// u(θ); saves nothing with one matrix to write, and sines, cosines and products with four.
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
    Batch::new(Forward, inputs, units, [angles], [directions])
}

/// [`directions_saving`] as a batch.
#[track_caller]
pub(crate) fn forward_saving<'a, T: Scalar>(
    angles: &'a [T],
    units: usize,
    directions: &'a mut [T],
    saved: &'a mut [T],
) -> Batch<'a, T, Forward, 1, 4> {
    let inputs = rows("directions", directions.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_shape("saved", saved.len(), saved_len(inputs, 1), units);
    let (sines, rest) = saved.split_at_mut(angles.len());
    let (cosines, products) = rest.split_at_mut(angles.len());
    Batch::new(Forward, inputs, units, [angles], [directions, sines, cosines, products])
}

impl<T: Scalar, const W: usize> Body<T, 1, W> for Forward {
    #[inline(always)]
    fn run(
        self,
        inputs: usize,
        width: usize,
        [angles]: [Columns<'_, T>; 1],
        mut writes: [ColumnsMut<'_, T>; W],
    ) {
        let (mut sines, mut cosines) = ([T::ZERO; WIDEST], [T::ZERO; WIDEST]);
        let mut products = [T::ONE; WIDEST];
        let products = &mut products[..width];
        // A narrow layer fills a tile with several rows, so that sines are computed abreast there too.
        let tallest = angles.tallest(WIDEST);
        for top in (0..inputs - 1).step_by(tallest) {
            let height = tallest.min(inputs - 1 - top);
            let (sines, cosines) = (&mut sines[..height * width], &mut cosines[..height * width]);
            sin_cos_slices(angles.tile(top, height), sines, cosines);
            if W == 4 {
                writes[1].tile(top, height).copy_from_slice(sines);
                writes[2].tile(top, height).copy_from_slice(cosines);
            }
            for row in 0..height {
                if W == 4 && (top + row).is_multiple_of(CHUNK) {
                    writes[3].tile((top + row) / CHUNK, 1).copy_from_slice(products);
                }
                let (sines, cosines) = (&sines[row * width..][..width], &cosines[row * width..][..width]);
                let directions = &mut writes[0].tile(top + row, 1)[..width];
                for j in 0..width {
                    directions[j] = products[j] * cosines[j];
                    products[j] *= sines[j];
                }
            }
        }
        writes[0].tile(inputs - 1, 1).copy_from_slice(products);
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
) -> Batch<'a, T, Backward, 4, 1> {
    let inputs = rows("direction_gradients", direction_gradients.len(), units);
    expect_shape("angle_gradients", angle_gradients.len(), inputs.saturating_sub(1), units);
    expect_shape("saved", saved.len(), saved_len(inputs, 1), units);
    let (sines, rest) = saved.split_at(angle_gradients.len());
    let (cosines, products) = rest.split_at(angle_gradients.len());
    Batch::new(Backward, inputs, units, [sines, cosines, products, direction_gradients], [angle_gradients])
}

impl<T: Scalar> Body<T, 4, 1> for Backward {
    #[inline(always)]
    fn run(
        self,
        inputs: usize,
        width: usize,
        reads: [Columns<'_, T>; 4],
        [angle_gradients]: [ColumnsMut<'_, T>; 1],
    ) {
        // Clearing the work space for the widest layers would cost a small one more than its work.
        if width <= NARROW {
            pull_back::<T, NARROW>(inputs, width, reads, angle_gradients);
        } else {
            pull_back::<T, WIDEST>(inputs, width, reads, angle_gradients);
        }
    }
}

/// The body of [`Backward`] for up to `N` columns.
#[inline(always)]
fn pull_back<T: Scalar, const N: usize>(
    inputs: usize,
    width: usize,
    [sines, cosines, saved_products, direction_gradients]: [Columns<'_, T>; 4],
    mut angle_gradients: ColumnsMut<'_, T>,
) {
    let mut products = [[T::ZERO; N]; CHUNK];
    let mut tails = [T::ZERO; N];
    let tails = &mut tails[..width];
    tails.copy_from_slice(direction_gradients.tile(inputs - 1, 1));
    for chunk in (0..(inputs - 1).div_ceil(CHUNK)).rev() {
        let first = chunk * CHUNK;
        let height = CHUNK.min(inputs - 1 - first);
        products[0][..width].copy_from_slice(saved_products.tile(chunk, 1));
        for row in 1..height {
            let sines = &sines.tile(first + row - 1, 1)[..width];
            let [before, after] = &mut products[row - 1..=row] else { unreachable!() };
            for j in 0..width {
                after[j] = before[j] * sines[j];
            }
        }
        for row in (0..height).rev() {
            let products = &products[row][..width];
            let sines = &sines.tile(first + row, 1)[..width];
            let cosines = &cosines.tile(first + row, 1)[..width];
            let gradients = &direction_gradients.tile(first + row, 1)[..width];
            let outputs = &mut angle_gradients.tile(first + row, 1)[..width];
            pull_back_row([sines, cosines, products, gradients], outputs, tails);
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
    Batch::new(Tangent, inputs, units, [angles, angle_tangents], [direction_tangents])
}

impl<T: Scalar> Body<T, 2, 1> for Tangent {
    #[inline(always)]
    fn run(
        self,
        inputs: usize,
        width: usize,
        [angles, angle_tangents]: [Columns<'_, T>; 2],
        [mut direction_tangents]: [ColumnsMut<'_, T>; 1],
    ) {
        let (mut sines, mut cosines) = ([T::ZERO; WIDEST], [T::ZERO; WIDEST]);
        let (sines, cosines) = (&mut sines[..width], &mut cosines[..width]);
        let (mut products, mut product_tangents) = ([T::ONE; WIDEST], [T::ZERO; WIDEST]);
        for row in 0..inputs - 1 {
            sin_cos_slices(angles.tile(row, 1), sines, cosines);
            let tangents = &angle_tangents.tile(row, 1)[..width];
            let outputs = &mut direction_tangents.tile(row, 1)[..width];
            for j in 0..width {
                let (sine, cosine, product) = (sines[j], cosines[j], products[j]);
                let turn = product * tangents[j];
                outputs[j] = cosine.mul_add(product_tangents[j], -(sine * turn));
                product_tangents[j] = sine.mul_add(product_tangents[j], cosine * turn);
                products[j] = product * sine;
            }
        }
        direction_tangents.tile(inputs - 1, 1).copy_from_slice(&product_tangents[..width]);
    }
}
