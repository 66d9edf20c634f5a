//! Directions drawn uniformly from the sphere, and the distribution of their angles.

use crate::Scalar;
use crate::norm::norm;
use crate::sphere::rows;

/// Writes directions uniform on the sphere S^{n−1}, given a source of independent standard normal numbers.
///
/// `directions` is n × h; each column is a normal vector divided by its norm. Numbers are drawn column by column, so
/// the first units do not depend on the number of units. You supply the random number generator: this crate has none.
///
/// ```
/// # let mut state = 7_u64;
/// # let mut uniform = move || {
/// #     state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
/// #     ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
/// # };
/// // Box and Muller, from a `uniform` on (0, 1).
/// let mut normal = || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
/// let mut directions = [0.0_f64; 3 * 2];
/// gmp_math::uniform::uniform_directions(2, &mut directions, &mut normal);
/// let norm = directions[0].hypot(directions[2]).hypot(directions[4]);
/// assert!((norm - 1.0).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the directions do not fill rows of `units`, or the source yields a column of zeros or of numbers that are not
/// finite a hundred times in a row.
#[track_caller]
pub fn uniform_directions<T: Scalar>(units: usize, directions: &mut [T], mut normal: impl FnMut() -> f64) {
    let inputs = rows("directions", directions.len(), units);
    let mut column = vec![0.0; inputs];
    for unit in 0..if inputs == 0 { 0 } else { units } {
        let size = (0..100)
            .find_map(|_| {
                column.fill_with(&mut normal);
                let size = norm(column.iter().copied());
                (size > 0.0 && size.is_finite()).then_some(size)
            })
            .expect("a source of normal numbers, not one of zeros or infinities");
        for (input, x) in column.iter().enumerate() {
            directions[input * units + unit] = T::from_f64(x / size);
        }
    }
}

/// The distribution of one angle of a direction that is uniform on the sphere in n dimensions.
///
/// `θ_i` for i ≤ n−2 has density `sin^{n−1−i} θ / ∫` on [0, π], independent of the others: mean π/2, variance
/// `½ψ′((n+1−i)/2)`, about 1/(n−i), where ψ′ is the trigamma function. θₙ₋₁ is uniform on [0, 2π).
///
/// ```
/// use gmp_math::uniform::AngleDistribution;
/// let first = AngleDistribution::new(1152, 0);
/// assert!((first.mean() - std::f64::consts::FRAC_PI_2).abs() < 1e-15);
/// // Early angles of a wide layer hardly leave π/2.
/// assert!((first.variance().sqrt() - 0.0295).abs() < 1e-4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct AngleDistribution {
    inputs: usize,
    angle: usize,
}

/// What a file says before it is known that there is such an angle.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Unchecked {
    inputs: usize,
    angle: usize,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for AngleDistribution {
    type Error = String;

    fn try_from(Unchecked { inputs, angle }: Unchecked) -> Result<Self, String> {
        if inputs > 0 && angle < inputs - 1 {
            Ok(Self { inputs, angle })
        } else {
            Err(format!("angle {angle} of {inputs} inputs; expected less than inputs − 1"))
        }
    }
}

impl AngleDistribution {
    /// The angle in row `angle`, counted from 0, of a direction with `inputs` coordinates.
    ///
    /// ```
    /// use gmp_math::uniform::AngleDistribution;
    /// // The last of three angles is uniform on [0, 2π).
    /// assert_eq!(AngleDistribution::new(4, 2).mean(), std::f64::consts::PI);
    /// ```
    ///
    /// # Panics
    /// Unless `angle` + 1 < `inputs`.
    #[track_caller]
    pub fn new(inputs: usize, angle: usize) -> Self {
        assert!(angle + 1 < inputs, "angle {angle} of {inputs} inputs; expected less than inputs − 1");
        Self { inputs, angle }
    }

    /// Natural logarithm of the density at θ, per radian; −∞ outside the canonical range.
    ///
    /// ```
    /// use gmp_math::uniform::AngleDistribution;
    /// // On the ordinary sphere the first angle has the density ½ sin θ.
    /// let law = AngleDistribution::new(3, 0);
    /// assert!((law.log_density(1.0) - (0.5 * 1.0_f64.sin()).ln()).abs() < 1e-14);
    /// assert_eq!(law.log_density(-0.1), f64::NEG_INFINITY);
    /// ```
    pub fn log_density(&self, theta: f64) -> f64 {
        use std::f64::consts::{PI, TAU};
        match self.exponent() {
            None if (0.0..TAU).contains(&theta) => -TAU.ln(),
            Some(exponent) if (0.0..=PI).contains(&theta) => {
                exponent * theta.sin().ln() - log_sine_integral(exponent)
            }
            _ => f64::NEG_INFINITY,
        }
    }

