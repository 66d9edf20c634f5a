//! Training in one program and predicting in another: a checkpoint holds the network, a text file the standardizer.
//!
//! `cargo run --example predict`

use gmp_train::{
    Adam, Checkpoints, Dataset, Every, Loss, Mlp, Newest, Parameterization, Standardizer, Tape, Trainer,
};
use std::path::Path;

/// The first program.
fn train(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let celsius: Vec<f32> = (0..50).map(|i| 2.0 * i as f32).collect();
    let fahrenheit = celsius.iter().map(|c| 1.8 * c + 32.0).collect();
    let mut data = Dataset::new(celsius, 1, fahrenheit, 1)?;
    let standardizers = (Standardizer::fit(&data), Standardizer::fit_targets(&data));
    standardizers.0.apply(&mut data);
    standardizers.1.apply_to_targets(&mut data);

    let mut network = Mlp::new(1, &[20], 1, Parameterization::Geometric).build::<f32>(1)?;
    let trainer = Trainer::new(Loss::MeanSquaredError, 50, 1000, 0.01);
    let mut checkpoints =
        Checkpoints::new(folder, 1, Every::Epochs(200), |error| eprintln!("WARNING: {error}"));
    trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut checkpoints)?;
    std::fs::write(folder.join("standardizers.json"), serde_json::to_vec(&standardizers)?)?;
    Ok(())
}

/// The second one knows the folder, and nothing of the network.
fn predict(folder: &Path, celsius: f32) -> Result<f32, Box<dyn std::error::Error>> {
    let newest = Newest::<f32>::in_folder(folder)?.ok_or("no checkpoint in the folder")?;
    let network = newest.checkpoint.network()?;
    let text = std::fs::read(folder.join("standardizers.json"))?;
    let (inputs, targets): (Standardizer<f32>, Standardizer<f32>) = serde_json::from_slice(&text)?;

    let mut sample = [celsius];
    inputs.apply_to(&mut sample);
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(&sample, 1, 1);
    let y = network.forward(&mut tape, x);
    let mut prediction = [tape.value(y).data()[0]];
    targets.inverse(&mut prediction);
    Ok(prediction[0])
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("predict {}", std::process::id()));
    train(&folder)?;
    let fahrenheit = predict(&folder, 37.0)?;
    println!("37 °C are {fahrenheit:.1} °F");
    std::fs::remove_dir_all(&folder)?;
    assert!((fahrenheit - 98.6).abs() < 2.0);
    Ok(())
}
