//! The panels of Figure 1.

use super::boundary::{Boundary, METHODS, STEPS, changes, perturbed};
use super::size;
use crate::method::MethodId;
use crate::report::color::Color;
use crate::report::figure::{Anchor, Axis, Figure, Layer, Legend, Marker, Panel, Stroke};
use std::f64::consts::PI;

/// The whole figure for a unit with the given weights and bias, both of the order of 10⁻³ in the paper's set-up.
#[must_use]
pub fn figure(weights: [f64; 2], bias: f64) -> Figure {
    let caption = "(a) Characteristic activation boundary (CAB; brown) and spatial location φ = −λu(θ) of a ReLU unit z = ReLU(cos(θ)x₁ + sin(θ)x₂ + \
        λ). Green arrows point into the active region, red arrows into the inactive one. (b)–(e) The boundary before (grey) and after ε was added to \
        every parameter, with dotted lines from the origin to φ. The nearer a coloured line is to the grey one, the more stable the \
        parameterization. The boundary of BN is that of a batch of 128 points x ~ N(0, I), with γ = 1 and the β that gives it the same boundary \
        before. (f)–(h) Not in the paper. (f) The angle by which the direction u turned; the bound is that of the theory for GmP: the angle is at \
        most ε. SP, WN and BN turn alike. (g) How often GmP turns least in 400 draws w, b ~ σ·N(0, 1), against the size of w: this is a property of \
        small weights. (h) The median movement of φ in these draws, for ε = 10^{−2}. Dashed vertical lines: left, the weights of (b)–(e); right, the \
        initial (Glorot) weights of the network of Figure 3.";
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
    figure.row(242.0, second).row(220.0, size::panels())
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
    // SP, WN and BN turn by the same angle: the wider lines show behind the narrower.
    for (method, width) in METHODS.into_iter().zip([6.0, 4.0, 2.0, 2.0]) {
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
