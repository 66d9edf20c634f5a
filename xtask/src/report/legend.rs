//! The names of the layers, above the plotting area or in one of its corners.

use super::color::Color;
use super::draw::TICK;
use super::figure::{Anchor, Layer, Legend, Marker, Panel, Stroke};
use super::layers::markers;
use super::polyline::Rect;
use super::svg::{Svg, TextStyle, number, text_width};

const LINE: f64 = 16.0;
/// Width of the sample before a name, and what keeps them apart.
const SAMPLE: f64 = 18.0;
const SPACE: f64 = 5.0;
/// Between two entries of one line.
const BETWEEN: f64 = 10.0;

/// How the layers under one name look.
#[derive(Clone, Copy)]
enum Sample {
    Line(Color, f64, Stroke),
    Marker(Color, Marker, f64),
    Bar(Color),
}

/// A name with all of its samples.
type Entry<'a> = (&'a str, Vec<Sample>);

/// Every name once, in the order of the layers, with all of its samples.
fn entries(panel: &Panel) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut add = |label, sample| match entries.iter_mut().find(|e| e.0 == label) {
        _ if str::is_empty(label) => {}
        Some((_, samples)) => samples.push(sample),
        None => entries.push((label, vec![sample])),
    };
    for layer in &panel.layers {
        match layer {
            Layer::Line { label, color, width, stroke, .. } => {
                add(label, Sample::Line(*color, *width, *stroke))
            }
            Layer::Points { label, color, marker, size, .. } => {
                add(label, Sample::Marker(*color, *marker, *size))
            }
            Layer::Bars { series, .. } => series.iter().for_each(|s| add(&s.label, Sample::Bar(s.color))),
            _ => {}
        }
    }
    entries
}

fn entry_width(name: &str) -> f64 {
    SAMPLE + SPACE + text_width(name, TICK)
}

/// Entries with their line and their distance from the left.
fn flowed(panel: &Panel, width: f64) -> (Vec<(Entry<'_>, usize, f64)>, usize) {
    let (mut line, mut x) = (0, 0.0);
    let mut placed = Vec::new();
    for (name, samples) in entries(panel) {
        let entry = entry_width(name);
        if x > 0.0 && x + entry > width {
            (line, x) = (line + 1, 0.0);
        }
        placed.push(((name, samples), line, x));
        x += entry + BETWEEN;
    }
    let lines = if placed.is_empty() { 0 } else { line + 1 };
    (placed, lines)
}

pub(super) fn height_above(panel: &Panel, width: f64) -> f64 {
    flowed(panel, width).1 as f64 * LINE
}

pub(super) fn draw_above(svg: &mut Svg, panel: &Panel, left: f64, top: f64, width: f64) {
    for ((name, samples), line, x) in flowed(panel, width).0 {
        draw_entry(svg, name, &samples, left + x, top + LINE * (line as f64 + 0.5) + 2.0);
    }
}

pub(super) fn draw_inside(svg: &mut Svg, panel: &Panel, area: &Rect) {
    const PAD: f64 = 6.0;
    let (right, bottom) = match panel.legend {
        Legend::Hidden | Legend::Above => return,
        Legend::TopLeft => (false, false),
        Legend::TopRight => (true, false),
        Legend::BottomLeft => (false, true),
        Legend::BottomRight => (true, true),
    };
    let entries = entries(panel);
    if entries.is_empty() {
        return;
    }
    let width = entries.iter().map(|e| entry_width(e.0)).fold(0.0, f64::max) + 2.0 * PAD;
    let height = entries.len() as f64 * LINE + PAD;
    let x = if right { area.right() - width - PAD } else { area.x + PAD };
    let y = if bottom { area.bottom() - height - PAD } else { area.y + PAD };
    svg.rect(x, y, width, height, Color(0xff, 0xff, 0xff), 0.85);
    for (k, (name, samples)) in entries.iter().enumerate() {
        draw_entry(svg, name, samples, x + PAD, y + 0.5 * PAD + LINE * (k as f64 + 0.5));
    }
}

fn draw_entry(svg: &mut Svg, name: &str, samples: &[Sample], x: f64, middle: f64) {
    for sample in samples {
        match *sample {
            Sample::Line(color, width, stroke) => {
                let data = format!("M{} {1}L{2} {1}", number(x), number(middle), number(x + SAMPLE));
                svg.stroke(&data, color, width.clamp(1.0, 3.0), stroke, 1.0);
            }
            Sample::Marker(color, marker, size) => {
                let at = (x + 0.5 * SAMPLE, middle);
                markers(svg, [at].into_iter(), marker, size.clamp(4.0, 11.0), color, 1.0);
            }
            Sample::Bar(color) => svg.rect(x + 4.0, middle - 5.0, 11.0, 10.0, color, 1.0),
        }
    }
    svg.text(x + SAMPLE + SPACE, middle + 0.35 * TICK, name, TextStyle::new(TICK, Anchor::Start));
}
