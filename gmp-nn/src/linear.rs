//! The linear map inside a unit, which is the only difference between a dense layer and a convolution.

use crate::Element;
use crate::kernel::conv::{Geometry, Images, Window};
use crate::op::{self, Activation};
use gmp_autograd::{Tape, Var};

/// How a layer's weights, an n×units matrix, are applied to its input.
///
/// ```
/// use gmp_nn::Linear;
/// use gmp_nn::conv::{Images, Padding, Window};
/// let input = Images { batch: 1, height: 32, width: 32, channels: 3 };
/// let convolution = Linear::Convolution { input, window: Window::new(5, 1, Padding::Same) };
/// assert_eq!((Linear::Dense.fan(3), convolution.fan(3)), (3, 75)); // 5·5·3
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linear {
    /// The samples×n input times the weights.
    Dense,
    /// The weights applied at every position of a window on images; n is size²·channels.
    Convolution {
        /// The size of one image; its batch is 1.
        input: Images,
        /// The window that slides over it.
        window: Window,
    },
}

impl Linear {
    /// Fan in of a unit whose layer has `channels` input columns or channels, which is the number of rows of its weights;
    /// or, as Keras counts, its fan out where `channels` is the number of the layer's units.
    pub fn fan(self, channels: usize) -> usize {
        match self {
            Self::Dense => channels,
            // Saturates: a description may ask for any size, and is then refused.
            Self::Convolution { window, .. } => {
                window.size.saturating_mul(window.size).saturating_mul(channels)
            }
        }
    }

    /// `g(x·w + b)`: w is n×units and b 1×units; x is samples×n and the result samples×units, or of images
    /// (batch·height·width)×channels and (batch·positions of the window)×units.
    ///
    /// ```
    /// use gmp_autograd::Tape;
    /// use gmp_nn::{Activation, Linear};
    /// let mut tape = Tape::<f64>::new();
    /// tape.begin(&[]);
    /// let [x, w, b] = [1.0, 2.0, -5.0].map(|number| tape.input(&[number], 1, 1));
    /// let y = Linear::Dense.affine(&mut tape, x, w, b, Activation::AbsoluteValue);
    /// assert_eq!(tape.value(y).data(), [3.0]); // |1·2 − 5|
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or the rows of x are not a whole number of images.
    #[track_caller]
    pub fn affine<T: Element>(
        self,
        tape: &mut Tape<T>,
        x: Var,
        w: Var,
        b: Var,
        activation: Activation,
    ) -> Var {
        match self {
            Self::Dense => op::affine(tape, x, w, b, activation),
            Self::Convolution { input, window } => {
                op::conv2d_bias(tape, [x, w, b], &geometry(input, window, x, w), activation)
            }
        }
    }

    /// `r ∘ g(x·w + b)`: like [`Linear::affine`], with each unit then scaled by its entry in the 1×units row r.
    ///
    /// ```
    /// use gmp_autograd::Tape;
    /// use gmp_nn::{Activation, Linear};
    /// let mut tape = Tape::<f64>::new();
    /// tape.begin(&[]);
    /// let operands = [1.0, 2.0, 3.0, -10.0].map(|number| tape.input(&[number], 1, 1));
    /// let y = Linear::Dense.scaled_affine(&mut tape, operands, Activation::Relu);
    /// assert_eq!(tape.value(y).data(), [-50.0]); // −10·relu(1·2 + 3)
    /// ```
    ///
    /// # Panics
    /// As [`Linear::affine`].
    #[track_caller]
    pub fn scaled_affine<T: Element>(
        self,
        tape: &mut Tape<T>,
        [x, w, b, r]: [Var; 4],
        activation: Activation,
    ) -> Var {
        match self {
            Self::Dense => op::scaled_affine(tape, x, w, b, r, activation),
            Self::Convolution { input, window } => {
                op::scaled_conv2d(tape, [x, w, b, r], &geometry(input, window, x, w), activation)
            }
        }
    }
}

/// The sizes of this batch. That the window fits was checked when the network was built.
#[track_caller]
fn geometry(input: Images, window: Window, x: Var, w: Var) -> Geometry {
    let batch = x.rows() / (input.height * input.width);
    Geometry::new(Images { batch, ..input }, window, w.cols())
        .unwrap_or_else(|error| panic!("{} as a batch of {input:?}: {error}", x.shape()))
}
