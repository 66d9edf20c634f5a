//! Pictures through the training loop: the loader, convolutional networks of every form, micro-batches, checkpoints.
#![cfg(feature = "image")]

use crate::forms::{ALL, form};
use gmp_autograd::Mat;
use gmp_nn::zoo::vgg6;
use gmp_nn::{Element, Network};
use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
use gmp_train::{
    Batch, Batches, Checkpoint, Error, Loss, Metric, Monitor, Observer, Sgd, State, Step, TrainState,
    Trainer, evaluate,
};
use std::ops::ControlFlow;
use std::sync::Arc;

const CLASSES: usize = 10;

fn loaders(batch_size: usize, threads: usize) -> (Loader, Loader) {
    let (training, validation) = SyntheticShapes::new(3, 96, 40);
    let loading = Loading { batch_size, order: Order::Shuffled, seed: 5, threads };
    let train = Loader::new(Arc::new(training), Preparation::small(true), loading).unwrap();
    let loading = Loading { order: Order::AsStored, ..loading };
    (train, Loader::new(Arc::new(validation), Preparation::small(false), loading).unwrap())
}

fn trainer(epochs: usize) -> Trainer {
    Trainer {
        monitor: Monitor::Validation(Metric::TopK(5)),
        metrics: vec![Metric::TopK(1), Metric::TopK(5)],
        ..Trainer::new(Loss::SoftmaxCrossEntropy, 32, epochs, 0.01)
    }
}

/// VGG-6 of a width, which is 128 in the paper.
fn build<T: Element>(name: &str, width: usize) -> Network<T> {
    vgg6(&form(name), width, CLASSES).build(1).unwrap()
}

/// Keeps a copy of the run as it was after a number of steps.
struct Keep(usize, Option<Checkpoint<f32>>);
impl Observer<f32> for Keep {
    fn on_step(&mut self, _: &Step, state: &State<'_, f32>) -> ControlFlow<()> {
        if state.progress.fit().steps == self.0 {
            self.1 = Some(Checkpoint::new(state, ""));
        }
        ControlFlow::Continue(())
    }
}

/// A run of several epochs of three batches.
#[derive(Debug, Clone, Copy)]
struct Run {
    form: &'static str,
    width: usize,
    epochs: usize,
}

impl Run {
    /// Carries it out, from a checkpoint where there is one; the network, its progress in the end, and its state after
    /// so many steps.
    fn train(
        self,
        threads: usize,
        from: Option<Checkpoint<f32>>,
        after: usize,
    ) -> (Network<f32>, TrainState<f32>, Option<Checkpoint<f32>>) {
        let (mut train, mut validation) = loaders(32, threads);
        let (mut network, mut sgd) = (build(self.form, self.width), Sgd::new(0.9));
        let (trainer, mut keeps) = (trainer(self.epochs), (Keep(after, None), Keep(3 * self.epochs, None)));
        let progress = from.map_or_else(
            || TrainState::start(&trainer),
            |checkpoint| checkpoint.restore(&mut network, &mut sgd).unwrap(),
        );
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let validation = Some(&mut validation as &mut dyn Batches<f32>);
            trainer
                .fit_batches(progress, &mut network, &mut sgd, &mut train, validation, &mut keeps)
                .unwrap();
        });
        (network, keeps.1.1.unwrap().progress, keeps.0.1)
    }

    /// Whole on one thread; cut off after a step on one number of threads and resumed on another: the same run.
    fn goes_on(self, cuts: &[(usize, usize, usize)]) {
        let (whole, end, _) = self.train(1, None, 0);
        for &(cut, before, after) in cuts {
            let (again, _, checkpoint) = self.train(before, None, cut);
            assert_eq!(again.parameters, whole.parameters, "{self:?} on {before} threads");
            // Through the bytes of a file.
            let checkpoint = Checkpoint::from_bytes(&checkpoint.unwrap().to_bytes().unwrap()).unwrap();
            let (network, progress, _) = self.train(after, Some(checkpoint), 0);
            assert_eq!(network.parameters, whole.parameters, "{self:?} cut after {cut} steps");
            assert_eq!(network.buffers, whole.buffers, "{self:?} cut after {cut} steps");
            assert_eq!(progress, end, "{self:?} cut after {cut} steps");
        }
    }
}

