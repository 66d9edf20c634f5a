//! One run on several processes, with the same bits as on one:
//! `cargo build --example ranks --features mpi`, then `mpirun -n 3 target/debug/examples/ranks`.

use gmp_train::exchange::{Exchange, Mpi};
use gmp_train::{Adam, Dataset, Epoch, Loss, Mlp, OnEpoch, Parameterization, Trainer};
use std::ops::ControlFlow;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut exchange = Mpi::begin()?;
    // Every rank has the same data and the same network.
    let points: Vec<f64> = (0..240).map(|i| f64::from(i) / 120.0 - 1.0).collect();
    let squares = points.iter().map(|x| x * x).collect();
    let data = Dataset::new(points, 1, squares, 1)?;
    let mut network = Mlp::new(1, &[20], 1, Parameterization::Geometric).build(1)?;
    // A batch is ten parts, which the ranks share out.
    let trainer = Trainer { micro_batch: Some(6), ..Trainer::new(Loss::MeanSquaredError, 60, 50, 0.01) };
    // Observers are called on rank 0 alone: this prints once.
    let mut print = OnEpoch(|epoch: &Epoch<'_, f64>| {
        if epoch.record.epoch + 1 == epoch.epochs() {
            println!("loss {:e}", epoch.record.training_loss);
        }
        ControlFlow::Continue(())
    });
    let rank = exchange.rank();
    let across = trainer.across(&mut exchange);
    let fit = across.fit(&mut network, &mut Adam::default(), &data, None, &mut print)?;
    println!("rank {rank}: {} steps, first parameter {:e}", fit.steps, network.parameters.values()[0]);
    Ok(())
}
