//! Characteristic activation boundaries: the hyperplanes where ReLU units switch between active and inactive.
//!
//! The unit ReLU(w·x + b) is active on one side of the hyperplane B = {x : w·x + b = 0}. Its spatial location
//! φ = −b w/‖w‖² is the point of B nearest to the origin, at distance |b|/‖w‖.
//!
//! [`Boundary`] is the boundary of one unit. The functions of this module compute the same for all units of a layer
//! at once: [`turns`] and [`location_changes`] say how far a parameter step moved every boundary, with the values
//! that [`Boundary::change_to`] gives unit by unit.

mod layer;

pub use layer::{
    boundaries, location_changes, location_changes_into, spatial_locations, turns, turns_into,
    turns_of_angles,
};

use crate::Scalar;
use crate::norm::{norm, scaled_norm};
use crate::sphere::{directions, expect_len};

/// The boundary {x : normal·x + offset = 0} of one unit, which is active where normal·x + offset > 0.
///
/// ```
/// use gmp_math::boundary::Boundary;
/// let boundary = Boundary::new(vec![3.0, 4.0], -10.0);
/// assert_eq!(boundary.spatial_location(), Some(vec![1.2, 1.6]));
/// assert_eq!(boundary.signed_distance(&[0.0, 0.0]), Some(-2.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Boundary<T> {
    /// The weights w. Scaling them by any positive number gives the same boundary if `offset` is scaled too.
    pub normal: Vec<T>,
    /// The offset b, in units of ‖w‖ times the inputs' unit.
    pub offset: T,
}

impl<T: Scalar> Boundary<T> {
    /// The boundary of ReLU(w·x + b): the standard parameterization.
    ///
    /// ```
    /// let boundary = gmp_math::boundary::Boundary::new(vec![2.0, 0.0], -1.0);
    /// assert_eq!(boundary.direction(), Some(vec![1.0, 0.0]));
    /// ```
    pub fn new(normal: Vec<T>, offset: T) -> Self {
        Self { normal, offset }
    }

    /// The boundary of ReLU(ℓ (v/‖v‖)·x + b): weight normalization with gain ℓ.
    ///
    /// If v or ℓ is zero there is no direction, and the boundary has none either.
    ///
    /// ```
    /// use gmp_math::boundary::Boundary;
    /// let boundary = Boundary::weight_norm(&[3.0, 4.0], -2.0, 1.0);
    /// assert_eq!((boundary.normal, boundary.offset), (vec![-1.2, -1.6], 1.0));
    /// ```
    pub fn weight_norm(v: &[T], gain: T, offset: T) -> Self {
        let unit = normalizer(v.iter().copied());
        let normal = v.iter().map(|v| T::from_f64(gain.to_f64() * unit(*v))).collect();
        Self { normal, offset }
    }

    /// The boundary of ReLU(γ (w·x + b − μ)/√(σ²+ϵ) + β): batch normalization with gain γ, shift β, mean μ of w·x + b and
    /// deviation √(σ²+ϵ).
    ///
    /// That is w·x + b − μ + β√(σ²+ϵ)/γ = 0, negated if γ < 0 so that the active side is kept. With γ = 0 the unit is
    /// constant: the offset is not finite and there is no boundary.
    ///
    /// ```
    /// use gmp_math::boundary::Boundary;
    /// // −2 (3x₁ + 4x₂ + 1 − 6)/4 + 5 is active where −3x₁ − 4x₂ + 15 > 0.
    /// let boundary = Boundary::batch_norm(&[3.0, 4.0], 1.0, -2.0, 5.0, 6.0, 4.0);
    /// assert_eq!((boundary.normal, boundary.offset), (vec![-3.0, -4.0], 15.0));
    /// ```
    pub fn batch_norm(weights: &[T], offset: T, gain: T, shift: T, mean: T, deviation: T) -> Self {
        let sign = T::ONE.copysign(gain);
        let offset = sign * (offset - mean + shift * deviation / gain);
        Self { normal: weights.iter().map(|w| sign * *w).collect(), offset }
    }

    /// The boundary of r ReLU(u(θ)·x + λ): geometric parameterization. The radius does not move it.
    ///
    /// `offset` is λ = b/r, not the bias b; [`to_geometric`](crate::geometric::to_geometric) computes angles and
    /// offsets from weights and biases.
    ///
    /// With one input there is no angle, and u = +1. A unit whose stored sign is −1 has the boundary of weight −1.
    ///
    /// ```
    /// use gmp_math::boundary::Boundary;
    /// let boundary = Boundary::geometric(&[0.0_f64], -2.0);
    /// assert_eq!(boundary.spatial_location(), Some(vec![2.0, 0.0]));
    /// // One input: r ReLU(x − 2), and with the other sign r ReLU(−x − 2).
    /// assert_eq!(Boundary::geometric(&[], -2.0).crossing(), Some(2.0));
    /// assert_eq!(Boundary::new(vec![-1.0], -2.0).crossing(), Some(-2.0));
    /// ```
    pub fn geometric(angles: &[T], offset: T) -> Self {
        let mut normal = vec![T::ZERO; angles.len() + 1];
        directions(angles, 1, &mut normal);
        Self { normal, offset }
    }

