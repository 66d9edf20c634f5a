//! An activation of your own: ELU, in a network of two dense layers.
//!
//! ```text
//! cargo run -p gmp-nn --example own_activation
//! ```

use gmp_autograd::{Tape, op as basic};
use gmp_math::Scalar;
use gmp_nn::activation::{Activation, Pointwise, Reads};
use gmp_nn::{Rng, init, op};

/// z where z > 0, else α (eᶻ − 1).
///
/// Source: Clevert, Unterthiner & Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units
/// (ELUs)", ICLR 2016.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Elu {
    alpha: f64,
}

impl Pointwise for Elu {
    const NAME: &'static str = "elu";
    /// Its slope follows from its output (below 0, it is α eᶻ = g(z) + α), which may then take its input's memory.
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = false;
    /// The slope jumps at 0 unless α is 1.
    const KINKS: &'static [f64] = &[0.0];

    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        if z > T::ZERO { z } else { T::from_f64(self.alpha) * z.exp_m1() }
    }

    #[inline(always)]
    fn slope<T: Scalar>(self, y: T) -> T {
        if y > T::ZERO { T::ONE } else { y + T::from_f64(self.alpha) }
    }
}

/// It is `'static`, so that descriptions of networks can refer to it.
const ELU: Activation = Activation::Custom(&Elu { alpha: 0.5 });

const SAMPLES: usize = 64;
const UNITS: usize = 16;
const LEARNING_RATE: f64 = 0.05;

pub(crate) fn main() {
    assert_eq!((ELU.name(), ELU.value(2.0), ELU.slope(-100.0)), ("elu", 2.0, 0.0));

    // Learn sin(3x) on [−1, 1]: g(x·w + b)·v + c, with one column per hidden unit.
    let x: Vec<f64> = (0..SAMPLES).map(|i| 2.0 * i as f64 / (SAMPLES - 1) as f64 - 1.0).collect();
    let targets: Vec<f64> = x.iter().map(|x| (3.0 * x).sin()).collect();
    let mut parameters = vec![0.0; 3 * UNITS + 1];
    let mut rng = Rng::new(7, "initial weights");
    init::glorot_uniform(&mut rng, 1, UNITS, &mut parameters[..UNITS]);
    init::glorot_uniform(&mut rng, UNITS, 1, &mut parameters[2 * UNITS..3 * UNITS]);

    let mut tape = Tape::new();
    let mut losses = Vec::new();
    for _ in 0..2000 {
        tape.begin(&parameters);
        let inputs = tape.input(&x, SAMPLES, 1);
        let targets = tape.input(&targets, SAMPLES, 1);
        let (w, b) = (tape.parameter(0, 1, UNITS), tape.parameter(UNITS, 1, UNITS));
        let (v, c) = (tape.parameter(2 * UNITS, UNITS, 1), tape.parameter(3 * UNITS, 1, 1));
        let hidden = op::affine(&mut tape, inputs, w, b, ELU);
        let outputs = op::affine(&mut tape, hidden, v, c, Activation::Identity);
        let loss = basic::mean_squared_error(&mut tape, outputs, targets);
        tape.backward(loss);
        losses.push(tape.value(loss).data()[0]);
        for (p, gradient) in parameters.iter_mut().zip(tape.parameter_gradients()) {
            *p -= LEARNING_RATE * gradient;
        }
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    println!("mean squared error: {first:.4} before, {last:.4} after {} steps", losses.len());
    assert!(last < 0.05 * first, "{first} before, {last} after");
}
