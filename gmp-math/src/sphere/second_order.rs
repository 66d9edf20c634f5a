//! Hessian–vector products of u(θ) and of r·u(θ): the pullback in dual numbers.

use super::polar::pull_back;
use super::{expect_shape, rows};
use crate::Scalar;
use std::ops::{Add, Mul, Sub};

/// Adds H v to `products`, where `H_ij = Σ_k g_k ∂²u_k/∂θ_i∂θ_j` is the Hessian of ⟨g, u(θ)⟩ and v are the `tangents`.
///
/// It is the derivative of the VJP along v, without a division. For a loss L(u(θ)) with Hessian `H_L` in u,
/// the Hessian-vector product in θ is `Jᵀ(H_L (J v))` plus this with `g = ∂L/∂u`.
///
/// `angles`, `tangents` and `products` are (n−1) × h; `direction_gradients`, g, is n × h.
///
/// ```
/// // ⟨g, u⟩ = cos θ for g = (1, 0): its second derivative is −cos θ.
/// let mut product = [0.0];
/// gmp_math::sphere::directions_hvp(&[0.3], 1, &[1.0, 0.0], &[2.0], &mut product);
/// assert!((product[0] + 2.0 * 0.3_f64.cos()).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_hvp<T: Scalar>(
    angles: &[T],
    units: usize,
    direction_gradients: &[T],
    tangents: &[T],
    products: &mut [T],
) {
    let inputs = rows("direction_gradients", direction_gradients.len(), units);
    let count = inputs.saturating_sub(1);
    expect_shape("angles", angles.len(), count, units);
    expect_shape("tangents", tangents.len(), count, units);
    expect_shape("products", products.len(), count, units);
    for unit in 0..if inputs == 0 { 0 } else { units } {
        let radius = Dual(T::ONE, T::ZERO);
        pull_back_dual(angles, [units, unit], radius, direction_gradients, tangents, products);
    }
}

/// Adds H v to the products of the angles and the radii, where H is the Hessian of ⟨g, r·u(θ)⟩ in (r, θ), g are the
/// `weight_gradients` and v the tangents: `r H_u v_θ + v_r Jᵀg` for the angles, `H_u` being that of [`directions_hvp`], and
/// `⟨J v_θ, g⟩` for the radii.
///
/// It is the derivative of [`polar_vjp`](super::polar_vjp) along v, without a division. For a loss L(w) with Hessian `H_L` in w, the Hessian-vector
/// product in (r, θ) is [`polar_vjp`](super::polar_vjp) of `H_L` times the [`polar_jvp`](super::polar_jvp) of v, plus this with `g = ∂L/∂w`. Shapes as in
/// [`polar_jvp`](super::polar_jvp).
///
/// ```
/// // ⟨g, w⟩ = r cos θ for g = (1, 0): its Hessian at θ = 0 is −r in θ alone.
/// let (mut angle_product, mut radius_product) = ([0.0], [0.0]);
/// gmp_math::sphere::polar_hvp(
///     &[0.0], &[3.0], 1, &[1.0, 0.0], &[2.0], &[7.0], &mut angle_product, &mut radius_product,
/// );
/// assert_eq!((angle_product, radius_product), ([-6.0], [0.0]));
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn polar_hvp<T: Scalar>(
    angles: &[T],
    radius: &[T],
    units: usize,
    weight_gradients: &[T],
    angle_tangents: &[T],
    radius_tangents: &[T],
    angle_products: &mut [T],
    radius_products: &mut [T],
) {
    let inputs = rows("weight_gradients", weight_gradients.len(), units);
    let count = inputs.saturating_sub(1);
    expect_shape("angles", angles.len(), count, units);
    expect_shape("angle_tangents", angle_tangents.len(), count, units);
    expect_shape("angle_products", angle_products.len(), count, units);
    expect_shape("radius", radius.len(), 1, units);
    expect_shape("radius_tangents", radius_tangents.len(), 1, units);
    expect_shape("radius_products", radius_products.len(), 1, units);
    for unit in 0..if inputs == 0 { 0 } else { units } {
        let radius = Dual(radius[unit], radius_tangents[unit]);
        radius_products[unit] +=
            pull_back_dual(angles, [units, unit], radius, weight_gradients, angle_tangents, angle_products);
    }
}

/// Adds the derivative of r Jᵀg along the tangents to the column of `unit` and returns that of ⟨u, g⟩: the pullback in dual
/// numbers.
fn pull_back_dual<T: Scalar>(
    angles: &[T],
    [units, unit]: [usize; 2],
    radius: Dual<T>,
    gradients: &[T],
    tangents: &[T],
    products: &mut [T],
) -> T {
    let at = |row: usize| row * units + unit;
    let count = angles.len() / units;
    let gradient = |row| Dual(gradients[at(row)], T::ZERO);
    let sine_cosine = |row| {
        let (sine, cosine, tangent) = (angles[at(row)].sin(), angles[at(row)].cos(), tangents[at(row)]);
        (Dual(sine, cosine * tangent), Dual(cosine, -(sine * tangent)))
    };
    let mut add = |row, Dual(_, product): Dual<T>| products[at(row)] += product;
    pull_back(0..count, radius, gradient(count), &sine_cosine, &gradient, &mut add).1
}

/// A number and its derivative.
#[derive(Clone, Copy)]
struct Dual<T>(T, T);

impl<T: Scalar> Add for Dual<T> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }
}

impl<T: Scalar> Sub for Dual<T> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0, self.1 - other.1)
    }
}

impl<T: Scalar> Mul for Dual<T> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0, self.1 * other.0 + self.0 * other.1)
    }
}
