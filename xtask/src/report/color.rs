//! Colours that most colour-blind readers can tell apart.

use std::fmt;

/// An sRGB colour, displayed as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// Blue, the first of Okabe and Ito's colours ("Color Universal Design", 2008), like the five that follow.
    pub const BLUE: Self = Self(0x00, 0x72, 0xb2);
    /// Orange.
    pub const ORANGE: Self = Self(0xe6, 0x9f, 0x00);
    /// Reddish purple.
    pub const PURPLE: Self = Self(0xcc, 0x79, 0xa7);
    /// Bluish green.
    pub const GREEN: Self = Self(0x00, 0x9e, 0x73);
    /// Sky blue.
    pub const SKY: Self = Self(0x56, 0xb4, 0xe9);
    /// Vermilion.
    pub const VERMILION: Self = Self(0xd5, 0x5e, 0x00);
    /// Text, frames, and whatever belongs to no method.
    pub const WHITE: Self = Self(0xff, 0xff, 0xff);
    /// Text and axes.
    pub const INK: Self = Self(0x22, 0x22, 0x22);
    /// Notes and data in the background.
    pub const GREY: Self = Self(0x8a, 0x8a, 0x8a);
    /// Grid lines.
    pub const FAINT: Self = Self(0xe4, 0xe4, 0xe4);
    /// The characteristic activation boundary in the paper's pictures.
    pub const BOUNDARY: Self = Self(0x8c, 0x51, 0x0a);
    /// The active side of a boundary in the paper's pictures.
    pub const ACTIVE: Self = Self(0x1b, 0x9e, 0x3c);
    /// The inactive side of a boundary in the paper's pictures; spatial locations in Figure 3.
    pub const INACTIVE: Self = Self(0xd6, 0x27, 0x28);
    /// A unit's output in the paper's pictures of one-dimensional units.
    pub const OUTPUT: Self = Self(0x1f, 0x5f, 0xc4);

    /// Ten colours for ten units, after which they repeat (Tol's muted scheme and ink).
    #[must_use]
    pub fn of_unit(index: usize) -> Self {
        const UNITS: [Color; 10] = [
            Color(0x33, 0x22, 0x88),
            Color(0x88, 0xcc, 0xee),
            Color(0x44, 0xaa, 0x99),
            Color(0x11, 0x77, 0x33),
            Color(0x99, 0x99, 0x33),
            Color(0xdd, 0xcc, 0x77),
            Color(0xcc, 0x66, 0x77),
            Color(0x88, 0x22, 0x55),
            Color(0xaa, 0x44, 0x99),
            Color(0x55, 0x55, 0x55),
        ];
        UNITS[index % UNITS.len()]
    }

    /// The colour a fraction `t` of the way to `other`; `t` is clamped to `[0, 1]`.
    #[must_use]
    pub fn mix(self, other: Self, t: f64) -> Self {
        let t = t.clamp(0.0, 1.0);
        let channel = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round() as u8;
        Self(channel(self.0, other.0), channel(self.1, other.1), channel(self.2, other.2))
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// How a value becomes a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorMap {
    /// Blue for low, near-white for the middle, orange for high: two classes and the doubt between them.
    Diverging,
    /// Near-white for low, dark blue for high.
    Sequential,
}

impl ColorMap {
    /// As many shades as a heat map has: few enough to merge neighbours, enough not to look like steps.
    #[must_use]
    pub fn shades(self) -> [Color; 32] {
        std::array::from_fn(|k| self.at(k as f64 / 31.0))
    }

    /// The colour at the fraction `t` of the range; `t` is clamped to `[0, 1]`.
    #[must_use]
    pub fn at(self, t: f64) -> Color {
        let t = t.clamp(0.0, 1.0);
        let white = Color(0xf8, 0xf8, 0xf8);
        match self {
            Self::Diverging if t < 0.5 => Color(0x6b, 0xa3, 0xd6).mix(white, 2.0 * t),
            Self::Diverging => white.mix(Color(0xf1, 0xa3, 0x40), 2.0 * t - 1.0),
            Self::Sequential => white.mix(Color(0x08, 0x30, 0x6b), t),
        }
    }
}
