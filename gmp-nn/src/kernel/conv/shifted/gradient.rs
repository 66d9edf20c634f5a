//! The weight gradient.

use crate::kernel::conv::kernel::{columns, in_tiles, load, store, work_area};
use crate::kernel::conv::{Geometry, Images};
use crate::kernel::gemm::Element;
use crate::kernel::parallel::{self, share, threads};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};

/// Pixels whose gradients are laid out before their products are taken.
const BAND: usize = 1024;
/// Bytes of laid out gradients that several threads make at once: with one band in hand they would wait for each other
/// more often than work.
const BYTES: usize = 8 << 20;
/// Pixels that are summed before the result goes back to memory: both operands stay in the first-level cache.
const CHUNK: usize = 256;

/// `dw (+)= Σ over pixels of x ⊗ dy`.
pub(in crate::kernel::conv) fn weight_gradient<T: Element>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    accumulate: bool,
    scratch: &mut Vec<T>,
) {
    if size_of::<T>() == 4 {
        weight_gradient_lines::<T, 16>(g, x, dy, dw, accumulate, scratch);
    } else {
        weight_gradient_lines::<T, 8>(g, x, dy, dw, accumulate, scratch);
    }
}

fn weight_gradient_lines<T: Element, const L: usize>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    accumulate: bool,
    scratch: &mut Vec<T>,
) {
    let (pixels, filters) = (g.output.rows(), g.output.channels);
    if pixels == 0 {
        if !accumulate {
            dw.fill(T::ZERO);
        }
        return;
    }
    let blocks = filters.div_ceil(L);
    let threads = threads(g.multiplications(), parallel::MULTIPLICATIONS);
    // A row of the window is a contiguous part of the weights, whose gradient is split further: by lines, or by less
    // where that leaves threads without work.
    let run = g.window.size * g.input.channels;
    let mut rows = L;
    while rows > 4 && g.window.size * run.div_ceil(rows) < threads {
        rows /= 2;
    }
    let units_a_run = run.div_ceil(rows);
    let units = g.window.size * units_a_run;
    let offset = |unit: usize| (unit / units_a_run * run + unit % units_a_run * rows) * filters;
    let parts = threads.min(units).max(1);
    let (band, bands) = (BAND.min(pixels), pixels.div_ceil(BAND));
    let column = band * L;
    let bands_at_once =
        if threads > 2 { (BYTES / (blocks * column * size_of::<T>())).clamp(1, bands) } else { 1 };
    let area = work_area(scratch, (bands_at_once * blocks + parts) * column);
    let (gradients, inputs) = area.split_at_mut(bands_at_once * blocks * column);
    for first in (0..bands).step_by(bands_at_once) {
        let at_once = bands_at_once.min(bands - first);
        let pixels = |i: usize| (first + i) * BAND..pixels.min((first + i + 1) * BAND);
        let gradients = &mut gradients[..at_once * blocks * column];
        share(
            0..at_once * blocks,
            threads,
            [&mut *gradients],
            &mut [],
            &|i| i * column,
            &|range, [lines], _| {
                for (i, lines) in range.zip(lines.chunks_exact_mut(column)) {
                    let (block, pixels) = (i % blocks, pixels(i / blocks));
                    let dy = &dy[pixels.start * filters..pixels.end * filters];
                    for (line, dy) in lines.as_chunks_mut::<L>().0.iter_mut().zip(dy.chunks_exact(filters)) {
                        *line = load(&dy[block * L..]);
                    }
                }
            },
        );
        let gradients = &*gradients;
        share(0..units, parts, [&mut *dw], inputs, &offset, &|units, [dw], inputs| {
            let inputs = &mut inputs.as_chunks_mut::<L>().0[..band];
            let origin = offset(units.start);
            for unit in units {
                let (row, at) = (unit / units_a_run, unit % units_a_run * rows);
                let dw = &mut dw[offset(unit) - origin..][..rows.min(run - at) * filters];
                for (i, gradients) in gradients.chunks_exact(blocks * column).enumerate() {
                    let (pixels, fresh) = (pixels(i), first + i == 0 && !accumulate);
                    let gradients = gradients.as_chunks::<L>().0;
                    let inputs = &mut inputs[..pixels.len()];
                    let first = pixels.start;
                    dispatch(Multiply { g, x, first, row, at, inputs, gradients, band, dw: &mut *dw, fresh });
                }
            }
        });
    }
}

