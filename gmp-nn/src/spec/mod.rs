//! Descriptions of networks as plain data, checked when a network is built from them.

mod units;
mod written;

pub use units::{Convolution, Dense};
pub(crate) use written::Written;

use crate::kernel::conv::Window;
use crate::op::Activation;
use crate::{Element, Error, Network, NetworkBuilder, Normalization, Parameterization};
use gmp_autograd::Var;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The features that flow into a network or between its layers, for one sample.
///
/// ```
/// use gmp_nn::Features;
/// let image = Features::Image { height: 32, width: 32, channels: 3 };
/// assert_eq!((image.rows(), image.columns(), image.to_string()), (1024, 3, "32×32×3".to_owned()));
/// assert_eq!((Features::Vector(13).rows(), Features::Vector(13).columns()), (1, 13));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Features {
    /// A vector of this many numbers: one row per sample.
    Vector(usize),
    /// An image: one row per pixel, one column per channel.
    Image {
        /// Pixels from top to bottom.
        height: usize,
        /// Pixels from left to right.
        width: usize,
        /// Numbers per pixel.
        channels: usize,
    },
}

impl Features {
    /// Columns of the matrix that holds a batch: the numbers of a vector, or the channels of an image.
    pub fn columns(self) -> usize {
        match self {
            Self::Vector(columns) | Self::Image { channels: columns, .. } => columns,
        }
    }
    /// Rows per sample: 1 for a vector, and the number of pixels for an image.
    pub fn rows(self) -> usize {
        match self {
            Self::Vector(_) => 1,
            Self::Image { height, width, .. } => height.saturating_mul(width),
        }
    }
    /// Asserts that x is a batch of this.
    #[track_caller]
    pub(crate) fn check(self, x: Var) {
        let columns = self.columns();
        let what = if matches!(self, Self::Vector(_)) { "inputs" } else { "channels" };
        assert!(
            x.cols() == columns,
            "the network takes {columns} {what}, the batch has {} columns",
            x.cols()
        );
        assert!(
            x.rows().is_multiple_of(self.rows()),
            "the network takes images of {self}, {} rows each; the batch has {} rows",
            self.rows(),
            x.rows()
        );
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vector(columns) => f.pad(&columns.to_string()),
            Self::Image { height, width, channels } => f.pad(&format!("{height}×{width}×{channels}")),
        }
    }
}

/// One layer of a network.
///
/// ```
/// use gmp_nn::{Dense, LayerSpec, Parameterization};
/// let layer: LayerSpec = Dense::new(64, Parameterization::Geometric).into();
/// let json = serde_json::to_string(&layer)?;
/// assert_eq!(json, r#"{"dense":{"units":64,"parameterization":"GmP","activation":"relu"}}"#);
/// assert_eq!(serde_json::from_str::<LayerSpec>(&json)?, layer);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "written::LayerSpec")]
pub enum LayerSpec {
    /// Units that are connected to a whole vector.
    Dense(Dense),
    /// Units that slide over an image.
    Convolution(Convolution),
    /// A normalization as a separate layer.
    Normalization {
        /// The normalization.
        normalization: Normalization,
        /// The activation that follows.
        activation: Activation,
    },
    /// The maximum over a window.
    MaxPool {
        /// The window.
        window: Window,
    },
    /// The mean of every channel: from an image to a vector.
    GlobalAveragePool,
    /// All numbers of an image as a vector, in the order (row, column, channel).
    Flatten,
    /// `relu(main(x) + shortcut(x))`; an empty shortcut is the identity.
    Residual {
        /// One branch.
        main: Vec<LayerSpec>,
        /// The other.
        shortcut: Vec<LayerSpec>,
    },
}

