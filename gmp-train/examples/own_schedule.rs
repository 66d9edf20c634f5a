//! A schedule of your own: cosine annealing with warm restarts, whose periods double.
//!
//! `cargo run --example own_schedule`

use gmp_train::{
    Adam, Dataset, Epoch, Loss, Mlp, Moment, OnEpoch, Parameterization, Schedule, Span, Trainer,
};
use std::ops::ControlFlow;

/// Half a cosine over 10 epochs, then over 20, 40, … It depends on the step alone, so a resumed run has the same
/// rates.
fn restarts(at: Moment) -> f64 {
    let mut epoch = at.step as f64 / at.steps_per_epoch as f64;
    let mut period = 10.0;
    while epoch >= period {
        epoch -= period;
        period *= 2.0;
    }
    0.5 * (1.0 + (std::f64::consts::PI * epoch / period).cos())
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data =
        Dataset::new((0..40).map(f64::from).collect(), 1, (0..40).map(|i| f64::from(i % 5)).collect(), 1)?;
    let mut network = Mlp::new(1, &[20], 1, Parameterization::Geometric).build::<f64>(1)?;
    let trainer = Trainer {
        // Own schedules compose with the others.
        schedule: Some(
            Schedule::WarmUp
                .during(Span::Epochs(2))
                .then(Schedule::custom("cosine with warm restarts", restarts)),
        ),
        ..Trainer::new(Loss::MeanSquaredError, 8, 34, 0.01)
    };
    let mut rates = Vec::new();
    let mut observer = OnEpoch(|epoch: &Epoch<'_, f64>| {
        // The rate of the epoch's last step.
        rates.push(epoch.record.learning_rate);
        ControlFlow::Continue(())
    });
    trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut observer)?;
    for (epoch, rate) in rates.iter().enumerate() {
        println!("{epoch:2} {rate:.5} {}", "·".repeat((5000.0 * rate) as usize));
    }
    assert!(rates[11] < 0.001 && rates[12] > 0.009, "restarted after 2 + 10 epochs");
    Ok(())
}
