//! Borrowed matrices: slices with a shape.
//!
//! A layer of h units with n inputs is an n × h matrix throughout the workspace: **rows are input coordinates, columns are
//! units**. PyTorch's `Linear.weight` and most other libraries store the transpose, units × inputs, which
//! [`Mat::units_by_inputs`] reads in place.

/// A read-only `rows × cols` matrix with any strides; [`Mat::new`] makes a contiguous row-major one.
///
/// It is a slice and four numbers, and can be copied freely. Functions that need contiguous memory call [`Mat::data`]
/// or [`Mat::row`], which panic if it is not contiguous.
///
/// ```
/// use gmp_math::Mat;
/// let a = Mat::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3);
/// assert_eq!((a.rows(), a.cols(), a.at(1, 0)), (2, 3, 4.0));
/// assert_eq!(a.row(1), [4.0, 5.0, 6.0]);
/// assert_eq!(a.t().to_vec(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// ```
#[derive(Debug)]
pub struct Mat<'a, T> {
    /// From the first element to the last: every element of a constructed matrix is inside.
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

// Not derived: a view is copied whether its elements can be or not.
impl<T> Clone for Mat<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Mat<'_, T> {}

impl<'a, T> Mat<'a, T> {
    /// Views `data`, row after row, as a `rows × cols` matrix.
    ///
    /// ```
    /// let a = gmp_math::Mat::new(&[1.0, 2.0, 3.0, 4.0], 2, 2);
    /// assert_eq!(a.at(0, 1), 2.0);
    /// ```
    ///
    /// # Panics
    /// If `data.len() != rows · cols`.
    #[inline]
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        expect_elements(data.len(), rows, cols);
        Self { data, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// Views a row-major `units × inputs` matrix, which is how PyTorch's `Linear.weight` and ndarray store weights,
    /// as this workspace's `inputs × units` matrix. Nothing is copied.
    ///
    /// ```
    /// use gmp_math::Mat;
    /// // Two units with three inputs, one unit per row.
    /// let weight = [3.0, 4.0, 0.0, 0.0, 0.0, 2.0];
    /// let w = Mat::units_by_inputs(&weight, 2, 3);
    /// assert_eq!((w.rows(), w.cols()), (3, 2));
    /// assert_eq!(w.to_vec(), [3.0, 0.0, 4.0, 0.0, 0.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If `data.len() != units · inputs`.
    #[inline]
    #[track_caller]
    pub fn units_by_inputs(data: &'a [T], units: usize, inputs: usize) -> Self {
        Self::new(data, units, inputs).t()
    }

    /// A matrix whose element (i, j) is `data[i · row_stride + j · col_stride]`.
    ///
    /// ```
    /// // The middle two columns of a 2 × 4 matrix.
    /// let numbers = [0, 1, 2, 3, 4, 5, 6, 7];
    /// let middle = gmp_math::Mat::from_strided(&numbers[1..], 2, 2, 4, 1);
    /// assert_eq!(middle.to_vec(), [1, 2, 5, 6]);
    /// ```
    ///
    /// # Panics
    /// If the last element is outside `data`.
    #[inline]
    #[track_caller]
    pub fn from_strided(
        data: &'a [T],
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Self {
        let span = span(rows, cols, row_stride, col_stride);
        match span.and_then(|span| data.get(..span)) {
            Some(data) => Self { data, rows, cols, row_stride, col_stride },
            None => outside(data.len(), rows, cols, row_stride, col_stride),
        }
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
    /// Distance in memory from an element to the one below it, in elements.
    #[inline(always)]
    pub fn row_stride(self) -> usize {
        self.row_stride
    }
    /// Distance in memory from an element to its right neighbour, in elements.
    #[inline(always)]
    pub fn col_stride(self) -> usize {
        self.col_stride
    }
    /// The memory from the first element to the last, whatever the strides: element (i, j) is at
    /// `i · row_stride + j · col_stride`, which is inside for every element.
    ///
    /// ```
    /// let a = gmp_math::Mat::new(&[1, 2, 3, 4, 5, 6], 2, 3).t();
    /// assert_eq!(a.strided_data()[2 * a.row_stride() + a.col_stride()], a.at(2, 1));
    /// ```
    #[inline(always)]
    pub fn strided_data(self) -> &'a [T] {
        self.data
    }

    /// The transpose, without a copy.
    ///
    /// ```
    /// let a = gmp_math::Mat::new(&[1, 2, 3, 4, 5, 6], 2, 3);
    /// assert_eq!((a.t().rows(), a.t().at(2, 1)), (3, 6));
    /// ```
    #[inline(always)]
    #[must_use]
    pub fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    /// `rows` rows from row `start` on, without a copy.
    ///
    /// ```
    /// let a = gmp_math::Mat::new(&[1, 2, 3, 4, 5, 6], 3, 2);
    /// assert_eq!(a.row_range(1, 2).to_vec(), [3, 4, 5, 6]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer rows than that.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn row_range(self, start: usize, rows: usize) -> Self {
        assert!(
            start.checked_add(rows).is_some_and(|end| end <= self.rows),
            "{rows} rows from row {start} on of a matrix of {} rows",
            self.rows
        );
        // The sizes are those of a part of a matrix that exists, so nothing overflows; an empty part begins nowhere.
        let span = span(rows, self.cols, self.row_stride, self.col_stride).unwrap_or(0);
        let data = if span == 0 { &[] } else { &self.data[start * self.row_stride..][..span] };
        Self { data, rows, ..self }
    }

    /// Whether the elements are stored row after row without gaps, as [`Mat::data`] and [`Mat::row`] need them.
    ///
    /// ```
    /// let a = gmp_math::Mat::new(&[1, 2, 3, 4, 5, 6], 2, 3);
    /// assert!(a.is_contiguous() && !a.t().is_contiguous());
    /// // The transpose of a single row or column has the same order.
    /// assert!(gmp_math::Mat::new(&[1, 2, 3], 1, 3).t().is_contiguous());
    /// ```
    #[inline(always)]
    pub fn is_contiguous(self) -> bool {
        (self.col_stride == 1 || self.cols <= 1) && (self.row_stride == self.cols || self.rows <= 1)
            || self.data.is_empty()
    }

    /// All elements, row after row.
    ///
    /// # Panics
    /// Unless the matrix [is contiguous](Mat::is_contiguous); [`Mat::to_vec`] copies any matrix into that order.
    #[inline(always)]
    #[track_caller]
    pub fn data(self) -> &'a [T] {
        if !self.is_contiguous() {
            self.not_contiguous("data");
        }
        self.data
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If there is no such row, or its elements are not side by side in memory.
    #[inline(always)]
    #[track_caller]
    pub fn row(self, i: usize) -> &'a [T] {
        if self.col_stride != 1 && self.cols > 1 {
            self.not_contiguous("row");
        }
        expect_row(i, self.rows);
        if self.data.is_empty() { self.data } else { &self.data[i * self.row_stride..][..self.cols] }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn not_contiguous(self, what: &str) -> ! {
        panic!(
            "{what}() of a {}×{} matrix with row stride {} and column stride {}, which is not row-major; \
             copy it with to_vec() first",
            self.rows, self.cols, self.row_stride, self.col_stride
        )
    }
}

impl<'a, T: Copy> Mat<'a, T> {
    /// The element in row `i` and column `j`.
    ///
    /// # Panics
    /// If there is no such element.
    #[inline(always)]
    #[track_caller]
    pub fn at(self, i: usize, j: usize) -> T {
        assert!(i < self.rows && j < self.cols, "element ({i}, {j}) of a {}×{} matrix", self.rows, self.cols);
        self.data[i * self.row_stride + j * self.col_stride]
    }

