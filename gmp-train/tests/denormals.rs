//! Units that die no longer receive a gradient, and what remembers their past decays, step by step, into the numbers
//! below the smallest normal one, which some processors compute with many times slower. There must be none of them.
//!
//! `cargo test --release -p gmp-train --test suite denormals -- --ignored --nocapture` measures what they would cost here.

use crate::forms::{DENSE, mlp};
use gmp_autograd::Tape;
use gmp_autograd::op;
use gmp_nn::{
    Activation, Dense, Element, LayerSpec, Network, NetworkSpec, Normalization, Parameterization, Rng,
};
use gmp_train::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use std::time::{Duration, Instant};

const INPUTS: usize = 13;
const HIDDEN: usize = 60;
const SAMPLES: usize = 32;

/// A regression, the network that learns it, and the tape of its last step.
struct Training<T: 'static> {
    network: Network<T>,
    tape: Tape<T>,
    x: Vec<T>,
    y: Vec<T>,
}

impl<T: Element> Training<T> {
    fn new(form: &str) -> Self {
        let mut rng = Rng::new(1, "data");
        let mut draw = |n: usize| (0..n).map(|_| T::from_f64(rng.normal())).collect();
        let (x, y) = (draw(SAMPLES * INPUTS), draw(SAMPLES));
        Self { network: mlp(INPUTS, &[HIDDEN], 1, form).build(2).unwrap(), tape: Tape::new(), x, y }
    }

    fn steps(&mut self, optimizer: &mut dyn Optimizer<T>, steps: usize) {
        for _ in 0..steps {
            self.tape.begin(self.network.parameters.values());
            let x = self.tape.input(&self.x, SAMPLES, INPUTS);
            let y = self.tape.input(&self.y, SAMPLES, 1);
            let prediction = self.network.forward_training(&mut self.tape, x);
            let loss = op::mean_squared_error(&mut self.tape, prediction, y);
            self.tape.backward(loss);
            optimizer.step(&mut self.network.parameters, self.tape.parameter_gradients(), 1e-3);
        }
    }

    /// Moves the activation boundaries of all hidden units but ten out of the data.
    fn kill(&mut self, form: &str) {
        let name = match form {
            "GmP" => "hidden1.offset",
            "BN" => "hidden1.shift",
            _ => "hidden1.bias",
        };
        let entry = self.network.parameters.entries().iter().find(|entry| entry.name == name).unwrap();
        let range = entry.slot.range();
        self.network.parameters.values_mut()[range][10..].fill(T::from_f64(-1e3));
    }
}

fn denormals<T: Element>(numbers: &[T]) -> usize {
    numbers.iter().filter(|x| **x != T::ZERO && x.abs() < T::MIN_POSITIVE).count()
}

/// Denormals among parameters, running statistics, gradients, and the optimizer's memory.
fn count<T: Element>(training: &Training<T>, optimizer: &dyn Optimizer<T>) -> [usize; 4] {
    let memory = optimizer.state().vectors;
    [
        denormals(training.network.parameters.values()),
        denormals(training.network.buffers.values()),
        denormals(training.tape.parameter_gradients()),
        memory.iter().map(|(_, vector)| denormals(vector)).sum(),
    ]
}

/// In single precision 0.9ⁿ is below the smallest normal number after 830 steps.
fn dead_units_leave_none(form: &str, optimizer: &mut dyn Optimizer<f32>) {
    let mut training = Training::<f32>::new(form);
    training.steps(optimizer, 50);
    training.kill(form);
    training.steps(optimizer, 2000);
    let quiet = training.tape.parameter_gradients().iter().filter(|g| **g == 0.0).count();
    assert!(quiet > 45 * INPUTS, "{form}: the units are not dead, {quiet} numbers without gradient");
    assert_eq!(count(&training, optimizer), [0; 4], "{form}");
}

#[test]
fn dead_units_leave_none_in_adam() {
    for form in DENSE {
        // β₂ smaller than usual, so that the second moments decay as fast.
        dead_units_leave_none(form, &mut Adam::new(0.9, 0.95, 1e-7));
    }
}

#[test]
fn dead_units_leave_none_in_the_velocities_of_sgd() {
    for form in DENSE {
        dead_units_leave_none(form, &mut Sgd::new(0.9));
    }
}