/// The products of a band for a few rows of the weights, a line at most.
struct Multiply<'a, T, const L: usize> {
    g: &'a Geometry,
    x: &'a [T],
    /// The band's first pixel.
    first: usize,
    /// Row of the window.
    row: usize,
    /// The first of the rows of the weights within it.
    at: usize,
    /// Memory for one line per pixel.
    inputs: &'a mut [[T; L]],
    /// `[block of filters][pixel]` lines.
    gradients: &'a [[T; L]],
    /// Lines from one block of filters to the next.
    band: usize,
    dw: &'a mut [T],
    fresh: bool,
}
impl<T: Scalar, const L: usize> Kernel for Multiply<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        self.gather();
        let (filters, pixels) = (self.g.output.channels, self.inputs.len());
        let chunk = pixels.div_ceil(pixels.div_ceil(CHUNK));
        for pixel in (0..pixels).step_by(chunk) {
            let chunk = chunk.min(pixels - pixel);
            let inputs = self.inputs[pixel..][..chunk].as_flattened();
            for block in 0..filters.div_ceil(L) {
                let gradients = &self.gradients[block * self.band + pixel..][..chunk];
                let lanes = L.min(filters - block * L);
                in_tiles!(self.dw.len() / filters, |start, R| {
                    let mut sums = [[T::ZERO; L]; R];
                    if !self.fresh || pixel > 0 {
                        for (r, sums) in sums.iter_mut().enumerate() {
                            *sums = load(&self.dw[(start + r) * filters + block * L..][..lanes]);
                        }
                    }
                    columns(&inputs[start..], L, gradients, &mut sums);
                    for (r, sums) in sums.iter().enumerate() {
                        store(sums, &mut self.dw[(start + r) * filters + block * L..][..lanes]);
                    }
                });
            }
        }
    }
}

impl<T: Scalar, const L: usize> Multiply<'_, T, L> {
    /// Copies what these rows of the weights meet at every pixel: neighbouring numbers of a row of the image.
    #[inline(always)]
    fn gather(&mut self) {
        let g = self.g;
        let Images { height, width, channels, .. } = g.input;
        let (mut pixel, mut inputs) = (self.first, &mut *self.inputs);
        while !inputs.is_empty() {
            let (row, col) = (pixel / g.output.width, pixel % g.output.width);
            let (image, row) = (row / g.output.height, row % g.output.height);
            let (lines, rest) = inputs.split_at_mut((g.output.width - col).min(inputs.len()));
            pixel += lines.len();
            inputs = rest;
            // In the padding these wrap around, to far outside.
            let row = (row * g.window.stride + self.row).wrapping_sub(g.top);
            if row >= height {
                lines.fill([T::ZERO; L]);
                continue;
            }
            let x = &self.x[(image * height + row) * width * channels..][..width * channels];
            let step = g.window.stride * channels;
            let start = |j: usize| ((col + j) * step + self.at).wrapping_sub(g.left * channels);
            let edge = |j: usize, lines: &mut [[T; L]]| {
                for (j, line) in (j..).zip(lines) {
                    for (l, lane) in line.iter_mut().enumerate() {
                        *lane = x.get(start(j).wrapping_add(l)).copied().unwrap_or(T::ZERO);
                    }
                }
            };
            // Lines that reach over the left edge, that lie inside, and that reach over the right edge.
            let outside = (g.left * channels).saturating_sub(self.at).div_ceil(step);
            let before = outside.saturating_sub(col).min(lines.len());
            let (left, lines) = lines.split_at_mut(before);
            edge(0, left);
            let inside = x.get(start(before)..).unwrap_or_default().windows(L).step_by(step);
            let (inside_lines, right) = lines.split_at_mut(inside.len().min(lines.len()));
            for (line, x) in inside_lines.iter_mut().zip(inside) {
                *line = load(x);
            }
            edge(before + inside_lines.len(), right);
        }
    }
}
