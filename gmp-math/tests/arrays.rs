//! Arrays of ndarray as matrices and back: the same elements in the same memory, in every layout.

#![cfg(feature = "ndarray")]

use gmp_math::{Mat, MatMut, NotOnePiece};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

fn same(a: Mat<'_, usize>, array: ArrayView2<'_, usize>) {
    assert_eq!((a.rows(), a.cols()), array.dim());
    assert!(array.indexed_iter().all(|((i, j), &x)| a.at(i, j) == x));
    assert_eq!(ArrayView2::from(a), array);
    assert_eq!(Array2::from(a), array);
}

#[test]
fn arrays_are_matrices_in_place() {
    for (rows, cols) in (0..4).flat_map(|rows| (0..4).map(move |cols| (rows, cols))) {
        let array = Array2::from_shape_fn((rows, cols), |(i, j)| 10 * i + j);
        let by_columns = array.t().as_standard_layout().into_owned();
        for view in [array.view(), array.t(), by_columns.t(), by_columns.view()] {
            let a = Mat::try_from(view).unwrap();
            same(a, view);
            if !view.is_empty() {
                assert_eq!(a.strided_data().as_ptr(), view.as_ptr());
                assert_eq!(ArrayView2::from(a).as_ptr(), view.as_ptr());
            }
            assert_eq!(a.is_contiguous(), view.is_standard_layout());
        }
    }
}

#[test]
fn what_is_not_one_piece_is_an_error_that_says_so() {
    let array = Array2::from_shape_fn((4, 3), |(i, j)| 10 * i + j);
    let strides = |view: ArrayView2<'_, usize>| match Mat::try_from(view) {
        Err(NotOnePiece { rows, cols, strides }) => {
            assert_eq!((rows, cols), view.dim());
            strides
        }
        Ok(_) => panic!("{view:?}"),
    };
    assert_eq!(strides(array.slice(s![.., ..2])), [3, 1]);
    assert_eq!(strides(array.slice(s![..;2, ..])), [6, 1]);
    assert_eq!(strides(array.slice(s![..;-1, ..])), [-3, 1]);
    assert_eq!(strides(array.slice(s![.., ..;-1])), [3, -1]);
    let error = Mat::try_from(array.slice(s![..;-1, ..])).unwrap_err().to_string();
    assert_eq!(
        error,
        "a 4×3 array with the strides [-3, 1] is not one piece of memory in ascending order; copy it with \
         as_standard_layout() first"
    );
    // Rows from the middle, one row, one column: each is one piece.
    same(Mat::try_from(array.slice(s![1..3, ..])).unwrap(), array.slice(s![1..3, ..]));
    same(Mat::try_from(array.slice(s![2..3;-1, ..])).unwrap(), array.slice(s![2..3, ..]));
    same(Mat::try_from(array.slice(s![2..3, 1..])).unwrap(), array.slice(s![2..3, 1..]));
}

/// Matrices that no array was: strides of their own, repeated rows, and strides of axes that have one element.
#[test]
fn matrices_of_any_strides_are_arrays() {
    let numbers: Vec<usize> = (0..12).collect();
    same(Mat::from_strided(&numbers[1..], 2, 2, 4, 1), ndarray::array![[1, 2], [5, 6]].view());
    same(Mat::from_strided(&numbers, 3, 2, 0, 1), ndarray::array![[0, 1], [0, 1], [0, 1]].view());
    same(Mat::from_strided(&numbers, 1, 2, usize::MAX, 1), ndarray::array![[0, 1]].view());
    same(Mat::units_by_inputs(&numbers, 4, 3), ArrayView2::from_shape((4, 3), &numbers).unwrap().t());
}

#[test]
fn writable_views_write_to_the_same_memory() {
    let mut array = Array2::<usize>::zeros((2, 3));
    MatMut::try_from(array.view_mut()).unwrap().row_mut(1)[2] = 5;
    assert_eq!(array[(1, 2)], 5);
    let mut view = ArrayViewMut2::from(MatMut::try_from(array.view_mut()).unwrap());
    view[(0, 1)] = 7;
    assert_eq!(array, ndarray::array![[0, 7, 0], [0, 0, 5]]);
    // A writable matrix is row-major.
    let error = MatMut::try_from(array.view_mut().reversed_axes()).unwrap_err();
    assert_eq!(error, NotOnePiece { rows: 3, cols: 2, strides: [1, 3] });
}