    /// How a parameter step moved the boundary: the angle between the directions before and after, in radians, and the
    /// distance between the spatial locations. None where either boundary has no spatial location.
    ///
    /// ```
    /// use gmp_math::boundary::Boundary;
    /// let before = Boundary::new(vec![1.0, 0.0], -1.0);
    /// let after = Boundary::new(vec![0.0, 2.0], -2.0);
    /// let right = std::f64::consts::FRAC_PI_2;
    /// assert_eq!(before.change_to(&after), Some((right, 2.0_f64.sqrt())));
    /// ```
    ///
    /// # Panics
    /// Unless both have the same number of dimensions.
    #[track_caller]
    pub fn change_to(&self, after: &Self) -> Option<(T, T)> {
        expect_len("the normal after", after.normal.len(), self.normal.len());
        let (before, after) =
            ((self.normal.iter().copied(), self.offset), (after.normal.iter().copied(), after.offset));
        let change = location_change(before.clone(), after.clone())?;
        Some((angle(before.0, after.0), change))
    }

    /// The unit normal w/‖w‖, towards the active side; None where all weights are zero or a
    /// weight or the offset is not finite.
    pub fn direction(&self) -> Option<Vec<T>> {
        let (direction, _) = self.unit_form()?;
        Some(direction)
    }

    /// The point of the boundary nearest to the origin, φ = −b w/‖w‖²; None where there is no direction or its
    /// distance
    /// |b|/‖w‖ is beyond the type's range.
    pub fn spatial_location(&self) -> Option<Vec<T>> {
        Some(location(self.normal.iter().copied(), self.offset)?.collect())
    }

    /// Distance of `point` from the boundary, positive on the active side: (w·x + b)/‖w‖. None where there is no direction.
    ///
    /// ```
    /// use gmp_math::boundary::Boundary;
    /// assert_eq!(Boundary::new(vec![0.0, 2.0], -2.0).signed_distance(&[5.0, 4.0]), Some(3.0));
    /// ```
    ///
    /// # Panics
    /// Unless the point has as many coordinates as the normal.
    #[track_caller]
    pub fn signed_distance(&self, point: &[T]) -> Option<T> {
        expect_len("point", point.len(), self.normal.len());
        let (direction, offset) = self.unit_form()?;
        Some(direction.iter().zip(point).fold(offset, |sum, (u, x)| u.mul_add(*x, sum)))
    }

    /// In one dimension, the input at which the unit switches: −b/w. None in more, or where w = 0.
    ///
    /// ```
    /// use gmp_math::boundary::Boundary;
    /// assert_eq!(Boundary::new(vec![2.0], -1.0).crossing(), Some(0.5));
    /// assert_eq!(Boundary::new(vec![2.0, 1.0], -1.0).crossing(), None);
    /// ```
    pub fn crossing(&self) -> Option<T> {
        match self.normal[..] {
            [weight] if weight != T::ZERO => Some(-self.offset / weight + T::ZERO),
            _ => None,
        }
    }

    /// Whether the boundary passes through the axis-aligned box between `lower` and `upper`: whether its corners
    /// lie on both sides.
    ///
    /// Only the two corners furthest along ±w have to be checked, so the cost is O(n), not 2ⁿ.
    ///
    /// ```
    /// use gmp_math::boundary::Boundary;
    /// let boundary = Boundary::new(vec![1.0, 1.0], -1.0);
    /// assert!(boundary.intersects_box(&[0.0, 0.0], &[1.0, 1.0]));
    /// assert!(!boundary.intersects_box(&[0.6, 0.6], &[1.0, 1.0]));
    /// ```
    ///
    /// # Panics
    /// Unless both corners have as many coordinates as the normal.
    #[track_caller]
    pub fn intersects_box(&self, lower: &[T], upper: &[T]) -> bool {
        expect_len("lower", lower.len(), self.normal.len());
        expect_len("upper", upper.len(), self.normal.len());
        let (mut least, mut most) = (self.offset, self.offset);
        for ((weight, lower), upper) in self.normal.iter().zip(lower).zip(upper) {
            let (near, far) = if *weight > T::ZERO { (*lower, *upper) } else { (*upper, *lower) };
            least = weight.mul_add(near, least);
            most = weight.mul_add(far, most);
        }
        least <= T::ZERO && most >= T::ZERO
    }

