//! Figure 1: the characteristic activation boundary (CAB) of a unit in the plane, and what a small step in the
//! parameters does to it under each parameterization.
//!
//! The boundary is the line {x : u(θ)·x + λ = 0} with u(θ) = (cos θ, sin θ) and its spatial location, the point
//! nearest the origin, is φ = −λ u(θ).

use std::f64::consts::PI;

use anyhow::Result;
use gmp_nn::{Parameterization, Rng};

use super::{Context, Experiment, Prepared, Study};
use crate::method::{self, MethodId};
use crate::report::color::Color;
use crate::report::figure::{Anchor, Axis, Figure, Layer, Legend, Marker, Panel, Stroke};
use crate::report::html::{Block, Claim, Section, Table};
use crate::run::results::Results;
use crate::statistics::Verdict;

/// Figure 1.
pub struct Fig1;

/// The draw that is pictured, as in the authors' code; the numbers are over this and the following ones.
const PICTURED: u64 = 1;
const DRAWS: u64 = 1000;

impl Experiment for Fig1 {
    fn id(&self) -> &'static str {
        "fig1"
    }
    fn title(&self) -> &'static str {
        "Figure 1: stability of the boundary in the plane"
    }
    fn options(&self) -> &'static [&'static str] {
        &[]
    }
    fn needs(&self) -> &'static str {
        "nothing"
    }
    fn duration(&self) -> [&'static str; 2] {
        ["1 s", "1 s"]
    }
    fn prepare(&self, _: &Context) -> Result<Prepared> {
        Ok(Prepared::Ready(Box::new(Self)))
    }
}

/// w, b ~ 10⁻³·N(0, 1).
fn draw(seed: u64) -> ([f64; 2], f64) {
    let mut rng = Rng::new(seed, "perturbed unit");
    let mut normal = || 1e-3 * rng.normal();
    ([normal(), normal()], normal())
}

impl Study for Fig1 {
    fn report(&self, _: &Results<'_>) -> Section {
        let (weights, bias) = draw(PICTURED);
        let all: Vec<Vec<Change>> =
            (0..DRAWS).map(|k| draw(PICTURED + k)).map(|(w, b)| changes(w, b)).collect();
        let header = ["ε", "method", "median turn", "largest turn", "median |Δφ|", "largest |Δφ|"];
        let caption = format!(
            "Turn of the direction (radians) and movement of φ over {DRAWS} draws of w, b ~ 10⁻³·N(0, 1), ε added to every parameter."
        );
        let mut table = Table { caption, header: header.map(str::to_owned).to_vec(), ..Table::default() };
        for k in 0..all[0].len() {
            let Change { epsilon, method, .. } = all[0][k];
            let column = |of: fn(&Change) -> f64| {
                let mut values: Vec<f64> = all.iter().map(|changes| of(&changes[k])).collect();
                values.sort_by(f64::total_cmp);
                [values[values.len() / 2], values[values.len() - 1]].map(|v| format!("{v:.3e}"))
            };
            let mut row = vec![format!("{epsilon}"), method.to_string()];
            row.extend(column(|change| change.angle));
            row.extend(column(|change| change.distance));
            table.rows.push(row);
        }
        // The smallest turn of a step is GmP's, in how many draws?
        let per_step = METHODS.len();
        let wins = STEPS.iter().enumerate().map(|(step, _)| {
            let is_least = |changes: &&Vec<Change>| {
                let step = &changes[step * per_step..][..per_step];
                let geometric = step.iter().find(|c| c.method == method::GMP).map_or(f64::NAN, |c| c.angle);
                step.iter().all(|c| c.method == method::GMP || geometric < c.angle)
            };
            all.iter().filter(is_least).count()
        });
        let wins: Vec<usize> = wins.collect();
        let verdict = match wins.iter().filter(|w| 20 * **w as u64 >= 19 * DRAWS).count() {
            n if n == STEPS.len() => Verdict::Replicated,
            0 => Verdict::NotReplicated,
            _ => Verdict::Partly,
        };
        let evidence = format!(
            "GmP turns least in {wins:?} of {DRAWS} draws for ε = 10⁻⁴, 10⁻³, 10⁻², 10⁻¹. Rule: replicated if in 95% of the draws at \
             every ε. Its turn is at most ε, whatever the weights; SP and WN turn by about ε/‖w‖ until they can turn no further."
        );
        let statement = "GmP is most stable against perturbations of the parameters.".to_owned();
        Section {
            id: Fig1.id().to_owned(),
            title: Fig1.title().to_owned(),
            paper_claim: "The boundary of a unit with small weights (10⁻³) under small perturbations of its parameters: smaller changes \
                          imply higher stability, and GmP is most stable."
                .to_owned(),
            blocks: vec![
                Block::Figure(figure(weights, bias)),
                Block::Table(table),
                Block::Claim(Claim { statement, verdict, evidence }),
            ],
        }
    }
}

