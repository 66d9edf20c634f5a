//! The two register tiles that every convolution ends in, and the lines that they work on.
//!
//! A *line* is 64 bytes: the values of 16 (f32) or 8 (f64) neighbouring channels. Both tiles keep up to six
//! lines of the result in registers and read one line of the right operand a step, whose memory is
//! contiguous; the left operand may lie anywhere.
//!
//! Plain loops are the definition, and what runs where AVX2 and FMA are missing. With those, the same loops
//! are spelled in intrinsics: left to itself the compiler keeps some of the sums in memory or shuffles the
//! left operand, which costs a factor of two to five (measured). Both give the same bits.
#![allow(unsafe_code)] // the intrinsics, behind checks of every bound

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
            let rows =
                (total - $start).div_ceil((total - $start).div_ceil($crate::kernel::conv::kernel::ROWS));
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
///
/// # Panics
/// If an operand ends before the last product.
#[inline(always)]
pub(super) fn rows<T: Scalar, const L: usize, const R: usize>(
    a: &[T],
    first: usize,
    distance: usize,
    runs: Runs,
    b: &[[T; L]],
    sums: &mut [[T; L]; R],
) {
    if runs.count * runs.len == 0 {
        return;
    }
    let last = first + (R - 1) * distance + (runs.count - 1) * runs.distance + runs.len;
    assert!(last <= a.len() && runs.count * runs.len <= b.len(), "a tile reaches over the end of an operand");
    let a = &a[first..];
    #[cfg(target_arch = "x86_64")]
    if avx2::is_available() {
        let (a, b, sums) = (a.as_ptr(), b.as_ptr(), sums.as_mut_ptr());
        // SAFETY: AVX2 and FMA were just detected. The function reads `runs.len` numbers of a at
        // `r·distance + run·runs.distance` for r < R and run < runs.count, the last of which was checked to
        // exist, and the first `runs.count·runs.len` lines of b; it writes the R lines of sums. `T` is f32
        // where it has 4 bytes and f64 otherwise, as `Scalar` is sealed, and then L is 16 and 8.
        unsafe {
            match (size_of::<T>(), L) {
                (4, 16) => return avx2::f32::rows::<R>(a.cast(), distance, runs, b.cast(), sums.cast()),
                (8, 8) => return avx2::f64::rows::<R>(a.cast(), distance, runs, b.cast(), sums.cast()),
                _ => {}
            }
        }
    }
    plain::rows(a, distance, runs, b, sums);
}

/// `sums_r += Σ_p a_(p·distance + r) b_p`: a product with the transpose of the left operand, whose rows
/// lie `distance` apart.
///
/// # Panics
/// If the left operand ends before the last product.
#[inline(always)]
pub(super) fn columns<T: Scalar, const L: usize, const R: usize>(
    a: &[T],
    distance: usize,
    b: &[[T; L]],
    sums: &mut [[T; L]; R],
) {
    if b.is_empty() {
        return;
    }
    assert!((b.len() - 1) * distance + R <= a.len(), "a tile reaches over the end of an operand");
    #[cfg(target_arch = "x86_64")]
    if avx2::is_available() {
        let (a, len, b, sums) = (a.as_ptr(), b.len(), b.as_ptr(), sums.as_mut_ptr());
        // SAFETY: AVX2 and FMA were just detected. The function reads R numbers of a at `p·distance` for
        // p < len, the last of which was checked to exist, and the `len` lines of b; it writes the R lines of
        // sums. The types are those of `rows`.
        unsafe {
            match (size_of::<T>(), L) {
                (4, 16) => return avx2::f32::columns::<R>(a.cast(), distance, b.cast(), len, sums.cast()),
                (8, 8) => return avx2::f64::columns::<R>(a.cast(), distance, b.cast(), len, sums.cast()),
                _ => {}
            }
        }
    }
    plain::columns(a, distance, b, sums);
}

/// The definition of both tiles.
mod plain {
    use super::{Runs, Scalar};

    #[inline(always)]
    pub(super) fn rows<T: Scalar, const L: usize, const R: usize>(
        a: &[T],
        distance: usize,
        runs: Runs,
        b: &[[T; L]],
        sums: &mut [[T; L]; R],
    ) {
        for run in 0..runs.count {
            for k in 0..runs.len {
                for r in 0..R {
                    let x = a[r * distance + run * runs.distance + k];
                    for l in 0..L {
                        sums[r][l] = x.mul_add(b[run * runs.len + k][l], sums[r][l]);
                    }
                }
            }
        }
    }

