//! Theorems of docs/THEORY.md §6 as properties: what steps without angles do to a direction.

mod common;
use common::*;
use gmp_math::Scalar;
use gmp_math::boundary::angle_between;
use gmp_math::stability::{cartesian_worst_step, geometric_worst_case};
use gmp_math::tangent::*;
use proptest::prelude::*;
use std::f64::consts::PI;

/// A random direction, and a random tangent there of about the given length: it is rounded to T, so its length is measured.
fn tangent<T: Scalar>(draw: &mut Draw, inputs: usize, length: f64) -> (Vec<T>, Vec<T>) {
    let mut u: Vec<T> = draw.normals(inputs);
    normalize(&mut u);
    let wide: Vec<f64> = u.iter().map(|x| x.to_f64()).collect();
    let mut step: Vec<f64> = draw.normals(inputs);
    project(&wide, &mut step);
    normalize(&mut step);
    // Twice: what rounding left along u is gone.
    project(&wide, &mut step);
    (u, step.into_iter().map(|x| T::from_f64(length * x)).collect())
}

fn tolerance<T: Scalar>(inputs: usize, step: f64) -> f64 {
    rounding::<T>(inputs) * step.max(1.0)
}

both!(
    /// ∠(u, exp_u ξ) ≤ min(‖ξ‖, π) for EVERY finite tangent step, and equality up to π: the distance from a multiple of 2π beyond.
    3000, a_geodesic_step_turns_by_its_length(inputs in dimension(2), seed in any::<u64>(), magnitude in -6.0..1.5)
);
fn a_geodesic_step_turns_by_its_length<T: Scalar>(
    inputs: usize,
    seed: u64,
    magnitude: f64,
) -> Result<(), TestCaseError> {
    let (before, step) = tangent::<T>(&mut Draw(seed), inputs, 10.0_f64.powf(magnitude));
    let mut after = before.clone();
    geodesic_step(&mut after, &step);
    let (turn, taken) = (angle_between(&before, &after).to_f64(), length(&step));
    let tolerance = tolerance::<T>(inputs, taken);
    prop_assert!(turn <= geometric_worst_case(taken) + tolerance, "{turn:e} of {taken:e}");
    let around = taken.rem_euclid(2.0 * PI);
    let expected = around.min(2.0 * PI - around);
    prop_assert!((turn - expected).abs() <= tolerance, "{turn:e} for {expected:e}");
    prop_assert!((length(&after) - 1.0).abs() <= rounding::<T>(inputs));
    Ok(())
}

both!(
    /// Parallel transport keeps lengths and angles, stays tangent, and comes back on the way back.
    2000, transport_keeps_lengths_and_angles(inputs in dimension(2), seed in any::<u64>(), magnitude in -6.0..0.4)
);
fn transport_keeps_lengths_and_angles<T: Scalar>(
    inputs: usize,
    seed: u64,
    magnitude: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let (before, step) = tangent::<T>(&mut draw, inputs, 10.0_f64.powf(magnitude));
    let mut vectors: [Vec<T>; 2] = [draw.normals(inputs), draw.normals(inputs)];
    vectors.iter_mut().for_each(|v| project(&before, v));
    let start = vectors.clone();
    let mut after = before.clone();
    geodesic_step(&mut after, &step);
    vectors.iter_mut().for_each(|v| transport(&before, &step, v));
    let size = start.iter().map(|v| length(v)).fold(1.0, f64::max);
    let tolerance = 4.0 * tolerance::<T>(inputs, 1.0) * size;
    for (v, start) in vectors.iter().zip(&start) {
        prop_assert!(dot(&after, v).abs() <= tolerance, "not tangent: {:e}", dot(&after, v));
        prop_assert!((length(v) - length(start)).abs() <= tolerance);
    }
    let products = [dot(&vectors[0], &vectors[1]), dot(&start[0], &start[1])];
    prop_assert!((products[0] - products[1]).abs() <= tolerance * size, "{products:?}");
    // The step is carried along itself, and its negative leads back.
    let mut back = step.clone();
    transport(&before, &step, &mut back);
    back.iter_mut().for_each(|x| *x = -*x);
    transport(&after, &back, &mut vectors[0]);
    geodesic_step(&mut after, &back);
    let off = |a: &[T], b: &[T]| {
        a.iter().zip(b).map(|(a, b)| (a.to_f64() - b.to_f64()).powi(2)).sum::<f64>().sqrt()
    };
    prop_assert!(off(&after, &before) <= tolerance && off(&vectors[0], &start[0]) <= 2.0 * tolerance);
    Ok(())
}

both!(
    /// ∠(u, (u+ε)/‖u+ε‖) ≤ arcsin ‖ε‖ for every ε shorter than 1, which the worst step attains.
    2000, a_projected_step_turns_within_its_bound(inputs in dimension(2), seed in any::<u64>(), size in 1e-6..0.95)
);
fn a_projected_step_turns_within_its_bound<T: Scalar>(
    inputs: usize,
    seed: u64,
    size: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let (before, _) = tangent::<T>(&mut draw, inputs, 1.0);
    let turned = |step: &[T]| {
        let mut after = before.clone();
        projected_step(&mut after, step);
        angle_between(&before, &after).to_f64()
    };
    let any: Vec<T> = draw.step(inputs, size).into_iter().map(T::from_f64).collect();
    let tolerance = 4.0 * tolerance::<T>(inputs, 1.0);
    let bound = projected_worst_case(length(&any));
    prop_assert!(turned(&any) <= bound + tolerance, "{:e} {bound:e}", turned(&any));
    let mut worst = vec![T::ZERO; inputs];
    cartesian_worst_step(&before, T::from_f64(size), &mut worst);
    let bound = projected_worst_case(size);
    // Near a step of 1 the bound is steep in the step.
    prop_assert!(
        (turned(&worst) - bound).abs() <= tolerance / (1.0 - size),
        "{:e} {bound:e}",
        turned(&worst)
    );
    Ok(())
}

both!(
    /// A tangent step of any length turns by arctan ‖ε‖ exactly: less than ‖ε‖, and never by a right angle.
    2000, a_tangential_step_turns_by_its_arc_tangent(inputs in dimension(2), seed in any::<u64>(), magnitude in -6.0..6.0)
);
fn a_tangential_step_turns_by_its_arc_tangent<T: Scalar>(
    inputs: usize,
    seed: u64,
    magnitude: f64,
) -> Result<(), TestCaseError> {
    let (before, step) = tangent::<T>(&mut Draw(seed), inputs, 10.0_f64.powf(magnitude));
    let mut after = before.clone();
    projected_step(&mut after, &step);
    let (turn, taken) = (angle_between(&before, &after).to_f64(), length(&step));
    let tolerance = 2.0 * tolerance::<T>(inputs, 1.0);
    prop_assert!((turn - tangential_turn(taken)).abs() <= tolerance, "{turn:e} {taken:e}");
    prop_assert!(turn <= taken + tolerance && turn <= PI / 2.0 + tolerance);
    Ok(())
}

#[test]
fn what_has_no_direction_stays() {
    let mut u = [1.0_f64, 0.0];
    projected_step(&mut u, &[-1.0, 0.0]);
    geodesic_step(&mut u, &[0.0, 0.0]);
    assert_eq!(u, [1.0, 0.0]);
    let mut none = [0.0_f32; 3];
    normalize(&mut none);
    assert_eq!(none, [0.0; 3]);
    assert_eq!(projected_worst_case(1.5_f64), PI);
}
