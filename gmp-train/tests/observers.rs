//! What observers see, and in how many shapes they come.

use gmp_nn::{Mlp, Parameterization};
use gmp_train::{
    Adam, Checkpoints, Dataset, End, Epoch, Every, Fit, Log, Loss, Metric, Observer, OnEpoch, State, Step,
    Trainer,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn fit(observer: &mut dyn Observer<f64>) -> Fit {
    let data = Dataset::new((0..10).map(f64::from).collect(), 1, vec![1.0; 10], 1).unwrap();
    let trainer = Trainer {
        metrics: vec![Metric::MeanAbsoluteError],
        ..Trainer::new(Loss::MeanSquaredError, 4, 3, 0.01)
    };
    let mut network = Mlp::new(1, &[3], 1, Parameterization::Geometric).build(1).unwrap();
    trainer.fit(&mut network, &mut Adam::default(), &data, None, observer).unwrap()
}

/// Everything it sees, in order.
#[derive(Default)]
struct Notes(Vec<String>, f64);
impl Observer<f64> for Notes {
    fn on_step(&mut self, step: &Step, state: &State<'_, f64>) -> ControlFlow<()> {
        self.0.push(format!("step {} of epoch {}", step.batch + 1, step.epoch));
        assert_eq!(step.batches, 3);
        assert_eq!(state.progress.fit().steps, 3 * step.epoch + step.batch + 1);
        self.1 += step.loss * if step.batch < 2 { 4.0 } else { 2.0 };
        ControlFlow::Continue(())
    }
    fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
        self.0.push(format!("epoch {} of {}", epoch.record.epoch + 1, epoch.epochs()));
        let metrics: Vec<_> = epoch.metrics().collect();
        assert_eq!(metrics, [(Metric::MeanAbsoluteError, epoch.record.training_metrics[0], None)]);
        ControlFlow::Continue(())
    }
    fn on_end(&mut self, state: &State<'_, f64>) {
        self.0.push("end".to_owned());
        // The losses of the steps make up those of the epochs.
        let sum: f64 = state.progress.history().iter().map(|record| 10.0 * record.training_loss).sum();
        assert!((sum - self.1).abs() < 1e-9 * sum);
    }
}

#[test]
fn every_step_and_every_epoch_is_seen_in_order() {
    let mut notes = Notes::default();
    fit(&mut notes);
    assert_eq!(
        notes.0,
        [
            "step 1 of epoch 0",
            "step 2 of epoch 0",
            "epoch 1 of 3",
            "step 3 of epoch 0",
            "step 1 of epoch 1",
            "step 2 of epoch 1",
            "epoch 2 of 3",
            "step 3 of epoch 1",
            "step 1 of epoch 2",
            "step 2 of epoch 2",
            "epoch 3 of 3",
            "step 3 of epoch 2",
            "end",
        ]
    );
}

#[test]
fn tuples_options_references_and_closures_are_observers() {
    let mut count = 0;
    let mut a = Notes::default();
    let mut all = (
        &mut a,
        None::<Notes>,
        Some(Notes::default()),
        OnEpoch(|_: &Epoch<'_, f64>| {
            count += 1;
            if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }),
    );
    let fit = fit(&mut all);
    assert_eq!((fit.end, fit.epochs), (End::Observer, 2));
    let c = all.2.unwrap();
    // Those before the one that ended the run saw all of it, and so would those after it.
    assert_eq!(a.0, c.0);
    assert_eq!((count, a.0.len()), (2, 2 * 4 + 1));
    fit_with_three();
}

fn fit_with_three() {
    let break_at_once = || OnEpoch(|_: &Epoch<'_, f64>| ControlFlow::Break(()));
    let mut notes = Notes::default();
    assert_eq!(fit(&mut (break_at_once(), (), &mut notes)).epochs, 1);
    assert_eq!(notes.0.len(), 4 + 1);
}

/// Asks to stop.
struct Flagged(Arc<AtomicBool>);
impl Observer<f64> for Flagged {
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn the_flag_of_an_observer_stops_the_run_in_whatever_shape_it_comes() {
    let flagged = || Flagged(Arc::new(AtomicBool::new(true)));
    for fit in [
        fit(&mut flagged()),
        fit(&mut &mut flagged()),
        fit(&mut Some(flagged())),
        fit(&mut ((), flagged())),
        fit(&mut (flagged(), ())),
    ] {
        assert_eq!((fit.end, fit.steps), (End::Observer, 0));
    }
    assert_eq!(fit(&mut None::<Flagged>).end, End::Epochs);
    assert!(Observer::<f64>::stop_flag(&None::<Flagged>).is_none());
}

#[test]
fn a_prepared_run_can_be_moved_to_a_thread() {
    fn send<X: Send>(_: &X) {}
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path(), 1, Every::Epochs(1), |error| panic!("{error}"));
    let log = Log::json_lines(folder.path().join("log.jsonl"), |error| panic!("{error}"));
    let mut observers = (checkpoints, log);
    send(&observers);
    let fit = std::thread::scope(|scope| scope.spawn(|| fit(&mut observers)).join().unwrap());
    assert_eq!(fit.epochs, 3);
    assert_eq!(std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap().lines().count(), 3);
}
