//! What observers see, and in how many shapes they come.

use gmp_autograd::{Tape, Var};
use gmp_nn::{Boundaries, Mlp, ParamStore, Parameterization};
use gmp_train::{
    Adam, BoundaryChanges, BoundarySnapshots, Checkpoints, Dataset, End, Epoch, EpochRecord, Every, Fit, Log,
    Loss, Metric, Model, Observer, OnEpoch, State, Step, Trainer,
};
use std::f64::consts::PI;
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

/// A model whose units have given boundaries: normals (inputs×units) and offsets.
struct Posed(ParamStore<f64>, Vec<f64>, Vec<f64>);
impl Model<f64> for Posed {
    fn forward(&self, _: &mut Tape<f64>, x: Var) -> Var {
        x
    }
    fn parameters(&self) -> &ParamStore<f64> {
        &self.0
    }
    fn parameters_mut(&mut self) -> &mut ParamStore<f64> {
        &mut self.0
    }
    fn boundaries(&self, _: &str, boundaries: &mut Boundaries<f64>) -> bool {
        (boundaries.normals, boundaries.offsets) = (self.1.clone(), self.2.clone());
        true
    }
}

fn posed(normals: &[f64], offsets: &[f64]) -> Posed {
    Posed(ParamStore::default(), normals.to_vec(), offsets.to_vec())
}

/// Shows `model` to an observer as it is after epoch `epoch`.
fn show(observer: &mut dyn Observer<f64>, model: &Posed, epoch: usize) {
    let record = EpochRecord {
        epoch,
        learning_rate: 0.1,
        training_loss: 1.0,
        validation: None,
        training_metrics: Vec::new(),
        validation_metrics: Vec::new(),
    };
    let trainer = Trainer::new(Loss::MeanSquaredError, 4, 3, 0.1);
    assert!(
        observer
            .on_epoch(&Epoch { record: &record, steps: epoch + 1, trainer: &trainer, model })
            .is_continue()
    );
}

/// On a line, a boundary is the point −b/w, and its normal points to one side or the other.
#[test]
fn boundaries_on_a_line_are_counted_where_they_turn_stay_or_are_none() {
    let mut changes = BoundaryChanges::new(&posed(&[1.0, -2.0, 1.0, 1.0], &[0.5, 1.0, -1.0, -4.0]), "units");
    // The first turns in its place, the second stays, the others move by 1 and by 3.
    show(&mut changes, &posed(&[-1.0, -4.0, 1.0, 1.0], &[-0.5, 2.0, -2.0, -7.0]), 0);
    let (location, direction) = (changes.location[0], changes.direction[0]);
    assert_eq!((location.mean, location.median, location.max), (1.0, 1.0, 3.0));
    assert_eq!((direction.mean, direction.median, direction.max), (PI / 4.0, 0.0, PI));
    assert_eq!((changes.unmoved, changes.undefined), (2, 0));
    // The second has no weight any more: it is nowhere, and has not turned.
    show(&mut changes, &posed(&[-1.0, 0.0, 1.0, 1.0], &[-0.5, 2.0, -2.0, -7.0]), 1);
    assert_eq!((changes.location[1].max, changes.direction[1].max), (0.0, 0.0));
    assert_eq!((changes.unmoved, changes.undefined), (5, 1));
    let far: Vec<f64> = changes.displacement().collect();
    assert_eq!((far[0], far[2], far[3]), (0.0, 1.0, 3.0));
    // In the plane, normals turn by any angle.
    let mut changes = BoundaryChanges::new(&posed(&[1.0, 0.0], &[-1.0]), "units");
    show(&mut changes, &posed(&[0.0, 2.0], &[-2.0]), 0);
    assert!((changes.direction[0].max - PI / 2.0).abs() < 1e-15);
}

#[test]
fn snapshots_are_thinned_once_there_are_twice_as_many_as_wanted() {
    for (shown, expected) in [(19, (0..=19).collect::<Vec<_>>()), (20, (0..=10).map(|k| 2 * k).collect())] {
        let model = posed(&[1.0], &[0.5]);
        let mut snapshots = BoundarySnapshots::new(&model, "units", 10);
        (0..shown).for_each(|epoch| show(&mut snapshots, &model, epoch));
        let epochs: Vec<usize> = snapshots.finish().into_iter().map(|(epoch, _)| epoch).collect();
        assert_eq!(epochs, expected);
    }
}
