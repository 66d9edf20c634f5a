//! A layer in geometric parameterization: weights and biases as angles, offsets and radii, and back.
//!
//! A unit with weights w = r·u(θ) and bias b has the offset λ = b/r: it is r ReLU(u(θ)·x + λ), and its boundary is
//! {x : u(θ)·x + λ = 0}. **The offset is not the bias**: it is the bias divided by the radius.

use crate::sphere::{Spherical, spherical, to_cartesian};
use crate::{Error, Mat, Scalar};

/// Angles, offsets and radii of a layer of h units with n inputs.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Geometric<T> {
    /// θ, an (n−1) × h matrix, row-major, in radians.
    pub angles: Vec<T>,
    /// λ = b/r, one per unit, in the unit of the inputs.
    pub offset: Vec<T>,
    /// r = ‖w‖, one per unit.
    pub radius: Vec<T>,
    /// One per unit: with one input −1 where the weight is negative; +1 elsewhere, and always with two inputs or more.
    pub signs: Vec<T>,
}

/// Weights and biases of a layer of h units with n inputs.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Standard<T> {
    /// w, an n × h matrix, row-major: rows are input coordinates, columns are units.
    pub weights: Vec<T>,
    /// b, one per unit.
    pub bias: Vec<T>,
}

/// Angles θ, offsets λ = b/r and radii r = ‖w‖ of every unit, for weights n × h and h biases.
///
/// Angles and radii are those of [`to_spherical`](crate::sphere::to_spherical). For PyTorch's `Linear.weight` pass
/// [`Mat::units_by_inputs`].
///
/// ```
/// use gmp_math::geometric::{from_geometric, to_geometric};
/// use gmp_math::{Mat, boundary::Boundary};
/// // One unit per row, as PyTorch stores them: (3, 4, 0) and (0, 0, −2).
/// let weight = [3.0, 4.0, 0.0, 0.0, 0.0, -2.0];
/// let layer = to_geometric(Mat::units_by_inputs(&weight, 2, 3), &[-10.0, 1.0])?;
/// assert_eq!((&layer.radius[..], &layer.offset[..]), (&[5.0, 2.0][..], &[-2.0, 0.5][..]));
///
/// // The boundary of the first unit, from its angles and its offset.
/// let first: Vec<f64> = Mat::new(&layer.angles, 2, 2).col(0).collect();
/// let location = Boundary::geometric(&first, layer.offset[0]).spatial_location().unwrap();
/// assert!((location[0] - 1.2).abs() < 1e-15 && (location[1] - 1.6).abs() < 1e-15);
///
/// // And back, as the rows of an inputs × units matrix.
/// let back = from_geometric(&layer);
/// let expected = [3.0, 0.0, 4.0, 0.0, 0.0, -2.0];
/// assert!(back.weights.iter().zip(expected).all(|(w, e)| (w - e).abs() < 1e-14));
/// assert_eq!(back.bias, [-10.0, 1.0]);
/// # Ok::<(), gmp_math::Error>(())
/// ```
///
/// # Errors
/// As [`to_spherical`](crate::sphere::to_spherical), or an offset that is not finite, naming the unit.
///
/// # Panics
/// Unless there is one bias per column of the weights.
#[track_caller]
pub fn to_geometric<T: Scalar>(weights: Mat<'_, T>, bias: &[T]) -> Result<Geometric<T>, Error> {
    let units = weights.cols();
    assert!(bias.len() == units, "bias: {} values for {units} units; expected one per unit", bias.len());
    let Spherical { angles, radius, signs } = spherical(weights)?;
    let offset: Vec<T> = bias.iter().zip(&radius).map(|(&b, &r)| b / r).collect();
    match offset.iter().position(|offset| !offset.is_finite()) {
        None => Ok(Geometric { angles, offset, radius, signs }),
        Some(unit) => Err(Error::OffsetNotFinite { unit, scalar: T::NAME }),
    }
}

/// Weights w = r·u(θ) and biases b = λ·r of every unit: the inverse of [`to_geometric`], to a few ulp.
///
/// [`to_geometric`] gives positive radii. A negative radius, which training may produce, gives the negative of a ReLU
/// unit: r ReLU(u·x + λ) = −ReLU(|r| u·x + |r| λ). No weights and bias can express this; the unit that is returned
/// has the same boundary, but is active on the other side.
///
/// ```
/// use gmp_math::geometric::{Geometric, from_geometric};
/// // One input: the direction is a sign.
/// let layer = Geometric { angles: vec![], offset: vec![0.5], radius: vec![2.0], signs: vec![-1.0] };
/// let unit = from_geometric(&layer);
/// assert_eq!((unit.weights, unit.bias), (vec![-2.0], vec![1.0]));
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn from_geometric<T: Scalar>(layer: &Geometric<T>) -> Standard<T> {
    let Geometric { angles, offset, radius, signs } = layer;
    let units = radius.len();
    assert!(
        offset.len() == units && signs.len() == units,
        "{units} radii, {} offsets and {} signs; expected one of each per unit",
        offset.len(),
        signs.len()
    );
    let mut weights = vec![T::ZERO; angles.len() + units];
    let signed: Vec<T> = radius.iter().zip(signs).map(|(&r, &sign)| r * sign).collect();
    to_cartesian(angles, &signed, units, &mut weights);
    Standard { weights, bias: offset.iter().zip(radius).map(|(&offset, &r)| offset * r).collect() }
}
