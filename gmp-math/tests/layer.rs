//! Functions of a whole layer: the same numbers as unit by unit, for any strides, and round trips.

use gmp_math::boundary::{
    Boundary, angle_between, boundaries, location_changes, spatial_locations, turns, turns_of_angles,
};
use gmp_math::geometric::{from_geometric, to_geometric};
use gmp_math::sphere::{signs, spherical, to_spherical};
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
