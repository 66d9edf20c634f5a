//! Layer normalization: normalizes every row to mean 0 and variance 1.

use gmp_autograd::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// `(x − μ)/√(σ² + ϵ)` with the mean μ and (biased) variance σ² of every row: of every sample of a dense layer,
/// of every pixel of a convolution. x and the result are samples×columns.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::op;
///
/// let mut tape = Tape::<f64>::new();
/// tape.begin(&[]);
/// let x = tape.input(&[1.0, 5.0, 10.0, 50.0], 2, 2);
/// let y = op::layer_norm(&mut tape, x, 0.0);
/// assert_eq!(tape.value(y).data(), [-1.0, 1.0, -1.0, 1.0]);
/// ```
///
/// Source: Ba, Kiros & Hinton, "Layer Normalization", arXiv 1607.06450, Eq. 3, without gain and bias.
///
/// # Panics
/// If there are no columns.
#[track_caller]
pub fn layer_norm<T: Scalar>(tape: &mut Tape<T>, x: Var, epsilon: T) -> Var {
    assert!(x.cols() > 0, "layer_norm: rows without numbers have no mean");
    // Kept: 1/√(σ² + ϵ) of every row.
    tape.record(&LayerNorm, [x], x.shape(), x.rows(), |[x], mut y, inverse| {
        let share = T::ONE / T::from_usize(x.cols());
        for (i, inverse) in inverse.iter_mut().enumerate() {
            let x = x.row(i);
            let mean = x.iter().copied().sum::<T>() * share;
            let variance = x.iter().map(|&x| (x - mean) * (x - mean)).sum::<T>() * share;
            *inverse = T::ONE / (variance + epsilon).sqrt();
            for (y, &x) in y.row_mut(i).iter_mut().zip(x) {
                *y = (x - mean) * *inverse;
            }
        }
    })
}

struct LayerNorm;
impl<T: Scalar> Rule<T> for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (y, inverse) = (pull.output(), pull.saved());
        let share = T::ONE / T::from_usize(y.cols());
        if let Some((dy, dx)) = pull.wrt(0) {
            // dx = (dy − mean(dy) − y·mean(dy·y))/√(σ² + ϵ)
            let rows = (0..dy.rows()).flat_map(|i| {
                let (dy, y) = (dy.row(i), y.row(i));
                let mean = dy.iter().copied().sum::<T>() * share;
                let along = dy.iter().zip(y).map(|(&d, &y)| d * y).sum::<T>() * share;
                dy.iter().zip(y).map(move |(&d, &y)| (d - mean - y * along) * inverse[i])
            });
            dx.add_each(rows);
        }
    }
}
