//! Cases for the property tests: a dimension and a seed, from which all numbers follow. Failures shrink to small ones.

#![allow(dead_code)] // each test file uses a part

use gmp_math::Scalar;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// Thousands of cases, and failing ones kept beside the test in `*.regressions`.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// Dimensions from `least`, 1 or 2, on: mostly small, many up to 512, a few of 4096.
pub(crate) fn dimension(least: usize) -> impl Strategy<Value = usize> {
    prop_oneof![30 => least..=8, 30 => least..=64, 20 => least..=512, 1 => Just(4096)]
}

/// A property for both precisions: `both!(name, strategies…)` runs `fn name<T: Scalar>(…) -> Result<(), TestCaseError>`.
#[macro_export]
macro_rules! both {
    ($(#[$doc:meta])* $cases:literal, $name:ident($($argument:ident in $strategy:expr),+)) => {
        $(#[$doc])*
        mod $name {
            use super::*;
            proptest! {
                #![proptest_config($crate::common::config($cases))]
                #[test]
                fn f32($($argument in $strategy),+) {
                    super::$name::<f32>($($argument),+)?;
                }
                #[test]
                fn f64($($argument in $strategy),+) {
                    super::$name::<f64>($($argument),+)?;
                }
            }
        }
    };
}

/// SplitMix64.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform on (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Uniform on (from, to).
    pub(crate) fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.uniform()
    }

    /// Standard normal.
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub(crate) fn normals<T: Scalar>(&mut self, count: usize) -> Vec<T> {
        (0..count).map(|_| T::from_f64(self.normal())).collect()
    }

    /// Angles in every state that training meets: those of a uniform direction, also with one at a pole, uniform in their
    /// ranges, far out of range, or with many at poles and equators.
    pub(crate) fn angles<T: Scalar>(&mut self, inputs: usize) -> Vec<T> {
        use std::f64::consts::PI;
        let kind = self.bits() % 5;
        if kind == 0 || kind == 4 {
            let mut angles = self.generic_angles(inputs);
            if kind == 4 && inputs > 1 {
                let row = self.bits() as usize % (inputs - 1);
                let near = self.between(-30.0, -1.0).exp();
                angles[row] = T::from_f64([0.0, PI, near, PI - near, PI + near][self.bits() as usize % 5]);
            }
            return angles;
        }
        (0..inputs - 1)
            .map(|i| {
                let end = if i + 2 == inputs { 2.0 * PI } else { PI };
                T::from_f64(match (kind, self.bits() % 6) {
                    (1, _) => self.between(0.0, end),
                    (2, _) => self.between(-50.0, 50.0),
                    (_, 0) => 0.0,
                    (_, 1) => PI,
                    (_, 2) => self.between(-1e-9, 1e-9),
                    (_, 3) => PI + self.between(-1e-6, 1e-6),
                    _ => PI / 2.0 + self.between(-0.1, 0.1),
                })
            })
            .collect()
    }

    /// The angles of a uniform direction: no sine is tiny unless the dimension is.
    pub(crate) fn generic_angles<T: Scalar>(&mut self, inputs: usize) -> Vec<T> {
        let weights: Vec<T> = self.normals(inputs);
        let (mut angles, mut radius) = (vec![T::ZERO; inputs - 1], [T::ZERO]);
        gmp_math::sphere::to_spherical(&weights, 1, &mut angles, &mut radius).unwrap();
        angles
    }

    /// A size over the whole range of the type: often denormal or within a few decades of the largest number, of which it
    /// leaves room for normal numbers.
    pub(crate) fn magnitude<T: Scalar>(&mut self) -> f64 {
        let (smallest, largest) =
            (T::MIN_POSITIVE.to_f64() * T::EPSILON.to_f64(), 0.4 / T::MIN_POSITIVE.to_f64());
        let (from, to) = match self.bits() % 4 {
            0 => (smallest, T::MIN_POSITIVE.to_f64()),
            1 => (largest / 1e3, largest),
            _ => (smallest, largest),
        };
        self.between(from.ln(), to.ln()).exp().clamp(smallest, largest)
    }

    /// A vector of the given norm in a random direction; sometimes along one axis.
    pub(crate) fn step(&mut self, count: usize, norm: f64) -> Vec<f64> {
        let mut step: Vec<f64> = self.normals(count);
        if count > 0 && self.bits().is_multiple_of(4) {
            let keep = self.bits() as usize % count;
            step.iter_mut().enumerate().for_each(|(i, x)| *x *= f64::from(u8::from(i == keep)));
        }
        let length = length(&step);
        step.iter().map(|x| x / length * norm).collect()
    }

    /// Weights of many kinds: normal, mostly zero, over forty decades, denormal, huge.
    pub(crate) fn weights<T: Scalar>(&mut self, count: usize) -> Vec<T> {
        let kind = self.bits() % 5;
        let tiny = T::MIN_POSITIVE.to_f64() / 16.0;
        let mut weights: Vec<T> = (0..count)
            .map(|_| {
                let x = self.normal();
                T::from_f64(match kind {
                    0 => x,
                    1 => x * f64::from(u8::from(self.bits().is_multiple_of(4))),
                    2 => x * 10.0_f64.powf(self.between(-30.0, 10.0)),
                    3 => x * tiny,
                    _ => x * 0.01 / T::MIN_POSITIVE.to_f64() / (count as f64).sqrt(),
                })
            })
            .collect();
        // Never all zero.
        if weights.iter().all(|w| *w == T::ZERO) {
            weights[count / 2] = -T::MIN_POSITIVE;
        }
        weights
    }
}

/// √Σx² in double precision, scaled.
pub(crate) fn length<T: Scalar>(x: &[T]) -> f64 {
    let largest = x.iter().fold(0.0_f64, |m, x| m.max(x.to_f64().abs()));
    if largest == 0.0 {
        return 0.0;
    }
    largest * x.iter().map(|x| (x.to_f64() / largest).powi(2)).sum::<f64>().sqrt()
}

/// Σ a b in double precision.
pub(crate) fn dot<T: Scalar>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

/// Σ |a b| in double precision: what rounding of a sum of products is relative to.
pub(crate) fn dot_of_magnitudes<T: Scalar>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a.to_f64() * b.to_f64()).abs()).sum()
}

/// A few rounding errors, and as many as a random walk of n of them makes.
pub(crate) fn rounding<T: Scalar>(inputs: usize) -> f64 {
    T::EPSILON.to_f64() * (8.0 + 4.0 * (inputs as f64).sqrt())
}

/// u(θ) of one unit.
pub(crate) fn direction<T: Scalar>(angles: &[T]) -> Vec<T> {
    let mut direction = vec![T::ZERO; angles.len() + 1];
    gmp_math::sphere::directions(angles, 1, &mut direction);
    direction
}

/// Jᵀg of one unit.
pub(crate) fn vjp<T: Scalar>(angles: &[T], seed: &[T]) -> Vec<T> {
    use gmp_math::sphere::{directions_saving, directions_vjp, saved_len};
    let mut direction = vec![T::ZERO; angles.len() + 1];
    let mut saved = vec![T::ZERO; saved_len(direction.len(), 1)];
    directions_saving(angles, 1, &mut direction, &mut saved);
    let mut gradient = vec![T::ZERO; angles.len()];
    directions_vjp(angles, &saved, 1, seed, &mut gradient, true);
    gradient
}
