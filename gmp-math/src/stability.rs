//! How far a parameter step can turn a boundary, exactly.
//!
//! Standard parameterization (SP) trains w itself; weight normalization (WN) and batch normalization (BN) train a v or w
//! whose direction is the unit's: for all three a step ε is taken in Cartesian coordinates, and what it does
//! depends on ‖w‖. Geometric parameterization (GmP) takes its step in angles, and what that does is bounded by the
//! step alone.
//!
//! | | worst change of direction for ‖ε‖₂ = e | attained by |
//! |---|---|---|
//! | SP, WN, BN | arcsin(e/‖w‖) for e < ‖w‖, up to π beyond | [`cartesian_worst_step`] |
//! | GmP | min(e, π) | moving θ₁ alone |

use crate::Scalar;
use crate::norm::norm;
use crate::sphere::{expect_shape, metric, rows};

/// The largest ∠(w, w + ε) over all ‖ε‖ ≤ `step` for ‖w‖ = `weight_norm`, in dimensions n ≥ 2.
///
/// arcsin(step/‖w‖) while step < ‖w‖. At step = ‖w‖ the supremum π/2 is approached, since ε = −w leaves no direction;
/// for a longer step it is π. There is no bound in `step` alone: as ‖w‖ → 0 any step turns the boundary around.
/// (In one dimension it is 0 for step < ‖w‖ and π for step > ‖w‖.)
///
/// ```
/// use gmp_math::stability::cartesian_worst_case;
/// use std::f64::consts::{FRAC_PI_6, PI};
/// assert!((cartesian_worst_case(2.0, 1.0) - FRAC_PI_6).abs() < 1e-15);
/// assert_eq!(cartesian_worst_case(1e-9, 1e-8), PI);
/// ```
pub fn cartesian_worst_case<T: Scalar>(weight_norm: T, step: T) -> T {
    let (norm, step) = (weight_norm.to_f64(), step.to_f64());
    T::from_f64(if step > norm { std::f64::consts::PI } else { (step / norm).asin() })
}

/// The largest ∠(u(θ), u(θ + ε)) over all ‖ε‖₂ ≤ `step`: min(step, π), for every θ and every dimension n ≥ 2.
///
/// The straight segment from θ to θ + ε maps to a curve of length ∫√(Σ g_i ε_i²) ≤ ‖ε‖₂ on the sphere, and the
/// geodesic is no longer. Moving θ₁ alone attains it, since g₁ = 1.
pub fn geometric_worst_case<T: Scalar>(step: T) -> T {
    if step < T::PI { step } else { T::PI }
}

/// Upper bound of ‖φ(θ + ε, λ + δ) − φ(θ, λ)‖ for φ = −λ u(θ): |δ| + |λ| ‖ε‖₂.
pub fn geometric_location_bound<T: Scalar>(offset: T, angle_step: T, offset_step: T) -> T {
    offset_step.abs() + offset.abs() * angle_step
}

/// Writes √(Σ g_i ε_i²) for every unit: the angle by which an infinitesimal step ε turns the direction.
///
/// A finite step differs from it in the second order, but never turns the direction by more than ‖ε‖₂.
/// `angles` and `steps` are (n−1) × h, `turns` is a row of h.
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn linearized_turns<T: Scalar>(angles: &[T], steps: &[T], units: usize, turns: &mut [T]) {
    let rows = rows("angles", angles.len(), units);
    expect_shape("steps", steps.len(), rows, units);
    expect_shape("turns", turns.len(), 1, units);
    let mut metrics = vec![T::ZERO; angles.len()];
    metric(angles, units, &mut metrics);
    for (unit, turn) in turns.iter_mut().enumerate() {
        let column = (0..rows).map(|row| row * units + unit);
        *turn = T::from_f64(norm(column.map(|at| metrics[at].to_f64().sqrt() * steps[at].to_f64())));
    }
}

