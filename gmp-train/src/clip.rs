//! Gradient clipping.

use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use serde::{Deserialize, Serialize};

/// Limits the size of the gradient before the optimizer's step.
///
/// ```
/// use gmp_train::{Adam, Clip, Dataset, Loss, Mlp, Parameterization, Trainer};
/// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let mut trainer = Trainer { clip: Some(Clip::Norm(1.0)), ..Trainer::of(Loss::MeanSquaredError) };
/// assert!(trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ()).is_ok());
/// trainer.clip = Some(Clip::Value(-1.0));
/// let error = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ()).unwrap_err();
/// assert_eq!(error.to_string(), "clipping limit is -1, expected a finite positive number");
/// # Ok::<(), gmp_train::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// Scales the whole gradient so that its Euclidean norm is at most this, like PyTorch's `clip_grad_norm_`.
    Norm(f64),
    /// Limits every number of the gradient to ± this, like PyTorch's `clip_grad_value_`.
    Value(f64),
}

impl Clip {
    /// Its limit.
    pub(crate) fn limit(self) -> f64 {
        match self {
            Self::Norm(limit) | Self::Value(limit) => limit,
        }
    }

    /// Clips a gradient in place. NaNs are kept.
    ///
    /// ```
    /// use gmp_train::Clip;
    /// let mut gradient = [3.0, -4.0];
    /// Clip::Norm(1.0).apply(&mut gradient);
    /// assert_eq!(gradient.map(|g: f64| (10.0 * g).round()), [6.0, -8.0]);
    /// Clip::Value(0.7).apply(&mut gradient);
    /// assert_eq!(gradient[1], -0.7);
    /// ```
    pub fn apply<T: Scalar>(self, gradient: &mut [T]) {
        match self {
            Self::Norm(limit) => {
                let (mut unit, mut square) = (1.0, dispatch(SumOfSquares { gradient, unit: 1.0 }));
                if !square.is_normal() {
                    // Squares that overflow or vanish: the largest number is taken out.
                    unit = gradient.iter().fold(0.0, |a: f64, g| a.max(g.to_f64().abs()));
                    square = dispatch(SumOfSquares { gradient, unit });
                }
                if unit * square.sqrt() > limit {
                    let scale = limit / unit / square.sqrt();
                    gradient.iter_mut().for_each(|g| *g = T::from_f64(g.to_f64() * scale));
                }
            }
            Self::Value(limit) => {
                let limit = T::from_f64(limit);
                for g in gradient {
                    if *g > limit {
                        *g = limit;
                    } else if *g < -limit {
                        *g = -limit;
                    }
                }
            }
        }
    }
}

/// Σ (g / unit)², in double precision and in a fixed order.
struct SumOfSquares<'a, T> {
    gradient: &'a [T],
    unit: f64,
}

impl<T: Scalar> Kernel for SumOfSquares<'_, T> {
    type Output = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let square = |g: T| (g.to_f64() / self.unit) * (g.to_f64() / self.unit);
        let (chunks, rest) = self.gradient.as_chunks::<16>();
        let mut sums = [0.0; 16];
        for chunk in chunks {
            for (sum, &g) in sums.iter_mut().zip(chunk) {
                *sum += square(g);
            }
        }
        rest.iter().map(|&g| square(g)).chain(sums).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_gradient_is_left_alone_and_a_long_one_has_the_limit_s_length() {
        let mut gradient = [0.3_f64, -0.4];
        Clip::Norm(0.5).apply(&mut gradient);
        assert_eq!(gradient, [0.3, -0.4]);
        let mut gradient = [3e200_f64, 4e200, 0.0];
        Clip::Norm(0.5).apply(&mut gradient);
        assert!((gradient[0] - 0.3).abs() < 1e-15 && (gradient[1] - 0.4).abs() < 1e-15);
        // The norm is larger than the largest number.
        let mut gradient = [f64::MAX; 4];
        Clip::Norm(8.0).apply(&mut gradient);
        assert!(gradient.iter().all(|g| (g - 4.0).abs() < 1e-14), "{gradient:?}");
        let mut gradient = [3e-200_f64, 4e-200];
        Clip::Norm(5e-201).apply(&mut gradient);
        assert!((gradient[0] - 3e-201).abs() < 1e-215 && (gradient[1] - 4e-201).abs() < 1e-215);
        let mut gradient = [0.0_f64; 40];
        Clip::Norm(1.0).apply(&mut gradient);
        assert_eq!(gradient, [0.0; 40]);
        let mut gradient = [3e-30_f32, 4e-30];
        Clip::Norm(1e-30).apply(&mut gradient);
        assert!((gradient[0] - 0.6e-30).abs() < 1e-36);
    }

    /// To the last bit, also where the squares are too small to be added.
    #[test]
    fn a_gradient_of_just_the_limit_s_length_is_left_alone() {
        for i in 1..200 {
            let g = f64::from(i) * 1e-200;
            let mut gradient = [g, g];
            Clip::Norm(g * std::f64::consts::SQRT_2).apply(&mut gradient);
            assert_eq!(gradient, [g, g]);
        }
    }

    #[test]
    fn a_nan_is_not_hidden() {
        for clip in [Clip::Norm(1.0), Clip::Value(1.0)] {
            let mut gradient = [5.0, f64::NAN];
            clip.apply(&mut gradient);
            assert!(gradient[1].is_nan());
        }
    }
}
