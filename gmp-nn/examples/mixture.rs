//! Different parameterizations, normalizations and activations in one network; arrays in, arrays out.
//!
//! ```text
//! cargo run -p gmp-nn --example mixture
//! ```

use gmp_autograd::{Mat, Tape};
use gmp_nn::{
    Activation, Boundaries, Dense, GeometricOptions, NetworkSpec, Normalization, Parameterization,
    RadiusPlacement, fold,
};

pub(crate) fn main() -> Result<(), gmp_nn::Error> {
    // r g(z) = g(r z) for a ReLU; for tanh it matters on which side the radius is.
    let inside = GeometricOptions { radius: RadiusPlacement::Inside, ..Default::default() };
    let spec = NetworkSpec::vector(3)
        .dense("hidden1", 16, Parameterization::Geometric)
        .layer(
            "hidden2",
            Dense::new(16, Parameterization::WeightNorm)
                .normalization(Normalization::batch())
                .activation(Activation::Gelu),
        )
        .layer(
            "hidden3",
            Dense::new(8, Parameterization::Geometric).geometric(inside).activation(Activation::Tanh),
        )
        .output(2);
    let mut network = spec.build::<f64>(7)?;
    println!("{}", network.summary());

    // Numbers are read and written by name.
    network.parameters.set("output.bias", &[0.5, -0.5])?;
    let angles = network.parameters.matrix("hidden1.angles").expect("a geometric layer has angles");
    assert_eq!((angles.rows(), angles.cols()), (2, 16), "one angle less than inputs; one column per unit");

    // Predictions of three samples, row by row.
    let x = [0.3, -1.2, 0.8, 0.1, 0.0, 2.0, -0.5, 0.9, 1.1];
    let y = network.predict(Mat::new(&x, 3, 3));
    assert_eq!(y.len(), 3 * 2);

    // The output of every layer.
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let inputs = tape.input(&x, 3, 3);
    let mut outputs = Vec::new();
    network.forward_each(&mut tape, inputs, |name, output| outputs.push((name.to_owned(), output)));
    for (name, output) in &outputs {
        println!("{name}: {:.3?}", tape.value(*output).row(0));
    }
    assert_eq!(tape.value(outputs[3].1).data(), y);

    // Activation boundaries, and the same function in standard weights, whatever each layer is made of.
    let mut boundaries = Boundaries::default();
    for layer in network.unit_layers() {
        network.boundaries(&layer, &mut boundaries);
        println!("{layer}: {} boundaries in {} dimensions", boundaries.units(), boundaries.inputs());
    }
    let standard = fold::to_standard(&network)?;
    for (a, b) in standard.predict(Mat::new(&x, 3, 3)).iter().zip(&y) {
        assert!((a - b).abs() < 1e-12, "{a} for {b}");
    }
    Ok(())
}
