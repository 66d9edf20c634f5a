//! Sizes: batches of images, sliding windows, and their outputs.

use gmp_autograd::Attributes;

/// The sizes of a batch of images, whose matrix is (batch·height·width)×channels, rows in that order (NHWC).
///
/// ```
/// use gmp_nn::conv::Images;
/// let images = Images { batch: 8, height: 32, width: 32, channels: 3 };
/// assert_eq!(images.rows(), 8192); // of three columns each
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Images {
    /// Number of images.
    pub batch: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Numbers per pixel: columns of the matrix.
    pub channels: usize,
}

impl Images {
    /// Rows of the matrix: pixels of all images, batch·height·width.
    pub fn rows(&self) -> usize {
        self.batch * self.height * self.width
    }
}

/// Padding of an image where a window extends beyond its edge: a convolution pads with zeros, a pool ignores the
/// padding.
///
/// ```
/// use gmp_nn::conv::{Geometry, Images, Padding, Window};
/// let image = Images { batch: 1, height: 7, width: 7, channels: 1 };
/// let heights = [Padding::Valid, Padding::Same, Padding::Symmetric(1)].map(|padding| {
///     Geometry::new(image, Window::new(3, 2, padding), 1).unwrap().output().height
/// });
/// assert_eq!(heights, [3, 4, 4]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Padding {
    /// None: windows stay inside.
    Valid,
    /// As in Keras and TensorFlow: ⌈size/stride⌉ outputs. If the padding is odd, the larger half is below and to the
    /// right.
    Same,
    /// As in PyTorch: this many pixels on every side.
    Symmetric(usize),
}

/// A square window that slides over images.
///
/// ```
/// use gmp_nn::conv::{Geometry, Images, Padding, Window};
/// let images = Images { batch: 1, height: 32, width: 32, channels: 3 };
/// let pool = Window::new(2, 2, Padding::Valid);
/// assert_eq!(Geometry::new(images, pool, 3)?.output(), Images { height: 16, width: 16, ..images });
/// # Ok::<(), gmp_nn::conv::GeometryError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Window {
    /// Pixels per side.
    pub size: usize,
    /// Pixels from one position to the next.
    pub stride: usize,
    /// The padding beyond the edges.
    pub padding: Padding,
}

/// Why a window does not fit a batch of images.
///
/// ```
/// use gmp_nn::conv::{Geometry, Images, Padding, Window};
/// let images = Images { batch: 1, height: 4, width: 4, channels: 3 };
/// let error = Geometry::new(images, Window::new(7, 1, Padding::Valid), 8).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "a window of 7 pixels does not fit an image of 4 with a padding of 0 in all"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// A size, a stride, a number of channels or of filters is zero.
    #[error("{what} must be at least 1")]
    Zero {
        /// Which of them.
        what: &'static str,
    },
    /// There is no position for the window.
    #[error("a window of {size} pixels does not fit an image of {extent} with a padding of {padding} in all")]
    TooLarge {
        /// Of the window.
        size: usize,
        /// Of the image along the same axis.
        extent: usize,
        /// Both sides together.
        padding: usize,
    },
    /// Some windows would lie in the padding alone.
    #[error(
        "a padding of {padding} pixels a side leaves windows of {size} pixels without an image under them"
    )]
    TooMuchPadding {
        /// A side.
        padding: usize,
        /// Of the window.
        size: usize,
    },
    /// More numbers than a matrix of a tape can have.
    #[error("images of {0:?} are too large to index")]
    TooMany(Images),
    /// A size that is too large for a matrix of a tape.
    #[error("{what} must be less than 2³², got {size}")]
    TooGreat {
        /// Which size.
        what: &'static str,
        /// What it was.
        size: usize,
    },
}

impl Window {
    /// A window of `size` pixels that moves by `stride`.
    pub const fn new(size: usize, stride: usize, padding: Padding) -> Self {
        Self { size, stride, padding }
    }

    /// Number of positions along an axis, and pixels of padding before its start.
    pub(crate) fn positions(&self, extent: usize) -> Result<(usize, usize), GeometryError> {
        let Self { size, stride, padding } = *self;
        for (what, n) in [("the window's size", size), ("the stride", stride), ("an image's extent", extent)]
        {
            if n == 0 {
                return Err(GeometryError::Zero { what });
            }
            if u32::try_from(n).is_err() {
                return Err(GeometryError::TooGreat { what, size: n });
            }
        }
        let (before, all) = match padding {
            Padding::Valid => (0, 0),
            Padding::Same => {
                let all = ((extent.div_ceil(stride) - 1) * stride + size).saturating_sub(extent);
                (all / 2, all)
            }
            Padding::Symmetric(side) if side >= size => {
                return Err(GeometryError::TooMuchPadding { padding: side, size });
            }
            Padding::Symmetric(side) => (side, 2 * side),
        };
        match (extent + all).checked_sub(size) {
            Some(travel) => Ok((travel / stride + 1, before)),
            None => Err(GeometryError::TooLarge { size, extent, padding: all }),
        }
    }
}