    #[inline(always)]
    pub(super) fn columns<T: Scalar, const L: usize, const R: usize>(
        a: &[T],
        distance: usize,
        b: &[[T; L]],
        sums: &mut [[T; L]; R],
    ) {
        for (p, b) in b.iter().enumerate() {
            for r in 0..R {
                for l in 0..L {
                    sums[r][l] = a[p * distance + r].mul_add(b[l], sums[r][l]);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    #[inline(always)]
    pub(super) fn is_available() -> bool {
        gmp_math::simd::has_avx2()
    }

    macro_rules! tiles {
        ($t:ident, $load:ident, $store:ident, $broadcast:ident, $multiply_add:ident, $zero:ident) => {
            pub(super) mod $t {
                use super::super::Runs;
                use std::arch::x86_64::*;

                /// Numbers of a register; a line is two.
                const LANES: usize = 32 / size_of::<$t>();

                /// # Safety
                /// AVX2 and FMA are there, and so is all memory that [`super::super::rows`] speaks of.
                #[target_feature(enable = "avx2,fma")]
                pub(in super::super) unsafe fn rows<const R: usize>(
                    a: *const $t,
                    distance: usize,
                    runs: Runs,
                    mut b: *const $t,
                    sums: *mut $t,
                ) {
                    // SAFETY: the caller's promise.
                    unsafe {
                        let mut registers = [[$zero(); 2]; R];
                        for r in 0..R {
                            for half in 0..2 {
                                registers[r][half] = $load(sums.add((2 * r + half) * LANES));
                            }
                        }
                        for run in 0..runs.count {
                            let a = a.add(run * runs.distance);
                            for k in 0..runs.len {
                                let line = [$load(b), $load(b.add(LANES))];
                                for r in 0..R {
                                    let x = $broadcast(&*a.add(r * distance + k));
                                    for half in 0..2 {
                                        registers[r][half] = $multiply_add(x, line[half], registers[r][half]);
                                    }
                                }
                                b = b.add(2 * LANES);
                            }
                        }
                        for r in 0..R {
                            for half in 0..2 {
                                $store(sums.add((2 * r + half) * LANES), registers[r][half]);
                            }
                        }
                    }
                }

                /// # Safety
                /// AVX2 and FMA are there, and so is all memory that [`super::super::columns`] speaks of.
                #[target_feature(enable = "avx2,fma")]
                pub(in super::super) unsafe fn columns<const R: usize>(
                    a: *const $t,
                    distance: usize,
                    b: *const $t,
                    len: usize,
                    sums: *mut $t,
                ) {
                    // SAFETY: the caller's promise.
                    unsafe {
                        let mut registers = [[$zero(); 2]; R];
                        for r in 0..R {
                            for half in 0..2 {
                                registers[r][half] = $load(sums.add((2 * r + half) * LANES));
                            }
                        }
                        for p in 0..len {
                            let (a, b) = (a.add(p * distance), b.add(p * 2 * LANES));
                            let line = [$load(b), $load(b.add(LANES))];
                            for r in 0..R {
                                let x = $broadcast(&*a.add(r));
                                for half in 0..2 {
                                    registers[r][half] = $multiply_add(x, line[half], registers[r][half]);
                                }
                            }
                        }
                        for r in 0..R {
                            for half in 0..2 {
                                $store(sums.add((2 * r + half) * LANES), registers[r][half]);
                            }
                        }
                    }
                }
            }
        };
    }
    tiles!(f32, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_setzero_ps);
    tiles!(f64, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_broadcast_sd, _mm256_fmadd_pd, _mm256_setzero_pd);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    fn both_spellings<T: Scalar, const L: usize, const R: usize>() {
        let mut rng = Rng::new(R as u64, "tiles");
        let mut draw = |len: usize| -> Vec<T> { (0..len).map(|_| T::from_f64(rng.normal())).collect() };
        let (a, b, start) = (draw(400), draw(40 * L), draw(R * L));
        let b = b.as_chunks::<L>().0;
        let start: &[[T; L]; R] = start.as_chunks::<L>().0.try_into().unwrap();
        for runs in [(1, 0, 40), (3, 50, 13), (4, 7, 1), (0, 0, 5)] {
            let runs = Runs { count: runs.0, distance: runs.1, len: runs.2 };
            let (mut chosen, mut plain) = (*start, *start);
            rows(&a, 2, 35, runs, b, &mut chosen);
            plain::rows(&a[2..], 35, runs, b, &mut plain);
            assert_eq!(chosen, plain, "{R} rows, {runs:?}");
        }
        for distance in [1, 3, 9] {
            let (mut chosen, mut plain) = (*start, *start);
            columns(&a, distance, b, &mut chosen);
            plain::columns(&a, distance, b, &mut plain);
            assert_eq!(chosen, plain, "{R} columns, {distance} apart");
        }
    }

    #[test]
    fn intrinsics_and_plain_loops_give_the_same_bits() {
        both_spellings::<f32, 16, 1>();
        both_spellings::<f32, 16, 4>();
        both_spellings::<f32, 16, 6>();
        both_spellings::<f64, 8, 2>();
        both_spellings::<f64, 8, 5>();
        both_spellings::<f64, 8, 6>();
    }

    #[test]
    fn tiles_stay_inside_their_operands() {
        let (a, b) = ([1.0f32; 20], [[1.0f32; 16]; 4]);
        let runs = |len| Runs { count: 2, distance: 10, len };
        let panics = |f: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
        assert!(!panics(&|| rows(&a, 0, 8, runs(2), &b, &mut [[0.0; 16]; 2])));
        assert!(panics(&|| rows(&a, 1, 8, runs(2), &b, &mut [[0.0; 16]; 2])), "beyond a");
        assert!(panics(&|| rows(&a, 0, 1, runs(3), &b, &mut [[0.0; 16]; 2])), "beyond b");
        assert!(!panics(&|| columns(&a, 6, &b, &mut [[0.0; 16]; 2])));
        assert!(panics(&|| columns(&a, 6, &b, &mut [[0.0; 16]; 3])), "beyond a");
    }
}