    /// Density at θ, per radian; 0 outside the canonical range.
    pub fn density(&self, theta: f64) -> f64 {
        self.log_density(theta).exp()
    }

    /// Mean in radians: π/2, and π for the last angle.
    pub fn mean(&self) -> f64 {
        use std::f64::consts::{FRAC_PI_2, PI};
        if self.exponent().is_some() { FRAC_PI_2 } else { PI }
    }

    /// Variance in radians².
    pub fn variance(&self) -> f64 {
        let full_turn = std::f64::consts::TAU;
        self.exponent().map_or(full_turn * full_turn / 12.0, |m| trigamma(m / 2.0 + 1.0) / 2.0)
    }

    /// Power of the sine in the density; none for the last angle.
    fn exponent(&self) -> Option<f64> {
        (self.angle + 2 < self.inputs).then(|| (self.inputs - 2 - self.angle) as f64)
    }
}

/// ln ∫₀^π sin^m θ dθ = ln(√π Γ((m+1)/2) / Γ(m/2 + 1)).
fn log_sine_integral(m: f64) -> f64 {
    // Γ(x+½)/Γ(x) by its asymptotic series, after moving x up to where that is good to the last digits.
    let (mut x, mut log_ratio) = ((m + 1.0) / 2.0, 0.0);
    while x < 16.0 {
        log_ratio -= (0.5 / x).ln_1p();
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    // −1/8x + 1/192x³ − 1/640x⁵ + 17/14336x⁷ − 31/18432x⁹
    let mut series = -31.0 / 18432.0;
    for coefficient in [17.0 / 14336.0, -1.0 / 640.0, 1.0 / 192.0, -1.0 / 8.0] {
        series = coefficient + square * series;
    }
    let series = inverse * series;
    0.5 * std::f64::consts::PI.ln() - (log_ratio + 0.5 * x.ln() + series)
}

/// ψ′(x) for x > 0: the recurrence ψ′(x) = ψ′(x+1) + 1/x², then the asymptotic series.
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 16.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    // The Bernoulli numbers B₂, B₄, …: 1/x + 1/2x² + Σ B₂ₖ/x^{2k+1}.
    let mut series = 5.0 / 66.0;
    for coefficient in [-1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 1.0 / 6.0] {
        series = coefficient + square * series;
    }
    sum + inverse + square / 2.0 + inverse * square * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// The closed forms against Simpson's rule on the density itself.
    #[test]
    fn moments_match_quadrature() {
        for (inputs, angle) in [(3, 0), (4, 0), (5, 1), (10, 2), (100, 0), (4096, 1), (4096, 4093)] {
            let law = AngleDistribution::new(inputs, angle);
            let steps = 200_000;
            let width = PI / f64::from(steps);
            let moment = |power: i32| -> f64 {
                let value = |i: i32| {
                    let theta = f64::from(i) * width;
                    law.density(theta) * (theta - PI / 2.0).powi(power)
                };
                let inner: f64 = (1..steps).map(|i| value(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
                (value(0) + inner + value(steps)) * width / 3.0
            };
            assert!((moment(0) - 1.0).abs() < 1e-12, "{inputs} {angle}: {}", moment(0));
            assert!(moment(1).abs() < 1e-12);
            assert!((moment(2) / law.variance() - 1.0).abs() < 1e-10, "{inputs} {angle}");
        }
    }

    /// Closed forms: ∫sin⁰ = π, ∫sin = 2, ∫sin² = π/2; ψ′(1) = π²/6; the last angle is uniform.
    #[test]
    fn known_values() {
        for (m, integral) in [(0.0, PI), (1.0, 2.0), (2.0, PI / 2.0), (3.0, 4.0 / 3.0)] {
            assert!((log_sine_integral(m).exp() - integral).abs() < 1e-14);
        }
        assert!((trigamma(1.0) - PI * PI / 6.0).abs() < 1e-14);
        let last = AngleDistribution::new(2, 0);
        assert_eq!((last.mean(), last.variance()), (PI, PI * PI / 3.0));
        assert_eq!((last.density(7.0), last.density(-0.1)), (0.0, 0.0));
        assert!((last.density(4.0) * 2.0 * PI - 1.0).abs() < 1e-15);
        // Beyond π, where the sine is positive again.
        assert_eq!(AngleDistribution::new(4, 0).density(7.0), 0.0);
    }
}
