//! Each kind of layer, drawn inside the plotting area.

use std::fmt::Write as _;

use super::axis::Span;
use super::color::{Color, ColorMap};
use super::contour;
use super::figure::{BarSeries, Grid, Layer, Marker, Scale, Stroke};
use super::polyline::{Rect, closed_path, path};
use super::svg::{Svg, TextStyle, number};

/// Share of a group's place that its bars fill.
const BARS: f64 = 0.8;

/// A plotting area with its two ranges.
pub(super) struct Frame {
    pub(super) area: Rect,
    pub(super) x: Span,
    pub(super) y: Span,
}

impl Frame {
    pub(super) fn x_at(&self, x: f64) -> Option<f64> {
        self.x.fraction(x).map(|f| self.area.x + f * self.area.width)
    }

    pub(super) fn y_at(&self, y: f64) -> Option<f64> {
        self.y.fraction(y).map(|f| self.area.bottom() - f * self.area.height)
    }

    /// Both axes as a browser's script reads them: the scale, the pixels of its ends and their coordinates. `None` where the
    /// range is too large for a double.
    pub(super) fn described(&self) -> Option<[String; 2]> {
        let Self { area, x, y } = self;
        let is_finite = [x, y].iter().all(|span| span.low.is_finite() && span.high.is_finite());
        is_finite.then(|| {
            [(x, area.x, area.right()), (y, area.bottom(), area.y)].map(|(span, from, to)| {
                let scale = match span.scale {
                    Scale::Linear => "linear",
                    Scale::Log10 => "log10",
                    Scale::Log2 => "log2",
                };
                format!("{scale} {} {} {:.8e} {:.8e}", number(from), number(to), span.low, span.high)
            })
        })
    }

    fn at(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.x_at(x)?, self.y_at(y)?))
    }

    /// Where `y` lies, or the bottom for what a logarithmic axis has no place for.
    fn y_or_bottom(&self, y: f64) -> f64 {
        self.y_at(y).unwrap_or(self.area.bottom())
    }

    fn visible(&self, points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
        points.iter().filter_map(|p| self.at(*p)).filter(|p| self.area.contains(*p))
    }
}

/// The values that an automatic range has to cover, on both axes.
pub(super) fn extent(layer: &Layer) -> (Vec<f64>, Vec<f64>) {
    let finite = |points: &[(f64, f64)]| -> (Vec<f64>, Vec<f64>) {
        points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()).copied().unzip()
    };
    match layer {
        Layer::Line { points, .. } | Layer::Points { points, .. } => finite(points),
        Layer::Band { x, low, high, .. } => (x.clone(), [&low[..], &high[..]].concat()),
        Layer::Arrow { from, to, .. } => finite(&[*from, *to]),
        Layer::Bars { categories, series } => {
            let ends = series.iter().flat_map(|s| &s.values).flat_map(|(v, e)| [v - e, v + e, *v]);
            (vec![-0.5, categories.len() as f64 - 0.5], ends.chain([0.0]).collect())
        }
        Layer::Heat { grid, .. } | Layer::Contour { grid, .. } => (grid.x.clone(), grid.y.clone()),
        Layer::Strips { strips, .. } => {
            (strips.iter().flat_map(|s| s.1.clone()).collect(), vec![0.0, strips.len() as f64])
        }
        Layer::Text { at, .. } => finite(&[*at]),
    }
}

/// What the panel has to say about values of `layer` that it does not show.
pub(super) fn omission(layer: &Layer, frame: &Frame) -> (usize, usize) {
    let nowhere = |span: &Span, v: f64| span.scale != Scale::Linear && v.is_finite() && v <= 0.0;
    match layer {
        Layer::Line { points, .. } | Layer::Points { points, .. } => {
            (points.iter().filter(|p| nowhere(&frame.x, p.0) || nowhere(&frame.y, p.1)).count(), 0)
        }
        Layer::Strips { strips, .. } => {
            let outside = |x: &&f64| frame.x.fraction(**x).is_none_or(|f| !(0.0..=1.0).contains(&f));
            (0, strips.iter().flat_map(|s| &s.1).filter(outside).count())
        }
        _ => (0, 0),
    }
}

