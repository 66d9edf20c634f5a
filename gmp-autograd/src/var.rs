//! Handles to matrices on a tape.

use std::fmt;

/// Rows and columns of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Samples, or input coordinates of a weight matrix.
    pub rows: usize,
    /// Units.
    pub cols: usize,
}

impl Shape {
    /// A `rows × cols` shape.
    pub const fn new(rows: usize, cols: usize) -> Self {
        Self { rows, cols }
    }
    /// Number of elements.
    ///
    /// # Panics
    /// If that is more than a `usize` can count.
    #[track_caller]
    pub const fn len(self) -> usize {
        match self.rows.checked_mul(self.cols) {
            Some(len) => len,
            None => panic!("a shape with more elements than a usize can count"),
        }
    }
    /// Whether there are no elements.
    pub const fn is_empty(self) -> bool {
        self.rows == 0 || self.cols == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.rows, self.cols)
    }
}

/// A matrix on a [`Tape`](crate::Tape): a small number that is copied freely.
///
/// It is valid until the tape's next [`begin`](crate::Tape::begin), which later uses check.
#[derive(Clone, Copy, Debug)]
pub struct Var {
    pub(crate) at: usize,
    pub(crate) shape: Shape,
    /// Index of the node that computed it, or [`Var::PARAMETER`].
    pub(crate) node: u32,
    pub(crate) generation: u32,
    pub(crate) needs_gradient: bool,
    pub(crate) is_last_use: bool,
}

impl Var {
    pub(crate) const PARAMETER: u32 = u32::MAX;

    /// Rows and columns.
    #[inline]
    pub fn shape(&self) -> Shape {
        self.shape
    }
    /// Number of rows.
    #[inline]
    pub fn rows(&self) -> usize {
        self.shape.rows
    }
    /// Number of columns.
    #[inline]
    pub fn cols(&self) -> usize {
        self.shape.cols
    }
    /// Whether the backward pass will reach it: operations may save less where it does not.
    #[inline]
    pub fn needs_gradient(&self) -> bool {
        self.needs_gradient
    }
    /// The same variable, handed over to the one operation that uses it last, which may put its result in its place
    /// ([`Tape::record_in_place`](crate::Tape::record_in_place)); a later use then panics.
    #[inline]
    #[must_use]
    pub fn last_use(self) -> Self {
        Self { is_last_use: true, ..self }
    }
    /// The same variable, to be used again: what [`Var::last_use`] allowed is not.
    #[inline]
    #[must_use]
    pub fn shared(self) -> Self {
        Self { is_last_use: false, ..self }
    }
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.at..self.at + self.shape.len()
    }
}
