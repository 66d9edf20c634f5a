//! How far training moves the neural tangent kernel: lazily or not, by width and parameterization.
//!
//! ```text
//! cargo run --example neural_tangent
//! ```

use gmp_train::neural_tangent::{alignment, kernel, relative_change};
use gmp_train::{Adam, Dataset, Loss, Mat, Mlp, Parameterization, Trainer};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x: Vec<f64> = (0..40).map(|i| f64::from(i) / 8.0 - 2.5).collect();
    let y = x.iter().map(|x| x.sin()).collect();
    let data = Dataset::new(x, 1, y, 1)?;
    // The inputs at which the kernel is looked at: any will do, and they stay the same.
    let inputs = [-2.0, -1.0, 0.0, 1.0, 2.0];
    let inputs = Mat::new(&inputs, 5, 1);

    println!("parameterization  units  relative change  alignment");
    for parameterization in Parameterization::ALL {
        for units in [16, 64, 256] {
            let mut network = Mlp::new(1, &[units], 1, parameterization).build::<f64>(7)?;
            let before = kernel(&network, inputs);
            let trainer = Trainer::new(Loss::MeanSquaredError, 40, 200, 0.01);
            trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
            let after = kernel(&network, inputs);
            let (change, alignment) = (relative_change(&before, &after), alignment(&before, &after));
            println!("{parameterization:<16}  {units:>5}  {change:>15.2}  {alignment:>9.3}");
            // Adam's steps are as long in a wide network as in a narrow one: no parameterization is lazy under it.
            assert!(change > 0.1 && alignment <= 1.0);
        }
    }
    Ok(())
}
