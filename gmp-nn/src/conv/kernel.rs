//! The two register tiles that every convolution ends in, and the lines that they work on.
//!
//! A *line* is 64 bytes: the values of [`lanes`] neighbouring channels. Both tiles keep up to six lines of
//! the result in registers and read one line of the right operand a step, whose memory is contiguous; the
//! left operand may lie anywhere.

use gmp_math::Scalar;

/// Lines of the result in registers: twelve of AVX2's sixteen, which leaves four for the operands.
pub(super) const ROWS: usize = 6;

/// Calls `$body` with `$R` rows from `$start` on, as evenly shared as they can be: 8 are 4 + 4, since a
/// tile of two rows would wait for its own sums.
macro_rules! in_tiles {
    ($total:expr, |$start:ident, $R:ident| $body:expr) => {{
        let total: usize = $total;
        let mut $start = 0;
        while $start < total {
            let rows = (total - $start).div_ceil((total - $start).div_ceil($crate::conv::kernel::ROWS));
            match rows {
                1 => {
                    const $R: usize = 1;
                    $body
                }
                2 => {
                    const $R: usize = 2;
                    $body
                }
                3 => {
                    const $R: usize = 3;
                    $body
                }
                4 => {
                    const $R: usize = 4;
                    $body
                }
                5 => {
                    const $R: usize = 5;
                    $body
                }
                _ => {
                    const $R: usize = 6;
                    $body
                }
            }
            $start += rows;
        }
    }};
}
pub(super) use in_tiles;

/// Equally long stretches of contiguous numbers at equal distances.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    pub(super) count: usize,
    pub(super) distance: usize,
    pub(super) len: usize,
}

/// `sums_r += Σ_k a_rk b_k`: row r of the left operand is the runs that start at `first + r·distance`.
#[inline(always)]
pub(super) fn rows<T: Scalar, const L: usize, const R: usize>(
    a: &[T],
    first: usize,
    distance: usize,
    runs: Runs,
    b: &[[T; L]],
    mut sums: [[T; L]; R],
) -> [[T; L]; R] {
    for run in 0..runs.count {
        let a = &a[first + run * runs.distance..];
        let mut rows = [&a[..runs.len]; R];
        for r in 1..R {
            rows[r] = &a[r * distance..][..runs.len];
        }
        let b = &b[run * runs.len..][..runs.len];
        for k in 0..runs.len {
            for r in 0..R {
                let x = rows[r][k];
                for l in 0..L {
                    sums[r][l] = x.mul_add(b[k][l], sums[r][l]);
                }
            }
        }
    }
    sums
}

/// `sums_r += Σ_p a_(p·distance + r) b_p`: a product with the transpose of the left operand, whose rows
/// lie `distance` apart.
#[inline(always)]
pub(super) fn columns<T: Scalar, const L: usize, const R: usize>(
    a: &[T],
    distance: usize,
    b: &[[T; L]],
    mut sums: [[T; L]; R],
) -> [[T; L]; R] {
    let mut at = 0;
    for b in b {
        let a = &a[at..][..R];
        for r in 0..R {
            for l in 0..L {
                sums[r][l] = a[r].mul_add(b[l], sums[r][l]);
            }
        }
        at += distance;
    }
    sums
}

/// The part of `scratch` from its first cache line on, `len` numbers, the memory grown where needed.
pub(crate) fn work_area<T: Scalar>(scratch: &mut Vec<T>, len: usize) -> &mut [T] {
    let line = 64 / size_of::<T>();
    if scratch.len() < len + line {
        scratch.resize(len + line, T::ZERO);
    }
    let start = scratch.as_ptr().align_offset(64).min(line);
    &mut scratch[start..][..len]
}

/// A line that starts with these channels; zero beyond them.
#[inline(always)]
pub(super) fn load<T: Scalar, const L: usize>(channels: &[T]) -> [T; L] {
    match channels.first_chunk::<L>() {
        Some(line) => *line,
        None => {
            let mut line = [T::ZERO; L];
            for (lane, channel) in line.iter_mut().zip(channels) {
                *lane = *channel;
            }
            line
        }
    }
}

/// The first channels of a line to memory.
#[inline(always)]
pub(super) fn store<T: Scalar, const L: usize>(line: &[T; L], channels: &mut [T]) {
    match channels.first_chunk_mut::<L>() {
        Some(channels) => *channels = *line,
        None => {
            for (channel, lane) in channels.iter_mut().zip(line) {
                *channel = *lane;
            }
        }
    }
}
