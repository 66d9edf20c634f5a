//! Neighbouring columns of a row-major matrix, so that threads can share one by columns.
//!
//! Units do not mix in any kernel here, and the rows of one unit depend on each other: so work splits by columns.
//! The columns of a row-major matrix interleave in memory, which safe slices cannot express; this file holds the one
//! view that can, and nothing else.

use std::marker::PhantomData;

/// Columns to read.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a, T> {
    data: &'a [T],
    stride: usize,
    first: usize,
    width: usize,
}

impl<'a, T> Columns<'a, T> {
    /// All columns of a matrix with rows of `stride` numbers.
    pub(crate) fn new(data: &'a [T], stride: usize) -> Self {
        Self { data, stride, first: 0, width: stride }
    }

    /// Keeps the columns before `column` and returns the others.
    pub(crate) fn split_off(&mut self, column: usize) -> Self {
        assert!(column <= self.width);
        let rest = Self { first: self.first + column, width: self.width - column, ..*self };
        self.width = column;
        rest
    }

    /// How many rows a tile may have: `width`·rows ≤ `most` where whole rows are in view, which lie side by side in
    /// memory; else 1.
    #[inline(always)]
    pub(crate) fn tallest(&self, most: usize) -> usize {
        if self.width == self.stride { most / self.width } else { 1 }
    }

    /// `height` rows from `row` on; more than one only where all columns of the matrix are in view.
    #[inline(always)]
    pub(crate) fn tile(&self, row: usize, height: usize) -> &'a [T] {
        assert!(height == 1 || self.width == self.stride);
        &self.data[row * self.stride + self.first..][..height * self.width]
    }
}

/// Columns to write: disjoint views of one matrix may be with different threads.
pub(crate) struct ColumnsMut<'a, T> {
    start: *mut T,
    rows: usize,
    stride: usize,
    width: usize,
    data: PhantomData<&'a mut [T]>,
}

// SAFETY: as `&mut [T]`: each number belongs to one view alone, since views are made only by borrowing a whole matrix
// or by taking another view apart.
unsafe impl<T: Send> Send for ColumnsMut<'_, T> {}

impl<'a, T> ColumnsMut<'a, T> {
    /// All columns of a matrix with rows of `stride` numbers.
    pub(crate) fn new(data: &'a mut [T], stride: usize) -> Self {
        let rows = data.len().checked_div(stride).unwrap_or(0);
        Self { start: data.as_mut_ptr(), rows, stride, width: stride, data: PhantomData }
    }

    /// Keeps the columns before `column` and returns the others.
    pub(crate) fn split_off(&mut self, column: usize) -> Self {
        assert!(column <= self.width);
        // A matrix without rows has no number to point at, so its pointer stays where it is.
        let offset = if self.rows == 0 { 0 } else { column };
        // SAFETY: `column` ≤ width, so the pointer stays within the first row, or one past it.
        let start = unsafe { self.start.add(offset) };
        let rest = Self { start, width: self.width - column, ..*self };
        self.width = column;
        rest
    }

    /// `height` rows from `row` on; more than one only where all columns of the matrix are in view.
    #[inline(always)]
    pub(crate) fn tile(&mut self, row: usize, height: usize) -> &mut [T] {
        assert!(row + height <= self.rows && (height == 1 || self.width == self.stride));
        // SAFETY: the rows exist, and within them [row·stride, row·stride + height·width) holds numbers of this
        // view only: one row's part, or whole rows. `&mut self` keeps any other tile of the view from living on.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride), height * self.width) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number belongs to one of the views, and to the one that its column says.
    #[test]
    fn views_partition_the_matrix() {
        let mut matrix = vec![0; 3 * 7];
        let mut left = ColumnsMut::new(&mut matrix, 7);
        let mut middle = left.split_off(2);
        let mut right = middle.split_off(4);
        for row in 0..3 {
            left.tile(row, 1).fill(1);
            right.tile(row, 1).fill(3);
            middle.tile(row, 1).fill(2);
        }
        assert_eq!(matrix, [1, 1, 2, 2, 2, 2, 3].repeat(3));
        let mut left = Columns::new(&matrix, 7);
        let right = left.split_off(6);
        assert_eq!((left.tile(2, 1), right.tile(1, 1)), (&[1, 1, 2, 2, 2, 2][..], &[3][..]));
    }

    #[test]
    #[should_panic]
    fn rows_past_the_end_are_refused() {
        ColumnsMut::new(&mut [0; 6], 3).tile(2, 1);
    }

    #[test]
    #[should_panic]
    fn tall_tiles_of_part_of_the_columns_are_refused() {
        ColumnsMut::new(&mut [0; 6], 3).split_off(1).tile(0, 2);
    }
}
