//! Batch normalization of every unit over the samples of a batch.

use super::{Activation, activation as activate};
use crate::kernel::chunks::{Chunks, fold_rows};
use crate::kernel::columns::{Columns, part, part_mut, rectified, sweep};
use crate::kernel::conv::work_area;
use gmp_autograd::{Attributes, Pullback, Rule, Tape, Var};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use std::array;

/// `g(γ (z − μ)/√(σ² + ϵ) + β)` with the batch's mean μ and (biased) variance σ² of every unit.
///
/// z is samples×units; γ and β are 1×units. `observe` receives the mean and the variance, from which a layer updates
/// its running statistics.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::{Activation, op};
///
/// let mut tape = Tape::<f64>::new();
/// tape.begin(&[]);
/// let z = tape.input(&[1.0, 5.0], 2, 1);
/// let (gain, shift) = (tape.input(&[3.0], 1, 1), tape.input(&[1.0], 1, 1));
/// let y = op::batch_norm(&mut tape, [z, gain, shift], 0.0, Activation::Identity, |mean, variance| {
///     assert_eq!((mean, variance), (&[3.0][..], &[4.0][..]));
/// });
/// assert_eq!(tape.value(y).data(), [-2.0, 4.0]);
/// ```
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
    let is_relu = match activation {
        Activation::Identity => false,
        Activation::Relu => true,
        _ => {
            let y = batch_norm(tape, [z, gamma, beta], epsilon, Activation::Identity, observe);
            return activate(tape, y.last_use(), activation);
        }
    };
    let rule: &'static dyn Rule<T> = if is_relu { &BatchNorm::<true> } else { &BatchNorm::<false> };
    // Kept: 1/√(σ² + ϵ), then the mean.
    tape.record_with(
        rule,
        [z, gamma, beta],
        z.shape(),
        2 * n,
        Attributes::default(),
        |[z, gamma, beta], mut y, saved, scratch| {
            let (variance, mean) = saved.split_at_mut(n);
            let chunks = Chunks::new(z.data().len(), n);
            statistics(chunks, z.data(), mean, variance, scratch);
            observe(mean, variance);
            let inverse = variance;
            for inverse in inverse.iter_mut() {
                *inverse = T::ONE / (*inverse + epsilon).sqrt();
            }
            let line = Line { mean, inverse, gamma: gamma.data(), beta: beta.data() };
            chunks.write(y.data_mut(), &|i, y| {
                let z = chunks.of(i, z.data());
                if is_relu {
                    dispatch(Normalize::<T, true> { z, line, y });
                } else {
                    dispatch(Normalize::<T, false> { z, line, y });
                }
            });
        },
    )
}

/// Mean and biased variance of every column.
///
/// Each chunk of rows has its own, which are combined in order (Chan, Golub & LeVeque 1983): memory is read once,
/// and unlike the sum of squares nothing cancels where the mean is large.
fn statistics<T: Scalar>(chunks: Chunks, z: &[T], mean: &mut [T], variance: &mut [T], scratch: &mut Vec<T>) {
    let n = mean.len();
    let sums = work_area(scratch, chunks.count() * 2 * n);
    chunks.sum(sums, 2 * n, &|i, sums| {
        let (mean, squares) = sums.split_at_mut(n);
        dispatch(Statistics { z: chunks.of(i, z), mean, squares });
    });
    let (first, others) = sums.split_at(2 * n);
    mean.copy_from_slice(&first[..n]);
    variance.copy_from_slice(&first[n..]);
    let mut seen = chunks.of(0, z).len() / n;
    for (i, sums) in (1..).zip(others.chunks_exact(2 * n)) {
        let rows = chunks.of(i, z).len() / n;
        let share = T::from_usize(rows) / T::from_usize(seen + rows);
        let cross = T::from_usize(seen) * share;
        for j in 0..n {
            let off = sums[j] - mean[j];
            mean[j] = off.mul_add(share, mean[j]);
            variance[j] = (off * off).mul_add(cross, variance[j] + sums[n + j]);
        }
        seen += rows;
    }
    let share = T::ONE / T::from_usize(seen);
    variance.iter_mut().for_each(|variance| *variance *= share);
}

/// The mean of every column, and the sum of the squares of what is off it.
struct Statistics<'a, T> {
    z: &'a [T],
    mean: &'a mut [T],
    squares: &'a mut [T],
}
impl<T: Scalar> Kernel for Statistics<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.mean.len();
        let share = T::ONE / T::from_usize(self.z.len() / n);
        self.mean.fill(T::ZERO);
        self.squares.fill(T::ZERO);
        fold_rows(self.z, self.mean, |_, sum, z| sum + z);
        self.mean.iter_mut().for_each(|mean| *mean *= share);
        let mean = &self.mean[..n];
        fold_rows(self.z, self.squares, |j, sum, z| (z - mean[j]).mul_add(z - mean[j], sum));
    }
}

