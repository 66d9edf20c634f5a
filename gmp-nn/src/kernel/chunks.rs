//! Passes over the rows of a matrix, in chunks of rows on the threads of the current rayon pool.
//!
//! The chunks depend on the shape alone. What is summed over the rows is summed chunk by chunk, and the sums of the
//! chunks are combined in order: the same bits at any thread count.

use crate::kernel::parallel::{self, share};
use gmp_autograd::{Accumulator, MatMut};
use gmp_math::Scalar;

/// Numbers in a chunk: 256 KiB in f32, so that a second look at them finds them in the second-level cache.
const NUMBERS: usize = 1 << 16;

/// The chunks of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Chunks {
    /// Numbers in the matrix.
    len: usize,
    /// Numbers in every chunk but the last.
    chunk: usize,
}

impl Chunks {
    /// Those of a matrix of `len` numbers in rows of `columns`.
    pub(crate) fn new(len: usize, columns: usize) -> Self {
        Self::of_rows(NUMBERS / columns.max(1), len, columns)
    }

    /// The same with `rows` rows per chunk, at least one.
    pub(crate) fn of_rows(rows: usize, len: usize, columns: usize) -> Self {
        Self { len, chunk: rows.max(1) * columns.max(1) }
    }

    /// How many there are.
    pub(crate) fn count(self) -> usize {
        self.len.div_ceil(self.chunk)
    }

    /// Rows of the matrix.
    pub(crate) fn rows(self, columns: usize) -> usize {
        self.len / columns
    }

    /// Rows of every chunk but the last, which has no more.
    pub(crate) fn rows_of_one(self, columns: usize) -> usize {
        self.chunk.min(self.len) / columns
    }

    /// The numbers of chunk `i`.
    pub(crate) fn of<T>(self, i: usize, matrix: &[T]) -> &[T] {
        &matrix[i * self.chunk..self.len.min((i + 1) * self.chunk)]
    }

    /// Calls `work` for every chunk with its numbers of a matrix to write.
    pub(crate) fn write<T: Scalar>(self, matrix: &mut [T], work: &(impl Fn(usize, &mut [T]) + Sync)) {
        self.write_and_sum(matrix, &mut [], 0, &|i, matrix, _| work(i, matrix));
    }

    /// Calls `work` for every chunk with its part of a gradient.
    pub(crate) fn add<T: Scalar>(
        self,
        gradient: Accumulator<'_, T>,
        work: &(impl Fn(usize, Accumulator<'_, T>) + Sync),
    ) {
        let (gradient, is_fresh) = gradient.into_parts();
        let cols = gradient.cols();
        self.write(gradient.into_data(), &|i, part| {
            let rows = part.len() / cols.max(1);
            work(i, Accumulator::new(MatMut::new(part, rows, cols), is_fresh));
        });
    }

    /// Calls `work` for every chunk with `width` numbers of its own, its sums.
    pub(crate) fn sum<T: Scalar>(
        self,
        sums: &mut [T],
        width: usize,
        work: &(impl Fn(usize, &mut [T]) + Sync),
    ) {
        self.write_and_sum(&mut [], sums, width, &|i, _, sums| work(i, sums));
    }

    /// Calls `work` for every chunk with its numbers of a matrix to write and `width` numbers of its own, its sums.
    pub(crate) fn write_and_sum<T: Scalar>(
        self,
        matrix: &mut [T],
        sums: &mut [T],
        width: usize,
        work: &(impl Fn(usize, &mut [T], &mut [T]) + Sync),
    ) {
        let is_shared = self.len >= parallel::NUMBERS && gmp_math::parallel::threads() > 1;
        let parts = if is_shared { self.count() } else { 1 };
        let sums = &mut sums[..self.count() * width];
        share(0..self.count(), parts, [matrix], sums, &|i| i * self.chunk, &|chunks, [matrix], sums| {
            let (mut matrix, mut sums) = (matrix.chunks_mut(self.chunk), sums.chunks_mut(width.max(1)));
            for i in chunks {
                work(i, matrix.next().unwrap_or_default(), sums.next().unwrap_or_default());
            }
        });
    }
}

/// `f(sum, row)` over the rows for the `sums` of every column, in order, four rows at a time: the sums then go to
/// memory a quarter as often, and the bits are those of one row after the other.
#[inline(always)]
pub(crate) fn fold_rows<T: Scalar>(matrix: &[T], sums: &mut [T], f: impl Fn(usize, T, T) -> T) {
    let n = sums.len();
    let mut fours = matrix.chunks_exact(4 * n);
    for four in fours.by_ref() {
        let (a, rest) = four.split_at(n);
        let (b, rest) = rest.split_at(n);
        let (c, d) = rest.split_at(n);
        let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
        for j in 0..n {
            sums[j] = f(j, f(j, f(j, f(j, sums[j], a[j]), b[j]), c[j]), d[j]);
        }
    }
    for row in fours.remainder().chunks_exact(n) {
        for j in 0..n {
            sums[j] = f(j, sums[j], row[j]);
        }
    }
}
