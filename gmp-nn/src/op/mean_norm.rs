//! Mean-only normalization: every column minus its mean over the batch.

use super::{Activation, activation as activate};
use crate::kernel::chunks::{Chunks, fold_rows};
use crate::kernel::columns::rectified;
use crate::kernel::conv::work_area;
use gmp_autograd::{Accumulator, Pullback, Rule, Tape, Var};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};

/// `g(z − μ)` with the batch's mean μ of every column of z; z and the result are samples×columns. `observe` receives
/// μ, from which a layer updates its running mean.
///
/// At z's [last use](Var::last_use) the result reuses its memory, if the operation that computed z allows it.
///
/// Before the activation it is the paper's MBN, after it the IMN of the next layer's input.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::{Activation, op};
///
/// let mut tape = Tape::<f64>::new();
/// tape.begin(&[]);
/// let z = tape.input(&[1.0, 5.0], 2, 1);
/// let y = op::mean_norm(&mut tape, z, Activation::Relu, |mean| assert_eq!(mean, [3.0]));
/// assert_eq!(tape.value(y).data(), [0.0, 2.0]);
/// ```
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
    let is_relu = match activation {
        Activation::Identity => false,
        Activation::Relu => true,
        _ => {
            let y = mean_norm(tape, z, Activation::Identity, observe);
            return activate(tape, y.last_use(), activation);
        }
    };
    let rule: &'static dyn Rule<T> = if is_relu { &MeanNorm::<true> } else { &MeanNorm::<false> };
    tape.record_in_place(rule, z, |z, mut y, scratch| {
        let (z, n) = (z.map(|z| z.data()), y.cols());
        let y = y.data_mut();
        let chunks = Chunks::new(y.len(), n);
        let mean = column_means(chunks, n, scratch, &|i, sums| {
            let numbers = chunks.of(i, z.unwrap_or(y));
            dispatch(Sums::<T, false> { numbers, y: numbers, sums });
        });
        observe(mean);
        chunks.write(y, &|i, y| {
            // A chunk stays in the second-level cache between the copy and the difference.
            if let Some(z) = z {
                y.copy_from_slice(chunks.of(i, z));
            }
            if is_relu {
                dispatch(Subtract::<T, true> { mean, y });
            } else {
                dispatch(Subtract::<T, false> { mean, y });
            }
        });
    })
}

/// The mean of every column, in the work area, from what `sum` adds up over each chunk.
fn column_means<'s, T: Scalar>(
    chunks: Chunks,
    columns: usize,
    scratch: &'s mut Vec<T>,
    sum: &(impl Fn(usize, &mut [T]) + Sync),
) -> &'s [T] {
    let (mean, sums) = work_area(scratch, (1 + chunks.count()) * columns).split_at_mut(columns);
    chunks.sum(sums, columns, sum);
    mean.fill(T::ZERO);
    for sums in sums.chunks_exact(columns) {
        mean.iter_mut().zip(sums).for_each(|(mean, &sum)| *mean += sum);
    }
    let share = T::ONE / T::from_usize(chunks.rows(columns));
    mean.iter_mut().for_each(|mean| *mean *= share);
    mean
}

/// Sums of the columns; after a rectifier only where the output `y` is positive.
struct Sums<'a, T, const RELU: bool> {
    numbers: &'a [T],
    y: &'a [T],
    sums: &'a mut [T],
}
impl<T: Scalar, const RELU: bool> Kernel for Sums<'_, T, RELU> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.sums.len();
        self.sums.fill(T::ZERO);
        if !RELU {
            return fold_rows(self.numbers, self.sums, |_, sum, x| sum + x);
        }
        for (row, y) in self.numbers.chunks_exact(n).zip(self.y.chunks_exact(n)) {
            for j in 0..n {
                self.sums[j] += rectified(y[j] > T::ZERO, row[j]);
            }
        }
    }
}

/// y ← g(y − mean).
struct Subtract<'a, T, const RELU: bool> {
    mean: &'a [T],
    y: &'a mut [T],
}
impl<T: Scalar, const RELU: bool> Kernel for Subtract<'_, T, RELU> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.mean.len();
        for y in self.y.chunks_exact_mut(n) {
            for j in 0..n {
                let off = y[j] - self.mean[j];
                y[j] = if RELU && off < T::ZERO { T::ZERO } else { off };
            }
        }
    }
}

struct MeanNorm<const RELU: bool>;
impl<T: Scalar, const RELU: bool> Rule<T> for MeanNorm<RELU> {
    fn name(&self) -> &'static str {
        if RELU { "mean_norm_relu" } else { "mean_norm" }
    }
    fn reads_output(&self) -> bool {
        RELU
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (y, n) = (pull.output().data(), pull.output().cols());
        let mut scratch = std::mem::take(pull.scratch());
        if let Some((dy, dz)) = pull.wrt(0) {
            let chunks = Chunks::new(y.len(), n);
            let mean = column_means(chunks, n, &mut scratch, &|i, sums| {
                dispatch(Sums::<T, RELU> { numbers: chunks.of(i, dy.data()), y: chunks.of(i, y), sums });
            });
            chunks.add(dz, &|i, dz| {
                let (dy, y) = (chunks.of(i, dy.data()), chunks.of(i, y));
                dispatch(Input::<T, RELU> { dy, y, mean, dz });
            });
        }
        *pull.scratch() = scratch;
    }
}

/// dz = dy − mean(dy).
struct Input<'a, T, const RELU: bool> {
    dy: &'a [T],
    y: &'a [T],
    mean: &'a [T],
    dz: Accumulator<'a, T>,
}
impl<T: Scalar, const RELU: bool> Kernel for Input<'_, T, RELU> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.mean.len();
        let rows = self.dz.rows().zip(self.dy.chunks_exact(n)).zip(self.y.chunks_exact(n));
        for ((dz, dy), y) in rows {
            let difference =
                |j: usize| if RELU { rectified(y[j] > T::ZERO, dy[j]) } else { dy[j] } - self.mean[j];
            dz.add_each((0..n).map(difference));
        }
    }
}