#[test]
fn dead_units_leave_none_in_the_other_optimizers() {
    let optimizers: [Box<dyn Optimizer<f32>>; 3] = [
        Box::new(Sgd::new(0.9).with_nesterov()),
        Box::new(RmsProp::new(0.9, 0.9, 1e-7)),
        Box::new(AdamW::with(Adam::new(0.9, 0.95, 1e-7), 0.0)),
    ];
    for mut optimizer in optimizers {
        dead_units_leave_none("GmP", &mut *optimizer);
    }
}

/// In single precision 0.99ⁿ is below the smallest normal number after 8,700 steps, and stays where 0.99 times it is
/// rounded to it again.
#[test]
fn the_running_statistics_of_dead_channels_become_0() {
    use Parameterization::{Geometric, Standard, WeightNorm};
    let spec = NetworkSpec::vector(3)
        .layer("bn", Dense::new(5, Standard).normalization(Normalization::batch()))
        .layer("mbn.units", Dense::new(5, WeightNorm).activation(Activation::Identity))
        .layer(
            "mbn",
            LayerSpec::Normalization {
                normalization: Normalization::batch_mean(),
                activation: Activation::Relu,
            },
        )
        .dense("imn.units", 5, Geometric)
        .normalization("imn", Normalization::batch_mean());
    let mut network = spec.build::<f32>(1).unwrap();
    let mut tape = Tape::new();
    let mut steps = |steps: usize, x: &[f32]| {
        for _ in 0..steps {
            tape.begin(network.parameters.values());
            let x = tape.input(x, x.len() / 3, 3);
            network.forward_training(&mut tape, x);
        }
        let statistics = network.buffers.entries().iter().filter(|e| e.name.contains(".running_"));
        statistics.flat_map(|e| network.buffers.values()[e.slot.range()].to_vec()).collect::<Vec<f32>>()
    };
    let mut rng = Rng::new(1, "data");
    let alive = steps(20, &std::array::from_fn::<f32, 24, _>(|_| rng.normal() as f32));
    assert_eq!(alive.len(), 4 * 5);
    assert!(alive.iter().filter(|x| **x != 0.0).count() > 15, "{alive:?}");
    let dead = steps(12_000, &[0.0; 24]);
    assert_eq!(dead, [0.0; 20]);
}

/// The shortest of many hundreds of steps in a row.
fn time<T: Element>(training: &mut Training<T>, optimizer: &mut dyn Optimizer<T>) -> Duration {
    let round = |_| {
        let start = Instant::now();
        training.steps(optimizer, 200);
        start.elapsed() / 200
    };
    (0..15).map(round).min().unwrap()
}

#[test]
#[ignore = "measures time"]
fn what_they_cost() {
    cost::<f32>();
    cost::<f64>();
}

fn cost<T: Element>() {
    let tiny = T::MIN_POSITIVE * T::from_f64(0.01);
    for form in DENSE {
        let mut training = Training::<T>::new(form);
        let mut adam = Adam::default();
        training.steps(&mut adam, 50);
        let early = time(&mut training, &mut adam);
        training.kill(form);
        training.steps(&mut adam, 10_000);
        let late = time(&mut training, &mut adam);
        // The same dead units with denormals where they could be: in the velocities, in the weights, in the data.
        let mut sgd = Sgd::new(0.9);
        training.steps(&mut sgd, 1);
        let clean = time(&mut training, &mut sgd);
        let mut state = sgd.state();
        let dead: Vec<usize> = (0..training.network.parameters.values().len())
            .filter(|&i| training.tape.parameter_gradients()[i] == T::ZERO)
            .collect();
        dead.iter().for_each(|&i| state.vectors[0].1[i] = tiny);
        sgd.restore(state).unwrap();
        let velocities = time(&mut training, &mut sgd);
        let left = count(&training, &sgd)[3];
        dead.iter().for_each(|&i| training.network.parameters.values_mut()[i] = tiny);
        let mut sgd = Sgd::new(0.9);
        let parameters = time(&mut training, &mut sgd);
        training.x.iter_mut().for_each(|x| *x = tiny);
        let data = time(&mut training, &mut Sgd::new(0.9));
        println!(
            "{form} {}: Adam {early:.1?} early, {late:.1?} late; Sgd {clean:.1?}, with denormals in {} velocities {velocities:.1?} \
             ({left} are left), in as many parameters {parameters:.1?}, in the data {data:.1?}",
            T::NAME,
            dead.len()
        );
    }
}
