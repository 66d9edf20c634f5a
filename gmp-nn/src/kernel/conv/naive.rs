//! The definition, in f64: what every kernel is compared with.

use super::{Geometry, Images};

/// Calls `f(row of the input, row of the output, place of the window)` for every product of pixels.
fn products(g: &Geometry, mut f: impl FnMut(usize, usize, usize)) {
    let Images { batch, height, width, .. } = g.output;
    let size = g.window.size;
    for (n, oh, ow) in
        (0..batch).flat_map(|n| (0..height).flat_map(move |h| (0..width).map(move |w| (n, h, w))))
    {
        for (kh, kw) in (0..size).flat_map(|h| (0..size).map(move |w| (h, w))) {
            let (h, w) = (
                (oh * g.window.stride + kh).wrapping_sub(g.top),
                (ow * g.window.stride + kw).wrapping_sub(g.left),
            );
            if h < g.input.height && w < g.input.width {
                f(
                    (n * g.input.height + h) * g.input.width + w,
                    (n * height + oh) * width + ow,
                    kh * size + kw,
                );
            }
        }
    }
}

pub(crate) fn forward(g: &Geometry, x: &[f64], w: &[f64]) -> Vec<f64> {
    let (c, n) = (g.input.channels, g.output.channels);
    let mut y = vec![0.0; g.output.rows() * n];
    products(g, |from, to, place| {
        for (i, x) in x[from * c..][..c].iter().enumerate() {
            for (y, w) in y[to * n..][..n].iter_mut().zip(&w[(place * c + i) * n..]) {
                *y += x * w;
            }
        }
    });
    y
}

pub(crate) fn data_gradient(g: &Geometry, dy: &[f64], w: &[f64]) -> Vec<f64> {
    let (c, n) = (g.input.channels, g.output.channels);
    let mut dx = vec![0.0; g.input.rows() * c];
    products(g, |from, to, place| {
        for (i, dx) in dx[from * c..][..c].iter_mut().enumerate() {
            *dx += dy[to * n..][..n].iter().zip(&w[(place * c + i) * n..]).map(|(dy, w)| dy * w).sum::<f64>();
        }
    });
    dx
}

pub(crate) fn weight_gradient(g: &Geometry, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let (c, n) = (g.input.channels, g.output.channels);
    let mut dw = vec![0.0; g.weight_rows() * n];
    products(g, |from, to, place| {
        for (i, x) in x[from * c..][..c].iter().enumerate() {
            for (dw, dy) in dw[(place * c + i) * n..][..n].iter_mut().zip(&dy[to * n..]) {
                *dw += x * dy;
            }
        }
    });
    dw
}
