//! The transforms of F(4×4, 3×3): evaluation of polynomials at 0, ±3/4, ±3/2 and ∞, and their transposes.
//!
//! With d the 6×6 input of a tile and g the 3×3 kernel, the 4×4 output is `Aᵀ[(G g Gᵀ) ∘ (Bᵀ d B)]A`. Each
//! matrix is a function of one column here, applied along both axes by [`columns`] and [`row`] on lines of channels.
//!
//! The points are exact in binary, so nothing is lost in the matrices themselves, and with them the error in
//! f32 is half of that with the usual 0, ±1, ±2, ∞ (measured; the module's tests bound it).
//!
//! Source: Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016; for the points,
//! Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution", TOMS 46(4), 2020.

use gmp_math::Scalar;

/// Outputs of a tile along an axis.
pub(super) const OUT: usize = 4;
/// Inputs of a tile along an axis, and evaluation points.
pub(super) const IN: usize = 6;
/// Products of a tile.
pub(super) const POINTS: usize = IN * IN;

// The points are 0, ±a, ±b and ∞.
const A: f64 = 0.75;
const B: f64 = 1.5;
const A2: f64 = A * A;
const B2: f64 = B * B;

#[inline(always)]
fn c<T: Scalar>(x: f64) -> T {
    T::from_f64(x)
}

/// Bᵀ: six inputs to the six points.
#[inline(always)]
pub(super) fn input<T: Scalar>(d: [T; IN]) -> [T; IN] {
    let even_a = d[2].mul_add(c(-B2), d[4]);
    let odd_a = d[1].mul_add(c(-A * B2), c::<T>(A) * d[3]);
    let even_b = d[2].mul_add(c(-A2), d[4]);
    let odd_b = d[1].mul_add(c(-B * A2), c::<T>(B) * d[3]);
    [
        d[0].mul_add(c(A2 * B2), d[2].mul_add(c(-(A2 + B2)), d[4])),
        even_a + odd_a,
        even_a - odd_a,
        even_b + odd_b,
        even_b - odd_b,
        d[1].mul_add(c(A2 * B2), d[3].mul_add(c(-(A2 + B2)), d[5])),
    ]
}

/// G: three weights to the six points.
#[inline(always)]
pub(super) fn weights<T: Scalar>(g: [T; 3]) -> [T; IN] {
    let even_a = g[2].mul_add(c(0.5 / (A2 - B2)), c::<T>(0.5 / (A2 * (A2 - B2))) * g[0]);
    let odd_a = c::<T>(0.5 / (A * (A2 - B2))) * g[1];
    let even_b = g[2].mul_add(c(0.5 / (B2 - A2)), c::<T>(0.5 / (B2 * (B2 - A2))) * g[0]);
    let odd_b = c::<T>(0.5 / (B * (B2 - A2))) * g[1];
    [c::<T>(1.0 / (A2 * B2)) * g[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, g[2]]
}

/// Gᵀ: the six points to three weights.
#[inline(always)]
pub(super) fn weight_gradient<T: Scalar>(m: [T; IN]) -> [T; 3] {
    let (even_a, odd_a) = (m[1] + m[2], m[1] - m[2]);
    let (even_b, odd_b) = (m[3] + m[4], m[3] - m[4]);
    [
        even_b.mul_add(
            c(0.5 / (B2 * (B2 - A2))),
            even_a.mul_add(c(0.5 / (A2 * (A2 - B2))), c::<T>(1.0 / (A2 * B2)) * m[0]),
        ),
        odd_b.mul_add(c(0.5 / (B * (B2 - A2))), c::<T>(0.5 / (A * (A2 - B2))) * odd_a),
        even_b.mul_add(c(0.5 / (B2 - A2)), even_a.mul_add(c(0.5 / (A2 - B2)), m[5])),
    ]
}

/// Aᵀ: the six points to four outputs.
#[inline(always)]
pub(super) fn output<T: Scalar>(m: [T; IN]) -> [T; OUT] {
    let (even_a, odd_a) = (m[1] + m[2], m[1] - m[2]);
    let (even_b, odd_b) = (m[3] + m[4], m[3] - m[4]);
    [
        m[0] + even_a + even_b,
        odd_b.mul_add(c(B), c::<T>(A) * odd_a),
        even_b.mul_add(c(B2), c::<T>(A2) * even_a),
        odd_b.mul_add(c(B * B2), odd_a.mul_add(c(A * A2), m[5])),
    ]
}

/// A: the gradients of four outputs to the six points.
#[inline(always)]
pub(super) fn gradient<T: Scalar>(y: [T; OUT]) -> [T; IN] {
    let even_a = y[2].mul_add(c(A2), y[0]);
    let odd_a = y[3].mul_add(c(A * A2), c::<T>(A) * y[1]);
    let even_b = y[2].mul_add(c(B2), y[0]);
    let odd_b = y[3].mul_add(c(B * B2), c::<T>(B) * y[1]);
    [y[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, y[3]]
}

/// A block of lines between the transforms along its two axes.
pub(super) type Half<T, const L: usize> = [[[T; L]; IN]; IN];

/// Memory for [`columns`].
#[inline(always)]
pub(super) fn half<T: Scalar, const L: usize>() -> Half<T, L> {
    [[[T::ZERO; L]; IN]; IN]
}

/// Applies `f` along the columns of an I×I block of lines; [`row`] completes the result.
#[inline(always)]
pub(super) fn columns<T: Scalar, const L: usize, const I: usize, const O: usize>(
    block: &[[&[T; L]; I]; I],
    half: &mut Half<T, L>,
    f: impl Fn([T; I]) -> [T; O],
) {
    for j in 0..I {
        for l in 0..L {
            let mut column = [T::ZERO; I];
            for i in 0..I {
                column[i] = block[i][j][l];
            }
            let column = f(column);
            for o in 0..O {
                half[o][j][l] = column[o];
            }
        }
    }
}

/// Applies `f` along row `o` of what [`columns`] left.
#[inline(always)]
pub(super) fn row<T: Scalar, const L: usize, const I: usize, const O: usize>(
    half: &Half<T, L>,
    o: usize,
    f: impl Fn([T; I]) -> [T; O],
) -> [[T; L]; O] {
    let mut result = [[T::ZERO; L]; O];
    for l in 0..L {
        let mut row = [T::ZERO; I];
        for j in 0..I {
            row[j] = half[o][j][l];
        }
        let row = f(row);
        for p in 0..O {
            result[p][l] = row[p];
        }
    }
    result
}