    /// In two dimensions, the two end points of the part of the line inside the box, for drawing.
    ///
    /// None where the line misses the box, the unit has another dimension, or there is no direction.
    ///
    /// ```
    /// use gmp_math::boundary::Boundary;
    /// let diagonal = Boundary::new(vec![1.0, -1.0], 0.0);
    /// assert_eq!(diagonal.clip_to_box([-1.0, -2.0], [3.0, 2.0]), Some([[-1.0, -1.0], [2.0, 2.0]]));
    /// ```
    pub fn clip_to_box(&self, lower: [T; 2], upper: [T; 2]) -> Option<[[T; 2]; 2]> {
        let (direction, offset) = self.unit_form()?;
        let [u, v] = direction[..] else { return None };
        // Liang and Barsky: the line is φ + t·(v, −u); each pair of sides bounds t.
        let start = [-offset * u, -offset * v];
        let along = [v, -u];
        let (mut from, mut to) = (None::<T>, None::<T>);
        for axis in 0..2 {
            if along[axis] == T::ZERO {
                if start[axis] < lower[axis] || start[axis] > upper[axis] {
                    return None;
                }
                continue;
            }
            let a = (lower[axis] - start[axis]) / along[axis];
            let b = (upper[axis] - start[axis]) / along[axis];
            let (a, b) = if a < b { (a, b) } else { (b, a) };
            from = Some(from.map_or(a, |from| from.max(a)));
            to = Some(to.map_or(b, |to| if to < b { to } else { b }));
        }
        let (from, to) = (from?, to?);
        if from > to {
            return None;
        }
        let inside = |t: T, axis: usize| {
            let x = along[axis].mul_add(t, start[axis]);
            // Rounding may step over the side that the end lies on.
            if x < lower[axis] {
                lower[axis]
            } else if x > upper[axis] {
                upper[axis]
            } else {
                x
            }
        };
        let mut ends = [from, to].map(|t| [inside(t, 0), inside(t, 1)]);
        if (ends[1][0], ends[1][1]) < (ends[0][0], ends[0][1]) {
            ends.swap(0, 1);
        }
        Some(ends)
    }

    /// w/‖w‖ and b/‖w‖.
    fn unit_form(&self) -> Option<(Vec<T>, T)> {
        let (direction, offset) = unit_form(self.normal.iter().copied(), self.offset)?;
        Some((direction.collect(), offset))
    }
}

/// w/‖w‖, coordinate by coordinate, and b/‖w‖; none where w has no direction or a number is not finite.
fn unit_form<T: Scalar>(
    weights: impl Iterator<Item = T> + Clone,
    offset: T,
) -> Option<(impl Iterator<Item = T> + Clone, T)> {
    let unit = normalizer(weights.clone());
    let scaled = unit(offset);
    // NaN without a norm; infinite where the boundary is too far away for the type.
    (offset.is_finite() && !scaled.is_nan())
        .then(|| (weights.map(move |w| T::from_f64(unit(w))), T::from_f64(scaled)))
}

/// φ = −b w/‖w‖², coordinate by coordinate; none where there is no direction or it is too far away for the type.
fn location<T: Scalar>(
    weights: impl Iterator<Item = T> + Clone,
    offset: T,
) -> Option<impl Iterator<Item = T> + Clone> {
    let (direction, offset) = unit_form(weights, offset)?;
    // Adding zero leaves no −0 for a boundary through the origin.
    offset.is_finite().then(|| direction.map(move |u| -offset * u + T::ZERO))
}

/// The distance between the spatial locations of (w, b) before and after.
fn location_change<T: Scalar>(
    before: (impl Iterator<Item = T> + Clone, T),
    after: (impl Iterator<Item = T> + Clone, T),
) -> Option<T> {
    let (from, to) = (location(before.0, before.1)?, location(after.0, after.1)?);
    Some(T::from_f64(norm(from.zip(to).map(|(from, to)| to.to_f64() - from.to_f64()))))
}

/// The angle between two vectors in radians, in [0, π], accurate to a few ulp even if it is tiny or nearly π.
///
/// Kahan: 2 atan2(‖a/‖a‖ − b/‖b‖‖, ‖a/‖a‖ + b/‖b‖‖). The arc cosine of the inner product would lose half of
/// the digits of a small angle. NaN where a vector is zero or not finite.
///
/// ```
/// let angle = gmp_math::boundary::angle_between(&[1.0, 0.0], &[1.0, 1e-20]);
/// assert_eq!(angle, 1e-20);
/// ```
///
/// # Panics
/// Unless both vectors have the same length.
#[track_caller]
pub fn angle_between<T: Scalar>(a: &[T], b: &[T]) -> T {
    expect_len("b", b.len(), a.len());
    angle(a.iter().copied(), b.iter().copied())
}

fn angle<T: Scalar>(a: impl Iterator<Item = T> + Clone, b: impl Iterator<Item = T> + Clone) -> T {
    let (unit_a, unit_b) = (normalizer(a.clone()), normalizer(b.clone()));
    let pairs = a.zip(b).map(|(a, b)| (unit_a(a), unit_b(b)));
    let difference = norm(pairs.clone().map(|(a, b)| a - b));
    let sum = norm(pairs.map(|(a, b)| a + b));
    T::from_f64(2.0 * difference.atan2(sum))
}

/// x ↦ x/‖w‖, accurate also where ‖w‖ is past the range or denormal; to NaN where w is zero or not finite.
fn normalizer<T: Scalar>(w: impl Iterator<Item = T> + Clone) -> impl Fn(T) -> f64 + Copy {
    let (scale, norm) = scaled_norm(w.map(|w| w.to_f64()));
    let norm = if norm > 0.0 && norm.is_finite() { norm } else { f64::NAN };
    move |x| scale * x.to_f64() / norm
}
