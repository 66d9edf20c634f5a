//! Properties of boundaries: the definitions of B and φ (docs/THEORY.md §1) and the boundary of each parameterization (§3).

mod common;
use common::*;
use gmp_math::Scalar;
use gmp_math::boundary::{Boundary, angle_between, spatial_locations};
use proptest::prelude::*;

both!(
    /// φ lies on B, is a multiple of w, and no point of B is nearer to the origin (§1), for weights of every size that the type
    /// holds, also where their norm is past its range; the batch gives the same points.
    2000, spatial_location_is_the_nearest_point(inputs in 1..=512_usize, seed in any::<u64>(), distance in -5.0..5.0)
);
fn spatial_location_is_the_nearest_point<T: Scalar>(
    inputs: usize,
    seed: u64,
    distance: f64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let size = draw.magnitude::<T>();
    let mut weights: Vec<T> = (0..inputs).map(|_| T::from_f64(draw.normal() * size)).collect();
    if weights.iter().all(|w| *w == T::ZERO) {
        weights[0] = T::from_f64(size);
    }
    // By a power of two to where their norm has all its digits.
    let scale = size.log2().round().clamp(-1000.0, 1000.0).exp2().recip();
    let norm = length(&weights.iter().map(|w| scale * w.to_f64()).collect::<Vec<f64>>());
    let offset = T::from_f64((distance * norm / scale).clamp(-size, size));
    let boundary = Boundary::new(weights.clone(), offset);
    let (location, direction) = (boundary.spatial_location().unwrap(), boundary.direction().unwrap());
    let bound = rounding::<T>(inputs) * (1.0 + length(&location));
    prop_assert!(boundary.signed_distance(&location).unwrap().to_f64().abs() <= bound);
    prop_assert!((length(&location) - (scale * offset.to_f64() / norm).abs()).abs() <= bound);
    prop_assert!((length(&direction) - 1.0).abs() <= bound);
    prop_assert!((dot(&location, &direction).abs() - length(&location)).abs() <= bound);
    // Any other point of B: move by a vector along it.
    let along: Vec<T> = draw.normals(inputs);
    let slope = dot(&along, &direction);
    let other: Vec<f64> = (0..inputs)
        .map(|i| location[i].to_f64() + along[i].to_f64() - slope * direction[i].to_f64())
        .collect();
    prop_assert!(length(&other) >= length(&location) - bound);
    let mut batch = vec![T::ZERO; inputs];
    spatial_locations(&weights, &[offset], 1, &mut batch);
    let error: Vec<f64> = batch.iter().zip(&location).map(|(a, b)| a.to_f64() - b.to_f64()).collect();
    prop_assert!(length(&error) <= bound);
    Ok(())
}

both!(
    /// At a random point, each parameterization's unit is active exactly where its effective boundary says (§3).
    2000, effective_boundaries_agree_with_their_units(inputs in 1..=64_usize, seed in any::<u64>())
);
fn effective_boundaries_agree_with_their_units<T: Scalar>(
    inputs: usize,
    seed: u64,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let [weights, point]: [Vec<T>; 2] = [draw.normals(inputs), draw.normals(inputs)];
    let [offset, gain, shift, mean] = [(); 4].map(|()| draw.normal());
    let deviation = draw.between(0.1, 3.0);
    let [b, l, beta, mu, sigma] = [offset, gain, shift, mean, deviation].map(T::from_f64);
    let [b64, l64, beta64, mu64, sigma64] = [b, l, beta, mu, sigma].map(|x| x.to_f64());
    let product = dot(&weights, &point);
    let check = |boundary: Boundary<T>, before_relu: f64| {
        let distance = boundary.signed_distance(&point).unwrap().to_f64();
        // Close to the boundary rounding decides.
        if before_relu.abs() > 1e-3 {
            prop_assert_eq!(distance > 0.0, before_relu > 0.0, "{:?} {}", boundary, before_relu);
        }
        Ok(())
    };
    check(Boundary::new(weights.clone(), b), product + b64)?;
    check(Boundary::weight_norm(&weights, l, b), l64 * product / length(&weights) + b64)?;
    let normalized = l64 * (product + b64 - mu64) / sigma64 + beta64;
    if l64.abs() > 1e-2 {
        check(Boundary::batch_norm(&weights, b, l, beta, mu, sigma), normalized)?;
    }
    let angles: Vec<T> = draw.angles(inputs.max(2));
    let u = direction(&angles);
    if inputs > 1 {
        check(Boundary::geometric(&angles, b), dot(&u, &point) + b64)?;
    }
    Ok(())
}

