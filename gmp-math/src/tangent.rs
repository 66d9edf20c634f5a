//! Steps of unit vectors without angles, and their exact effect on a direction.
//!
//! Two ways to keep a direction u on the sphere have the same guarantee as angles, a turn that is bounded by the step
//! alone:
//!
//! | step | turn | worst case for ‖ε‖ ≤ e |
//! |---|---|---|
//! | [`geodesic_step`]: along the great circle of a tangent ξ | ‖ξ‖, exactly, up to π | min(e, π) |
//! | [`projected_step`]: u + ε, rescaled to length 1 | arctan ‖ε‖ if ε is tangent | arcsin e for e < 1, arctan e for tangent steps |
//!
//! The proofs are in [`theory`](crate::theory) §6.

use crate::Scalar;
use crate::norm::{norm, scaled_norm};
use crate::sphere::expect_len;

/// Subtracts from `vector` its component along `direction`, a unit vector: the result is tangent to the sphere there.
///
/// ```
/// let mut vector = [3.0, 4.0];
/// gmp_math::tangent::project(&[0.0, 1.0], &mut vector);
/// assert_eq!(vector, [3.0, 0.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn project<T: Scalar>(direction: &[T], vector: &mut [T]) {
    expect_len("vector", vector.len(), direction.len());
    let along = dot(direction, vector);
    for (v, u) in vector.iter_mut().zip(direction) {
        *v = T::from_f64(v.to_f64() - along * u.to_f64());
    }
}

/// Moves the unit vector `direction` along the great circle of the tangent `step` ξ, by ‖ξ‖ radians: `u cos ‖ξ‖ + ξ sin ‖ξ‖/‖ξ‖`, which
/// is the exponential map of the sphere.
///
/// So the turn is exactly ‖ξ‖ as long as that is at most π; beyond, the direction continues along the circle. The
/// result is rescaled to length 1, so that rounding errors do not accumulate from step to step.
///
/// ```
/// use gmp_math::boundary::angle_between;
/// let mut u = [0.0, 1.0, 0.0];
/// gmp_math::tangent::geodesic_step(&mut u, &[0.3, 0.0, -0.4]);
/// assert!((angle_between(&u, &[0.0, 1.0, 0.0]) - 0.5_f64).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn geodesic_step<T: Scalar>(direction: &mut [T], step: &[T]) {
    expect_len("step", step.len(), direction.len());
    let length = norm(step.iter().map(|x| x.to_f64()));
    if length == 0.0 {
        return;
    }
    let (sine, cosine) = length.sin_cos();
    for (u, &x) in direction.iter_mut().zip(step) {
        *u = T::from_f64(u.to_f64() * cosine + x.to_f64() / length * sine);
    }
    normalize(direction);
}

/// Carries `vector`, tangent at the unit vector `direction`, along the great circle of the tangent `step`, to where [`geodesic_step`]
/// goes: parallel transport. It stays tangent, keeps its length and its angles to other vectors that are transported,
/// and `step` itself stays the direction of travel.
///
/// With t = ‖ξ‖ and e = ξ/t it is `v − ⟨e, v⟩ (u sin t + e (1 − cos t))`.
///
/// ```
/// // A quarter turn from x to y: what pointed along y points along −x, and what stood upright still does.
/// let mut vector = [0.0_f64, 2.0, 1.0];
/// let quarter = std::f64::consts::FRAC_PI_2;
/// gmp_math::tangent::transport(&[1.0, 0.0, 0.0], &[0.0, quarter, 0.0], &mut vector);
/// assert!((vector[0] + 2.0).abs() < 1e-15 && vector[1].abs() < 1e-15 && vector[2] == 1.0);
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn transport<T: Scalar>(direction: &[T], step: &[T], vector: &mut [T]) {
    expect_len("step", step.len(), direction.len());
    expect_len("vector", vector.len(), direction.len());
    let length = norm(step.iter().map(|x| x.to_f64()));
    if length == 0.0 {
        return;
    }
    let (sine, cosine) = length.sin_cos();
    let along = dot(step, vector) / length;
    // 1 − cos t = 2 sin² (t/2) cancels nothing.
    let versine = if cosine > 0.0 { 2.0 * (length / 2.0).sin().powi(2) } else { 1.0 - cosine };
    for ((v, &u), &x) in vector.iter_mut().zip(direction).zip(step) {
        let change = u.to_f64() * sine + x.to_f64() / length * versine;
        *v = T::from_f64(v.to_f64() - along * change);
    }
}

/// Moves the unit vector `direction` by `step` ε and rescales it to length 1: (u + ε)/‖u + ε‖. If u + ε is 0 there is
/// no direction, and u is unchanged.
///
/// ```
/// let mut u = [1.0, 0.0];
/// gmp_math::tangent::projected_step(&mut u, &[0.0, 0.75]);
/// assert_eq!(u, [0.8, 0.6]); // a turn of arctan 0.75
/// ```
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn projected_step<T: Scalar>(direction: &mut [T], step: &[T]) {
    expect_len("step", step.len(), direction.len());
    let sum = direction.iter().zip(step).map(|(u, x)| u.to_f64() + x.to_f64());
    let (scale, size) = scaled_norm(sum);
    if size > 0.0 && size.is_finite() {
        for (u, x) in direction.iter_mut().zip(step) {
            *u = T::from_f64(scale * (u.to_f64() + x.to_f64()) / size);
        }
    }
}

/// Rescales a vector to length 1; a vector of zeros, or with numbers that are not finite, is unchanged.
///
/// ```
/// let mut v = [3.0, 4.0];
/// gmp_math::tangent::normalize(&mut v);
/// assert_eq!(v, [0.6, 0.8]);
/// ```
pub fn normalize<T: Scalar>(vector: &mut [T]) {
    let (scale, size) = scaled_norm(vector.iter().map(|x| x.to_f64()));
    if size > 0.0 && size.is_finite() {
        vector.iter_mut().for_each(|x| *x = T::from_f64(scale * x.to_f64() / size));
    }
}

/// The largest turn of a [`projected_step`] over all ‖ε‖ ≤ `step`, in dimensions n ≥ 2: arcsin(step) for a step shorter than 1, and π for a
/// longer one. Because the direction has length 1, [`cartesian_worst_case`](crate::stability::cartesian_worst_case)
/// becomes a bound in the step alone.
///
/// ```
/// use std::f64::consts::FRAC_PI_6;
/// assert!((gmp_math::tangent::projected_worst_case(0.5_f64) - FRAC_PI_6).abs() < 1e-15);
/// ```
pub fn projected_worst_case<T: Scalar>(step: T) -> T {
    crate::stability::cartesian_worst_case(T::ONE, step)
}

/// The turn of a [`projected_step`] whose step is tangent and of this length: arctan(step), less than the step and less than a right
/// angle, however long the step is.
///
/// ```
/// assert!(gmp_math::tangent::tangential_turn(1e9_f64) < std::f64::consts::FRAC_PI_2);
/// ```
pub fn tangential_turn<T: Scalar>(step: T) -> T {
    T::from_f64(step.to_f64().atan())
}

fn dot<T: Scalar>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}
