//! A register-tiled product for matrices that stay in cache, in safe code and without a heap buffer.
//!
//! Six rows by two vector registers of c (of 256 or, in f32 with AVX-512, 512 bits) are summed in registers over a chunk
//! of the inner index; the width changes no sum. The six rows of a are gathered into a small array on the stack first, so that rows and columns of a cost the same.

use super::View;
use gmp_autograd::MatMut;
use gmp_math::Scalar;
use gmp_math::simd::{self, Arm, Kernel, dispatch};
use std::ops::Range;

/// Whether this kernel is at least about as fast as packing: b, or the part of it that a chunk of the inner index
/// meets, stays in cache while the rows of c pass over it; or c has so few numbers that packing cannot pay.
///
/// Measured against `matrixmultiply`, one thread: weights of 13×100 take 0.83 of its time in f64 and as much in f32,
/// their gradients 0.7; at the first limit 1.05 and 1.2, which buys steps that allocate nothing; far beyond, 4.
pub(super) fn suits(m: usize, k: usize, n: usize) -> bool {
    k * n <= 1 << 14 || m * n <= 1 << 13
}

/// Rows of c in registers; with two registers a row, twelve sums, which leaves the other four for operands.
const ROWS: usize = 6;
/// Inner indices summed at a time: the gathered rows of a take at most ROWS·CHUNK numbers of the stack.
const CHUNK: usize = 64;

pub(super) fn gemm<T: Scalar>(a: View<'_, T>, b: View<'_, T>, c: MatMut<'_, T>, accumulate: bool) {
    // The numbers of a register. In f64, 512 bits gain nothing: a step of 13→100→1 then takes 1.13 of the time on a Zen 4,
    // and the same on an Emerald Rapids (rows of 100 numbers of 8 bytes put half of such registers across two cache lines).
    match (simd::arm(), size_of::<T>()) {
        (Arm::Avx512, 4) => dispatch(Tiles::<T, 16> { a, b, c, accumulate }),
        (_, 4) => dispatch(Tiles::<T, 8> { a, b, c, accumulate }),
        _ => dispatch(Tiles::<T, 4> { a, b, c, accumulate }),
    }
}

struct Tiles<'a, T, const LANES: usize> {
    a: View<'a, T>,
    b: View<'a, T>,
    c: MatMut<'a, T>,
    accumulate: bool,
}

impl<T: Scalar, const LANES: usize> Kernel for Tiles<'_, T, LANES> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let (m, k, n) = (self.a.rows, self.a.cols, self.b.cols);
        // A chunk of b should stay in the first-level cache while all rows of c pass over it.
        let chunk = (24 * 1024 / (n * size_of::<T>())).clamp(16, CHUNK);
        let mut gathered = [[T::ZERO; ROWS]; CHUNK];
        for start in (0..k).step_by(chunk) {
            let depth = start..k.min(start + chunk);
            let mut i = 0;
            while i < m {
                // Rows are shared evenly: 13 is 5 + 4 + 4, since a tile of one row wastes the multipliers.
                let rows = (m - i).div_ceil((m - i).div_ceil(ROWS));
                match rows {
                    1 => self.rows::<1>(i, depth.clone(), &mut gathered),
                    2 => self.rows::<2>(i, depth.clone(), &mut gathered),
                    3 => self.rows::<3>(i, depth.clone(), &mut gathered),
                    4 => self.rows::<4>(i, depth.clone(), &mut gathered),
                    5 => self.rows::<5>(i, depth.clone(), &mut gathered),
                    _ => self.rows::<ROWS>(i, depth.clone(), &mut gathered),
                }
                i += rows;
            }
        }
    }
}

impl<T: Scalar, const LANES: usize> Tiles<'_, T, LANES> {
    /// Adds the products over the inner indices `depth` to `R` rows of c, from row `i` on.
    #[inline(always)]
    fn rows<const R: usize>(&mut self, i: usize, depth: Range<usize>, gathered: &mut [[T; ROWS]; CHUNK]) {
        let n = self.b.cols;
        let add = self.accumulate || depth.start > 0;
        let b = &self.b.data[depth.start * self.b.row_stride..];
        let a = &mut gathered[..depth.len()];
        for (p, a) in depth.zip(a.iter_mut()) {
            for r in 0..R {
                a[r] = self.a.at(i + r, p);
            }
        }
        let stride = self.b.row_stride;
        let c = &mut self.c.data_mut()[i * n..][..R * n];
        let mut j = 0;
        while j + 2 * LANES <= n {
            tile::<T, R, LANES, LANES>(a, b, stride, c, n, j, add);
            j += 2 * LANES;
        }
        if j + LANES <= n {
            tile::<T, R, LANES, 0>(a, b, stride, c, n, j, add);
            j += LANES;
        }
        while j + 4 <= n {
            tile::<T, R, 4, 0>(a, b, stride, c, n, j, add);
            j += 4;
        }
        while j < n {
            tile::<T, R, 1, 0>(a, b, stride, c, n, j, add);
            j += 1;
        }
    }
}

/// `R` rows by `LEFT + RIGHT` columns of c from column `j` on: two registers a row.
///
/// The sums are passed by value, one array a register: from one array of both, the compiler makes scalar code.
#[inline(always)]
fn tile<T: Scalar, const R: usize, const LEFT: usize, const RIGHT: usize>(
    a: &[[T; ROWS]],
    b: &[T],
    stride: usize,
    c: &mut [T],
    n: usize,
    j: usize,
    add: bool,
) {
    let mut left = [[T::ZERO; LEFT]; R];
    let mut right = [[T::ZERO; RIGHT]; R];
    for (a, b) in a.iter().zip(b[j..].chunks(stride)) {
        let Some((b_left, b)) = b.split_first_chunk() else { unreachable!("a row of b is too short") };
        let Some(b_right) = b.first_chunk() else { unreachable!("a row of b is too short") };
        for r in 0..R {
            left[r] = multiply_add(a[r], b_left, left[r]);
            right[r] = multiply_add(a[r], b_right, right[r]);
        }
    }
    for (r, c) in c.chunks_exact_mut(n).enumerate() {
        let (c_left, c_right) = c[j..][..LEFT + RIGHT].split_at_mut(LEFT);
        if add {
            for l in 0..LEFT {
                c_left[l] += left[r][l];
            }
            for l in 0..RIGHT {
                c_right[l] += right[r][l];
            }
        } else {
            c_left.copy_from_slice(&left[r]);
            c_right.copy_from_slice(&right[r]);
        }
    }
}

#[inline(always)]
fn multiply_add<T: Scalar, const N: usize>(a: T, b: &[T; N], mut sum: [T; N]) -> [T; N] {
    for l in 0..N {
        sum[l] = a.mul_add(b[l], sum[l]);
    }
    sum
}
