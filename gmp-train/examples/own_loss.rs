//! A loss of your own: log cosh of the error, which behaves like the squared error for small errors and like the
//! absolute error for large ones.
//!
//! `cargo run --example own_loss`

use gmp_train::gmp_autograd::{Pullback, Rule};
use gmp_train::{
    Adam, Dataset, Loss, LossFunction, Metric, Mlp, Parameterization, Scalar, Tape, Trainer, Var, op,
};

/// ln cosh x = |x| + ln(1 + e^(−2|x|)) − ln 2, as an operation on the tape, with its forward and backward pass.
fn log_cosh<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    tape.record(&LogCoshRule, [x], x.shape(), 0, |[x], mut y, _| {
        let (two, ln_2) = (T::ONE + T::ONE, T::from_f64(std::f64::consts::LN_2));
        for (y, &x) in y.data_mut().iter_mut().zip(x.data()) {
            *y = x.abs() + (-two * x.abs()).exp().ln_1p() - ln_2;
        }
    })
}

struct LogCoshRule;
impl<T: Scalar> Rule<T> for LogCoshRule {
    fn name(&self) -> &'static str {
        "log_cosh"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (x, two) = (pull.value(0), T::ONE + T::ONE);
        // The derivative is tanh x = (1 − e^(−2|x|))/(1 + e^(−2|x|)) with the sign of x.
        let tanh = |x: T| {
            let e = (-two * x.abs()).exp();
            ((T::ONE - e) / (T::ONE + e)).copysign(x)
        };
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_each(dy.data().iter().zip(x.data()).map(|(&dy, &x)| dy * tanh(x)));
        }
    }
}

#[derive(Debug)]
struct LogCosh;
impl LossFunction for LogCosh {
    fn name(&self) -> &str {
        "log_cosh"
    }
    fn apply<T: Scalar>(&self, tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
        let error = op::sub(tape, prediction, target);
        let errors = log_cosh(tape, error);
        op::mean(tape, errors)
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A line with two outliers.
    let x: Vec<f64> = (0..40).map(|i| f64::from(i) / 20.0 - 1.0).collect();
    let y = x.iter().enumerate().map(|(i, x)| if i % 20 == 7 { 50.0 } else { *x }).collect();
    let data = Dataset::new(x.clone(), 1, y, 1)?;
    let clean = Dataset::new(x.clone(), 1, x, 1)?;

    let error = |loss: Loss| -> Result<f64, Box<dyn std::error::Error>> {
        let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
        let trainer = Trainer::new(loss, 40, 400, 0.02);
        trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
        println!("{loss} of the data: {:.3}", Metric::Loss(loss).evaluate(&network, &data));
        Ok(Metric::MeanAbsoluteError.evaluate(&network, &clean))
    };
    let (own, squared) = (error(Loss::Custom(&LogCosh))?, error(Loss::MeanSquaredError)?);
    println!("distance from the line: {own:.3} with log cosh, {squared:.3} with squares");
    assert!(own < squared);
    Ok(())
}
