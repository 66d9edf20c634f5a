//! The numbers that a figure draws, as a table that any program reads.

use super::color::Color;
use super::figure::{Figure, Grid, Layer, Panel};
use super::svg::plain;

const HEADER: &str = "panel,layer,kind,name,color,x,y,low,high,value\n";

impl Figure {
    /// The numbers that are drawn, in CSV: one row for each point of a line, end of an arrow, bar, tick or node of a grid.
    ///
    /// `panel` is the title of the panel, `layer` counts its layers from back to front, `name` is what the legend (or the bar, or
    /// the strip) says, and `color` tells apart the lines of methods that have no name of their own. A column that makes no
    /// sense for a kind of layer is empty, and so is a number that is not finite.
    ///
    /// ```
    /// use xtask::report::color::Color;
    /// use xtask::report::figure::{Axis, Figure, Layer, Panel};
    /// let line = Layer::line([(0.0, 1.5), (1.0, f64::NAN)], Color::GREEN).labelled("GmP");
    /// let panel = Panel::new("(a) Loss", Axis::linear("epoch"), Axis::linear("loss")).with(line);
    /// let rows: Vec<String> = Figure::new("loss", "").row(90.0, vec![panel]).csv().lines().map(str::to_owned).collect();
    /// assert_eq!(rows[1..], ["(a) Loss,1,line,GmP,#009e73,0,1.5,,,", "(a) Loss,1,line,GmP,#009e73,1,,,,"]);
    /// ```
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = HEADER.to_owned();
        for panel in self.rows.iter().flat_map(|row| &row.panels) {
            for (k, layer) in panel.layers.iter().enumerate() {
                write_layer(&mut out, panel, k, layer);
            }
        }
        out
    }
}

/// Of a row: x, y, low, high, value.
type Numbers = [Option<f64>; 5];

fn write_layer(out: &mut String, panel: &Panel, index: usize, layer: &Layer) {
    let title = plain(&panel.title);
    let mut row = |kind: &str, name: &str, color: Option<Color>, numbers: Numbers| {
        let color = color.map_or_else(String::new, |color| color.to_string());
        let mut fields =
            vec![quoted(&title), (index + 1).to_string(), kind.to_owned(), quoted(&plain(name)), color];
        fields.extend(numbers.map(|number| number.map_or_else(String::new, shortest)));
        out.push_str(&fields.join(","));
        out.push('\n');
    };
    let point = |(x, y): (f64, f64)| [Some(x), Some(y), None, None, None];
    match layer {
        Layer::Line { points, color, label, .. } => {
            points.iter().for_each(|p| row("line", label, Some(*color), point(*p)));
        }
        Layer::Points { points, color, label, .. } => {
            points.iter().for_each(|p| row("point", label, Some(*color), point(*p)));
        }
        Layer::Band { x, low, high, color } => {
            for ((x, low), high) in x.iter().zip(low).zip(high) {
                row("band", "", Some(*color), [Some(*x), None, Some(*low), Some(*high), None]);
            }
        }
        Layer::Arrow { from, to, color } => {
            [from, to].into_iter().for_each(|p| row("arrow", "", Some(*color), point(*p)));
        }
        Layer::Bars { categories, series } => {
            for of in series {
                for (k, ((height, error), category)) in of.values.iter().zip(categories).enumerate() {
                    let ends = (*error != 0.0).then_some([height - error, height + error]);
                    let [low, high] = ends.map_or([None; 2], |ends| ends.map(Some));
                    let name = format!("{}: {category}", of.label);
                    row("bar", &name, Some(of.color), [Some(k as f64), Some(*height), low, high, None]);
                }
            }
        }
        Layer::Heat { grid, .. } => nodes(grid, |numbers| row("grid", "", None, numbers)),
        Layer::Contour { grid, level, color, .. } => {
            // The grid of a heat map below it is there already.
            let is_same = |other: &Layer| matches!(other, Layer::Heat { grid: heat, .. } if heat == grid);
            if !panel.layers.iter().any(is_same) {
                nodes(grid, |numbers| row("grid", "", None, numbers));
            }
            row("contour", "", Some(*color), [None, None, None, None, Some(*level)]);
        }
        Layer::Strips { strips, color } => {
            for (name, positions) in strips {
                positions
                    .iter()
                    .for_each(|x| row("tick", name, Some(*color), [Some(*x), None, None, None, None]));
            }
        }
        Layer::Text { at, string, color, .. } => row("text", string, Some(*color), point(*at)),
    }
}

fn nodes(grid: &Grid, mut row: impl FnMut(Numbers)) {
    if !grid.is_whole() {
        return;
    }
    let at = grid.y.iter().flat_map(|y| grid.x.iter().map(move |x| (*x, *y)));
    at.zip(&grid.values).for_each(|((x, y), value)| row([Some(x), Some(y), None, None, Some(*value)]));
}

/// As few digits as give the number back, of a number in single precision those that give that back; nothing where it is
/// not finite.
fn shortest(value: f64) -> String {
    let single = value as f32;
    match value.is_finite() {
        true if f64::from(single) == value => plain_or_exponent(single.to_string(), format!("{single:e}")),
        true => plain_or_exponent(value.to_string(), format!("{value:e}")),
        false => String::new(),
    }
}

fn plain_or_exponent(plain: String, exponent: String) -> String {
    if plain.len() <= exponent.len() { plain } else { exponent }
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
