//! Theorems of docs/THEORY.md §4 as properties: what a parameter step does to a boundary.

mod common;
use common::*;
use gmp_math::Scalar;
use gmp_math::boundary::{Boundary, angle_between};
use gmp_math::stability::*;
use proptest::prelude::*;
use std::f64::consts::PI;

/// θ + ε rounded to T, and the step that was really taken, to double precision.
fn stepped<T: Scalar>(angles: &[T], step: &[f64]) -> (Vec<T>, Vec<f64>) {
    let moved: Vec<T> = angles.iter().zip(step).map(|(a, e)| T::from_f64(a.to_f64() + e)).collect();
    let taken = moved.iter().zip(angles).map(|(m, a)| m.to_f64() - a.to_f64()).collect();
    (moved, taken)
}

/// Rounding of sines and of θ + ε: one ulp of the largest angle, for each of n angles in quadrature.
fn tolerance<T: Scalar>(angles: &[T]) -> f64 {
    let largest = angles.iter().fold(1.0_f64, |m, a| m.max(a.to_f64().abs()));
    rounding::<T>(angles.len() + 1) * largest
}

/// The boundaries of SP, WN and BN with these trained weights; their other parameters are arbitrary and the same.
fn cartesian_boundaries<T: Scalar>(w: &[T]) -> [Boundary<T>; 3] {
    let [gain, offset, shift] = [0.7, -0.3, 0.2].map(T::from_f64);
    [
        Boundary::new(w.to_vec(), offset),
        Boundary::weight_norm(w, gain, offset),
        Boundary::batch_norm(w, offset, -gain, shift, offset, gain),
    ]
}

/// By what angle a step from `w` to `moved` turns each of them.
fn cartesian_turns<T: Scalar>(w: &[T], moved: &[T]) -> [f64; 3] {
    let (before, after) = (cartesian_boundaries(w), cartesian_boundaries(moved));
    std::array::from_fn(|i| angle_between(&before[i].normal, &after[i].normal).to_f64())
}

fn sum<T: Scalar>(a: &[T], b: &[T]) -> Vec<T> {
    a.iter().zip(b).map(|(a, b)| *a + *b).collect()
}

both!(
    /// The paper's theorem: ∠(u(θ), u(θ+ε)) = √(Σ g_i ε_i²) + R ≤ ‖ε‖₂ for infinitesimal ε. The remainder is of
    /// second order with a constant that does not depend on θ or the dimension: |R| ≤ 2‖ε‖².
    3000, infinitesimal_steps_turn_by_the_metric(inputs in dimension(2), seed in any::<u64>(), magnitude in -6.0..-0.5)
);
fn infinitesimal_steps_turn_by_the_metric<T: Scalar>(
    inputs: usize,
    seed: u64,
    magnitude: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let angles: Vec<T> = draw.angles(inputs);
    let (moved, taken) = stepped(&angles, &draw.step(inputs - 1, 10.0_f64.powf(magnitude)));
    let step = length(&taken);
    let angle = angle_between(&direction(&angles), &direction(&moved)).to_f64();
    let mut turn = [0.0];
    let wide: Vec<f64> = angles.iter().map(|a| a.to_f64()).collect();
    linearized_turns(&wide, &taken, 1, &mut turn);
    prop_assert!((angle - turn[0]).abs() <= 2.0 * step * step + tolerance(&moved), "{angle:e} {:e}", turn[0]);
    prop_assert!(turn[0] <= step * (1.0 + 1e-12));
    Ok(())
}