    /// Column `j`, from top to bottom.
    ///
    /// ```
    /// let a = gmp_math::Mat::new(&[1, 2, 3, 4, 5, 6], 2, 3);
    /// assert!(a.col(1).eq([2, 5]));
    /// ```
    ///
    /// # Panics
    /// If there is no such column.
    #[inline]
    #[track_caller]
    pub fn col(
        self,
        j: usize,
    ) -> impl ExactSizeIterator<Item = T> + DoubleEndedIterator + Clone + use<'a, T> {
        assert!(j < self.cols, "column {j} of a matrix of {} columns", self.cols);
        (0..self.rows).map(move |i| self.at(i, j))
    }

    /// A row-major copy of the elements.
    ///
    /// ```
    /// assert_eq!(gmp_math::Mat::units_by_inputs(&[1, 2, 3, 4, 5, 6], 2, 3).to_vec(), [1, 4, 2, 5, 3, 6]);
    /// ```
    pub fn to_vec(self) -> Vec<T> {
        if self.is_contiguous() {
            return self.data.to_vec();
        }
        (0..self.rows).flat_map(|i| (0..self.cols).map(move |j| self.at(i, j))).collect()
    }
}

/// A writable `rows × cols` matrix, row-major.
///
/// ```
/// use gmp_math::MatMut;
/// let mut numbers = [0.0; 4];
/// let mut a = MatMut::new(&mut numbers, 2, 2);
/// a.row_mut(1).fill(3.0);
/// assert_eq!(a.as_mat().at(1, 0), 3.0);
/// assert_eq!(numbers, [0.0, 0.0, 3.0, 3.0]);
/// ```
#[derive(Debug)]
pub struct MatMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
}

