//! The forward pass and the data gradient of small images with many channels.
//!
//! The transformed weights are four times as many numbers as the weights, and here more than all caches hold.
//! So each panel of them is made where it is used, for all tiles of a band, and never goes to memory:
//! threads share the filters, not the tiles.

use super::forward::{Output, Pack};
use super::transform::{self, POINTS};
use super::{Layout, Lines, Tiling};
use crate::kernel::conv::finish::Finish;
use crate::kernel::conv::kernel::{Runs, in_tiles, rows, work_area};
use crate::kernel::gemm::Element;
use crate::kernel::parallel::{self, share, threads};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use std::ops::Range;

/// Tiles that a panel of weights is made for.
const BAND: usize = 64;
/// Channels of a panel.
const DEPTH: usize = 64;
/// Blocks of filters that make a task, at most: the channels' numbers are read once for all of them.
const BLOCKS: usize = 4;

/// As `super::correlate`.
pub(super) fn correlate<T: Element, const L: usize>(
    tiling: &Tiling,
    x: &[T],
    w: &[T],
    turned: bool,
    mut outputs: [&mut [T]; 2],
    finish: Finish<'_, T>,
    scratch: &mut Vec<T>,
) {
    let (channel_blocks, filter_blocks) = (tiling.channels.div_ceil(L), tiling.filters.div_ceil(L));
    let strips_a_band = (BAND / tiling.strip()).max(1).min(tiling.strips()).max(1);
    let v = Layout::by_block(channel_blocks, strips_a_band * tiling.strip());
    // The products of a block of filters are contiguous: tasks split them.
    let m = Layout::by_block(1, v.tiles);
    let threads = threads(tiling.multiplications(), parallel::MULTIPLICATIONS);
    let blocks = BLOCKS.min(filter_blocks.div_ceil(threads)).max(1);
    let tasks = filter_blocks.div_ceil(blocks);
    let parts = threads.min(tasks).max(1);
    let (column, block, panels) = (v.block * L, m.lines() * L, POINTS * (DEPTH + 1) * L);
    let area = work_area(scratch, v.lines() * L + filter_blocks * block + parts * panels);
    let (band, area) = area.split_at_mut(v.lines() * L);
    let (products, panels) = area.split_at_mut(filter_blocks * block);
    for first in (0..tiling.strips()).step_by(strips_a_band) {
        let last = tiling.strips().min(first + strips_a_band);
        share(0..channel_blocks, parts, [&mut *band], &mut [], &|i| i * column, &|blocks, [area], _| {
            dispatch(Transform::<T, L> { tiling, x, strips: first..last, blocks, v, area });
        });
        let band = &*band;
        let tiles = (last - first) * tiling.strip();
        let task = |task: usize| (task * blocks).min(filter_blocks);
        share(0..tasks, parts, [&mut *products], panels, &|i| task(i) * block, &|tasks, [products], u| {
            let u = &mut u.as_chunks_mut::<L>().0[..POINTS * (DEPTH + 1)];
            let products = &mut products[..(task(tasks.end) - task(tasks.start)) * block];
            for (i, products) in tasks.zip(products.chunks_mut(blocks * block)) {
                let first = task(i);
                dispatch(Multiply { tiling, w, turned, band, tiles, v, m, first, u, products });
            }
        });
        let products = &*products;
        let offset = |strip: usize| tiling.first_output(strip);
        let ours = offset(first)..offset(last);
        let outputs =
            outputs.each_mut().map(|out| if out.is_empty() { &mut [] } else { &mut out[ours.clone()] });
        share(first..last, parts, outputs, &mut [], &offset, &|strips, outputs, _| {
            let output = Output { tiling, origin: offset(strips.start), outputs, finish };
            dispatch(Write::<T, L> { tiling, products, m, first, strips, output });
        });
    }
}

/// Takes some blocks of channels of a band to the points.
struct Transform<'a, T, const L: usize> {
    tiling: &'a Tiling,
    x: &'a [T],
    strips: Range<usize>,
    blocks: Range<usize>,
    v: Layout,
    area: &'a mut [T],
}
impl<T: Scalar, const L: usize> Kernel for Transform<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut v = Lines { layout: self.v, lines: self.area.as_chunks_mut::<L>().0 };
        for (s, strip) in self.strips.enumerate() {
            self.tiling.transform_input(self.x, strip, &self.blocks, &mut v, s * self.tiling.strip());
        }
    }
}

/// The products of all tiles of a band with some blocks of filters.
struct Multiply<'a, T, const L: usize> {
    tiling: &'a Tiling,
    w: &'a [T],
    turned: bool,
    band: &'a [T],
    /// Tiles in the band.
    tiles: usize,
    v: Layout,
    m: Layout,
    /// The first of the blocks.
    first: usize,
    /// Memory for a panel.
    u: &'a mut [[T; L]],
    products: &'a mut [T],
}
impl<T: Scalar, const L: usize> Kernel for Multiply<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { tiling, w, turned, v, m, .. } = self;
        let products = self.products.as_chunks_mut::<L>().0;
        let depth = v.blocks * L;
        let Runs { distance, len, .. } = v.runs(L);
        for start in (0..depth).step_by(DEPTH) {
            let count = DEPTH.min(depth - start) / L;
            let panel = count * L + 1;
            for (i, products) in products.chunks_mut(m.lines()).enumerate() {
                let u = &mut self.u[..POINTS * panel];
                Pack { tiling, w, turned, first: start, block: self.first + i, u: &mut *u }.run();
                for (point, u) in u.chunks_exact(panel).enumerate() {
                    let a = &self.band[v.start(point, start / L) * L..];
                    let out = &mut products[m.start(point, 0)..][..self.tiles];
                    in_tiles!(self.tiles, |tile, R| {
                        let sums = out[tile..].first_chunk_mut::<R>().expect("R tiles are left");
                        if start == 0 {
                            *sums = [[T::ZERO; L]; R];
                        }
                        rows(a, tile * L, L, Runs { count, distance, len }, u, sums);
                    });
                }
            }
        }
    }
}

/// Takes the products of some strips to the outputs.
struct Write<'a, T, const L: usize> {
    tiling: &'a Tiling,
    products: &'a [T],
    m: Layout,
    /// The band's first strip.
    first: usize,
    strips: Range<usize>,
    output: Output<'a, T>,
}
impl<T: Scalar, const L: usize> Kernel for Write<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let mut half = transform::half();
        let products = self.products.as_chunks::<L>().0;
        for strip in self.strips {
            for t in 0..self.tiling.strip() {
                let tile = (strip - self.first) * self.tiling.strip() + t;
                for (block, lines) in products.chunks_exact(self.m.lines()).enumerate() {
                    self.output.write(&self.m.get(lines, 0, tile), &mut half, strip, t, block);
                }
            }
        }
    }
}
