//! Arrays of the crate `ndarray` in and out: one row per sample, in whatever layout they are in memory.
//!
//! `cargo run --example ndarray`

use gmp_train::{Adam, Dataset, Loss, Mat, Mlp, Network, Parameterization, Trainer};
use ndarray::{Array2, ArrayView2, ShapeError, s};

/// Inputs and targets as a data set, which has numbers of its own: `iter` goes row by row in every layout.
fn dataset(inputs: ArrayView2<f64>, targets: ArrayView2<f64>) -> Result<Dataset<f64>, gmp_train::Error> {
    let numbers = |array: ArrayView2<f64>| array.iter().copied().collect();
    Dataset::new(numbers(inputs), inputs.ncols(), numbers(targets), targets.ncols())
}

/// The predictions for some inputs.
fn predict(network: &Network<f64>, inputs: ArrayView2<f64>) -> Result<Array2<f64>, ShapeError> {
    let (rows, cols) = inputs.dim();
    let copy: Vec<f64>;
    let x = match in_place(inputs) {
        Some(x) => x,
        None => {
            copy = inputs.iter().copied().collect();
            Mat::new(&copy, rows, cols)
        }
    };
    Array2::from_shape_vec((rows, network.output().columns()), network.predict(x))
}

/// The array's own memory as a matrix, where it is one piece: the strides tell a transposed array from another one.
/// Neither are some columns of a wider array one piece, nor has a matrix the negative strides of reversed rows.
fn in_place(array: ArrayView2<'_, f64>) -> Option<Mat<'_, f64>> {
    let numbers = array.to_slice_memory_order()?;
    let [row_stride, col_stride] = [0, 1].map(|axis| usize::try_from(array.strides()[axis]).ok());
    Some(Mat::from_strided(numbers, array.nrows(), array.ncols(), row_stride?, col_stride?))
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A table of 200 samples: two inputs, and their product and their sum as targets.
    let mut table = Array2::zeros((200, 4));
    for (i, mut row) in table.rows_mut().into_iter().enumerate() {
        let (a, b) = ((0.3 * i as f64).sin(), (0.7 * i as f64).cos());
        row.assign(&ndarray::arr1(&[a, b, a * b, a + b]));
    }
    let (inputs, targets) = (table.slice(s![.., ..2]), table.slice(s![.., 2..]));

    let mut network = Mlp::new(2, &[50], 2, Parameterization::Geometric).build(1)?;
    let trainer = Trainer::new(Loss::MeanSquaredError, 20, 300, 0.005);
    trainer.fit(&mut network, &mut Adam::default(), &dataset(inputs, targets)?, None, &mut ())?;

    let predictions = predict(&network, inputs)?;
    let error = (&predictions - &targets).abs().mean().ok_or("no samples")?;
    println!("{} predictions of {} numbers, mean error {error:.3}", predictions.nrows(), predictions.ncols());
    assert_eq!(predictions.dim(), (200, 2));
    assert!(error < 0.05);

    // The same samples give the same predictions in every layout: row after row, column after column (the transpose of
    // an array with one row per input), and in reverse.
    let by_rows = inputs.as_standard_layout();
    let by_columns = inputs.t().as_standard_layout().into_owned();
    let reversed = by_rows.slice(s![..;-1, ..]).to_owned();
    assert!(in_place(by_rows.view()).is_some() && in_place(by_columns.t()).is_some());
    assert_eq!(predict(&network, by_rows.view())?, predictions);
    assert_eq!(predict(&network, by_columns.t())?, predictions);
    assert_eq!(predict(&network, reversed.slice(s![..;-1, ..]))?, predictions);
    Ok(())
}
