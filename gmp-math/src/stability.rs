//! How far a parameter step can turn a boundary, exactly.
//!
//! Standard parameterization (SP) trains w itself; weight normalization (WN) and batch normalization (BN) train a v or w
//! whose direction is the unit's: for all three a step ε is taken in Cartesian coordinates, and its effect depends on
//! ‖w‖. Geometric parameterization (GmP) takes its step in angles, and the effect is bounded by the step alone.
//!
//! | | worst change for ‖ε‖₂ ≤ e | attained by |
//! |---|---|---|
//! | direction, SP, WN, BN | arcsin(e/‖w‖) for e < ‖w‖, up to π beyond | [`cartesian_worst_step`] |
//! | direction, GmP | min(e, π) | moving θ₁ alone |
//! | spatial location, GmP, with a step δ of λ, \|δ\| ≤ d | `√(d² + 2\|λ\|(\|λ\| + d)(1 − cos min(e, π)))` | θ₁ and δ = d sign λ |
//!
//! The proofs are in [`theory`](crate::theory) §4.

use crate::Scalar;
use crate::norm::{norm, scaled_norm};
use crate::sphere::{expect_len, expect_shape, rows};

/// The largest ∠(w, w + ε) over all ‖ε‖ ≤ `step` for ‖w‖ = `weight_norm`, in dimensions n ≥ 2.
///
/// arcsin(step/‖w‖) while step < ‖w‖. At step = ‖w‖ the supremum π/2 is approached, since ε = −w leaves no direction;
/// for a longer step it is π. There is no bound in `step` alone: as ‖w‖ → 0 any step can reverse the direction.
/// (In one dimension it is 0 for step < ‖w‖ and π for step > ‖w‖.) NaN where both are 0: there is no direction to turn.
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
/// The straight segment from θ to θ + ε maps to a curve of length `∫√(Σ g_i ε_i²) ≤ ‖ε‖₂` on the sphere, and the
/// geodesic is no longer. Moving θ₁ alone attains it, since g₁ = 1.
///
/// ```
/// use gmp_math::stability::geometric_worst_case;
/// assert_eq!(geometric_worst_case(0.1), 0.1);
/// assert_eq!(geometric_worst_case(4.0), std::f64::consts::PI);
/// ```
pub fn geometric_worst_case<T: Scalar>(step: T) -> T {
    if step > T::PI { T::PI } else { step }
}

/// Upper bound of ‖φ(θ + ε, λ + δ) − φ(θ, λ)‖ for φ = −λ u(θ): |δ| + |λ| ‖ε‖₂.
///
/// This is the simple form, for any n. [`geometric_location_worst_case`] is the exact value that is attained.
///
/// ```
/// assert_eq!(gmp_math::stability::geometric_location_bound(-2.0, 0.25, 0.5), 1.0);
/// ```
pub fn geometric_location_bound<T: Scalar>(offset: T, angle_step: T, offset_step: T) -> T {
    offset_step.abs() + offset.abs() * angle_step
}

/// The largest ‖φ(θ + ε, λ + δ) − φ(θ, λ)‖ over all ‖ε‖₂ ≤ `angle_step` = e and |δ| ≤ `offset_step` = d, for φ = −λ u(θ), λ =
/// `offset`: `√(d² + 2|λ|(|λ| + d)(1 − cos min(e, π)))`, for every θ and every dimension n ≥ 2; in units of φ.
///
/// With α = ∠(u(θ), u(θ + ε)), the law of cosines gives ‖Δφ‖² = λ² + (λ+δ)² − 2λ(λ+δ) cos α = δ² + 2λ(λ+δ)(1 − cos
/// α). In δ it is convex, so it is largest at an end of [−d, d]: at δ = d sign λ, by 4|λ|d(1 − cos α) above the
/// other. There it grows with α, which [`geometric_worst_case`] bounds by min(e, π). Moving θ₁ by e, or π if that is
/// less, and λ by d sign λ attains it.
///
/// The bound d + |λ|e of [`geometric_location_bound`] adds the lengths of moves along u and across it. It equals the
/// worst case if e = 0, and to first order in e if d = 0; for small steps it is up to √2 times as large (d = |λ|e),
/// and up to π/2 times for e ≤ π (d = 0, e = π). Beyond e = π the bound keeps growing, while the worst case stays at
/// d + 2|λ|.
///
/// ```
/// use gmp_math::stability::{geometric_location_bound, geometric_location_worst_case};
/// use std::f64::consts::PI;
/// // Half a turn carries φ to the other side of the origin, and the offset's step adds to the way.
/// assert_eq!(geometric_location_worst_case(-2.0, PI, 0.5), 4.5);
/// // Small steps in both go at right angles: a hypotenuse, where the bound is a sum.
/// assert!((geometric_location_worst_case(1.0_f64, 3e-9, 4e-9) - 5e-9).abs() < 1e-16);
/// assert!((geometric_location_bound(1.0_f64, 3e-9, 4e-9) - 7e-9).abs() < 1e-23);
/// ```
pub fn geometric_location_worst_case<T: Scalar>(offset: T, angle_step: T, offset_step: T) -> T {
    let [offset, step] = [offset, offset_step].map(|x| x.to_f64().abs());
    // 1 − cos α = 2 sin² (α/2) cancels nothing; roots before the product keep it in range.
    let chord = 2.0 * (geometric_worst_case(angle_step.to_f64().abs()) / 2.0).sin();
    T::from_f64(step.hypot(chord * offset.sqrt() * (offset + step).sqrt()))
}