both!(
    /// The theorem for every step: ∠(u(θ), u(θ+ε)) ≤ ‖ε‖₂ for EVERY finite ε, here up to some 30 turns, wherever θ is.
    5000, no_step_turns_further_than_its_norm(inputs in dimension(2), seed in any::<u64>(), magnitude in -8.0..2.3)
);
fn no_step_turns_further_than_its_norm<T: Scalar>(
    inputs: usize,
    seed: u64,
    magnitude: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let angles: Vec<T> = draw.angles(inputs);
    let (moved, taken) = stepped(&angles, &draw.step(inputs - 1, 10.0_f64.powf(magnitude)));
    let angle = angle_between(&direction(&angles), &direction(&moved)).to_f64();
    let bound = geometric_worst_case(length(&taken));
    prop_assert!(angle <= bound + tolerance(&moved), "turned {angle:e}, bound {bound:e}");
    Ok(())
}

both!(
    /// Equality: moving θ₁ alone attains the bound, ∠ = ‖ε‖ up to π, for every θ with θ₁ and θ₁ + ε anywhere on one half circle; so
    /// min(‖ε‖, π) is the exact worst case.
    2000, moving_the_first_angle_attains_the_bound(inputs in dimension(2), seed in any::<u64>(), step in 1e-6..PI)
);
fn moving_the_first_angle_attains_the_bound<T: Scalar>(
    inputs: usize,
    seed: u64,
    step: f64,
) -> Result<(), TestCaseError> {
    let angles: Vec<T> = Draw(seed).angles(inputs);
    let mut moved = angles.clone();
    moved[0] = T::from_f64(angles[0].to_f64() + step);
    let taken = moved[0].to_f64() - angles[0].to_f64();
    let angle = angle_between(&direction(&angles), &direction(&moved)).to_f64();
    prop_assert!((angle - geometric_worst_case(taken)).abs() <= tolerance(&moved), "{angle:e} {taken:e}");
    Ok(())
}

both!(
    /// Spatial location: ‖φ(θ+ε, λ+δ) − φ(θ, λ)‖ is at most the exact worst case for a step of that size, which moving θ₁ alone and λ by |δ|
    /// away from 0 attains, and which is at most |δ| + |λ| ‖ε‖₂.
    3000, spatial_locations_move_within_their_bound(
        inputs in dimension(2), seed in any::<u64>(), magnitude in -6.0..1.5, offset in -10.0..10.0, change in -6.0..1.0
    )
);
fn spatial_locations_move_within_their_bound<T: Scalar>(
    inputs: usize,
    seed: u64,
    magnitude: f64,
    offset: f64,
    change: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let angles: Vec<T> = draw.angles(inputs);
    // Sometimes no offset at all, and sometimes no step in it.
    let offset = T::from_f64(if seed.is_multiple_of(16) { 0.0 } else { offset });
    let change = if seed % 16 == 1 { 0.0 } else { 10.0_f64.powf(change) };
    let check = |angle_step: &[f64], offset_step: f64, attained: bool| {
        let (moved, taken) = stepped(&angles, angle_step);
        let after = T::from_f64(offset.to_f64() + offset_step);
        let (from, to) = (Boundary::geometric(&angles, offset), Boundary::geometric(&moved, after));
        let distance = from.change_to(&to).unwrap().1.to_f64();
        let (angle_step, offset_step) = (length(&taken), after.to_f64() - offset.to_f64());
        let worst = geometric_location_worst_case(offset.to_f64(), angle_step, offset_step);
        let rounding = (offset.to_f64().abs() + offset_step.abs()) * tolerance(&moved);
        prop_assert!(distance <= worst + rounding, "moved {distance:e}, worst {worst:e}");
        prop_assert!(!attained || distance >= worst - rounding, "moved {distance:e}, worst {worst:e}");
        let bound = geometric_location_bound(offset.to_f64(), angle_step, offset_step);
        prop_assert!(worst <= bound * (1.0 + 1e-14), "{worst:e} {bound:e}");
        if angle_step <= PI {
            prop_assert!(bound <= worst * PI / 2.0 * (1.0 + 1e-14), "{worst:e} {bound:e}");
        }
        Ok(())
    };
    let random = draw.step(inputs - 1, 10.0_f64.powf(magnitude));
    check(&random, draw.between(-change, change), false)?;
    let mut first = vec![0.0; inputs - 1];
    first[0] = 10.0_f64.powf(magnitude).min(PI);
    check(&first, change.copysign(offset.to_f64()), true)
}

