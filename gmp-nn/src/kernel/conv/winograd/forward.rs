//! The forward pass and, on turned weights, the data gradient.

use super::transform::{self, Half, IN, OUT, POINTS};
use super::{Layout, Lines, Tiling, few_tiles};
use crate::kernel::conv::finish::Finish;
use crate::kernel::conv::kernel::{Runs, in_tiles, load, rows, work_area};
use crate::kernel::gemm::Element;
use crate::kernel::parallel::{self, share, threads};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use rayon::prelude::*;
use std::ops::Range;

/// Inner indices summed before the result goes back to memory: the panel of weights takes 16 KiB.
const DEPTH: usize = 256;

/// `y (+)= x ⋆ w`, finished by `finish` while it is in cache. With `turned` the 3×3 kernels are turned by 180°
/// and the weights' rows and columns change places: w belongs to the operation whose data gradient this is.
pub(in crate::kernel::conv) fn correlate<T: Element>(
    tiling: &Tiling,
    x: &[T],
    w: &[T],
    turned: bool,
    outputs: [&mut [T]; 2],
    finish: Finish<'_, T>,
    scratch: &mut Vec<T>,
) {
    match (tiling.has_few_tiles(), size_of::<T>()) {
        (false, 4) => correlate_lines::<T, 16>(tiling, x, w, turned, outputs, finish, scratch),
        (false, _) => correlate_lines::<T, 8>(tiling, x, w, turned, outputs, finish, scratch),
        (true, 4) => few_tiles::correlate::<T, 16>(tiling, x, w, turned, outputs, finish, scratch),
        (true, _) => few_tiles::correlate::<T, 8>(tiling, x, w, turned, outputs, finish, scratch),
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
    // The numbers of a point and a block of filters; odd in lines, as `Layout::point`.
    let panel = (channel_blocks * L + 1) * L;
    let tiles = tiling.strip() * tiling.strips_a_piece();
    let (v, m) = (Layout::by_point(channel_blocks, tiles), Layout::by_point(filter_blocks, tiles));
    let parts = threads(tiling.multiplications(), parallel::MULTIPLICATIONS).min(tiling.strips()).max(1);
    let weights = filter_blocks * POINTS * panel;
    let area = work_area(scratch, weights + parts * (v.lines() + m.lines()) * L);
    let (u, area) = area.split_at_mut(weights);
    let pack = |(block, u): (usize, &mut [T])| {
        let (u, _) = u.as_chunks_mut::<L>();
        dispatch(Pack { tiling, w, turned, first: 0, block, u });
    };
    if parts > 1 {
        u.par_chunks_mut(POINTS * panel).enumerate().for_each(pack);
    } else {
        u.chunks_mut(POINTS * panel).enumerate().for_each(pack);
    }
    let u = u.as_chunks::<L>().0;
    let offset = |strip: usize| tiling.first_output(strip);
    share(0..tiling.strips(), parts, outputs, area, &offset, &|strips, outputs, area| {
        let output = Output { tiling, origin: offset(strips.start), outputs, finish };
        dispatch(Part { tiling, x, u, v, m, strips, output, area });
    });
}

/// Turns 3×3 weights into `[point][channel]` lines for one block of filters, and one more line a point.
pub(super) struct Pack<'a, T, const L: usize> {
    pub(super) tiling: &'a Tiling,
    pub(super) w: &'a [T],
    pub(super) turned: bool,
    /// The first channel.
    pub(super) first: usize,
    pub(super) block: usize,
    pub(super) u: &'a mut [[T; L]],
}
impl<T: Scalar, const L: usize> Kernel for Pack<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (w, panel, filter) = (self.w, self.u.len() / POINTS, self.block * L);
        let Tiling { channels: all, filters, .. } = *self.tiling;
        let lanes = L.min(filters - filter);
        let mut half = transform::half();
        for start in (0..panel - 1).step_by(L) {
            // Lines of filters for L channels at each of the nine places.
            let mut places = [[[T::ZERO; L]; L]; 9];
            let channel = self.first + start;
            let channels = L.min(all.saturating_sub(channel));
            for (place, lines) in places.iter_mut().enumerate() {
                if self.turned {
                    // A square of the weights, transposed.
                    let mut square = [[T::ZERO; L]; L];
                    for (l, row) in square[..lanes].iter_mut().enumerate() {
                        *row = load(&w[((8 - place) * filters + filter + l) * all + channel..][..channels]);
                    }
                    for k in 0..L {
                        for l in 0..L {
                            lines[k][l] = square[l][k];
                        }
                    }
                } else {
                    for (k, line) in lines[..channels].iter_mut().enumerate() {
                        let w = &w[(place * all + channel + k) * filters + filter..][..lanes];
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
    output: Output<'a, T>,
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
        let piece = self.tiling.strips_a_piece();
        for start in self.strips.clone().step_by(piece) {
            let strips = start..self.strips.end.min(start + piece);
            for (s, index) in strips.clone().enumerate() {
                self.tiling.transform_input(self.x, index, &(0..self.v.blocks), &mut v, s * strip);
            }
            products(&v, self.u, &mut m, strips.len() * strip);
            for (s, index) in strips.enumerate() {
                for t in 0..strip {
                    for block in 0..self.m.blocks {
                        let points = m.layout.get(m.lines, block, s * strip + t);
                        self.output.write(&points, &mut half, index, t, block);
                    }
                }
            }
        }
    }
}

/// Where the results of some strips go.
pub(super) struct Output<'a, T> {
    pub(super) tiling: &'a Tiling,
    /// The number of the whole result that the outputs begin with.
    pub(super) origin: usize,
    pub(super) outputs: [&'a mut [T]; 2],
    pub(super) finish: Finish<'a, T>,
}

impl<T: Scalar> Output<'_, T> {
    /// Takes a tile from the points to its outputs and stores those that lie inside the image.
    #[inline(always)]
    pub(super) fn write<const L: usize>(
        &mut self,
        points: &[[&[T; L]; IN]; IN],
        half: &mut Half<T, L>,
        strip: usize,
        t: usize,
        block: usize,
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
                let at = pixel * tiling.filters + block * L - self.origin;
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
