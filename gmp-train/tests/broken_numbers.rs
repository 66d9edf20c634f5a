//! A NaN or an infinity ends a run and says where it came from: every message, word for word.

use crate::forms::{self, form};
use gmp_autograd::Mat;
use gmp_nn::zoo::vgg6;
use gmp_nn::{Activation, Dense, LayerSpec, Network, NetworkSpec, Parameterization, Rng};
use gmp_train::checkpoint::Newest;
use gmp_train::{
    Adam, Batch, Batches, Check, Checkpoint, CheckpointError, Checkpoints, Error, Every, Loss, Observer,
    Optimizer, Sgd, StepDecay, TrainState, Trainer,
};

const SAMPLES: usize = 4;

/// Batches of four samples in single precision, three an epoch, one of them scaled.
struct Scaled {
    inputs: Vec<f32>,
    shape: (usize, usize),
    targets: Vec<f32>,
    scaled: usize,
    factor: f32,
    batch: usize,
    current: Vec<f32>,
}

impl Scaled {
    /// Batches of this many rows and columns.
    fn new(shape: (usize, usize)) -> Self {
        let mut rng = Rng::new(1, "inputs");
        let inputs = (0..3 * shape.0 * shape.1).map(|_| rng.normal() as f32).collect();
        let targets = vec![1.0; SAMPLES];
        Self { inputs, shape, targets, scaled: 0, factor: 1.0, batch: 0, current: Vec::new() }
    }
    fn scale(self, scaled: usize, factor: f32) -> Self {
        Self { scaled, factor, ..self }
    }
}

impl Batches<f32> for Scaled {
    fn samples(&self) -> usize {
        3 * SAMPLES
    }
    fn start(&mut self, _: usize, batch: usize) {
        self.batch = batch;
    }
    fn next_batch(&mut self) -> Result<Option<Batch<'_, f32>>, Error> {
        let ((rows, cols), index) = (self.shape, self.batch);
        let Some(numbers) = self.inputs.chunks(rows * cols).nth(index) else { return Ok(None) };
        self.batch += 1;
        let factor = if index == self.scaled { self.factor } else { 1.0 };
        self.current = numbers.iter().map(|x| factor * x).collect();
        let (inputs, targets) = (Mat::new(&self.current, rows, cols), Mat::new(&self.targets, SAMPLES, 1));
        Ok(Some(Batch { index, samples: SAMPLES, inputs, targets, weights: None }))
    }
}

fn plane() -> Scaled {
    Scaled::new((SAMPLES, 2))
}

fn pictures() -> Scaled {
    Scaled::new((SAMPLES * 32 * 32, 3))
}

fn mlp(form: &str) -> Network<f32> {
    forms::mlp(2, &[6, 5], 1, form).build(3).unwrap()
}

/// Sets every number of a parameter.
fn plant(network: &mut Network<f32>, name: &str, number: f32) {
    let entry = network.parameters.entries().iter().find(|e| e.name == name).unwrap();
    let range = entry.slot.range();
    network.parameters.values_mut()[range].fill(number);
}

fn trainer() -> Trainer {
    Trainer::new(Loss::MeanSquaredError, SAMPLES, 2, 0.01)
}

fn train(
    trainer: &Trainer,
    network: &mut Network<f32>,
    optimizer: &mut dyn Optimizer<f32>,
    mut data: Scaled,
    observer: &mut dyn Observer<f32>,
) -> String {
    let start = TrainState::start(trainer);
    trainer.fit_batches(start, network, optimizer, &mut data, None, observer).unwrap_err().to_string()
}

/// How plain gradient descent on this network and these data ends.
fn end(mut network: Network<f32>, data: Scaled) -> String {
    train(&trainer(), &mut network, &mut Sgd::new(0.0), data, &mut ())
}

#[test]
fn a_network_that_comes_with_a_nan_is_not_trained() {
    let mut network = mlp("SP");
    plant(&mut network, "hidden2.weights", f32::NAN);
    assert_eq!(
        end(network, plane()),
        "hidden2.weights is NaN at step 0 (epoch 0); it began with the network that was given"
    );
    let mut network = mlp("BN");
    network.buffers.values_mut()[0] = f32::INFINITY;
    assert_eq!(
        end(network, plane()),
        "hidden1.running_mean is inf at step 0 (epoch 0); it began with the network that was given"
    );
}

#[test]
fn an_infinite_input_is_the_batch_s_and_not_a_layer_s() {
    let data = plane().scale(1, f32::INFINITY);
    assert_eq!(end(mlp("SP"), data), "the loss is NaN at step 1 (epoch 0); it began with the batch's inputs");
    let mut data = plane();
    data.targets[2] = f32::NEG_INFINITY;
    assert_eq!(
        end(mlp("GmP"), data),
        "the loss is inf at step 0 (epoch 0); it began with the batch's targets"
    );
}

