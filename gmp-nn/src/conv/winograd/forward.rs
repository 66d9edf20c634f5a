//! The forward pass and, on turned weights, the data gradient.

use super::transform::{self, Half, IN, OUT, POINTS};
use super::{Layout, Lines, Tiling};
use crate::conv::finish::Finish;
use crate::conv::kernel::{Runs, in_tiles, load, rows, work_area};
use crate::conv::share::{share, threads};
use crate::gemm::Element;
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use rayon::prelude::*;
use std::ops::Range;

/// Inner indices summed before the result goes back to memory: the panel of weights takes 16 KiB.
const DEPTH: usize = 256;

/// `y (+)= x ⋆ w`, finished by `finish` while it is in cache. With `turned` the 3×3 kernels are turned by 180°
/// and the weights' rows and columns change places: w belongs to the operation whose data gradient this is.
pub(in crate::conv) fn correlate<T: Element>(
    tiling: &Tiling,
    x: &[T],
    w: &[T],
    turned: bool,
    outputs: [&mut [T]; 2],
    finish: Finish<'_, T>,
    scratch: &mut Vec<T>,
) {
    if size_of::<T>() == 4 {
        correlate_lines::<T, 16>(tiling, x, w, turned, outputs, finish, scratch);
    } else {
        correlate_lines::<T, 8>(tiling, x, w, turned, outputs, finish, scratch);
    }
}

fn correlate_lines<T: Element, const L: usize>(
    tiling: &Tiling,
    x: &[T],
    w: &[T],
    turned: bool,
    outputs: [&mut [T]; 2],
    finish: Finish<'_, T>,
    scratch: &mut Vec<T>,
) {
    let (channel_blocks, filter_blocks) = (tiling.channels.div_ceil(L), tiling.filters.div_ceil(L));
    // The numbers of a point and a block of filters; odd in lines, as in `Layout::point`.
    let panel = (channel_blocks * L + 1) * L;
    let tiles = tiling.strip() * tiling.strips_a_piece();
    let (v, m) = (Layout { blocks: channel_blocks, tiles }, Layout { blocks: filter_blocks, tiles });
    let parts = threads(tiling.multiplications()).min(tiling.strips()).max(1);
    let weights = filter_blocks * POINTS * panel;
    let area = work_area(scratch, weights + parts * (v.lines() + m.lines()) * L);
    let (u, area) = area.split_at_mut(weights);
    let pack = |(block, u): (usize, &mut [T])| {
        let (u, _) = u.as_chunks_mut::<L>();
        dispatch(Pack { w, channels: tiling.channels, filters: tiling.filters, turned, block, u });
    };
    if parts > 1 {
        u.par_chunks_mut(POINTS * panel).enumerate().for_each(pack);
    } else {
        u.chunks_mut(POINTS * panel).enumerate().for_each(pack);
    }
    let u = u.as_chunks::<L>().0;
    let offset = |strip: usize| tiling.first_row(strip) * tiling.out_width * tiling.filters;
    share(0..tiling.strips(), parts, outputs, area, &offset, &|strips, outputs, area| {
        dispatch(Part { tiling, x, u, v, m, strips, outputs, finish, area });
    });
}

/// Turns 3×3 weights into `[point][channel]` lines for one block of filters.
struct Pack<'a, T, const L: usize> {
    w: &'a [T],
    channels: usize,
    filters: usize,
    turned: bool,
    block: usize,
    u: &'a mut [[T; L]],
}
impl<T: Scalar, const L: usize> Kernel for Pack<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (panel, filter) = (self.u.len() / POINTS, self.block * L);
        let lanes = L.min(self.filters - filter);
        let mut half = transform::half();
        for start in (0..panel - 1).step_by(L) {
            // Lines of filters for L channels at each of the nine places.
            let mut places = [[[T::ZERO; L]; L]; 9];
            let channels = L.min(self.channels.saturating_sub(start));
            for (place, lines) in places.iter_mut().enumerate() {
                if self.turned {
                    for l in 0..lanes {
                        let w = &self.w[((8 - place) * self.filters + filter + l) * self.channels + start..]
                            [..channels];
                        for (line, &w) in lines.iter_mut().zip(w) {
                            line[l] = w;
                        }
                    }
                } else {
                    for (k, line) in lines[..channels].iter_mut().enumerate() {
                        let w =
                            &self.w[(place * self.channels + start + k) * self.filters + filter..][..lanes];
                        *line = load(w);
                    }
                }
            }
            for k in 0..L {
                let mut g = [[&places[0][0]; 3]; 3];
                for (place, lines) in places.iter().enumerate() {
                    g[place / 3][place % 3] = &lines[k];
                }
                transform::columns(&g, &mut half, transform::weights);
                for o in 0..IN {
                    let row = transform::row(&half, o, transform::weights);
                    for p in 0..IN {
                        self.u[(o * IN + p) * panel + start + k] = row[p];
                    }
                }
            }
        }
    }
}

