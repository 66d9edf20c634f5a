//! The neural tangent kernel of a ReLU layer, at initialization and in the limit of many units, in closed form.
//!
//! Under gradient descent with one small rate for all parameters, the outputs of a network f move by `−rate Σ_y K(x, y) ∂L/∂f(y)`,
//! where `K(x, y) = ⟨∂f(x)/∂parameters, ∂f(y)/∂parameters⟩` is the neural tangent kernel. Here f is the network of the small
//! experiments, `f(x) = Σ_i a_i g(w_i·x + b_i) + c` with h units, independent initial weights of mean 0 and initial
//! biases of 0, in any of the three parameterizations:
//!
//! | | K for h → ∞ | |
//! |---|---|---|
//! | SP | [`Initial::standard`] | |
//! | WN, initialized with `ℓ = ‖v‖` | the same, at every h | the parameterization is an isometry there |
//! | GmP | [`Initial::geometric`] | the angles and offsets do not contribute: their contribution falls as 1/h ([`Initial::offsets`]) |
//!
//! Statements and proofs: [`theory`](crate::theory) §7. They do not apply to Adam, whose steps do not shrink with the
//! gradient.

use crate::boundary::angle_between;
use std::f64::consts::PI;

/// The arc-cosine kernel of order 0, `(π − φ)/π`: twice the probability that a unit with random weights is active at both of two
/// inputs at the angle φ, 0 ≤ φ ≤ π.
///
/// Source: Cho & Saul, "Kernel Methods for Deep Learning", NeurIPS 2009, Eq. 4.
///
/// ```
/// use gmp_math::neural_tangent::arc_cosine_0;
/// assert_eq!([0.0, std::f64::consts::FRAC_PI_2].map(arc_cosine_0), [1.0, 0.5]);
/// ```
#[must_use]
pub fn arc_cosine_0(angle: f64) -> f64 {
    (PI - angle) / PI
}

/// The arc-cosine kernel of order 1, `(sin φ + (π − φ) cos φ)/π`: twice the mean of the product of a unit's outputs at two unit
/// inputs at the angle φ, 0 ≤ φ ≤ π, over weights w ~ N(0, I).
///
/// Source: Cho & Saul, "Kernel Methods for Deep Learning", NeurIPS 2009, Eq. 6.
///
/// ```
/// use gmp_math::neural_tangent::arc_cosine_1;
/// assert_eq!(arc_cosine_1(0.0), 1.0);
/// assert!(arc_cosine_1(std::f64::consts::PI).abs() < 1e-15);
/// ```
#[must_use]
pub fn arc_cosine_1(angle: f64) -> f64 {
    (angle.sin() + (PI - angle) * angle.cos()) / PI
}

/// The variances of the initial weights, times the number of units: these stay fixed as the number of units grows.
///
/// ```
/// use gmp_math::neural_tangent::Initial;
/// let (x, y) = ([1.0, 0.0], [0.0, 2.0]);
/// let sp = Initial::GLOROT.standard(&x, &y);
/// let gmp = Initial::GLOROT.geometric(&x, &y);
/// assert!((sp - (2.0 / std::f64::consts::PI + 0.5 + 1.0)).abs() < 1e-15);
/// assert!((gmp - (1.5 * 2.0 / std::f64::consts::PI + 1.0)).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Initial {
    /// h times the variance of a hidden weight.
    pub weights: f64,
    /// h times the variance of an output weight.
    pub output: f64,
}

impl Initial {
    /// Glorot's variances, 2/(fan-in + fan-out), in the limit of many units.
    pub const GLOROT: Self = Self { weights: 2.0, output: 2.0 };

    /// The kernel under SP, and under WN with `ℓ = ‖v‖`, for h → ∞:
    /// `c_w ‖x‖‖y‖ κ₁/2 + 1 + c_a (x·y + 1) κ₀/2`, from the output weights, the output bias, and the hidden weights
    /// and biases.
    ///
    /// # Panics
    /// If the lengths differ.
    #[must_use]
    #[track_caller]
    pub fn standard(self, x: &[f64], y: &[f64]) -> f64 {
        let Pair { active, product, outputs } = Pair::of(x, y);
        self.weights * outputs + 1.0 + self.output * (product + 1.0) * active
    }

    /// The kernel under GmP with λ = 0, for h → ∞: `(c_w + c_a/n) ‖x‖‖y‖ κ₁/2 + 1`, from the output weights and the
    /// radii, and the output bias. Directions and offsets do not move in this limit.
    ///
    /// # Panics
    /// If the lengths differ.
    #[must_use]
    #[track_caller]
    pub fn geometric(self, x: &[f64], y: &[f64]) -> f64 {
        let Pair { outputs, .. } = Pair::of(x, y);
        (self.weights + self.output / x.len() as f64) * outputs + 1.0
    }

    /// The contribution of the offsets λ to the kernel under GmP with h = `units` units, on average over Gaussian
    /// weights: `c_a c_w n κ₀/(2h)`. At x = y the angles add no more than ‖x‖² times as much.
    ///
    /// # Panics
    /// If the lengths differ.
    #[must_use]
    #[track_caller]
    pub fn offsets(self, x: &[f64], y: &[f64], units: usize) -> f64 {
        let Pair { active, .. } = Pair::of(x, y);
        self.output * self.weights * x.len() as f64 / units as f64 * active
    }
}

/// What the kernels are made of.
struct Pair {
    /// The probability that a unit is active at both inputs: κ₀/2.
    active: f64,
    /// x·y.
    product: f64,
    /// The mean of the product of the outputs over w ~ N(0, I): ‖x‖‖y‖ κ₁/2.
    outputs: f64,
}

impl Pair {
    #[track_caller]
    fn of(x: &[f64], y: &[f64]) -> Self {
        assert_eq!(x.len(), y.len(), "two inputs of one dimension");
        let norm = |x: &[f64]| crate::norm::norm(x.iter().copied());
        let lengths = norm(x) * norm(y);
        if lengths == 0.0 {
            // Without a bias no unit is active at the origin.
            return Self { active: 0.0, product: 0.0, outputs: 0.0 };
        }
        let angle = angle_between(x, y);
        let product = x.iter().zip(y).map(|(x, y)| x * y).sum();
        Self { active: arc_cosine_0(angle) / 2.0, product, outputs: lengths * arc_cosine_1(angle) / 2.0 }
    }
}
