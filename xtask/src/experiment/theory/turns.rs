//! How far random steps turn the boundary, against the step's norm and the dimension, with the bounds drawn in.

use super::unit::{
    INPUTS, ROUNDING, Spread, Weights, angles_of, cartesian_boundary, geometric_turn, norm, normals, scaled,
    sum,
};
use super::{Job, Measurement};
use crate::method::{self, Architecture, MethodId};
use crate::report::color::Color;
use crate::report::figure::{Axis, Figure, Layer, Legend, Panel, Stroke};
use crate::report::html::Table;
use gmp_math::boundary::angle_between;
use gmp_math::stability::{cartesian_worst_case, geometric_worst_case};
use gmp_nn::Rng;
use serde::{Deserialize, Serialize};

/// Norms of the steps: half decades from 10⁻⁴ to 10.
#[must_use]
pub fn steps() -> Vec<f64> {
    (-8..=2).map(|k| 10_f64.powf(f64::from(k) / 2.0)).collect()
}

/// Turns of one parameterization's boundary by random steps of one norm, in radians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Which parameterization: SP, WN and BN step in w or v, GmP in θ.
    pub method: MethodId,
    /// How w was drawn.
    pub weights: Weights,
    /// Dimension n.
    pub inputs: usize,
    /// ‖ε‖₂; the direction of ε is uniform.
    pub step: f64,
    /// How many pairs of w and ε.
    pub draws: usize,
    /// ∠ between the directions before and after.
    pub turn: Spread,
    /// Median of the bound: arcsin(‖ε‖/‖w‖), π from ‖ε‖ = ‖w‖ on; for GmP min(‖ε‖, π).
    pub bound: f64,
    /// Median of turn/bound.
    pub tightness: f64,
    /// Draws that turned further than their bound by more than [`ROUNDING`].
    pub violations: usize,
}

/// The measurements, one job for each dimension and way to draw weights.
#[must_use]
pub fn jobs(draws: usize) -> Vec<Job> {
    let pairs = INPUTS.into_iter().rev().flat_map(|n| Weights::ALL.map(|weights| (n, weights)));
    pairs.map(|(n, weights)| -> Job { Box::new(move || measure(n, weights, draws)) }).collect()
}

fn measure(inputs: usize, weights: Weights, draws: usize) -> Vec<Measurement> {
    let mut rng = Rng::new(inputs as u64, "theory: random steps");
    let steps = steps();
    // By method and step: turns and bounds.
    let mut found =
        vec![vec![Vec::with_capacity(draws); steps.len()]; method::in_paper(Architecture::Dense).len()];
    while found[0][0].len() < draws {
        let w = weights.draw(inputs, &mut rng);
        let across = normals(inputs, &mut rng);
        let around = normals(inputs - 1, &mut rng);
        let Some(angles) = angles_of(&w) else { continue };
        for (k, &step) in steps.iter().enumerate() {
            let moved = sum(&w, &scaled(&across, step));
            for (m, method) in method::in_paper(Architecture::Dense).into_iter().enumerate() {
                let (turn, bound) = if method == method::GMP {
                    (geometric_turn(&angles, &scaled(&around, step)), geometric_worst_case(step))
                } else {
                    let before = cartesian_boundary(method, w.clone());
                    let after = cartesian_boundary(method, moved.clone());
                    (angle_between(&before.normal, &after.normal), cartesian_worst_case(norm(&w), step))
                };
                found[m][k].push((turn, bound));
            }
        }
    }
    let summary = |(m, method): (usize, MethodId)| {
        let found = &found[m];
        let one = move |(k, &step): (usize, &f64)| {
            let pairs = &found[k];
            let of = |number: fn(&(f64, f64)) -> f64| Spread::of(pairs.iter().map(number).collect());
            Measurement::Turn(Turn {
                method,
                weights,
                inputs,
                step,
                draws,
                turn: of(|p| p.0),
                bound: of(|p| p.1).median,
                tightness: of(|p| p.0 / p.1).median,
                violations: pairs.iter().filter(|p| p.0 > p.1 + ROUNDING).count(),
            })
        };
        steps.iter().enumerate().map(one).collect::<Vec<_>>()
    };
    method::in_paper(Architecture::Dense).into_iter().enumerate().flat_map(summary).collect()
}

