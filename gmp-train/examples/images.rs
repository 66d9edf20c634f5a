//! A convolutional network on generated images, so that no file is needed: loading in the background, augmentation,
//! logs.
//!
//! `cargo run --example images`

use gmp_train::gmp_nn::conv::{Padding, Window};
use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
use gmp_train::{Log, Loss, Metric, NetworkSpec, Parameterization, Sgd, TrainState, Trainer};
use std::sync::Arc;

/// Two geometric convolutions with a pooling layer in between.
fn network() -> NetworkSpec {
    NetworkSpec::image(32, 32, 3)
        .convolution("conv1", 8, Window::new(3, 2, Padding::Same), Parameterization::Geometric)
        .max_pool("pool", Window::new(2, 2, Padding::Valid))
        .convolution("conv2", 16, Window::new(3, 1, Padding::Same), Parameterization::Geometric)
        .global_average_pool("average")
        .output(10)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Training images are cropped and flipped at random, in an order that the seed and the epoch fix.
    let (training, validation) = SyntheticShapes::new(1, 256, 64);
    let loading = Loading { batch_size: 32, order: Order::Shuffled, seed: 1, threads: 2 };
    let mut training = Loader::new(Arc::new(training), Preparation::small(true), loading)?;
    let loading = Loading { order: Order::AsStored, ..loading };
    let mut validation = Loader::new(Arc::new(validation), Preparation::small(false), loading)?;

    let mut network = network().build::<f32>(1)?;
    let trainer = Trainer {
        batch_size: 32,
        epochs: 3,
        learning_rate: 0.05,
        metrics: vec![Metric::TopK(1), Metric::TopK(5)],
        ..Trainer::of(Loss::SoftmaxCrossEntropy)
    };
    let log = std::env::temp_dir().join(format!("images {}.jsonl", std::process::id()));
    let mut observer = Log::json_lines(&log, |error| eprintln!("WARNING: {error}"));
    let start = TrainState::start(&trainer);
    trainer.fit_batches(
        start,
        &mut network,
        &mut Sgd::new(0.9),
        &mut training,
        Some(&mut validation),
        &mut observer,
    )?;

    let text = std::fs::read_to_string(&log)?;
    print!("{text}");
    std::fs::remove_file(&log)?;
    assert_eq!(text.lines().count(), 3);
    Ok(())
}
