//! Properties of the coordinates themselves (docs/THEORY.md §2), on which every theorem of §4 rests.

mod common;
use common::*;
use gmp_math::Scalar;
use gmp_math::sphere::*;
use proptest::prelude::*;

both!(
    /// ‖u(θ)‖ = 1 for every θ, canonical or not (§2).
    2000, directions_have_unit_norm(inputs in dimension(1), seed in any::<u64>())
);
fn directions_have_unit_norm<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let angles: Vec<T> = Draw(seed).angles(inputs);
    let excess = length(&direction(&angles)) - 1.0;
    prop_assert!(excess.abs() <= rounding::<T>(inputs), "norm − 1 = {excess:e}");
    Ok(())
}

both!(
    /// w ↦ (θ, r) ↦ r·u(θ) returns w with every sign, canonical angles and r = ‖w‖, over the whole range of the type (§2; half_sphere_angles
    /// is the error it must not share).
    2000, weights_return_from_spherical(inputs in dimension(1), seed in any::<u64>())
);
fn weights_return_from_spherical<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let weights: Vec<T> = Draw(seed).weights(inputs);
    let (mut angles, mut radius) = (vec![T::ZERO; inputs - 1], [T::ZERO]);
    to_spherical(&weights, 1, &mut angles, &mut radius).unwrap();
    prop_assert!(is_canonical(&angles, 1));
    let norm = length(&weights);
    // Half the smallest number is the rounding of a denormal.
    let (relative, absolute) = (rounding::<T>(inputs), T::MIN_POSITIVE.to_f64() * T::EPSILON.to_f64());
    prop_assert!((radius[0].to_f64() - norm).abs() <= relative * norm + absolute);
    let mut back = vec![T::ZERO; inputs];
    to_cartesian(&angles, &radius, 1, &mut back);
    if inputs == 1 {
        // Without an angle the sign is kept apart.
        let mut sign = [T::ZERO];
        signs(&weights, &mut sign);
        back[0] *= sign[0];
    }
    for (back, weight) in back.iter().zip(&weights) {
        let (back, weight) = (back.to_f64(), weight.to_f64());
        prop_assert!((back - weight).abs() <= relative * norm + absolute, "{back:e} for {weight:e}");
        prop_assert!(weight.abs() <= relative * norm + absolute || back.signum() == weight.signum());
    }
    Ok(())
}

both!(
    /// θ ↦ u(θ) ↦ θ returns canonical angles, each to the accuracy that √g_i leaves it (§2, §5).
    2000, angles_return_from_cartesian(inputs in dimension(1), seed in any::<u64>(), radius in 1e-3..1e3)
);
fn angles_return_from_cartesian<T: Scalar>(
    inputs: usize,
    seed: u64,
    radius: f64,
) -> Result<(), TestCaseError> {
    let angles: Vec<T> = Draw(seed).generic_angles(inputs);
    let mut weights = vec![T::ZERO; inputs];
    to_cartesian(&angles, &[T::from_f64(radius)], 1, &mut weights);
    let (mut back, mut norm) = (vec![T::ZERO; inputs - 1], [T::ZERO]);
    to_spherical(&weights, 1, &mut back, &mut norm).unwrap();
    let mut metrics = vec![T::ZERO; inputs - 1];
    metric(&angles, 1, &mut metrics);
    for i in 0..inputs - 1 {
        let mut error = (back[i].to_f64() - angles[i].to_f64()).abs();
        if i + 2 == inputs {
            // 0 and 2π are neighbours.
            error = error.min(std::f64::consts::TAU - error);
        }
        let turn = error * metrics[i].to_f64().sqrt();
        prop_assert!(turn <= rounding::<T>(inputs), "angle {i} off by {error:e}, that is {turn:e}");
    }
    Ok(())
}

both!(
    /// Canonical angles point where the wild ones did (§2), in whatever binade those are, and are left alone the second
    /// time.
    2000, canonical_angles_point_the_same_way(inputs in dimension(1), seed in any::<u64>())
);
fn canonical_angles_point_the_same_way<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let mut angles: Vec<T> = draw.angles(inputs);
    // In half of the cases a few angles of any size at all.
    if seed.is_multiple_of(2) {
        for angle in &mut angles {
            if draw.uniform() < 0.1 {
                *angle = T::from_f64(draw.normal() * draw.magnitude::<T>());
            }
        }
    }
    let mut canonical = angles.clone();
    canonicalize(&mut canonical, 1);
    prop_assert!(is_canonical(&canonical, 1));
    let difference: Vec<f64> =
        direction(&angles).iter().zip(&direction(&canonical)).map(|(a, b)| a.to_f64() - b.to_f64()).collect();
    prop_assert!(length(&difference) <= 2.0 * rounding::<T>(inputs), "moved by {:e}", length(&difference));
    let mut again = canonical.clone();
    canonicalize(&mut again, 1);
    prop_assert_eq!(again, canonical);
    Ok(())
}

both!(
    /// The authors' conversion (§2) returns w up to the sign of its last coordinate, which becomes +.
    2000, half_sphere_loses_the_last_sign(inputs in dimension(1), seed in any::<u64>())
);
fn half_sphere_loses_the_last_sign<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let weights: Vec<T> = Draw(seed).normals(inputs);
    let (mut angles, mut radius) = (vec![T::ZERO; inputs - 1], [T::ZERO]);
    half_sphere_angles(&weights, 1, &mut angles, &mut radius).unwrap();
    prop_assert!(angles.iter().all(|angle| *angle >= T::ZERO && *angle <= T::PI));
    let mut back = vec![T::ZERO; inputs];
    to_cartesian(&angles, &radius, 1, &mut back);
    let bound = rounding::<T>(inputs) * length(&weights);
    for k in 0..inputs {
        let expected = if k + 1 == inputs { weights[k].abs() } else { weights[k] };
        prop_assert!((back[k].to_f64() - expected.to_f64()).abs() <= bound);
    }
    Ok(())
}