pub(super) fn draw(svg: &mut Svg, layer: &Layer, frame: &Frame) {
    match layer {
        Layer::Line { points, color, width, stroke, opacity, label } => {
            let data = path(points.iter().map(|p| frame.at(*p)), &frame.area);
            svg.line(&data, *color, *width, *stroke, *opacity, label);
        }
        Layer::Band { x, low, high, color } => {
            let places = x.iter().zip(low).zip(high).map(|((x, low), high)| {
                let top = frame.y_at(*high)?;
                low.is_finite().then_some((frame.x_at(*x)?, frame.y_or_bottom(*low), top))
            });
            band(svg, places, *color, &frame.area);
        }
        Layer::Points { points, color, marker, size, opacity, .. } => {
            markers(svg, frame.visible(points), *marker, *size, *color, *opacity);
        }
        Layer::Arrow { from, to, color } => {
            if let (Some(from), Some(to)) = (frame.at(*from), frame.at(*to)) {
                arrow(svg, from, to, *color, &frame.area);
            }
        }
        Layer::Bars { series, .. } => bars(svg, series, frame),
        Layer::Heat { grid, range, map } => heat(svg, grid, *range, *map, frame),
        Layer::Contour { grid, level, color, width } => {
            let pieces = contour::segments(grid, *level);
            let data = path(pieces.iter().flat_map(|[a, b]| [frame.at(*a), frame.at(*b), None]), &frame.area);
            svg.stroke(&data, *color, *width, Stroke::Solid, 1.0);
        }
        Layer::Strips { strips, color } => {
            for (k, (_, positions)) in strips.iter().enumerate() {
                strip(svg, k, positions, *color, frame);
            }
        }
        Layer::Text { at, string, anchor, color } => {
            if let Some((x, y)) = frame.at(*at).filter(|p| frame.area.contains(*p)) {
                let style = TextStyle { color: *color, halo: true, ..TextStyle::new(12.0, *anchor) };
                svg.text(x, y, string, style);
            }
        }
    }
}

/// Markers of one kind and colour as a single path.
pub(super) fn markers(
    svg: &mut Svg,
    places: impl Iterator<Item = (f64, f64)>,
    marker: Marker,
    size: f64,
    color: Color,
    opacity: f64,
) {
    let mut data = String::new();
    let half = 0.5 * size;
    let polygon = |data: &mut String, corners: &[(f64, f64)]| {
        for (k, (x, y)) in corners.iter().enumerate() {
            let _ = write!(data, "{}{} {}", if k == 0 { "M" } else { "L" }, number(*x), number(*y));
        }
        data.push('Z');
    };
    for (x, y) in places {
        match marker {
            // A round cap makes a line of no length a disc, in a tenth of the text of a circle element.
            Marker::Dot => {
                let _ = write!(data, "M{} {}h.01", number(x), number(y));
            }
            Marker::Cross => {
                let _ = write!(
                    data,
                    "M{} {}l{size} {size}m0 -{size}l-{size} {size}",
                    number(x - half),
                    number(y - half)
                );
            }
            Marker::Diamond => {
                polygon(&mut data, &[(x, y - half), (x + half, y), (x, y + half), (x - half, y)]);
            }
            Marker::Star => {
                let corner = |k: usize| {
                    let (sin, cos) = (k as f64 * std::f64::consts::PI / 5.0).sin_cos();
                    let reach = if k.is_multiple_of(2) { half } else { 0.42 * half };
                    (x + reach * sin, y - reach * cos)
                };
                polygon(&mut data, &(0..10).map(corner).collect::<Vec<_>>());
            }
        }
    }
    match marker {
        Marker::Dot => svg.stroke(&data, color, size, Stroke::Solid, opacity),
        Marker::Cross => svg.stroke(&data, color, 1.6, Stroke::Solid, opacity),
        Marker::Diamond | Marker::Star => {
            svg.stroke(&data, Color(0xff, 0xff, 0xff), 1.6, Stroke::Solid, opacity);
            svg.fill(&data, color, opacity, false);
        }
    }
}

/// The area between two curves, given as x, lower y, upper y in pixels; `None` breaks it.
fn band(svg: &mut Svg, places: impl Iterator<Item = Option<(f64, f64, f64)>>, color: Color, area: &Rect) {
    let mut data = String::new();
    let mut run: Vec<(f64, f64, f64)> = Vec::new();
    for place in places.chain([None]) {
        match (place, run.last_mut()) {
            // Within half a pixel, the widest part stands for the rest.
            (Some(place), Some(last)) if (place.0 - last.0).abs() < 0.5 => {
                (last.1, last.2) = (last.1.max(place.1), last.2.min(place.2));
            }
            (Some(place), _) => run.push(place),
            (None, _) => {
                let outline: Vec<_> =
                    run.iter().map(|p| (p.0, p.1)).chain(run.iter().rev().map(|p| (p.0, p.2))).collect();
                data.push_str(&closed_path(&outline, area));
                run.clear();
            }
        }
    }
    svg.fill(&data, color, 0.25, false);
}

