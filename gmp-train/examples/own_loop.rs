//! Your own training loop, without a trainer: mini-batches, forward pass, loss, backward pass, step.
//!
//! `cargo run --example own_loop`

use gmp_train::{
    Adam, Batches, Clip, Dataset, Loss, Metric, Mlp, Optimizer, Parameterization, Tape, evaluate,
};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x: Vec<f64> = (0..80).map(|i| f64::from(i) / 10.0 - 4.0).collect();
    let y = x.iter().map(|x| x.abs().sqrt()).collect();
    let data = Dataset::new(x, 1, y, 1)?;

    let mut network = Mlp::new(1, &[30], 1, Parameterization::Geometric).build::<f64>(1)?;
    let (mut adam, mut tape) = (Adam::default(), Tape::new());
    let mut gradient = Vec::new();
    let mut batches = data.batches(16, 1);
    for epoch in 0..200 {
        batches.start(epoch, 0);
        while let Some(batch) = batches.next_batch()? {
            // The tape takes a snapshot of the parameters, then the batch.
            tape.begin(network.parameters.values());
            let x = tape.input(batch.inputs.data(), batch.inputs.rows(), batch.inputs.cols());
            let y = tape.input(batch.targets.data(), batch.targets.rows(), batch.targets.cols());
            let prediction = network.forward_training(&mut tape, x);
            let loss = Loss::Huber { delta: 1.0 }.apply(&mut tape, prediction, y);
            tape.backward(loss);

            gradient.clear();
            gradient.extend_from_slice(tape.parameter_gradients());
            Clip::Norm(1.0).apply(&mut gradient);
            adam.step(&mut network.parameters, &gradient, 0.01);
        }
    }

    let metrics = [Metric::RootMeanSquaredError, Metric::Loss(Loss::Huber { delta: 1.0 })];
    let values = evaluate(&network, &mut batches, &metrics)?;
    println!("root mean squared error {:.3}, Huber loss {:.5}", values[0], values[1]);
    assert!(values[0] < 0.1);
    Ok(())
}
