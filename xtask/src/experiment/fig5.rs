//! Figure 5, and panels (a) and (b) of Figure 2: a ReLU unit with one input, z = ReLU(u x + λ) with u = ±1. Its
//! boundary is the point φ = −λ u.

use anyhow::Result;

use super::{Context, Experiment, Prepared, Study};
use crate::report::color::Color;
use crate::report::figure::{Anchor, Axis, Figure, Layer, Marker, Panel};
use crate::report::html::{Block, Section};
use crate::run::results::Results;

/// Figure 5.
pub struct Fig5;

impl Experiment for Fig5 {
    fn id(&self) -> &'static str {
        "fig5"
    }
    fn title(&self) -> &'static str {
        "Figure 5: a ReLU unit with one input"
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

impl Study for Fig5 {
    fn report(&self, _: &Results<'_>) -> Section {
        Section {
            id: Fig5.id().to_owned(),
            title: Fig5.title().to_owned(),
            paper_claim:
                "A definition, not a claim: the activation boundary of a unit with one input is a point."
                    .to_owned(),
            blocks: vec![Block::Figure(figure())],
        }
    }
}

/// Half the range of x, and the height of the panels in units of z.
const REACH: f64 = 2.0;
const HEIGHT: f64 = 2.6;

/// Figure 5: both signs of u with both signs of λ.
#[must_use]
pub fn figure() -> Figure {
    let caption = "Characteristic activation boundary (brown) and spatial location φ = −λu(θ) of a ReLU unit \
        z = ReLU(u(θ)x + λ) (blue) with one input x, for both directions u = ±1 and both signs of λ. Green arrows point \
        into the active region, red arrows into the inactive one.";
    let panel = |letter: &str, direction, lambda: f64| unit_panel(letter, direction, lambda);
    Figure::new("fig5", "Figure 5: a ReLU unit with one input")
        .caption(caption)
        .row(190.0, vec![panel("(a)", 1.0, 0.8), panel("(b)", -1.0, 0.8)])
        .row(190.0, vec![panel("(c)", 1.0, -0.8), panel("(d)", -1.0, -0.8)])
}

/// Panels (a) and (b) of Figure 2: u = 1 and u = −1 with the same λ.
#[must_use]
pub fn fig2_panels() -> [Panel; 2] {
    [unit_panel("(a)", 1.0, -0.8), unit_panel("(b)", -1.0, -0.8)]
}

/// A unit's output, its boundary, and its active and inactive side. The direction is the sign of `direction`.
#[must_use]
pub fn unit_panel(letter: &str, direction: f64, lambda: f64) -> Panel {
    let u = 1f64.copysign(direction);
    let location = -lambda * u;
    let sign = |v: f64| if v < 0.0 { "−" } else { "+" };
    let relation = if lambda < 0.0 { "λ < 0" } else { "λ > 0" };
    let title = format!("{letter} u = {}1, {relation}", sign(u));
    let output = [-REACH, location, REACH].map(|x| (x, (u * x + lambda).max(0.0)));
    let x_axis = Axis::linear("x").between(-REACH, REACH);
    let y_axis = Axis::linear("z").between(-0.45, HEIGHT);
    let mut panel = Panel::new(title, x_axis, y_axis)
        .with(Layer::line([(-REACH, 0.0), (REACH, 0.0)], Color::GREY).sized(1.0))
        .with(Layer::line([(location, -0.45), (location, HEIGHT)], Color::BOUNDARY).sized(2.2))
        .with(Layer::line(output, Color::OUTPUT).sized(2.2));
    for height in [0.75, 1.45] {
        for (side, color) in [(0.6 * u, Color::ACTIVE), (-0.6 * u, Color::INACTIVE)] {
            panel =
                panel.with(Layer::Arrow { from: (location, height), to: (location + side, height), color });
        }
    }
    let towards = |side: f64| if side > 0.0 { Anchor::Start } else { Anchor::End };
    let text = |at, string: &str, anchor, color| Layer::Text { at, string: string.to_owned(), anchor, color };
    panel
        .with(Layer::points([(location, 0.0)], Color::INK, Marker::Dot).sized(6.0))
        .with(text((location + 0.09, -0.32), "φ", Anchor::Start, Color::INK))
        .with(text((location + 0.12 * u, 1.72), "active", towards(u), Color::ACTIVE))
        .with(text((location - 0.12 * u, 1.72), "inactive", towards(-u), Color::INACTIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_leaves_zero_at_the_location() {
        for (u, lambda) in [(1.0, 0.8), (-1.0, 0.8), (1.0, -0.8), (-1.0, -0.8)] {
            let panel = unit_panel("", u, lambda);
            let lines: Vec<_> = panel
                .layers
                .iter()
                .filter_map(|l| match l {
                    Layer::Line { points, color, .. } if *color == Color::OUTPUT => Some(points.clone()),
                    _ => None,
                })
                .collect();
            let [points] = &lines[..] else { panic!("one output per panel") };
            assert_eq!(points[1], (-lambda * u, 0.0));
            let (active, inactive) = if u > 0.0 { (points[2], points[0]) } else { (points[0], points[2]) };
            assert!(active.1 > 1.0 && inactive.1 == 0.0);
        }
    }
}