both!(
    /// The box test agrees with the signs of all 2ⁿ corners, and in the plane with the clipped segment, whose ends lie on the
    /// line and in the box.
    2000, boxes_agree_with_their_corners(inputs in 1..=8_usize, seed in any::<u64>())
);
fn boxes_agree_with_their_corners<T: Scalar>(inputs: usize, seed: u64) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    let boundary = Boundary::new(draw.normals::<T>(inputs), T::from_f64(2.0 * draw.normal()));
    let lower: Vec<T> = draw.normals(inputs);
    let upper: Vec<T> = lower.iter().map(|x| *x + T::from_f64(draw.between(0.1, 2.0))).collect();
    let distances: Vec<f64> = (0..1_u32 << inputs)
        .map(|corner| {
            let pick = |i: usize| if corner >> i & 1 == 1 { upper[i] } else { lower[i] };
            boundary.signed_distance(&(0..inputs).map(pick).collect::<Vec<T>>()).unwrap().to_f64()
        })
        .collect();
    // A corner that rounding puts on the boundary may go either way.
    prop_assume!(distances.iter().all(|d| d.abs() > 1e-5));
    let crosses = distances.iter().any(|d| *d < 0.0) && distances.iter().any(|d| *d > 0.0);
    prop_assert_eq!(boundary.intersects_box(&lower, &upper), crosses);
    if inputs == 2 {
        let segment = boundary.clip_to_box([lower[0], lower[1]], [upper[0], upper[1]]);
        prop_assert_eq!(segment.is_some(), crosses);
        for end in segment.iter().flatten() {
            prop_assert!((0..2).all(|axis| end[axis] >= lower[axis] && end[axis] <= upper[axis]));
            let distance = boundary.signed_distance(end).unwrap().to_f64();
            prop_assert!(distance.abs() <= 1e2 * T::EPSILON.to_f64(), "{distance:e}");
        }
    }
    Ok(())
}

both!(
    /// ∠ of vectors built to be at a known angle, from 1e-30 up and from π down and at norms over the whole range of the type,
    /// to relative accuracy; symmetric, and 0 to itself.
    2000, angles_are_accurate_at_both_ends(
        inputs in 2..=512_usize, seed in any::<u64>(), magnitude in -30.0..0.4, opposite in any::<bool>()
    )
);
fn angles_are_accurate_at_both_ends<T: Scalar>(
    inputs: usize,
    seed: u64,
    magnitude: f64,
    opposite: bool,
) -> Result<(), TestCaseError> {
    let mut draw = Draw(seed);
    // Two axes, exactly orthogonal: b = ±cos α e_i + sin α e_j.
    let (i, alpha) = ((draw.uniform() * (inputs - 1) as f64) as usize, 10.0_f64.powf(magnitude));
    let (mut a, mut b) = (vec![T::ZERO; inputs], vec![T::ZERO; inputs]);
    a[i] = T::from_f64(draw.magnitude::<T>());
    let size = draw.magnitude::<T>();
    b[i] = T::from_f64(size * if opposite { -alpha.cos() } else { alpha.cos() });
    b[i + 1] = T::from_f64(size * alpha.sin());
    let expected = b[i + 1].to_f64().atan2(b[i].to_f64());
    let found = angle_between(&a, &b);
    prop_assert!(
        (found.to_f64() - expected).abs() <= 4.0 * T::EPSILON.to_f64() * expected,
        "{found:e} {expected:e}"
    );
    prop_assert_eq!(angle_between(&b, &a), found);
    prop_assert_eq!(angle_between(&b, &b), T::ZERO);
    Ok(())
}

