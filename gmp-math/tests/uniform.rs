//! Uniform directions against the density of their angles.

mod common;
use common::Draw;
use gmp_math::sphere::to_spherical;
use gmp_math::uniform::{AngleDistribution, uniform_directions};

/// Mean and variance of every angle of 4000 directions are within five standard errors of the closed forms, and the directions
/// are centred. (The seed is fixed, so this cannot fail by chance.)
#[test]
fn angles_of_uniform_directions_have_the_stated_moments() {
    for inputs in [2, 3, 10, 64] {
        let units = 4000;
        let mut draw = Draw(inputs as u64);
        let mut directions = vec![0.0; inputs * units];
        uniform_directions(units, &mut directions, || draw.normal());
        let (mut angles, mut radius) = (vec![0.0; (inputs - 1) * units], vec![0.0; units]);
        to_spherical(&directions, units, &mut angles, &mut radius).unwrap();
        assert!(radius.iter().all(|r| (r - 1.0_f64).abs() < 1e-14));
        let count = units as f64;
        for (row, angles) in angles.chunks(units).enumerate() {
            let law = AngleDistribution::new(inputs, row);
            let mean = angles.iter().sum::<f64>() / count;
            let variance = angles.iter().map(|a| (a - law.mean()).powi(2)).sum::<f64>() / count;
            assert!((mean - law.mean()).abs() < 5.0 * (law.variance() / count).sqrt(), "{inputs}, {row}");
            // The kurtosis of these laws is below 3, so the variance's own standard error is below √(2/count).
            assert!((variance / law.variance() - 1.0).abs() < 5.0 * (2.0 / count).sqrt(), "{inputs}, {row}");
        }
        let centre = directions[..units].iter().sum::<f64>() / count;
        assert!(centre.abs() < 5.0 / (count * inputs as f64).sqrt());
    }
}

/// A broken source of normal numbers stops with a message instead of spinning.
#[test]
#[should_panic(expected = "a source of normal numbers")]
fn a_source_of_zeros_is_refused() {
    uniform_directions(1, &mut [0.0_f32; 3], || 0.0);
}
