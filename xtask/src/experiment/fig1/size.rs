//! Figure 1 as a fact about the size of the weights: how often GmP turns least, and how far φ moves.

use super::boundary::{METHODS, STEPS, change};
use crate::method;
use crate::report::color::Color;
use crate::report::figure::{Axis, Layer, Legend, Panel, Stroke};
use gmp_nn::Rng;

/// The size σ of w, b ~ σ·N(0, 1) in the figure.
pub const SMALL: f64 = 1e-3;
/// The deviation of the initial weights of the network of Figure 3, two inputs and ten units: √(2/(2 + 10)).
pub const GLOROT: f64 = 0.408_248_290_463_863;
const DRAWS: u64 = 400;
/// Sizes from 10⁻⁴ to 10, four to a power of ten.
const SIZES: std::ops::RangeInclusive<i32> = -16..=4;

fn size(step: i32) -> f64 {
    10f64.powf(f64::from(step) / 4.0)
}

/// w, b ~ σ·N(0, 1).
#[must_use]
pub fn draw(seed: u64, size: f64) -> ([f64; 2], f64) {
    let mut rng = Rng::new(seed, "perturbed unit");
    let mut normal = || size * rng.normal();
    ([normal(), normal()], normal())
}

/// In which share of the draws a step turns GmP less than every other method.
#[must_use]
pub fn share_of_least(size: f64, epsilon: f64, draws: u64) -> f64 {
    let is_least = |seed: &u64| {
        let (weights, bias) = draw(*seed, size);
        let angle = |method| change(method, weights, bias, epsilon).angle;
        let others = METHODS.into_iter().filter(|method| *method != method::GMP);
        others.map(angle).all(|other| angle(method::GMP) < other)
    };
    (1..=draws).filter(is_least).count() as f64 / draws as f64
}

/// The expected norm of w, of two independent normal numbers of this deviation: σ√(π/2).
fn norm(size: f64) -> f64 {
    size * std::f64::consts::FRAC_PI_2.sqrt()
}

pub(super) fn panels() -> Vec<Panel> {
    let x = || Axis::log10("mean ‖w‖").between(norm(size(*SIZES.start())), norm(size(*SIZES.end())));
    let mut share = Panel::new("(g) GmP turns least", x(), Axis::linear("share of draws").between(0.0, 1.02))
        .legend(Legend::Above);
    let strokes = [Stroke::Solid, Stroke::Dashes(&[6, 2]), Stroke::Dashes(&[3, 2]), Stroke::Dashes(&[1, 1])];
    for (epsilon, stroke) in STEPS.into_iter().zip(strokes) {
        let points = SIZES.map(|step| (norm(size(step)), share_of_least(size(step), epsilon, DRAWS)));
        let label = format!("ε = 10^{{−{}}}", -epsilon.log10().round());
        share = share.with(Layer::line(points, method::GMP.color).stroked(stroke).sized(2.0).labelled(label));
    }
    let mut moved = Panel::new("(h) Median movement of φ, ε = 10^{−2}", x(), Axis::log10("median ‖Δφ‖"))
        .legend(Legend::Above);
    let mut range = (f64::INFINITY, 0.0_f64);
    for method in METHODS {
        let points: Vec<(f64, f64)> = SIZES
            .map(|step| {
                let far = |seed| {
                    let (weights, bias) = draw(seed, size(step));
                    change(method, weights, bias, 1e-2).distance
                };
                let mut all: Vec<f64> = (1..=DRAWS).map(far).collect();
                all.sort_by(f64::total_cmp);
                (norm(size(step)), all[all.len() / 2])
            })
            .collect();
        range = points.iter().fold(range, |(low, high), (_, y)| (low.min(*y), high.max(*y)));
        moved = moved
            .with(Layer::line(points, method.color).stroked(method.dash).sized(2.0).labelled(method.name));
    }
    let mark = |panel: Panel, low: f64, high: f64| {
        [SMALL, GLOROT].into_iter().fold(panel, |panel, size| {
            let upright = [(norm(size), low), (norm(size), high)];
            panel.with(Layer::line(upright, Color::INK).stroked(Stroke::Dashed).sized(1.0))
        })
    };
    vec![mark(share, 0.0, 1.02), mark(moved, range.0, range.1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SP turns w by ε at an angle that is uniform: by sin(angle)·√2·ε/‖w‖ in the limit of small steps. At ε = 0.1 and tiny weights it
    /// is anything, and GmP turns least with probability 1 − 0.1/π.
    #[test]
    fn small_weights_are_a_condition() {
        assert!((share_of_least(SMALL, 0.1, 4000) - (1.0 - 0.1 / std::f64::consts::PI)).abs() < 0.012);
        assert!(share_of_least(SMALL, 1e-4, 1000) > 0.99);
        let glorot = share_of_least(GLOROT, 1e-3, 1000);
        assert!((0.5..0.9).contains(&glorot), "{glorot}");
        assert!(share_of_least(3.0, 1e-3, 1000) < 0.2);
    }
}
