//! Mean-only normalization: every column less its mean over the batch.

use super::Activation;
use gmp_autograd::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// `g(z − μ)` with the batch's mean μ of every column; `observe` is shown μ, from which a layer updates its
/// running mean.
///
/// Before the rectifier it is the paper's MBN, after it the IMN of the next layer's input.
///
/// Source: Salimans & Kingma, "Weight Normalization", NeurIPS 2016, section 4.
///
/// # Panics
/// If the batch is empty.
#[track_caller]
pub fn mean_norm<T: Scalar>(
    tape: &mut Tape<T>,
    z: Var,
    activation: Activation,
    observe: impl FnOnce(&[T]),
) -> Var {
    assert!(z.rows() > 0, "mean_norm: an empty batch has no mean");
    let rule: &'static dyn Rule<T> = match activation {
        Activation::Identity => &MeanNorm::<false>,
        Activation::Relu => &MeanNorm::<true>,
    };
    // The saved numbers are the forward pass's room for the mean; the backward pass does not need it.
    tape.record(rule, [z], z.shape(), z.cols(), |[z], mut y, mean| {
        let n = mean.len();
        column_means(z.data(), mean);
        observe(mean);
        for (y, z) in y.data_mut().chunks_exact_mut(n).zip(z.data().chunks_exact(n)) {
            for ((y, &z), &mean) in y.iter_mut().zip(z).zip(mean.iter()) {
                *y = z - mean;
            }
            if activation == Activation::Relu {
                y.iter_mut().for_each(|y| *y = if *y < T::ZERO { T::ZERO } else { *y });
            }
        }
    })
}

fn column_means<T: Scalar>(rows: &[T], mean: &mut [T]) {
    mean.fill(T::ZERO);
    for row in rows.chunks_exact(mean.len()) {
        mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += x);
    }
    let share = T::ONE / T::from_usize(rows.len() / mean.len());
    mean.iter_mut().for_each(|mean| *mean *= share);
}

struct MeanNorm<const RELU: bool>;
impl<T: Scalar, const RELU: bool> Rule<T> for MeanNorm<RELU> {
    fn name(&self) -> &'static str {
        if RELU { "mean_norm_relu" } else { "mean_norm" }
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let y = pull.output();
        let mut scratch = std::mem::take(pull.scratch());
        let n = y.cols();
        scratch.resize(scratch.len().max(n), T::ZERO);
        if RELU {
            let mut dy = pull.gradient_mut();
            for (dy, &y) in dy.data_mut().iter_mut().zip(y.data()) {
                *dy = if y > T::ZERO { *dy } else { T::ZERO };
            }
        }
        if let Some((dy, dz)) = pull.wrt(0) {
            let mean = &mut scratch[..n];
            column_means(dy.data(), mean);
            dz.add_each(
                dy.data().chunks_exact(n).flat_map(|dy| dy.iter().zip(mean.iter()).map(|(&d, &m)| d - m)),
            );
        }
        *pull.scratch() = scratch;
    }
}
