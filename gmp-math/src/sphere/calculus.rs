//! Metric, volume, full Jacobians and second derivatives.

use super::{expect_shape, rows};
use crate::Scalar;
use std::ops::{Add, Mul, Range, Sub};

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
/// ```
/// // On the ordinary sphere the element of area is sin θ₁ dθ₁ dθ₂.
/// let mut log_volume = [0.0_f64];
/// gmp_math::sphere::log_volume(&[std::f64::consts::FRAC_PI_6, 1.0], 1, &mut log_volume);
/// assert!((log_volume[0] - 0.5_f64.ln()).abs() < 1e-15);
/// ```
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
/// ```
/// // g = (1, sin² π/6).
/// let mut determinant = [0.0_f64];
/// gmp_math::sphere::metric_determinant(&[std::f64::consts::FRAC_PI_6, 1.0], 1, &mut determinant);
/// assert!((determinant[0] - 0.25).abs() < 1e-15);
/// ```
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
/// ```
/// // In the plane: r dr dθ.
/// let mut log_volume = [0.0_f64];
/// gmp_math::sphere::polar_log_volume(&[0.5], &[3.0], 1, &mut log_volume);
/// assert_eq!(log_volume[0], 3.0_f64.ln());
/// ```
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
/// ```
/// // (cos θ, −r sin θ; sin θ, r cos θ)
/// let mut jacobian = [0.0; 4];
/// gmp_math::sphere::polar_jacobian(&[0.5], 2.0, &mut jacobian);
/// let (sine, cosine) = 0.5_f64.sin_cos();
/// assert_eq!(jacobian, [cosine, -2.0 * sine, sine, 2.0 * cosine]);
/// ```
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
/// ```
/// use gmp_math::sphere::polar_jvp;
/// // At θ = 0, r = 3: a longer radius moves w along the first axis, a larger angle along the second.
/// let mut tangent = [0.0; 2];
/// polar_jvp(&[0.0], &[3.0], 1, &[0.5], &[7.0], &mut tangent);
/// assert_eq!(tangent, [7.0, 1.5]);
/// ```
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
        // r P_j and its tangent.
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
/// Shapes as in [`polar_jvp`].
///
/// ```
/// use gmp_math::sphere::polar_vjp;
/// let (mut angle_gradient, mut radius_gradient) = ([0.0], [0.0]);
/// polar_vjp(&[0.0], &[3.0], 1, &[5.0, 7.0], &mut angle_gradient, &mut radius_gradient);
/// assert_eq!((angle_gradient, radius_gradient), ([21.0], [5.0]));
/// ```
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
    let count = inputs.saturating_sub(1);
    expect_shape("angles", angles.len(), count, units);
    expect_shape("angle_gradients", angle_gradients.len(), count, units);
    expect_shape("radius", radius.len(), 1, units);
    expect_shape("radius_gradients", radius_gradients.len(), 1, units);
    for unit in 0..if inputs == 0 { 0 } else { units } {
        let at = |row: usize| row * units + unit;
        // The whole tail sum A₁ is ⟨u, g⟩.
        radius_gradients[unit] += pull_back(
            0..count,
            radius[unit],
            weight_gradients[at(count)],
            &|row| (angles[at(row)].sin(), angles[at(row)].cos()),
            &|row| weight_gradients[at(row)],
            &mut |row, gradient| angle_gradients[at(row)] += gradient,
        );
    }
}

/// Adds H v to `products`, where H_ij = Σ_k g_k ∂²u_k/∂θ_i∂θ_j is the Hessian of ⟨g, u(θ)⟩ and v are the `tangents`.
///
/// It is the derivative of the VJP along v, without a division. For a loss L(u(θ)) with Hessian H_L in u,
/// the Hessian-vector product in θ is Jᵀ(H_L (J v)) plus this with g = ∂L/∂u.
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
/// `weight_gradients` and v the tangents: r H_u v_θ + v_r Jᵀg for the angles, H_u being that of [`directions_hvp`], and ⟨J v_θ, g⟩
/// for the radii.
///
/// It is the derivative of [`polar_vjp`] along v, without a division. For a loss L(w) with Hessian H_L in w, the Hessian-vector
/// product in (r, θ) is [`polar_vjp`] of H_L times the [`polar_jvp`] of v, plus this with g = ∂L/∂w. Shapes as in [`polar_jvp`].
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

/// The recurrence of the VJP (PAPER.md §1) over some rows of a unit, given P_j of the first and A_{j+1} of the last: adds
/// P_j (cos θ_j A_{j+1} − sin θ_j g_j) to each and returns A_j of the first.
///
/// P runs down and A runs up. To allocate nothing for the products on the way, rows are cut into pieces, and a piece computes
/// its own anew: one sine more a row from 129 rows on, two from 16 385.
fn pull_back<N: Copy + Add<Output = N> + Sub<Output = N> + Mul<Output = N>>(
    rows: Range<usize>,
    mut product: N,
    mut tail: N,
    sine_cosine: &impl Fn(usize) -> (N, N),
    gradient: &impl Fn(usize) -> N,
    add: &mut impl FnMut(usize, N),
) -> N {
    const PIECES: usize = 128;
    if rows.len() == 1 {
        let (row, (sine, cosine)) = (rows.start, sine_cosine(rows.start));
        add(row, product * (cosine * tail - sine * gradient(row)));
        return cosine * gradient(row) + sine * tail;
    }
    let height = rows.len().div_ceil(PIECES).max(1);
    let mut products = [product; PIECES];
    for (i, row) in rows.clone().enumerate() {
        if i % height == 0 {
            products[i / height] = product;
        }
        product = product * sine_cosine(row).0;
    }
    for (piece, top) in rows.clone().step_by(height).enumerate().rev() {
        let rows = top..rows.end.min(top + height);
        tail = pull_back(rows, products[piece], tail, sine_cosine, gradient, add);
    }
    tail
}
