//! Weights to angles and radii, and back.

use super::{directions, expect_len, expect_shape, rows};
use crate::norm::scaled_norm;
use crate::{Error, Mat, Scalar};

/// Angles and radii of a layer of h units with n inputs.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Spherical<T> {
    /// θ, an (n−1) × h matrix, row-major, in radians.
    pub angles: Vec<T>,
    /// r = ‖w‖, one per unit.
    pub radius: Vec<T>,
    /// One per unit: with one input −1 where the weight is negative; +1 elsewhere, and always with two inputs or more.
    pub signs: Vec<T>,
}

/// Angles and radii of the columns of an n × h matrix: [`to_spherical`] for a matrix with any strides, which
/// allocates its results.
///
/// ```
/// use gmp_math::{Mat, sphere::spherical};
/// // Two units with three inputs, one unit per row as in PyTorch's `Linear.weight`.
/// let weight = [3.0, 4.0, 0.0, 0.0, 0.0, 2.0];
/// let layer = spherical(Mat::units_by_inputs(&weight, 2, 3))?;
/// assert_eq!(layer.radius, [5.0, 2.0]);
/// assert_eq!(layer.angles.len(), 2 * 2);
/// # Ok::<(), gmp_math::Error>(())
/// ```
///
/// # Errors
/// As [`to_spherical`].
pub fn spherical<T: Scalar>(weights: Mat<'_, T>) -> Result<Spherical<T>, Error> {
    let (inputs, units) = (weights.rows(), weights.cols());
    let mut angles = vec![T::ZERO; inputs.saturating_sub(1) * units];
    let (mut radius, mut signs) = (vec![T::ZERO; units], vec![T::ONE; units]);
    convert(weights, &mut angles, &mut radius, full_circle)?;
    if inputs == 1 {
        self::signs(&weights.to_vec(), &mut signs);
    }
    Ok(Spherical { angles, radius, signs })
}

/// Writes the angles and the radius of every column, keeping every sign.
///
/// **Columns are units**: for PyTorch's `Linear.weight` or any other units × inputs matrix pass its transpose, or its
/// [`Mat::units_by_inputs`] to [`spherical`]. A units × inputs matrix has the same length and would be misread
/// without an error.
///
/// With the tail norms `T_k = ‖(w_k, …, wₙ)‖`: `θ_k = atan2(T_{k+1}, w_k)` ∈ [0, π] for k < n−1,
/// `θₙ₋₁ = atan2(wₙ, wₙ₋₁)` ∈ [0, 2π), `r = T₁`. [`to_cartesian`] returns the weights to a few ulp of ‖w‖.
///
/// `weights` is n × h, `angles` (n−1) × h, `radius` h. Arithmetic is in double precision, scaled so that
/// neither huge nor denormal weights lose digits. If a tail is zero, its angles are set to 0: at such a pole they do
/// not affect the direction.
///
/// With n = 1 there is no angle: r = |w|, and the direction is the sign that [`signs`] gives, which the angles and the
/// radius do not hold.
///
/// ```
/// use gmp_math::sphere::{to_cartesian, to_spherical};
/// let weights = [1.0, -2.0, -2.0];
/// let (mut angles, mut radius, mut back) = ([0.0; 2], [0.0], [0.0; 3]);
/// to_spherical(&weights, 1, &mut angles, &mut radius)?;
/// assert_eq!(radius, [3.0]);
/// to_cartesian(&angles, &radius, 1, &mut back);
/// assert!(back.iter().zip(&weights).all(|(b, w): (&f64, _)| (b - w).abs() < 1e-14));
/// # Ok::<(), gmp_math::Error>(())
/// ```
///
/// # Errors
/// A column of zeros, a weight that is not finite, or a norm too large for `T`, naming the unit. The outputs
/// then hold unspecified values.
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn to_spherical<T: Scalar>(
    weights: &[T],
    units: usize,
    angles: &mut [T],
    radius: &mut [T],
) -> Result<(), Error> {
    let inputs = rows("weights", weights.len(), units);
    convert(Mat::new(weights, inputs, units), angles, radius, full_circle)
}

/// The last angle in [0, 2π), which keeps the sign of the last coordinate.
fn full_circle(last: f64, before: f64) -> f64 {
    let angle = last.atan2(before);
    if angle < 0.0 { angle + 2.0 * std::f64::consts::PI } else { angle }
}

/// The conversion that the paper's authors released: like [`to_spherical`], but the last angle is folded into [0, π],
/// so that the sign of the last coordinate is lost.
///
/// Their arccot of wₙ₋₁ over a non-negative square root cannot distinguish wₙ from −wₙ: the round trip gives |wₙ|,
/// and initial directions cover half of the sphere. It is provided so that this effect can be measured.
///
/// ```
/// use gmp_math::sphere::{half_sphere_angles, to_cartesian};
/// let (mut angles, mut radius, mut back) = ([0.0_f64; 1], [0.0], [0.0; 2]);
/// half_sphere_angles(&[3.0, -4.0], 1, &mut angles, &mut radius)?;
/// to_cartesian(&angles, &radius, 1, &mut back);
/// assert!((back[0] - 3.0).abs() < 1e-14 && (back[1] - 4.0).abs() < 1e-14);
/// # Ok::<(), gmp_math::Error>(())
/// ```
///
/// # Errors
/// As [`to_spherical`].
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn half_sphere_angles<T: Scalar>(
    weights: &[T],
    units: usize,
    angles: &mut [T],
    radius: &mut [T],
) -> Result<(), Error> {
    let inputs = rows("weights", weights.len(), units);
    convert(Mat::new(weights, inputs, units), angles, radius, |last, before| last.abs().atan2(before))
}