impl LayerSpec {
    /// A normalization as a separate layer, without an activation.
    ///
    /// ```
    /// use gmp_nn::{LayerSpec, NetworkSpec, Normalization};
    /// let spec = NetworkSpec::vector(3).layer("norm", LayerSpec::normalization(Normalization::batch()));
    /// assert_eq!(spec, NetworkSpec::vector(3).normalization("norm", Normalization::batch()));
    /// ```
    pub fn normalization(normalization: impl Into<Normalization>) -> Self {
        Self::Normalization { normalization: normalization.into(), activation: Activation::Identity }
    }
}

impl From<Dense> for LayerSpec {
    fn from(dense: Dense) -> Self {
        Self::Dense(dense)
    }
}
impl From<Convolution> for LayerSpec {
    fn from(convolution: Convolution) -> Self {
        Self::Convolution(convolution)
    }
}

/// A network: the features of its input, and its layers with their names.
///
/// ```
/// use gmp_nn::conv::{Padding, Window};
/// use gmp_nn::{Activation, Dense, NetworkSpec, Normalization, Parameterization::{Geometric, Standard}};
///
/// // Different parameterizations, normalizations and activations in one network.
/// let spec = NetworkSpec::vector(20)
///     .dense("hidden1", 64, Geometric)
///     .layer("hidden2", Dense::new(32, Standard).normalization(Normalization::batch()).activation(Activation::Gelu))
///     .output(1);
/// let network = spec.build::<f64>(7)?;
/// assert_eq!(network.unit_layers(), ["hidden1", "hidden2", "output"]);
///
/// // A small convolutional network.
/// let spec = NetworkSpec::image(32, 32, 3)
///     .convolution("conv1", 16, Window::new(3, 1, Padding::Same), Geometric)
///     .max_pool("pool1", Window::new(2, 2, Padding::Valid))
///     .global_average_pool("average")
///     .output(10);
/// assert!(spec.build::<f32>(7).is_ok());
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "written::NetworkSpec")]
pub struct NetworkSpec {
    /// The features of the input.
    pub input: Features,
    /// The layers in order, with unique names.
    pub layers: Vec<(String, LayerSpec)>,
}

