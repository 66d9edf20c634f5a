//! Full Jacobians of one unit, n² numbers each, for analysis.

use crate::Scalar;

/// Writes the Jacobian J = ∂u/∂θ of one unit, n × (n−1), row-major.
///
/// `∂u_k/∂θ_j` is 0 for k < j, `−∏_{i≤j} sin θ_i` for k = j, and `u_k` with `sin θ_j` replaced by `cos θ_j` for k > j.
/// O(n²); training needs only [`directions_vjp`](super::directions_vjp).
///
/// ```
/// let mut jacobian = [0.0; 2];
/// gmp_math::sphere::jacobian(&[0.5], &mut jacobian);
/// assert_eq!(jacobian, [-0.5_f64.sin(), 0.5_f64.cos()]);
/// ```
///
/// # Panics
/// Unless `jacobian` has n (n−1) numbers for the n−1 `angles`.
#[track_caller]
pub fn jacobian<T: Scalar>(angles: &[T], jacobian: &mut [T]) {
    let columns = angles.len();
    expect_jacobian(jacobian.len(), columns + 1, columns);
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
/// Its determinant is `r^{n−1} ∏_{i≤n−2} sin^{n−1−i} θ_i`, see [`polar_log_volume`](super::polar_log_volume).
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
/// Unless `jacobian` has n² numbers for the n−1 `angles`.
#[track_caller]
pub fn polar_jacobian<T: Scalar>(angles: &[T], radius: T, jacobian: &mut [T]) {
    let inputs = angles.len() + 1;
    expect_jacobian(jacobian.len(), inputs, inputs);
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

#[track_caller]
fn expect_jacobian(len: usize, rows: usize, cols: usize) {
    assert!(
        rows.checked_mul(cols) == Some(len),
        "jacobian: {len} values; expected {rows} rows × {cols} columns = {}",
        rows as u128 * cols as u128
    );
}