fn arrow(svg: &mut Svg, from: (f64, f64), to: (f64, f64), color: Color, area: &Rect) {
    const HEAD: f64 = 9.0;
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    if length == 0.0 || !length.is_finite() {
        return;
    }
    let (dx, dy) = ((to.0 - from.0) / length, (to.1 - from.1) / length);
    let head = HEAD.min(0.6 * length);
    let neck = (to.0 - head * dx, to.1 - head * dy);
    svg.stroke(&path([Some(from), Some(neck)].into_iter(), area), color, 2.0, Stroke::Solid, 1.0);
    let side = |s: f64| (neck.0 - s * 0.42 * head * dy, neck.1 + s * 0.42 * head * dx);
    svg.fill(&closed_path(&[to, side(1.0), side(-1.0)], area), color, 1.0, false);
}

fn bars(svg: &mut Svg, series: &[BarSeries], frame: &Frame) {
    let width = BARS / series.len().max(1) as f64;
    for (k, one) in series.iter().enumerate() {
        for (group, (value, error)) in one.values.iter().enumerate() {
            let left = group as f64 - 0.5 * BARS + k as f64 * width;
            let (Some(x0), Some(x1), Some(top)) =
                (frame.x_at(left + 0.04 * width), frame.x_at(left + 0.96 * width), frame.y_at(*value))
            else {
                continue;
            };
            let base = frame.y_or_bottom(0.0);
            svg.fill(
                &closed_path(&[(x0, base), (x1, base), (x1, top), (x0, top)], &frame.area),
                one.color,
                1.0,
                false,
            );
            let (middle, reach) = (0.5 * (x0 + x1), 0.25 * (x1 - x0));
            if let Some(high) = frame.y_at(value + error).filter(|_| *error > 0.0) {
                let low = frame.y_or_bottom(value - error);
                let cap = |y: f64| [Some((middle - reach, y)), Some((middle + reach, y)), None];
                let stem = [Some((middle, low)), Some((middle, high)), None];
                let lines = cap(low).into_iter().chain(stem).chain(cap(high));
                svg.stroke(&path(lines, &frame.area), Color::INK, 1.2, Stroke::Solid, 1.0);
            }
        }
    }
}

fn heat(svg: &mut Svg, grid: &Grid, (first, last): (f64, f64), map: ColorMap, frame: &Frame) {
    if !grid.is_whole() {
        return;
    }
    // A cell reaches half-way to its neighbours.
    let edges = |nodes: &[f64],
                 place: &dyn Fn(f64) -> Option<f64>,
                 low: f64,
                 high: f64|
     -> Option<Vec<f64>> {
        let n = nodes.len();
        let inner = nodes.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
        let ends = (1.5 * nodes[0] - 0.5 * nodes[1], 1.5 * nodes[n - 1] - 0.5 * nodes[n - 2]);
        [ends.0].into_iter().chain(inner).chain([ends.1]).map(|v| Some(place(v)?.clamp(low, high))).collect()
    };
    let area = &frame.area;
    let (Some(x), Some(y)) = (
        edges(&grid.x, &|v| frame.x_at(v), area.x, area.right()),
        edges(&grid.y, &|v| frame.y_at(v), area.y, area.bottom()),
    ) else {
        return;
    };
    let shades = map.shades();
    let shade = |value: f64| {
        let t = (value - first) / (last - first);
        t.is_finite().then(|| (t.clamp(0.0, 1.0) * (shades.len() - 1) as f64).round() as usize)
    };
    let mut paths = vec![String::new(); shades.len()];
    for (row, values) in grid.values.chunks_exact(grid.x.len()).enumerate() {
        let mut start = 0;
        while start < values.len() {
            let this = shade(values[start]);
            let length = values[start..].iter().take_while(|v| shade(**v) == this).count();
            if let Some(this) = this {
                let (x0, x1, y0, y1) = (x[start], x[start + length], y[row], y[row + 1]);
                let (x0, x1, y0, y1) = (number(x0), number(x1), number(y0), number(y1));
                let _ = write!(paths[this], "M{x0} {y0}H{x1}V{y1}H{x0}Z");
            }
            start += length;
        }
    }
    for (data, color) in paths.iter().zip(shades) {
        svg.fill(data, color, 1.0, true);
    }
}

fn strip(svg: &mut Svg, index: usize, positions: &[f64], color: Color, frame: &Frame) {
    let (Some(bottom), Some(top)) = (frame.y_at(index as f64 + 0.08), frame.y_at(index as f64 + 0.92)) else {
        return;
    };
    let area = &frame.area;
    let background = [(area.x, top), (area.right(), top), (area.right(), bottom), (area.x, bottom)];
    svg.fill(&closed_path(&background, area), Color::FAINT, 0.55, false);
    let ticks = positions
        .iter()
        .filter_map(|x| frame.x_at(*x))
        .filter(|x| (area.x..=area.right()).contains(x))
        .flat_map(|x| [Some((x, bottom)), Some((x, top)), None]);
    svg.stroke(&path(ticks, area), color, 1.0, Stroke::Solid, 0.75);
}
