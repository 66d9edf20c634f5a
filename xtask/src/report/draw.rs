//! Where everything in a figure goes: rows, margins, axes, titles.

use super::axis::{Span, thinned};
use super::color::Color;
use super::figure::{Anchor, Axis, Figure, Layer, Legend, Panel, Row, Scale, Stroke};
use super::layers::{self, Frame};
use super::legend;
use super::polyline::{Rect, path};
use super::svg::{Svg, TextStyle, text_width, wrap};

const EDGE: f64 = 12.0;
const GAP: f64 = 16.0;
const FIGURE_TITLE: f64 = 17.0;
const TITLE: f64 = 13.0;
const LABEL: f64 = 12.0;
pub(super) const TICK: f64 = 11.0;
const LINE: f64 = 16.0;
/// Height of a line about values that are not shown.
const NOTE: f64 = 13.0;
/// Room to the right of a plotting area for half a tick label.
const RIGHT: f64 = 14.0;
/// From the plotting area to its tick labels.
const TICK_GAP: f64 = 6.0;
/// Tick labels that are too long to stand side by side lean by this many degrees.
const LEAN: f64 = 30.0;

/// What surrounds one plotting area.
#[derive(Clone, Copy, Default)]
struct Margins {
    left: f64,
    top: f64,
    bottom: f64,
}

pub(super) fn figure(figure: &Figure) -> String {
    let width = if figure.width.is_finite() { figure.width.clamp(160.0, 8000.0) } else { 960.0 };
    let title = wrap(&figure.title, FIGURE_TITLE, width - 2.0 * EDGE);
    let head = if title.is_empty() { 0.0 } else { title.len() as f64 * 22.0 + 4.0 };

    let mut margins: Vec<Vec<Margins>> = figure.rows.iter().map(|row| measure(row, width)).collect();
    align_columns(&figure.rows, &mut margins);
    let heights: Vec<f64> = figure.rows.iter().zip(&margins).map(|(row, m)| full_height(row, m)).collect();
    let gaps = GAP * heights.len().saturating_sub(1) as f64;
    let height = 2.0 * EDGE + head + heights.iter().sum::<f64>() + gaps;

    let label = if figure.title.is_empty() { &figure.name } else { &figure.title };
    let mut svg = Svg::new(width, height, label, &figure.caption);
    for (k, line) in title.iter().enumerate() {
        let style = TextStyle::new(FIGURE_TITLE, Anchor::Middle);
        svg.text(0.5 * width, EDGE + 16.0 + 22.0 * k as f64, line, style);
    }
    let mut top = EDGE + head;
    for ((row, margins), height) in figure.rows.iter().zip(&margins).zip(&heights) {
        for ((panel, cell), m) in row.panels.iter().zip(cells(row, width)).zip(margins) {
            // Panels of a row share the line on which their plotting areas begin.
            let above = margins.iter().map(|m| m.top).fold(0.0, f64::max);
            let area = Rect {
                x: cell.0 + m.left,
                y: top + above,
                width: (cell.1 - m.left - RIGHT).max(20.0),
                height: row_height(row),
            };
            draw_panel(&mut svg, panel, area, m.top);
        }
        top += height + GAP;
    }
    svg.finish()
}

fn row_height(row: &Row) -> f64 {
    if row.height.is_finite() { row.height.clamp(20.0, 8000.0) } else { 200.0 }
}

fn full_height(row: &Row, margins: &[Margins]) -> f64 {
    let most = |of: fn(&Margins) -> f64| margins.iter().map(of).fold(0.0, f64::max);
    most(|m| m.top) + row_height(row) + most(|m| m.bottom)
}

/// Left end and width of each panel's cell.
fn cells(row: &Row, width: f64) -> Vec<(f64, f64)> {
    let weight = |p: &Panel| if p.weight.is_finite() { p.weight.max(0.05) } else { 1.0 };
    let total: f64 = row.panels.iter().map(weight).sum();
    let free = width - 2.0 * EDGE - GAP * row.panels.len().saturating_sub(1) as f64;
    let mut left = EDGE;
    let place = |panel| {
        let cell = (left, free * weight(panel) / total);
        left += cell.1 + GAP;
        cell
    };
    row.panels.iter().map(place).collect()
}

