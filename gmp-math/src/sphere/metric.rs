//! The metric of the angles, and volumes.

use super::{expect_shape, rows};
use crate::Scalar;

/// Writes the metric `g_i = ∏_{j<i} sin² θ_j` of every unit, the diagonal of JᵀJ (its other entries are 0).
///
/// `angles` and `metric` are (n−1) × h. A step dθ turns the direction by `√(Σ g_i dθ_i²)`; where `g_i` is tiny, its
/// angle has no numerical effect.
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

/// Writes `ln √det(JᵀJ) = Σ_i (n−1−i) ln|sin θ_i|`, the logarithm of the volume element of dθ on the sphere.
///
/// `angles` is (n−1) × h, `log_volume` a row of h. At a pole it is −∞. √det itself underflows from a few dozen
/// dimensions on, so computations should use the logarithm; det(JᵀJ) is `exp(2 log_volume)`.
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

/// Writes `det(JᵀJ) = ∏ g_i` of every unit: [`log_volume`] doubled and exponentiated. It underflows to 0 in high dimensions.
///
/// `angles` is (n−1) × h, `determinant` a row of h.
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

/// Writes `ln|det ∂w/∂(r, θ)| = (n−1) ln|r| + Σ_{i≤n−2} (n−1−i) ln|sin θ_i|` for w = r·u(θ).
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
