//! The weight gradient.

use super::transform::{self, IN, POINTS};
use super::{Layout, Lines, Tiling};
use crate::kernel::conv::kernel::{columns, in_tiles, load, store, work_area};
use crate::kernel::gemm::Element;
use crate::kernel::parallel::{self, share, threads};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use std::ops::Range;

/// Tiles whose products are summed at the points, at most, before the sums are taken to the weights and added there.
const BAND: usize = 128;
/// Blocks of channels that are summed together, at most: the filters' numbers are read once for all of them, and the
/// channels' stay in the second-level cache while all filters pass.
const BLOCKS: usize = 4;
/// Bytes of transformed bands that several threads make at once: with few tiles in hand they would wait for each other
/// more often than work.
const BYTES: usize = 16 << 20;

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
    if tiling.strips() == 0 {
        if !accumulate {
            dw.fill(T::ZERO);
        }
        return;
    }
    let (channel_blocks, filter_blocks) = (tiling.channels.div_ceil(L), tiling.filters.div_ceil(L));
    let threads = threads(tiling.multiplications(), parallel::MULTIPLICATIONS);
    let units = Units::new(channel_blocks, filter_blocks, threads);
    // Whole halves of a band. It decides in which order numbers are added: another rule would be other numerics.
    let half = (BAND / 2 / tiling.strip()).max(1);
    let strips_a_band = (half * (BAND / (half * tiling.strip())).max(1)).min(tiling.strips());
    // Channels, then filters: threads transform blocks of either, for all tiles of a band.
    let layout = Layout::by_block(channel_blocks + filter_blocks, strips_a_band * tiling.strip());
    let band = layout.lines() * L;
    let bands = tiling.strips().div_ceil(strips_a_band);
    let bands_at_once = if threads > 2 { (BYTES / (band * size_of::<T>())).clamp(1, bands) } else { 1 };
    let (sums, area) = work_area(scratch, units.count() * units.numbers::<L>() + bands_at_once * band)
        .split_at_mut(units.count() * units.numbers::<L>());
    for first in (0..bands).step_by(bands_at_once) {
        let at_once = bands_at_once.min(bands - first);
        let strips = |band: usize| {
            (first + band) * strips_a_band..tiling.strips().min((first + band + 1) * strips_a_band)
        };
        let area = &mut area[..at_once * band];
        share(
            0..at_once * layout.blocks,
            threads,
            [&mut *area],
            &mut [],
            &|i| i * layout.block * L,
            &|blocks, [area], _| {
                let mut area = area;
                for (band, blocks) in by_band(blocks, layout.blocks) {
                    let (lines, rest) =
                        std::mem::take(&mut area).split_at_mut(blocks.len() * layout.block * L);
                    area = rest;
                    dispatch(Transform::<T, L> {
                        tiling,
                        x,
                        dy,
                        strips: strips(band),
                        blocks,
                        layout,
                        lines,
                    });
                }
            },
        );
        let (area, before) = (&*area, &*dw);
        share(
            0..units.count(),
            threads,
            [&mut *sums],
            &mut [],
            &|i| i * units.numbers::<L>(),
            &|range, [sums], _| {
                let mut points: Points<T, L> = [[[[T::ZERO; L]; L]; POINTS]; BLOCKS];
                for (unit, sums) in range.zip(sums.chunks_exact_mut(units.numbers::<L>())) {
                    for (i, lines) in area.chunks_exact(band).enumerate() {
                        let before = match (first + i, accumulate) {
                            (0, true) => Before::Weights(before),
                            (0, false) => Before::Nothing,
                            _ => Before::Sums,
                        };
                        let tiles = strips(i).len() * tiling.strip();
                        let band = Band { tiling, units, lines, layout, tiles, before };
                        dispatch(Multiply::<T, L> { band, unit, points: &mut points, sums });
                    }
                }
            },
        );
    }
    let sums = &*sums;
    share(0..9 * tiling.channels, threads, [dw], &mut [], &|row| row * tiling.filters, &|rows, [dw], _| {
        for (row, dw) in rows.zip(dw.chunks_exact_mut(tiling.filters)) {
            let (place, channel) = (row / tiling.channels, row % tiling.channels);
            for (block, dw) in dw.chunks_mut(L).enumerate() {
                let line: &[T; L] = units.line(sums, place, channel, block);
                store(line, dw);
            }
        }
    });
}

/// A range of blocks, counted over several bands of `blocks`, band by band.
fn by_band(range: Range<usize>, blocks: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    (range.start / blocks..range.end.div_ceil(blocks)).map(move |band| {
        let first = band * blocks;
        (band, range.start.max(first) - first..range.end.min(first + blocks) - first)
    })
}