impl<'a, T> MatMut<'a, T> {
    /// Views `data`, row after row, as a `rows × cols` matrix.
    ///
    /// # Panics
    /// If `data.len() != rows · cols`.
    #[inline]
    #[track_caller]
    pub fn new(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        expect_elements(data.len(), rows, cols);
        Self { data, rows, cols }
    }
    /// All elements, row after row.
    #[inline(always)]
    pub fn data(&self) -> &[T] {
        self.data
    }
    /// All elements, row after row, for writing.
    #[inline(always)]
    pub fn data_mut(&mut self) -> &mut [T] {
        self.data
    }
    /// All elements, with the lifetime of the borrowed matrix.
    #[inline(always)]
    pub fn into_data(self) -> &'a mut [T] {
        self.data
    }
    /// A read-only view.
    #[inline(always)]
    pub fn as_mat(&self) -> Mat<'_, T> {
        Mat { data: self.data, rows: self.rows, cols: self.cols, row_stride: self.cols, col_stride: 1 }
    }
    /// The same matrix, borrowed for a shorter lifetime.
    ///
    /// ```
    /// fn clear(mut a: gmp_math::MatMut<'_, f64>) {
    ///     a.data_mut().fill(0.0);
    /// }
    /// let mut numbers = [1.0, 2.0];
    /// let mut a = gmp_math::MatMut::new(&mut numbers, 1, 2);
    /// clear(a.reborrow());
    /// a.row_mut(0)[1] = 5.0;
    /// assert_eq!(numbers, [0.0, 5.0]);
    /// ```
    #[inline(always)]
    pub fn reborrow(&mut self) -> MatMut<'_, T> {
        MatMut { data: self.data, rows: self.rows, cols: self.cols }
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
        expect_row(i, self.rows);
        &mut self.data[i * self.cols..][..self.cols]
    }
}

