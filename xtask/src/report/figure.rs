//! A figure as plain data: rows of panels, each with two axes and layers drawn from back to front.
//!
//! ```
//! use xtask::report::color::Color;
//! use xtask::report::figure::{Axis, Figure, Layer, Legend, Panel};
//! let loss = Layer::line([(0.0, 1.0), (1.0, 0.5), (2.0, 0.25)], Color::GREEN).labelled("GmP");
//! let axes = (Axis::linear("epoch"), Axis::log2("loss"));
//! let panel = Panel::new("(a) Loss", axes.0, axes.1).with(loss).legend(Legend::TopRight);
//! let svg = Figure::new("loss", "A falling loss").row(220.0, vec![panel]).svg();
//! assert!(svg.starts_with("<svg") && svg.contains("GmP"));
//! ```
//!
//! In every text of a figure `^{…}` raises and `_{…}` lowers what is between the braces.

use std::path::{Path, PathBuf};

use super::color::{Color, ColorMap};
use super::{Error, draw, raster, write_atomically};

/// A figure: rows of panels under one title. Lengths are CSS pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The stem of the files: ASCII letters, digits, `-` and `_`.
    pub name: String,
    /// Drawn above the panels; empty for none.
    pub title: String,
    /// What the reader has to know; not drawn, but given beside the picture and to screen readers.
    pub caption: String,
    /// Full width.
    pub width: f64,
    /// Rows from top to bottom.
    pub rows: Vec<Row>,
}

/// Panels side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The height of the plotting areas; titles, legends and axis labels come on top.
    pub height: f64,
    /// Panels from left to right.
    pub panels: Vec<Panel>,
}

/// One pair of axes and what is drawn on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Drawn above the plotting area; broken into lines where it is too long.
    pub title: String,
    /// The horizontal axis.
    pub x_axis: Axis,
    /// The vertical axis.
    pub y_axis: Axis,
    /// Layers from back to front.
    pub layers: Vec<Layer>,
    /// Which of the layers, counted from 0, show the end of something that a script can show from its beginning.
    pub ends: Vec<usize>,
    /// Whether a unit is as long on both axes (both must be linear). An automatic range grows to fit; where both
    /// ranges are given, the plotting area shrinks instead.
    pub aspect_equal: bool,
    /// Where the labels of the layers are listed; nowhere by default.
    pub legend: Legend,
    /// Share of the row's width, relative to its neighbours; 1 by default.
    pub weight: f64,
}

/// Where the legend of a panel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Legend {
    /// No legend.
    Hidden,
    /// Between the title and the plotting area, where it can hide nothing.
    Above,
    /// In a corner of the plotting area.
    TopLeft,
    /// In a corner of the plotting area.
    TopRight,
    /// In a corner of the plotting area.
    BottomLeft,
    /// In a corner of the plotting area.
    BottomRight,
}

/// One axis of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Drawn beside the axis; empty for none.
    pub label: String,
    /// How values become positions.
    pub scale: Scale,
    /// First and last value; `None` to take the data's with a margin. A range that is empty, not finite, or not
    /// positive on a logarithmic scale counts as `None`.
    pub range: Option<(f64, f64)>,
    /// Where the ticks are and what they say; `None` for round values.
    pub ticks: Option<Vec<(f64, String)>>,
}

/// How values become positions on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Proportional to the value.
    Linear,
    /// Proportional to log₁₀; ticks at powers of ten.
    Log10,
    /// Proportional to log₂; ticks at powers of two.
    Log2,
}

/// How a line is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// Not at all.
    Solid,
    /// Dashes.
    Dashed,
    /// Dots.
    Dotted,
    /// Dashes and gaps in turn, of these lengths in multiples of the line's width.
    Dashes(&'static [u8]),
}

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// A disc.
    Dot,
    /// A five-pointed star.
    Star,
    /// A diagonal cross.
    Cross,
    /// A square on its corner.
    Diamond,
}

/// Which end of a text lies at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins there.
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

/// The bars of one method over all categories.
#[derive(Debug, Clone, PartialEq)]
pub struct BarSeries {
    /// Name in the legend.
    pub label: String,
    /// Colour of the bars.
    pub color: Color,
    /// Height and half-length of the error bar for each category; no error bar for 0, no bar for NaN.
    pub values: Vec<(f64, f64)>,
}

