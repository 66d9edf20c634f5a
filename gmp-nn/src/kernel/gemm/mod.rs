//! Matrix products: one entry point and three kernels, chosen by shape alone.
//!
//! | kernel | for | allocates |
//! |---|---|---|
//! | `narrow` | at most 4 columns, or a single inner index: the one-output layer | nothing |
//! | `tile` | contiguous rows of B and few enough numbers to stay in cache: small networks | nothing |
//! | `panel` | everything else: `matrixmultiply` on as many rows as stay in cache, split over rayon | a packing buffer for each of them |
//!
//! The choice never depends on the number of threads, and threads split outputs, never sums, so results have the same
//! bits at any thread count.

mod narrow;
mod panel;
mod tile;

use gmp_autograd::{Mat, MatMut};
use gmp_math::Scalar;

/// A [`Mat`] whose fields the kernels read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

impl<'a, T: Scalar> View<'a, T> {
    #[inline(always)]
    pub(crate) fn at(&self, i: usize, j: usize) -> T {
        self.data[i * self.row_stride + j * self.col_stride]
    }
}

impl<'a, T: Scalar> From<Mat<'a, T>> for View<'a, T> {
    fn from(m: Mat<'a, T>) -> Self {
        View {
            data: m.strided_data(),
            rows: m.rows(),
            cols: m.cols(),
            row_stride: m.row_stride(),
            col_stride: m.col_stride(),
        }
    }
}

/// `c = a·b`, or `c += a·b` if `accumulate` is true; a is m×k, b is k×n, both with any strides, and c is m×n.
///
/// # Panics
/// If the shapes do not fit.
///
/// ```
/// use gmp_autograd::{Mat, MatMut};
/// use gmp_nn::gemm::gemm;
/// let (a, b) = (Mat::new(&[1.0, 2.0], 1, 2), Mat::new(&[3.0, 4.0], 2, 1));
/// let mut c = [0.0];
/// gemm(a, b, MatMut::new(&mut c, 1, 1), false);
/// assert_eq!(c, [11.0]);
/// ```
#[track_caller]
pub fn gemm<T: Element>(a: Mat<'_, T>, b: Mat<'_, T>, mut c: MatMut<'_, T>, accumulate: bool) {
    let (a, b) = (View::from(a), View::from(b));
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert!(
        b.rows == k && c.rows() == m && c.cols() == n,
        "gemm: {m}×{k} times {}×{n} into {}×{}",
        b.rows,
        c.rows(),
        c.cols()
    );
    if m == 0 || k == 0 || n == 0 {
        if !accumulate {
            c.data_mut().fill(T::ZERO);
        }
        return;
    }
    if k == 1 || n <= narrow::MAX_COLUMNS {
        narrow::gemm(a, b, c, accumulate);
    } else if b.col_stride == 1 && tile::suits(m, k, n) {
        tile::gemm(a, b, c, accumulate);
    } else {
        panel::gemm(a, b, c, accumulate);
    }
}

/// How many rows of an m×n result to finish before the next pass over them, so that the pass finds them in
/// the first-level cache: for fused operations. All of them where the product wants big panels.
pub(crate) fn rows_at_a_time<T>(m: usize, k: usize, n: usize) -> usize {
    if n <= narrow::MAX_COLUMNS || k == 1 || tile::suits(m, k, n) {
        (24 * 1024 / (n.max(1) * size_of::<T>())).max(6) / 6 * 6
    } else {
        m.max(1)
    }
}

/// Whether `a·bᵀ` is faster with a transposed copy of b: where the kernel for small products then takes it.
pub(crate) fn wants_transposed_copy(k: usize, n: usize) -> bool {
    k > 1 && n > narrow::MAX_COLUMNS && tile::suits(usize::MAX >> (usize::BITS / 2), k, n)
}

/// A scalar type that `matrixmultiply` supports: `f32` and `f64`.
///
/// ```
/// use gmp_nn::{Element, Error, Mlp, Parameterization};
/// /// For single and double precision alike.
/// fn parameters<T: Element>() -> Result<usize, Error> {
///     Ok(Mlp::new(2, &[8], 1, Parameterization::Standard).build::<T>(1)?.parameters.values().len())
/// }
/// assert_eq!((parameters::<f32>()?, parameters::<f64>()?), (33, 33)); // 2·8 + 8 + 8·1 + 1
/// # Ok::<(), Error>(())
/// ```
pub trait Element: Scalar + panel::External + crate::builder::MakeLayer {}
impl Element for f32 {}
impl Element for f64 {}