#[test]
fn an_overflow_on_the_way_forward_names_the_operation_and_its_layer() {
    let overflow = |form, parameter, data| {
        let mut network = mlp(form);
        plant(&mut network, parameter, 3e38);
        end(network, data)
    };
    assert_eq!(
        overflow("SP", "hidden2.weights", plane().scale(0, 100.0)),
        "the loss is NaN at step 0 (epoch 0); it began with affine_relu in layer hidden2"
    );
    assert_eq!(
        overflow("SP", "output.bias", plane()),
        "the loss is inf at step 0 (epoch 0); it began with mean_squared_error after layer output"
    );
    assert_eq!(
        overflow("WN", "hidden1.length", plane().scale(0, 100.0)),
        "the loss is NaN at step 0 (epoch 0); it began with weight_norm in layer hidden1"
    );
    assert_eq!(
        overflow("BN", "hidden2.weights", plane().scale(0, 100.0)),
        "the loss is NaN at step 0 (epoch 0); it began with affine in layer hidden2"
    );
    assert_eq!(
        overflow("GmP", "hidden1.radius", plane().scale(0, 100.0)),
        "the loss is NaN at step 0 (epoch 0); it began with scaled_affine_relu in layer hidden1"
    );
}

/// The loss is 1e36, its gradient 2e18, and the weights that the gradient meets are 1e25.
fn broken_backwards() -> Network<f32> {
    let mut network = mlp("SP");
    plant(&mut network, "hidden2.weights", 0.0);
    plant(&mut network, "hidden2.bias", 2e-8);
    plant(&mut network, "output.weights", 1e25);
    network
}

#[test]
fn an_overflow_on_the_way_back_alone_names_the_operation_whose_rule_it_was() {
    let expected = "the gradient of hidden1.weights is NaN at step 0 (epoch 0); \
                    it began with the backward pass of affine in layer output";
    assert_eq!(end(broken_backwards(), plane()), expected);
    // The first of the parts to break is found, and nothing has been changed.
    let (mut network, trainer) = (broken_backwards(), Trainer { micro_batch: Some(3), ..trainer() });
    assert_eq!(train(&trainer, &mut network, &mut Sgd::new(0.0), plane(), &mut ()), expected);
    assert_eq!(network.parameters, broken_backwards().parameters);
}

#[test]
fn a_parameter_that_overflows_by_a_step_is_the_step_s() {
    let step = |optimizer: &mut dyn Optimizer<f32>, check, learning_rate| {
        let trainer = Trainer { check, learning_rate, ..trainer() };
        train(&trainer, &mut mlp("SP"), optimizer, plane(), &mut ())
    };
    assert_eq!(
        step(&mut Adam::default(), Check::All, 1e39),
        "hidden1.weights is inf at step 0 (epoch 0); it began with the optimizer's step"
    );
    assert_eq!(
        step(&mut Sgd::new(0.9), Check::All, 1e39),
        "hidden1.weights is inf at step 0 (epoch 0); it began with the optimizer's step"
    );
    assert_eq!(
        step(&mut Adam::default(), Check::LossOnly, 1e39),
        "the loss is NaN at step 1 (epoch 0); it began with hidden1.weights"
    );
}

#[test]
fn statistics_that_overflow_are_the_batch_s() {
    assert_eq!(
        end(mlp("BN"), plane().scale(0, 1e30)),
        "hidden1.running_variance is inf at step 0 (epoch 0); it began with the statistics of the batch"
    );
}

/// Dense layers around a block whose shortcut is a layer too.
fn residual() -> Network<f32> {
    let dense = |units, activation| -> LayerSpec {
        Dense::new(units, Parameterization::Standard).activation(activation).into()
    };
    let main = vec![dense(6, Activation::Relu), dense(5, Activation::Identity)];
    let block = LayerSpec::Residual { main, shortcut: vec![dense(5, Activation::Identity)] };
    let layers =
        [("stem", dense(4, Activation::Relu)), ("block", block), ("output", dense(1, Activation::Identity))];
    let layers = layers.map(|(name, layer)| (name.to_owned(), layer)).to_vec();
    NetworkSpec { layers, ..NetworkSpec::vector(2) }.build(1).unwrap()
}

#[test]
fn every_way_through_a_residual_block_is_followed() {
    let planted = |plants: &[(&str, f32)]| {
        let mut network = residual();
        plants.iter().for_each(|(name, number)| plant(&mut network, name, *number));
        end(network, plane().scale(0, 100.0))
    };
    assert_eq!(
        planted(&[("block.main1.weights", 3e38)]),
        "the loss is NaN at step 0 (epoch 0); it began with affine_relu in layer block.main1"
    );
    assert_eq!(
        planted(&[("block.shortcut1.weights", 3e38)]),
        "the loss is NaN at step 0 (epoch 0); it began with affine in layer block.shortcut1"
    );
    // Finite on both ways, but not their sum.
    assert_eq!(
        planted(&[("block.main2.bias", 3e38), ("block.shortcut1.bias", 3e38)]),
        "the loss is NaN at step 0 (epoch 0); it began with add or relu after layer block.shortcut1"
    );
    let still = [("stem.weights", 0.0), ("stem.bias", 1.0), ("block.main2.weights", 0.0)];
    let still = [&still[..], &[("block.shortcut1.weights", 0.0), ("block.main2.bias", 1.0)]].concat();
    // The gradient at the end of the main way is 2e13, and what came that far is 1e35.
    let backwards = [("output.weights", 1e6), ("block.main1.weights", 1e35)];
    assert_eq!(
        planted(&[&still[..], &backwards].concat()),
        "the gradient of block.main2.weights is inf at step 0 (epoch 0); \
         it began with the backward pass of affine in layer block.main2"
    );
}

