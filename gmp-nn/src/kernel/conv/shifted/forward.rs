//! The forward pass and the data gradient.

use super::Pass;
use crate::kernel::conv::finish::Finish;
use crate::kernel::conv::kernel::{Runs, in_tiles, rows, work_area};
use crate::kernel::conv::{Geometry, Window};
use crate::kernel::gemm::Element;
use crate::kernel::parallel::{self, share, threads};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use rayon::prelude::*;
use std::ops::Range;

/// Inner indices summed before the result goes back to memory: the panel of weights takes 16 KiB.
const DEPTH: usize = 256;

/// `y (+)= x ⋆ w`, finished by `finish` while it is in cache.
pub(in crate::kernel::conv) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    w: &[T],
    outputs: [&mut [T]; 2],
    finish: Finish<'_, T>,
    scratch: &mut Vec<T>,
) {
    let task = Task { g, transposed: false };
    if size_of::<T>() == 4 {
        task.run::<T, 16>(x, w, outputs, finish, scratch);
    } else {
        task.run::<T, 8>(x, w, outputs, finish, scratch);
    }
}

/// `dx (+)= dy ⋆ wᵀ`: the gradient of the input.
pub(in crate::kernel::conv) fn data_gradient<T: Element>(
    g: &Geometry,
    dy: &[T],
    w: &[T],
    dx: &mut [T],
    accumulate: bool,
    scratch: &mut Vec<T>,
) {
    let task = Task { g, transposed: true };
    let finish = Finish::plain(accumulate);
    if size_of::<T>() == 4 {
        task.run::<T, 16>(dy, w, [dx, &mut []], finish, scratch);
    } else {
        task.run::<T, 8>(dy, w, [dx, &mut []], finish, scratch);
    }
}

/// The passes that make up an operation.
#[derive(Clone, Copy)]
struct Task<'a> {
    g: &'a Geometry,
    transposed: bool,
}

impl Task<'_> {
    /// The pass of a phase, which is the place of its pixels between the strides, and for both axes the part
    /// of the kernel that it uses: the first index and the step.
    fn pass(&self, phase: usize) -> (Pass, [(usize, isize); 2]) {
        let g = self.g;
        let Window { size, stride, .. } = g.window;
        if !self.transposed {
            let pass = Pass {
                input: g.input,
                output: g.output,
                window: [size; 2],
                stride,
                before: [g.top as isize, g.left as isize],
                first: [0, 0],
                step: 1,
            };
            return (pass, [(0, 1); 2]);
        }
        // Pixel h = phase + s·i meets weight k of output o where h + top = s·o + k: k = q, q + s, …, and with
        // the last of them first, o = i + (phase + top − q)/s − (count − 1), ….
        let axis = |phase: usize, top: usize| {
            let q = (phase + top) % stride;
            let count = size.saturating_sub(q).div_ceil(stride);
            let before = count as isize - 1 - ((phase + top - q) / stride) as isize;
            (count, before, (q + count.saturating_sub(1) * stride, -(stride as isize)))
        };
        let first = [phase / stride, phase % stride];
        let (rows, above, row_weights) = axis(first[0], g.top);
        let (cols, before, col_weights) = axis(first[1], g.left);
        let pass = Pass {
            input: g.output,
            output: g.input,
            window: [rows, cols],
            stride: 1,
            before: [above, before],
            first,
            step: stride,
        };
        (pass, [row_weights, col_weights])
    }
    fn phases(&self) -> usize {
        if self.transposed { self.g.window.stride * self.g.window.stride } else { 1 }
    }

    fn run<T: Element, const L: usize>(
        &self,
        x: &[T],
        w: &[T],
        outputs: [&mut [T]; 2],
        finish: Finish<'_, T>,
        scratch: &mut Vec<T>,
    ) {
        let output = self.pass(0).0.output;
        let blocks = output.channels.div_ceil(L);
        let packed = |phase: usize| {
            let Runs { count, len, .. } = self.pass(phase).0.runs();
            blocks * count * len * L
        };
        let weights = (0..self.phases()).map(packed).sum();
        let sums = |pass: &Pass| blocks * pass.strip() * pass.cols() * L;
        let padded = |pass: &Pass| pass.padded(pass.strip()).next_multiple_of(L);
        let passes = || (0..self.phases()).map(|phase| self.pass(phase).0);
        let (sums, padded) = (passes().map(|p| sums(&p)).max(), passes().map(|p| padded(&p)).max());
        let (sums, padded) = (sums.unwrap_or(0), padded.unwrap_or(0));
        let parts = threads(self.g.multiplications(), parallel::MULTIPLICATIONS)
            .min(output.batch * output.height)
            .max(1);
        let area = work_area(scratch, weights + parts * (sums + padded));
        let (panels, area) = area.split_at_mut(weights);
        let mut rest = &mut *panels;
        for phase in 0..self.phases() {
            let (u, after) = rest.split_at_mut(packed(phase));
            let (pass, places) = self.pass(phase);
            self.pack::<T, L>(w, &pass, places, u, parts > 1);
            rest = after;
        }
        let panels = &*panels;
        let row = output.width * output.channels;
        let offset = |r: usize| r * row;
        share(0..output.batch * output.height, parts, outputs, area, &offset, &|rows, mut outputs, area| {
            let (sums, padded) = area.split_at_mut(sums);
            let mut panels = panels;
            for phase in 0..self.phases() {
                let (u, after) = panels.split_at(packed(phase));
                let pass = self.pass(phase).0;
                let [y, unscaled] = &mut outputs;
                dispatch(Rows::<T, L> {
                    pass,
                    x,
                    u: u.as_chunks::<L>().0,
                    rows: rows.clone(),
                    outputs: [y, unscaled],
                    finish,
                    sums: sums.as_chunks_mut::<L>().0,
                    padded,
                });
                panels = after;
            }
        });
    }

    /// Lays the weights of a pass out as `[block of outputs][row, column, input]` lines.
    fn pack<T: Scalar, const L: usize>(
        &self,
        w: &[T],
        pass: &Pass,
        places: [(usize, isize); 2],
        u: &mut [T],
        parallel: bool,
    ) {
        let (inputs, outputs) = (pass.input.channels, pass.output.channels);
        let depth = pass.window[0] * pass.window[1] * inputs;
        if depth == 0 {
            return;
        }
        let place = |axis: usize, i: usize| (places[axis].0 as isize + places[axis].1 * i as isize) as usize;
        let pack = |(block, u): (usize, &mut [T])| {
            let u = u.as_chunks_mut::<L>().0;
            let lanes = L.min(outputs - block * L);
            for (at, u) in u.chunks_exact_mut(inputs).enumerate() {
                let (i, j) = (place(0, at / pass.window[1]), place(1, at % pass.window[1]));
                let w = &w[(i * self.g.window.size + j) * inputs * outputs..][..inputs * outputs];
                if self.transposed {
                    // Rows of w are the outputs of this pass.
                    for l in 0..lanes {
                        for (line, &w) in u.iter_mut().zip(&w[(block * L + l) * inputs..]) {
                            line[l] = w;
                        }
                    }
                } else {
                    for (line, w) in u.iter_mut().zip(w.chunks_exact(outputs)) {
                        line[..lanes].copy_from_slice(&w[block * L..][..lanes]);
                    }
                }
                for line in u {
                    line[lanes..].fill(T::ZERO);
                }
            }
        };
        if parallel {
            u.par_chunks_mut(depth * L).enumerate().for_each(pack);
        } else {
            u.chunks_mut(depth * L).enumerate().for_each(pack);
        }
    }
}

