//! The paper's theorem: an infinitesimal step turns the direction by √(Σ g_i ε_i²); what a finite step adds is of second
//! order.

use super::unit::{INPUTS, Weights, angles_of, geometric_turn, normals, scaled};
use super::{Job, Measurement};
use crate::report::color::Color;
use crate::report::figure::{Axis, Figure, Layer, Legend, Panel, Stroke};
use gmp_math::stability::linearized_turns;
use gmp_nn::Rng;
use serde::{Deserialize, Serialize};

/// The remainders of steps of one norm in one dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remainder {
    /// Dimension n.
    pub inputs: usize,
    /// ‖ε‖₂; the direction of ε is uniform.
    pub step: f64,
    /// How many pairs of θ, of Glorot-uniform weights, and ε.
    pub draws: usize,
    /// Median of |∠(u(θ), u(θ+ε)) − √(Σ g_i ε_i²)|.
    pub remainder: f64,
    /// Median of the angle itself.
    pub turn: f64,
}

/// Below this a remainder is rounding.
const FLOOR: f64 = 1e-13;

/// Quarter decades from 10⁻⁵ to 10⁻¹.
fn steps() -> Vec<f64> {
    (-20..=-4).map(|k| 10_f64.powf(f64::from(k) / 4.0)).collect()
}

/// The measurements, a job a dimension.
#[must_use]
pub fn jobs(draws: usize) -> Vec<Job> {
    let job =
        |n| -> Job { Box::new(move || measure(n, draws).into_iter().map(Measurement::Remainder).collect()) };
    INPUTS.into_iter().rev().map(job).collect()
}

fn measure(inputs: usize, draws: usize) -> Vec<Remainder> {
    let mut rng = Rng::new(inputs as u64, "theory: infinitesimal steps");
    let steps = steps();
    let mut found = vec![Vec::new(); steps.len()];
    for _ in 0..draws {
        let Some(angles) = angles_of(&Weights::Glorot.draw(inputs, &mut rng)) else { continue };
        let direction = normals(inputs - 1, &mut rng);
        for (found, &length) in found.iter_mut().zip(&steps) {
            let step = scaled(&direction, length);
            let mut linear = [0.0];
            linearized_turns(&angles, &step, 1, &mut linear);
            let turn = geometric_turn(&angles, &step);
            found.push(((turn - linear[0]).abs(), turn));
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let one = |(found, &step): (&Vec<(f64, f64)>, &f64)| Remainder {
        inputs,
        step,
        draws: found.len(),
        remainder: median(found.iter().map(|f| f.0).collect()),
        turn: median(found.iter().map(|f| f.1).collect()),
    };
    found.iter().zip(&steps).filter(|(found, _)| !found.is_empty()).map(one).collect()
}

/// Slope of log remainder over log ‖ε‖ by least squares in one dimension, for steps up to 10⁻² whose remainder is no
/// rounding; none for fewer than three such steps.
#[must_use]
pub fn slope(remainders: &[Remainder], inputs: usize) -> Option<f64> {
    let usable = |r: &&Remainder| r.inputs == inputs && r.step < 1.001e-2 && r.remainder > FLOOR;
    let points: Vec<(f64, f64)> =
        remainders.iter().filter(usable).map(|r| (r.step.ln(), r.remainder.ln())).collect();
    if points.len() < 3 {
        return None;
    }
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / count, y + p.1 / count));
    let (above, below) =
        points.iter().fold((0.0, 0.0), |(a, b), p| (a + (p.0 - x) * (p.1 - y), b + (p.0 - x) * (p.0 - x)));
    Some(above / below)
}

/// Remainder over step.
#[must_use]
pub fn figure(remainders: &[Remainder]) -> Figure {
    let caption = "Median over draws of |∠(u(θ), u(θ+ε)) − √(Σ g_iε_i²)| against ‖ε‖, one line per dimension, and a dashed line of \
        slope 2 for comparison. In the plane (n = 2) the turn is |ε| and nothing remains but rounding, which is not drawn.";
    let mut panel = Panel::new(
        "Remainder of the theorem for finite steps",
        Axis::log10("‖ε‖"),
        Axis::log10("remainder (radians)"),
    );
    let guide = [1e-5, 1e-1].map(|e| (e, 2.0 * e * e));
    panel = panel.with(Layer::line(guide, Color::INK).stroked(Stroke::Dashed).sized(1.0).labelled("slope 2"));
    for (k, n) in INPUTS.into_iter().enumerate().filter(|(_, n)| *n > 2) {
        let points = remainders.iter().filter(|r| r.inputs == n).map(|r| (r.step, r.remainder));
        panel = panel.with(Layer::line(points, Color::of_unit(k)).labelled(format!("n = {n}")));
    }
    Figure::new("theory-infinitesimal", "The paper's theorem and its remainder")
        .caption(caption)
        .row(230.0, vec![panel.legend(Legend::Above)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remainder_is_of_second_order() {
        let found: Vec<Remainder> = [2, 3, 8, 128].into_iter().flat_map(|n| measure(n, 60)).collect();
        assert!(slope(&found, 2).is_none(), "in the plane there is no remainder");
        for n in [3, 8, 128] {
            let slope = slope(&found, n).unwrap();
            assert!((slope - 2.0).abs() < 0.05, "n = {n}: {slope}");
        }
        assert!(figure(&found).svg().contains("slope 2"));
    }

    /// A formula that is wrong by a factor leaves a remainder of first order.
    #[test]
    fn a_wrong_formula_would_show() {
        let mut found = measure(8, 60);
        for r in &mut found {
            r.remainder = (r.turn - 0.999 * (r.turn - r.remainder)).abs();
        }
        assert!(slope(&found, 8).unwrap() < 1.9);
    }
}
