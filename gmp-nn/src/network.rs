//! Networks: layers in a row, with their parameters and buffers.

use crate::layer::{Statistics, chain};
use crate::op::Activation;
use crate::parameterization::{Directions, Parameterization};
use crate::{Boundaries, Element, Error, Features, Forward, Layer, LayerSpec, Named, NetworkSpec};
use gmp_autograd::{Tape, Var};
use serde::{Deserialize, Serialize};

/// The description of a ReLU network with dense layers.
///
/// Hidden layers have the given parameterization. The output layer is standard, as in the paper, but
/// weight-normalized where the hidden ones are.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::{Mlp, Parameterization};
///
/// let network = Mlp::new(13, &[100], 1, Parameterization::Geometric).build::<f64>(7)?;
/// let names: Vec<_> = network.parameters.entries().iter().map(|e| e.name.as_str()).collect();
/// assert_eq!(names, ["hidden1.angles", "hidden1.offset", "hidden1.radius", "output.weights", "output.bias"]);
///
/// let mut tape = Tape::new();
/// tape.begin(network.parameters.values());
/// let x = tape.input(&[0.5; 26], 2, 13);
/// let y = network.forward(&mut tape, x);
/// assert_eq!((y.rows(), y.cols()), (2, 1));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mlp {
    /// Number of input coordinates.
    pub inputs: usize,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Number of outputs.
    pub outputs: usize,
    /// Parameterization of the hidden layers.
    pub parameterization: Parameterization,
    /// How geometric units start.
    #[serde(default)]
    pub directions: Directions,
}

impl Mlp {
    /// A network with exact initial directions.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize, parameterization: Parameterization) -> Self {
        Self { inputs, hidden: hidden.to_vec(), outputs, parameterization, directions: Directions::Exact }
    }

    /// Draws Glorot-uniform weights from the streams of `seed` and expresses them in the parameterization.
    ///
    /// Every parameterization draws the same weights from the same seed, so their networks start (batch
    /// normalization apart) as the same function.
    ///
    /// # Errors
    /// If a layer has no inputs or no units.
    pub fn build<T: Element>(&self, seed: u64) -> Result<Network<T>, Error> {
        self.spec().build(seed)
    }

    /// The same network, layer by layer.
    pub fn spec(&self) -> NetworkSpec {
        let dense =
            |units, parameterization, activation| LayerSpec::Dense { units, parameterization, activation };
        let hidden = self.hidden.iter().enumerate().map(|(i, &units)| {
            (format!("hidden{}", i + 1), dense(units, self.parameterization, Activation::Relu))
        });
        let output = match self.parameterization {
            Parameterization::WeightNorm => Parameterization::WeightNorm,
            _ => Parameterization::Standard,
        };
        let output = ("output".to_owned(), dense(self.outputs, output, Activation::Identity));
        NetworkSpec {
            input: Features::Vector(self.inputs),
            layers: hidden.chain([output]).collect(),
            directions: self.directions,
        }
    }
}

/// Layers in a row, with the numbers that are trained and those that are not.
#[derive(Debug)]
pub struct Network<T> {
    pub(crate) spec: NetworkSpec,
    pub(crate) layers: Vec<Box<dyn Layer<T>>>,
    /// What optimizers change.
    pub parameters: Named<T>,
    /// Running statistics and fixed signs.
    pub buffers: Named<T>,
}

impl<T: Element> Network<T> {
    /// What it was built from.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Evaluates on samples×inputs, with running statistics.
    ///
    /// # Panics
    /// If the tape was not begun with this network's parameters, or x has another number of columns.
    pub fn forward(&self, tape: &mut Tape<T>, x: Var) -> Var {
        let mut pass = Forward { tape, statistics: Statistics::Running(self.buffers.values()) };
        chain(&self.layers, &mut pass, x)
    }

    /// Evaluates on samples×inputs with the statistics of the batch, which move the running ones.
    ///
    /// # Panics
    /// As [`Network::forward`].
    pub fn forward_training(&mut self, tape: &mut Tape<T>, x: Var) -> Var {
        let mut pass = Forward { tape, statistics: Statistics::Batch(self.buffers.values_mut()) };
        chain(&self.layers, &mut pass, x)
    }

    /// Number of layers, the output layer included.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Writes the activation boundaries of one layer's units, in the space of the units' inputs.
    ///
    /// # Panics
    /// If there is no such layer, or it is not made of units (a pool, a normalization, a residual block).
    #[track_caller]
    pub fn boundaries(&self, layer: usize, boundaries: &mut Boundaries<T>) {
        let has_units =
            self.layers[layer].boundaries(self.parameters.values(), self.buffers.values(), boundaries);
        assert!(has_units, "layer {layer} is not made of units: {:?}", self.layers[layer]);
    }
}
