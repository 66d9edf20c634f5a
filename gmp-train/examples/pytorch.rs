//! Imports a network from PyTorch, continues training it with geometric units, and exports it back to PyTorch.
//!
//! `cargo run --example pytorch`

use gmp_train::safetensors::pytorch::{self, Naming};
use gmp_train::{Adam, Dataset, Loss, Metric, Mlp, Parameterization, Trainer, fold};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("pytorch {}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (file, back) = (folder.join("perceptron.safetensors"), folder.join("trained.safetensors"));

    // What PyTorch would have written, of nn.Sequential(nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 1)):
    //     safetensors.torch.save_file(sequential.state_dict(), "perceptron.safetensors")
    let mlp = Mlp::new(1, &[50], 1, Parameterization::Standard);
    pytorch::export(&mlp.build::<f32>(7)?, &file, Naming::Sequential)?;

    // Into a network of the same layers, and from there to one of geometric units that computes the same.
    let mut plain = mlp.build::<f32>(0)?;
    pytorch::import(&mut plain, &file, Naming::Sequential)?;
    let mut network = fold::to_geometric(&plain)?;

    let x: Vec<f32> = (0..100).map(|i| i as f32 / 10.0 - 5.0).collect();
    let data = Dataset::new(x.clone(), 1, x.iter().map(|x| x.sin()).collect(), 1)?;
    let trainer = Trainer::new(Loss::MeanSquaredError, 20, 300, 0.01);
    trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;

    // And back: sequential.load_state_dict(safetensors.torch.load_file("trained.safetensors"))
    let trained = fold::to_standard(&network)?;
    pytorch::export(&trained, &back, Naming::Sequential)?;

    // Files that were written here say what their network is.
    let read = gmp_train::safetensors::load::<f32>(&back)?;
    let [error, again] =
        [&network, &read].map(|network| Metric::RootMeanSquaredError.evaluate(network, &data));
    println!("root mean squared error {error:.3}, read back {again:.3}");
    std::fs::remove_dir_all(&folder)?;
    assert!(error < 0.2 && (error - again).abs() < 1e-4);
    Ok(())
}
