//! Networks: sequences of layers, with their parameters and buffers.

use crate::layer::{Chain, NamedLayer};
use crate::{
    Boundaries, Element, Features, Forward, NetworkBuilder, NetworkSpec, ParamStore, RecordedStatistics,
    Statistics, Summary,
};
use gmp_autograd::{Mat, Tape, Var};
use std::sync::Arc;

/// A sequence of layers, with their parameters (which are trained) and buffers (which are not).
///
/// [`Mlp`](crate::Mlp) and [`NetworkSpec`] describe networks and build them. A clone has its own copy of parameters
/// and buffers.
///
/// ```
/// use gmp_autograd::{Mat, Tape, op};
/// use gmp_nn::{Mlp, Parameterization};
///
/// let mut network = Mlp::new(3, &[16], 1, Parameterization::Geometric).build::<f64>(7)?;
/// let x = [0.5, -1.0, 2.0, 0.0, 0.1, 0.2];
/// let y = network.predict(Mat::new(&x, 2, 3)); // one row per sample
/// assert_eq!(y.len(), 2);
///
/// // A training step needs a tape, begun with the network's parameters.
/// let mut tape = Tape::new();
/// tape.begin(network.parameters.values());
/// let (x, target) = (tape.input(&x, 2, 3), tape.input(&[1.0, 0.0], 2, 1));
/// let prediction = network.forward_training(&mut tape, x);
/// let loss = op::mean_squared_error(&mut tape, prediction, target);
/// tape.backward(loss);
/// let rate = 0.01;
/// for (p, gradient) in network.parameters.values_mut().iter_mut().zip(tape.parameter_gradients()) {
///     *p -= rate * gradient;
/// }
/// network.after_step();
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Network<T> {
    spec: Option<NetworkSpec>,
    input: Features,
    layers: Arc<Chain<T>>,
    /// The numbers that optimizers change.
    pub parameters: ParamStore<T>,
    /// Running statistics and fixed signs.
    pub buffers: ParamStore<T>,
}

