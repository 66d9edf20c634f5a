//! Training in one program and predicting in another: one file holds the network, and its metadata the standardizers.
//!
//! `cargo run --example predict`

use gmp_train::{Adam, Dataset, Loss, Mat, Mlp, Parameterization, Standardizer, Trainer, io, safetensors};
use std::collections::BTreeMap;
use std::path::Path;

/// The first program.
fn train(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let celsius: Vec<f32> = (0..50).map(|i| 2.0 * i as f32).collect();
    let fahrenheit = celsius.iter().map(|c| 1.8 * c + 32.0).collect();
    let mut data = Dataset::new(celsius, 1, fahrenheit, 1)?;
    let standardizers = (Standardizer::fit(&data), Standardizer::fit_targets(&data));
    standardizers.0.apply(&mut data);
    standardizers.1.apply_to_targets(&mut data);

    let mut network = Mlp::new(1, &[20], 1, Parameterization::Geometric).build::<f32>(1)?;
    let trainer = Trainer::new(Loss::MeanSquaredError, 50, 1000, 0.01);
    trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
    let metadata = BTreeMap::from([("standardizers".to_owned(), serde_json::to_string(&standardizers)?)]);
    safetensors::export_with_metadata(&network, &metadata, file)?;
    Ok(())
}

/// The second program knows only the file, and nothing about the network.
fn predict(file: &Path, celsius: f32) -> Result<f32, Box<dyn std::error::Error>> {
    let bytes = io::read_regular(file, 1 << 20)?;
    let network = safetensors::network_from_bytes::<f32>(&bytes)?;
    let metadata = safetensors::metadata_from_bytes(&bytes)?;
    let text = metadata.get("standardizers").ok_or("the file has no standardizers")?;
    let (inputs, targets): (Standardizer<f32>, Standardizer<f32>) = serde_json::from_str(text)?;

    let mut sample = [celsius];
    inputs.apply_to(&mut sample);
    let mut prediction = network.predict(Mat::new(&sample, 1, 1));
    targets.inverse(&mut prediction);
    Ok(prediction[0])
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("predict {}.safetensors", std::process::id()));
    train(&file)?;
    let fahrenheit = predict(&file, 37.0)?;
    println!("37 °C are {fahrenheit:.1} °F");
    std::fs::remove_file(&file)?;
    assert!((fahrenheit - 98.6).abs() < 2.0);
    Ok(())
}
