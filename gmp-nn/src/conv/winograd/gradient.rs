//! The weight gradient.

use super::transform::{self, IN, POINTS};
use super::{Layout, Lines, Tiling};
use crate::conv::kernel::{columns, in_tiles, store, work_area};
use crate::conv::share::threads;
use crate::gemm::Element;
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use rayon::prelude::*;

/// Tiles that are transformed before their products are taken. The channels of a task then stay in the
/// second-level cache while all filters pass.
const BAND: usize = 128;
/// Tiles that one thread transforms at a time.
const PIECE: usize = 64;
/// Blocks of channels that make a task, at most: the filters' numbers are read once for all of them.
const BLOCKS: usize = 4;

/// `dw (+)= Σ over pixels of x ⊗ dy`.
pub(in crate::conv) fn weight_gradient<T: Element>(
    tiling: &Tiling,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    accumulate: bool,
    scratch: &mut Vec<T>,
) {
    if size_of::<T>() == 4 {
        weight_gradient_lines::<T, 16>(tiling, x, dy, dw, accumulate, scratch);
    } else {
        weight_gradient_lines::<T, 8>(tiling, x, dy, dw, accumulate, scratch);
    }
}

fn weight_gradient_lines<T: Element, const L: usize>(
    tiling: &Tiling,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    accumulate: bool,
    scratch: &mut Vec<T>,
) {
    let (channel_blocks, filter_blocks) = (tiling.channels.div_ceil(L), tiling.filters.div_ceil(L));
    let strips_a_piece = (PIECE / tiling.strip()).max(1);
    let tiles = tiling.strip() * strips_a_piece;
    // At least four tasks where there are so many blocks.
    let blocks = (channel_blocks / 4).clamp(1, BLOCKS);
    let v = Layout { blocks: channel_blocks, tiles };
    let z = Layout { blocks: filter_blocks, tiles };
    let piece = (v.lines() + z.lines()) * L;
    let pieces = (BAND / tiles).max(1).min(tiling.strips().div_ceil(strips_a_piece)).max(1);
    // The gradient of a block of channels is contiguous here: [block][place][filter block][channel] lines.
    let block = 9 * filter_blocks * L * L;
    let area = work_area(scratch, pieces * piece + channel_blocks * block);
    let (band, sums) = area.split_at_mut(pieces * piece);
    let parallel = threads(tiling.multiplications()) > 1;
    let strips_a_band = pieces * strips_a_piece;
    sums.fill(T::ZERO);
    for first in (0..tiling.strips()).step_by(strips_a_band) {
        let last = tiling.strips().min(first + strips_a_band);
        let used = (last - first).div_ceil(strips_a_piece);
        let transform = |(i, area): (usize, &mut [T])| {
            let start = first + i * strips_a_piece;
            dispatch(Transform::<T, L> {
                tiling,
                x,
                dy,
                strips: start..last.min(start + strips_a_piece),
                v,
                z,
                area,
            });
        };
        let band = &mut band[..used * piece];
        if parallel {
            band.par_chunks_mut(piece).enumerate().for_each(transform);
        } else {
            band.chunks_mut(piece).enumerate().for_each(transform);
        }
        let band = &*band;
        let tiles = (last - first) * tiling.strip();
        let multiply = |(task, sums): (usize, &mut [T])| {
            dispatch(Multiply::<T, L> { band, piece, tiles, v, z, channel_block: task * blocks, sums });
        };
        if parallel {
            sums.par_chunks_mut(blocks * block).enumerate().for_each(multiply);
        } else {
            sums.chunks_mut(blocks * block).enumerate().for_each(multiply);
        }
    }
    for (row, dw) in dw.chunks_exact_mut(tiling.filters).enumerate() {
        let (place, channel) = (row / tiling.channels, row % tiling.channels);
        let sums = &sums[channel / L * block..][..block].as_chunks::<L>().0[place * filter_blocks * L..];
        for (filter_block, dw) in dw.chunks_mut(L).enumerate() {
            let line = &sums[filter_block * L + channel % L];
            if accumulate {
                for (dw, sum) in dw.iter_mut().zip(line) {
                    *dw += *sum;
                }
            } else {
                store(line, dw);
            }
        }
    }
}

/// Takes the inputs and the gradients of a piece to the points.
struct Transform<'a, T, const L: usize> {
    tiling: &'a Tiling,
    x: &'a [T],
    dy: &'a [T],
    strips: std::ops::Range<usize>,
    v: Layout,
    z: Layout,
    area: &'a mut [T],
}
impl<T: Scalar, const L: usize> Kernel for Transform<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (v, z) = self.area.as_chunks_mut::<L>().0.split_at_mut(self.v.lines());
        let mut v = Lines { layout: self.v, lines: v };
        let mut z = Lines { layout: self.z, lines: z };
        for (s, strip) in self.strips.enumerate() {
            self.tiling.transform_input(self.x, strip, &mut v, s * self.tiling.strip());
            self.tiling.transform_gradient(self.dy, strip, &mut z, s * self.tiling.strip());
        }
    }
}

/// The products of some blocks of channels with all filters, over all tiles of a band, and back to 3×3.
struct Multiply<'a, T, const L: usize> {
    band: &'a [T],
    piece: usize,
    /// Tiles in the band.
    tiles: usize,
    v: Layout,
    z: Layout,
    /// The first of the blocks.
    channel_block: usize,
    sums: &'a mut [T],
}
impl<T: Scalar, const L: usize> Kernel for Multiply<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let size = 9 * self.z.blocks * L;
        let sums = self.sums.as_chunks_mut::<L>().0;
        let mut points = [[[[T::ZERO; L]; L]; POINTS]; BLOCKS];
        let mut half = transform::half();
        for filter_block in 0..self.z.blocks {
            for point in 0..POINTS {
                for block in 0..sums.len() / size {
                    let products = &mut points[block][point];
                    in_tiles!(L, |channel, R| {
                        let sums = products[channel..].first_chunk_mut::<R>().expect("R channels are left");
                        *sums = [[T::ZERO; L]; R];
                        for (i, piece) in self.band.chunks(self.piece).enumerate() {
                            let tiles = self.v.tiles.min(self.tiles - i * self.v.tiles);
                            let (v, z) = piece.as_chunks::<L>().0.split_at(self.v.lines());
                            let v = &v[self.v.start(point, self.channel_block + block)..][..tiles];
                            let z = &z[self.z.start(point, filter_block)..][..tiles];
                            columns(&v.as_flattened()[channel..], L, z, sums);
                        }
                    });
                }
            }
            for (points, sums) in points.iter().zip(sums.chunks_exact_mut(size)) {
                for channel in 0..L {
                    let mut m = [[&points[0][0]; IN]; IN];
                    for (point, lines) in points.iter().enumerate() {
                        m[point / IN][point % IN] = &lines[channel];
                    }
                    transform::columns(&m, &mut half, transform::weight_gradient);
                    for o in 0..3 {
                        let row = transform::row(&half, o, transform::weight_gradient);
                        for p in 0..3 {
                            let sum = &mut sums[((o * 3 + p) * self.z.blocks + filter_block) * L + channel];
                            for l in 0..L {
                                sum[l] += row[p][l];
                            }
                        }
                    }
                }
            }
        }
    }
}
