//! Batch kernels: the same work on every column, in blocks of columns, in turn or on several threads.

use crate::columns::{Columns, ColumnsMut};
use crate::simd::{Kernel, dispatch};

/// Columns of a panel. Pieces of work begin at multiples of it.
///
/// The kernels of training get one panel at a time: few enough columns that their running values stay in registers and first
/// cache, and that every matrix is read at a constant stride, which the processor foresees. 16, 64, 128, 256 and 512 are slower.
pub(crate) const PANEL: usize = 32;

/// What a kernel does with its columns. Columns must not mix.
pub(crate) trait Body<T, const R: usize, const W: usize>: Copy + Send {
    /// Most columns that it gets at once, a multiple of [`PANEL`].
    const WIDEST: usize;
    /// Reads and writes `width` ≤ `WIDEST` columns of matrices that belong to layers with `inputs` ≥ 1.
    /// Mark it `#[inline(always)]`, as every vector kernel.
    fn run(self, inputs: usize, width: usize, reads: [Columns<'_, T>; R], writes: [ColumnsMut<'_, T>; W]);
}

/// A kernel with its operands: row-major matrices with one column for each unit.
pub(crate) struct Batch<'a, T, B, const R: usize, const W: usize> {
    body: B,
    inputs: usize,
    width: usize,
    reads: [Columns<'a, T>; R],
    writes: [ColumnsMut<'a, T>; W],
}

impl<'a, T: Send + Sync, B: Body<T, R, W>, const R: usize, const W: usize> Batch<'a, T, B, R, W> {
    pub(crate) fn new(
        body: B,
        inputs: usize,
        units: usize,
        reads: [Columns<'a, T>; R],
        writes: [ColumnsMut<'a, T>; W],
    ) -> Self {
        Self {
            body,
            inputs,
            // Without inputs there is nothing to write.
            width: if inputs == 0 { 0 } else { units },
            reads,
            writes,
        }
    }

    /// Keeps the columns before `column` and returns the others.
    fn split_off(&mut self, column: usize) -> Self {
        let width = self.width - column;
        self.width = column;
        Self {
            body: self.body,
            inputs: self.inputs,
            width,
            reads: self.reads.each_mut().map(|matrix| matrix.split_off(column)),
            writes: self.writes.each_mut().map(|matrix| matrix.split_off(column)),
        }
    }

    /// Runs on this thread.
    fn run(mut self) {
        while self.width > B::WIDEST {
            let rest = self.split_off(B::WIDEST);
            dispatch(self);
            self = rest;
        }
        if self.width > 0 {
            dispatch(self);
        }
    }

    /// Runs in at most `pieces` pieces, of which each may be on another thread of the current rayon pool. Columns do not mix, so the
    /// result has the same bits for any number of them.
    pub(crate) fn run_in(mut self, pieces: usize) {
        let panels = self.width.div_ceil(PANEL);
        let pieces = pieces.min(panels);
        if pieces < 2 {
            return self.run();
        }
        let rest = self.split_off(panels * (pieces / 2) / pieces * PANEL);
        let (left, right) = (|| self.run_in(pieces / 2), || rest.run_in(pieces - pieces / 2));
        #[cfg(feature = "rayon")]
        rayon::join(left, right);
        #[cfg(not(feature = "rayon"))]
        {
            left();
            right();
        }
    }
}

impl<T, B: Body<T, R, W>, const R: usize, const W: usize> Kernel for Batch<'_, T, B, R, W> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        // Compiled twice: a width that the compiler knows makes loops without remainders.
        if self.width == B::WIDEST {
            self.body.run(self.inputs, B::WIDEST, self.reads, self.writes);
        } else {
            self.body.run(self.inputs, self.width, self.reads, self.writes);
        }
    }
}