/// The sizes of the step, as in the paper.
pub const STEPS: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];

/// A unit's boundary in the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boundary {
    /// Angle θ of the direction u(θ), in radians.
    pub theta: f64,
    /// Signed offset λ.
    pub lambda: f64,
}

impl Boundary {
    /// The boundary of w·x + b = 0, which has θ = atan2(w₂, w₁) and λ = b/‖w‖. The weights must not both be zero.
    #[must_use]
    pub fn of(weights: [f64; 2], bias: f64) -> Self {
        Self { theta: weights[1].atan2(weights[0]), lambda: bias / weights[0].hypot(weights[1]) }
    }

    /// The direction u(θ) = (cos θ, sin θ).
    #[must_use]
    pub fn direction(&self) -> (f64, f64) {
        (self.theta.cos(), self.theta.sin())
    }

    /// The spatial location φ = −λ u(θ).
    #[must_use]
    pub fn spatial_location(&self) -> (f64, f64) {
        let (x, y) = self.direction();
        (-self.lambda * x, -self.lambda * y)
    }

    /// Two points of the boundary, `reach` to either side of φ.
    fn ends(&self, reach: f64) -> [(f64, f64); 2] {
        let ((ux, uy), (x, y)) = (self.direction(), self.spatial_location());
        [(x - reach * uy, y + reach * ux), (x + reach * uy, y - reach * ux)]
    }
}

/// The methods that the figure compares, in the order of the paper. Batch normalization is not among them, as in the
/// paper: its boundary also depends on the batch, so it has none before there are data.
const METHODS: [MethodId; 3] = [method::SP, method::WN, method::GMP];

/// The boundary after `epsilon` was added to every parameter of the unit with these weights and bias: to θ and λ of a
/// geometric unit; to v, ℓ = ‖w‖ and b of a weight-normalized one, where w = ℓ v/‖v‖; else to w and b.
#[must_use]
pub fn perturbed(method: MethodId, weights: [f64; 2], bias: f64, epsilon: f64) -> Boundary {
    let moved = weights.map(|w| w + epsilon);
    match method.parameterization {
        Parameterization::Geometric => {
            let Boundary { theta, lambda } = Boundary::of(weights, bias);
            Boundary { theta: theta + epsilon, lambda: lambda + epsilon }
        }
        Parameterization::WeightNorm => {
            let length = weights[0].hypot(weights[1]) + epsilon;
            Boundary { theta: moved[1].atan2(moved[0]), lambda: (bias + epsilon) / length }
        }
        _ => Boundary::of(moved, bias + epsilon),
    }
}

/// What one step did to one boundary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// What was added to every parameter.
    pub epsilon: f64,
    /// Under which parameterization.
    pub method: MethodId,
    /// The angle between the directions before and after, in radians from 0 to π.
    pub angle: f64,
    /// How far the spatial location moved.
    pub distance: f64,
}

/// The changes of direction and spatial location for every step and method: the numbers behind panels (b)–(e).
#[must_use]
pub fn changes(weights: [f64; 2], bias: f64) -> Vec<Change> {
    let before = Boundary::of(weights, bias);
    let (u, p) = (before.direction(), before.spatial_location());
    let change = |epsilon, method: MethodId| {
        let after = perturbed(method, weights, bias, epsilon);
        let (v, q) = (after.direction(), after.spatial_location());
        let angle = (u.0 * v.1 - u.1 * v.0).abs().atan2(u.0 * v.0 + u.1 * v.1);
        Change { epsilon, method, angle, distance: (q.0 - p.0).hypot(q.1 - p.1) }
    };
    STEPS.into_iter().flat_map(|epsilon| METHODS.map(|method| change(epsilon, method))).collect()
}