/// Two passes, since the ticks depend on the room and the room on the ticks.
fn measure(row: &Row, width: f64) -> Vec<Margins> {
    let one = |(panel, (_, cell)): (&Panel, (f64, f64))| {
        let mut margins = Margins { left: 44.0, ..Margins::default() };
        for _ in 0..2 {
            let plot = (cell - margins.left - RIGHT).max(20.0);
            let area = Rect { x: 0.0, y: 0.0, width: plot, height: row_height(row) };
            let frame = settle(panel, area);
            let y_ticks = y_ticks(panel, &frame);
            let widest = y_ticks.iter().map(|t| text_width(&t.1, TICK)).fold(0.0, f64::max);
            let (x_ticks, lean) = x_ticks(panel, &frame);
            let longest = x_ticks.iter().map(|t| text_width(&t.1, TICK)).fold(0.0, f64::max);
            let tick_height = match (x_ticks.is_empty(), lean) {
                (true, _) => 4.0,
                (_, false) => 20.0,
                (_, true) => 16.0 + longest * LEAN.to_radians().sin(),
            };
            let y_label = wrap(&panel.y_axis.label, LABEL, row_height(row)).len() as f64;
            let x_label = wrap(&panel.x_axis.label, LABEL, plot + RIGHT).len() as f64;
            let notes = omissions(panel, &frame, plot).len() as f64 * NOTE;
            let legend = if panel.legend == Legend::Above { legend::height_above(panel, plot) } else { 0.0 };
            margins = Margins {
                left: widest + TICK_GAP + 2.0 + y_label * LINE,
                top: wrap(&panel.title, TITLE, plot + RIGHT).len() as f64 * LINE + legend + notes + 6.0,
                bottom: tick_height + x_label * LINE,
            };
        }
        margins
    };
    row.panels.iter().zip(cells(row, width)).map(one).collect()
}

/// Gives the panels of a column, in rows cut at the same places, the same left margin.
fn align_columns(rows: &[Row], margins: &mut [Vec<Margins>]) {
    let cut: Vec<Vec<f64>> = rows.iter().map(|r| r.panels.iter().map(|p| p.weight).collect()).collect();
    for a in 0..rows.len() {
        for column in 0..cut[a].len() {
            let alike = || (0..rows.len()).filter(|b| cut[*b] == cut[a]);
            let left = alike().map(|b| margins[b][column].left).fold(0.0, f64::max);
            alike().for_each(|b| margins[b][column].left = left);
        }
    }
}

/// The ranges of a panel, and its plotting area, which shrinks where equal units on both axes ask for it.
fn settle(panel: &Panel, area: Rect) -> Frame {
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for layer in &panel.layers {
        let (x, y) = layers::extent(layer);
        xs.extend(x);
        ys.extend(y);
    }
    let tight = |l: &Layer| matches!(l, Layer::Heat { .. } | Layer::Strips { .. });
    let tight = panel.layers.iter().any(tight);
    let bars = panel.layers.iter().any(|l| matches!(l, Layer::Bars { .. }));
    // A line is read from its first to its last value; points on the frame would be hard to see.
    let lines = panel.layers.iter().all(|l| matches!(l, Layer::Line { .. } | Layer::Band { .. }));
    let x = Span::new(&panel.x_axis, xs.into_iter(), tight || bars || lines);
    let mut y = Span::new(&panel.y_axis, ys.iter().copied(), tight);
    // Bars stand on zero, not a margin above the frame.
    if bars && y.scale == Scale::Linear && panel.y_axis.range.is_none() && !ys.iter().any(|v| *v < 0.0) {
        y.low = 0.0;
    }
    let mut frame = Frame { area, x, y };
    if panel.aspect_equal && x.scale == Scale::Linear && y.scale == Scale::Linear {
        let per_unit = (area.width / (x.high - x.low), area.height / (y.high - y.low));
        let fixed = Span::given(&panel.x_axis).is_some() && Span::given(&panel.y_axis).is_some();
        let factor = per_unit.0 / per_unit.1;
        match (fixed, factor > 1.0) {
            (false, true) => frame.x = x.widened(factor),
            (false, false) => frame.y = y.widened(1.0 / factor),
            (true, true) => {
                frame.area.width = area.width / factor;
                frame.area.x += 0.5 * (area.width - frame.area.width);
            }
            (true, false) => frame.area.height = area.height * factor,
        }
    }
    frame
}

