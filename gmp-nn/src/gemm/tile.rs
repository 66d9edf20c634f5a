//! A register-tiled product for matrices that stay in cache, in safe code and without a heap buffer.
//!
//! Six rows by two vector registers of c are summed in registers over a chunk of the inner index; the six
//! rows of a are gathered into a small array on the stack first, so that rows and columns of a cost the same.

use super::View;
use gmp_autograd::MatMut;
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};

/// Whether this kernel beats packing: b, or the part of it that a chunk of the inner index meets, stays in
/// cache while the rows of c pass over it.
pub(super) fn suits(m: usize, k: usize, n: usize) -> bool {
    k * n <= MAX_NUMBERS || m * n <= MAX_NUMBERS
}
/// Measured: beyond it `matrixmultiply` is faster in f64 and about equal in f32.
const MAX_NUMBERS: usize = 1 << 14;

const ROWS: usize = 6;
/// Inner indices summed at a time: the gathered rows of a take at most 6·CHUNK numbers of the stack.
const CHUNK: usize = 64;

pub(super) fn gemm<T: Scalar>(a: View<'_, T>, b: View<'_, T>, c: MatMut<'_, T>, accumulate: bool) {
    // Two registers of 256 bits: 16 numbers of f32, 8 of f64.
    if size_of::<T>() == 4 {
        dispatch(Tiles::<T, 16> { a, b, c, accumulate });
    } else {
        dispatch(Tiles::<T, 8> { a, b, c, accumulate });
    }
}

struct Tiles<'a, T, const COLS: usize> {
    a: View<'a, T>,
    b: View<'a, T>,
    c: MatMut<'a, T>,
    accumulate: bool,
}

impl<T: Scalar, const COLS: usize> Kernel for Tiles<'_, T, COLS> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let (a, b) = (self.a, self.b);
        let (m, k, n) = (a.rows, a.cols, b.cols);
        let c = self.c.data_mut();
        let mut gathered = [[T::ZERO; ROWS]; CHUNK];
        // A chunk of b should stay in the first-level cache while all rows of c pass over it.
        let chunk = (24 * 1024 / (n * size_of::<T>())).clamp(16, CHUNK);
        for start in (0..k).step_by(chunk) {
            let depth = chunk.min(k - start);
            let add = self.accumulate || start > 0;
            let b = &b.data[start * b.row_stride..];
            let stride = self.b.row_stride;
            let mut i = 0;
            while i < m {
                let rows = ROWS.min(m - i);
                for (p, gathered) in gathered[..depth].iter_mut().enumerate() {
                    for r in 0..ROWS {
                        // Rows past the end repeat the last one; their sums are not stored.
                        gathered[r] = a.at(i + r.min(rows - 1), start + p);
                    }
                }
                let a = &gathered[..depth];
                let c = &mut c[i * n..][..rows * n];
                let mut j = 0;
                while j + COLS <= n {
                    tile::<T, COLS>(a, b, stride, c, n, j, add);
                    j += COLS;
                }
                while j + 4 <= n {
                    tile::<T, 4>(a, b, stride, c, n, j, add);
                    j += 4;
                }
                while j < n {
                    tile::<T, 1>(a, b, stride, c, n, j, add);
                    j += 1;
                }
                i += rows;
            }
        }
    }
}

#[inline(always)]
fn tile<T: Scalar, const COLS: usize>(
    a: &[[T; ROWS]],
    b: &[T],
    stride: usize,
    c: &mut [T],
    n: usize,
    j: usize,
    add: bool,
) {
    let mut sums = [[T::ZERO; COLS]; ROWS];
    for (a, b) in a.iter().zip(b[j..].chunks(stride)) {
        let Some(b) = b.first_chunk::<COLS>() else { unreachable!("a row of b has {COLS} more numbers") };
        for r in 0..ROWS {
            for l in 0..COLS {
                sums[r][l] = a[r].mul_add(b[l], sums[r][l]);
            }
        }
    }
    for (sums, c) in sums.iter().zip(c.chunks_exact_mut(n)) {
        let c = &mut c[j..][..COLS];
        if add {
            for l in 0..COLS {
                c[l] += sums[l];
            }
        } else {
            c.copy_from_slice(sums);
        }
    }
}