/// The whole figure for a unit with the given weights and bias, both of the order of 10⁻³ in the paper's set-up.
#[must_use]
pub fn figure(weights: [f64; 2], bias: f64) -> Figure {
    let caption = "(a) Characteristic activation boundary (CAB; brown) and spatial location φ = −λu(θ) of a ReLU unit \
        z = ReLU(cos(θ)x₁ + sin(θ)x₂ + λ). Green arrows point into the active region, red arrows into the inactive \
        one. (b)–(e) The boundary before (grey) and after ε was added to every parameter, with dotted lines from the \
        origin to φ. The nearer a coloured line is to the grey one, the more stable the parameterization. Batch \
        normalization is left out, as in the paper: its boundary depends on the batch. (f) Not in the paper: the angle \
        by which the direction u turned; the bound is that of the theory for GmP, the angle is at most ε. SP and WN turn \
        alike.";
    let letters = ["(b)", "(c)", "(d)", "(e)"];
    let reach = view(weights, bias);
    let panels = |steps: std::ops::Range<usize>| {
        steps.map(|k| perturbation_panel(letters[k], weights, bias, STEPS[k], reach)).collect::<Vec<_>>()
    };
    let mut first =
        vec![boundary_panel("(a) Boundary and spatial location", Boundary { theta: 0.3 * PI, lambda: -0.8 })];
    first.extend(panels(0..2));
    let mut figure = Figure::new("fig1", "Figure 1: stability of the boundary in the plane").caption(caption);
    figure = figure.row(242.0, first);
    let mut second = panels(2..4);
    second.push(changes_panel(weights, bias));
    figure.row(242.0, second)
}

/// Panel (a): the boundary, its location and its two sides.
#[must_use]
pub fn boundary_panel(title: &str, boundary: Boundary) -> Panel {
    const SIDE: f64 = 2.0;
    let axis = |name: &str| Axis::linear(name).between(-SIDE, SIDE);
    let (u, location) = (boundary.direction(), boundary.spatial_location());
    let mut panel = Panel::new(title, axis("x_{1}"), axis("x_{2}"))
        .aspect_equal()
        .legend(Legend::Hidden)
        .with(Layer::line(boundary.ends(3.0 * SIDE), Color::BOUNDARY).sized(2.2));
    for along in [-1.15, -0.6, 0.6, 1.15] {
        let foot = (location.0 - along * u.1, location.1 + along * u.0);
        for (sign, color) in [(0.55, Color::ACTIVE), (-0.55, Color::INACTIVE)] {
            let to = (foot.0 + sign * u.0, foot.1 + sign * u.1);
            panel = panel.with(Layer::Arrow { from: foot, to, color });
        }
    }
    let text = |at, string: &str, anchor, color| Layer::Text { at, string: string.to_owned(), anchor, color };
    panel
        .with(Layer::line([(0.0, 0.0), location], Color::INK).stroked(Stroke::Dotted))
        .with(Layer::points([(0.0, 0.0), location], Color::INK, Marker::Dot))
        .with(text((location.0 + 0.12, location.1 + 0.12), "φ", Anchor::Start, Color::INK))
        .with(text((-0.1, -0.25), "0", Anchor::Start, Color::INK))
        .with(text((1.9, 1.7), "active", Anchor::End, Color::ACTIVE))
        .with(text((-1.9, -1.8), "inactive", Anchor::Start, Color::INACTIVE))
}

/// One of panels (b)–(e), from −`reach` to `reach` on both axes.
#[must_use]
pub fn perturbation_panel(letter: &str, weights: [f64; 2], bias: f64, epsilon: f64, reach: f64) -> Panel {
    let axis = |name: &str| Axis::linear(name).between(-reach, reach);
    let title = format!("{letter} ε = 10^{{−{}}}", -epsilon.log10().round());
    let mut panel = Panel::new(title, axis("x_{1}"), axis("x_{2}")).aspect_equal().legend(Legend::Above);
    // Wide and at the back, so that a boundary that did not move can still be seen.
    let grey = Color::INK.mix(Color(0xff, 0xff, 0xff), 0.55);
    let mut lines = vec![("before", Boundary::of(weights, bias), grey, Stroke::Solid, 6.0)];
    let after = |method: MethodId| perturbed(method, weights, bias, epsilon);
    lines.extend(METHODS.map(|m| (m.name, after(m), m.color, m.dash, 2.0)));
    // Names first, since the order of drawing depends on the numbers and the legend should not.
    for (name, _, color, dash, width) in &lines {
        panel = panel.with(Layer::line([], *color).stroked(*dash).sized(*width).labelled(*name));
    }
    // SP turns as WN does, so its dotted line lies on the other's; the shorter of the two goes in front.
    lines[1..].sort_by(|a, b| b.1.lambda.abs().total_cmp(&a.1.lambda.abs()));
    for (_, boundary, color, dash, width) in lines {
        let location = boundary.spatial_location();
        panel = panel
            .with(Layer::line(boundary.ends(4.0 * reach), color).stroked(dash).sized(width))
            .with(Layer::line([(0.0, 0.0), location], color).stroked(Stroke::Dotted))
            .with(Layer::points([location], color, Marker::Dot));
    }
    panel
}

