//! A panel with a ReLU unit of one input, z = ReLU(u x + λ) with u = ±1, whose boundary is the point φ = −λ u: Figures 2
//! and 5.

use crate::report::color::Color;
use crate::report::figure::{Anchor, Axis, Layer, Marker, Panel};

/// Half the range of x, and the height of the panels in units of z.
const REACH: f64 = 2.0;
const HEIGHT: f64 = 2.6;

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