/// The results of a pass that lie in some rows of the output.
struct Rows<'a, T, const L: usize> {
    pass: Pass,
    x: &'a [T],
    u: &'a [[T; L]],
    /// Counted over all images.
    rows: Range<usize>,
    outputs: [&'a mut [T]; 2],
    finish: Finish<'a, T>,
    sums: &'a mut [[T; L]],
    padded: &'a mut [T],
}

impl<T: Scalar, const L: usize> Kernel for Rows<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let pass = self.pass;
        if pass.cols() == 0 {
            return;
        }
        let height = pass.output.height;
        let index = |row: usize| row.saturating_sub(pass.first[0]).div_ceil(pass.step);
        for image in self.rows.start / height..self.rows.end.div_ceil(height) {
            // The part of this image's rows that is ours, then the results of the pass that lie in it.
            let from = self.rows.start.max(image * height) - image * height;
            let to = self.rows.end.min((image + 1) * height) - image * height;
            let (from, to) = (index(from), index(to).min(pass.rows()));
            for start in (from..to).step_by(pass.strip()) {
                self.strip(image, start, pass.strip().min(to - start));
            }
        }
    }
}

impl<T: Scalar, const L: usize> Rows<'_, T, L> {
    #[inline(always)]
    fn strip(&mut self, image: usize, first_row: usize, rows_here: usize) {
        let pass = self.pass;
        let (cols, filters) = (pass.cols(), pass.output.channels);
        let blocks = filters.div_ceil(L);
        let tiles = rows_here * cols;
        if self.u.is_empty() {
            // No part of the kernel meets these pixels.
            self.sums[..blocks * tiles].fill([T::ZERO; L]);
        } else {
            let padded = &mut self.padded[..pass.padded(rows_here)];
            pass.pad(self.x, image, first_row, padded);
            products(&pass, padded, self.u, &mut self.sums[..blocks * tiles], rows_here);
        }
        let origin = self.rows.start * pass.output.width * filters;
        for i in 0..rows_here {
            let row = image * pass.output.height + pass.first[0] + (first_row + i) * pass.step;
            for j in 0..cols {
                let at = (row * pass.output.width + pass.first[1] + j * pass.step) * filters - origin;
                for block in 0..blocks {
                    let lanes = L.min(filters - block * L);
                    let line = &self.sums[block * tiles + i * cols + j];
                    self.finish.line(line, block * L, lanes, at + block * L, &mut self.outputs);
                }
            }
        }
    }
}

/// The sums of a strip, `[block][pixel]` lines.
#[inline(always)]
fn products<T: Scalar, const L: usize>(
    pass: &Pass,
    padded: &[T],
    u: &[[T; L]],
    sums: &mut [[T; L]],
    rows_here: usize,
) {
    let cols = pass.cols();
    let Runs { count, distance, len } = pass.runs();
    let depth = count * len;
    // Several rows of the window at a time where they are short, a part of one where they are long.
    let together = (DEPTH / len).max(1);
    for run in (0..count).step_by(together) {
        for start in (0..len).step_by(DEPTH) {
            let runs = Runs { count: together.min(count - run), distance, len: DEPTH.min(len - start) };
            let fresh = run == 0 && start == 0;
            for (u, sums) in u.chunks_exact(depth).zip(sums.chunks_exact_mut(rows_here * cols)) {
                let panel = &u[run * len + start..][..runs.count * runs.len];
                for (i, sums) in sums.chunks_exact_mut(cols).enumerate() {
                    let first = (i * pass.stride + run) * distance + start;
                    in_tiles!(cols, |col, R| {
                        let sums = sums[col..].first_chunk_mut::<R>().expect("R columns are left");
                        if fresh {
                            *sums = [[T::ZERO; L]; R];
                        }
                        rows(padded, first + col * pass.shift(), pass.shift(), runs, panel, sums);
                    });
                }
            }
        }
    }
}
