//! The learning rate that a schedule gives is the one that the steps have, and the one that is reported.

use gmp_nn::{Mlp, Parameterization};
use gmp_train::{
    Dataset, Epoch, Error, Loss, Observer, Schedule, Sgd, Span, State, Step, StepDecay, Trainer,
};
use std::ops::ControlFlow;

/// The rates of all steps, and of all epochs.
#[derive(Default)]
struct Rates(Vec<f64>, Vec<f64>);
impl Observer<f64> for Rates {
    fn on_step(&mut self, step: &Step, _: &State<'_, f64>) -> ControlFlow<()> {
        assert_eq!((step.epoch, step.batch, step.batches), (self.0.len() / 3, self.0.len() % 3, 3));
        self.0.push(step.learning_rate);
        ControlFlow::Continue(())
    }
    fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
        self.1.push(epoch.record.learning_rate);
        ControlFlow::Continue(())
    }
}

fn fit(schedule: Schedule) -> (Result<f64, Error>, Rates, Vec<f64>) {
    let data = Dataset::new((0..6).map(f64::from).collect(), 1, vec![100.0; 6], 1).unwrap();
    let mut network = Mlp::new(1, &[], 1, Parameterization::Standard).build(1).unwrap();
    let trainer = Trainer {
        schedule: Some(schedule),
        step_decay: Some(StepDecay { factor: 0.5, epochs: vec![2] }),
        ..Trainer::new(Loss::MeanAbsoluteError, 2, 3, 0.1)
    };
    let mut rates = Rates::default();
    let result = trainer.fit(&mut network, &mut Sgd::new(0.0), &data, None, &mut rates);
    (result.map(|fit| fit.learning_rate), rates, network.parameters.get("output.bias").unwrap().to_vec())
}

#[test]
fn every_step_has_the_rate_of_the_schedule() {
    let schedule = Schedule::WarmUp.during(Span::Steps(4)).then(Schedule::Linear { from: 1.0, to: 0.0 });
    let (last, Rates(steps, epochs), bias) = fit(schedule);
    // The step decay halves the last epoch besides.
    let expected =
        [0.25, 0.5, 0.75, 1.0, 1.0, 0.8, 0.6 / 2.0, 0.4 / 2.0, 0.2 / 2.0].map(|factor| 0.1 * factor);
    for (rate, expected) in steps.iter().zip(expected) {
        assert!((rate - expected).abs() < 1e-16, "{steps:?}");
    }
    assert_eq!(epochs, [steps[2], steps[5], steps[8]], "an epoch is reported with the rate of its last step");
    assert_eq!(last, Ok(steps[8]));
    // The gradient of the bias is −1 all the way: it is the sum of the rates.
    assert!((bias[0] - steps.iter().sum::<f64>()).abs() < 1e-15, "{bias:?}");
}

#[test]
fn an_own_schedule_that_makes_no_sense_is_an_error() {
    for (factor, text) in [(f64::NAN, "NaN"), (-1.0, "-0.1"), (f64::INFINITY, "inf")] {
        let (result, rates, _) =
            fit(Schedule::custom("own", move |at| if at.step == 4 { factor } else { 1.0 }));
        let expected = "expected a finite number that is not negative";
        assert_eq!(
            result.unwrap_err().to_string(),
            format!("learning rate of the schedule is {text}, {expected}")
        );
        assert_eq!(rates.0.len(), 4);
    }
    assert!(fit(Schedule::Constant(-1.0)).0.is_err());
}
