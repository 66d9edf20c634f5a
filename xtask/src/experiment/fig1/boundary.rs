//! A unit's boundary in the plane, and what a step in the parameters does to it.

use crate::method::{self, MethodId};
use crate::report::figure::Stroke;
use gmp_nn::{Parameterization, Rng};
use serde_json::json;
use std::sync::OnceLock;

/// The sizes of the step, as in the paper.
pub const STEPS: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];

/// A unit's boundary in the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boundary {
    /// Angle θ of the direction u(θ), in radians.
    pub theta: f64,
    /// Signed offset λ.
    pub lambda: f64,
}

impl Boundary {
    /// The boundary of w·x + b = 0, which has θ = atan2(w₂, w₁) and λ = b/‖w‖. The weights must not both be zero.
    #[must_use]
    pub fn of(weights: [f64; 2], bias: f64) -> Self {
        Self { theta: weights[1].atan2(weights[0]), lambda: bias / weights[0].hypot(weights[1]) }
    }

    /// The direction u(θ) = (cos θ, sin θ).
    #[must_use]
    pub fn direction(&self) -> (f64, f64) {
        (self.theta.cos(), self.theta.sin())
    }

    /// The spatial location φ = −λ u(θ).
    #[must_use]
    pub fn spatial_location(&self) -> (f64, f64) {
        let (x, y) = self.direction();
        (-self.lambda * x, -self.lambda * y)
    }

    /// Two points of the boundary, `reach` to either side of φ.
    pub(super) fn ends(&self, reach: f64) -> [(f64, f64); 2] {
        let ((ux, uy), (x, y)) = (self.direction(), self.spatial_location());
        [(x - reach * uy, y + reach * ux), (x + reach * uy, y - reach * ux)]
    }
}

/// The methods that the figure compares, in the order of the paper.
pub const METHODS: [MethodId; 4] = [method::SP, method::WN, method::BN, method::GMP];

/// Mean and covariance of the batch by which BN normalizes here: 128 points x ~ N(0, I).
fn batch() -> &'static ([f64; 2], [f64; 3]) {
    static BATCH: OnceLock<([f64; 2], [f64; 3])> = OnceLock::new();
    BATCH.get_or_init(|| {
        let mut rng = Rng::new(0, "batch of the perturbed unit");
        let points: Vec<[f64; 2]> = (0..BATCH_SIZE).map(|_| [rng.normal(), rng.normal()]).collect();
        let mean = |of: &dyn Fn(&[f64; 2]) -> f64| points.iter().map(of).sum::<f64>() / BATCH_SIZE as f64;
        let [x, y] = [mean(&|p| p[0]), mean(&|p| p[1])];
        let xx = mean(&|p| (p[0] - x) * (p[0] - x));
        let xy = mean(&|p| (p[0] - x) * (p[1] - y));
        let yy = mean(&|p| (p[1] - y) * (p[1] - y));
        ([x, y], [xx, xy, yy])
    })
}

/// What the page needs to move these boundaries under a reader's hand.
pub(super) fn live() -> serde_json::Value {
    let (mean, covariance) = batch();
    let dash = |method: MethodId| match method.dash {
        Stroke::Dashes(lengths) => lengths.to_vec(),
        _ => Vec::new(),
    };
    let methods = METHODS.map(|m| json!({ "name": m.name, "color": m.color.to_string(), "dash": dash(m) }));
    json!({ "kind": "perturbation", "methods": methods, "mean": mean, "covariance": covariance })
}

const BATCH_SIZE: usize = 128;
/// What BN adds to the variance, as in Keras.
const EPSILON: f64 = 1e-3;

/// Mean of w·x over the batch, and √(variance + ϵ).
fn statistics(weights: [f64; 2]) -> (f64, f64) {
    let (mean, [xx, xy, yy]) = *batch();
    let [w, v] = weights;
    (w * mean[0] + v * mean[1], (w * w * xx + 2.0 * w * v * xy + v * v * yy + EPSILON).sqrt())
}

