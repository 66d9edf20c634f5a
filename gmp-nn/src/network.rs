//! Networks: layers in a row, with their parameters and buffers.

use crate::layer::{Statistics, chain};
use crate::op::Activation;
use crate::parameterization::{DirectionInit, Parameterization};
use crate::spec::Units;
use crate::{Boundaries, Element, Error, Features, Forward, Layer, LayerSpec, NetworkSpec, ParamStore};
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
    pub directions: DirectionInit,
}

impl Mlp {
    /// A network with exact initial directions.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize, parameterization: Parameterization) -> Self {
        Self { inputs, hidden: hidden.to_vec(), outputs, parameterization, directions: DirectionInit::Exact }
    }

    /// Draws Glorot-uniform weights from the streams of `seed` and expresses them in the parameterization.
    ///
    /// Every parameterization draws the same weights from the same seed, so their networks start (batch
    /// normalization apart) as the same function.
    ///
    /// # Errors
    /// If a layer has no inputs or no units, or does not fit into memory.
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
    pub parameters: ParamStore<T>,
    /// Running statistics and fixed signs.
    pub buffers: ParamStore<T>,
}

impl<T: Element> Network<T> {
    /// What it was built from.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Evaluates on a batch, with running statistics.
    ///
    /// x has a column an input and a row a sample; or, of images, a column a channel and a row a pixel:
    /// (batch·height·width)×channels, rows in that order. The result likewise: batch×units where the last layer is
    /// dense. A batch may be empty.
    ///
    /// # Panics
    /// If x has another number of columns, or rows that are no whole number of images, or the tape was not begun with
    /// this network's parameters.
    #[track_caller]
    pub fn forward(&self, tape: &mut Tape<T>, x: Var) -> Var {
        self.spec.input.check(x);
        let mut pass = Forward { tape, statistics: Statistics::Running(self.buffers.values()) };
        chain(&self.layers, &mut pass, x)
    }

    /// Evaluates on a batch as [`Network::forward`], but with the batch's own statistics, which also move the running
    /// ones in [`Network::buffers`].
    ///
    /// # Panics
    /// As [`Network::forward`], and if the batch is empty and a normalization wants its mean.
    #[track_caller]
    pub fn forward_training(&mut self, tape: &mut Tape<T>, x: Var) -> Var {
        self.spec.input.check(x);
        let mut pass = Forward { tape, statistics: Statistics::Batch(self.buffers.values_mut()) };
        chain(&self.layers, &mut pass, x)
    }

    /// Names of the layers of units, dense and convolutional, those in residual blocks included: `"conv1"`,
    /// `"stage2.block1.main1"`. A layer's parameters have its name before the dot of their own.
    pub fn unit_layers(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.each_units(&mut |units| names.push(units.name.to_owned()));
        names
    }

    /// Writes the activation boundaries of the units of the layer called `layer`, in the space of a unit's own inputs:
    /// those of a convolution are the k·k·channels numbers under its window, in the order (row, column, channel).
    ///
    /// A unit switches on its boundary, with the running statistics as they are: they have their place in it under
    /// batch normalization, and where units without a rectifier hand their outputs straight to a normalization, as
    /// under MBN and LN. Units with no rectifier at all (before the sum of a residual block, in the last layer) do not
    /// switch; their boundary is where their output is zero. A normalization of a layer's input (IMN) is no part of
    /// the layer: its inputs are what that hands on.
    ///
    /// ```
    /// use gmp_nn::models::{Form, resnet18};
    /// use gmp_nn::Boundaries;
    ///
    /// let network = resnet18(Form::GeometricInputNorm, 10).build::<f32>(7)?;
    /// assert_eq!(network.unit_layers().len(), 21);
    /// let mut boundaries = Boundaries::default();
    /// network.boundaries("stage2.block1.shortcut1", &mut boundaries);
    /// assert_eq!((boundaries.inputs(), boundaries.units()), (64, 128));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Panics
    /// If no layer of units has that name.
    #[track_caller]
    pub fn boundaries(&self, layer: &str, boundaries: &mut Boundaries<T>) {
        let (parameters, buffers) = (self.parameters.values(), self.buffers.values());
        let mut is_found = false;
        self.each_units(&mut |units| {
            if units.name != layer {
                return;
            }
            is_found = true;
            if let (Activation::Identity, Some(behind)) = (units.activation, units.behind) {
                // What a normalization sees is the units' output, which has their scale; a boundary need not.
                let plain = units.layer.plain(parameters, buffers).expect("a layer of units");
                boundaries.assign(&plain.weights, &plain.bias);
                if behind.move_boundaries(buffers, boundaries) {
                    return;
                }
            }
            units.layer.boundaries(parameters, buffers, boundaries);
        });
        assert!(is_found, "{layer:?} is none of the layers of units, {:?}", self.unit_layers());
    }

    fn each_units(&self, f: &mut dyn FnMut(Units<'_, T>)) {
        for (i, (name, spec)) in self.spec.layers.iter().enumerate() {
            spec.each_units(name, &self.layers[i..], f);
        }
    }
}