/// Writes `√(Σ g_i ε_i²)` for every unit: the angle by which an infinitesimal step ε turns the direction.
///
/// The turn by a finite step differs from it in second order, but is never more than ‖ε‖₂.
/// `angles` and `steps` are (n−1) × h, `turns` is a row of h, in radians.
///
/// ```
/// // g = (1, sin² π/6): the second angle counts half.
/// let mut turn = [0.0];
/// gmp_math::stability::linearized_turns(&[std::f64::consts::FRAC_PI_6, 1.0], &[3e-3, 8e-3], 1, &mut turn);
/// assert!((turn[0] - 5e-3).abs() < 1e-17);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn linearized_turns<T: Scalar>(angles: &[T], steps: &[T], units: usize, turns: &mut [T]) {
    let rows = rows("angles", angles.len(), units);
    expect_shape("steps", steps.len(), rows, units);
    expect_shape("turns", turns.len(), 1, units);
    for (unit, turn) in turns.iter_mut().enumerate() {
        let lengths = (0..rows).map(|row| row * units + unit).scan(T::ONE, |product, at| {
            let length = product.to_f64() * steps[at].to_f64();
            *product *= angles[at].sin();
            Some(length)
        });
        *turn = T::from_f64(norm(lengths));
    }
}

/// Writes the step ε of length `length` < ‖w‖ that turns w the most, by arcsin(length/‖w‖).
///
/// ε is orthogonal to w + ε: seen from the origin, w + ε grazes the ball of radius `length` around w. Which of the
/// many such directions is chosen is unspecified but deterministic.
///
/// ```
/// use gmp_math::boundary::angle_between;
/// let (w, mut step) = ([0.0_f64, 2.0], [0.0; 2]);
/// gmp_math::stability::cartesian_worst_step(&w, 1.0, &mut step);
/// assert!((step[0].hypot(step[1]) - 1.0).abs() < 1e-15);
/// // arcsin ½ is 30°.
/// let turned = [w[0] + step[0], w[1] + step[1]];
/// assert!((angle_between(&w, &turned) - std::f64::consts::FRAC_PI_6).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the lengths differ, in fewer than two dimensions, or unless 0 ≤ `length` < ‖w‖ < ∞.
#[track_caller]
pub fn cartesian_worst_step<T: Scalar>(weights: &[T], length: T, step: &mut [T]) {
    let (scale, size) = scaled_norm(weights.iter().map(|w| w.to_f64()));
    let ratio = scale * length.to_f64() / size;
    assert!(
        (0.0..1.0).contains(&ratio),
        "step of length {length} for weights of norm {}; expected less",
        size / scale
    );
    // w + ε has length ‖w‖√(1 − ratio²) at the angle arcsin(ratio) from w.
    let cosine = ((1.0 - ratio) * (1.0 + ratio)).sqrt();
    towards(weights, -ratio * ratio, ratio * cosine, step);
}

/// Writes a step ε with ∠(w, w + ε) = `angle` for any angle in (0, π]: a construction that shows the instability of
/// Cartesian parameters.
///
/// While cos(angle) > 1/64, up to 1.555 rad, it is the shortest such step, of length ‖w‖ sin(angle). Beyond, it is at most
/// 1.02 ‖w‖ long, where none shorter than 0.9998 ‖w‖ would do. So for any δ > 0, a unit with ‖w‖ ≤ δ/1.02 is turned by any
/// angle in a step of norm ≤ δ.
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
    // From about the quarter turn on w + ε is a short vector. Its length is free: shorter takes less of a step, but lets the sum
    // lose more digits.
    let length = if cosine > 1.0 / 64.0 { cosine } else { 1.0 / 64.0 };
    let along = if cosine > 1.0 / 64.0 { -sine * sine } else { length * cosine - 1.0 };
    towards(weights, along, length * sine, step);
}

/// Writes along·w + across·‖w‖·e for a unit vector e orthogonal to w.
#[track_caller]
fn towards<T: Scalar>(weights: &[T], along: f64, across: f64, step: &mut [T]) {
    expect_len("step", step.len(), weights.len());
    assert!(weights.len() > 1, "{} weights; a direction turns in two dimensions or more", weights.len());
    let (scale, size) = scaled_norm(weights.iter().map(|w| w.to_f64()));
    assert!(size > 0.0 && size.is_finite(), "weights of norm {size}; expected a positive finite norm");
    let unit = |i: usize| scale * weights[i].to_f64() / size;
    // The axis least aligned with w, made orthogonal to it: no cancellation.
    let axis = (0..weights.len()).min_by(|&i, &j| unit(i).abs().total_cmp(&unit(j).abs())).unwrap_or(0);
    let overlap = unit(axis);
    let height = ((1.0 - overlap) * (1.0 + overlap)).sqrt();
    for (i, step) in step.iter_mut().enumerate() {
        let orthogonal = (f64::from(u8::from(i == axis)) - overlap * unit(i)) / height;
        *step = T::from_f64(size * (along * unit(i) + across * orthogonal) / scale);
    }
}