/// Values on a rectangular grid; `values[row * x.len() + column]` belongs to `(x[column], y[row])`, and both `x` and
/// `y` increase. A grid of another shape draws nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Positions of the columns.
    pub x: Vec<f64>,
    /// Positions of the rows, bottom first.
    pub y: Vec<f64>,
    /// One value per node.
    pub values: Vec<f64>,
}

/// Something drawn on the axes of a panel. Values that are not finite, and values of zero or less on a logarithmic
/// axis, are skipped and break lines; the panel says how many of the latter there were.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// A line through points, in their order.
    Line {
        /// Points `(x, y)`.
        points: Vec<(f64, f64)>,
        /// Colour.
        color: Color,
        /// Width in pixels.
        width: f64,
        /// How it is broken.
        stroke: Stroke,
        /// Opacity from 0 to 1.
        opacity: f64,
        /// Name in the legend; empty for none.
        label: String,
    },
    /// The area between two curves, for confidence bands. The three lists go together; extra entries are ignored.
    Band {
        /// Positions.
        x: Vec<f64>,
        /// Lower curve.
        low: Vec<f64>,
        /// Upper curve.
        high: Vec<f64>,
        /// Colour, drawn at a quarter of its strength.
        color: Color,
    },
    /// Separate points.
    Points {
        /// Points `(x, y)`.
        points: Vec<(f64, f64)>,
        /// Colour.
        color: Color,
        /// Shape.
        marker: Marker,
        /// Diameter in pixels.
        size: f64,
        /// Opacity from 0 to 1.
        opacity: f64,
        /// Name in the legend; empty for none.
        label: String,
    },
    /// A straight arrow.
    Arrow {
        /// Where it begins.
        from: (f64, f64),
        /// Where its head is.
        to: (f64, f64),
        /// Colour.
        color: Color,
    },
    /// Bars in groups, one group per category at x = 0, 1, 2, …
    Bars {
        /// Names of the groups, used as ticks where the axis has none of its own.
        categories: Vec<String>,
        /// One bar per group each.
        series: Vec<BarSeries>,
    },
    /// Values as colours: decision regions.
    Heat {
        /// The values.
        grid: Grid,
        /// The values of the first and the last colour.
        range: (f64, f64),
        /// The colours.
        map: ColorMap,
    },
    /// The curves along which interpolated values equal `level`.
    Contour {
        /// The values.
        grid: Grid,
        /// The value on the curve.
        level: f64,
        /// Colour.
        color: Color,
        /// Width in pixels.
        width: f64,
    },
    /// Horizontal bars stacked from bottom (y = 0) to top, each of height 1 and with short vertical ticks at the given
    /// positions. The axis takes its ticks from the labels where it has none of its own.
    Strips {
        /// Label and positions of each bar, bottom first.
        strips: Vec<(String, Vec<f64>)>,
        /// Colour of the ticks.
        color: Color,
    },
    /// A short text.
    Text {
        /// Position.
        at: (f64, f64),
        /// What it says.
        string: String,
        /// Which end of it lies there.
        anchor: Anchor,
        /// Colour.
        color: Color,
    },
}

/// The files of a figure: the drawing, its pixels, its numbers.
pub(super) const KINDS: [&str; 3] = ["svg", "png", "csv"];

impl Figure {
    /// The figure as an SVG document: no scripts, no identifiers, nothing outside itself, and the same bytes for the
    /// same figure, so that it can stand in a page as it is.
    #[must_use]
    pub fn svg(&self) -> String {
        draw::figure(self)
    }

    /// The figure as a PNG at two pixels per CSS pixel, with fonts that come with the program.
    ///
    /// # Errors
    /// [`Error::Raster`] if the figure is too large to be held in memory.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        raster::png(&self.name, &self.svg(), 2.0)
    }

    /// Writes `NAME.svg`, `NAME.png` and, with the numbers that are drawn, `NAME.csv` into `folder`, which is made where it is
    /// missing, and returns the three paths. Each file appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Raster`] or [`Error::Write`].
    pub fn write(&self, folder: &Path) -> Result<[PathBuf; 3], Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(Error::Name { name: self.name.clone() });
        }
        let svg = self.svg();
        let png = raster::png(&self.name, &svg, 2.0)?;
        let paths = KINDS.map(|kind| folder.join(format!("{}.{kind}", self.name)));
        write_atomically(&paths[0], svg.as_bytes())?;
        write_atomically(&paths[1], &png)?;
        write_atomically(&paths[2], self.csv().as_bytes())?;
        Ok(paths)
    }
}
