//! Batch normalization of every unit over the samples of a batch.

use super::Activation;
use super::columns::rectified;
use gmp_autograd::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};

/// `g(γ (z − μ)/√(σ² + ϵ) + β)` with the batch's mean μ and (biased) variance σ² of every unit.
///
/// z is samples×units; γ and β are 1×units. `observe` is shown the mean and the variance, from which a layer
/// updates its running ones.
///
/// Source: Ioffe & Szegedy, "Batch Normalization", ICML 2015, Algorithm 1.
///
/// # Panics
/// If the shapes do not fit, the batch is empty, or two of the operands are the same variable.
#[track_caller]
pub fn batch_norm<T: Scalar>(
    tape: &mut Tape<T>,
    [z, gamma, beta]: [Var; 3],
    epsilon: T,
    activation: Activation,
    observe: impl FnOnce(&[T], &[T]),
) -> Var {
    let (m, n) = (z.rows(), z.cols());
    assert!(
        gamma.shape() == beta.shape() && gamma.rows() == 1 && gamma.cols() == n,
        "batch_norm: z {}, gain {}, shift {}",
        z.shape(),
        gamma.shape(),
        beta.shape()
    );
    assert!(m > 0, "batch_norm: an empty batch has no mean");
    let rule: &'static dyn Rule<T> = match activation {
        Activation::Identity => &BatchNorm::<false>,
        Activation::Relu => &BatchNorm::<true>,
    };
    // Kept: 1/√(σ² + ϵ), then the mean.
    tape.record(rule, [z, gamma, beta], z.shape(), 2 * n, |[z, gamma, beta], mut y, saved| {
        let (variance, mean) = saved.split_at_mut(n);
        dispatch(Statistics { z: z.data(), mean, variance });
        observe(mean, variance);
        let inverse = variance;
        for inverse in inverse.iter_mut() {
            *inverse = T::ONE / (*inverse + epsilon).sqrt();
        }
        let (z, gamma, beta, y) = (z.data(), gamma.data(), beta.data(), y.data_mut());
        match activation {
            Activation::Identity => dispatch(Normalize::<T, false> { z, mean, inverse, gamma, beta, y }),
            Activation::Relu => dispatch(Normalize::<T, true> { z, mean, inverse, gamma, beta, y }),
        }
    })
}

struct Statistics<'a, T> {
    z: &'a [T],
    mean: &'a mut [T],
    variance: &'a mut [T],
}
impl<T: Scalar> Kernel for Statistics<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.mean.len();
        let share = T::ONE / T::from_usize(self.z.len() / n);
        self.mean.fill(T::ZERO);
        self.variance.fill(T::ZERO);
        for z in self.z.chunks_exact(n) {
            for (mean, &z) in self.mean.iter_mut().zip(z) {
                *mean += z;
            }
        }
        self.mean.iter_mut().for_each(|mean| *mean *= share);
        // Two passes: the one-pass formula cancels where the mean is large.
        for z in self.z.chunks_exact(n) {
            for ((variance, &mean), &z) in self.variance.iter_mut().zip(self.mean.iter()).zip(z) {
                let off = z - mean;
                *variance = off.mul_add(off, *variance);
            }
        }
        self.variance.iter_mut().for_each(|variance| *variance *= share);
    }
}

struct Normalize<'a, T, const RELU: bool> {
    z: &'a [T],
    mean: &'a [T],
    inverse: &'a [T],
    gamma: &'a [T],
    beta: &'a [T],
    y: &'a mut [T],
}
impl<T: Scalar, const RELU: bool> Kernel for Normalize<'_, T, RELU> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.mean.len();
        let (mean, inverse, gamma, beta) =
            (&self.mean[..n], &self.inverse[..n], &self.gamma[..n], &self.beta[..n]);
        for (y, z) in self.y.chunks_exact_mut(n).zip(self.z.chunks_exact(n)) {
            for j in 0..n {
                let normalized = ((z[j] - mean[j]) * inverse[j]).mul_add(gamma[j], beta[j]);
                y[j] = if RELU && normalized < T::ZERO { T::ZERO } else { normalized };
            }
        }
    }
}