/// Rows that stay in the first-level cache while all columns pass over them: 12 KiB of 100 columns in f64.
const PANEL: usize = 16;

/// What belongs to every column.
#[derive(Clone, Copy)]
struct Line<'a, T> {
    mean: &'a [T],
    inverse: &'a [T],
    gamma: &'a [T],
    beta: &'a [T],
}
impl<T: Scalar> Line<'_, T> {
    /// That of the columns from `from` on.
    #[inline(always)]
    fn part<const W: usize>(&self, from: usize) -> Part<T, W> {
        Part {
            mean: *part(self.mean, from),
            inverse: *part(self.inverse, from),
            gamma: *part(self.gamma, from),
            beta: *part(self.beta, from),
        }
    }
}

/// What belongs to `W` columns.
struct Part<T, const W: usize> {
    mean: [T; W],
    inverse: [T; W],
    gamma: [T; W],
    beta: [T; W],
}
impl<T: Scalar, const W: usize> Part<T, W> {
    /// ẑ of column l.
    #[inline(always)]
    fn normalized(&self, l: usize, z: T) -> T {
        (z - self.mean[l]) * self.inverse[l]
    }
    /// γ ẑ + β of column l.
    #[inline(always)]
    fn output(&self, l: usize, z: T) -> T {
        self.normalized(l, z).mul_add(self.gamma[l], self.beta[l])
    }
    /// The gradient of γ ẑ + β. Whether the rectifier let a number pass is told by the same sum as in the forward
    /// pass, which costs less than to read the output again.
    #[inline(always)]
    fn gradient<const RELU: bool>(&self, l: usize, z: T, dy: T) -> T {
        if RELU { rectified(self.output(l, z) > T::ZERO, dy) } else { dy }
    }
}

struct Normalize<'a, T, const RELU: bool> {
    z: &'a [T],
    line: Line<'a, T>,
    y: &'a mut [T],
}
impl<T: Scalar, const RELU: bool> Kernel for Normalize<'_, T, RELU> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (line, n) = (self.line, self.line.mean.len());
        for (y, z) in self.y.chunks_mut(PANEL * n).zip(self.z.chunks(PANEL * n)) {
            sweep(n, &mut Normalize::<T, RELU> { z, line, y });
        }
    }
}
impl<T: Scalar, const RELU: bool> Columns for Normalize<'_, T, RELU> {
    #[inline(always)]
    fn columns<const W: usize>(&mut self, from: usize) {
        let (line, n) = (self.line.part::<W>(from), self.line.mean.len());
        for (y, z) in self.y.chunks_exact_mut(n).zip(self.z.chunks_exact(n)) {
            let z = part::<T, W>(z, from);
            *part_mut::<T, W>(y, from) = array::from_fn(|l| {
                let output = line.output(l, z[l]);
                if RELU && output < T::ZERO { T::ZERO } else { output }
            });
        }
    }
}

struct BatchNorm<const RELU: bool>;
impl<T: Scalar, const RELU: bool> Rule<T> for BatchNorm<RELU> {
    fn name(&self) -> &'static str {
        if RELU { "batch_norm_relu" } else { "batch_norm" }
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (z, gamma, beta) = (pull.value(0).data(), pull.value(1).data(), pull.value(2).data());
        let n = gamma.len();
        let (inverse, mean) = pull.saved().split_at(n);
        let line = Line { mean, inverse, gamma, beta };
        let chunks = Chunks::new(z.len(), n);
        let mut scratch = std::mem::take(pull.scratch());
        let sums = work_area(&mut scratch, (1 + chunks.count()) * 2 * n);
        let (total, sums) = sums.split_at_mut(2 * n);
        let (dy, [dz, dgamma, dbeta]) = pull.wrt_each([0, 1, 2]);
        let dy = dy.into_data();
        chunks.sum(sums, 2 * n, &|i, sums| {
            let (with_z, plain) = sums.split_at_mut(n);
            let (dy, z) = (chunks.of(i, dy), chunks.of(i, z));
            dispatch(Sums::<T, RELU> { dy, z, line, with_z, plain });
        });
        total.fill(T::ZERO);
        for sums in sums.chunks_exact(2 * n) {
            total.iter_mut().zip(sums).for_each(|(total, &sum)| *total += sum);
        }
        let (with_z, plain) = total.split_at_mut(n);
        for (row, sums) in [(dgamma, &*with_z), (dbeta, &*plain)] {
            if let Some(row) = row {
                row.add_each(sums.iter().copied());
            }
        }
        if let Some(dz) = dz {
            let share = T::ONE / T::from_usize(z.len() / n);
            for sum in with_z.iter_mut().chain(plain.iter_mut()) {
                *sum *= share;
            }
            let (with_z, plain) = (&*with_z, &*plain);
            chunks.add(dz, &|i, dz| {
                let (dy, z) = (chunks.of(i, dy), chunks.of(i, z));
                let (dz, is_fresh) = dz.into_parts();
                let dz = dz.into_data();
                dispatch(Input::<T, RELU> { dy, z, line, with_z, plain, dz, is_fresh });
            });
        }
        *pull.scratch() = scratch;
    }
}