/// Writes the step ε of length `length` < ‖w‖ that turns w the most, by arcsin(length/‖w‖).
///
/// ε is orthogonal to w + ε: seen from the origin, w + ε grazes the ball of radius `length` around w. Which of the many
/// such directions is chosen is unspecified but fixed.
///
/// # Panics
/// If the lengths differ, in fewer than two dimensions, or unless 0 ≤ `length` < ‖w‖ < ∞.
#[track_caller]
pub fn cartesian_worst_step<T: Scalar>(weights: &[T], length: T, step: &mut [T]) {
    let size = norm(weights.iter().map(|w| w.to_f64()));
    let ratio = length.to_f64() / size;
    assert!((0.0..1.0).contains(&ratio), "step of length {length} for weights of norm {size}; expected less");
    // w + ε has length ‖w‖√(1 − ratio²) at the angle arcsin(ratio) from w.
    let cosine = ((1.0 - ratio) * (1.0 + ratio)).sqrt();
    towards(weights, -ratio * ratio, ratio * cosine, step);
}

/// Writes a step ε with ∠(w, w + ε) = `angle` for any angle in (0, π]: the instability of Cartesian parameters,
/// constructed.
///
/// Up to π/2 it is the shortest such step, of length ‖w‖ sin(angle). Beyond, none shorter than ‖w‖ exists, and this one is
/// at most 1.02 ‖w‖ long. So for any δ > 0, a unit with ‖w‖ ≤ δ/1.02 is turned by any angle in a step of norm ≤ δ.
///
/// ```
/// use gmp_math::boundary::angle_between;
/// // A unit with small weights is turned around by a step of norm 1e-6.
/// let w = [3e-7, -4e-7];
/// let mut step = [0.0; 2];
/// gmp_math::stability::cartesian_step_to(&w, std::f64::consts::PI, &mut step);
/// let turned = [w[0] + step[0], w[1] + step[1]];
/// assert!((angle_between(&w, &turned) - std::f64::consts::PI).abs() < 1e-12);
/// assert!(step[0].hypot(step[1]) <= 1e-6);
/// ```
///
/// # Panics
/// If the lengths differ, in fewer than two dimensions, where w is zero or not finite, or unless 0 < `angle` ≤ π.
#[track_caller]
pub fn cartesian_step_to<T: Scalar>(weights: &[T], angle: T, step: &mut [T]) {
    assert!(angle > T::ZERO && angle <= T::PI, "angle {angle}; expected one in (0, π]");
    let angle = angle.to_f64();
    let (sine, cosine) = angle.sin_cos();
    // Past the quarter turn w + ε is a short vector: its length is free, and costs up to as much again.
    let length = if cosine > 1.0 / 64.0 { cosine } else { 1.0 / 64.0 };
    let along = if cosine > 1.0 / 64.0 { -sine * sine } else { length * cosine - 1.0 };
    towards(weights, along, length * sine, step);
}

/// Writes along·w + across·‖w‖·e for a unit vector e orthogonal to w.
#[track_caller]
fn towards<T: Scalar>(weights: &[T], along: f64, across: f64, step: &mut [T]) {
    expect_shape("step", step.len(), weights.len(), 1);
    assert!(weights.len() > 1, "{} weights; a direction turns in two dimensions or more", weights.len());
    let size = norm(weights.iter().map(|w| w.to_f64()));
    assert!(size > 0.0 && size.is_finite(), "weights of norm {size}; expected a positive finite norm");
    let unit = |i: usize| weights[i].to_f64() / size;
    // The axis least aligned with w, made orthogonal to it: no cancellation.
    let axis = (0..weights.len()).min_by(|&i, &j| unit(i).abs().total_cmp(&unit(j).abs())).unwrap_or(0);
    let overlap = unit(axis);
    let height = ((1.0 - overlap) * (1.0 + overlap)).sqrt();
    for (i, step) in step.iter_mut().enumerate() {
        let orthogonal = (f64::from(u8::from(i == axis)) - overlap * unit(i)) / height;
        *step = T::from_f64(size * (along * unit(i) + across * orthogonal));
    }
}
