//! Metric, volume, full Jacobians and second derivatives.

use super::{expect_shape, rows};
use crate::Scalar;

/// Writes the metric g_i = ∏_{j<i} sin² θ_j of every unit, the diagonal of JᵀJ (its other entries are 0).
///
/// `angles` and `metric` are (n−1) × h. A step dθ turns the direction by √(Σ g_i dθ_i²); where g_i is tiny
/// its angle is numerically dead.
///
/// ```
/// let mut metric = [0.0; 3];
/// gmp_math::sphere::metric(&[std::f64::consts::FRAC_PI_6, 1.0, 2.0], 1, &mut metric);
/// assert!((metric[0], (metric[1] - 0.25).abs() < 1e-16) == (1.0, true));
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn metric<T: Scalar>(angles: &[T], units: usize, metric: &mut [T]) {
    let rows = rows("angles", angles.len(), units);
    expect_shape("metric", metric.len(), rows, units);
    for unit in 0..units {
        let mut product = T::ONE;
        for at in (0..rows).map(|row| row * units + unit) {
            metric[at] = product * product;
            product *= angles[at].sin();
        }
    }
}

/// Writes ln √det(JᵀJ) = Σ_i (n−1−i) ln|sin θ_i|, the logarithm of the volume that dθ covers on the sphere.
///
/// `angles` is (n−1) × h, `log_volume` a row of h. At a pole it is −∞. √det itself underflows from a few dozen dimensions
/// on, so the logarithm is what one can compute with; det(JᵀJ) is exp(2 log_volume).
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn log_volume<T: Scalar>(angles: &[T], units: usize, log_volume: &mut [T]) {
    let rows = rows("angles", angles.len(), units);
    expect_shape("log_volume", log_volume.len(), 1, units);
    for (unit, log_volume) in log_volume.iter_mut().enumerate() {
        let terms = (0..rows.saturating_sub(1))
            .map(|row| (rows - 1 - row) as f64 * angles[row * units + unit].to_f64().sin().abs().ln());
        *log_volume = T::from_f64(terms.sum());
    }
}

/// Writes det(JᵀJ) = ∏ g_i of every unit: [`log_volume`] doubled and exponentiated. It underflows to 0 in high dimensions.
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn metric_determinant<T: Scalar>(angles: &[T], units: usize, determinant: &mut [T]) {
    log_volume(angles, units, determinant);
    for determinant in determinant {
        *determinant = (*determinant + *determinant).exp();
    }
}

/// Writes ln|det ∂w/∂(r, θ)| = (n−1) ln|r| + Σ_{i≤n−2} (n−1−i) ln|sin θ_i| for w = r·u(θ).
///
/// `angles` is (n−1) × h, `radius` and `log_volume` are rows of h.
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn polar_log_volume<T: Scalar>(angles: &[T], radius: &[T], units: usize, log_volume: &mut [T]) {
    let rows = rows("angles", angles.len(), units);
    expect_shape("radius", radius.len(), 1, units);
    self::log_volume(angles, units, log_volume);
    for (log_volume, radius) in log_volume.iter_mut().zip(radius) {
        // With n = 1 even r = 0 has volume 1, where 0·ln 0 would be NaN.
        if rows > 0 {
            *log_volume += T::from_usize(rows) * radius.abs().ln();
        }
    }
}

/// Writes the Jacobian J = ∂u/∂θ of one unit, n × (n−1), row-major.
///
/// ∂u_k/∂θ_j = 0 for k < j, −∏_{i≤j} sin θ_i for k = j, and u_k with sin θ_j replaced by cos θ_j for k > j.
/// O(n²); training needs only [`directions_vjp`](super::directions_vjp).
///
/// ```
/// let mut jacobian = [0.0; 2];
/// gmp_math::sphere::jacobian(&[0.5], &mut jacobian);
/// assert_eq!(jacobian, [-0.5_f64.sin(), 0.5_f64.cos()]);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn jacobian<T: Scalar>(angles: &[T], jacobian: &mut [T]) {
    let columns = angles.len();
    expect_shape("jacobian", jacobian.len(), columns + 1, columns);
    jacobian.fill(T::ZERO);
    let mut product = T::ONE;
    for j in 0..columns {
        jacobian[j * columns + j] = -(product * angles[j].sin());
        let mut below = product * angles[j].cos();
        for k in j + 1..columns {
            jacobian[k * columns + j] = below * angles[k].cos();
            below *= angles[k].sin();
        }
        jacobian[columns * columns + j] = below;
        product *= angles[j].sin();
    }
}

/// Writes ∂w/∂(r, θ) of one unit for w = r·u(θ): n × n, row-major, first column u, the others r·∂u/∂θ.
///
/// Its determinant is r^{n−1} ∏_{i≤n−2} sin^{n−1−i} θ_i, see [`polar_log_volume`].
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn polar_jacobian<T: Scalar>(angles: &[T], radius: T, jacobian: &mut [T]) {
    let inputs = angles.len() + 1;
    expect_shape("jacobian", jacobian.len(), inputs, inputs);
    jacobian.fill(T::ZERO);
    let mut product = T::ONE;
    for j in 0..inputs {
        let (sine, cosine) = angles.get(j).map_or((T::ZERO, T::ONE), |a| (a.sin(), a.cos()));
        jacobian[j * inputs] = product * cosine;
        if j + 1 < inputs {
            jacobian[j * inputs + j + 1] = -(radius * product * sine);
            let mut below = radius * product * cosine;
            for k in j + 1..inputs {
                let (sine, cosine) = angles.get(k).map_or((T::ZERO, T::ONE), |a| (a.sin(), a.cos()));
                jacobian[k * inputs + j + 1] = below * cosine;
                below *= sine;
            }
        }
        product *= sine;
    }
}