/// The boundary after `epsilon` was added to every parameter of the unit with these weights and bias: to θ and λ of a
/// geometric unit; to v, ℓ = ‖w‖ and b of a weight-normalized one, where w = ℓ v/‖v‖; to w, γ and β of a batch-normalized
/// one, γ = 1 and β such that its boundary is the same before, by the statistics of the batch before and after; else to w and b.
#[must_use]
pub fn perturbed(method: MethodId, weights: [f64; 2], bias: f64, epsilon: f64) -> Boundary {
    let moved = weights.map(|w| w + epsilon);
    match method.parameterization {
        _ if method == method::BN => {
            // γ(w·x − μ)/s + β = 0 is w·x − μ + βs/γ = 0.
            let (mean, deviation) = statistics(weights);
            let beta = (bias + mean) / deviation;
            let (mean, deviation) = statistics(moved);
            Boundary::of(moved, (beta + epsilon) * deviation / (1.0 + epsilon) - mean)
        }
        Parameterization::Geometric => {
            let Boundary { theta, lambda } = Boundary::of(weights, bias);
            Boundary { theta: theta + epsilon, lambda: lambda + epsilon }
        }
        Parameterization::WeightNorm => {
            let length = weights[0].hypot(weights[1]) + epsilon;
            Boundary { theta: moved[1].atan2(moved[0]), lambda: (bias + epsilon) / length }
        }
        _ => Boundary::of(moved, bias + epsilon),
    }
}

/// What one step did to one boundary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// What was added to every parameter.
    pub epsilon: f64,
    /// Under which parameterization.
    pub method: MethodId,
    /// The angle between the directions before and after, in radians from 0 to π.
    pub angle: f64,
    /// How far the spatial location moved.
    pub distance: f64,
}

/// The changes of direction and spatial location for every step and method: the numbers behind panels (b)–(e).
#[must_use]
pub fn changes(weights: [f64; 2], bias: f64) -> Vec<Change> {
    let all = STEPS.into_iter().flat_map(|epsilon| METHODS.map(|method| (epsilon, method)));
    all.map(|(epsilon, method)| change(method, weights, bias, epsilon)).collect()
}

/// What a step does to a boundary under one method.
#[must_use]
pub fn change(method: MethodId, weights: [f64; 2], bias: f64, epsilon: f64) -> Change {
    let before = Boundary::of(weights, bias);
    let (u, p) = (before.direction(), before.spatial_location());
    let after = perturbed(method, weights, bias, epsilon);
    let (v, q) = (after.direction(), after.spatial_location());
    let angle = (u.0 * v.1 - u.1 * v.0).abs().atan2(u.0 * v.0 + u.1 * v.1);
    Change { epsilon, method, angle, distance: (q.0 - p.0).hypot(q.1 - p.1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: [f64; 2] = [1.1e-3, -0.7e-3];
    const BIAS: f64 = 0.9e-3;

    #[test]
    fn the_location_is_the_point_of_the_boundary_nearest_the_origin() {
        let boundary = Boundary::of(WEIGHTS, BIAS);
        let (x, y) = boundary.spatial_location();
        assert!((WEIGHTS[0] * x + WEIGHTS[1] * y + BIAS).abs() < 1e-18);
        for (x1, y1) in boundary.ends(2.0) {
            assert!((WEIGHTS[0] * x1 + WEIGHTS[1] * y1 + BIAS).abs() < 1e-17);
            assert!(((x1 - x) * x + (y1 - y) * y).abs() < 1e-15, "not at a right angle to φ");
        }
    }

    #[test]
    fn geometric_steps_are_bounded_and_the_others_are_not() {
        let lambda = Boundary::of(WEIGHTS, BIAS).lambda.abs();
        let changes = changes(WEIGHTS, BIAS);
        assert_eq!(changes.len(), 16);
        for change in &changes {
            if change.method == method::GMP {
                assert!((change.angle - change.epsilon).abs() < 1e-12, "{change:?}");
                assert!(change.distance <= change.epsilon * (1.0 + lambda) + 1e-12, "{change:?}");
            } else {
                assert!(change.angle > 10.0 * change.epsilon, "{change:?}");
            }
        }
    }

    #[test]
    fn no_step_is_no_change() {
        let before = Boundary::of(WEIGHTS, BIAS);
        for method in METHODS {
            let after = perturbed(method, WEIGHTS, BIAS, 0.0);
            assert!(
                (after.theta - before.theta).abs() < 1e-15 && (after.lambda - before.lambda).abs() < 1e-15
            );
        }
    }

    #[test]
    fn standard_and_weight_normalized_units_turn_alike() {
        let changes = changes(WEIGHTS, BIAS);
        for four in changes.chunks_exact(4) {
            assert!(four[0].angle == four[1].angle && four[0].angle == four[2].angle);
        }
    }
}
