//! The weight gradient.

use super::transform::{self, IN, POINTS};
use super::{Layout, Lines, Tiling};
use crate::kernel::conv::kernel::{columns, in_tiles, load, store, work_area};
use crate::kernel::gemm::Element;
use crate::kernel::parallel::{self, share, threads};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use rayon::prelude::*;
use std::ops::Range;

/// Tiles that are transformed before their products are taken. The channels of a task then stay in the
/// second-level cache while all filters pass.
const BAND: usize = 128;
/// Tiles that one thread transforms at a time.
const PIECE: usize = 64;
/// Blocks of channels that are summed together, at most: the filters' numbers are read once for all of them.
const BLOCKS: usize = 4;

/// `dw (+)= Σ over pixels of x ⊗ dy`.
pub(in crate::kernel::conv) fn weight_gradient<T: Element>(
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
    let v = Layout { blocks: channel_blocks, tiles };
    let z = Layout { blocks: filter_blocks, tiles };
    let piece = (v.lines() + z.lines()) * L;
    let pieces = (BAND / tiles).max(1).min(tiling.strips().div_ceil(strips_a_piece)).max(1);
    let band = work_area(scratch, pieces * piece);
    let parts = threads(tiling.multiplications(), parallel::MULTIPLICATIONS).min(channel_blocks).max(1);
    let strips_a_band = pieces * strips_a_piece;
    if tiling.strips() == 0 && !accumulate {
        dw.fill(T::ZERO);
    }
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
        if parts > 1 {
            band.par_chunks_mut(piece).enumerate().for_each(transform);
        } else {
            band.chunks_mut(piece).enumerate().for_each(transform);
        }
        let band = &*band;
        let tiles = (last - first) * tiling.strip();
        let fresh = first == 0 && !accumulate;
        let mut places = dw.chunks_exact_mut(tiling.channels * tiling.filters);
        let places: [_; 9] = std::array::from_fn(|_| places.next().expect("a kernel has nine places"));
        let offset = |block: usize| (block * L).min(tiling.channels) * tiling.filters;
        share(0..channel_blocks, parts, places, &mut [], &offset, &|blocks, dw, _| {
            dispatch(Multiply::<T, L> { tiling, band, piece, tiles, v, z, blocks, fresh, dw });
        });
    }
}

/// Takes the inputs and the gradients of a piece to the points.
struct Transform<'a, T, const L: usize> {
    tiling: &'a Tiling,
    x: &'a [T],
    dy: &'a [T],
    strips: Range<usize>,
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
    tiling: &'a Tiling,
    band: &'a [T],
    piece: usize,
    /// Tiles in the band.
    tiles: usize,
    v: Layout,
    z: Layout,
    blocks: Range<usize>,
    /// Whether nothing was summed before.
    fresh: bool,
    /// The blocks' rows at each of the nine places.
    dw: [&'a mut [T]; 9],
}
impl<T: Scalar, const L: usize> Kernel for Multiply<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let mut points = [[[[T::ZERO; L]; L]; POINTS]; BLOCKS];
        for start in self.blocks.clone().step_by(BLOCKS) {
            let blocks = start..self.blocks.end.min(start + BLOCKS);
            for filter_block in 0..self.z.blocks {
                for point in 0..POINTS {
                    for (points, block) in points.iter_mut().zip(blocks.clone()) {
                        self.products(point, block, filter_block, &mut points[point]);
                    }
                }
                for (points, block) in points.iter().zip(blocks.clone()) {
                    self.write(points, block, filter_block);
                }
            }
        }
    }
}

impl<T: Scalar, const L: usize> Multiply<'_, T, L> {
    /// The sums at a point for a block of channels and a block of filters.
    #[inline(always)]
    fn products(&self, point: usize, block: usize, filter_block: usize, sums: &mut [[T; L]; L]) {
        in_tiles!(L, |channel, R| {
            let sums = sums[channel..].first_chunk_mut::<R>().expect("R channels are left");
            *sums = [[T::ZERO; L]; R];
            for (i, piece) in self.band.chunks(self.piece).enumerate() {
                let tiles = self.v.tiles.min(self.tiles - i * self.v.tiles);
                let (v, z) = piece.as_chunks::<L>().0.split_at(self.v.lines());
                let v = &v[self.v.start(point, block)..][..tiles];
                let z = &z[self.z.start(point, filter_block)..][..tiles];
                columns(&v.as_flattened()[channel..], L, z, sums);
            }
        });
    }

    /// Takes the sums from the points to the nine places.
    #[inline(always)]
    fn write(&mut self, points: &[[[T; L]; L]; POINTS], block: usize, filter_block: usize) {
        let Tiling { channels, filters, .. } = *self.tiling;
        let lanes = L.min(filters - filter_block * L);
        let first = (block - self.blocks.start) * L;
        let mut half = transform::half();
        for channel in 0..L.min(channels - block * L) {
            let mut m = [[&points[0][0]; IN]; IN];
            for (point, lines) in points.iter().enumerate() {
                m[point / IN][point % IN] = &lines[channel];
            }
            transform::columns(&m, &mut half, transform::weight_gradient);
            for o in 0..3 {
                let row = transform::row(&half, o, transform::weight_gradient);
                for p in 0..3 {
                    let at = (first + channel) * filters + filter_block * L;
                    let dw = &mut self.dw[o * 3 + p][at..][..lanes];
                    let mut sum = row[p];
                    if !self.fresh {
                        let before = load::<T, L>(dw);
                        for l in 0..L {
                            sum[l] += before[l];
                        }
                    }
                    store(&sum, dw);
                }
            }
        }
    }
}