fn y_ticks(panel: &Panel, frame: &Frame) -> Vec<(f64, String)> {
    // Where units are equally long, so are the steps between ticks.
    let room = if panel.aspect_equal { 48.0 } else { 34.0 };
    let count = (frame.area.height / room).max(2.0) as usize;
    ticks(&panel.y_axis, &frame.y, count, panel, false)
}

/// Ticks below the plotting area, and whether their labels have to lean.
fn x_ticks(panel: &Panel, frame: &Frame) -> (Vec<(f64, String)>, bool) {
    let room = if panel.aspect_equal { 48.0 } else { 56.0 };
    let count = (frame.area.width / room).max(2.0) as usize;
    let ticks = ticks(&panel.x_axis, &frame.x, count, panel, true);
    let clear = thinned(ticks.clone(), &frame.x, frame.area.width, TICK);
    let named = panel.x_axis.ticks.is_some() || panel.layers.iter().any(|l| matches!(l, Layer::Bars { .. }));
    // Every name has to be read; a number can be left out.
    if named && clear.len() < ticks.len() { (ticks, true) } else { (clear, false) }
}

fn ticks(axis: &Axis, span: &Span, count: usize, panel: &Panel, horizontal: bool) -> Vec<(f64, String)> {
    let given = axis.ticks.clone().or_else(|| {
        panel.layers.iter().find_map(|layer| match layer {
            Layer::Bars { categories, .. } if horizontal => {
                Some(categories.iter().enumerate().map(|(k, name)| (k as f64, name.clone())).collect())
            }
            Layer::Strips { strips, .. } if !horizontal => {
                Some(strips.iter().enumerate().map(|(k, strip)| (k as f64 + 0.5, strip.0.clone())).collect())
            }
            _ => None,
        })
    });
    let all = given.unwrap_or_else(|| span.ticks(count));
    let inside = |v: f64| span.fraction(v).is_some_and(|f| (-1e-6..=1.0 + 1e-6).contains(&f));
    all.into_iter().filter(|t| inside(t.0)).collect()
}

