//! An optimizer of your own: Lion, which steps along the sign of an average gradient, and which can be resumed from a
//! checkpoint.
//!
//! `cargo run --example own_optimizer`

use gmp_train::{
    Dataset, Error, Loss, Metric, Mlp, Optimizer, OptimizerState, ParamStore, Parameterization, Scalar,
    Trainer,
};

/// `p ← p − lr · sign(β₁ m + (1 − β₁) g)`, `m ← β₂ m + (1 − β₂) g`.
///
/// Source: Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, Algorithm 2 without weight decay.
struct Lion<T> {
    betas: [f64; 2],
    average: Vec<T>,
}

impl<T: Scalar> Optimizer<T> for Lion<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        // Allocated at the first step, reused from then on.
        self.average.resize(gradients.len(), T::ZERO);
        let ([beta1, beta2], rate) = (self.betas.map(T::from_f64), T::from_f64(learning_rate));
        for ((p, &g), m) in parameters.values_mut().iter_mut().zip(gradients).zip(&mut self.average) {
            let towards = beta1 * *m + (T::ONE - beta1) * g;
            if towards != T::ZERO {
                *p -= rate.copysign(towards);
            }
            *m = beta2 * *m + (T::ONE - beta2) * g;
        }
    }

    fn state(&self) -> OptimizerState<T> {
        let [beta1, beta2] = self.betas;
        OptimizerState::new("lion", 0, &[("beta1", beta1), ("beta2", beta2)], &[("average", &self.average)])
    }

    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        let (betas, [average]) = state.expect("lion", ["beta1", "beta2"], ["average"])?;
        *self = Self { betas, average };
        Ok(())
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x: Vec<f64> = (0..50).map(|i| f64::from(i) / 8.0 - 3.0).collect();
    let y = x.iter().map(|x| x.sin()).collect();
    let data = Dataset::new(x, 1, y, 1)?;

    let mut network = Mlp::new(1, &[30], 1, Parameterization::Geometric).build::<f64>(1)?;
    let mut lion = Lion { betas: [0.9, 0.99], average: Vec::new() };
    Trainer::new(Loss::MeanSquaredError, 50, 500, 0.003).fit(
        &mut network,
        &mut lion,
        &data,
        None,
        &mut (),
    )?;
    let error = Metric::RootMeanSquaredError.evaluate(&network, &data);
    println!("error {error:.3}");
    assert!(error < 0.2);
    Ok(())
}