/// Writes ẇ = ṙ u + r J θ̇, the tangents of w = r·u(θ).
///
/// `angles` and `angle_tangents` are (n−1) × h, `radius` and `radius_tangents` rows of h,
/// `weight_tangents` is n × h.
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn polar_jvp<T: Scalar>(
    angles: &[T],
    radius: &[T],
    units: usize,
    angle_tangents: &[T],
    radius_tangents: &[T],
    weight_tangents: &mut [T],
) {
    let inputs = rows("weight_tangents", weight_tangents.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_shape("angle_tangents", angle_tangents.len(), inputs.saturating_sub(1), units);
    expect_shape("radius", radius.len(), 1, units);
    expect_shape("radius_tangents", radius_tangents.len(), 1, units);
    for unit in 0..units {
        // P_j and its tangent in units of r: d(rP) alone would need r for every factor.
        let (mut product, mut tangent) = (radius[unit], radius_tangents[unit]);
        for row in 0..inputs {
            let at = row * units + unit;
            if row + 1 == inputs {
                weight_tangents[at] = tangent;
                break;
            }
            let (sine, cosine) = (angles[at].sin(), angles[at].cos());
            let turn = product * angle_tangents[at];
            weight_tangents[at] = cosine.mul_add(tangent, -(sine * turn));
            tangent = sine.mul_add(tangent, cosine * turn);
            product *= sine;
        }
    }
}

/// Adds (∂w/∂(r, θ))ᵀ g to the gradients of the angles and the radii, for w = r·u(θ) and g the `weight_gradients`:
/// r Jᵀg and ⟨u, g⟩.
///
/// Shapes as in [`polar_jvp`]. One temporary of n−1 numbers is allocated.
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn polar_vjp<T: Scalar>(
    angles: &[T],
    radius: &[T],
    units: usize,
    weight_gradients: &[T],
    angle_gradients: &mut [T],
    radius_gradients: &mut [T],
) {
    let inputs = rows("weight_gradients", weight_gradients.len(), units);
    expect_shape("angles", angles.len(), inputs.saturating_sub(1), units);
    expect_shape("angle_gradients", angle_gradients.len(), inputs.saturating_sub(1), units);
    expect_shape("radius", radius.len(), 1, units);
    expect_shape("radius_gradients", radius_gradients.len(), 1, units);
    let mut products = vec![T::ONE; inputs.saturating_sub(1)];
    for unit in 0..if inputs == 0 { 0 } else { units } {
        let mut product = T::ONE;
        for row in 0..inputs - 1 {
            products[row] = product;
            product *= angles[row * units + unit].sin();
        }
        let mut tail = weight_gradients[(inputs - 1) * units + unit];
        for row in (0..inputs - 1).rev() {
            let at = row * units + unit;
            let (sine, cosine) = (angles[at].sin(), angles[at].cos());
            let gradient = weight_gradients[at];
            angle_gradients[at] += radius[unit] * products[row] * cosine.mul_add(tail, -(sine * gradient));
            tail = cosine.mul_add(gradient, sine * tail);
        }
        // The whole tail sum A₁ is ⟨u, g⟩.
        radius_gradients[unit] += tail;
    }
}

/// Adds H v to `products`, where H_ij = Σ_k g_k ∂²u_k/∂θ_i∂θ_j is the Hessian of ⟨g, u(θ)⟩ and v are the `tangents`.
///
/// It is the derivative of the VJP along v, in O(n) and without a division. For a loss L(u(θ)) with Hessian H_L in u,
/// the Hessian-vector product in θ is Jᵀ(H_L (J v)) plus this with g = ∂L/∂u.
///
/// `angles`, `tangents` and `products` are (n−1) × h; `direction_gradients`, g, is n × h. One temporary of 2(n−1)
/// numbers is allocated.
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
    let mut running = vec![(T::ZERO, T::ZERO); count];
    for unit in 0..if inputs == 0 { 0 } else { units } {
        let (mut product, mut product_dot) = (T::ONE, T::ZERO);
        for row in 0..count {
            let at = row * units + unit;
            let (sine, cosine) = (angles[at].sin(), angles[at].cos());
            running[row] = (product, product_dot);
            product_dot = sine * product_dot + cosine * tangents[at] * product;
            product *= sine;
        }
        // A and its derivative along v, from the last row up, as in the VJP.
        let (mut tail, mut tail_dot) = (direction_gradients[count * units + unit], T::ZERO);
        for row in (0..count).rev() {
            let at = row * units + unit;
            let (sine, cosine) = (angles[at].sin(), angles[at].cos());
            let (sine_dot, cosine_dot) = (cosine * tangents[at], -(sine * tangents[at]));
            let gradient = direction_gradients[at];
            let (product, product_dot) = running[row];
            let slope = cosine * tail - sine * gradient;
            let slope_dot = cosine_dot * tail + cosine * tail_dot - sine_dot * gradient;
            products[at] += product_dot * slope + product * slope_dot;
            tail_dot = cosine_dot * gradient + sine_dot * tail + sine * tail_dot;
            tail = cosine * gradient + sine * tail;
        }
    }
}