/// Turns against step norms: one column per dimension, one row per way to draw weights.
#[must_use]
pub fn figure(turns: &[Turn]) -> Figure {
    let caption = "Turn of the direction by steps ε of one norm in random directions: median (line), 5–95% band, largest (dots). Dashed: the bounds, \
        arcsin(‖ε‖/‖w‖) for SP, WN and BN at the median ‖w‖, then π; min(‖ε‖, π) for GmP. SP, WN and BN step in w, v and w and turn equally, so \
        their lines coincide; GmP steps in its angles. Above: Glorot-uniform weights of a layer of 100 units. Below: weights 10⁻³·N(0, 1), as in \
        Figure 1: the steps that turned the boundary little now turn it arbitrarily far, but for GmP nothing has changed.";
    let mut figure = Figure::new("theory-turns", "How far a random step turns the boundary").caption(caption);
    for weights in Weights::ALL {
        let panel = |n: usize| {
            let name = if weights == Weights::Glorot { "Glorot" } else { "small" };
            turns_panel(turns, n, weights, format!("n = {n}, {name} weights"))
        };
        figure = figure.row(190.0, [2, 32, 512, 4096].map(panel).into());
    }
    figure
}

fn turns_panel(turns: &[Turn], inputs: usize, weights: Weights, title: String) -> Panel {
    let mut panel = Panel::new(
        title,
        Axis::log10("‖ε‖").between(1e-4, 10.0),
        Axis::log10("turn (radians)").between(3e-5, 5.0),
    );
    // The wider line shows behind the narrower, as in Figure 1.
    for (method, width) in method::in_paper(Architecture::Dense).into_iter().zip([6.0, 3.5, 1.5, 2.0]) {
        let rows: Vec<&Turn> = turns
            .iter()
            .filter(|t| t.method == method && t.inputs == inputs && t.weights == weights)
            .collect();
        let line = |of: fn(&Turn) -> f64| rows.iter().map(|t| (t.step, of(t))).collect::<Vec<_>>();
        if matches!(method, method::SP | method::GMP) {
            let column = |of: fn(&Turn) -> f64| rows.iter().map(|t| of(t)).collect();
            panel = panel
                .with(Layer::Band {
                    x: column(|t| t.step),
                    low: column(|t| t.turn.low),
                    high: column(|t| t.turn.high),
                    color: method.color,
                })
                .with(
                    Layer::line(line(|t| t.bound), method.color.mix(Color::INK, 0.35))
                        .stroked(Stroke::Dashed)
                        .sized(1.2),
                )
                .with(Layer::line(line(|t| t.turn.max), method.color).stroked(Stroke::Dotted).sized(1.4));
        }
        panel =
            panel.with(Layer::line(line(|t| t.turn.median), method.color).sized(width).labelled(method.name));
    }
    panel.legend(Legend::Above)
}