/// Three loops: what every kernel is compared with.
#[cfg(test)]
pub(crate) fn naive<T: Scalar>(a: View<'_, T>, b: View<'_, T>, c: &mut [T], accumulate: bool) {
    for i in 0..a.rows {
        for j in 0..b.cols {
            let sum = (0..a.cols).fold(0.0, |sum, p| sum + a.at(i, p).to_f64() * b.at(p, j).to_f64());
            let before = if accumulate { c[i * b.cols + j].to_f64() } else { 0.0 };
            c[i * b.cols + j] = T::from_f64(before + sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    type Product<T> = fn(Mat<'_, T>, Mat<'_, T>, MatMut<'_, T>, bool);

    fn compare<T: Element>(
        product: Product<T>,
        m: usize,
        k: usize,
        n: usize,
        transpose: (bool, bool),
        accumulate: bool,
    ) {
        let mut rng = Rng::new((m * 10_000 + k * 100 + n) as u64, "gemm");
        let mut draw = |len: usize| -> Vec<T> { (0..len).map(|_| T::from_f64(rng.normal())).collect() };
        let (a, b, c) = (draw(m * k), draw(k * n), draw(m * n));
        let view = |x, rows, cols, flip: bool| {
            if flip { Mat::new(x, cols, rows).t() } else { Mat::new(x, rows, cols) }
        };
        let (a, b) = (view(&a, m, k, transpose.0), view(&b, k, n, transpose.1));
        let (mut expected, mut got) = (c.clone(), c);
        naive(a.into(), b.into(), &mut expected, accumulate);
        product(a, b, MatMut::new(&mut got, m, n), accumulate);
        let tolerance = 8.0 * T::EPSILON.to_f64() * (k as f64 + 1.0);
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let off = (got.to_f64() - expected.to_f64()).abs();
            assert!(
                off <= tolerance * (1.0 + expected.to_f64().abs()),
                "{m}×{k}×{n} {transpose:?} element {i}: {got} for {expected}"
            );
        }
    }

    fn all<T: Element>(
        product: Product<T>,
        shapes: impl Iterator<Item = [usize; 3]>,
        transposes: &[(bool, bool)],
    ) {
        for [m, k, n] in shapes {
            for &transpose in transposes {
                compare(product, m, k, n, transpose, false);
                compare(product, m, k, n, transpose, true);
            }
        }
    }
    const ANY: &[(bool, bool)] = &[(false, false), (true, false), (false, true), (true, true)];

    fn cube(end: usize) -> impl Iterator<Item = [usize; 3]> {
        (0..end).flat_map(move |m| (0..end).flat_map(move |k| (0..end).map(move |n| [m, k, n])))
    }

    #[test]
    fn every_small_shape() {
        all::<f64>(gemm, cube(10), ANY);
        all::<f32>(gemm, cube(10), ANY);
    }

    #[test]
    fn the_tile_kernel() {
        let shapes = || {
            [[404, 13, 100], [13, 404, 100], [7, 33, 17], [6, 300, 129], [65, 70, 9]]
                .into_iter()
                .chain(cube(8).filter(|s| !s.contains(&0)))
        };
        all::<f64>(
            |a, b, c, add| tile::gemm(a.into(), b.into(), c, add),
            shapes(),
            &[(false, false), (true, false)],
        );
        all::<f32>(
            |a, b, c, add| tile::gemm(a.into(), b.into(), c, add),
            shapes(),
            &[(false, false), (true, false)],
        );
    }

    #[test]
    fn the_panel_kernel() {
        let shapes = || {
            [[404, 13, 100], [257, 513, 129], [33, 600, 70], [300, 200, 300], [1031, 7, 5], [2049, 5, 3]]
                .into_iter()
        };
        all::<f64>(|a, b, c, add| panel::gemm(a.into(), b.into(), c, add), shapes(), ANY);
        all::<f32>(|a, b, c, add| panel::gemm(a.into(), b.into(), c, add), shapes(), ANY);
    }

    #[test]
    fn the_narrow_kernel() {
        let shapes = || {
            [[404, 100, 1], [100, 404, 1], [404, 1, 100], [37, 53, 4], [1, 1, 1], [50, 1, 100]].into_iter()
        };
        all::<f64>(|a, b, c, add| narrow::gemm(a.into(), b.into(), c, add), shapes(), ANY);
        all::<f32>(|a, b, c, add| narrow::gemm(a.into(), b.into(), c, add), shapes(), ANY);
    }

    #[test]
    fn the_same_bits_at_any_thread_count() {
        let shapes = [[1024, 13, 100], [13, 1024, 100], [512, 512, 512], [2048, 300, 129], [129, 2048, 300]];
        for [m, k, n] in shapes {
            let mut rng = Rng::new(9, "threads");
            let a: Vec<f32> = (0..m * k).map(|_| rng.normal() as f32).collect();
            let b: Vec<f32> = (0..k * n).map(|_| rng.normal() as f32).collect();
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut c = vec![0.0f32; m * n];
                pool.install(|| {
                    gemm(Mat::new(&a, m, k), Mat::new(&b, k, n), MatMut::new(&mut c, m, n), false)
                });
                c.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let one = run(1);
            for threads in [2, 3, 4] {
                assert!(run(threads) == one, "{m}×{k}×{n} differs at {threads} threads");
            }
        }
    }
}