both!(
    /// Cartesian parameters: for ‖ε‖ < ‖w‖ no step of the weights turns an SP, WN or BN boundary by more than arcsin(‖ε‖/‖w‖), and the
    /// constructed one turns all three by that, with that norm.
    3000, cartesian_worst_case_holds_and_is_attained(
        inputs in dimension(2), seed in any::<u64>(), ratio in 1e-3..0.999, scale in -6.0..6.0
    )
);
fn cartesian_worst_case_holds_and_is_attained<T: Scalar>(
    inputs: usize,
    seed: u64,
    ratio: f64,
    scale: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let weights: Vec<T> = draw.step(inputs, 10.0_f64.powf(scale)).iter().map(|x| T::from_f64(*x)).collect();
    let norm = length(&weights);
    // Near a quarter turn the arc sine magnifies rounding by 1/√(1 − ratio²).
    let tolerance = 4.0 * rounding::<T>(inputs) / (1.0 - ratio * ratio).sqrt();
    let worst = cartesian_worst_case(norm, ratio * norm);
    let random: Vec<T> = draw.step(inputs, ratio * norm).iter().map(|x| T::from_f64(*x)).collect();
    for angle in cartesian_turns(&weights, &sum(&weights, &random)) {
        prop_assert!(angle <= worst + tolerance, "turned {angle:e}, worst {worst:e}");
    }
    let mut step = vec![T::ZERO; inputs];
    cartesian_worst_step(&weights, T::from_f64(ratio * norm), &mut step);
    prop_assert!((length(&step) / (ratio * norm) - 1.0).abs() <= tolerance);
    for angle in cartesian_turns(&weights, &sum(&weights, &step)) {
        prop_assert!((angle - worst).abs() <= tolerance, "turned {angle:e}, worst {worst:e}");
    }
    Ok(())
}

both!(
    /// Cartesian parameters, the instability constructed: for any target angle in (0, π] and any δ > 0 there are weights small enough that
    /// a step of norm ≤ δ turns the boundary by the target. SP steps w, WN steps v and BN steps w; their other
    /// parameters are arbitrary and do not help. Short of a quarter turn no shorter step would do.
    3000, arbitrarily_small_steps_reach_any_angle(
        inputs in dimension(2), seed in any::<u64>(), target in -6.0..1.0, magnitude in -20.0..0.0
    )
);
fn arbitrarily_small_steps_reach_any_angle<T: Scalar>(
    inputs: usize,
    seed: u64,
    target: f64,
    magnitude: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    // Small angles, any angle, and half turns.
    let target = if target < 0.0 { PI * 10.0_f64.powf(target) } else { PI * (2.0 * target).min(1.0) };
    let target = T::from_f64(target.max(1e-6));
    let target = if target > T::PI { T::PI } else { target };
    let delta = 10.0_f64.powf(magnitude);
    let weights: Vec<T> = draw.step(inputs, delta / 1.02).iter().map(|x| T::from_f64(*x)).collect();
    let mut step = vec![T::ZERO; inputs];
    cartesian_step_to(&weights, target, &mut step);
    let (target, norm) = (target.to_f64(), length(&weights));
    prop_assert!(length(&step) <= delta, "{:e} > {delta:e}", length(&step));
    if target.cos() > 1.0 / 64.0 {
        let shortest = norm * target.sin();
        let tolerance = T::EPSILON.to_f64() + rounding::<f64>(inputs);
        prop_assert!((length(&step) / shortest - 1.0).abs() <= tolerance, "{shortest:e}");
    }
    let moved = sum(&weights, &step);
    // Rounding the step moves its end by a part of ‖ε‖, which is up to 65 times ‖w + ε‖; directions round too.
    let leverage = 1.0 + length(&step) / length(&moved);
    let tolerance = (T::EPSILON.to_f64() + rounding::<f64>(inputs)) * leverage;
    for angle in cartesian_turns(&weights, &moved) {
        prop_assert!((angle - target).abs() <= tolerance, "reached {angle:e} of {target:e}");
    }
    Ok(())
}

