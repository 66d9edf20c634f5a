//! A normalization of your own: RMS normalization, inside units and as a separate layer.
//!
//! ```text
//! cargo run -p gmp-nn --example own_normalization
//! ```

use gmp_autograd::{Mat, Var, op as basic};
use gmp_nn::normalization::{Normalize, Normalizer};
use gmp_nn::{
    Activation, Declare, Dense, Element, Error, Forward, NetworkSpec, Normalization, Parameterization, Role,
    Slot, op,
};

/// γ x/√(mean(x²) + ϵ) of every row.
///
/// Source: Zhang & Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, Eq. 4.
#[derive(Debug)]
struct RmsNorm {
    epsilon: f64,
}

#[derive(Debug)]
struct Scaled {
    epsilon: f64,
    gain: Slot,
}

impl<T: Element> Normalize<T> for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }
    fn declare(&self, columns: usize, declare: &mut Declare<'_, T>) -> Result<Box<dyn Normalizer<T>>, Error> {
        let gain = declare.row("gain", Role::Gain, columns, T::ONE)?;
        Ok(Box::new(Scaled { epsilon: self.epsilon, gain }))
    }
}

/// Every row has its own statistics, in evaluation as in training: there are no running ones, and `running` keeps its
/// default. A normalization over the batch would update its buffers through `pass.split()` and name them in `running`.
impl<T: Element> Normalizer<T> for Scaled {
    fn on_tape(&self, pass: &mut Forward<'_, T>, x: Var, activation: Activation) -> Var {
        let gain = pass.parameter(self.gain);
        let tape = &mut *pass.tape;
        // x is used twice, so its memory must not be taken by the first use.
        let x = x.shared();
        let square = basic::mul(tape, x, x);
        let mean = basic::mean_cols(tape, square);
        let epsilon = tape.input(&[T::from_f64(self.epsilon)], 1, 1);
        let mean = basic::add_row(tape, mean, epsilon);
        // 1/√m = exp(−½ ln m), one per sample.
        let logarithm = basic::ln(tape, mean);
        let half = basic::scale(tape, logarithm, T::from_f64(-0.5));
        let inverse = basic::exp(tape, half);
        // A row multiplies every row; here every column is multiplied, so both are transposed.
        let (columns, inverse) = (basic::transpose(tape, x), basic::transpose(tape, inverse));
        let columns = basic::mul_row(tape, columns, inverse);
        let rows = basic::transpose(tape, columns);
        let y = basic::mul_row(tape, rows, gain);
        op::activation(tape, y, activation)
    }
}

/// It is `'static`, so that descriptions of networks can refer to it.
const RMS_NORM: Normalization = Normalization::Custom(&RmsNorm { epsilon: 1e-6 });

pub(crate) fn main() {
    // Inside geometric units, between the linear map and the activation; and as a layer of its own.
    let spec = NetworkSpec::vector(3)
        .layer(
            "hidden1",
            Dense::new(8, Parameterization::Geometric).normalization(RMS_NORM).activation(Activation::Silu),
        )
        .normalization("norm", RMS_NORM)
        .output(2);
    let network = spec.build::<f64>(7).expect("the layers fit together");
    println!("{}", network.summary());
    assert_eq!(network.parameters.get("norm.gain").map(<[f64]>::len), Some(8));

    let x = [0.5, -1.0, 2.0, 100.0, 0.1, -40.0];
    let mut tape = gmp_autograd::Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(&x, 2, 3);
    let mut normalized = None;
    network.forward_each(&mut tape, x, |name, y| {
        if name == "norm" {
            normalized = Some(y);
        }
    });
    let normalized: Mat<'_, f64> = tape.value(normalized.expect("a layer of that name"));
    for row in 0..2 {
        let row = normalized.row(row);
        let mean_square = row.iter().map(|y| y * y).sum::<f64>() / row.len() as f64;
        assert!((mean_square - 1.0).abs() < 1e-3, "{mean_square}");
    }
}
