//! Layer normalization: normalizes every row to mean 0 and variance 1.

use crate::kernel::chunks::Chunks;
use gmp_autograd::{Accumulator, MatMut, Pullback, Rule, Tape, Var};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use std::array;

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
    let columns = x.cols();
    assert!(columns > 0, "layer_norm: rows without numbers have no mean");
    let chunks = Chunks::new(x.rows() * columns, columns);
    // Kept: 1/√(σ² + ϵ) of every row, and space for as many rows in the last chunk as in the others.
    let kept = chunks.count() * chunks.rows_of_one(columns);
    tape.record(&LayerNorm, [x], x.shape(), kept, |[x], mut y, inverse| {
        chunks.write_and_sum(y.data_mut(), inverse, chunks.rows_of_one(columns), &|i, y, inverse| {
            dispatch(Normalize { x: chunks.of(i, x.data()), columns, epsilon, y, inverse });
        });
    })
}

/// Rows whose sums are formed side by side, since the processor would otherwise wait for one addition before it begins the next.
const ROWS: usize = 8;

/// The sum of `number(row, column)` over the columns of `R` rows, in order: the same bits as for one row after the other.
#[inline(always)]
fn sums<T: Scalar, const R: usize>(columns: usize, number: impl Fn(usize, usize) -> T) -> [T; R] {
    // What `Iterator::sum` starts with.
    let mut sums = [-T::ZERO; R];
    for column in 0..columns {
        for row in 0..R {
            sums[row] += number(row, column);
        }
    }
    sums
}

/// `R` rows of a matrix, from a row on.
#[inline(always)]
fn rows<T, const R: usize>(matrix: &[T], columns: usize, from: usize) -> [&[T]; R] {
    array::from_fn(|row| &matrix[(from + row) * columns..][..columns])
}

/// Work that is the same for every row.
trait Rows {
    /// Does the rows `from .. from + R`.
    fn rows<const R: usize>(&mut self, from: usize);
}

/// Does `count` rows.
#[inline(always)]
fn sweep(count: usize, work: &mut impl Rows) {
    let mut from = 0;
    while from + ROWS <= count {
        work.rows::<ROWS>(from);
        from += ROWS;
    }
    while from < count {
        work.rows::<1>(from);
        from += 1;
    }
}

/// The results and the 1/√(σ² + ϵ) of a chunk of rows.
struct Normalize<'a, T> {
    x: &'a [T],
    columns: usize,
    epsilon: T,
    y: &'a mut [T],
    inverse: &'a mut [T],
}
impl<T: Scalar> Kernel for Normalize<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        sweep(self.x.len() / self.columns, &mut self);
    }
}
impl<T: Scalar> Rows for Normalize<'_, T> {
    #[inline(always)]
    fn rows<const R: usize>(&mut self, from: usize) {
        let columns = self.columns;
        let share = T::ONE / T::from_usize(columns);
        let x = rows::<T, R>(self.x, columns, from);
        let mean = sums::<T, R>(columns, |row, column| x[row][column]).map(|sum| sum * share);
        let squares =
            sums::<T, R>(columns, |row, column| (x[row][column] - mean[row]) * (x[row][column] - mean[row]));
        for row in 0..R {
            let inverse = T::ONE / (squares[row] * share + self.epsilon).sqrt();
            self.inverse[from + row] = inverse;
            let y = &mut self.y[(from + row) * columns..][..columns];
            y.iter_mut().zip(x[row]).for_each(|(y, &x)| *y = (x - mean[row]) * inverse);
        }
    }
}

struct LayerNorm;
impl<T: Scalar> Rule<T> for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (y, inverse, columns) = (pull.output().data(), pull.saved(), pull.output().cols());
        let chunks = Chunks::new(y.len(), columns);
        if let Some((dy, dx)) = pull.wrt(0) {
            chunks.add(dx, &|i, dx| {
                let (dy, y) = (chunks.of(i, dy.data()), chunks.of(i, y));
                let inverse = &inverse[i * chunks.rows_of_one(columns)..];
                let (dx, is_fresh) = dx.into_parts();
                dispatch(Input { dy, y, columns, inverse, dx: dx.into_data(), is_fresh });
            });
        }
    }
}

/// dx = (dy − mean(dy) − y·mean(dy·y))/√(σ² + ϵ) of a chunk of rows.
struct Input<'a, T> {
    dy: &'a [T],
    y: &'a [T],
    columns: usize,
    inverse: &'a [T],
    dx: &'a mut [T],
    /// Whether dx is written, not added to.
    is_fresh: bool,
}
impl<T: Scalar> Kernel for Input<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        sweep(self.y.len() / self.columns, &mut self);
    }
}
impl<T: Scalar> Rows for Input<'_, T> {
    #[inline(always)]
    fn rows<const R: usize>(&mut self, from: usize) {
        let columns = self.columns;
        let share = T::ONE / T::from_usize(columns);
        let [dy, y] = [self.dy, self.y].map(|matrix| rows::<T, R>(matrix, columns, from));
        let mean = sums::<T, R>(columns, |row, column| dy[row][column]).map(|sum| sum * share);
        let along = sums::<T, R>(columns, |row, column| dy[row][column] * y[row][column]);
        for row in 0..R {
            let (mean, along, inverse) = (mean[row], along[row] * share, self.inverse[from + row]);
            let dx = &mut self.dx[(from + row) * columns..][..columns];
            let dx = Accumulator::new(MatMut::new(dx, 1, columns), self.is_fresh);
            dx.add_each(dy[row].iter().zip(y[row]).map(|(&dy, &y)| (dy - mean - y * along) * inverse));
        }
    }
}