both!(
    /// A layer of many units is bit for bit its units one by one: columns do not mix (the batch kernels' contract).
    2000, batches_are_their_columns(inputs in 1..40_usize, units in 1..600_usize, seed in any::<u64>())
);
#[test]
fn a_layer_too_large_to_save_its_sines_is_its_columns() {
    let (inputs, units) = (3000, 357);
    assert!(saved_len(inputs, units) < inputs * units);
    batches_are_their_columns::<f32>(inputs, units, 1).unwrap();
    batches_are_their_columns::<f64>(inputs, units, 2).unwrap();
}

#[test]
#[should_panic(expected = "angles: 5 values; expected 2 rows × 2 units = 4")]
fn the_pullback_refuses_angles_of_another_layer() {
    directions_vjp(&[0.5; 5], &[1.0; saved_len(3, 2)], 2, &[1.0; 6], &mut [0.0; 4], false);
}

fn batches_are_their_columns<T: Scalar>(inputs: usize, units: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let mut angles: Vec<T> =
        (0..(inputs - 1) * units).map(|_| T::from_f64(draw.between(-9.0, 9.0))).collect();
    // A few beyond what the vector code takes.
    angles.iter_mut().step_by(97).for_each(|angle| *angle *= T::from_f64(1e5));
    let seeds: Vec<T> = draw.normals(inputs * units);
    let (mut batch, mut saved) = (vec![T::ZERO; inputs * units], vec![T::ZERO; saved_len(inputs, units)]);
    directions_saving(&angles, units, &mut batch, &mut saved);
    let mut gradients = vec![T::ONE; angles.len()];
    directions_vjp(&angles, &saved, units, &seeds, &mut gradients, true);
    let mut assigned = vec![T::from_f64(f64::NAN); angles.len()];
    directions_vjp(&angles, &saved, units, &seeds, &mut assigned, false);
    for unit in [0, units / 2, units - 1] {
        let column = |matrix: &[T]| -> Vec<T> { matrix.iter().skip(unit).step_by(units).copied().collect() };
        prop_assert_eq!(column(&batch), direction(&column(&angles)));
        let single = vjp(&column(&angles), &column(&seeds));
        prop_assert_eq!(&column(&assigned), &single);
        prop_assert_eq!(column(&gradients), single.iter().map(|g| T::ONE + *g).collect::<Vec<T>>());
    }
    Ok(())
}

/// A unit with 100 000 inputs, in both precisions: unit norm, round trip, and a gradient that is the adjoint of the tangent.
#[test]
fn a_hundred_thousand_inputs() {
    round_trip_and_adjoint::<f32>(100_000);
    round_trip_and_adjoint::<f64>(100_000);
}

fn round_trip_and_adjoint<T: Scalar>(inputs: usize) {
    let mut draw = Draw(3);
    let weights: Vec<T> = draw.normals(inputs);
    let (mut angles, mut radius) = (vec![T::ZERO; inputs - 1], [T::ZERO]);
    to_spherical(&weights, 1, &mut angles, &mut radius).unwrap();
    let mut back = vec![T::ZERO; inputs];
    to_cartesian(&angles, &radius, 1, &mut back);
    let error: Vec<T> = back.iter().zip(&weights).map(|(b, w)| *b - *w).collect();
    assert!(length(&error) <= rounding::<T>(inputs) * length(&weights), "{:e}", length(&error));
    // Uniform in (0, 3): the products of sines underflow within a few hundred rows.
    let wild: Vec<T> = (0..inputs - 1).map(|_| T::from_f64(draw.between(0.0, 3.0))).collect();
    for angles in [angles, wild] {
        assert!((length(&direction(&angles)) - 1.0).abs() <= rounding::<T>(inputs));
        let (seed, tangent): (Vec<T>, Vec<T>) = (draw.normals(inputs), draw.normals(inputs - 1));
        let gradient = vjp(&angles, &seed);
        let mut direction_tangent = vec![T::ZERO; inputs];
        directions_jvp(&angles, 1, &tangent, &mut direction_tangent);
        let (left, right) = (dot(&gradient, &tangent), dot(&seed, &direction_tangent));
        // Independent errors of n terms add up to no more than this.
        let bound = T::EPSILON.to_f64() * length(&gradient) * length(&tangent);
        assert!((left - right).abs() <= bound, "{}: {left:e} {right:e}", T::NAME);
    }
}

/// With one input there is nothing to turn; with no units there is nothing at all.
#[test]
fn degenerate_shapes() {
    let mut u = [0.0_f64; 3];
    directions(&[], 3, &mut u);
    assert_eq!(u, [1.0; 3]);
    directions_saving(&[], 3, &mut u, &mut []);
    directions_vjp(&[], &[], 3, &u, &mut [], true);
    directions_jvp(&[], 3, &[], &mut u);
    assert_eq!(u, [0.0; 3]);
    directions::<f64>(&[], 0, &mut []);
    to_spherical::<f64>(&[], 0, &mut [], &mut []).unwrap();
    canonicalize::<f64>(&mut [], 4);
}
