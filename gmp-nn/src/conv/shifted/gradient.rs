//! The weight gradient.

use super::Pass;
use crate::conv::Geometry;
use crate::conv::kernel::{columns, in_tiles, load, store, work_area};
use crate::conv::share::threads;
use crate::gemm::Element;
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use rayon::prelude::*;

/// Rows of results whose inputs and gradients are laid out before their products are taken, in pixels.
const BAND: usize = 1024;
/// Rows of the weights' gradient that one thread sums at a time.
const ROWS: usize = 48;

/// `dw (+)= Σ over pixels of x ⊗ dy`.
pub(in crate::conv) fn weight_gradient<T: Element>(
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
    let pass = Pass {
        input: g.input,
        output: g.output,
        window: [g.window.size; 2],
        stride: g.window.stride,
        before: [g.top as isize, g.left as isize],
        first: [0, 0],
        step: 1,
    };
    if g.output.rows() == 0 {
        if !accumulate {
            dw.fill(T::ZERO);
        }
        return;
    }
    let blocks = g.output.channels.div_ceil(L);
    let strip = pass.strip();
    let (lines, padded) = (blocks * strip * pass.cols() * L, pass.padded(strip).next_multiple_of(L));
    let piece = lines + padded;
    let strips_an_image = pass.rows().div_ceil(strip);
    let strips = g.output.batch * strips_an_image;
    let pieces = (BAND / (strip * pass.cols())).clamp(1, strips);
    let parallel = threads(g.multiplications()) > 1;
    let area = work_area(scratch, pieces * piece);
    for first in (0..strips).step_by(pieces) {
        let area = &mut area[..pieces.min(strips - first) * piece];
        let lay_out = |(i, area): (usize, &mut [T])| {
            let (image, row) = ((first + i) / strips_an_image, (first + i) % strips_an_image * strip);
            let (lines, padded) = area.split_at_mut(lines);
            let rows = strip.min(pass.rows() - row);
            pass.pad(x, image, row, &mut padded[..pass.padded(rows)]);
            let first = (image * pass.rows() + row) * pass.cols();
            let dy = &dy[first * g.output.channels..][..rows * pass.cols() * g.output.channels];
            for (block, lines) in
                lines.as_chunks_mut::<L>().0.chunks_exact_mut(strip * pass.cols()).enumerate()
            {
                for (line, dy) in lines.iter_mut().zip(dy.chunks_exact(g.output.channels)) {
                    *line = load(&dy[block * L..]);
                }
            }
        };
        let multiply = |area: &[T], row: usize, at: usize, dw: &mut [T]| {
            let fresh = first == 0 && !accumulate;
            dispatch(Multiply::<T, L> { pass: &pass, area, piece, lines, first, row, at, dw, fresh });
        };
        // A row of the window is a contiguous part of the weights, whose gradient is split further.
        let run = pass.runs().len * g.output.channels;
        let part = ROWS * g.output.channels;
        if parallel {
            area.par_chunks_mut(piece).enumerate().for_each(lay_out);
            let area = &*area;
            dw.par_chunks_mut(run).enumerate().for_each(|(row, dw)| {
                dw.par_chunks_mut(part).enumerate().for_each(|(i, dw)| multiply(area, row, i * ROWS, dw));
            });
        } else {
            area.chunks_mut(piece).enumerate().for_each(lay_out);
            for (row, dw) in dw.chunks_mut(run).enumerate() {
                dw.chunks_mut(part).enumerate().for_each(|(i, dw)| multiply(area, row, i * ROWS, dw));
            }
        }
    }
}

/// The products of a band for some rows of the weights.
struct Multiply<'a, T, const L: usize> {
    pass: &'a Pass,
    area: &'a [T],
    piece: usize,
    lines: usize,
    /// The band's first strip.
    first: usize,
    /// Row of the window.
    row: usize,
    /// The first of the rows of the weights within it.
    at: usize,
    dw: &'a mut [T],
    fresh: bool,
}
impl<T: Scalar, const L: usize> Kernel for Multiply<'_, T, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (pass, filters) = (self.pass, self.pass.output.channels);
        let (cols, strip) = (pass.cols(), pass.strip());
        let strips_an_image = pass.rows().div_ceil(strip);
        for block in 0..filters.div_ceil(L) {
            let lanes = L.min(filters - block * L);
            in_tiles!(self.dw.len() / filters, |start, R| {
                let mut sums = [[T::ZERO; L]; R];
                if !self.fresh {
                    for (r, sums) in sums.iter_mut().enumerate() {
                        *sums = load(&self.dw[(start + r) * filters + block * L..][..lanes]);
                    }
                }
                for (i, piece) in self.area.chunks_exact(self.piece).enumerate() {
                    let rows = strip.min(pass.rows() - (self.first + i) % strips_an_image * strip);
                    let (lines, padded) = piece.split_at(self.lines);
                    let lines = &lines.as_chunks::<L>().0[block * strip * cols..];
                    for row in 0..rows {
                        let a =
                            &padded[(row * pass.stride + self.row) * pass.padded_row() + self.at + start..];
                        columns(a, pass.shift(), &lines[row * cols..][..cols], &mut sums);
                    }
                }
                for (r, sums) in sums.iter().enumerate() {
                    store(sums, &mut self.dw[(start + r) * filters + block * L..][..lanes]);
                }
            });
        }
    }
}
