//! Multilayer perceptrons: a short description of a network with dense layers.

use crate::parameterization::{DirectionInit, GeometricOptions, Parameterization};
use crate::spec::{Dense, Written};
use crate::{Activation, Element, Error, Network, NetworkSpec, Normalization};
use serde::{Deserialize, Serialize};

/// The description of a network with dense layers.
///
/// Hidden layers have the given parameterization, normalization and activation. The output layer is standard, as in
/// the paper, but weight-normalized if the hidden layers are, and has neither normalization nor activation.
///
/// ```
/// use gmp_autograd::Mat;
/// use gmp_nn::{Activation, Mlp, Normalization, Parameterization};
///
/// let network = Mlp::new(13, &[100], 1, Parameterization::Geometric).build::<f64>(7)?;
/// let names: Vec<_> = network.parameters.entries().iter().map(|e| e.name.as_str()).collect();
/// assert_eq!(names, ["hidden1.angles", "hidden1.offset", "hidden1.radius", "output.weights", "output.bias"]);
/// assert_eq!(network.predict(Mat::new(&[0.5; 26], 2, 13)).len(), 2);
///
/// // Batch normalization and another activation than ReLU.
/// let mlp = Mlp::new(13, &[100], 1, Parameterization::Standard)
///     .normalization(Normalization::batch())
///     .activation(Activation::Tanh);
/// assert_eq!(mlp.build::<f64>(7)?.buffers.entries()[0].name, "hidden1.running_mean");
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenMlp")]
pub struct Mlp {
    /// Number of input coordinates.
    pub inputs: usize,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Number of outputs.
    pub outputs: usize,
    /// Parameterization of the hidden layers.
    pub parameterization: Parameterization,
    /// Normalization of the hidden layers.
    #[serde(skip_serializing_if = "Normalization::is_none")]
    pub normalization: Normalization,
    /// Activation of the hidden layers.
    #[serde(skip_serializing_if = "is_relu")]
    pub activation: Activation,
    /// How geometric units are initialized.
    pub directions: DirectionInit,
}

impl Mlp {
    /// A network with ReLUs, without normalization, and with exact initial directions.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// // Three inputs, hidden layers of 64 and 32 units, one output.
    /// let mlp = Mlp::new(3, &[64, 32], 1, Parameterization::Geometric);
    /// assert_eq!(mlp.build::<f64>(1)?.unit_layers(), ["hidden1", "hidden2", "output"]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize, parameterization: Parameterization) -> Self {
        Self {
            inputs,
            hidden: hidden.to_vec(),
            outputs,
            parameterization,
            normalization: Normalization::None,
            activation: Activation::Relu,
            directions: DirectionInit::Exact,
        }
    }

    /// Sets the normalization of the hidden layers.
    #[must_use]
    pub fn normalization(self, normalization: impl Into<Normalization>) -> Self {
        Self { normalization: normalization.into(), ..self }
    }

    /// Sets the activation of the hidden layers.
    #[must_use]
    pub fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Draws Glorot-uniform weights from the streams of `seed` and expresses them in the parameterization.
    ///
    /// Every parameterization draws the same weights from the same seed, so their networks start (apart from
    /// normalizations) as the same function if the activation is homogeneous, as ReLU is.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let build = |seed| Mlp::new(3, &[8], 1, Parameterization::Standard).build::<f64>(seed);
    /// assert_eq!(build(7)?.parameters, build(7)?.parameters);
    /// assert_ne!(build(7)?.parameters, build(8)?.parameters);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a layer has no inputs or no units, or does not fit into memory.
    pub fn build<T: Element>(&self, seed: u64) -> Result<Network<T>, Error> {
        self.spec().build(seed)
    }

    /// The same network described layer by layer: hidden layers called `hidden1`, `hidden2`, …, and `output`.
    ///
    /// ```
    /// use gmp_nn::{Activation, Dense, Mlp, Parameterization::Standard};
    /// let spec = Mlp::new(3, &[8], 2, Standard).spec();
    /// assert_eq!(spec.layers[0], ("hidden1".to_owned(), Dense::new(8, Standard).into()));
    /// assert_eq!(spec.layers[1], ("output".to_owned(), Dense::new(2, Standard).activation(Activation::Identity).into()));
    /// ```
    pub fn spec(&self) -> NetworkSpec {
        let hidden = self.hidden.iter().enumerate().map(|(i, &units)| {
            let dense = Dense::new(units, self.parameterization)
                .normalization(self.normalization)
                .activation(self.activation)
                .geometric(GeometricOptions { directions: self.directions, ..Default::default() });
            (format!("hidden{}", i + 1), dense.into())
        });
        let output = Dense::new(self.outputs, output_parameterization(self.parameterization))
            .activation(Activation::Identity);
        let spec = NetworkSpec { layers: hidden.collect(), ..NetworkSpec::vector(self.inputs) };
        spec.layer("output", output)
    }
}

/// That of an output layer: standard, as in the paper, but weight-normalized where the hidden layers are.
pub(crate) fn output_parameterization(hidden: Parameterization) -> Parameterization {
    match hidden {
        Parameterization::WeightNorm => Parameterization::WeightNorm,
        _ => Parameterization::Standard,
    }
}

fn is_relu(activation: &Activation) -> bool {
    *activation == Activation::Relu
}

/// As it is read from files: those of earlier versions, too, where batch normalization was a parameterization.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMlp {
    inputs: usize,
    hidden: Vec<usize>,
    outputs: usize,
    parameterization: Written,
    #[serde(default)]
    normalization: Normalization,
    #[serde(default = "relu")]
    activation: Activation,
    #[serde(default)]
    directions: DirectionInit,
}

fn relu() -> Activation {
    Activation::Relu
}

impl From<WrittenMlp> for Mlp {
    fn from(written: WrittenMlp) -> Self {
        let WrittenMlp { inputs, hidden, outputs, parameterization, normalization, activation, directions } =
            written;
        let (parameterization, normalization) = parameterization.with(normalization);
        Self { inputs, hidden, outputs, parameterization, normalization, activation, directions }
    }
}
