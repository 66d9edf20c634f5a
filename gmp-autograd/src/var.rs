//! Handles to matrices on a tape.

use std::fmt;

/// Rows and columns of a matrix.
///
/// ```
/// use gmp_autograd::Shape;
/// let shape = Shape::new(2, 3);
/// assert_eq!((shape.len(), shape.to_string()), (6, "2×3".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Samples, or input coordinates of a weight matrix.
    pub rows: usize,
    /// Units.
    pub cols: usize,
}

impl Shape {
    /// A `rows × cols` shape.
    ///
    /// ```
    /// # use gmp_autograd::Shape;
    /// assert_eq!(Shape::new(2, 3), Shape { rows: 2, cols: 3 });
    /// ```
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
    ///
    /// ```
    /// # use gmp_autograd::Shape;
    /// assert!(Shape::new(0, 3).is_empty()); // a batch without samples
    /// assert!(!Shape::new(1, 3).is_empty());
    /// ```
    pub const fn is_empty(self) -> bool {
        self.rows == 0 || self.cols == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.rows, self.cols)
    }
}

/// A matrix on a [`Tape`](crate::Tape): a small handle that can be copied freely.
///
/// It is valid on its own tape and until that tape's next [`begin`](crate::Tape::begin); any other use panics.
/// The operations of [`op`](crate::op) are methods too, so that they chain:
///
/// ```
/// use gmp_autograd::Tape;
/// let mut tape = Tape::new();
/// let t = &mut tape;
/// t.begin(&[]);
/// let x = t.input(&[1.0, 2.0], 1, 2);
/// let w = t.variable(&[3.0, 4.0], 2, 1);
/// let y = x.matmul(t, w).scale(t, 2.0);
/// assert_eq!(t.value(y).data(), [22.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Var {
    pub(crate) at: usize,
    pub(crate) shape: Shape,
    /// Index of the node that computed it, or [`Var::PARAMETER`].
    pub(crate) node: u32,
    /// The tape that it is on, and that tape's pass.
    pub(crate) tape: u32,
    pub(crate) generation: u32,
    pub(crate) needs_gradient: bool,
    pub(crate) is_last_use: bool,
}

impl Var {
    pub(crate) const PARAMETER: u32 = u32::MAX;

    /// Rows and columns.
    ///
    /// ```
    /// use gmp_autograd::{Shape, Tape};
    /// let mut tape = Tape::new();
    /// tape.begin(&[]);
    /// let x = tape.input(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3);
    /// assert_eq!(x.shape(), Shape::new(2, 3));
    /// assert_eq!(x.transpose(&mut tape).shape(), Shape::new(3, 2));
    /// ```
    #[inline]
    pub fn shape(&self) -> Shape {
        self.shape
    }
    /// Number of rows.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[]);
    /// let batch = tape.input(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2);
    /// assert_eq!((batch.rows(), batch.cols()), (3, 2)); // three samples of two features
    /// ```
    #[inline]
    pub fn rows(&self) -> usize {
        self.shape.rows
    }
    /// Number of columns.
    #[inline]
    pub fn cols(&self) -> usize {
        self.shape.cols
    }
    /// Whether the backward pass will reach it. If not, operations may save less.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[]);
    /// let (x, w) = (tape.input(&[1.0], 1, 1), tape.variable(&[2.0], 1, 1));
    /// assert!(!x.exp(&mut tape).needs_gradient()); // of constants alone
    /// assert!(x.mul(&mut tape, w).needs_gradient());
    /// ```
    #[inline]
    pub fn needs_gradient(&self) -> bool {
        self.needs_gradient
    }
    /// The same variable, marked for the operation that uses it last, which may overwrite it with its result
    /// ([`Tape::record_in_place`](crate::Tape::record_in_place)); a later use then panics.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[]);
    /// let x = tape.input(&[1.0, -2.0], 1, 2);
    /// let sum = x.add(&mut tape, x);
    /// let y = sum.last_use().relu(&mut tape); // in the memory of the sum
    /// assert_eq!(tape.value(y).data(), [2.0, 0.0]);
    /// ```
    #[inline]
    #[must_use]
    pub fn last_use(self) -> Self {
        Self { is_last_use: true, ..self }
    }
    /// The same variable without the mark of [`Var::last_use`], so that it can be used again.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[]);
    /// let x = tape.input(&[1.0, -2.0], 1, 2).scale(&mut tape, 2.0).last_use(); // as it was handed over
    /// let x = x.shared(); // two operations will use it
    /// let (y, z) = (x.relu(&mut tape), x.abs(&mut tape));
    /// assert_eq!([tape.value(y).data(), tape.value(z).data()], [[2.0, 0.0], [2.0, 4.0]]);
    /// ```
    #[inline]
    #[must_use]
    pub fn shared(self) -> Self {
        Self { is_last_use: false, ..self }
    }
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.at..self.at + self.shape.len()
    }
}
