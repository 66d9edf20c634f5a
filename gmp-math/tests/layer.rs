//! Functions of a whole layer: the same numbers as unit by unit, for any strides, and round trips.

use gmp_math::boundary::{
    Boundary, angle_between, boundaries, location_changes, spatial_locations, turns, turns_into,
    turns_of_angles,
};
use gmp_math::geometric::{from_geometric, to_geometric};
use gmp_math::sphere::{
    canonicalize, directions_hvp, is_canonical, jacobian, log_volume, metric, polar_hvp, polar_jvp,
    polar_log_volume, polar_vjp, signs, spherical, to_cartesian, to_spherical,
};
use gmp_math::stability::linearized_turns;
use gmp_math::{Error, Mat, Scalar};
use proptest::prelude::*;

fn transposed<T: Copy>(numbers: &[T], rows: usize, cols: usize) -> Vec<T> {
    (0..cols).flat_map(|j| (0..rows).map(move |i| numbers[i * cols + j])).collect()
}

fn bits<T: Scalar>(numbers: impl IntoIterator<Item = T>) -> Vec<u64> {
    numbers.into_iter().map(|x| x.to_f64().to_bits()).collect()
}

/// Every function of two layers against the function of one unit.
fn compare<T: Scalar>(inputs: usize, units: usize, numbers: &[f64]) {
    let mut numbers = numbers.iter().map(|x| T::from_f64(*x)).cycle();
    let mut draw = |len: usize| -> Vec<T> { numbers.by_ref().take(len).collect() };
    let [before, after] = [draw(inputs * units), draw(inputs * units)];
    let [b, c] = [draw(units), draw(units)];
    let (w, v) = (Mat::new(&before, inputs, units), Mat::new(&after, inputs, units));
    // The other layer as its transpose in memory.
    let turned = transposed(&after, inputs, units);
    let v_by_units = Mat::units_by_inputs(&turned, units, inputs);

    let unit = |m: Mat<'_, T>, bias: &[T], j: usize| Boundary::new(m.col(j).collect(), bias[j]);
    let nan = T::NAN;
    let expected: Vec<_> =
        (0..units).map(|j| angle_between(&unit(w, &b, j).normal, &unit(v, &c, j).normal)).collect();
    assert_eq!(bits(turns(w, v)), bits(expected.clone()));
    assert_eq!(bits(turns(w, v_by_units)), bits(expected.clone()));
    let changes = (0..units).map(|j| unit(w, &b, j).change_to(&unit(v, &c, j)).unwrap_or((nan, nan)));
    let (angles, moves): (Vec<T>, Vec<T>) = changes.unzip();
    assert_eq!(bits(location_changes((w, &b), (v_by_units, &c))), bits(moves));
    assert!(angles.iter().zip(&expected).all(|(a, e)| a.is_nan() || a == e));
    assert!(boundaries(v_by_units, &c).eq((0..units).map(|j| unit(v, &c, j))));

    let directions =
        |m: Mat<'_, T>, j: usize| Boundary::geometric(&m.col(j).collect::<Vec<_>>(), T::ZERO).normal;
    let (theta, zeta) = (Mat::new(&before, inputs, units), v_by_units);
    let expected = (0..units).map(|j| angle_between(&directions(theta, j), &directions(zeta, j)));
    assert_eq!(bits(turns_of_angles(theta, zeta)), bits(expected));

    let (mut angles, mut radius) = (vec![T::ZERO; (inputs - 1) * units], vec![T::ZERO; units]);
    let mut sign = vec![T::ONE; units];
    match (to_spherical(&after, units, &mut angles, &mut radius), spherical(v_by_units)) {
        (Err(one), Err(other)) => assert_eq!(one, other),
        (Ok(()), Ok(layer)) => {
            if inputs == 1 {
                signs(&after, &mut sign);
            }
            assert_eq!((layer.angles, layer.radius, layer.signs), (angles, radius, sign));
            let Ok(geometric) = to_geometric(v_by_units, &c) else { return };
            let back = from_geometric(&geometric);
            for (i, (w, e)) in back.weights.iter().zip(&after).enumerate() {
                let allowed =
                    4.0 * (inputs as f64).sqrt() * T::EPSILON.to_f64() * geometric.radius[i % units].to_f64();
                assert!((w.to_f64() - e.to_f64()).abs() <= allowed, "{w} for {e}");
            }
            for (b, e) in back.bias.iter().zip(&c) {
                assert!((*b - *e).abs() <= T::from_f64(2.0) * T::EPSILON * e.abs(), "{b} for {e}");
            }
        }
        (one, other) => panic!("{one:?} and {other:?}"),
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![8 => -3.0..3.0, 1 => Just(0.0), 1 => -1e-20..1e-20]
}

proptest! {
    #[test]
    fn a_layer_is_its_units(inputs in 1..6usize, units in 1..6usize, numbers in prop::collection::vec(number(), 72)) {
        compare::<f64>(inputs, units, &numbers);
        compare::<f32>(inputs, units, &numbers);
    }
}

/// Numbers whose squares leave the range, too, and what is no number.
fn extreme() -> impl Strategy<Value = f64> {
    let others = [0.0, 1e-320, 1e-200, 1e-140, 1e-30, 1e30, 1e160, 1e308, f64::INFINITY, f64::NAN];
    prop_oneof![20 => -3.0..3.0, 1 => prop::sample::select(others.to_vec())]
}

/// The turns and spatial locations of more units than are computed side by side, some of which did not turn or turned back.
fn compare_many<T: Scalar>(inputs: usize, units: usize, numbers: &[f64]) {
    let mut numbers = numbers.iter().map(|x| T::from_f64(*x)).cycle();
    let mut draw = |len: usize| -> Vec<T> { numbers.by_ref().take(len).collect() };
    let [before, mut after] = [draw(inputs * units), draw(inputs * units)];
    let bias = draw(units);
    for i in 0..after.len() {
        match i % units % 5 {
            0 => after[i] = before[i],
            1 => after[i] = -before[i],
            _ => {}
        }
    }
    let (w, v) = (Mat::new(&before, inputs, units), Mat::new(&after, inputs, units));
    let wide = |m: Mat<'_, T>, j: usize| -> Vec<f64> { m.col(j).map(Scalar::to_f64).collect() };
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    let mut wide_turns = vec![0.0; units];
    turns_into(w, v, &mut wide_turns);
    let turns = turns(w, v);
    let mut locations = vec![T::ZERO; inputs * units];
    spatial_locations(&before, &bias, units, &mut locations);
    for j in 0..units {
        let expected = angle_between(&wide(w, j), &wide(v, j));
        assert!(same(wide_turns[j], expected), "{} for {expected}", wide_turns[j]);
        assert!(same(turns[j].to_f64(), T::from_f64(expected).to_f64()), "{} for {expected}", turns[j]);
        let boundary = Boundary::new(wide(w, j), bias[j].to_f64());
        // A location that is too far away is infinite in a layer, and none of a single unit.
        let Some(expected) = boundary.spatial_location() else { continue };
        for (i, expected) in expected.into_iter().enumerate() {
            let (found, expected) = (locations[i * units + j].to_f64(), T::from_f64(expected).to_f64());
            assert!(same(found, expected), "{found} for {expected}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn many_units_are_computed_like_one(inputs in 1..6usize, units in 1..40usize, numbers in prop::collection::vec(extreme(), 240)) {
        compare_many::<f64>(inputs, units, &numbers);
        compare_many::<f32>(inputs, units, &numbers);
    }
}

/// The matrices of a layer with 3 units, and the column of a unit.
fn column(numbers: &[f64], units: usize, unit: usize) -> Vec<f64> {
    numbers.iter().skip(unit).step_by(units).copied().collect()
}

/// Every function of angles writes to each unit what it writes to that unit alone.
#[test]
fn functions_of_angles_keep_the_units_apart() {
    const UNITS: usize = 3;
    let numbers = |len: usize, seed: f64| -> Vec<f64> {
        (0..len).map(|i| (seed + 1.7 * i as f64).sin() * 3.0).collect()
    };
    let (angles, steps, gradients) =
        (numbers(4 * UNITS, 0.3), numbers(4 * UNITS, 0.7), numbers(5 * UNITS, 1.1));
    let (radius, radius_steps) = (numbers(UNITS, 0.2), numbers(UNITS, 2.2));
    // All outputs of a layer: of 4, 1, 1, 4, 1, 5, 4 + 1 and 4 + 1 rows.
    let run = |units: usize, pick: &dyn Fn(&[f64]) -> Vec<f64>| {
        let [angles, steps, gradients, radius, radius_steps] =
            [&angles, &steps, &gradients, &radius, &radius_steps].map(|numbers| pick(numbers));
        let mut out = [4, 1, 1, 4, 1, 5, 4, 1, 4, 1].map(|rows| vec![0.0; rows * units]);
        let [
            metrics,
            volumes,
            polar_volumes,
            canonical,
            turns,
            tangents,
            back,
            radius_back,
            second,
            radius_second,
        ] = &mut out;
        metric(&angles, units, metrics);
        log_volume(&angles, units, volumes);
        polar_log_volume(&angles, &radius, units, polar_volumes);
        canonical.copy_from_slice(&angles);
        canonicalize(canonical, units);
        assert!(is_canonical(canonical, units));
        linearized_turns(&angles, &steps, units, turns);
        polar_jvp(&angles, &radius, units, &steps, &radius_steps, tangents);
        polar_vjp(&angles, &radius, units, &gradients, back, radius_back);
        polar_hvp(&angles, &radius, units, &gradients, &steps, &radius_steps, second, radius_second);
        out
    };
    let layer = run(UNITS, &|numbers| numbers.to_vec());
    for unit in 0..UNITS {
        let alone = run(1, &|numbers| column(numbers, UNITS, unit));
        assert_eq!(layer.each_ref().map(|numbers| column(numbers, UNITS, unit)), alone, "unit {unit}");
    }
}

/// θ₁…θₙ₋₂ in [0, π], θₙ₋₁ in [0, 2π), from both sides.
#[test]
fn canonical_ranges() {
    use std::f64::consts::PI;
    for (angles, expected) in [
        ([0.0, 0.0], true),
        ([PI, 6.2], true),
        ([-0.1, 1.0], false),
        ([3.2, 1.0], false),
        ([1.0, -0.1], false),
        ([1.0, 6.3], false),
    ] {
        assert_eq!(is_canonical(&angles, 1), expected, "{angles:?}");
    }
    // A half turn back after a reflection is no turn, and not a whole one.
    let mut angles = [-0.5, -PI];
    canonicalize(&mut angles, 1);
    assert_eq!(angles, [0.5, 0.0]);
}

/// What has one length too many or too few, by its name.
#[test]
fn wrong_lengths_panic() {
    fn refused(what: &str, f: impl FnOnce()) {
        let error = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).expect_err(what);
        let text = error.downcast::<String>().expect("a text with numbers");
        assert!(text.starts_with(what) && text.contains("; expected "), "{text}");
    }
    let (four, mut out) = ([0.5; 4], [0.0; 4]);
    refused("metric: 4 values", || metric(&four[..3], 1, &mut out));
    refused("log_volume: 4 values", || log_volume(&four, 1, &mut out));
    refused("radius: 3 values", || to_cartesian(&four, &four[..3], 2, &mut [0.0; 6]));
    refused("signs: 4 values", || signs(&four[..3], &mut out));
    refused("turns: 4 values", || linearized_turns(&four, &four, 1, &mut out));
    refused("jacobian: 4 values", || jacobian(&four, &mut out));
    refused("point: 4 values", || assert!(Boundary::new(vec![1.0], 1.0).signed_distance(&four).is_some()));
    refused("b: 3 values", || assert!(angle_between(&four, &four[..3]) < 4.0));
    refused("tangents: 3 values", || {
        directions_hvp(&four[..2], 1, &four[..3], &four[..3], &mut out[..2]);
    });
    let w = Mat::new(&four, 2, 2);
    refused("turns: 3 values", || turns_into(w, w, &mut out[..3]));
    refused("bias: 1 values", || assert!(boundaries(w, &four[..1]).count() < 9));
}

/// In double precision `spatial_locations` and the boundary of each unit agree to the last bit too.
#[test]
fn locations_of_a_layer_are_those_of_its_units() {
    let (weights, bias) = ([3.0, 0.1, 4.0, -0.7, 1.0, 1e-9], [-10.0, 0.3]);
    let mut locations = [0.0; 6];
    spatial_locations(&weights, &bias, 2, &mut locations);
    for (j, unit) in boundaries(Mat::new(&weights, 3, 2), &bias).enumerate() {
        assert!(unit.spatial_location().unwrap().into_iter().eq(Mat::new(&locations, 3, 2).col(j)));
    }
}

#[test]
fn units_without_a_direction_or_an_offset() {
    let zero = [1.0, 0.0, 2.0, 0.0];
    let w = Mat::new(&zero, 2, 2);
    assert!(turns(w, w)[0] == 0.0 && turns(w, w)[1].is_nan());
    assert!(location_changes((w, &[1.0, 1.0]), (w, &[1.0, 1.0]))[1].is_nan());
    assert_eq!(to_geometric(w, &[0.0; 2]), Err(Error::ZeroVector { unit: 1, inputs: 2 }));
    let tiny = [1.0_f32, 1e-40];
    let error = to_geometric(Mat::new(&tiny, 1, 2), &[1.0, 1.0]).unwrap_err();
    assert_eq!(error, Error::OffsetNotFinite { unit: 1, scalar: "f32" });
    assert!(error.to_string().starts_with("unit 1: its bias divided by the norm of its weights is infinite"));
    // No units at all.
    let none = Mat::<f64>::new(&[], 3, 0);
    assert!(turns(none, none).is_empty() && to_geometric(none, &[]).unwrap().angles.is_empty());
}

/// Two inputs and three units taken for three inputs and two units: the lengths fit, the shapes do not.
#[test]
#[should_panic(expected = "after: a 3×2 matrix; expected 2×3 as before")]
fn a_transposed_matrix_is_refused() {
    let numbers = [1.0; 6];
    turns(Mat::new(&numbers, 2, 3), Mat::units_by_inputs(&numbers, 2, 3));
}