#[test]
fn a_run_that_was_cut_off_anywhere_ends_the_same_under_every_form() {
    for form in ALL {
        Run { form, width: 2, epochs: 3 }.goes_on(&[(3, 1, 2), (5, 2, 1)]);
    }
}

/// Wide enough for several threads: a convolution is given one for every 2²³ multiplications, of which the second layer
/// has 42 million (by Winograd's transform), and sums over pixels are split from 2¹⁸ numbers, of which it has three times
/// as many.
#[test]
fn a_run_whose_work_is_split_ends_the_same_at_any_number_of_threads() {
    for form in ["BN", "GmP+IMN"] {
        Run { form, width: 24, epochs: 1 }.goes_on(&[(1, 2, 4), (2, 4, 3)]);
    }
}

#[test]
fn the_metrics_of_an_epoch_are_those_of_its_network() {
    let (network, end, _) = Run { form: "SP", width: 2, epochs: 3 }.train(2, None, 0);
    let (_, mut validation) = loaders(7, 2);
    let values = evaluate(&network, &mut validation, &trainer(1).metrics).unwrap();
    let last = &end.history()[2];
    assert_eq!(last.validation_metrics, values);
    assert_eq!(last.validation, Some(values[1]));
    let training = &last.training_metrics;
    assert!(training[0] <= training[1] && training[1] <= 1.0);
}

/// Three fixed batches of noise in double precision.
struct Noise(Vec<f64>, Vec<f64>, usize);
impl Batches<f64> for Noise {
    fn samples(&self) -> usize {
        12
    }
    fn start(&mut self, _: usize, batch: usize) {
        self.2 = batch;
    }
    fn next_batch(&mut self) -> Result<Option<Batch<'_, f64>>, Error> {
        let (index, size) = (self.2, 32 * 32 * 3);
        if index == 2 {
            return Ok(None);
        }
        self.2 += 1;
        let inputs = Mat::new(&self.0[index * 6 * size..][..6 * size], 6 * 32 * 32, 3);
        Ok(Some(Batch {
            index,
            samples: 6,
            inputs,
            targets: Mat::new(&self.1[index * 6..][..6], 6, 1),
            weights: None,
        }))
    }
}

#[test]
fn micro_batches_give_the_step_of_the_whole_batch_where_there_are_no_batch_statistics() {
    let mut rng = gmp_nn::Rng::new(9, "noise");
    let pixels: Vec<f64> = (0..12 * 32 * 32 * 3).map(|_| rng.normal()).collect();
    let classes: Vec<f64> = (0..12).map(|i| f64::from(i % 10)).collect();
    let run = |form, micro_batch| {
        let mut network: Network<f64> = build(form, 2);
        let mut data = Noise(pixels.clone(), classes.clone(), 0);
        let trainer = Trainer { micro_batch, monitor: Monitor::TrainingLoss, batch_size: 6, ..trainer(2) };
        let start = TrainState::start(&trainer);
        trainer.fit_batches(start, &mut network, &mut Sgd::new(0.9), &mut data, None, &mut ()).unwrap();
        network.parameters.values().to_vec()
    };
    let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    for form in ["SP", "WN", "GmP"] {
        let whole = run(form, None);
        assert_eq!(run(form, Some(6)), whole);
        for most in [1, 4] {
            let parts = run(form, Some(most));
            assert!(difference(&parts, &whole) < 1e-12, "{form} in parts of {most}");
        }
    }
    assert!(difference(&run("BN", Some(2)), &run("BN", None)) > 1e-6);
}
