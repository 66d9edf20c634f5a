//! Angles to directions, and the products with the Jacobian of that map.

use super::kernels::{CHUNK, backward, forward, forward_saving, tangent};
use super::{expect_len, expect_shape, large, rows};
use crate::Scalar;

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
    directions_in(angles, units, directions, 1);
}

/// [`directions`] in as many pieces, each on a thread.
#[track_caller]
pub(crate) fn directions_in<T: Scalar>(angles: &[T], units: usize, directions: &mut [T], pieces: usize) {
    let inputs = rows("directions", directions.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    forward(angles, [inputs, units], [directions]).run_in(pieces);
}

/// How many numbers [`directions_saving`] saves for a layer: a little more than 2 (n−1) h, and an eighth of (n−1) h where n h
/// is more than 2²⁰.
///
/// ```
/// use gmp_math::sphere::saved_len;
/// // Sines and cosines of eight angles and one row of running products, for four units.
/// assert_eq!(saved_len(9, 4), (8 + 8 + 1) * 4);
/// assert_eq!(saved_len(4609, 512), 4608 / 8 * 512);
/// ```
///
/// # Panics
/// If that is more than a `usize` can count.
pub const fn saved_len(inputs: usize, units: usize) -> usize {
    let angles = inputs.saturating_sub(1);
    let pairs = if large::is_large(inputs, units) { 0 } else { angles * 2 };
    (pairs + angles.div_ceil(CHUNK))
        .checked_mul(units)
        .expect("a layer with more numbers than a usize can count")
}

/// [`directions`], which also saves what [`directions_vjp`] needs.
///
/// `angles` is (n−1) × h and `directions` n × h with h = `units`. `saved`, of length [`saved_len`], receives every eighth row of the
/// running products `P_j = ∏_{i<j} sin θ_i` and, where they stay in the caches, the sines and the cosines: the rest
/// is cheaper to recompute than to load. The layout of `saved` is an implementation detail.
///
/// ```
/// use gmp_math::sphere::{directions_saving, saved_len};
/// let (mut u, mut saved) = ([0.0; 2], [0.0; saved_len(2, 1)]);
/// directions_saving(&[0.0], 1, &mut u, &mut saved);
/// assert_eq!(u, [1.0, 0.0]);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_saving<T: Scalar>(angles: &[T], units: usize, directions: &mut [T], saved: &mut [T]) {
    directions_saving_in(angles, units, directions, saved, 1);
}

/// [`directions_saving`] in as many pieces, each on a thread.
#[track_caller]
pub(crate) fn directions_saving_in<T: Scalar>(
    angles: &[T],
    units: usize,
    directions: &mut [T],
    saved: &mut [T],
    pieces: usize,
) {
    let inputs = rows("directions", directions.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_len("saved", saved.len(), saved_len(inputs, units));
    if large::is_large(inputs, units) {
        forward(angles, [inputs, units], [directions, saved]).run_in(pieces);
    } else {
        forward_saving(angles, [inputs, units], directions, saved).run_in(pieces);
    }
}

/// Writes Jᵀg to `angle_gradients`, or adds it if `accumulate` is true, where J = ∂u/∂θ and g are the
/// `direction_gradients`.
///
/// With `A_n = g_n`, for j = n−1 … 1: `∂θ_j = P_j (cos θ_j A_{j+1} − sin θ_j g_j)` and
/// `A_j = cos θ_j g_j + sin θ_j A_{j+1}`. This costs O(n) per unit, and nothing is divided by a sine, so the poles
/// are not a special case.
///
/// `saved` comes from [`directions_saving`] of these `angles`; `direction_gradients` is n × h and `angle_gradients` (n−1) × h.
///
/// ```
/// use gmp_math::sphere::{directions_saving, directions_vjp, saved_len};
/// // d cos θ / dθ = −sin θ and d sin θ / dθ = cos θ.
/// let (theta, mut u, mut saved) = (0.3_f64, [0.0; 2], [0.0; saved_len(2, 1)]);
/// directions_saving(&[theta], 1, &mut u, &mut saved);
/// let mut gradient = [0.0];
/// directions_vjp(&[theta], &saved, 1, &[5.0, 7.0], &mut gradient, false);
/// assert!((gradient[0] - (7.0 * theta.cos() - 5.0 * theta.sin())).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_vjp<T: Scalar>(
    angles: &[T],
    saved: &[T],
    units: usize,
    direction_gradients: &[T],
    angle_gradients: &mut [T],
    accumulate: bool,
) {
    directions_vjp_in(angles, saved, units, direction_gradients, angle_gradients, accumulate, 1);
}

/// [`directions_vjp`] in as many pieces, each on a thread.
#[track_caller]
pub(crate) fn directions_vjp_in<T: Scalar>(
    angles: &[T],
    saved: &[T],
    units: usize,
    direction_gradients: &[T],
    angle_gradients: &mut [T],
    accumulate: bool,
    pieces: usize,
) {
    let inputs = rows("direction_gradients", direction_gradients.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_shape("angle_gradients", angle_gradients.len(), inputs.saturating_sub(1), units);
    expect_len("saved", saved.len(), saved_len(inputs, units));
    let (shape, gradients) = ([inputs, units], direction_gradients);
    if large::is_large(inputs, units) {
        large::backward(angles, saved, shape, gradients, angle_gradients, accumulate).run_in(pieces);
    } else {
        backward(saved, shape, gradients, angle_gradients, accumulate).run_in(pieces);
    }
}

/// Writes the directions' tangents u̇ = J θ̇ for tangents θ̇ of the angles.
///
/// With `dP₁ = 0`, `du_j = cos θ_j dP_j − P_j sin θ_j dθ_j` and `dP_{j+1} = sin θ_j dP_j + P_j cos θ_j dθ_j`.
/// `angles` and `angle_tangents` are (n−1) × h, `direction_tangents` is n × h. There is no division.
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
    tangent(angles, units, angle_tangents, direction_tangents).run_in(1);
}
