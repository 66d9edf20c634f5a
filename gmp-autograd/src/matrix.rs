//! Borrowed row-major matrices: a slice that knows its shape.

use gmp_math::Scalar;

/// A read-only `rows × cols` matrix, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
}

/// A writable `rows × cols` matrix, row-major.
#[derive(Debug)]
pub struct MatMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
}

impl<'a, T: Scalar> Mat<'a, T> {
    /// Views `data` as a matrix.
    ///
    /// # Panics
    /// If `data.len() != rows · cols`.
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "{} numbers cannot be a {rows}×{cols} matrix", data.len());
        Self { data, rows, cols }
    }
    /// All numbers, row after row.
    #[inline(always)]
    pub fn data(self) -> &'a [T] {
        self.data
    }
    /// Number of rows.
    #[inline(always)]
    pub fn rows(self) -> usize {
        self.rows
    }
    /// Number of columns.
    #[inline(always)]
    pub fn cols(self) -> usize {
        self.cols
    }
    /// Row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    #[track_caller]
    pub fn row(self, i: usize) -> &'a [T] {
        &self.data[i * self.cols..][..self.cols]
    }
}

impl<'a, T: Scalar> MatMut<'a, T> {
    /// Views `data` as a matrix.
    ///
    /// # Panics
    /// If `data.len() != rows · cols`.
    #[track_caller]
    pub fn new(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "{} numbers cannot be a {rows}×{cols} matrix", data.len());
        Self { data, rows, cols }
    }
    /// All numbers, row after row.
    #[inline(always)]
    pub fn data(&self) -> &[T] {
        self.data
    }
    /// All numbers, row after row, for writing.
    #[inline(always)]
    pub fn data_mut(&mut self) -> &mut [T] {
        self.data
    }
    /// All numbers for as long as the matrix was lent.
    #[inline(always)]
    pub fn into_data(self) -> &'a mut [T] {
        self.data
    }
    /// A read-only view.
    #[inline(always)]
    pub fn as_mat(&self) -> Mat<'_, T> {
        Mat { data: self.data, rows: self.rows, cols: self.cols }
    }
    /// Number of rows.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }
    /// Number of columns.
    #[inline(always)]
    pub fn cols(&self) -> usize {
        self.cols
    }
    /// Row `i`, for writing.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    #[track_caller]
    pub fn row_mut(&mut self, i: usize) -> &mut [T] {
        &mut self.data[i * self.cols..][..self.cols]
    }
}