#[test]
fn convolutional_networks_name_their_layers_too() {
    let trainer = Trainer { loss: Loss::SoftmaxCrossEntropy, ..trainer() };
    let planted = |name, parameter, number, factor| {
        let mut network = vgg6(&form(name), 2, 3).build::<f32>(1).unwrap();
        plant(&mut network, parameter, number);
        train(&trainer, &mut network, &mut Sgd::new(0.9), pictures().scale(0, factor), &mut ())
    };
    assert_eq!(
        planted("SP", "conv3.weights", 3e38, 1.0),
        "the loss is NaN at step 0 (epoch 0); it began with conv2d_relu in layer conv3"
    );
    assert_eq!(
        planted("GmP+IMN", "conv5.radius", 3e38, 1e3),
        "the loss is NaN at step 0 (epoch 0); it began with scaled_conv2d_relu or mean_norm in layer conv5"
    );
    assert_eq!(
        planted("GmP+IMN", "conv2.radius", 3e37, 1.0),
        "the loss is NaN at step 0 (epoch 0); it began with scaled_conv2d_relu or mean_norm in layer conv2"
    );
    assert_eq!(
        planted("SP", "output.weights", 3e38, 1.0),
        "the loss is NaN at step 0 (epoch 0); it began with affine in layer output"
    );

    // Small activations and large weights: too large a gradient alone.
    let mut network = vgg6(&form("SP"), 2, 1).build(1).unwrap();
    for (name, number) in
        [("conv5.weights", 0.0), ("conv5.bias", 1e-30), ("conv6.weights", 1e25), ("output.weights", 1e20)]
    {
        plant(&mut network, name, number);
    }
    assert_eq!(
        end(network, pictures()),
        "the gradient of conv1.weights is NaN at step 0 (epoch 0); \
         it began with the backward pass of conv2d_relu in layer conv6"
    );
}

#[test]
fn the_last_good_checkpoint_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path(), 3, Every::Steps(1), |error| panic!("{error}"));
    let mut network = mlp("GmP");
    assert_eq!(
        train(&trainer(), &mut network, &mut Adam::default(), plane().scale(1, 1e30), &mut checkpoints),
        "the loss is inf at step 1 (epoch 0); it began with mean_squared_error after layer output"
    );
    let newest = Newest::<f32>::in_folder(folder.path()).unwrap().unwrap();
    assert!(newest.unreadable.is_empty());
    assert_eq!(newest.checkpoint.progress.fit().steps, 1);
    let numbers = newest.checkpoint.parameters.iter().flat_map(|tensor| &tensor.numbers);
    assert!(numbers.copied().eq(network.parameters.values().iter().copied()));

    // With the batch put right the run goes on from there, and is the run that never broke.
    let run = |from: Option<Checkpoint<f32>>| {
        let (mut network, mut adam) = (mlp("GmP"), Adam::default());
        let progress = match from {
            Some(checkpoint) => checkpoint.restore(&mut network, &mut adam).unwrap(),
            None => TrainState::start(&trainer()),
        };
        trainer().fit_batches(progress, &mut network, &mut adam, &mut plane(), None, &mut ()).unwrap();
        network.parameters
    };
    assert_eq!(run(Some(newest.checkpoint)), run(None));
}

/// Only what writes the parameters down looks at them.
#[test]
fn a_state_with_a_nan_is_reported_and_displaces_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    let report = |error: &CheckpointError| reports.push(error.to_string());
    let mut checkpoints = Checkpoints::new(folder.path(), 1, Every::Steps(1), report);
    let trainer = Trainer {
        check: Check::LossOnly,
        step_decay: Some(StepDecay { factor: 1e41, epochs: vec![1] }),
        ..trainer()
    };
    assert_eq!(
        train(&trainer, &mut mlp("SP"), &mut Adam::default(), plane(), &mut checkpoints),
        "the loss is NaN at step 4 (epoch 1); it began with hidden1.weights"
    );
    drop(checkpoints);
    let file = folder.path().join("step-000000000004.checkpoint");
    let expected = "not written: hidden1.weights is inf; the checkpoints before it stay";
    assert_eq!(reports, [format!("{}: {expected}", file.display())]);
    let newest = Newest::<f32>::in_folder(folder.path()).unwrap().unwrap();
    assert_eq!(newest.checkpoint.progress.fit().steps, 3);
}