/// The sign of every weight of a layer with one input: −1 where it is negative, +1 elsewhere.
///
/// A direction in one dimension has no angle, so it consists of this sign alone, which is stored but not trained.
///
/// ```
/// let mut signs = [0.0; 3];
/// gmp_math::sphere::signs(&[-2.0, 0.0, 5.0], &mut signs);
/// assert_eq!(signs, [-1.0, 1.0, 1.0]);
/// ```
///
/// # Panics
/// Unless both slices have the same length.
#[track_caller]
pub fn signs<T: Scalar>(weights: &[T], signs: &mut [T]) {
    expect_len("signs", signs.len(), weights.len());
    for (sign, weight) in signs.iter_mut().zip(weights) {
        *sign = if *weight < T::ZERO { -T::ONE } else { T::ONE };
    }
}

/// Writes w = r·u(θ) for every unit: the inverse of [`to_spherical`] in two or more dimensions.
///
/// `angles` is (n−1) × h, `radius` h, `weights` n × h. A negative radius reverses the direction.
///
/// With n = 1 there is no angle: w = r, and the direction is the sign that [`signs`] gives, which the angles and the
/// radius do not hold; multiply by it.
///
/// ```
/// use gmp_math::sphere::to_cartesian;
/// let mut weights = [0.0; 2];
/// to_cartesian(&[0.0], &[-3.0], 1, &mut weights);
/// assert_eq!(weights, [-3.0, 0.0]);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn to_cartesian<T: Scalar>(angles: &[T], radius: &[T], units: usize, weights: &mut [T]) {
    expect_shape("radius", radius.len(), 1, units);
    directions(angles, units, weights);
    for row in weights.chunks_exact_mut(units.max(1)) {
        for (weight, radius) in row.iter_mut().zip(radius) {
            *weight *= *radius;
        }
    }
}

#[track_caller]
fn convert<T: Scalar>(
    weights: Mat<'_, T>,
    angles: &mut [T],
    radius: &mut [T],
    last_angle: impl Fn(f64, f64) -> f64,
) -> Result<(), Error> {
    let (inputs, units) = (weights.rows(), weights.cols());
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_shape("radius", radius.len(), 1, units);
    // Below π and 2π also in single precision, where the nearest numbers lie above and would flip the sine's sign.
    let (half_turn, full_turn) = (at_most(std::f64::consts::PI), at_most(2.0 * std::f64::consts::PI));
    for unit in 0..units {
        // Adding zero turns −0 into +0, of which atan2 makes no half turn.
        let weight = |input: usize| weights.at(input, unit).to_f64() + 0.0;
        let scale = scale_of(inputs, unit, weight)?;
        let scaled = |input: usize| scale * weight(input);
        let mut tail = scaled(inputs - 1).abs();
        for input in (0..inputs - 1).rev() {
            let (angle, limit) = if input + 2 == inputs {
                (last_angle(scaled(inputs - 1), scaled(input)), full_turn)
            } else {
                (tail.atan2(scaled(input)), half_turn)
            };
            let rounded = T::from_f64(angle);
            angles[input * units + unit] = if rounded > limit { limit } else { rounded };
            tail = tail.hypot(scaled(input));
        }
        radius[unit] = T::from_f64(tail / scale);
        if !radius[unit].is_finite() {
            return Err(Error::NormOverflow { unit, scalar: T::NAME });
        }
    }
    Ok(())
}

/// The power of two by which a column is scaled, so that no norm of its tails overflows and no digit is lost to denormals.
fn scale_of(inputs: usize, unit: usize, weight: impl Fn(usize) -> f64) -> Result<f64, Error> {
    let (scale, norm) = scaled_norm((0..inputs).map(&weight));
    if norm == 0.0 {
        return Err(Error::ZeroVector { unit, inputs });
    }
    // Scaled, finite weights have a finite norm.
    if norm.is_finite() {
        return Ok(scale);
    }
    let input = (0..inputs).find(|input| !weight(*input).is_finite()).unwrap_or(0);
    Err(Error::NonFinite { unit, input })
}

/// The largest `T` not above `x` > 0.
pub(super) fn at_most<T: Scalar>(x: f64) -> T {
    let nearest = T::from_f64(x);
    if nearest.to_f64() > x { T::from_f64(x - x * T::EPSILON.to_f64() / 2.0) } else { nearest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// The nearest single to π lies above it.
    #[test]
    fn the_largest_number_not_above() {
        for x in [PI, 2.0 * PI, 0.1, 1.0] {
            let single: f32 = at_most(x);
            assert!(f64::from(single) <= x && f64::from(single.next_up()) > x, "{single} for {x}");
            assert_eq!(at_most::<f64>(x), x);
        }
    }

    /// −0 is no direction of its own.
    #[test]
    fn negative_zeros_are_zeros() {
        let (mut angle, mut radius) = ([9.0], [9.0]);
        for (weights, expected) in [([2.0, -0.0], 0.0), ([-2.0, -0.0], PI), ([-0.0, 2.0], PI / 2.0)] {
            to_spherical(&weights, 1, &mut angle, &mut radius).unwrap();
            assert_eq!((angle[0], radius[0]), (expected, 2.0), "{weights:?}");
        }
        let (mut angles, mut radius) = ([9.0; 2], [9.0]);
        to_spherical(&[2.0, -0.0, 0.0], 1, &mut angles, &mut radius).unwrap();
        assert_eq!((angles, radius), ([0.0; 2], [2.0]));
        let mut sign = [0.0; 4];
        signs(&[-2.0, 0.0, -0.0, 5.0], &mut sign);
        assert_eq!(sign, [-1.0, 1.0, 1.0, 1.0]);
    }
}
