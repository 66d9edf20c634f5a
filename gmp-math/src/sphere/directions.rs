//! Angles to directions, and the pullback of that map.

use super::{expect_shape, rows};
use crate::Scalar;
use crate::simd::{Kernel, dispatch};
use crate::trig::sin_cos_slices;

/// Columns (or, in a narrow layer, columns × rows) worked on together: what fits on the stack and in the first cache.
const BLOCK: usize = 256;

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
    let inputs = rows("directions", directions.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    dispatch(Forward { angles, inputs, units, directions, saved: &mut [] });
}

/// How many numbers [`directions_saving`] saves for a layer: 3 (n−1) h.
pub const fn saved_len(inputs: usize, units: usize) -> usize {
    3 * inputs.saturating_sub(1) * units
}

/// [`directions`], keeping what [`directions_vjp`] needs.
///
/// `saved`, of length [`saved_len`], receives the sines, the cosines and the running products
/// P_j = ∏_{i<j} sin θ_i, each (n−1) × h.
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_saving<T: Scalar>(angles: &[T], units: usize, directions: &mut [T], saved: &mut [T]) {
    let inputs = rows("directions", directions.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_shape("saved", saved.len(), 3 * inputs.saturating_sub(1), units);
    dispatch(Forward { angles, inputs, units, directions, saved });
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
    let inputs = rows("direction_gradients", direction_gradients.len(), units);
    expect_shape("angle_gradients", angle_gradients.len(), inputs.saturating_sub(1), units);
    expect_shape("saved", saved.len(), 3 * inputs.saturating_sub(1), units);
    dispatch(Backward { saved, inputs, units, direction_gradients, angle_gradients });
}

struct Forward<'a, T> {
    angles: &'a [T],
    inputs: usize,
    units: usize,
    directions: &'a mut [T],
    /// Empty where nothing is to be kept.
    saved: &'a mut [T],
}

impl<T: Scalar> Kernel for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { angles, inputs, units, directions, saved } = self;
        if inputs == 0 {
            return;
        }
        let (saved_sines, rest) = saved.split_at_mut(saved.len() / 3);
        let (saved_cosines, saved_products) = rest.split_at_mut(rest.len() / 2);
        let keep = !saved_sines.is_empty();

        let (mut sines, mut cosines) = ([T::ZERO; BLOCK], [T::ZERO; BLOCK]);
        for first in (0..units).step_by(BLOCK) {
            let width = BLOCK.min(units - first);
            // Whole rows lie side by side in memory, so a narrow layer fills a block with several.
            let height = if width == units { BLOCK / width } else { 1 };
            let mut products = [T::ONE; BLOCK];
            let products = &mut products[..width];
            for top in (0..inputs - 1).step_by(height) {
                let height = height.min(inputs - 1 - top);
                let tile = top * units + first..top * units + first + height * width;
                let (sines, cosines) = (&mut sines[..height * width], &mut cosines[..height * width]);
                sin_cos_slices(&angles[tile.clone()], sines, cosines);
                if keep {
                    saved_sines[tile.clone()].copy_from_slice(sines);
                    saved_cosines[tile.clone()].copy_from_slice(cosines);
                }
                for row in 0..height {
                    let at = tile.start + row * width;
                    if keep {
                        saved_products[at..at + width].copy_from_slice(products);
                    }
                    let (sines, cosines) = (&sines[row * width..], &cosines[row * width..]);
                    let directions = &mut directions[at..at + width];
                    for (((direction, product), sine), cosine) in
                        directions.iter_mut().zip(&mut *products).zip(sines).zip(cosines)
                    {
                        *direction = *product * *cosine;
                        *product *= *sine;
                    }
                }
            }
            directions[(inputs - 1) * units + first..][..width].copy_from_slice(products);
        }
    }
}

struct Backward<'a, T> {
    saved: &'a [T],
    inputs: usize,
    units: usize,
    direction_gradients: &'a [T],
    angle_gradients: &'a mut [T],
}

impl<T: Scalar> Kernel for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { saved, inputs, units, direction_gradients, angle_gradients } = self;
        if inputs == 0 {
            return;
        }
        let (sines, rest) = saved.split_at(saved.len() / 3);
        let (cosines, products) = rest.split_at(rest.len() / 2);
        for first in (0..units).step_by(BLOCK) {
            let width = BLOCK.min(units - first);
            let mut tails = [T::ZERO; BLOCK];
            let tails = &mut tails[..width];
            tails.copy_from_slice(&direction_gradients[(inputs - 1) * units + first..][..width]);
            for row in (0..inputs - 1).rev() {
                let tile = row * units + first..row * units + first + width;
                let sines = &sines[tile.clone()];
                let cosines = &cosines[tile.clone()];
                let products = &products[tile.clone()];
                let gradients = &direction_gradients[tile.clone()];
                let outputs = &mut angle_gradients[tile];
                for j in 0..width {
                    let (sine, cosine, gradient, tail) = (sines[j], cosines[j], gradients[j], tails[j]);
                    outputs[j] += products[j] * cosine.mul_add(tail, -(sine * gradient));
                    tails[j] = cosine.mul_add(gradient, sine * tail);
                }
            }
        }
    }
}
