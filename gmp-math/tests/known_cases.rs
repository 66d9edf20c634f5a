//! The kernels, conversions and boundaries on cases with known answers.

use gmp_math::Error;
use gmp_math::sphere::*;

/// Every branch of the blocking: narrow, wide and ragged layers equal the formula, unit by unit.
#[test]
fn batches_equal_the_formula() {
    for (inputs, units) in [(1, 3), (2, 1), (3, 5), (17, 256), (9, 257), (40, 7), (5, 600), (1000, 1)] {
        let angles: Vec<f64> = (0..(inputs - 1) * units).map(|i| (i as f64 * 0.7).sin() + 1.4).collect();
        let mut found = vec![0.0; inputs * units];
        directions(&angles, units, &mut found);
        let (mut again, mut saved) = (vec![0.0; inputs * units], vec![0.0; saved_len(inputs, units)]);
        directions_saving(&angles, units, &mut again, &mut saved);
        assert_eq!(found, again);
        for unit in 0..units {
            let mut product = 1.0;
            for input in 0..inputs {
                let cosine = if input + 1 < inputs { angles[input * units + unit].cos() } else { 1.0 };
                let expected: f64 = product * cosine;
                assert!((found[input * units + unit] - expected).abs() < 1e-14);
                if input + 1 < inputs {
                    product *= angles[input * units + unit].sin();
                }
            }
        }
    }
}

/// The VJP against central differences of ⟨g, u(θ)⟩, and that it adds.
#[test]
fn vjp_matches_differences_and_adds() {
    for (inputs, units) in [(2, 1), (5, 3), (12, 300)] {
        let count = (inputs - 1) * units;
        let angles: Vec<f64> = (0..count).map(|i| (i as f64 * 1.3).cos() * 2.0).collect();
        let seeds: Vec<f64> = (0..inputs * units).map(|i| (i as f64 * 0.9).sin()).collect();
        let (mut u, mut saved) = (vec![0.0; inputs * units], vec![0.0; saved_len(inputs, units)]);
        directions_saving(&angles, units, &mut u, &mut saved);
        let mut gradients = vec![10.0; count];
        directions_vjp(&angles, &saved, units, &seeds, &mut gradients, true);
        let mut value = |angles: &[f64]| -> f64 {
            directions(angles, units, &mut u);
            u.iter().zip(&seeds).map(|(u, g)| u * g).sum()
        };
        for i in (0..count).step_by(count.div_ceil(50)) {
            let (mut up, mut down) = (angles.clone(), angles.clone());
            up[i] += 1e-5;
            down[i] -= 1e-5;
            let difference = (value(&up) - value(&down)) / 2e-5;
            assert!((gradients[i] - 10.0 - difference).abs() < 1e-8, "{inputs}x{units} at {i}");
        }
    }
}

/// Round trip with every sign, both precisions, in columns of different kinds.
#[test]
fn conversion_keeps_every_sign() {
    for bits in 0..16_u32 {
        let sign = |i: u32| if bits >> i & 1 == 1 { -1.0 } else { 1.0 };
        let weights: Vec<f64> = (0..4).map(|i| sign(i) * (f64::from(i) + 0.5)).collect();
        let (mut angles, mut radius, mut back) = ([0.0; 3], [0.0], [0.0; 4]);
        to_spherical(&weights, 1, &mut angles, &mut radius).unwrap();
        to_cartesian(&angles, &radius, 1, &mut back);
        assert!(back.iter().zip(&weights).all(|(b, w)| (b - w).abs() < 1e-14));

        half_sphere_angles(&weights, 1, &mut angles, &mut radius).unwrap();
        to_cartesian(&angles, &radius, 1, &mut back);
        assert!((back[3] - weights[3].abs()).abs() < 1e-14);
    }
}

/// Extremes of the range: no overflow, no underflow, signs of one-input layers, and poles with zero tails.
#[test]
fn conversion_survives_extremes() {
    for scale in [1e308, 1e-300, 5e-324, 1.0] {
        let weights = [scale, -scale];
        let (mut angles, mut radius) = ([0.0], [0.0]);
        let result = to_spherical(&weights, 1, &mut angles, &mut radius);
        assert_eq!(result, Ok(()));
        assert!((angles[0] - 1.75 * std::f64::consts::PI).abs() < 1e-15);
    }
    let (mut angles, mut radius) = ([9.0; 2], [9.0]);
    to_spherical(&[-0.0, 0.0, -0.0_f64], 1, &mut angles, &mut radius).unwrap_err();
    to_spherical(&[-2.0, 0.0, -0.0_f64], 1, &mut angles, &mut radius).unwrap();
    assert_eq!((angles, radius), ([std::f64::consts::PI, 0.0], [2.0]));
    to_spherical(&[-2.0, 3.0], 2, &mut [], &mut angles).unwrap();
    assert_eq!(angles, [2.0, 3.0]);
    signs(&[-2.0, 3.0], &mut angles);
    assert_eq!(angles, [-1.0, 1.0]);
}

/// Errors name the unit.
#[test]
fn conversion_errors_name_the_unit() {
    let (mut angles, mut radius) = ([0.0_f32; 2], [0.0; 2]);
    let mut convert = |weights: &[f32]| to_spherical(weights, 2, &mut angles, &mut radius).unwrap_err();
    assert_eq!(convert(&[1.0, 0.0, 1.0, 0.0]), Error::ZeroVector { unit: 1, inputs: 2 });
    assert_eq!(convert(&[1.0, 0.0, f32::NAN, 0.0]), Error::NonFinite { unit: 0, input: 1 });
    assert_eq!(convert(&[1.0, f32::MAX, 1.0, f32::MAX]), Error::NormOverflow { unit: 1, scalar: "f32" });
}

/// Spatial location, distance, clipping and the accurate angle, on known cases.
#[test]
fn boundaries_on_known_cases() {
    use gmp_math::boundary::{Boundary, angle_between};
    assert_eq!(Boundary::new(vec![2.0], -3.0).crossing(), Some(1.5));
    assert_eq!(Boundary::new(vec![0.0, 0.0], -3.0).spatial_location(), None);
    let line = Boundary::new(vec![0.0, 2.0], -1.0);
    assert_eq!(line.clip_to_box([0.0, 0.0], [4.0, 1.0]), Some([[0.0, 0.5], [4.0, 0.5]]));
    assert_eq!(line.clip_to_box([0.0, 0.6], [4.0, 1.0]), None);
    assert!(line.intersects_box(&[0.0, 0.0], &[4.0, 1.0]) && !line.intersects_box(&[0.0, 0.6], &[4.0, 1.0]));
    let nearly_opposite = angle_between(&[1.0, 0.0], &[-1.0, 1e-9_f64]);
    assert!((std::f64::consts::PI - nearly_opposite - 1e-9).abs() < 1e-15);
}
