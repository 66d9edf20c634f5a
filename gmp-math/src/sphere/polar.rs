//! First derivatives of w = r·u(θ): products with the Jacobian and its transpose.

use super::{expect_shape, rows};
use crate::Scalar;
use std::ops::{Add, Mul, Range, Sub};

/// Writes ẇ = ṙ u + r J θ̇, the tangents of w = r·u(θ).
///
/// `angles` and `angle_tangents` are (n−1) × h, `radius` and `radius_tangents` rows of h,
/// `weight_tangents` is n × h.
///
/// ```
/// use gmp_math::sphere::polar_jvp;
/// // At θ = 0, r = 3: a longer radius moves w along the first axis, a larger angle along the second.
/// let mut tangent = [0.0; 2];
/// polar_jvp(&[0.0], &[3.0], 1, &[0.5], &[7.0], &mut tangent);
/// assert_eq!(tangent, [7.0, 1.5]);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn polar_jvp<T: Scalar>(
    angles: &[T],
    radius: &[T],
    units: usize,
    angle_tangents: &[T],
    radius_tangents: &[T],
    weight_tangents: &mut [T],
) {
    let inputs = rows("weight_tangents", weight_tangents.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_shape("angle_tangents", angle_tangents.len(), inputs.saturating_sub(1), units);
    expect_shape("radius", radius.len(), 1, units);
    expect_shape("radius_tangents", radius_tangents.len(), 1, units);
    for unit in 0..units {
        // r P_j and its tangent.
        let (mut product, mut tangent) = (radius[unit], radius_tangents[unit]);
        for row in 0..inputs {
            let at = row * units + unit;
            if row + 1 == inputs {
                weight_tangents[at] = tangent;
                break;
            }
            let (sine, cosine) = (angles[at].sin(), angles[at].cos());
            let turn = product * angle_tangents[at];
            weight_tangents[at] = cosine.mul_add(tangent, -(sine * turn));
            tangent = sine.mul_add(tangent, cosine * turn);
            product *= sine;
        }
    }
}

/// Adds (∂w/∂(r, θ))ᵀ g to the gradients of the angles and the radii, for w = r·u(θ) and g the `weight_gradients`:
/// r Jᵀg and ⟨u, g⟩.
///
/// Shapes as in [`polar_jvp`].
///
/// ```
/// use gmp_math::sphere::polar_vjp;
/// let (mut angle_gradient, mut radius_gradient) = ([0.0], [0.0]);
/// polar_vjp(&[0.0], &[3.0], 1, &[5.0, 7.0], &mut angle_gradient, &mut radius_gradient);
/// assert_eq!((angle_gradient, radius_gradient), ([21.0], [5.0]));
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn polar_vjp<T: Scalar>(
    angles: &[T],
    radius: &[T],
    units: usize,
    weight_gradients: &[T],
    angle_gradients: &mut [T],
    radius_gradients: &mut [T],
) {
    let inputs = rows("weight_gradients", weight_gradients.len(), units);
    let count = inputs.saturating_sub(1);
    expect_shape("angles", angles.len(), count, units);
    expect_shape("angle_gradients", angle_gradients.len(), count, units);
    expect_shape("radius", radius.len(), 1, units);
    expect_shape("radius_gradients", radius_gradients.len(), 1, units);
    for unit in 0..if inputs == 0 { 0 } else { units } {
        let at = |row: usize| row * units + unit;
        // The whole tail sum A₁ is ⟨u, g⟩.
        radius_gradients[unit] += pull_back(
            0..count,
            radius[unit],
            weight_gradients[at(count)],
            &|row| (angles[at(row)].sin(), angles[at(row)].cos()),
            &|row| weight_gradients[at(row)],
            &mut |row, gradient| angle_gradients[at(row)] += gradient,
        );
    }
}

/// The recurrence of the VJP ([`theory`](crate::theory) §2) over some rows of a unit, given `P_j` of the first and `A_{j+1}` of
/// the last: adds `P_j (cos θ_j A_{j+1} − sin θ_j g_j)` to each and returns `A_j` of the first.
///
/// P runs down and A runs up. To avoid allocating memory for the intermediate products, rows are cut into pieces, and
/// each piece recomputes its own products: one more sine per row from 129 rows on, two from 16 385.
pub(super) fn pull_back<N: Copy + Add<Output = N> + Sub<Output = N> + Mul<Output = N>>(
    rows: Range<usize>,
    mut product: N,
    mut tail: N,
    sine_cosine: &impl Fn(usize) -> (N, N),
    gradient: &impl Fn(usize) -> N,
    add: &mut impl FnMut(usize, N),
) -> N {
    const PIECES: usize = 128;
    if rows.len() == 1 {
        let (row, (sine, cosine)) = (rows.start, sine_cosine(rows.start));
        add(row, product * (cosine * tail - sine * gradient(row)));
        return cosine * gradient(row) + sine * tail;
    }
    let height = rows.len().div_ceil(PIECES).max(1);
    let mut products = [product; PIECES];
    for (i, row) in rows.clone().enumerate() {
        if i % height == 0 {
            products[i / height] = product;
        }
        product = product * sine_cosine(row).0;
    }
    for (piece, top) in rows.clone().step_by(height).enumerate().rev() {
        let rows = top..rows.end.min(top + height);
        tail = pull_back(rows, products[piece], tail, sine_cosine, gradient, add);
    }
    tail
}