/// A window on a batch of images and the output images: all sizes that a convolution or a pool needs.
///
/// ```
/// use gmp_nn::conv::{Geometry, Images, Padding, Window};
/// let images = Images { batch: 8, height: 224, width: 224, channels: 3 };
/// let first = Geometry::new(images, Window::new(7, 2, Padding::Symmetric(3)), 64)?;
/// assert_eq!(first.output(), Images { batch: 8, height: 112, width: 112, channels: 64 });
/// assert_eq!(first.weight_rows(), 7 * 7 * 3);
/// # Ok::<(), gmp_nn::conv::GeometryError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    pub(crate) input: Images,
    pub(crate) window: Window,
    pub(crate) output: Images,
    /// Padding above and to the left.
    pub(crate) top: usize,
    pub(crate) left: usize,
}

impl Geometry {
    /// The geometry of `window` on `input` with `filters` output channels at every position; an empty batch is
    /// allowed.
    ///
    /// # Errors
    /// If a size is zero, the window fits nowhere, or there are too many numbers to index.
    pub fn new(input: Images, window: Window, filters: usize) -> Result<Self, GeometryError> {
        for (what, n) in [("the number of channels", input.channels), ("the number of filters", filters)] {
            if n == 0 {
                return Err(GeometryError::Zero { what });
            }
        }
        let (height, top) = window.positions(input.height)?;
        let (width, left) = window.positions(input.width)?;
        let output = Images { batch: input.batch, height, width, channels: filters };
        for images in [input, output] {
            let Images { batch, height, width, channels } = images;
            let numbers =
                [height, width, channels].into_iter().try_fold(batch, |n, size| n.checked_mul(size));
            let sizes_fit = [batch, height, width, channels].iter().all(|&n| u32::try_from(n).is_ok());
            if !sizes_fit || numbers.is_none_or(|n| n > isize::MAX as usize / 8) {
                return Err(GeometryError::TooMany(images));
            }
        }
        Ok(Self { input, window, output, top, left })
    }

    /// The window.
    pub fn window(&self) -> Window {
        self.window
    }
    /// The images that go in.
    pub fn input(&self) -> Images {
        self.input
    }
    /// The images that come out.
    pub fn output(&self) -> Images {
        self.output
    }
    /// Inputs of a filter: size²·channels, rows of the weight matrix in the order (row, column, channel).
    ///
    /// ```
    /// use gmp_nn::conv::{Geometry, Images, Padding, Window};
    /// let images = Images { batch: 1, height: 8, width: 8, channels: 16 };
    /// let geometry = Geometry::new(images, Window::new(3, 1, Padding::Same), 32)?;
    /// assert_eq!(geometry.weight_rows(), 144); // 3·3·16: the weights are a 144×32 matrix
    /// # Ok::<(), gmp_nn::conv::GeometryError>(())
    /// ```
    pub fn weight_rows(&self) -> usize {
        self.window.size.saturating_mul(self.window.size).saturating_mul(self.input.channels)
    }
    /// Multiplications of a direct convolution.
    pub(crate) fn multiplications(&self) -> usize {
        self.output.rows().saturating_mul(self.weight_rows()).saturating_mul(self.output.channels)
    }

    pub(crate) fn to_attributes(self) -> Attributes {
        let (kind, side) = match self.window.padding {
            Padding::Valid => (0, 0),
            Padding::Same => (1, 0),
            Padding::Symmetric(side) => (2, side),
        };
        let Images { batch, height, width, channels } = self.input;
        let Window { size, stride, .. } = self.window;
        let filters = self.output.channels;
        // All fit: the constructor checked the sizes of images, and a window fits its padded image.
        [batch, height, width, channels, filters, size, stride, kind, side, 0, 0, 0].map(|n| n as u32)
    }

    pub(crate) fn from_attributes(attributes: Attributes) -> Self {
        let [batch, height, width, channels, filters, size, stride, kind, side, ..] =
            attributes.map(|n| n as usize);
        let padding = match kind {
            0 => Padding::Valid,
            1 => Padding::Same,
            _ => Padding::Symmetric(side),
        };
        Self::new(Images { batch, height, width, channels }, Window { size, stride, padding }, filters)
            .expect("attributes are those of a valid geometry")
    }
}