impl NetworkSpec {
    /// A network without layers, for the given `input`.
    ///
    /// ```
    /// use gmp_nn::{Features, NetworkSpec};
    /// let spec = NetworkSpec::new(Features::Vector(13)).output(1);
    /// assert_eq!(spec, NetworkSpec::vector(13).output(1));
    /// ```
    pub fn new(input: Features) -> Self {
        Self { input, layers: Vec::new() }
    }
    /// A network without layers, for vectors.
    pub fn vector(inputs: usize) -> Self {
        Self::new(Features::Vector(inputs))
    }
    /// A network without layers, for images.
    ///
    /// ```
    /// use gmp_nn::{Features, NetworkSpec};
    /// let spec = NetworkSpec::image(28, 28, 1).global_average_pool("average").output(10);
    /// assert_eq!(spec.build::<f32>(1)?.input(), Features::Image { height: 28, width: 28, channels: 1 });
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn image(height: usize, width: usize, channels: usize) -> Self {
        Self::new(Features::Image { height, width, channels })
    }
    /// Appends a layer. Its name is the first part of its parameters' names, and identifies the stream of random
    /// numbers that its initial weights are drawn from.
    ///
    /// ```
    /// use gmp_nn::{Activation, Dense, NetworkSpec, Parameterization::Standard};
    /// let spec = NetworkSpec::vector(3).layer("wide", Dense::new(64, Standard).activation(Activation::Silu));
    /// let names: Vec<_> = spec.build::<f64>(1)?.parameters.entries().iter().map(|e| e.name.clone()).collect();
    /// assert_eq!(names, ["wide.weights", "wide.bias"]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    #[must_use]
    pub fn layer(mut self, name: impl Into<String>, layer: impl Into<LayerSpec>) -> Self {
        self.layers.push((name.into(), layer.into()));
        self
    }
    /// Appends a dense layer with ReLU.
    #[must_use]
    pub fn dense(self, name: impl Into<String>, units: usize, parameterization: Parameterization) -> Self {
        self.layer(name, Dense::new(units, parameterization))
    }
    /// Appends a convolution with ReLU.
    ///
    /// ```
    /// use gmp_nn::conv::{Padding, Window};
    /// use gmp_nn::{NetworkSpec, Parameterization::Standard};
    /// let window = Window::new(5, 2, Padding::Same); // 5×5 pixels, every other position
    /// let network = NetworkSpec::image(32, 32, 3).convolution("conv1", 16, window, Standard).build::<f32>(1)?;
    /// assert_eq!(network.output().to_string(), "16×16×16");
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    #[must_use]
    pub fn convolution(
        self,
        name: impl Into<String>,
        filters: usize,
        window: Window,
        parameterization: Parameterization,
    ) -> Self {
        self.layer(name, Convolution::new(filters, window, parameterization))
    }
    /// Appends a normalization as a separate layer.
    #[must_use]
    pub fn normalization(self, name: impl Into<String>, normalization: impl Into<Normalization>) -> Self {
        self.layer(name, LayerSpec::normalization(normalization))
    }
    /// Appends max pooling over a window.
    ///
    /// ```
    /// use gmp_autograd::Mat;
    /// use gmp_nn::NetworkSpec;
    /// use gmp_nn::conv::{Padding, Window};
    /// let network = NetworkSpec::image(2, 2, 1).max_pool("pool", Window::new(2, 2, Padding::Valid)).build::<f64>(1)?;
    /// assert_eq!(network.predict(Mat::new(&[1.0, 7.0, 3.0, 4.0], 4, 1)), [7.0]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    #[must_use]
    pub fn max_pool(self, name: impl Into<String>, window: Window) -> Self {
        self.layer(name, LayerSpec::MaxPool { window })
    }
    /// Appends global average pooling.
    ///
    /// ```
    /// use gmp_autograd::Mat;
    /// use gmp_nn::NetworkSpec;
    /// let network = NetworkSpec::image(1, 2, 2).global_average_pool("average").build::<f64>(1)?;
    /// let two_pixels = [1.0, 10.0, /* the next pixel */ 3.0, 30.0];
    /// assert_eq!(network.predict(Mat::new(&two_pixels, 2, 2)), [2.0, 20.0]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    #[must_use]
    pub fn global_average_pool(self, name: impl Into<String>) -> Self {
        self.layer(name, LayerSpec::GlobalAveragePool)
    }
    /// Appends the flattening of an image to a vector, in the order (row, column, channel).
    ///
    /// ```
    /// use gmp_nn::conv::{Padding, Window};
    /// use gmp_nn::{Features, NetworkSpec};
    /// let window = Window::new(2, 2, Padding::Valid);
    /// let network = NetworkSpec::image(4, 6, 3).max_pool("pool", window).flatten("flatten").build::<f32>(1)?;
    /// assert_eq!(network.output(), Features::Vector(2 * 3 * 3));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    #[must_use]
    pub fn flatten(self, name: impl Into<String>) -> Self {
        self.layer(name, LayerSpec::Flatten)
    }
    /// Appends a residual block.
    ///
    /// ```
    /// use gmp_nn::{Activation, Dense, NetworkSpec, Parameterization::Standard};
    /// let main = vec![
    ///     Dense::new(16, Standard).into(),
    ///     Dense::new(4, Standard).activation(Activation::Identity).into(), // as wide as what flows in
    /// ];
    /// let network = NetworkSpec::vector(4).residual("block", main, vec![]).build::<f64>(1)?;
    /// assert_eq!(network.parameters.entries()[0].name, "block.main1.weights");
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    #[must_use]
    pub fn residual(self, name: impl Into<String>, main: Vec<LayerSpec>, shortcut: Vec<LayerSpec>) -> Self {
        self.layer(name, LayerSpec::Residual { main, shortcut })
    }
    /// Appends an output layer called `output`: dense, standard, without an activation.
    ///
    /// ```
    /// use gmp_nn::{Features, NetworkSpec, Parameterization};
    /// let spec = NetworkSpec::vector(3).dense("hidden1", 8, Parameterization::Geometric).output(2);
    /// assert_eq!(spec.build::<f64>(1)?.output(), Features::Vector(2));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    #[must_use]
    pub fn output(self, units: usize) -> Self {
        self.layer("output", Dense::new(units, Parameterization::Standard).activation(Activation::Identity))
    }

