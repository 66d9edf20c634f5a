//! Convolutions of images: sizes, and the kernels that [`op::conv2d`](crate::op::conv2d) chooses from.
#![allow(dead_code)]

mod finish;
mod geometry;
mod kernel;
#[cfg(test)]
mod naive;
mod share;
mod winograd;

pub use geometry::{Geometry, GeometryError, Images, Padding, Window};

#[doc(hidden)]
pub fn bench_winograd<T: crate::Element>(g: &Geometry, x: &[T], w: &[T], y: &mut [T], dx: &mut [T], dw: &mut [T], scratch: &mut Vec<T>, pass: usize) {
    match pass {
        0 => winograd::correlate(&winograd::Tiling::forward(g), x, w, false, [y, &mut []], finish::Finish::plain(false), scratch),
        1 => winograd::correlate(&winograd::Tiling::data_gradient(g), y, w, true, [dx, &mut []], finish::Finish::plain(false), scratch),
        _ => winograd::weight_gradient(&winograd::Tiling::forward(g), x, y, dw, false, scratch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn quick() {
        let mut rng = crate::Rng::new(1, "conv");
        for (b, h, w, c, n, p) in [(1, 4, 4, 16, 16, 1), (2, 7, 5, 3, 5, 1), (3, 9, 13, 17, 33, 0), (1, 6, 6, 300, 20, 2), (4, 33, 40, 20, 19, 1)] {
            let g = Geometry::new(Images { batch: b, height: h, width: w, channels: c }, Window::new(3, 1, Padding::Symmetric(p)), n).unwrap();
            let mut draw = |len: usize| -> Vec<f64> { (0..len).map(|_| rng.normal()).collect() };
            let (x, wt, mut dy) = (draw(g.input.rows() * c), draw(9 * c * n), draw(g.output.rows() * n));
            let ey = naive::forward(&g, &x, &wt);
            let edx = naive::data_gradient(&g, &dy, &wt);
            let edw = naive::weight_gradient(&g, &x, &dy);
            let mut y = ey.clone();
            y.fill(f64::NAN);
            let (mut dx, mut dw, mut s) = (vec![f64::NAN; x.len()], vec![f64::NAN; wt.len()], vec![]);
            let close = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |m, x| if x > m || x.is_nan() { x } else { m });
            bench_winograd(&g, &x, &wt, &mut y, &mut dx, &mut dw, &mut s, 0);
            bench_winograd(&g, &x, &wt, &mut dy, &mut dx, &mut dw, &mut s, 1);
            bench_winograd(&g, &x, &wt, &mut dy, &mut dx, &mut dw, &mut s, 2);
            println!("{} {} {}", close(&y, &ey), close(&dx, &edx), close(&dw, &edw));
        }
    }
}