struct BatchNorm<const RELU: bool>;
impl<T: Scalar, const RELU: bool> Rule<T> for BatchNorm<RELU> {
    fn name(&self) -> &'static str {
        if RELU { "batch_norm_relu" } else { "batch_norm" }
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (z, gamma, y) = (pull.value(0), pull.value(1), pull.output());
        let (m, n) = (z.rows(), z.cols());
        let (inverse, mean) = pull.saved().split_at(n);
        let (mut dy, [dz, dgamma, dbeta]) = pull.wrt_each([0, 1, 2]);
        let mut dz = dz.map(|dz| dz.into_parts());
        // The sums over the batch are kept on the stack, some columns at a time, since dz needs them whether
        // or not anyone wants the gradients of gain and shift.
        let mut gradients = [dgamma, dbeta].map(|row| row.map(|row| row.into_zeroed()));
        for start in (0..n).step_by(BLOCK) {
            let width = BLOCK.min(n - start);
            let mut sums = [[T::ZERO; BLOCK]; 2];
            dispatch(Sums::<T, RELU> {
                start,
                width,
                n,
                dy: dy.data_mut(),
                y: y.data(),
                z: z.data(),
                mean,
                inverse,
                sums: &mut sums,
            });
            for (row, sums) in gradients.iter_mut().zip(&sums) {
                if let Some(row) = row {
                    for (g, &sum) in row.data_mut()[start..].iter_mut().zip(&sums[..width]) {
                        *g += sum;
                    }
                }
            }
            if let Some((dz, fresh)) = &mut dz {
                let share = T::ONE / T::from_usize(m);
                let dz = dz.data_mut();
                let fresh = *fresh;
                dispatch(Input {
                    start,
                    width,
                    n,
                    dy: dy.data(),
                    z: z.data(),
                    mean,
                    inverse,
                    gamma: gamma.data(),
                    sums: &sums,
                    share,
                    dz,
                    fresh,
                });
            }
        }
    }
}

/// Columns handled together, their sums on the stack.
const BLOCK: usize = 128;

/// Σ dy·ẑ and Σ dy of a block of columns, the rectifier's mask applied to dy in place.
struct Sums<'a, T, const RELU: bool> {
    start: usize,
    width: usize,
    n: usize,
    dy: &'a mut [T],
    y: &'a [T],
    z: &'a [T],
    mean: &'a [T],
    inverse: &'a [T],
    sums: &'a mut [[T; BLOCK]; 2],
}
impl<T: Scalar, const RELU: bool> Kernel for Sums<'_, T, RELU> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let columns = self.start..self.start + self.width;
        let (mean, inverse) = (&self.mean[columns.clone()], &self.inverse[columns.clone()]);
        let [with_z, plain] = self.sums;
        let (with_z, plain) = (&mut with_z[..self.width], &mut plain[..self.width]);
        let rows = self
            .dy
            .chunks_exact_mut(self.n)
            .zip(self.y.chunks_exact(self.n))
            .zip(self.z.chunks_exact(self.n));
        for ((dy, y), z) in rows {
            let (dy, y, z) = (&mut dy[columns.clone()], &y[columns.clone()], &z[columns.clone()]);
            for j in 0..dy.len() {
                let d = if RELU { rectified(y[j] > T::ZERO, dy[j]) } else { dy[j] };
                dy[j] = d;
                plain[j] += d;
                with_z[j] = (d * inverse[j]).mul_add(z[j] - mean[j], with_z[j]);
            }
        }
    }
}

/// dz = γ/√(σ² + ϵ) · (dy − mean(dy) − ẑ·mean(dy·ẑ)).
struct Input<'a, T> {
    start: usize,
    width: usize,
    n: usize,
    dy: &'a [T],
    z: &'a [T],
    mean: &'a [T],
    inverse: &'a [T],
    gamma: &'a [T],
    sums: &'a [[T; BLOCK]; 2],
    share: T,
    dz: &'a mut [T],
    fresh: bool,
}
impl<T: Scalar> Kernel for Input<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let columns = self.start..self.start + self.width;
        let (mean, inverse, gamma) =
            (&self.mean[columns.clone()], &self.inverse[columns.clone()], &self.gamma[columns.clone()]);
        let (with_z, plain) = (&self.sums[0][..self.width], &self.sums[1][..self.width]);
        let rows = self
            .dz
            .chunks_exact_mut(self.n)
            .zip(self.dy.chunks_exact(self.n))
            .zip(self.z.chunks_exact(self.n));
        for ((dz, dy), z) in rows {
            let (dz, dy, z) = (&mut dz[columns.clone()], &dy[columns.clone()], &z[columns.clone()]);
            for j in 0..dz.len() {
                let normalized = (z[j] - mean[j]) * inverse[j];
                let d = gamma[j] * inverse[j] * (dy[j] - self.share * (plain[j] + normalized * with_z[j]));
                dz[j] = if self.fresh { d } else { dz[j] + d };
            }
        }
    }
}