    /// Draws Glorot-uniform weights from the streams of `seed` and expresses them in each layer's parameterization.
    ///
    /// Every layer of units has its own stream, identified by the layer's name: the same layer under the same name
    /// starts with the same weights in any network and any parameterization, and under another name with others.
    ///
    /// Fan-in and fan-out are those of Keras: the inputs and the number of units for a dense layer, and k·k·channels
    /// and k·k·filters for a convolution. The authors' geometric convolutions have k·k·channels and filters, so their
    /// initial weights are those of the others times a number greater than 1, unless
    /// [`FanOut::Window`](crate::FanOut::Window) is chosen.
    ///
    /// ```
    /// use gmp_nn::{NetworkSpec, Parameterization::Standard};
    /// let image = NetworkSpec::image(32, 32, 3).dense("hidden1", 64, Standard);
    /// assert_eq!(
    ///     image.build::<f32>(1).unwrap_err().to_string(),
    ///     "hidden1: an image of 32×32×3 flows in, expected a vector"
    /// );
    /// ```
    ///
    /// # Errors
    /// If a layer has no inputs or units, does not fit its input or into memory, or has the name of an earlier layer.
    /// The error names the layer.
    pub fn build<T: Element>(&self, seed: u64) -> Result<Network<T>, Error> {
        self.build_by(Network::builder(self.input).seed(seed))
    }

    /// [`NetworkSpec::build`] with other initial weights: `weights` is called for every layer of units in order, with
    /// its name, its fan-in and fan-out and the inputs × units matrix to fill. Everything else that is random comes
    /// from `seed`.
    ///
    /// ```
    /// use gmp_nn::{NetworkSpec, Parameterization, Rng};
    /// // He's normal initialization, for layers with a ReLU.
    /// let spec = NetworkSpec::vector(20).dense("hidden1", 64, Parameterization::Geometric).output(1);
    /// let network = spec.build_with::<f64>(7, |layer, [fan_in, _], weights| {
    ///     let mut rng = Rng::new(7, layer);
    ///     weights.iter_mut().for_each(|w| *w = (2.0 / fan_in as f64).sqrt() * rng.normal());
    /// })?;
    /// let radii = network.parameters.get("hidden1.radius").unwrap(); // lengths of 20 numbers of variance 2/20
    /// assert!((radii.iter().map(|r| r * r).sum::<f64>() / 64.0 - 2.0).abs() < 0.5);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`NetworkSpec::build`].
    pub fn build_with<T: Element>(
        &self,
        seed: u64,
        weights: impl FnMut(&str, [usize; 2], &mut [T]),
    ) -> Result<Network<T>, Error> {
        self.build_by(Network::builder(self.input).seed(seed).initial_weights(weights))
    }

    fn build_by<T: Element>(&self, mut builder: NetworkBuilder<'_, T>) -> Result<Network<T>, Error> {
        for (name, layer) in &self.layers {
            builder = builder.layer(name, layer.clone())?;
        }
        Ok(builder.build())
    }

    /// The layers of a branch of the residual block `block`, `"main"` or `"shortcut"`, with their names.
    pub(crate) fn branch<'a>(
        block: &str,
        branch: &str,
        layers: &'a [LayerSpec],
    ) -> impl Iterator<Item = (String, &'a LayerSpec)> {
        layers.iter().enumerate().map(move |(i, spec)| (format!("{block}.{branch}{}", i + 1), spec))
    }
}