/// The change of direction over the step, for all methods, with the bound ‖ε‖ of the theory.
fn changes_panel(weights: [f64; 2], bias: f64) -> Panel {
    let changes = changes(weights, bias);
    let bound = Layer::line(STEPS.map(|e| (e, e)), Color::GREY).sized(5.0).labelled("bound");
    let mut panel =
        Panel::new("(f) Change of direction", Axis::log10("ε"), Axis::log10("angle (radians)")).with(bound);
    // SP and WN turn by the same angle: the wider line shows behind the narrower.
    for (method, width) in METHODS.into_iter().zip([4.5, 2.0, 2.0]) {
        let points = || changes.iter().filter(|c| c.method == method).map(|c| (c.epsilon, c.angle));
        panel = panel
            .with(Layer::line(points(), method.color).stroked(method.dash).sized(width).labelled(method.name))
            .with(Layer::points(points(), method.color, Marker::Dot).labelled(method.name));
    }
    panel.legend(Legend::Above)
}

/// Half the side of a square that shows all locations before and after.
fn view(weights: [f64; 2], bias: f64) -> f64 {
    let before = Boundary::of(weights, bias);
    let after = STEPS.into_iter().flat_map(|e| METHODS.map(|m| perturbed(m, weights, bias, e)));
    let farthest =
        after.chain([before]).map(|b| b.lambda.abs()).filter(|l| l.is_finite()).fold(0.5, f64::max);
    1.6 * farthest
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: [f64; 2] = [1.1e-3, -0.7e-3];
    const BIAS: f64 = 0.9e-3;

    #[test]
    fn the_location_is_the_point_of_the_boundary_nearest_the_origin() {
        let boundary = Boundary::of(WEIGHTS, BIAS);
        let (x, y) = boundary.spatial_location();
        assert!((WEIGHTS[0] * x + WEIGHTS[1] * y + BIAS).abs() < 1e-18);
        for (x1, y1) in boundary.ends(2.0) {
            assert!((WEIGHTS[0] * x1 + WEIGHTS[1] * y1 + BIAS).abs() < 1e-17);
            assert!(((x1 - x) * x + (y1 - y) * y).abs() < 1e-15, "not at a right angle to φ");
        }
    }

    #[test]
    fn geometric_steps_are_bounded_and_the_others_are_not() {
        let lambda = Boundary::of(WEIGHTS, BIAS).lambda.abs();
        let changes = changes(WEIGHTS, BIAS);
        assert_eq!(changes.len(), 12);
        for change in &changes {
            if change.method == method::GMP {
                assert!((change.angle - change.epsilon).abs() < 1e-12, "{change:?}");
                assert!(change.distance <= change.epsilon * (1.0 + lambda) + 1e-12, "{change:?}");
            } else {
                assert!(change.angle > 10.0 * change.epsilon, "{change:?}");
            }
        }
    }

    #[test]
    fn no_step_is_no_change() {
        let before = Boundary::of(WEIGHTS, BIAS);
        for method in METHODS {
            let after = perturbed(method, WEIGHTS, BIAS, 0.0);
            assert!(
                (after.theta - before.theta).abs() < 1e-15 && (after.lambda - before.lambda).abs() < 1e-15
            );
        }
    }

    #[test]
    fn standard_and_weight_normalized_units_turn_alike() {
        let changes = changes(WEIGHTS, BIAS);
        for three in changes.chunks_exact(3) {
            assert_eq!(three[0].angle, three[1].angle);
        }
    }
}
