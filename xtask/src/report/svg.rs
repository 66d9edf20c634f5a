//! A writer of the few SVG elements that the figures need.
//!
//! Why not a plotting library's backend: plotters' works in whole pixels, clamps what leaves the plotting area (which
//! bends lines), and has no dashes, groups or titles for screen readers.

use std::fmt::Write as _;

use super::color::Color;
use super::figure::{Anchor, Stroke};

/// Families in the order of preference: the first is the one that the PNG is drawn with.
const FAMILIES: &str = "Ubuntu, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";

/// Symbols that Ubuntu lacks and Hack has. Each is set on its own: left to itself, the rasteriser would take the whole
/// line from Hack.
pub(super) const SYMBOLS: &str = "∠‖→←⁻∈∝⇒↑↓";

/// The attribute that goes with them.
const SYMBOL_FAMILIES: &str = " font-family=\"Hack, 'DejaVu Sans', 'Segoe UI Symbol', sans-serif\"";

/// Advance widths of Ubuntu Light for the characters from space to `~`, in thousandths of the font size.
const ADVANCES: [u16; 95] = [
    228, 274, 392, 653, 564, 831, 648, 240, 310, 310, 472, 564, 246, 282, 246, 359, 564, 564, 564, 564, 564,
    564, 564, 564, 564, 564, 246, 246, 564, 564, 564, 380, 940, 641, 630, 609, 702, 555, 520, 658, 692, 248,
    487, 599, 502, 865, 709, 774, 592, 774, 618, 517, 548, 680, 624, 921, 608, 569, 560, 310, 359, 310, 564,
    490, 376, 509, 583, 460, 583, 548, 376, 573, 569, 237, 237, 495, 255, 863, 569, 582, 583, 583, 374, 428,
    387, 569, 480, 775, 499, 474, 455, 319, 262, 319, 564,
];

/// Raised and lowered text is this much smaller.
const SCRIPT: f64 = 0.72;

/// An SVG document being written.
pub(super) struct Svg {
    out: String,
}

/// How a text is set.
#[derive(Clone, Copy)]
pub(super) struct TextStyle {
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) color: Color,
    /// Turned about its own position, in degrees clockwise.
    pub(super) turned: f64,
    /// Drawn over a white rim, so that it can be read over data.
    pub(super) halo: bool,
}

impl TextStyle {
    pub(super) fn new(size: f64, anchor: Anchor) -> Self {
        Self { size, anchor, color: Color::INK, turned: 0.0, halo: false }
    }
}

impl Svg {
    pub(super) fn new(width: f64, height: f64, label: &str, description: &str) -> Self {
        let (w, h) = (number(width), number(height));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             role=\"img\" aria-label=\"{}\" font-family=\"{FAMILIES}\">\n",
            escape(&plain(label))
        );
        let _ = writeln!(out, "<desc>{}</desc>", escape(&plain(description)));
        let _ = writeln!(out, "<rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>");
        Self { out }
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    /// A group for a panel: where its plotting area lies and what it shows, for a reader's browser.
    pub(super) fn open_panel(&mut self, label: &str, axes: Option<[String; 2]>) {
        let axes = axes.map_or(String::new(), |[x, y]| format!(" data-x=\"{x}\" data-y=\"{y}\""));
        let _ = writeln!(self.out, "<g role=\"group\" aria-label=\"{}\"{axes}>", escape(&plain(label)));
    }

    /// A group that a reader's browser finds by its class.
    pub(super) fn open_group(&mut self, class: &str) {
        let _ = writeln!(self.out, "<g class=\"{class}\">");
    }

    pub(super) fn close_group(&mut self) {
        self.out.push_str("</g>\n");
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: Color, opacity: f64) {
        let _ = writeln!(
            self.out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"{}/>",
            number(x),
            number(y),
            number(width),
            number(height),
            attribute("fill-opacity", opacity)
        );
    }

    pub(super) fn frame(&mut self, x: f64, y: f64, width: f64, height: f64, color: Color) {
        let _ = writeln!(
            self.out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"{color}\"/>",
            number(x),
            number(y),
            number(width),
            number(height)
        );
    }

    /// A stroked path; nothing for empty path data.
    pub(super) fn stroke(&mut self, data: &str, color: Color, width: f64, stroke: Stroke, opacity: f64) {
        self.named_stroke(data, color, width, stroke, opacity, None);
    }