/// Median of turn/bound against the dimension.
#[must_use]
pub fn tightness_figure(turns: &[Turn]) -> Figure {
    let caption = "Median over random steps of the turn divided by its bound: 1 is a bound that is always reached. SP at ‖ε‖ = 1 has the bound π \
        where ‖w‖ < 1 and arcsin(1/‖w‖) beyond, hence the kink. A GmP step of random direction turns by about ‖ε‖√(Σ g_i/(n−1)), which falls to \
        ‖ε‖/√2 (dashed); its lines for 0.001 and 0.1 coincide. So the bound in ‖ε‖₂ is not loose; what grows with n is ‖ε‖₂ itself, as √n for equal \
        steps in every angle.";
    let panel = |method: MethodId| {
        let mut panel = Panel::new(
            format!("{method}, Glorot weights"),
            Axis::log2("n"),
            Axis::linear("median turn / bound").between(0.0, 1.05),
        );
        let shades = [Color::GREY, method.color, Color::INK];
        for (step, shade) in [1e-3, 0.1, 1.0].into_iter().zip(shades) {
            let points = turns
                .iter()
                .filter(|t| t.method == method && t.weights == Weights::Glorot)
                .filter(|t| (t.step / step - 1.0).abs() < 1e-9);
            let mut points: Vec<(f64, f64)> = points.map(|t| (t.inputs as f64, t.tightness)).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            panel = panel.with(Layer::line(points, shade).labelled(format!("‖ε‖ = {step}")));
        }
        if method == method::GMP {
            let level = [2.0, 4096.0].map(|n| (n, std::f64::consts::FRAC_1_SQRT_2));
            panel = panel.with(Layer::line(level, Color::GREY).stroked(Stroke::Dashed));
        }
        panel.legend(Legend::Above)
    };
    Figure::new("theory-tightness", "How tight the bounds are for random steps")
        .caption(caption)
        .row(180.0, vec![panel(method::SP), panel(method::GMP)])
}

/// The same in numbers, for steps of norm 0.1.
#[must_use]
pub fn tightness_table(turns: &[Turn]) -> Table {
    let header = ["n", "SP", "SP, small weights", "GmP", "GmP, small weights"];
    let cell = |n: usize, method: MethodId, weights: Weights| {
        let same = |t: &&Turn| t.inputs == n && t.method == method && t.weights == weights;
        let found = turns.iter().filter(same).find(|t| (t.step / 0.1 - 1.0).abs() < 1e-9);
        found.map_or("–".to_owned(), |t| {
            format!("{:.3} of {:.3} ({:.2})", t.turn.median, t.bound, t.tightness)
        })
    };
    let row = |n: usize| {
        let cells = [method::SP, method::GMP].into_iter().flat_map(|m| Weights::ALL.map(|w| cell(n, m, w)));
        std::iter::once(n.to_string()).chain(cells).collect()
    };
    Table {
        caption:
            "Random steps of norm 0.1: median turn in radians, median bound, and the median of their ratio."
                .to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows: INPUTS.into_iter().map(row).collect(),
        highlight: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(inputs: usize, weights: Weights) -> Vec<Turn> {
        let only = |m| if let Measurement::Turn(turn) = m { Some(turn) } else { None };
        measure(inputs, weights, 200).into_iter().filter_map(only).collect()
    }

    #[test]
    fn bounds_hold_and_only_geometric_turns_ignore_the_size_of_the_weights() {
        let (glorot, small) = (turns(8, Weights::Glorot), turns(8, Weights::Small));
        assert!(
            glorot
                .iter()
                .chain(&small)
                .all(|t| t.violations == 0 && t.turn.max <= std::f64::consts::PI + 1e-12)
        );
        for (a, b) in glorot.iter().zip(&small).filter(|(a, _)| (a.step - 0.01).abs() < 1e-9) {
            let ratio = b.turn.median / a.turn.median;
            assert!(if a.method == method::GMP { ratio < 2.0 } else { ratio > 50.0 }, "{a:?}\n{b:?}");
        }
    }

    /// In the plane every step of the one angle turns by its length; in many dimensions by 1/√2 of it.
    #[test]
    fn tightness_of_geometric_steps() {
        let at = |n| turns(n, Weights::Glorot).into_iter().find(|t| t.method == method::GMP && t.step > 0.09);
        assert!((at(2).unwrap().tightness - 1.0).abs() < 1e-9);
        assert!((at(512).unwrap().tightness - std::f64::consts::FRAC_1_SQRT_2).abs() < 0.03);
    }

    #[test]
    fn figures_draw() {
        let all = turns(2, Weights::Glorot);
        assert!(figure(&all).svg().contains("GmP") && tightness_figure(&all).svg().contains("0.1"));
        assert_eq!(tightness_table(&all).rows.len(), INPUTS.len());
    }
}
