//! The two register tiles that every convolution ends in, and the lines that they work on.
//!
//! A *line* is 64 bytes: the values of 16 (f32) or 8 (f64) neighbouring channels; two registers of AVX2 or one of
//! AVX-512. Both tiles keep some lines of the result in registers and read one line of the right operand per step, whose
//! memory is contiguous; the left operand may lie anywhere.
//!
//! Plain loops are the definition, and what runs where AVX2 and FMA are missing. With those, and with AVX-512, the same
//! loops are spelled in intrinsics: left to itself the compiler keeps some of the sums in memory or shuffles the
//! left operand, which costs a factor of two to five (measured). All give the same bits, since the number of lines
//! changes no sum.
#![allow(unsafe_code)] // the intrinsics, behind checks of every bound

use gmp_math::Scalar;
use gmp_math::simd::{self, Arm};

/// Lines of the result in registers: six of two registers are twelve of AVX2's sixteen, which leaves four for the
/// operands. Twelve of AVX-512's 32 hide the latency of two multipliers, and a line of the right operand is read once for
/// twelve products.
pub(super) fn lines_in_registers() -> usize {
    match simd::arm() {
        Arm::Avx512 => 12,
        Arm::Avx2 | Arm::Portable => 6,
    }
}

/// Calls `$body` with `$R` rows from `$start` on, as evenly shared as they can be: 8 are 4 + 4 where six fit, since a
/// tile of two rows would wait for its own sums.
macro_rules! in_tiles {
    ($total:expr, |$start:ident, $R:ident| $body:expr) => {{
        let (total, most): (usize, usize) = ($total, $crate::kernel::conv::kernel::lines_in_registers());
        let mut $start = 0;
        while $start < total {
            let rows = (total - $start).div_ceil((total - $start).div_ceil(most));
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
                6 => {
                    const $R: usize = 6;
                    $body
                }
                7 => {
                    const $R: usize = 7;
                    $body
                }
                8 => {
                    const $R: usize = 8;
                    $body
                }
                9 => {
                    const $R: usize = 9;
                    $body
                }
                10 => {
                    const $R: usize = 10;
                    $body
                }
                11 => {
                    const $R: usize = 11;
                    $body
                }
                _ => {
                    const $R: usize = 12;
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
    {
        let (a, b, sums) = (a.as_ptr(), b.as_ptr(), sums.as_mut_ptr());
        // SAFETY: the arm is one that the processor has. The function reads `runs.len` numbers of a at
        // `r·distance + run·runs.distance` for r < R and run < runs.count, the last of which was checked to
        // exist, and the first `runs.count·runs.len` lines of b; it writes the R lines of sums. `T` is f32
        // where it has 4 bytes and f64 otherwise, as `Scalar` is sealed, and then L is 16 and 8.
        unsafe {
            match (simd::arm(), size_of::<T>(), L) {
                (Arm::Avx512, 4, 16) => {
                    return avx512::f32::rows::<R>(a.cast(), distance, runs, b.cast(), sums.cast());
                }
                (Arm::Avx512, 8, 8) => {
                    return avx512::f64::rows::<R>(a.cast(), distance, runs, b.cast(), sums.cast());
                }
                (Arm::Avx2, 4, 16) => {
                    return avx2::f32::rows::<R>(a.cast(), distance, runs, b.cast(), sums.cast());
                }
                (Arm::Avx2, 8, 8) => {
                    return avx2::f64::rows::<R>(a.cast(), distance, runs, b.cast(), sums.cast());
                }
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
    {
        let (a, len, b, sums) = (a.as_ptr(), b.len(), b.as_ptr(), sums.as_mut_ptr());
        // SAFETY: the arm is one that the processor has. The function reads R numbers of a at `p·distance` for
        // p < len, the last of which was checked to exist, and the `len` lines of b; it writes the R lines of
        // sums. The types are those of `rows`.
        unsafe {
            match (simd::arm(), size_of::<T>(), L) {
                (Arm::Avx512, 4, 16) => {
                    return avx512::f32::columns::<R>(a.cast(), distance, b.cast(), len, sums.cast());
                }
                (Arm::Avx512, 8, 8) => {
                    return avx512::f64::columns::<R>(a.cast(), distance, b.cast(), len, sums.cast());
                }
                (Arm::Avx2, 4, 16) => {
                    return avx2::f32::columns::<R>(a.cast(), distance, b.cast(), len, sums.cast());
                }
                (Arm::Avx2, 8, 8) => {
                    return avx2::f64::columns::<R>(a.cast(), distance, b.cast(), len, sums.cast());
                }
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

/// Both tiles with registers of `$bytes` bytes.
#[cfg(target_arch = "x86_64")]
macro_rules! tiles {
    ($t:ident, $bytes:literal, $features:literal, $load:ident, $store:ident, $broadcast:ident, $multiply_add:ident, $zero:ident) => {
        pub(super) mod $t {
            use super::super::Runs;
            use std::arch::x86_64::*;

            /// Numbers of a register.
            const LANES: usize = $bytes / size_of::<$t>();
            /// Registers of a line.
            const PARTS: usize = 64 / $bytes;

            /// # Safety
            /// The processor has the instructions, and all memory that [`super::super::rows`] speaks of is there.
            #[target_feature(enable = $features)]
            #[inline(never)] // compiled once instead of once per caller; a tile is hundreds of multiplications
            pub(in super::super) unsafe fn rows<const R: usize>(
                a: *const $t,
                distance: usize,
                runs: Runs,
                mut b: *const $t,
                sums: *mut $t,
            ) {
                // SAFETY: the caller's promise.
                unsafe {
                    let mut registers = [[$zero(); PARTS]; R];
                    for r in 0..R {
                        for part in 0..PARTS {
                            registers[r][part] = $load(sums.add((PARTS * r + part) * LANES));
                        }
                    }
                    for run in 0..runs.count {
                        let a = a.add(run * runs.distance);
                        for k in 0..runs.len {
                            let mut line = [$zero(); PARTS];
                            for part in 0..PARTS {
                                line[part] = $load(b.add(part * LANES));
                            }
                            for r in 0..R {
                                let x = $broadcast(*a.add(r * distance + k));
                                for part in 0..PARTS {
                                    registers[r][part] = $multiply_add(x, line[part], registers[r][part]);
                                }
                            }
                            b = b.add(PARTS * LANES);
                        }
                    }
                    for r in 0..R {
                        for part in 0..PARTS {
                            $store(sums.add((PARTS * r + part) * LANES), registers[r][part]);
                        }
                    }
                }
            }

            /// # Safety
            /// The processor has the instructions, and all memory that [`super::super::columns`] speaks of is there.
            #[target_feature(enable = $features)]
            #[inline(never)] // compiled once instead of once per caller; a tile is hundreds of multiplications
            pub(in super::super) unsafe fn columns<const R: usize>(
                a: *const $t,
                distance: usize,
                b: *const $t,
                len: usize,
                sums: *mut $t,
            ) {
                // SAFETY: the caller's promise.
                unsafe {
                    let mut registers = [[$zero(); PARTS]; R];
                    for r in 0..R {
                        for part in 0..PARTS {
                            registers[r][part] = $load(sums.add((PARTS * r + part) * LANES));
                        }
                    }
                    for p in 0..len {
                        let (a, b) = (a.add(p * distance), b.add(p * PARTS * LANES));
                        let mut line = [$zero(); PARTS];
                        for part in 0..PARTS {
                            line[part] = $load(b.add(part * LANES));
                        }
                        for r in 0..R {
                            let x = $broadcast(*a.add(r));
                            for part in 0..PARTS {
                                registers[r][part] = $multiply_add(x, line[part], registers[r][part]);
                            }
                        }
                    }
                    for r in 0..R {
                        for part in 0..PARTS {
                            $store(sums.add((PARTS * r + part) * LANES), registers[r][part]);
                        }
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip] // one line per precision
mod avx2 {
    tiles!(f32, 32, "avx2,fma", _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_setzero_ps);
    tiles!(f64, 32, "avx2,fma", _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_setzero_pd);
}

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip] // one line per precision
mod avx512 {
    tiles!(f32, 64, "avx512f", _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_setzero_ps);
    tiles!(f64, 64, "avx512f", _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_setzero_pd);
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

    fn all_spellings<T: Scalar, const L: usize, const R: usize>() {
        for arm in Arm::available() {
            let _forced = simd::force(arm);
            spelling::<T, L, R>();
        }
    }

    fn spelling<T: Scalar, const L: usize, const R: usize>() {
        let mut rng = Rng::new(R as u64, "tiles");
        let mut draw = |len: usize| -> Vec<T> { (0..len).map(|_| T::from_f64(rng.normal())).collect() };
        let (a, b, start) = (draw(800), draw(40 * L), draw(R * L));
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
        all_spellings::<f32, 16, 1>();
        all_spellings::<f32, 16, 4>();
        all_spellings::<f32, 16, 6>();
        all_spellings::<f32, 16, 9>();
        all_spellings::<f32, 16, 12>();
        all_spellings::<f64, 8, 2>();
        all_spellings::<f64, 8, 5>();
        all_spellings::<f64, 8, 6>();
        all_spellings::<f64, 8, 7>();
        all_spellings::<f64, 8, 12>();
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
