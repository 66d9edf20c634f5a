//! Constructors of the parts of a figure, for what most figures want.

use super::color::Color;
use super::figure::{Axis, Figure, Layer, Legend, Marker, Panel, Row, Scale, Stroke};

impl Layer {
    /// A solid line of ordinary width.
    pub fn line(points: impl IntoIterator<Item = (f64, f64)>, color: Color) -> Self {
        let points = points.into_iter().collect();
        Self::Line { points, color, width: 1.6, stroke: Stroke::Solid, opacity: 1.0, label: String::new() }
    }

    /// Points of the given shape and ordinary size.
    pub fn points(points: impl IntoIterator<Item = (f64, f64)>, color: Color, marker: Marker) -> Self {
        let size = if marker == Marker::Star { 11.0 } else { 5.0 };
        Self::Points {
            points: points.into_iter().collect(),
            color,
            marker,
            size,
            opacity: 1.0,
            label: String::new(),
        }
    }

    /// The same layer under a name in the legend; only lines and points have one.
    #[must_use]
    pub fn labelled(mut self, name: impl Into<String>) -> Self {
        if let Self::Line { label, .. } | Self::Points { label, .. } = &mut self {
            *label = name.into();
        }
        self
    }

    /// The same line with another stroke; other layers stay as they are.
    #[must_use]
    pub fn stroked(mut self, with: Stroke) -> Self {
        if let Self::Line { stroke, .. } = &mut self {
            *stroke = with;
        }
        self
    }

    /// The same line with another width, or the same points with another size, in pixels.
    #[must_use]
    pub fn sized(mut self, pixels: f64) -> Self {
        if let Self::Line { width: size, .. } | Self::Points { size, .. } = &mut self {
            *size = pixels;
        }
        self
    }

    /// The same line or points with another opacity from 0 to 1.
    #[must_use]
    pub fn faded(mut self, to: f64) -> Self {
        if let Self::Line { opacity, .. } | Self::Points { opacity, .. } = &mut self {
            *opacity = to;
        }
        self
    }
}

impl Axis {
    /// A linear axis over the range of the data.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear, range: None, ticks: None }
    }

    /// A log₁₀ axis over the range of the data.
    pub fn log10(label: impl Into<String>) -> Self {
        Self { scale: Scale::Log10, ..Self::linear(label) }
    }

    /// A log₂ axis over the range of the data.
    pub fn log2(label: impl Into<String>) -> Self {
        Self { scale: Scale::Log2, ..Self::linear(label) }
    }

    /// The same axis from `first` to `last`.
    #[must_use]
    pub fn between(self, first: f64, last: f64) -> Self {
        Self { range: Some((first, last)), ..self }
    }

    /// The same axis without ticks.
    #[must_use]
    pub fn bare(self) -> Self {
        Self { ticks: Some(Vec::new()), ..self }
    }
}

impl Panel {
    /// An empty panel without a legend.
    pub fn new(title: impl Into<String>, x_axis: Axis, y_axis: Axis) -> Self {
        let (layers, legend) = (Vec::new(), Legend::Hidden);
        let (title, ends) = (title.into(), Vec::new());
        Self { title, x_axis, y_axis, layers, ends, aspect_equal: false, legend, weight: 1.0 }
    }

    /// The same panel with one more layer in front.
    #[must_use]
    pub fn with(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// The same panel with one more layer in front, which shows the end of something that a script can show from its
    /// beginning.
    #[must_use]
    pub fn with_end(mut self, layer: Layer) -> Self {
        self.ends.push(self.layers.len());
        self.with(layer)
    }

    /// The same panel with its legend at `legend`.
    #[must_use]
    pub fn legend(self, legend: Legend) -> Self {
        Self { legend, ..self }
    }

    /// The same panel with units as long on both axes.
    #[must_use]
    pub fn aspect_equal(self) -> Self {
        Self { aspect_equal: true, ..self }
    }
}

impl Figure {
    /// A figure 960 pixels wide, without rows.
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        let (name, title) = (name.into(), title.into());
        Self { name, title, caption: String::new(), width: 960.0, rows: Vec::new() }
    }

    /// The same figure with a caption.
    #[must_use]
    pub fn caption(self, caption: impl Into<String>) -> Self {
        Self { caption: caption.into(), ..self }
    }

    /// The same figure with one more row, whose plotting areas are `height` pixels high.
    #[must_use]
    pub fn row(mut self, height: f64, panels: Vec<Panel>) -> Self {
        self.rows.push(Row { height, panels });
        self
    }
}