/// The weights in units of work: some blocks of channels by one block of filters. The sums of a unit are contiguous,
/// `[block of channels][place][channel]` lines of filters.
#[derive(Clone, Copy)]
struct Units {
    channel_blocks: usize,
    filter_blocks: usize,
    /// Blocks of channels in a unit.
    blocks: usize,
}
impl Units {
    /// As large as leaves one for every thread.
    fn new(channel_blocks: usize, filter_blocks: usize, threads: usize) -> Self {
        let mut units = Self { channel_blocks, filter_blocks, blocks: BLOCKS };
        while units.blocks > 1 && units.count() < threads {
            units.blocks /= 2;
        }
        units
    }
    fn count(self) -> usize {
        self.channel_blocks.div_ceil(self.blocks) * self.filter_blocks
    }
    /// Numbers of a unit's sums.
    fn numbers<const L: usize>(self) -> usize {
        self.blocks * 9 * L * L
    }
    /// The blocks of channels and the block of filters of a unit.
    fn of(self, unit: usize) -> (Range<usize>, usize) {
        let first = unit / self.filter_blocks * self.blocks;
        (first..self.channel_blocks.min(first + self.blocks), unit % self.filter_blocks)
    }
    /// The sums at a place for a channel and a block of filters.
    fn line<T, const L: usize>(
        self,
        sums: &[T],
        place: usize,
        channel: usize,
        filter_block: usize,
    ) -> &[T; L] {
        let (block, channel) = (channel / L, channel % L);
        let unit = block / self.blocks * self.filter_blocks + filter_block;
        let line = (unit * self.blocks + block % self.blocks) * 9 * L + place * L + channel;
        sums[line * L..].first_chunk().expect("a unit has all lines of its places")
    }
}

/// Takes some blocks of a band's inputs and gradients to the points.
struct Transform<'a, T, const L: usize> {
    tiling: &'a Tiling,
    x: &'a [T],
    dy: &'a [T],
    strips: Range<usize>,
    /// Those of the channels, then those of the filters.
    blocks: Range<usize>,
    layout: Layout,
    lines: &'a mut [T],
}
impl<T: Scalar, const L: usize> Kernel for Transform<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let channel_blocks = self.tiling.channels.div_ceil(L);
        let inputs = self.blocks.start.min(channel_blocks)..self.blocks.end.min(channel_blocks);
        let gradients = self.blocks.start.max(channel_blocks) - channel_blocks
            ..self.blocks.end.max(channel_blocks) - channel_blocks;
        let layout = self.layout;
        let (v, z) = self.lines.as_chunks_mut::<L>().0.split_at_mut(inputs.len() * layout.block);
        let (mut v, mut z) = (Lines { layout, lines: v }, Lines { layout, lines: z });
        for (s, strip) in self.strips.enumerate() {
            let at = s * self.tiling.strip();
            if !inputs.is_empty() {
                self.tiling.transform_input(self.x, strip, &inputs, &mut v, at);
            }
            if !gradients.is_empty() {
                self.tiling.transform_gradient(self.dy, strip, &gradients, &mut z, at);
            }
        }
    }
}

/// The sums at the points of the blocks of a unit: 144 KiB.
type Points<T, const L: usize> = [[[[T; L]; L]; POINTS]; BLOCKS];

/// What a band's products are added to.
#[derive(Clone, Copy)]
enum Before<'a, T> {
    Nothing,
    /// The unit's own sums over the bands before.
    Sums,
    /// The gradient that is there already.
    Weights(&'a [T]),
}

/// The products of a unit over all tiles of a band, and back to 3×3.
struct Multiply<'a, T, const L: usize> {
    band: Band<'a, T>,
    unit: usize,
    points: &'a mut Points<T, L>,
    sums: &'a mut [T],
}
impl<T: Scalar, const L: usize> Kernel for Multiply<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (blocks, filter_block) = self.band.units.of(self.unit);
        for point in 0..POINTS {
            for (points, block) in self.points.iter_mut().zip(blocks.clone()) {
                self.band.products(point, block, filter_block, &mut points[point]);
            }
        }
        let places = self.sums.as_chunks_mut::<L>().0.chunks_exact_mut(9 * L);
        for ((points, block), places) in self.points.iter().zip(blocks).zip(places) {
            self.band.write(points, block, filter_block, places);
        }
    }
}

/// The transformed numbers of a band.
#[derive(Clone, Copy)]
struct Band<'a, T> {
    tiling: &'a Tiling,
    units: Units,
    lines: &'a [T],
    layout: Layout,
    /// Tiles in the band.
    tiles: usize,
    before: Before<'a, T>,
}

impl<T: Scalar> Band<'_, T> {
    /// The sums at a point for a block of channels and a block of filters.
    #[inline(always)]
    fn products<const L: usize>(
        &self,
        point: usize,
        block: usize,
        filter_block: usize,
        sums: &mut [[T; L]; L],
    ) {
        let lines = self.lines.as_chunks::<L>().0;
        let v = &lines[self.layout.start(point, block)..][..self.tiles];
        let z = &lines[self.layout.start(point, self.units.channel_blocks + filter_block)..][..self.tiles];
        in_tiles!(L, |channel, R| {
            let sums = sums[channel..].first_chunk_mut::<R>().expect("R channels are left");
            *sums = [[T::ZERO; L]; R];
            columns(&v.as_flattened()[channel..], L, z, sums);
        });
    }

    /// Takes the sums of a block of channels and a block of filters from the points to the nine places.
    #[inline(always)]
    fn write<const L: usize>(
        &self,
        points: &[[[T; L]; L]; POINTS],
        block: usize,
        filter_block: usize,
        places: &mut [[T; L]],
    ) {
        let Tiling { channels, filters, .. } = *self.tiling;
        let lanes = L.min(filters - filter_block * L);
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
                    let place = o * 3 + p;
                    let sum = &mut places[place * L + channel];
                    let before = match self.before {
                        Before::Nothing => {
                            *sum = row[p];
                            continue;
                        }
                        Before::Sums => *sum,
                        Before::Weights(dw) => {
                            let row = (place * channels + block * L + channel) * filters;
                            load(&dw[row + filter_block * L..][..lanes])
                        }
                    };
                    for l in 0..L {
                        sum[l] = row[p][l] + before[l];
                    }
                }
            }
        }
    }
}
