//! Whole training runs give the same bits whichever vector instructions the kernels run with.

use crate::forms::{ALL, DENSE, form, mlp};
use gmp_math::simd::{self, Arm};
use gmp_nn::conv::{Padding, Window};
use gmp_nn::{Activation, Convolution, Dense, Element, Network, NetworkSpec, Rng};
use gmp_train::{Adam, Dataset, Epoch, Loss, OnEpoch, Optimizer, Tape, Trainer};
use std::ops::ControlFlow;

fn draw<T: Element>(purpose: &str, count: usize) -> Vec<T> {
    let mut rng = Rng::new(4, purpose);
    (0..count).map(|_| T::from_f64(rng.normal())).collect()
}

/// The bits of all that a short run leaves behind: parameters, buffers and losses.
fn train<T: Element>(mut network: Network<T>, data: &Dataset<T>, loss: Loss) -> Vec<u64> {
    let trainer = Trainer { seed: 2, ..Trainer::new(loss, 16, 3, 0.01) };
    let mut losses = Vec::new();
    let mut observer = OnEpoch(|epoch: &Epoch<'_, T>| {
        losses.extend([epoch.record.training_loss, epoch.record.validation.unwrap()]);
        ControlFlow::Continue(())
    });
    trainer.fit(&mut network, &mut Adam::default(), data, Some(data), &mut observer).unwrap();
    let numbers = network.parameters.values().iter().chain(network.buffers.values());
    numbers.map(|x| x.to_f64()).chain(losses).map(f64::to_bits).collect()
}

#[track_caller]
fn the_same_on_all_arms(name: &str, run: impl Fn() -> Vec<u64>) {
    let mut expected = None;
    for arm in Arm::available() {
        let _forced = simd::force(arm);
        let bits = run();
        assert!(bits == *expected.get_or_insert_with(|| bits.clone()), "{name}: {arm} differs from portable");
    }
}

/// Widths that fill no register, and those that fill several of the widest.
fn dense<T: Element>() {
    let data = Dataset::new(draw::<T>("inputs", 50 * 13), 13, draw("targets", 50), 1).unwrap();
    for name in DENSE {
        the_same_on_all_arms(name, || {
            train(mlp(13, &[100, 37], 1, name).build(3).unwrap(), &data, Loss::MeanSquaredError)
        });
    }
}

/// Six steps on 20 images of 9×9 pixels; the bits of parameters, buffers and losses.
fn train_on_images<T: Element>(mut network: Network<T>) -> Vec<u64> {
    let (images, targets) = (draw::<T>("images", 20 * 9 * 9 * 3), draw::<T>("targets", 20));
    let (mut tape, mut adam, mut losses) = (Tape::new(), Adam::default(), Vec::new());
    for _ in 0..6 {
        tape.begin(network.parameters.values());
        let (x, targets) = (tape.input(&images, 20 * 9 * 9, 3), tape.input(&targets, 20, 1));
        let y = network.forward_training(&mut tape, x);
        let loss = Loss::MeanSquaredError.apply(&mut tape, y, targets);
        tape.backward(loss);
        losses.push(tape.value(loss).data()[0]);
        adam.step(&mut network.parameters, tape.parameter_gradients(), 0.01);
    }
    let numbers = [network.parameters.values(), network.buffers.values(), &losses];
    numbers.into_iter().flatten().map(|x| x.to_f64().to_bits()).collect()
}

/// A 3×3 convolution for Winograd's algorithm, one with a stride, and a 1×1 layer, with channels that fill no line.
fn convolutional<T: Element>() {
    for name in ALL {
        the_same_on_all_arms(name, || {
            let form = form(name);
            let convolution = |filters, size, stride| {
                Convolution::new(filters, Window::new(size, stride, Padding::Same), form.parameterization)
                    .normalization(form.normalization)
            };
            let spec = NetworkSpec::image(9, 9, 3)
                .layer("first", convolution(20, 3, 1))
                .layer("second", convolution(35, 3, 2))
                .layer("third", convolution(18, 1, 1))
                .global_average_pool("pool")
                .layer("output", Dense::new(1, form.parameterization).activation(Activation::Identity));
            train_on_images(spec.build::<T>(3).unwrap())
        });
    }
}

#[test]
fn dense_networks_train_to_the_same_bits_on_all_arms() {
    dense::<f32>();
    dense::<f64>();
}

#[test]
fn convolutional_networks_train_to_the_same_bits_on_all_arms() {
    convolutional::<f32>();
    convolutional::<f64>();
}