/// Number of elements from the first to the last, both counted; none where that is no `usize`.
#[inline(always)]
fn span(rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Option<usize> {
    if rows == 0 || cols == 0 {
        return Some(0);
    }
    let down = (rows - 1).checked_mul(row_stride)?;
    let across = (cols - 1).checked_mul(col_stride)?;
    down.checked_add(across)?.checked_add(1)
}

#[inline(always)]
#[track_caller]
fn expect_elements(len: usize, rows: usize, cols: usize) {
    // A product that wraps would pass for a small one, and unsafe kernels rely on the shape.
    if rows.checked_mul(cols) != Some(len) {
        wrong_length(len, rows, cols)
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn wrong_length(len: usize, rows: usize, cols: usize) -> ! {
    panic!("{len} numbers cannot be a {rows}×{cols} matrix")
}

#[inline(always)]
#[track_caller]
fn expect_row(i: usize, rows: usize) {
    if i >= rows {
        no_row(i, rows)
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn no_row(i: usize, rows: usize) -> ! {
    panic!("row {i} of a matrix of {rows} rows")
}

#[cold]
#[inline(never)]
#[track_caller]
fn outside(len: usize, rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> ! {
    panic!(
        "a {rows}×{cols} matrix with row stride {row_stride} and column stride {col_stride} does not fit into {len} numbers"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// The text of the panic of `f`.
    fn panic_of<R>(f: impl FnOnce() -> R) -> String {
        let error = catch_unwind(AssertUnwindSafe(|| drop(f()))).expect_err("a panic");
        error.downcast_ref::<String>().expect("a text with numbers").clone()
    }

    /// Every constructor against the definition of its elements, the empty shapes included.
    #[test]
    fn views_read_what_they_say() {
        for (rows, cols) in (0..4).flat_map(|rows| (0..4).map(move |cols| (rows, cols))) {
            let numbers: Vec<usize> = (0..rows * cols).collect();
            let a = Mat::new(&numbers, rows, cols);
            assert!(a.is_contiguous() && a.data() == numbers && a.to_vec() == numbers);
            for i in 0..rows {
                assert_eq!(a.row(i), &numbers[i * cols..][..cols]);
                assert!((0..cols).all(|j| a.at(i, j) == i * cols + j && a.t().at(j, i) == a.at(i, j)));
            }
            assert!((0..cols).all(|j| a.col(j).eq(a.t().t().col(j))));
            let units = Mat::units_by_inputs(&numbers, rows, cols);
            assert_eq!((units.rows(), units.cols()), (cols, rows));
            let copy = units.to_vec();
            assert!((0..cols).all(|i| (0..rows).all(|j| copy[i * rows + j] == numbers[j * cols + i])));
            assert_eq!(units.is_contiguous(), rows <= 1 || cols <= 1);
            for start in 0..=rows {
                for height in 0..=rows - start {
                    let part = a.row_range(start, height);
                    assert_eq!((part.rows(), part.cols()), (height, cols));
                    assert_eq!(part.to_vec(), &numbers[start * cols..][..height * cols]);
                    let turned = units.t().row_range(start, height);
                    assert_eq!(turned.to_vec(), part.to_vec());
                }
            }
        }
        let padded = [1, 2, 0, 3, 4, 0];
        let a = Mat::from_strided(&padded, 2, 2, 3, 1);
        assert_eq!((a.row(1), a.is_contiguous()), (&[3, 4][..], false));
        assert_eq!(Mat::from_strided(&padded, 1, 2, 3, 1).data(), [1, 2]);
        assert_eq!((a.row_stride(), a.col_stride(), a.strided_data()), (3, 1, &[1, 2, 0, 3, 4][..]));
        assert_eq!((a.t().row_stride(), a.t().col_stride()), (1, 3));
        // One number is side by side with itself.
        assert_eq!(Mat::from_strided(&padded, 2, 1, 3, 2).row(1), [3]);
    }

    #[test]
    fn a_matrix_to_write_is_a_matrix() {
        let mut numbers = [1, 2, 3, 4, 5, 6];
        let mut a = MatMut::new(&mut numbers, 2, 3);
        assert_eq!((a.rows(), a.cols(), a.data()), (2, 3, &[1, 2, 3, 4, 5, 6][..]));
        a.row_mut(1)[0] = 40;
        a.reborrow().data_mut()[2] = 30;
        assert_eq!((a.as_mat().at(1, 0), a.as_mat().row(0)), (40, &[1, 2, 30][..]));
        assert_eq!(panic_of(|| a.row_mut(2)[0]), "row 2 of a matrix of 2 rows");
        a.into_data()[5] = 60;
        assert_eq!(numbers, [1, 2, 30, 40, 5, 60]);
    }

    #[test]
    fn what_is_not_row_major_says_so() {
        let a = Mat::new(&[1, 2, 3, 4, 5, 6], 2, 3).t();
        let expected = "data() of a 3×2 matrix with row stride 1 and column stride 3, which is not row-major; \
                        copy it with to_vec() first";
        assert_eq!(panic_of(|| a.data()), expected);
        assert_eq!(panic_of(|| a.row(0)), expected.replace("data()", "row()"));
        assert_eq!(panic_of(|| a.at(3, 0)), "element (3, 0) of a 3×2 matrix");
        assert_eq!(panic_of(|| a.t().row(2)), "row 2 of a matrix of 2 rows");
        assert_eq!(panic_of(|| a.row_range(2, 2).rows()), "2 rows from row 2 on of a matrix of 3 rows");
        assert_eq!(
            panic_of(|| a.row_range(1, usize::MAX).rows()),
            format!("{} rows from row 1 on of a matrix of 3 rows", usize::MAX)
        );
    }

    /// Sizes whose product wraps around to the length of the slice.
    #[test]
    fn sizes_that_wrap_are_refused() {
        const HUGE: usize = 1 << (usize::BITS - 2);
        let mut numbers = [1.0; 4];
        let text = format!("4 numbers cannot be a {}×4 matrix", HUGE + 1);
        assert_eq!(panic_of(|| Mat::new(&numbers, HUGE + 1, 4).rows()), text);
        assert_eq!(panic_of(|| MatMut::new(&mut numbers, HUGE + 1, 4).rows()), text);
        assert_eq!(panic_of(|| Mat::units_by_inputs(&numbers, HUGE + 1, 4).rows()), text);
        for [rows, cols, row_stride, col_stride] in
            [[HUGE + 2, 1, 4, 1], [1, HUGE + 2, 1, 4], [2 * HUGE + 1, 2 * HUGE, 1, 1], [3, 3, 2, usize::MAX]]
        {
            let text = panic_of(|| Mat::from_strided(&numbers, rows, cols, row_stride, col_stride).rows());
            assert!(text.ends_with("does not fit into 4 numbers"), "{text}");
        }
        assert_eq!(
            panic_of(|| Mat::new(&numbers, 2, 2).row(usize::MAX / 2 + 1)),
            format!("row {} of a matrix of 2 rows", usize::MAX / 2 + 1)
        );
    }
}