impl<T: Element> Network<T> {
    /// Begins a network that is built layer by layer, which may include user-defined layers.
    ///
    /// ```
    /// use gmp_nn::{Dense, Features, Network, Parameterization};
    /// let network = Network::<f64>::builder(Features::Vector(3))
    ///     .layer("output", Dense::new(2, Parameterization::Geometric))?
    ///     .build();
    /// assert_eq!(network.output(), Features::Vector(2));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn builder<'w>(input: Features) -> NetworkBuilder<'w, T> {
        NetworkBuilder::new(input)
    }

    pub(crate) fn new(
        spec: Option<NetworkSpec>,
        input: Features,
        layers: Chain<T>,
        parameters: ParamStore<T>,
        buffers: ParamStore<T>,
    ) -> Self {
        Self { spec, input, layers: Arc::new(layers), parameters, buffers }
    }

    /// The description that it was built from; `None` for a network with user-defined layers, which cannot be
    /// described as data.
    ///
    /// ```
    /// use gmp_nn::{NetworkSpec, Parameterization};
    /// let spec = NetworkSpec::vector(3).dense("hidden1", 8, Parameterization::Geometric).output(1);
    /// assert_eq!(spec.build::<f64>(1)?.spec(), Some(&spec));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn spec(&self) -> Option<&NetworkSpec> {
        self.spec.as_ref()
    }

    /// The features of its input.
    ///
    /// ```
    /// use gmp_nn::{Features, Mlp, Parameterization};
    /// let network = Mlp::new(3, &[8], 2, Parameterization::Geometric).build::<f64>(1)?;
    /// assert_eq!((network.input(), network.output()), (Features::Vector(3), Features::Vector(2)));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn input(&self) -> Features {
        self.input
    }

    /// The features of its output.
    pub fn output(&self) -> Features {
        self.layers.output(self.input)
    }

    /// Its layers, with their names.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let network = Mlp::new(3, &[8], 2, Parameterization::Geometric).build::<f64>(1)?;
    /// let layers: Vec<_> = network.layers().iter().map(|l| format!("{}: {}", l.name, l.layer.summary())).collect();
    /// assert_eq!(layers, ["hidden1: dense, GmP, relu", "output: dense, SP"]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn layers(&self) -> &[NamedLayer<T>] {
        self.layers.layers()
    }

    pub(crate) fn chain(&self) -> &Chain<T> {
        &self.layers
    }

    /// Evaluates the network on a batch, in evaluation mode: normalizations use running statistics.
    ///
    /// x has one row per sample and one column per input; or, for images, one row per pixel and one column per
    /// channel: (batch·height·width)×channels, rows in that order. The result has the same form: batch×units if the
    /// last layer is dense. A batch may be empty.
    ///
    /// ```
    /// use gmp_autograd::Tape;
    /// use gmp_nn::{Mlp, Parameterization};
    /// let network = Mlp::new(3, &[8], 2, Parameterization::Geometric).build::<f64>(1)?;
    /// let mut tape = Tape::new();
    /// tape.begin(network.parameters.values());
    /// let x = tape.variable(&[0.5, -1.0, 2.0], 1, 3); // a sample whose gradient is wanted
    /// let y = network.forward(&mut tape, x);
    /// let sum = y.sum(&mut tape);
    /// tape.backward(sum);
    /// assert_eq!(tape.gradient(x).unwrap().cols(), 3);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Panics
    /// If x has another number of columns, or rows that are not a whole number of images, or the tape was not begun
    /// with this network's parameters.
    #[track_caller]
    pub fn forward(&self, tape: &mut Tape<T>, x: Var) -> Var {
        self.check(tape, x);
        let statistics = Statistics::Running(self.buffers.values());
        self.layers.forward(&mut Forward { tape, statistics, watch: None }, x)
    }

    /// Evaluates the network on a batch in training mode: like [`Network::forward`], but with the batch's own
    /// statistics, which also update the running ones in [`Network::buffers`].
    ///
    /// ```
    /// use gmp_autograd::Tape;
    /// use gmp_nn::normalization::BatchMean;
    /// use gmp_nn::NetworkSpec;
    /// let mut network = NetworkSpec::vector(1).normalization("mean", BatchMean { momentum: 0.9 }).build::<f64>(1)?;
    /// let mut tape = Tape::new();
    /// tape.begin(network.parameters.values());
    /// let x = tape.input(&[8.0, 12.0], 2, 1);
    /// let y = network.forward_training(&mut tape, x);
    /// assert_eq!(tape.value(y).data(), [-2.0, 2.0]); // less the mean of the batch, 10
    /// assert!((network.buffers.values()[0] - 1.0).abs() < 1e-12); // a tenth of the way from 0 to 10
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Network::forward`], and if the batch is empty and a normalization needs its mean.
    #[track_caller]
    pub fn forward_training(&mut self, tape: &mut Tape<T>, x: Var) -> Var {
        self.check(tape, x);
        let statistics = Statistics::Batch(self.buffers.values_mut());
        self.layers.forward(&mut Forward { tape, statistics, watch: None }, x)
    }

    /// Evaluates like [`Network::forward_training`], but does not change the running statistics and adds their
    /// updates to `record` instead. So the parts of a batch may be computed in any order, or on other machines, and
    /// the updates applied in the order of the parts.
    ///
    /// # Panics
    /// As [`Network::forward_training`].
    #[track_caller]
    pub fn forward_recorded(&self, tape: &mut Tape<T>, x: Var, record: &mut RecordedStatistics<T>) -> Var {
        self.check(tape, x);
        let statistics = Statistics::Recorded(self.buffers.values(), record);
        self.layers.forward(&mut Forward { tape, statistics, watch: None }, x)
    }

    /// Evaluates like [`Network::forward`], and calls `watch` with the name and the output of every layer, including
    /// those inside residual blocks. All of these variables can be read from the tape afterwards.
    ///
    /// ```
    /// use gmp_autograd::Tape;
    /// use gmp_nn::{Mlp, Parameterization};
    ///
    /// let network = Mlp::new(3, &[16, 8], 1, Parameterization::Geometric).build::<f64>(7)?;
    /// let mut tape = Tape::new();
    /// tape.begin(network.parameters.values());
    /// let x = tape.input(&[0.5, -1.0, 2.0], 1, 3);
    /// let mut outputs = Vec::new();
    /// network.forward_each(&mut tape, x, |name, y| outputs.push((name.to_owned(), y)));
    ///
    /// let (name, y) = &outputs[1];
    /// assert_eq!((name.as_str(), tape.value(*y).cols()), ("hidden2", 8));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Network::forward`].
    #[track_caller]
    pub fn forward_each(&self, tape: &mut Tape<T>, x: Var, mut watch: impl FnMut(&str, Var)) -> Var {
        self.check(tape, x);
        let statistics = Statistics::Running(self.buffers.values());
        self.layers.forward(&mut Forward { tape, statistics, watch: Some(&mut watch) }, x)
    }

    /// The outputs of [`Network::forward`] for a batch, row by row, without the need for a tape. Their number of
    /// columns is that of [`Network::output`].
    ///
    /// ```
    /// use gmp_autograd::Mat;
    /// use gmp_nn::{Mlp, Parameterization};
    /// let mut network = Mlp::new(2, &[], 1, Parameterization::Standard).build::<f64>(1)?;
    /// network.parameters.set("output.weights", &[10.0, 1.0])?;
    /// let two_samples = [1.0, 2.0, 3.0, 4.0];
    /// assert_eq!(network.predict(Mat::new(&two_samples, 2, 2)), [12.0, 34.0]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Network::forward`].
    #[track_caller]
    pub fn predict(&self, x: Mat<'_, T>) -> Vec<T> {
        self.predict_with(&mut Tape::new(), x).data().to_vec()
    }

    /// The same as [`Network::predict`] on the caller's tape, whose memory is reused from call to call: nothing is
    /// allocated once it has grown, if x is row-major.
    ///
    /// ```
    /// use gmp_autograd::{Mat, Tape};
    /// use gmp_nn::{Mlp, Parameterization};
    /// let network = Mlp::new(2, &[8], 3, Parameterization::Geometric).build::<f64>(1)?;
    /// let mut tape = Tape::new();
    /// for batch in [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]] {
    ///     let y = network.predict_with(&mut tape, Mat::new(&batch, 2, 2));
    ///     assert_eq!((y.rows(), y.cols()), (2, 3));
    /// }
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Network::forward`].
    #[track_caller]
    pub fn predict_with<'t>(&self, tape: &'t mut Tape<T>, x: Mat<'_, T>) -> Mat<'t, T> {
        tape.begin(self.parameters.values());
        let x = match x.is_contiguous() {
            true => tape.input(x.data(), x.rows(), x.cols()),
            false => tape.input(&x.to_vec(), x.rows(), x.cols()),
        };
        let y = self.forward(tape, x);
        tape.value(y)
    }

    /// Lets every layer project its parameters back onto their constraints; to be called after an optimizer's step.
    /// None of this crate's parameterizations needs it.
    pub fn after_step(&mut self) {
        self.layers.after_step(self.parameters.values_mut());
    }

    #[track_caller]
    fn check(&self, tape: &Tape<T>, x: Var) {
        let (begun, own) = (tape.parameter_count(), self.parameters.values().len());
        assert!(begun == own, "the tape was begun with {begun} parameters, the network has {own}");
        self.input.check(x);
    }

    /// Names of the layers of units, dense and convolutional, including those in residual blocks: `"conv1"`,
    /// `"stage2.block1.main1"`. The name of a parameter is that of its layer, a dot and its own name.
    ///
    /// ```
    /// use gmp_nn::{Dense, NetworkSpec, Parameterization::Standard};
    /// let block = vec![Dense::new(4, Standard).into(), Dense::new(4, Standard).into()];
    /// let network = NetworkSpec::vector(4).residual("block", block, vec![]).output(1).build::<f64>(1)?;
    /// assert_eq!(network.unit_layers(), ["block.main1", "block.main2", "output"]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn unit_layers(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.layers.each_units(&mut |name, _, _| names.push(name.to_owned()));
        names
    }

    /// Writes the activation boundaries of the units of the layer called `layer`, in the space of a unit's own inputs:
    /// those of a convolution are the k·k·channels numbers in its window, in the order (row, column, channel).
    ///
    /// A unit switches on its boundary. The current running statistics are part of the boundary under batch
    /// normalization, and if units without an activation pass their outputs directly to a normalization layer, as
    /// under MBN and LN. If the activation has several kinks, there is a boundary for each. A smooth activation does
    /// not switch, and its boundary is where its input is zero, as is that of units without activation (before the
    /// sum of a residual block, in the last layer). A normalization of a layer's input (IMN) is not part of the
    /// boundary: a unit's inputs are the normalized ones. Under LN the boundaries are exact for a kink at 0 without a
    /// shift, and otherwise a [substitute](crate::normalization::LayerNorm#activation-boundaries). Normals point to
    /// the side where a unit is active, whatever the signs of its length and its gain.
    ///
    /// ```
    /// use gmp_nn::zoo::{Variant, resnet18};
    /// use gmp_nn::{Boundaries, Normalization, Parameterization};
    ///
    /// let variant = Variant::new(Parameterization::Geometric).normalization(Normalization::input_mean());
    /// let network = resnet18(&variant, 10).build::<f32>(7)?;
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
        self.boundaries_with(layer, self.buffers.values(), boundaries);
    }

    /// Like [`Network::boundaries`], with the statistics of the batch `x` in place of the running ones: these are the
    /// boundaries of the network in training mode on this batch. Without normalizations over the batch they are the
    /// same.
    ///
    /// `x` is as in [`Network::forward`]. The network is evaluated on `tape`, and `statistics` receives the buffers with
    /// the statistics of the batch; the network itself is not changed. The memory of both is reused from call to
    /// call.
    ///
    /// ```
    /// use gmp_autograd::{Mat, Tape};
    /// use gmp_nn::{Boundaries, Mlp, Normalization, Parameterization};
    ///
    /// let mlp = Mlp::new(1, &[3], 1, Parameterization::Standard).normalization(Normalization::batch());
    /// let network = mlp.build::<f64>(7)?;
    /// let (mut running, mut batch) = (Boundaries::default(), Boundaries::default());
    /// network.boundaries("hidden1", &mut running);
    /// let x = Mat::new(&[1.0, 2.0, 6.0], 3, 1);
    /// network.batch_boundaries("hidden1", x, &mut Tape::new(), &mut Vec::new(), &mut batch);
    /// // Every unit starts with its boundary at 0 by the running statistics, and at the mean of the batch in truth.
    /// let mut locations = [[0.0; 3]; 2];
    /// running.spatial_locations(&mut locations[0]);
    /// batch.spatial_locations(&mut locations[1]);
    /// assert_eq!(locations[0], [0.0; 3]);
    /// assert!(locations[1].iter().all(|x| (x - 3.0).abs() < 1e-12));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Panics
    /// As [`Network::boundaries`] and [`Network::forward_training`].
    #[track_caller]
    pub fn batch_boundaries(
        &self,
        layer: &str,
        x: Mat<'_, T>,
        tape: &mut Tape<T>,
        statistics: &mut Vec<T>,
        boundaries: &mut Boundaries<T>,
    ) {
        statistics.clear();
        statistics.extend_from_slice(self.buffers.values());
        tape.begin(self.parameters.values());
        let x = match x.is_contiguous() {
            true => tape.input(x.data(), x.rows(), x.cols()),
            false => tape.input(&x.to_vec(), x.rows(), x.cols()),
        };
        self.check(tape, x);
        let measured = Statistics::Measured(statistics);
        self.layers.forward(&mut Forward { tape, statistics: measured, watch: None }, x);
        self.boundaries_with(layer, statistics, boundaries);
    }

    #[track_caller]
    fn boundaries_with(&self, layer: &str, buffers: &[T], boundaries: &mut Boundaries<T>) {
        let parameters = self.parameters.values();
        let mut is_found = false;
        self.layers.each_units(&mut |name, units, behind| {
            if name == layer {
                is_found = true;
                units.boundaries(behind, parameters, buffers, boundaries);
            }
        });
        assert!(is_found, "{layer:?} is none of the layers of units, {:?}", self.unit_layers());
    }

    /// For every layer its kind, the shape of its output, its number of parameters, and the memory and the
    /// multiplications that one sample costs. Printed, it is a table. [`LayerSummary`](crate::LayerSummary) says what
    /// is counted.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let network = Mlp::new(20, &[64], 1, Parameterization::Geometric).build::<f64>(7)?;
    /// let text = "\
    /// layer    kind              output  parameters  activation bytes  multiply-adds
    /// hidden1  dense, GmP, relu      64       1,344               512          1,280
    /// output   dense, SP              1          65                 8             64
    /// total                                   1,409               520          1,344
    /// ";
    /// assert_eq!(network.summary().to_string(), text);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }
}