/// Σ dy·ẑ and Σ dy.
struct Sums<'a, T, const RELU: bool> {
    dy: &'a [T],
    z: &'a [T],
    line: Line<'a, T>,
    with_z: &'a mut [T],
    plain: &'a mut [T],
}
impl<T: Scalar, const RELU: bool> Kernel for Sums<'_, T, RELU> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { line, with_z, plain, .. } = self;
        let n = line.mean.len();
        with_z.fill(T::ZERO);
        plain.fill(T::ZERO);
        for (dy, z) in self.dy.chunks(PANEL * n).zip(self.z.chunks(PANEL * n)) {
            sweep(n, &mut Sums::<T, RELU> { dy, z, line, with_z, plain });
        }
    }
}
impl<T: Scalar, const RELU: bool> Columns for Sums<'_, T, RELU> {
    #[inline(always)]
    fn columns<const W: usize>(&mut self, from: usize) {
        let (line, n) = (self.line.part::<W>(from), self.line.mean.len());
        let mut with_z = *part::<T, W>(self.with_z, from);
        let mut plain = *part::<T, W>(self.plain, from);
        for (dy, z) in self.dy.chunks_exact(n).zip(self.z.chunks_exact(n)) {
            let (dy, z) = (part::<T, W>(dy, from), part::<T, W>(z, from));
            for l in 0..W {
                let d = line.gradient::<RELU>(l, z[l], dy[l]);
                plain[l] += d;
                with_z[l] = d.mul_add(line.normalized(l, z[l]), with_z[l]);
            }
        }
        *part_mut(self.with_z, from) = with_z;
        *part_mut(self.plain, from) = plain;
    }
}

/// dz = γ/√(σ² + ϵ) · (dy − mean(dy) − ẑ·mean(dy·ẑ)).
struct Input<'a, T, const RELU: bool> {
    dy: &'a [T],
    z: &'a [T],
    line: Line<'a, T>,
    /// The means of dy·ẑ and of dy.
    with_z: &'a [T],
    plain: &'a [T],
    dz: &'a mut [T],
    /// Whether dz is written, not added to.
    is_fresh: bool,
}
impl<T: Scalar, const RELU: bool> Kernel for Input<'_, T, RELU> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { line, with_z, plain, is_fresh, .. } = self;
        let n = line.mean.len();
        let panels =
            self.dz.chunks_mut(PANEL * n).zip(self.dy.chunks(PANEL * n)).zip(self.z.chunks(PANEL * n));
        for ((dz, dy), z) in panels {
            sweep(n, &mut Input::<T, RELU> { dy, z, line, with_z, plain, dz, is_fresh });
        }
    }
}
impl<T: Scalar, const RELU: bool> Columns for Input<'_, T, RELU> {
    #[inline(always)]
    fn columns<const W: usize>(&mut self, from: usize) {
        let (line, n) = (self.line.part::<W>(from), self.line.mean.len());
        let (with_z, plain) = (*part::<T, W>(self.with_z, from), *part::<T, W>(self.plain, from));
        let rows = self.dz.chunks_exact_mut(n).zip(self.dy.chunks_exact(n)).zip(self.z.chunks_exact(n));
        for ((dz, dy), z) in rows {
            let (dz, dy, z) = (part_mut::<T, W>(dz, from), part::<T, W>(dy, from), part::<T, W>(z, from));
            let gradient: [T; W] = array::from_fn(|l| {
                let d = line.gradient::<RELU>(l, z[l], dy[l]);
                let off = line.normalized(l, z[l]).mul_add(with_z[l], plain[l]);
                line.gamma[l] * line.inverse[l] * (d - off)
            });
            *dz = if self.is_fresh { gradient } else { array::from_fn(|l| dz[l] + gradient[l]) };
        }
    }
}