    /// The same of a line through data, which says whose it is.
    pub(super) fn line(
        &mut self,
        data: &str,
        color: Color,
        width: f64,
        stroke: Stroke,
        opacity: f64,
        name: &str,
    ) {
        self.named_stroke(data, color, width, stroke, opacity, Some(name));
    }

    fn named_stroke(
        &mut self,
        data: &str,
        color: Color,
        width: f64,
        stroke: Stroke,
        opacity: f64,
        name: Option<&str>,
    ) {
        if data.is_empty() {
            return;
        }
        let name = name.map_or(String::new(), |name| format!(" data-line=\"{}\"", escape(&plain(name))));
        let dashes = match stroke {
            Stroke::Solid => String::new(),
            Stroke::Dashed => {
                format!(" stroke-dasharray=\"{} {}\"", number(4.0 * width), number(2.5 * width))
            }
            Stroke::Dotted => format!(" stroke-dasharray=\"0.01 {}\"", number(2.4 * width)),
            Stroke::Dashes(lengths) => {
                let lengths: Vec<String> = lengths.iter().map(|&l| number(f64::from(l) * width)).collect();
                format!(" stroke-dasharray=\"{}\"", lengths.join(" "))
            }
        };
        let cap = if matches!(stroke, Stroke::Solid | Stroke::Dotted) { "round" } else { "butt" };
        let _ = writeln!(
            self.out,
            "<path d=\"{data}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\" stroke-linejoin=\"round\" \
             stroke-linecap=\"{cap}\"{dashes}{}{name}/>",
            number(width),
            attribute("stroke-opacity", opacity)
        );
    }

    /// A filled path; nothing for empty path data. `crisp` turns smoothing off, so that neighbours leave no seam.
    pub(super) fn fill(&mut self, data: &str, color: Color, opacity: f64, crisp: bool) {
        if data.is_empty() {
            return;
        }
        let crisp = if crisp { " shape-rendering=\"crispEdges\"" } else { "" };
        let _ = writeln!(
            self.out,
            "<path d=\"{data}\" fill=\"{color}\"{}{crisp}/>",
            attribute("fill-opacity", opacity)
        );
    }

    pub(super) fn text(&mut self, x: f64, y: f64, string: &str, style: TextStyle) {
        // Twice, rather than `paint-order`, which some readers of SVG do not know and then paint the text over.
        if style.halo {
            self.text_once(x, y, string, style, true);
        }
        self.text_once(x, y, string, style, false);
    }

    fn text_once(&mut self, x: f64, y: f64, string: &str, style: TextStyle, rim: bool) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y) = (number(x), number(y));
        let _ = write!(
            self.out,
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{anchor}\" fill=\"{}\"",
            number(style.size),
            style.color
        );
        if style.turned != 0.0 {
            let _ = write!(self.out, " transform=\"rotate({} {x} {y})\"", number(style.turned));
        }
        if rim {
            self.out.push_str(
                " stroke=\"#ffffff\" stroke-width=\"3\" stroke-linejoin=\"round\" aria-hidden=\"true\"",
            );
        }
        self.out.push('>');
        let mut shift = 0.0;
        for (level, part) in runs(string) {
            let wanted = -0.38 * style.size * level.max(0.0) - 0.22 * style.size * level.min(0.0);
            let size = if level == 0.0 { style.size } else { SCRIPT * style.size };
            for (is_symbol, part) in by_font(part) {
                if !is_symbol && level == 0.0 && shift == 0.0 {
                    self.out.push_str(&escape(part));
                    continue;
                }
                let family = if is_symbol { SYMBOL_FAMILIES } else { "" };
                let (dy, size) = (number(wanted - shift), number(size));
                let _ = write!(
                    self.out,
                    "<tspan dy=\"{dy}\" font-size=\"{size}\"{family}>{}</tspan>",
                    escape(part)
                );
                shift = wanted;
            }
        }
        self.out.push_str("</text>\n");
    }
}

fn attribute(name: &str, opacity: f64) -> String {
    if opacity >= 1.0 { String::new() } else { format!(" {name}=\"{}\"", number(opacity.max(0.0))) }
}