/// Some strips, piece by piece: to the points, the products, and back.
struct Part<'a, T, const L: usize> {
    tiling: &'a Tiling,
    x: &'a [T],
    u: &'a [[T; L]],
    v: Layout,
    m: Layout,
    strips: Range<usize>,
    outputs: [&'a mut [T]; 2],
    finish: Finish<'a, T>,
    area: &'a mut [T],
}
impl<T: Scalar, const L: usize> Kernel for Part<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let area = std::mem::take(&mut self.area);
        let (v, m) = area.as_chunks_mut::<L>().0.split_at_mut(self.v.lines());
        let mut v = Lines { layout: self.v, lines: v };
        let mut m = Lines { layout: self.m, lines: m };
        let mut half = transform::half();
        let strip = self.tiling.strip();
        let origin = self.tiling.first_row(self.strips.start) * self.tiling.out_width * self.tiling.filters;
        let piece = self.tiling.strips_a_piece();
        for start in self.strips.clone().step_by(piece) {
            let strips = start..self.strips.end.min(start + piece);
            for (s, index) in strips.clone().enumerate() {
                self.tiling.transform_input(self.x, index, &mut v, s * strip);
            }
            products(&v, self.u, &mut m, strips.len() * strip);
            for (s, index) in strips.enumerate() {
                for t in 0..strip {
                    for block in 0..self.m.blocks {
                        self.write(&m.get(block, s * strip + t), &mut half, index, t, block, origin);
                    }
                }
            }
        }
    }
}

impl<T: Scalar, const L: usize> Part<'_, T, L> {
    /// Takes a tile from the points to its outputs and stores those that lie inside the image.
    #[inline(always)]
    fn write(
        &mut self,
        points: &[[&[T; L]; IN]; IN],
        half: &mut Half<T, L>,
        strip: usize,
        t: usize,
        block: usize,
        origin: usize,
    ) {
        let tiling = self.tiling;
        let lanes = L.min(tiling.filters - block * L);
        let rows = OUT.min(tiling.out_height - strip % tiling.strips_an_image() * OUT);
        let cols = OUT.min(tiling.out_width - t * OUT);
        let first = tiling.first_row(strip);
        transform::columns(points, half, transform::output);
        for i in 0..rows {
            let row = transform::row(half, i, transform::output);
            for j in 0..cols {
                let pixel = (first + i) * tiling.out_width + t * OUT + j;
                let at = pixel * tiling.filters + block * L - origin;
                self.finish.line(&row[j], block * L, lanes, at, &mut self.outputs);
            }
        }
    }
}

/// The product of every point's matrices, for the first `tiles` tiles.
#[inline(always)]
fn products<T: Scalar, const L: usize>(
    v: &Lines<'_, T, L>,
    u: &[[T; L]],
    m: &mut Lines<'_, T, L>,
    tiles: usize,
) {
    let depth = v.layout.blocks * L;
    let Runs { distance, len, .. } = v.layout.runs(L);
    for point in 0..POINTS {
        for start in (0..depth).step_by(DEPTH) {
            let count = DEPTH.min(depth - start) / L;
            let a = &v.lines[v.layout.start(point, start / L)..].as_flattened();
            for block in 0..m.layout.blocks {
                let panel = &u[(block * POINTS + point) * (depth + 1) + start..][..count * L];
                let out = m.layout.start(point, block);
                let out = &mut m.lines[out..][..tiles];
                in_tiles!(tiles, |tile, R| {
                    let sums = out[tile..].first_chunk_mut::<R>().expect("R tiles are left");
                    if start == 0 {
                        *sums = [[T::ZERO; L]; R];
                    }
                    rows(a, tile * L, L, Runs { count, distance, len }, panel, sums);
                });
            }
        }
    }
}
