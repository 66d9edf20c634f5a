//! Arrays of the crate `ndarray` as input and output: one row per sample, in any memory layout.
//!
//! `cargo run --example ndarray --features ndarray`

use gmp_train::ndarray::{Array2, arr1, s};
use gmp_train::{Adam, Dataset, Loss, Mlp, Parameterization, Trainer};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A table of 200 samples: two inputs, and their product and their sum as targets.
    let mut table = Array2::zeros((200, 4));
    for (i, mut row) in table.rows_mut().into_iter().enumerate() {
        let (a, b) = ((0.3 * i as f64).sin(), (0.7 * i as f64).cos());
        row.assign(&arr1(&[a, b, a * b, a + b]));
    }
    let (inputs, targets) = (table.slice(s![.., ..2]), table.slice(s![.., 2..]));

    let mut network = Mlp::new(2, &[50], 2, Parameterization::Geometric).build(1)?;
    let trainer = Trainer::new(Loss::MeanSquaredError, 20, 300, 0.005);
    let data = Dataset::from_arrays(inputs, targets)?;
    trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;

    let predictions = network.predict_array(inputs);
    let error = (&predictions - &targets).abs().mean().ok_or("no samples")?;
    println!("{} predictions of {} numbers, mean error {error:.3}", predictions.nrows(), predictions.ncols());
    assert_eq!(predictions.dim(), (200, 2));
    assert!(error < 0.05);

    // The same samples give the same predictions in every layout: row after row, column after column (the transpose of
    // an array with one row per input), and in reverse.
    let by_rows = inputs.as_standard_layout();
    let by_columns = inputs.t().as_standard_layout().into_owned();
    let reversed = by_rows.slice(s![..;-1, ..]).to_owned();
    assert_eq!(network.predict_array(by_rows.view()), predictions);
    assert_eq!(network.predict_array(by_columns.t()), predictions);
    assert_eq!(network.predict_array(reversed.slice(s![..;-1, ..])), predictions);

    // Parameters are arrays too.
    let angles = network.parameters.array("hidden1.angles").ok_or("no angles")?;
    assert_eq!(angles.dim(), (1, 50));
    Ok(())
}
