//! A parameterization of your own: weights of low rank, W = U·V, in a network with a geometric layer.
//!
//! ```text
//! cargo run -p gmp-nn --example own_parameterization
//! ```

use gmp_autograd::{Mat, Tape, op};
use gmp_nn::parameterization::{EffectiveWeights, Parameterize, Unit, Weights};
use gmp_nn::{Boundaries, Declare, Element, Error, Forward, NetworkSpec, Parameterization, Role, Slot, fold};

/// W = U·V with `rank` columns in U: (inputs + units)·rank numbers instead of inputs·units.
#[derive(Debug)]
struct LowRank {
    rank: usize,
}

/// A layer stores the positions of its matrices in the network's parameters, not the numbers themselves.
#[derive(Debug)]
struct Factors {
    u: Slot,
    v: Slot,
    bias: Slot,
}

impl<T: Element> Parameterize<T> for LowRank {
    fn name(&self) -> &'static str {
        "low rank"
    }
    /// `initial` is what a standard layer would start from. It has no factors of low rank, so these are drawn from a
    /// stream of their own, with the same variance of every weight.
    fn declare(
        &self,
        initial: Mat<'_, T>,
        declare: &mut Declare<'_, T>,
    ) -> Result<Box<dyn Weights<T>>, Error> {
        let (inputs, units) = (initial.rows(), initial.cols());
        let mut rng = declare.rng("factors");
        let deviation = (2.0 / (inputs + units) as f64 / self.rank as f64).powf(0.25);
        let mut draw = |len| -> Vec<T> { (0..len).map(|_| T::from_f64(deviation * rng.normal())).collect() };
        let (u, v) = (draw(inputs * self.rank), draw(self.rank * units));
        Ok(Box::new(Factors {
            u: declare.parameter("u", Role::Weight, Mat::new(&u, inputs, self.rank)),
            v: declare.parameter("v", Role::Weight, Mat::new(&v, self.rank, units)),
            bias: declare.row("bias", Role::Bias, units, T::ZERO)?,
        }))
    }
}

impl<T: Element> Weights<T> for Factors {
    /// In training: as variables, so that gradients flow to U and V.
    fn on_tape(&self, pass: &mut Forward<'_, T>) -> Unit {
        let (u, v, bias) = (pass.parameter(self.u), pass.parameter(self.v), pass.parameter(self.bias));
        Unit { weight: op::matmul(pass.tape, u, v), bias, scale: None }
    }
    /// The same as numbers. Activation boundaries, folding and export follow from it.
    fn effective(&self, parameters: &[T], _buffers: &[T], into: &mut EffectiveWeights<T>) {
        let (u, v) = (self.u.of(parameters), self.v.of(parameters));
        for u in u.chunks_exact(self.u.cols) {
            for unit in 0..self.v.cols {
                into.weights.push((0..u.len()).map(|k| u[k] * v[k * self.v.cols + unit]).sum());
            }
        }
        into.bias.extend_from_slice(self.bias.of(parameters));
    }
}

/// It is `'static`, so that descriptions of networks can refer to it.
const LOW_RANK: Parameterization = Parameterization::Custom(&LowRank { rank: 2 });

pub(crate) fn main() {
    let spec = NetworkSpec::vector(4)
        .dense("hidden1", 16, LOW_RANK)
        .dense("hidden2", 8, Parameterization::Geometric)
        .output(1);
    let mut network = spec.build::<f64>(7).expect("the layers fit together");
    println!("{}", network.summary());

    // Learn the product of the first two inputs.
    let x: Vec<f64> = (0..4 * 64).map(|i| (f64::from(i) * 0.7).sin()).collect();
    let y: Vec<f64> = x.chunks(4).map(|x| x[0] * x[1]).collect();
    let mut tape = Tape::new();
    let mut losses = Vec::new();
    for _ in 0..500 {
        tape.begin(network.parameters.values());
        let (inputs, targets) = (tape.input(&x, 64, 4), tape.input(&y, 64, 1));
        let prediction = network.forward_training(&mut tape, inputs);
        let loss = op::mean_squared_error(&mut tape, prediction, targets);
        tape.backward(loss);
        losses.push(tape.value(loss).data()[0]);
        for (p, gradient) in network.parameters.values_mut().iter_mut().zip(tape.parameter_gradients()) {
            *p -= 0.1 * gradient;
        }
    }
    println!("mean squared error: {:.4} before, {:.4} after", losses[0], losses[499]);
    assert!(losses[499] < 0.5 * losses[0]);

    // What works for this crate's parameterizations works for this one.
    let mut boundaries = Boundaries::default();
    network.boundaries("hidden1", &mut boundaries);
    assert_eq!((boundaries.inputs(), boundaries.units()), (4, 16));
    let standard = fold::to_standard(&network).expect("units of any parameterization fold");
    let inputs = Mat::new(&x, 64, 4);
    for (a, b) in standard.predict(inputs).iter().zip(network.predict(inputs)) {
        assert!((a - b).abs() < 1e-12);
    }
}
