//! Canonical ranges of the angles.

use super::convert::at_most;
use super::expect_shape;
use crate::Scalar;

/// Brings every angle to its canonical range without moving the direction: θ₁…θₙ₋₂ to [0, π], θₙ₋₁ to [0, 2π).
///
/// Optimizers do not keep angles in a range. An angle θ = ±a + 2πk with a ∈ [0, π] becomes a; the minus sign, a
/// reflection, negates all later coordinates, which is undone by θ ↦ π − θ on the later angles and θ ↦ θ + π on the
/// last. Angles that are canonical already do not change. Use this function to look at angles, not during training:
/// gradients and an optimizer's moments belong to the angles before the change.
///
/// `angles` is (n−1) × h, with any finite values. The direction changes only by rounding: about one ulp of π for each
/// angle. Infinite angles become NaN, as their directions are.
///
/// ```
/// use std::f64::consts::PI;
/// let mut angles = [-0.5, 1.0, 7.0];
/// gmp_math::sphere::canonicalize(&mut angles, 1);
/// let expected = [0.5, PI - 1.0, 8.0 - 1.0 + PI - 2.0 * PI];
/// assert!(angles.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-15));
/// ```
///
/// # Panics
/// If the angles do not fill rows of `units`.
#[track_caller]
pub fn canonicalize<T: Scalar>(angles: &mut [T], units: usize) {
    let rows = super::rows("angles", angles.len(), units);
    let (half_turn, full_turn) =
        (at_most::<T>(std::f64::consts::PI), at_most::<T>(2.0 * std::f64::consts::PI));
    for unit in 0..units {
        let mut mirrored = false;
        for row in 0..rows {
            let angle = &mut angles[row * units + unit];
            let last = row + 1 == rows;
            let limit = if last { full_turn } else { half_turn };
            if !mirrored && *angle >= T::ZERO && *angle <= limit {
                continue;
            }
            // θ − 2πk in [−π, π] for θ of any size: the library's reduction is exact.
            let (sine, cosine) = angle.to_f64().sin_cos();
            let turned = sine.atan2(cosine);
            let canonical = if last {
                let turned = if mirrored { turned + std::f64::consts::PI } else { turned };
                if turned < 0.0 { turned + 2.0 * std::f64::consts::PI } else { turned }
            } else {
                let size = turned.abs();
                let size = if mirrored { std::f64::consts::PI - size } else { size };
                mirrored ^= turned < 0.0;
                size
            };
            let rounded = T::from_f64(canonical);
            *angle = if rounded > limit { limit } else { rounded };
        }
    }
}

/// Whether every angle is in its canonical range: θ₁…θₙ₋₂ in [0, π], θₙ₋₁ in [0, 2π).
///
/// ```
/// use gmp_math::sphere::is_canonical;
/// assert!(is_canonical(&[3.0, 6.0], 1) && !is_canonical(&[6.0, 3.0], 1));
/// ```
///
/// # Panics
/// If the angles do not fill rows of `units`.
#[track_caller]
pub fn is_canonical<T: Scalar>(angles: &[T], units: usize) -> bool {
    let rows = super::rows("angles", angles.len(), units);
    expect_shape("angles", angles.len(), rows, units);
    let (half_turn, full_turn) =
        (at_most::<T>(std::f64::consts::PI), at_most::<T>(2.0 * std::f64::consts::PI));
    angles.chunks_exact(units.max(1)).enumerate().all(|(row, angles)| {
        let limit = if row + 1 == rows { full_turn } else { half_turn };
        angles.iter().all(|angle| *angle >= T::ZERO && *angle <= limit)
    })
}
