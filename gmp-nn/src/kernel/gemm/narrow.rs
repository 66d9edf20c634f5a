//! Products with few columns, and outer products: memory-bound loops that a blocked kernel would only slow down.

use super::View;
use gmp_autograd::MatMut;
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use std::array;

/// Up to this many columns a dot product a column is faster than a blocked kernel.
pub(super) const MAX_COLUMNS: usize = 4;

pub(super) fn gemm<T: Scalar>(a: View<'_, T>, b: View<'_, T>, c: MatMut<'_, T>, accumulate: bool) {
    dispatch(Narrow { a, b, c, accumulate });
}

struct Narrow<'a, T> {
    a: View<'a, T>,
    b: View<'a, T>,
    c: MatMut<'a, T>,
    accumulate: bool,
}

impl<T: Scalar> Kernel for Narrow<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let (a, b, n) = (self.a, self.b, self.b.cols);
        let c = self.c.data_mut();
        if a.cols == 1 {
            return outer(a, b, c, self.accumulate);
        }
        if !self.accumulate {
            c.fill(T::ZERO);
        }
        for j in 0..n {
            if a.col_stride == 1 && b.row_stride == 1 {
                // Contiguous rows of a and columns of b: a dot product each.
                let column = &b.data[j * b.col_stride..][..a.cols];
                for i in 0..a.rows {
                    c[i * n + j] += dot(&a.data[i * a.row_stride..][..a.cols], column);
                }
            } else if a.row_stride == 1 && n == 1 {
                // Contiguous columns of a are added up into the only column of c.
                let column = b.data.iter().step_by(b.row_stride);
                for (a, &b) in a.data.chunks(a.col_stride).zip(column).take(a.cols) {
                    for (c, &a) in c.iter_mut().zip(a) {
                        *c = a.mul_add(b, *c);
                    }
                }
            } else {
                for i in 0..a.rows {
                    let mut sum = T::ZERO;
                    for p in 0..a.cols {
                        sum = a.at(i, p).mul_add(b.at(p, j), sum);
                    }
                    c[i * n + j] += sum;
                }
            }
        }
    }
}

/// c_ij (+)= a_i · b_j.
#[inline(always)]
fn outer<T: Scalar>(a: View<'_, T>, b: View<'_, T>, c: &mut [T], accumulate: bool) {
    for (i, c) in c.chunks_exact_mut(b.cols).enumerate() {
        let x = a.at(i, 0);
        if b.col_stride == 1 && accumulate {
            for (c, &b) in c.iter_mut().zip(b.data) {
                *c = x.mul_add(b, *c);
            }
        } else if b.col_stride == 1 {
            for (c, &b) in c.iter_mut().zip(b.data) {
                *c = x * b;
            }
        } else {
            for (j, c) in c.iter_mut().enumerate() {
                *c = x.mul_add(b.at(0, j), if accumulate { *c } else { T::ZERO });
            }
        }
    }
}

/// Sixteen sums, enough to hide the latency of the additions, and one for the rest.
#[inline(always)]
fn dot<T: Scalar>(x: &[T], y: &[T]) -> T {
    const LANES: usize = 16;
    let mut sums = [T::ZERO; LANES];
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in xs.iter().zip(ys) {
        sums = array::from_fn(|l| x[l].mul_add(y[l], sums[l]));
    }
    let rest = x_rest.iter().zip(y_rest).fold(T::ZERO, |sum, (&x, &y)| x.mul_add(y, sum));
    let eight: [T; 8] = array::from_fn(|l| sums[l] + sums[l + 8]);
    let four: [T; 4] = array::from_fn(|l| eight[l] + eight[l + 4]);
    (four[0] + four[2]) + (four[1] + four[3]) + rest
}
