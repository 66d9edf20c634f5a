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
    thickness: usize,
    first: usize,
    width: usize,
}

impl<'a, T> Columns<'a, T> {
    /// All columns of a matrix that has `units` columns of `thickness` numbers in each row.
    pub(crate) fn new(data: &'a [T], units: usize, thickness: usize) -> Self {
        let stride = units * thickness;
        Self { data, stride, thickness, first: 0, width: stride }
    }

    /// Keeps the columns before `column` and returns the others.
    pub(crate) fn split_off(&mut self, column: usize) -> Self {
        let at = column * self.thickness;
        assert!(at <= self.width);
        let rest = Self { first: self.first + at, width: self.width - at, ..*self };
        self.width = at;
        rest
    }

    /// Whether all columns of the matrix are in view, so that its rows lie side by side in memory.
    #[inline(always)]
    pub(crate) fn is_whole(&self) -> bool {
        self.width == self.stride
    }

    /// How many rows a tile may have: `most` numbers' worth where whole rows are in view, which lie side by side in
    /// memory; else 1.
    #[inline(always)]
    pub(crate) fn tallest(&self, most: usize) -> usize {
        if self.is_whole() { most / self.width } else { 1 }
    }

    /// `height` rows from `row` on; more than one only where all columns of the matrix are in view.
    #[inline(always)]
    pub(crate) fn tile(&self, row: usize, height: usize) -> &'a [T] {
        assert!(height == 1 || self.is_whole());
        &self.data[row * self.stride + self.first..][..height * self.width]
    }

    /// This view's part of a row.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> &'a [T] {
        self.tile(row, 1)
    }
}

/// Columns to write: disjoint views of one matrix may be with different threads.
pub(crate) struct ColumnsMut<'a, T> {
    start: *mut T,
    rows: usize,
    stride: usize,
    thickness: usize,
    width: usize,
    data: PhantomData<&'a mut [T]>,
}

// SAFETY: as `&mut [T]`: each number belongs to one view alone, since views are made only by borrowing a whole matrix
// or by taking another view apart.
unsafe impl<T: Send> Send for ColumnsMut<'_, T> {}

impl<'a, T> ColumnsMut<'a, T> {
    /// All columns of a matrix that has `units` columns of `thickness` numbers in each row.
    pub(crate) fn new(data: &'a mut [T], units: usize, thickness: usize) -> Self {
        let stride = units * thickness;
        let rows = data.len().checked_div(stride).unwrap_or(0);
        Self { start: data.as_mut_ptr(), rows, stride, thickness, width: stride, data: PhantomData }
    }

    /// Keeps the columns before `column` and returns the others.
    pub(crate) fn split_off(&mut self, column: usize) -> Self {
        let at = column * self.thickness;
        assert!(at <= self.width);
        // A matrix without rows has no number to point at, so its pointer stays where it is.
        let offset = if self.rows == 0 { 0 } else { at };
        // SAFETY: `at` ≤ width, so the pointer stays within the first row, or one past it.
        let start = unsafe { self.start.add(offset) };
        let rest = Self { start, width: self.width - at, ..*self };
        self.width = at;
        rest
    }

    /// This view's part of a row.
    #[inline(always)]
    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows);
        // SAFETY: the row exists, and within it [row·stride, row·stride + width) holds numbers of this view only.
        // `&mut self` keeps any other slice of the view from living on.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.width) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number belongs to one of the views, and to the one that its column says.
    #[test]
    fn views_partition_the_matrix() {
        let mut matrix = vec![0; 3 * 7];
        let mut left = ColumnsMut::new(&mut matrix, 7, 1);
        let mut middle = left.split_off(2);
        let mut right = middle.split_off(4);
        for row in 0..3 {
            left.row(row).fill(1);
            right.row(row).fill(3);
            middle.row(row).fill(2);
        }
        assert_eq!(matrix, [1, 1, 2, 2, 2, 2, 3].repeat(3));
        let mut left = Columns::new(&matrix, 7, 1);
        let right = left.split_off(6);
        assert_eq!((left.row(2), right.row(1)), (&[1, 1, 2, 2, 2, 2][..], &[3][..]));
    }

    /// Threads of the standard library, which are joined one by one: race detectors understand them, and rayon's not.
    #[test]
    fn views_of_one_matrix_are_written_by_several_threads() {
        let mut matrix = vec![0; 64 * 23];
        let mut rest = ColumnsMut::new(&mut matrix, 23, 1);
        std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for number in 1..=3 {
                let next = rest.split_off(5);
                let mut view = std::mem::replace(&mut rest, next);
                threads.push(scope.spawn(move || (0..64).for_each(|row| view.row(row).fill(number))));
            }
            (0..64).for_each(|row| rest.row(row).fill(4));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        let row = [[1; 5], [2; 5], [3; 5]].concat().into_iter().chain([4; 8]).collect::<Vec<_>>();
        assert_eq!(matrix, row.repeat(64));
    }

    #[test]
    fn thick_columns_stay_whole() {
        let mut matrix = vec![0; 2 * 3 * 4];
        let mut left = ColumnsMut::new(&mut matrix, 3, 4);
        let mut right = left.split_off(1);
        for row in 0..2 {
            left.row(row).fill(1);
            right.row(row).fill(2);
        }
        assert_eq!(matrix, [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2].repeat(2));
        let mut left = Columns::new(&matrix, 3, 4);
        let right = left.split_off(2);
        assert_eq!((left.row(1), right.row(0)), (&[1, 1, 1, 1, 2, 2, 2, 2][..], &[2; 4][..]));
    }

    #[test]
    #[should_panic]
    fn tall_tiles_of_part_of_the_columns_are_refused() {
        Columns::new(&[0; 6], 3, 1).split_off(1).tile(0, 2);
    }

    #[test]
    #[should_panic]
    fn rows_past_the_end_are_refused() {
        ColumnsMut::new(&mut [0; 6], 3, 1).row(2);
    }
}
