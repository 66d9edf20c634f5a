//! Regression from start to end: split, standardize, train with early stopping, predict in the units of the targets.
//!
//! `cargo run --example regression`

use gmp_train::{
    Adam, Dataset, EarlyStopping, Loss, Metric, Mlp, Parameterization, Rng, Standardizer, Tape, Trainer,
    split,
};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // 300 samples of two inputs on very different scales.
    let mut rng = Rng::new(1, "data");
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..300 {
        let (temperature, pressure) = (20.0 * rng.uniform(), 1e5 * rng.uniform());
        inputs.extend([temperature, pressure]);
        targets.push(500.0 + 10.0 * (temperature / 3.0).sin() * (pressure / 1e5) + rng.normal());
    }
    let data = Dataset::new(inputs, 2, targets, 1)?;

    // The statistics are those of the training samples alone.
    let (training, validation) = split(data.samples(), 0.2, &mut Rng::new(1, "split"))?;
    let (mut training, mut validation) = (data.subset(&training)?, data.subset(&validation)?);
    let (inputs, targets) = (Standardizer::fit(&training), Standardizer::fit_targets(&training));
    for data in [&mut training, &mut validation] {
        inputs.apply(data);
        targets.apply_to_targets(data);
    }

    // With a validation set, early stopping watches its loss.
    let mut network = Mlp::new(2, &[50], 1, Parameterization::Geometric).build::<f64>(1)?;
    let trainer = Trainer {
        batch_size: 32,
        epochs: 500,
        learning_rate: 0.02,
        early_stopping: Some(EarlyStopping::new(50)),
        ..Trainer::of(Loss::MeanSquaredError)
    };
    let fit = trainer.fit(&mut network, &mut Adam::default(), &training, Some(&validation), &mut ())?;
    let error = Metric::RootMeanSquaredError.evaluate(&network, &validation) * targets.deviation()[0];
    println!("{} epochs, the best was {:?}; error {error:.2}", fit.epochs, fit.best_epoch);

    // A new sample goes in as the training samples did, and its prediction comes out in their unit.
    let mut sample = [4.7, 9e4];
    inputs.apply_to(&mut sample);
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(&sample, 1, 2);
    let y = network.forward(&mut tape, x);
    let mut prediction = tape.value(y).data().to_vec();
    targets.inverse(&mut prediction);
    println!(
        "prediction {:.1}, without noise {:.1}",
        prediction[0],
        500.0 + 10.0 * (4.7_f64 / 3.0).sin() * 0.9
    );

    // The noise alone is 1.
    assert!(error < 2.0);
    Ok(())
}
