//! Large products: `matrixmultiply`, with the longer side of c split over the threads of rayon.
#![allow(unsafe_code)] // the two calls of matrixmultiply, which take pointers

use super::View;
use crate::kernel::parallel;
use gmp_autograd::MatMut;
use gmp_math::Scalar;
use rayon::prelude::*;

/// The two functions of `matrixmultiply` behind one name.
pub trait External: Sized {
    /// `c = alpha·a·b + beta·c` on raw strided matrices.
    ///
    /// # Safety
    /// The pointers and strides must describe readable m×k and k×n matrices and a writable m×n one that
    /// overlaps neither.
    unsafe fn multiply(
        shape: [usize; 3],
        a: (*const Self, isize, isize),
        b: (*const Self, isize, isize),
        beta: Self,
        c: (*mut Self, isize, isize),
    );
}

macro_rules! external {
    ($t:ty, $function:ident) => {
        impl External for $t {
            unsafe fn multiply(
                [m, k, n]: [usize; 3],
                a: (*const Self, isize, isize),
                b: (*const Self, isize, isize),
                beta: Self,
                c: (*mut Self, isize, isize),
            ) {
                // SAFETY: the caller's promise is the one that matrixmultiply asks for.
                unsafe {
                    matrixmultiply::$function(m, k, n, 1.0, a.0, a.1, a.2, b.0, b.1, b.2, beta, c.0, c.1, c.2)
                }
            }
        }
    };
}
external!(f32, sgemm);
external!(f64, dgemm);

pub(super) fn gemm<T: Scalar + External>(
    a: View<'_, T>,
    b: View<'_, T>,
    mut c: MatMut<'_, T>,
    accumulate: bool,
) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    let threads = gmp_math::parallel::threads();
    if threads > 1 && m * k * n >= parallel::MULTIPLICATIONS && m >= 2 * 64 {
        // One panel a thread: more would pack b again for each.
        let height = m.div_ceil(threads).next_multiple_of(16);
        c.data_mut().par_chunks_mut(height * n).enumerate().for_each(|(panel, c)| {
            let rows = c.len() / n;
            let data = &a.data[panel * height * a.row_stride..];
            one(View { data, rows, ..a }, b, c, accumulate);
        });
    } else {
        one(a, b, c.data_mut(), accumulate);
    }
}

fn one<T: Scalar + External>(a: View<'_, T>, b: View<'_, T>, c: &mut [T], accumulate: bool) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    let fits = |v: View<'_, T>| (v.rows - 1) * v.row_stride + (v.cols - 1) * v.col_stride < v.data.len();
    assert!(
        b.rows == k && c.len() == m * n && (m * k * n == 0 || fits(a) && fits(b)),
        "gemm: views out of bounds"
    );
    if m * k * n == 0 {
        return;
    }
    let beta = if accumulate { T::ONE } else { T::ZERO };
    let left = (a.data.as_ptr(), a.row_stride as isize, a.col_stride as isize);
    let right = (b.data.as_ptr(), b.row_stride as isize, b.col_stride as isize);
    // SAFETY: the last element of each view lies within its slice (asserted above), c is m×n contiguous and
    // borrowed exclusively, so it overlaps neither.
    unsafe { T::multiply([m, k, n], left, right, beta, (c.as_mut_ptr(), n as isize, 1)) }
}
