//! Large products: `matrixmultiply`, with the rows of c split over the threads of rayon.
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

/// Bytes of a column of c that are finished before the next rows: `matrixmultiply` passes over all rows that it gets once for every 256
/// inner indices, and this many of them stay in the second-level cache between two passes.
///
/// Measured on a Zen 4, one thread, in f32, GFLOP/s of all rows at once and of these: 32768×1152×128 75 and 84, 8192×2304×256 87 and 96,
/// 2048×4608×512 95 and 101; in f64 42 and 48, 45 and 49, 44 and 44.
const COLUMN: usize = 4096;

pub(super) fn gemm<T: Scalar + External>(
    a: View<'_, T>,
    b: View<'_, T>,
    mut c: MatMut<'_, T>,
    accumulate: bool,
) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    let threads = gmp_math::parallel::threads();
    if threads > 1 && m.saturating_mul(k).saturating_mul(n) >= parallel::MULTIPLICATIONS && m >= 2 * 64 {
        // One panel a thread: more would pack b again for each.
        let height = m.div_ceil(threads).next_multiple_of(16);
        c.data_mut().par_chunks_mut(height * n).enumerate().for_each(|(panel, c)| {
            rows_from(panel * height, a, b, c, accumulate);
        });
    } else {
        rows_from(0, a, b, c.data_mut(), accumulate);
    }
}

/// The rows of the product from `first` on that c holds.
fn rows_from<T: Scalar + External>(
    first: usize,
    a: View<'_, T>,
    b: View<'_, T>,
    c: &mut [T],
    accumulate: bool,
) {
    let height = COLUMN / size_of::<T>();
    for (piece, c) in c.chunks_mut(height * b.cols).enumerate() {
        let data = &a.data[(first + piece * height) * a.row_stride..];
        one(View { data, rows: c.len() / b.cols, ..a }, b, c, accumulate);
    }
}

/// Whether the last element is inside the slice; sizes that wrap are not.
fn fits<T>(v: View<'_, T>) -> bool {
    let down = (v.rows - 1).checked_mul(v.row_stride);
    let across = (v.cols - 1).checked_mul(v.col_stride);
    let last = down.zip(across).and_then(|(down, across)| down.checked_add(across));
    last.is_some_and(|last| last < v.data.len())
}

fn one<T: Scalar + External>(a: View<'_, T>, b: View<'_, T>, c: &mut [T], accumulate: bool) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert!(
        b.rows == k && m.checked_mul(n) == Some(c.len()) && fits(a) && fits(b),
        "gemm: views out of bounds"
    );
    let beta = if accumulate { T::ONE } else { T::ZERO };
    let left = (a.data.as_ptr(), a.row_stride as isize, a.col_stride as isize);
    let right = (b.data.as_ptr(), b.row_stride as isize, b.col_stride as isize);
    // SAFETY: the last element of each view lies within its slice (asserted above), c is m×n contiguous and
    // borrowed exclusively, so it overlaps neither.
    unsafe { T::multiply([m, k, n], left, right, beta, (c.as_mut_ptr(), n as isize, 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strides and sizes whose products or sum wrap around to an index inside the slice.
    #[test]
    fn views_that_wrap_are_out_of_bounds() {
        const HUGE: usize = 1 << (usize::BITS - 2);
        let data = &[1.0; 4][..];
        let view = |rows, cols, row_stride, col_stride| View { data, rows, cols, row_stride, col_stride };
        assert!(fits(view(2, 2, 2, 1)) && fits(view(2, 2, 1, 2)) && !fits(view(2, 2, 3, 1)));
        assert!(!fits(view(HUGE + 1, 4, 4, 1)), "(rows − 1)·stride wraps to 0");
        assert!(!fits(view(2, 2, usize::MAX, 2)), "the sum wraps to 1");
    }
}