/// Vectors whose norm is past the range of a double, or a denormal of one digit, have directions all the same.
#[test]
fn directions_at_the_ends_of_the_range() {
    use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4};
    assert_eq!(angle_between(&[1.7e308, 1.7e308], &[-1.7e308, 1.7e308]), FRAC_PI_2);
    assert!((angle_between(&[5e-324, 5e-324], &[1.0, 0.0]) - FRAC_PI_4).abs() < 1e-15);
    for size in [5e-324, f64::MAX] {
        for boundary in [
            Boundary::new(vec![size, -size], -size),
            Boundary::weight_norm(&[size, -size], 1.0, -FRAC_1_SQRT_2),
        ] {
            let location = boundary.spatial_location().unwrap();
            assert!((location[0] - 0.5).abs() < 1e-15 && location[1] == -location[0], "{location:?}");
        }
    }
    // Too far away to say where.
    assert_eq!(Boundary::new(vec![5e-324], 1.0).spatial_location(), None);
}

/// What has no boundary says so: zero weights, an infinite offset, a constant unit; and one input has a crossing.
#[test]
fn units_without_a_boundary() {
    assert_eq!(Boundary::new(vec![0.0, 0.0], 1.0).spatial_location(), None);
    assert_eq!(Boundary::new(vec![1.0, f64::NAN], 1.0).direction(), None);
    assert_eq!(Boundary::new(vec![1.0], f64::INFINITY).signed_distance(&[0.0]), None);
    assert_eq!(Boundary::batch_norm(&[1.0], 0.0, 0.0, 1.0, 0.0, 1.0).spatial_location(), None);
    assert_eq!(Boundary::weight_norm(&[0.0, 0.0], 1.0, 1.0).direction(), None);
    assert_eq!(Boundary::new(vec![-2.0], 3.0).crossing(), Some(1.5));
    assert_eq!(Boundary::new(vec![-2.0, 1.0], 3.0).crossing(), None);
    assert_eq!(Boundary::new(vec![0.0], 3.0).crossing(), None);
    for (weights, offset) in [([0.0, 0.0], 1.0), ([f64::INFINITY, 1.0], 1.0), ([1.0, 1.0], f64::NAN)] {
        let boundary = Boundary::new(weights.to_vec(), offset);
        assert_eq!(
            (boundary.direction(), boundary.signed_distance(&[1.0, 2.0])),
            (None, None),
            "{boundary:?}"
        );
    }
    assert!(angle_between(&[0.0_f64, 0.0], &[1.0, 0.0]).is_nan());
    let mut locations = [0.0_f64; 2];
    spatial_locations(&[0.0, 1.0], &[1.0, 0.0], 2, &mut locations);
    assert!(locations[0].is_nan() && locations[1].to_bits() == 0);
}

/// Through the origin everything is +0, whatever the signs of the weights.
#[test]
fn no_negative_zeros() {
    assert_eq!(Boundary::new(vec![2.0], 0.0).crossing().map(f64::to_bits), Some(0));
    let location = Boundary::new(vec![1.0, -1.0], 0.0).spatial_location().unwrap();
    assert_eq!(location.into_iter().map(f64::to_bits).collect::<Vec<_>>(), [0, 0]);
}

/// Lines along a side and through a corner touch the box; ends come in the order of their coordinates.
#[test]
fn lines_that_touch_a_box() {
    let horizontal = Boundary::new(vec![0.0, 2.0], -2.0); // y = 1
    let clipped = |lower, upper| horizontal.clip_to_box([0.0, lower], [3.0, upper]);
    let whole = Some([[0.0, 1.0], [3.0, 1.0]]);
    assert_eq!([clipped(0.0, 2.0), clipped(1.0, 2.0), clipped(0.0, 1.0)], [whole; 3]);
    assert_eq!([clipped(1.5, 2.0), clipped(0.0, 0.5)], [None; 2]);
    assert_eq!(Boundary::new(vec![0.0, -2.0], 2.0).clip_to_box([0.0, 0.0], [3.0, 2.0]), whole);
    assert_eq!(horizontal.clip_to_box([2.0, 0.0], [2.0, 3.0]), Some([[2.0, 1.0]; 2]));
}
