//! An observer of your own: it prints a progress line for every epoch, records the largest loss of a step, and ends
//! the run when a target is reached.
//!
//! `cargo run --example own_observer`

use gmp_train::{
    Adam, BoundaryChanges, Dataset, Element, End, Epoch, Loss, Metric, Mlp, Observer, Parameterization,
    State, Step, Trainer,
};
use std::ops::ControlFlow;

struct Progress {
    target: f64,
    largest: f64,
}

/// Of networks in single and in double precision.
impl<T: Element> Observer<T> for Progress {
    fn on_step(&mut self, step: &Step, _: &State<'_, T>) -> ControlFlow<()> {
        self.largest = self.largest.max(step.loss);
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        let record = epoch.record;
        print!("epoch {} of {}: loss {:.4}", record.epoch + 1, epoch.epochs(), record.training_loss);
        for (metric, training, validation) in epoch.metrics() {
            print!(", {metric} {training:.4}");
            if let Some(validation) = validation {
                print!(" (validation {validation:.4})");
            }
        }
        println!();
        if record.training_loss < self.target { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x: Vec<f64> = (0..60).map(|i| f64::from(i) / 10.0 - 3.0).collect();
    let y = x.iter().map(|x| x.sin()).collect();
    let data = Dataset::new(x, 1, y, 1)?;
    let mut network = Mlp::new(1, &[30], 1, Parameterization::Geometric).build::<f64>(1)?;
    let trainer = Trainer {
        metrics: vec![Metric::MeanAbsoluteError],
        ..Trainer::new(Loss::MeanSquaredError, 20, 1000, 0.01)
    };

    // A tuple is several observers: here with one that watches the units' activation boundaries.
    let mut progress = Progress { target: 0.02, largest: 0.0 };
    let mut boundaries = BoundaryChanges::new(&network, "hidden1");
    let observers = &mut (&mut progress, &mut boundaries);
    let fit = trainer.fit(&mut network, &mut Adam::default(), &data, None, observers)?;

    println!("largest loss of a step: {:.3}", progress.largest);
    println!(
        "mean movement of a boundary in the last epoch: {:.4}",
        boundaries.location[fit.epochs - 1].mean
    );
    assert_eq!(fit.end, End::Observer);
    Ok(())
}
