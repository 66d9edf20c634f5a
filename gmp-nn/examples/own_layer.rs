//! A layer of your own: a gate between layers of this crate.
//!
//! ```text
//! cargo run -p gmp-nn --example own_layer
//! ```

use gmp_autograd::{Mat, Tape, Var, op as basic};
use gmp_nn::{
    Activation, Declare, Dense, Element, Error, Features, Forward, Layer, Network, Parameterization, Role,
    Slot, op,
};

/// y = x ∘ σ(x·w + b): every feature is multiplied by a gate that depends on all of them.
#[derive(Debug)]
struct Gate {
    weights: Slot,
    bias: Slot,
}

impl Gate {
    /// Declares its parameters: names, roles and initial numbers. It starts half open.
    fn declare<T: Element>(declare: &mut Declare<'_, T>) -> Result<Self, Error> {
        let Features::Vector(columns) = declare.input() else {
            let (found, layer) = (declare.input(), declare.layer().to_owned());
            return Err(Error::Misfit { layer, found, expected: "a vector".to_owned() });
        };
        let zeros = vec![T::ZERO; columns * columns];
        Ok(Self {
            weights: declare.parameter("weights", Role::Weight, Mat::new(&zeros, columns, columns)),
            bias: declare.row("bias", Role::Bias, columns, T::ZERO)?,
        })
    }
}

impl<T: Element> Layer<T> for Gate {
    // What comes out has the shape of what flows in, which is the default of `Layer::output`.
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        // x is used twice, so its memory must not be taken by the first use.
        let x = x.shared();
        let (w, b) = (pass.parameter(self.weights), pass.parameter(self.bias));
        let open = op::affine(pass.tape, x, w, b, Activation::Sigmoid);
        basic::mul(pass.tape, x, open)
    }
}

pub(crate) fn main() -> Result<(), Error> {
    let mut network = Network::<f64>::builder(Features::Vector(2))
        .seed(7)
        .layer("hidden1", Dense::new(16, Parameterization::Geometric))?
        .own("gate", Gate::declare)?
        .layer("output", Dense::new(1, Parameterization::Standard).activation(Activation::Identity))?
        .build();
    println!("{}", network.summary());
    assert_eq!(network.parameters.get("gate.bias").map(<[f64]>::len), Some(16));

    // Learn x² + y² on a grid.
    let coordinates = (0..64).flat_map(|i| [i / 8, i % 8]).map(|i| f64::from(i) / 3.5 - 1.0);
    let x: Vec<f64> = coordinates.collect();
    let y: Vec<f64> = x.chunks(2).map(|x| x[0] * x[0] + x[1] * x[1]).collect();
    let mut tape = Tape::new();
    let mut losses = Vec::new();
    for _ in 0..500 {
        tape.begin(network.parameters.values());
        let (inputs, targets) = (tape.input(&x, 64, 2), tape.input(&y, 64, 1));
        let prediction = network.forward_training(&mut tape, inputs);
        let loss = basic::mean_squared_error(&mut tape, prediction, targets);
        tape.backward(loss);
        losses.push(tape.value(loss).data()[0]);
        for (p, gradient) in network.parameters.values_mut().iter_mut().zip(tape.parameter_gradients()) {
            *p -= 0.1 * gradient;
        }
    }
    println!("mean squared error: {:.4} before, {:.4} after", losses[0], losses[499]);
    assert!(losses[499] < 0.1 * losses[0]);
    assert!(network.parameters.get("gate.weights").is_some_and(|w| w.iter().any(|w| *w != 0.0)));
    Ok(())
}
