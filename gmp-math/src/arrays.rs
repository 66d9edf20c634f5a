//! Conversions between arrays of the crate `ndarray` and matrices, which share memory without a copy.

use crate::{Mat, MatMut};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, ShapeBuilder};

/// An array whose elements are not one contiguous piece of memory in ascending order, such as some columns of a wider
/// array, or reversed rows. `as_standard_layout()` makes a contiguous copy.
///
/// ```
/// use gmp_math::{Mat, NotOnePiece};
/// use ndarray::{array, s};
/// let table = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
/// let columns = table.slice(s![.., ..2]);
/// assert_eq!(Mat::try_from(columns).unwrap_err(), NotOnePiece { rows: 2, cols: 2, strides: [3, 1] });
/// assert_eq!(Mat::try_from(columns.as_standard_layout().view())?.row(1), [4.0, 5.0]);
/// # Ok::<(), NotOnePiece>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a {rows}×{cols} array with the strides {strides:?} is not one piece of memory in ascending order; copy it with \
     as_standard_layout() first"
)]
pub struct NotOnePiece {
    /// Rows of the array.
    pub rows: usize,
    /// Columns of the array.
    pub cols: usize,
    /// Its strides.
    pub strides: [isize; 2],
}

impl NotOnePiece {
    fn of<S: ndarray::RawData>(array: &ndarray::ArrayBase<S, ndarray::Ix2>) -> Self {
        let (rows, cols) = array.dim();
        Self { rows, cols, strides: [array.strides()[0], array.strides()[1]] }
    }
}

/// An array as it is in memory, by rows or by columns.
///
/// ```
/// use gmp_math::Mat;
/// use ndarray::array;
/// let units_by_inputs = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]; // as PyTorch has it
/// let weights = Mat::try_from(units_by_inputs.t())?; // inputs × units, not copied
/// assert_eq!((weights.rows(), weights.cols(), weights.at(2, 0)), (3, 2, 3.0));
/// # Ok::<(), gmp_math::NotOnePiece>(())
/// ```
impl<'a, T: Copy> TryFrom<ArrayView2<'a, T>> for Mat<'a, T> {
    type Error = NotOnePiece;
    fn try_from(array: ArrayView2<'a, T>) -> Result<Self, NotOnePiece> {
        let (rows, cols) = array.dim();
        // The stride of an axis of one element is never used, and may be anything.
        let stride = |axis: usize, extent: usize| match extent {
            0 | 1 => Some(1),
            _ => usize::try_from(array.strides()[axis]).ok(),
        };
        match (array.to_slice_memory_order(), stride(0, rows), stride(1, cols)) {
            (Some(numbers), Some(row_stride), Some(col_stride)) => {
                Ok(Mat::from_strided(numbers, rows, cols, row_stride, col_stride))
            }
            _ => Err(NotOnePiece::of(&array)),
        }
    }
}

/// A row-major array for writing.
///
/// ```
/// use gmp_math::MatMut;
/// let mut array = ndarray::Array2::zeros((2, 2));
/// MatMut::try_from(array.view_mut())?.row_mut(1).fill(7.0);
/// assert_eq!(array, ndarray::array![[0.0, 0.0], [7.0, 7.0]]);
/// # Ok::<(), gmp_math::NotOnePiece>(())
/// ```
impl<'a, T> TryFrom<ArrayViewMut2<'a, T>> for MatMut<'a, T> {
    type Error = NotOnePiece;
    fn try_from(array: ArrayViewMut2<'a, T>) -> Result<Self, NotOnePiece> {
        let (rows, cols) = array.dim();
        let error = NotOnePiece::of(&array);
        Ok(MatMut::new(array.into_slice().ok_or(error)?, rows, cols))
    }
}

/// The same memory.
///
/// ```
/// use gmp_math::Mat;
/// use ndarray::{ArrayView2, array};
/// let array = ArrayView2::from(Mat::new(&[1.0, 2.0, 3.0, 4.0], 2, 2));
/// assert_eq!(array, array![[1.0, 2.0], [3.0, 4.0]]);
/// ```
impl<'a, T: Copy> From<Mat<'a, T>> for ArrayView2<'a, T> {
    fn from(a: Mat<'a, T>) -> Self {
        // The stride of an axis of one element is never used; a huge one would be refused.
        let stride = |stride, extent: usize| if extent > 1 { stride } else { 1 };
        let strides = (stride(a.row_stride(), a.rows()), stride(a.col_stride(), a.cols()));
        let shape = (a.rows(), a.cols()).strides(strides);
        ArrayView2::from_shape(shape, a.strided_data())
            .expect("the matrix was checked to be within its numbers")
    }
}

/// The same memory.
impl<'a, T> From<MatMut<'a, T>> for ArrayViewMut2<'a, T> {
    fn from(a: MatMut<'a, T>) -> Self {
        let shape = (a.rows(), a.cols());
        ArrayViewMut2::from_shape(shape, a.into_data()).expect("a matrix has rows × columns numbers")
    }
}

/// A copy, row-major.
///
/// ```
/// use gmp_math::Mat;
/// let copy = ndarray::Array2::from(Mat::units_by_inputs(&[1.0, 2.0, 3.0, 4.0], 2, 2));
/// assert_eq!(copy, ndarray::array![[1.0, 3.0], [2.0, 4.0]]);
/// ```
impl<T: Copy> From<Mat<'_, T>> for Array2<T> {
    fn from(a: Mat<'_, T>) -> Self {
        Array2::from_shape_vec((a.rows(), a.cols()), a.to_vec()).expect("a matrix has rows × columns numbers")
    }
}
