//! Descriptions of layers of units.

use crate::kernel::conv::Window;
use crate::parameterization::GeometricOptions;
use crate::{Activation, Normalization, Parameterization};
use serde::Serialize;

/// Units that are connected to a whole vector.
///
/// ```
/// use gmp_nn::{Activation, Dense, Normalization, Parameterization};
/// let dense = Dense::new(64, Parameterization::Geometric)
///     .normalization(Normalization::batch())
///     .activation(Activation::Tanh);
/// assert_eq!(dense.units, 64);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dense {
    /// Number of units.
    pub units: usize,
    /// The parameterization of the weights.
    pub parameterization: Parameterization,
    /// The normalization, by default none.
    #[serde(skip_serializing_if = "Normalization::is_none")]
    pub normalization: Normalization,
    /// The activation.
    pub activation: Activation,
    /// Options of the geometric parameterization.
    #[serde(skip_serializing_if = "is_default")]
    pub geometric: GeometricOptions,
}

/// Units that slide over an image.
///
/// ```
/// use gmp_nn::conv::{Padding, Window};
/// use gmp_nn::{Convolution, NetworkSpec, Normalization, Parameterization};
/// let convolution = Convolution::new(16, Window::new(3, 1, Padding::Same), Parameterization::WeightNorm)
///     .normalization(Normalization::batch_mean());
/// let network = NetworkSpec::image(8, 8, 3).layer("conv1", convolution).build::<f32>(1)?;
/// let filters = network.parameters.matrix("conv1.v").unwrap();
/// assert_eq!((filters.rows(), filters.cols()), (27, 16)); // 3·3·3 inputs × filters
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Convolution {
    /// Number of units.
    pub filters: usize,
    /// The window of the image that they see.
    pub window: Window,
    /// The parameterization of the weights.
    pub parameterization: Parameterization,
    /// The normalization, by default none.
    #[serde(skip_serializing_if = "Normalization::is_none")]
    pub normalization: Normalization,
    /// The activation.
    pub activation: Activation,
    /// Options of the geometric parameterization.
    #[serde(skip_serializing_if = "is_default")]
    pub geometric: GeometricOptions,
}

fn is_default(options: &GeometricOptions) -> bool {
    *options == GeometricOptions::default()
}

impl Dense {
    /// Units with a ReLU and without a normalization.
    pub fn new(units: usize, parameterization: Parameterization) -> Self {
        let (normalization, geometric) = Default::default();
        Self { units, parameterization, normalization, activation: Activation::Relu, geometric }
    }
}

impl Convolution {
    /// Units with a ReLU and without a normalization.
    pub fn new(filters: usize, window: Window, parameterization: Parameterization) -> Self {
        let (normalization, geometric) = Default::default();
        Self { filters, window, parameterization, normalization, activation: Activation::Relu, geometric }
    }
}

/// The options that layers of units share.
macro_rules! options {
    ($($layer:ident)*) => {
        $(impl $layer {
            /// Sets the normalization.
            #[must_use]
            pub fn normalization(mut self, normalization: impl Into<Normalization>) -> Self {
                self.normalization = normalization.into();
                self
            }
            /// Sets the activation.
            #[must_use]
            pub fn activation(mut self, activation: Activation) -> Self {
                self.activation = activation;
                self
            }
            /// Sets the options of the geometric parameterization.
            #[must_use]
            pub fn geometric(mut self, options: GeometricOptions) -> Self {
                self.geometric = options;
                self
            }
        })*
    };
}
options! { Dense Convolution }
