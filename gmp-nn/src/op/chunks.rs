//! Passes over the rows of a matrix, in chunks of rows on the threads of the current rayon pool.
//!
//! The chunks depend on the shape alone. What is summed over the rows is summed chunk by chunk, and the sums of the
//! chunks are combined in order: the same bits at any thread count.

use gmp_math::Scalar;

/// Numbers in a chunk: 256 KiB in f32, so that a second look at them finds them in the second-level cache.
const NUMBERS: usize = 1 << 16;
/// Numbers from which a pass over memory is worth a second thread.
const WORTH_A_THREAD: usize = 1 << 18;

/// The chunks of a matrix.
#[derive(Clone, Copy)]
pub(super) struct Chunks {
    /// Numbers in the matrix.
    len: usize,
    /// Numbers in every chunk but the last.
    chunk: usize,
}

impl Chunks {
    /// Those of a matrix of `len` numbers in rows of `columns`.
    pub(super) fn new(len: usize, columns: usize) -> Self {
        Self { len, chunk: (NUMBERS / columns.max(1)).max(1) * columns.max(1) }
    }

    /// How many there are.
    pub(super) fn count(self) -> usize {
        self.len.div_ceil(self.chunk)
    }

    /// Rows of the matrix.
    pub(super) fn rows(self, columns: usize) -> usize {
        self.len / columns
    }

    /// The numbers of chunk `i`.
    pub(super) fn of<T>(self, i: usize, matrix: &[T]) -> &[T] {
        &matrix[i * self.chunk..self.len.min((i + 1) * self.chunk)]
    }

    /// Calls `work` for every chunk with its numbers of a matrix to write.
    pub(super) fn write<T: Scalar>(self, matrix: &mut [T], work: &(impl Fn(usize, &mut [T]) + Sync)) {
        self.split(0..self.count(), matrix, self.chunk, work);
    }

    /// Calls `work` for every chunk with `width` numbers of its own, its sums.
    pub(super) fn sum<T: Scalar>(
        self,
        sums: &mut [T],
        width: usize,
        work: &(impl Fn(usize, &mut [T]) + Sync),
    ) {
        self.split(0..self.count(), &mut sums[..self.count() * width], width, work);
    }

    fn split<T: Scalar>(
        self,
        chunks: std::ops::Range<usize>,
        output: &mut [T],
        width: usize,
        work: &(impl Fn(usize, &mut [T]) + Sync),
    ) {
        if chunks.len() <= 1 || self.len < WORTH_A_THREAD || rayon::current_num_threads() == 1 {
            return chunks.zip(output.chunks_mut(width)).for_each(|(i, output)| work(i, output));
        }
        let half = chunks.len() / 2;
        let middle = chunks.start + half;
        let (left, right) = output.split_at_mut(half * width);
        rayon::join(
            || self.split(chunks.start..middle, left, width, work),
            || self.split(middle..chunks.end, right, width, work),
        );
    }
}

/// `f(sum, row)` over the rows for the `sums` of every column, in order, four rows at a time: the sums then go to
/// memory a quarter as often, and the bits are those of one row after the other.
#[inline(always)]
pub(super) fn fold_rows<T: Scalar>(matrix: &[T], sums: &mut [T], f: impl Fn(usize, T, T) -> T) {
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
