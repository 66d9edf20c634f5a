//! A training step of every method allocates nothing in the steady state: counted.

use gmp_autograd::Tape;
use gmp_nn::Rng;
use gmp_train::Adam;
use xtask::method::{self, MethodId};

#[path = "../../gmp-train/tests/common/mod.rs"]
mod common;
use common::{allocations, allocations_here};

/// Allocations in a hundred steps, after the first three.
fn of_a_hundred_steps(method: MethodId) -> usize {
    let (rows, inputs) = (8, 20);
    let mut network = method.mlp(inputs, &[30, 20], 1).build::<f64>(5).unwrap();
    let mut optimizer = method.optimizer(&network, Box::new(Adam::default()));
    let mut rng = Rng::new(1, "batch");
    let x: Vec<f64> = (0..rows * inputs).map(|_| rng.normal()).collect();
    let mut tape = Tape::new();
    let mut steps = |count: usize| {
        let before = allocations_here();
        for _ in 0..count {
            tape.begin(network.parameters.values());
            let input = tape.input(&x, rows, inputs);
            let output = network.forward(&mut tape, input);
            let loss = gmp_autograd::op::sum(&mut tape, output);
            tape.backward(loss);
            // So small that no unit of recentred charts gets a new one.
            optimizer.step(&mut network.parameters, tape.parameter_gradients(), 1e-6);
        }
        allocations_here() - before
    };
    steps(3);
    assert!(allocations() > 0, "the counting allocator is not in use");
    steps(100)
}

#[test]
fn steps_after_the_first_allocate_nothing() {
    for method in method::all() {
        assert_eq!(of_a_hundred_steps(method), 0, "{method}");
    }
}