fn draw_panel(svg: &mut Svg, panel: &Panel, cell: Rect, top: f64) {
    let frame = settle(panel, cell);
    let area = frame.area;
    svg.open_panel(&panel.title, frame.described());
    let titles = wrap(&panel.title, TITLE, cell.width + RIGHT);
    svg.open_group("title");
    for (k, line) in titles.iter().enumerate() {
        let style = TextStyle::new(TITLE, Anchor::Middle);
        svg.text(area.x + 0.5 * area.width, cell.y - top + 12.0 + LINE * k as f64, line, style);
    }
    svg.close_group();
    if panel.legend == Legend::Above {
        legend::draw_above(svg, panel, cell.x, cell.y - top + LINE * titles.len() as f64, cell.width);
    }

    let (x_ticks, lean) = x_ticks(panel, &frame);
    let y_ticks = y_ticks(panel, &frame);
    let plain = |l: &Layer| matches!(l, Layer::Strips { .. } | Layer::Heat { .. });
    let names = |l: &Layer| matches!(l, Layer::Bars { .. });
    if !panel.layers.iter().any(plain) {
        let upright = x_ticks.iter().filter(|_| !panel.layers.iter().any(names));
        let upright = upright.filter_map(|t| frame.x_at(t.0)).map(|x| [(x, area.y), (x, area.bottom())]);
        let level = y_ticks.iter().filter_map(|t| frame.y_at(t.0)).map(|y| [(area.x, y), (area.right(), y)]);
        let lines = upright.chain(level).flat_map(|[a, b]| [Some(a), Some(b), None]);
        svg.stroke(&path(lines, &area), Color::FAINT, 0.8, Stroke::Solid, 1.0);
    }
    for (k, layer) in panel.layers.iter().enumerate() {
        if panel.ends.contains(&k) {
            svg.open_group("end");
            layers::draw(svg, layer, &frame);
            svg.close_group();
        } else {
            layers::draw(svg, layer, &frame);
        }
    }
    svg.frame(area.x, area.y, area.width, area.height, Color::GREY);
    for (value, label) in &x_ticks {
        let Some(x) = frame.x_at(*value) else { continue };
        let anchor = if lean { Anchor::End } else { Anchor::Middle };
        let turned = if lean { -LEAN } else { 0.0 };
        svg.text(x, area.bottom() + 14.0, label, TextStyle { turned, ..TextStyle::new(TICK, anchor) });
    }
    for (value, label) in &y_ticks {
        let Some(y) = frame.y_at(*value) else { continue };
        svg.text(area.x - TICK_GAP, y + 0.35 * TICK, label, TextStyle::new(TICK, Anchor::End));
    }
    axis_labels(svg, panel, &area, cell, &x_ticks, &y_ticks, lean);
    for (k, line) in omissions(panel, &frame, cell.width).iter().rev().enumerate() {
        let style =
            TextStyle { color: Color::GREY.mix(Color::INK, 0.5), ..TextStyle::new(TICK - 1.0, Anchor::End) };
        svg.text(area.right(), area.y - 5.0 - NOTE * k as f64, line, style);
    }
    legend::draw_inside(svg, panel, &area);
    svg.close_group();
}

fn axis_labels(
    svg: &mut Svg,
    panel: &Panel,
    area: &Rect,
    cell: Rect,
    x_ticks: &[(f64, String)],
    y_ticks: &[(f64, String)],
    lean: bool,
) {
    let widest = |ticks: &[(f64, String)]| ticks.iter().map(|t| text_width(&t.1, TICK)).fold(0.0, f64::max);
    let below = match (x_ticks.is_empty(), lean) {
        (true, _) => 4.0,
        (_, false) => 20.0,
        (_, true) => 16.0 + widest(x_ticks) * LEAN.to_radians().sin(),
    };
    for (k, line) in wrap(&panel.x_axis.label, LABEL, cell.width + RIGHT).iter().enumerate() {
        let y = area.bottom() + below + 11.0 + LINE * k as f64;
        svg.text(area.x + 0.5 * area.width, y, line, TextStyle::new(LABEL, Anchor::Middle));
    }
    let lines = wrap(&panel.y_axis.label, LABEL, area.height.max(cell.height));
    for (k, line) in lines.iter().enumerate() {
        let from_last = (lines.len() - 1 - k) as f64;
        let x = area.x - widest(y_ticks) - TICK_GAP - 6.0 - LINE * from_last;
        let style = TextStyle { turned: -90.0, ..TextStyle::new(LABEL, Anchor::Middle) };
        svg.text(x, area.y + 0.5 * area.height, line, style);
    }
}

/// Lines that say how many values have no place on the axes. They stand above the plotting area, where they can hide
/// nothing.
fn omissions(panel: &Panel, frame: &Frame, width: f64) -> Vec<String> {
    let (at_zero, outside) = panel
        .layers
        .iter()
        .map(|layer| layers::omission(layer, frame))
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let values = |n: usize| if n == 1 { "1 value".to_owned() } else { format!("{n} values") };
    let mut notes = Vec::new();
    if at_zero > 0 {
        notes.push(format!("{} at or below 0 not shown", values(at_zero)));
    }
    if outside > 0 {
        notes.push(format!("{} outside not shown", values(outside)));
    }
    notes.iter().flat_map(|note| wrap(note, TICK - 1.0, width)).collect()
}
