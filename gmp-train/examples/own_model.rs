//! A model of your own: a network plus a linear map, y = network(x) + x·a, where a is kept within ±1.
//!
//! `cargo run --example own_model`

use gmp_train::gmp_nn::Slot;
use gmp_train::{
    Adam, Dataset, Element, Loss, Metric, Mlp, Model, Network, ParamStore, Parameterization, Role, Tape,
    Trainer, Var, op,
};

struct WithLine<T> {
    /// The line's slope is appended to the network's parameters, so that one optimizer steps them all.
    network: Network<T>,
    slope: Slot,
}

impl<T: Element> WithLine<T> {
    fn new(mut network: Network<T>) -> Self {
        let slope = network.parameters.push("line.slope".to_owned(), Role::Weight, &[T::ZERO], 1, 1);
        Self { network, slope }
    }
}

impl<T: Element> Model<T> for WithLine<T> {
    fn forward(&self, tape: &mut Tape<T>, x: Var) -> Var {
        // x is used twice.
        let curve = self.network.forward(tape, x.shared());
        let slope = tape.parameter(self.slope.offset, self.slope.rows, self.slope.cols);
        let line = op::mul_row(tape, x, slope);
        op::add(tape, curve, line)
    }
    fn parameters(&self) -> &ParamStore<T> {
        &self.network.parameters
    }
    fn parameters_mut(&mut self) -> &mut ParamStore<T> {
        &mut self.network.parameters
    }
    /// A retraction after every step: the slope stays within ±1.
    fn after_step(&mut self) {
        let slope = &mut self.network.parameters.values_mut()[self.slope.range()][0];
        if slope.abs() > T::ONE {
            *slope = T::ONE.copysign(*slope);
        }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x: Vec<f64> = (0..60).map(|i| f64::from(i) / 10.0 - 3.0).collect();
    let y = x.iter().map(|x| 2.0 * x + x.sin()).collect();
    let data = Dataset::new(x, 1, y, 1)?;

    let mut model = WithLine::new(Mlp::new(1, &[40], 1, Parameterization::Geometric).build(1)?);
    let trainer = Trainer::new(Loss::MeanSquaredError, 20, 300, 0.02);
    trainer.fit(&mut model, &mut Adam::default(), &data, None, &mut ())?;

    let error = Metric::RootMeanSquaredError.evaluate(&model, &data);
    let slope = model.parameters().get("line.slope").ok_or("the slope is a parameter")?[0];
    println!("slope {slope:.3}, error {error:.3}");
    assert!(error < 0.3 && slope.abs() <= 1.0);
    Ok(())
}