/// Two decimals, without trailing zeros: a fiftieth of a pixel of the PNG.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text as it may stand in SVG or HTML, between tags or in an attribute. Characters that XML forbids become �.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The parts of `text` with their level: 1 inside `^{…}`, −1 inside `_{…}`, 0 elsewhere.
pub(super) fn runs(text: &str) -> Vec<(f64, &str)> {
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some((at, level)) = [("^{", 1.0), ("_{", -1.0)]
        .into_iter()
        .filter_map(|(mark, level)| rest.find(mark).map(|at| (at, level)))
        .min_by_key(|(at, _)| *at)
    {
        let Some(end) = rest[at..].find('}') else { break };
        runs.push((0.0, &rest[..at]));
        runs.push((level, &rest[at + 2..at + end]));
        rest = &rest[at + end + 1..];
    }
    runs.push((0.0, rest));
    runs.retain(|(_, part)| !part.is_empty());
    runs
}

/// The parts of `text` with whether they are [`SYMBOLS`].
fn by_font(text: &str) -> Vec<(bool, &str)> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let ends = text[at + c.len_utf8()..]
            .chars()
            .next()
            .is_none_or(|next| SYMBOLS.contains(next) != SYMBOLS.contains(c));
        if ends {
            parts.push((SYMBOLS.contains(c), &text[start..at + c.len_utf8()]));
            start = at + c.len_utf8();
        }
    }
    parts
}

/// `text` without the marks of raised and lowered parts.
pub(super) fn plain(text: &str) -> String {
    runs(text)
        .into_iter()
        .map(|(level, part)| if level > 0.0 { format!("^{part}") } else { part.to_owned() })
        .collect()
}

/// `text` as HTML: raised and lowered parts as such.
pub(super) fn markup(text: &str) -> String {
    let part = |(level, part): (f64, &str)| match level {
        level if level > 0.0 => format!("<sup>{}</sup>", escape(part)),
        level if level < 0.0 => format!("<sub>{}</sub>", escape(part)),
        _ => escape(part),
    };
    runs(text).into_iter().map(part).collect()
}

/// The width of `text`, with room for a reader whose browser takes a wider font: DejaVu Sans is a seventh wider.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let of = |c: char| match u32::from(c).checked_sub(32).and_then(|at| ADVANCES.get(at as usize)) {
        Some(advance) => f64::from(*advance) / 1000.0,
        None => 0.6,
    };
    let relative: f64 = runs(text)
        .into_iter()
        .map(|(level, part)| part.chars().map(of).sum::<f64>() * if level == 0.0 { 1.0 } else { SCRIPT })
        .sum();
    1.15 * size * relative
}

/// `text` broken at spaces into lines no wider than `width`, except for words that are wider.
pub(super) fn wrap(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_minus_zero() {
        assert_eq!([0.0, -0.001, 12.5, 2.71429, -20.0].map(number), ["0", "0", "12.5", "2.71", "-20"]);
    }

    #[test]
    fn scripts_are_found_and_broken_marks_left_alone() {
        assert_eq!(runs("2^{-3} w_{1}"), [(0.0, "2"), (1.0, "-3"), (0.0, " w"), (-1.0, "1")]);
        assert_eq!(runs("a^{b"), [(0.0, "a^{b")]);
        assert!(runs("").is_empty());
        assert_eq!(plain("10^{-3} w_{1}"), "10^-3 w1");
        assert_eq!(markup("10^{-3} < w_{1}"), "10<sup>-3</sup> &lt; w<sub>1</sub>");
        assert_eq!(by_font("a ‖x‖"), [(false, "a "), (true, "‖"), (false, "x"), (true, "‖")]);
    }

    #[test]
    fn markup_and_control_characters_are_escaped() {
        assert_eq!(escape("<a b=\"c\">&'\u{0}\n"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;\u{fffd} ");
    }

    #[test]
    fn long_titles_are_broken_and_no_word_is_lost() {
        let text = "a title that is too long for one line";
        let lines = wrap(text, 12.0, 90.0);
        assert!(lines.len() > 1 && lines.iter().all(|l| text_width(l, 12.0) <= 90.0));
        assert_eq!(lines.join(" "), text);
        assert_eq!(wrap("incomprehensibilities", 12.0, 5.0), ["incomprehensibilities"]);
    }
}