/// Cartesian parameters: a step longer than ‖w‖ has no bound but π, one shorter has; at ‖w‖ itself π/2 is approached.
#[test]
fn the_worst_case_jumps_at_the_norm() {
    assert!((cartesian_worst_case(1.0, 1.0_f64) - PI / 2.0).abs() < 1e-15);
    assert_eq!(cartesian_worst_case(1.0, 1.0_f64.next_up()), PI);
    assert_eq!(cartesian_worst_case(1e-30, 1e-29_f32), f32::PI);
    assert!(cartesian_worst_case(0.0, 0.0_f64).is_nan());
    assert_eq!(geometric_worst_case(4.0_f32), f32::PI);
    let (w, e) = ([3.0, 4.0], [-3.3, -4.4]);
    assert!((angle_between(&w, &sum(&w, &e)) - PI).abs() < 1e-15);
}

/// Adam (§5): a step of lr = 0.1 in every angle of a uniform direction has a length on the sphere of lr·√(n/2) to first order: 0.21 at
/// n = 8, 2.4 at n = 1152. The direction itself turns by 0.21 and 1.40 (medians): where the first order is large the turn saturates
/// near a right angle.
#[test]
fn a_step_in_every_angle_turns_by_root_n_halves_to_first_order() {
    for (inputs, first_order, median) in [(8, 0.21, 0.21), (1152, 2.4, 1.40)] {
        let mut draw = Draw(5);
        let (lengths, mut turns): (Vec<f64>, Vec<f64>) = (0..500)
            .map(|_| {
                let angles: Vec<f64> = draw.generic_angles(inputs);
                let step: Vec<f64> = angles.iter().map(|_| 0.1_f64.copysign(draw.normal())).collect();
                let mut length = [0.0];
                linearized_turns(&angles, &step, 1, &mut length);
                let moved = sum(&angles, &step);
                (length[0], angle_between(&direction(&angles), &direction(&moved)))
            })
            .unzip();
        turns.sort_by(f64::total_cmp);
        let mean = lengths.iter().sum::<f64>() / 500.0;
        assert!((mean / first_order - 1.0).abs() < 0.03, "{inputs}: {mean}");
        assert!((turns[250] / median - 1.0).abs() < 0.03, "{inputs}: {}", turns[250]);
    }
}

/// Along w the shortest step to an angle is −sin², which 1 − cos² would not say of a small angle.
#[test]
fn short_steps_keep_their_digits() {
    for angle in [1e-12, 1e-7, 1e-3, 0.5, 1.5] {
        let mut step = [0.0; 2];
        cartesian_step_to(&[2.0, 0.0], angle, &mut step);
        let expected = -2.0 * f64::sin(angle).powi(2);
        assert!((step[0] / expected - 1.0).abs() < 1e-14, "{step:?} at {angle}");
    }
}

/// Also of weights whose squares vanish, or are too large.
#[test]
fn steps_are_in_proportion_to_the_weights() {
    for size in [1e-320, 1e-300, 1.0, 1e300] {
        let (weights, mut step) = ([3.0 * size, 4.0 * size], [0.0; 2]);
        cartesian_step_to(&weights, 0.5, &mut step);
        let length = (step[0] / size).hypot(step[1] / size);
        assert!((length / (5.0 * f64::sin(0.5)) - 1.0).abs() < 1e-3, "{step:?} for {size}");
        assert!((angle_between(&weights, &sum(&weights, &step)) - 0.5).abs() < 1e-3);
    }
}
