//! One unit: its weights, a step in its parameters, and how far that turns its boundary.

use crate::method::{self, MethodId};
use gmp_math::boundary::{Boundary, angle_between};
use gmp_math::sphere::{directions, to_spherical};
use gmp_nn::{Rng, init};
use serde::{Deserialize, Serialize};

/// Units of the layer that a Glorot-uniform unit stands in, as in the paper's Table 1.
pub const LAYER: usize = 100;

/// The dimensions at which most things are measured.
pub const INPUTS: [usize; 8] = [2, 3, 8, 32, 128, 512, 2048, 4096];

/// Rounding that a turn may show beyond its bound, in radians: angles up to 100 and 4096 coordinates, in double
/// precision.
pub const ROUNDING: f64 = 1e-11;

/// How the weights of a unit are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// Uniform on ±√(6/(n + 100)).
    Glorot,
    /// 10⁻³·N(0, 1), as in the paper's Figure 1.
    Small,
}

impl Weights {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Glorot, Self::Small];

    /// The weights of one unit.
    #[must_use]
    pub fn draw(self, inputs: usize, rng: &mut Rng) -> Vec<f64> {
        let mut weights = vec![0.0; inputs];
        match self {
            Self::Glorot => init::glorot_uniform(rng, inputs, LAYER, &mut weights),
            Self::Small => weights.fill_with(|| 1e-3 * rng.normal()),
        }
        weights
    }
}

/// Independent standard normal numbers.
#[must_use]
pub fn normals(count: usize, rng: &mut Rng) -> Vec<f64> {
    (0..count).map(|_| rng.normal()).collect()
}

/// The Euclidean norm.
#[must_use]
pub fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The vector scaled to the given norm.
#[must_use]
pub fn scaled(vector: &[f64], to: f64) -> Vec<f64> {
    let factor = to / norm(vector);
    vector.iter().map(|x| factor * x).collect()
}

/// a + b.
#[must_use]
pub fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// The angles of a weight vector in two dimensions or more; none for zeros.
#[must_use]
pub fn angles_of(weights: &[f64]) -> Option<Vec<f64>> {
    let mut angles = vec![0.0; weights.len() - 1];
    to_spherical(weights, 1, &mut angles, &mut [0.0]).ok()?;
    Some(angles)
}

/// The direction u(θ).
#[must_use]
pub fn direction_of(angles: &[f64]) -> Vec<f64> {
    let mut direction = vec![0.0; angles.len() + 1];
    directions(angles, 1, &mut direction);
    direction
}

/// ∠(u(θ), u(θ + ε)).
#[must_use]
pub fn geometric_turn(angles: &[f64], step: &[f64]) -> f64 {
    angle_between(&direction_of(angles), &direction_of(&sum(angles, step)))
}

/// The boundary of a unit whose trained vector, w or v or w, is `weights`, for the three parameterizations that step in
/// Cartesian coordinates. Everything else that they train, and the batch, is held at ordinary values: ℓ = 1, γ = 1.
#[must_use]
pub fn cartesian_boundary(method: MethodId, weights: Vec<f64>) -> Boundary<f64> {
    match method {
        method::WN => Boundary::weight_norm(&weights, 1.0, 0.5),
        method::BN => Boundary::batch_norm(&weights, 0.5, 1.0, 0.3, 0.1, 0.8),
        _ => Boundary::new(weights, 0.5),
    }
}

/// Order statistics of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// 5% lie below.
    pub low: f64,
    /// Half lie below.
    pub median: f64,
    /// 5% lie above.
    pub high: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of the values, by nearest rank.
    ///
    /// # Panics
    /// Without values.
    #[must_use]
    #[track_caller]
    pub fn of(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "a spread of no values");
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[(share * (values.len() - 1) as f64).round() as usize];
        Self { low: at(0.05), median: at(0.5), high: at(0.95), max: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics() {
        let spread = Spread::of((0..=100).rev().map(f64::from).collect());
        assert_eq!(spread, Spread { low: 5.0, median: 50.0, high: 95.0, max: 100.0 });
    }

    /// Glorot's limit and the norm of small weights.
    #[test]
    fn weights_have_their_size() {
        let mut rng = Rng::new(1, "size of weights");
        let glorot = Weights::Glorot.draw(4096, &mut rng);
        let expected = (2.0 * 4096.0 / (4096.0 + 100.0_f64)).sqrt();
        assert!((norm(&glorot) / expected - 1.0).abs() < 0.05, "{}", norm(&glorot));
        let small = Weights::Small.draw(4096, &mut rng);
        assert!((norm(&small) / 0.064 - 1.0).abs() < 0.05, "{}", norm(&small));
    }
}
