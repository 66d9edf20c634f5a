//! The training loop as a user meets it: it learns, it is Keras' loop, it repeats itself to the last bit.

use crate::forms::{DENSE, mlp};
use gmp_nn::{Mlp, Network, ParamStore, Parameterization, Rng};
use gmp_train::{
    Adam, BoundaryChanges, BoundarySnapshots, Clip, Dataset, EarlyStopping, End, Epoch, Error, Loss, Metric,
    Monitor, Observer, Optimizer, OptimizerState, ReduceOnPlateau, Restore, Sgd, StepDecay, Trainer,
};
use std::ops::ControlFlow;

fn sine(samples: usize, seed: u64) -> Dataset<f64> {
    let mut rng = Rng::new(seed, "points");
    let x: Vec<f64> = (0..samples).map(|_| 6.0 * rng.uniform() - 3.0).collect();
    let y = x.iter().map(|x| x.sin()).collect();
    Dataset::new(x, 1, y, 1).unwrap()
}

fn trainer() -> Trainer {
    Trainer { seed: 1, ..Trainer::new(Loss::MeanAbsoluteError, 16, 200, 0.01) }
}

fn train(trainer: &Trainer, form: &str) -> (Network<f64>, gmp_train::Fit) {
    let mut network = mlp(1, &[30], 1, form).build(3).unwrap();
    let (data, validation) = (sine(60, 1), sine(40, 2));
    let fit = trainer.fit(&mut network, &mut Adam::default(), &data, Some(&validation), &mut ()).unwrap();
    (network, fit)
}

#[test]
fn every_parameterization_learns() {
    for form in DENSE {
        let (network, fit) = train(&trainer(), form);
        let error = Metric::MeanAbsoluteError.evaluate(&network, &sine(40, 2));
        assert!(error < 0.2, "{form}: {error}"); // 0.6 before training
        assert_eq!((fit.epochs, fit.steps, fit.end), (200, 800, End::Epochs));
    }
}

/// At any number of threads too, as networks that are large enough for more than one show in `checkpoint.rs` and
/// `images.rs`.
#[test]
fn the_same_seed_gives_the_same_bits_and_another_one_others() {
    for form in DENSE {
        let run = |seed| train(&Trainer { epochs: 20, seed, ..trainer() }, form).0.parameters;
        assert_eq!(run(1), run(1), "{form}");
        assert_ne!(run(1), run(2), "{form}: the seed of the shuffles changes nothing");
    }
}

/// Notes the monitored values, and the parameters after the best of them.
struct Best(Vec<f64>, Vec<f64>);
impl Observer<f64> for Best {
    fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
        let value = epoch.record.validation.unwrap_or(epoch.record.training_loss);
        if self.0.iter().all(|v| value < *v) {
            self.1 = epoch.model.parameters().values().to_vec();
        }
        self.0.push(value);
        ControlFlow::Continue(())
    }
}

#[test]
fn early_stopping_ends_after_its_patience_and_restores_the_best_epoch() {
    let monitor = Monitor::Validation(Metric::MeanSquaredError);
    let stopping = |restore| Some(EarlyStopping { patience: 5, min_delta: 0.0, restore });
    let run = |epochs, restore| {
        let trainer =
            Trainer { epochs, monitor, learning_rate: 0.1, early_stopping: stopping(restore), ..trainer() };
        let mut network = Mlp::new(1, &[30], 1, Parameterization::Standard).build(3).unwrap();
        let mut best = Best(Vec::new(), Vec::new());
        let fit = trainer
            .fit(&mut network, &mut Adam::default(), &sine(60, 1), Some(&sine(40, 2)), &mut best)
            .unwrap();
        (network, fit, best)
    };
    let (network, fit, best) = run(1000, Restore::WhenStoppedEarly);
    assert_eq!(fit.end, End::EarlyStopping);
    assert_eq!(fit.best_epoch, Some(fit.epochs - 6));
    assert_eq!(network.parameters.values(), best.1, "the weights of the best epoch");
    assert_eq!(Metric::MeanSquaredError.evaluate(&network, &sine(40, 2)), best.0[fit.best_epoch.unwrap()]);

    // Cut off before patience runs out: Keras of the time kept the last weights, Keras of today restores.
    let cut = fit.epochs - 2;
    let (kept, fit, best) = run(cut, Restore::WhenStoppedEarly);
    assert_eq!((fit.end, fit.epochs), (End::Epochs, cut));
    assert_ne!(kept.parameters.values(), best.1);
    let (restored, ..) = run(cut, Restore::Always);
    assert_eq!(restored.parameters.values(), best.1);
}

#[test]
fn the_plateau_rule_lowers_the_rate_tenfold() {
    // A margin that nothing can beat after the first epoch: the rate falls at every patience.
    let plateau = Some(ReduceOnPlateau { factor: 0.1, patience: 3, min_delta: 1e9 });
    let mut rates = Vec::new();
    struct Rates<'a>(&'a mut Vec<f64>);
    impl Observer<f64> for Rates<'_> {
        fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
            self.0.push(epoch.record.learning_rate);
            if epoch.record.epoch == 9 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let mut network = Mlp::new(1, &[3], 1, Parameterization::Standard).build(1).unwrap();
    let trainer = Trainer { plateau, learning_rate: 1.0, ..trainer() };
    let fit =
        trainer.fit(&mut network, &mut Sgd::new(0.9), &sine(20, 1), None, &mut Rates(&mut rates)).unwrap();
    assert_eq!((fit.end, fit.epochs), (End::Observer, 10));
    let expected = [1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01];
    for (rate, expected) in rates.iter().zip(expected) {
        assert!((rate - expected).abs() < 1e-12, "{rates:?}");
    }
}

/// Clips as the definition says, before another optimizer's step, and counts the gradients that were too long.
struct Clipping(Clip, Sgd<f64>, usize);
impl Optimizer<f64> for Clipping {
    fn step(&mut self, parameters: &mut ParamStore<f64>, gradients: &[f64], rate: f64) {
        let clipped: Vec<f64> = match self.0 {
            Clip::Norm(limit) => {
                let norm = gradients.iter().map(|g| g * g).sum::<f64>().sqrt();
                gradients.iter().map(|g| g * (limit / norm).min(1.0)).collect()
            }
            Clip::Value(limit) => gradients.iter().map(|g| g.clamp(-limit, limit)).collect(),
        };
        self.2 += usize::from(clipped != gradients);
        self.1.step(parameters, &clipped, rate);
    }
    fn state(&self) -> OptimizerState<f64> {
        self.1.state()
    }
    fn restore(&mut self, state: OptimizerState<f64>) -> Result<(), Error> {
        self.1.restore(state)
    }
}

#[test]
fn clipping_in_the_loop_is_clipping_by_hand_in_micro_batches_too() {
    let largest = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let run = |clip, micro_batch, optimizer: &mut dyn Optimizer<f64>| {
        let mut network = Mlp::new(1, &[30], 1, Parameterization::Geometric).build(3).unwrap();
        let trainer = Trainer { clip, micro_batch, epochs: 20, ..trainer() };
        trainer.fit(&mut network, optimizer, &sine(60, 1), None, &mut ()).unwrap();
        network.parameters.values().to_vec()
    };
    let free = run(None, None, &mut Sgd::new(0.9));
    for (clip, rounding) in [(Clip::Norm(0.4), 1e-12), (Clip::Value(0.2), 0.0)] {
        let mut by_hand = Clipping(clip, Sgd::new(0.9), 0);
        let expected = run(None, None, &mut by_hand);
        assert!((10..70).contains(&by_hand.2), "{} of 80 steps were clipped to {clip:?}", by_hand.2);
        let whole = run(Some(clip), None, &mut Sgd::new(0.9));
        assert!(largest(&whole, &expected) <= rounding, "{clip:?}");
        for micro_batch in [16, 5] {
            let clipped = run(Some(clip), Some(micro_batch), &mut Sgd::new(0.9));
            assert!(largest(&clipped, &expected) < 1e-12, "{clip:?} in parts of {micro_batch}");
        }
        assert!(largest(&free, &expected) > 1e-6);
    }
    // No number of a gradient is beyond this.
    assert_eq!(run(Some(Clip::Value(1e9)), None, &mut Sgd::new(0.9)), free);
}

/// As Keras goes on: nothing that is trained broke.
#[test]
fn a_validation_metric_that_is_not_finite_is_no_improvement_and_ends_no_run() {
    let far = Dataset::new(vec![1e300, -1e300], 1, vec![0.0; 2], 1).unwrap();
    let stopping = EarlyStopping { patience: 3, min_delta: 0.0, restore: Restore::Always };
    let trainer = Trainer {
        monitor: Monitor::Validation(Metric::RootMeanSquaredError),
        metrics: vec![Metric::MeanSquaredError],
        early_stopping: Some(stopping),
        ..trainer()
    };
    let mut network = Mlp::new(1, &[30], 1, Parameterization::Standard).build(3).unwrap();
    let mut seen = Best(Vec::new(), Vec::new());
    let fit = trainer.fit(&mut network, &mut Adam::default(), &sine(60, 1), Some(&far), &mut seen).unwrap();
    assert!(seen.0.iter().all(|value| !value.is_finite()), "{:?}", seen.0);
    assert_eq!((fit.epochs, fit.end, fit.best_epoch), (3, End::EarlyStopping, None));
    assert!(network.parameters.values().iter().all(|p| p.is_finite()));
}

#[test]
fn errors_say_what_was_wrong() {
    let fit = |trainer: Trainer, validation: Option<&Dataset<f64>>| {
        let mut network = Mlp::new(1, &[3], 1, Parameterization::Standard).build(1).unwrap();
        trainer.fit(&mut network, &mut Adam::default(), &sine(20, 1), validation, &mut ()).unwrap_err()
    };
    assert_eq!(
        fit(Trainer { learning_rate: -0.1, ..trainer() }, None).to_string(),
        "learning rate is -0.1, expected a positive number"
    );
    assert_eq!(
        fit(Trainer { batch_size: 0, ..trainer() }, None).to_string(),
        "batch size is 0, expected at least 1"
    );
    for limit in [f64::INFINITY, f64::NAN, 0.0, -1.0] {
        for clip in [Clip::Norm(limit), Clip::Value(limit)] {
            assert_eq!(
                fit(Trainer { clip: Some(clip), ..trainer() }, None).to_string(),
                format!("clipping limit is {limit}, expected a finite positive number")
            );
        }
    }
    for learning_rate in [f64::INFINITY, f64::NAN, 0.0] {
        let error = fit(Trainer { learning_rate, ..trainer() }, None).to_string();
        assert_eq!(error, format!("learning rate is {learning_rate}, expected a positive number"));
    }
    for factor in [f64::INFINITY, f64::NAN, 0.0, -1.0] {
        let step_decay = Some(StepDecay { epochs: vec![1], factor });
        let error = fit(Trainer { step_decay, ..trainer() }, None).to_string();
        assert_eq!(error, format!("step decay factor is {factor}, expected a positive number"));
    }
    for factor in [f64::NAN, 0.0, -1.0, 1.0, 2.0] {
        let plateau = Some(ReduceOnPlateau { factor, patience: 3, min_delta: 0.0 });
        let error = fit(Trainer { plateau, ..trainer() }, None).to_string();
        assert_eq!(error, format!("plateau factor is {factor}, expected between 0 and 1"));
    }
    let monitor = Monitor::Validation(Metric::MeanSquaredError);
    assert_eq!(fit(Trainer { monitor, ..trainer() }, None), Error::NoValidation);
    let error = fit(Trainer { learning_rate: 1e300, loss: Loss::MeanSquaredError, ..trainer() }, None);
    let expected = "the loss is inf at step 1 (epoch 0); it began with affine in layer output";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_changes_of_boundaries_are_those_between_snapshots() {
    for form in DENSE {
        let mut network = mlp(2, &[7], 1, form).build::<f64>(2).unwrap();
        let mut rng = Rng::new(4, "plane");
        let x: Vec<f64> = (0..80).map(|_| rng.normal()).collect();
        let y = x.chunks(2).map(|x| x[0] * x[1]).collect();
        let data = Dataset::new(x, 2, y, 1).unwrap();
        let mut observers =
            (BoundaryChanges::new(&network, "hidden1"), BoundarySnapshots::new(&network, "hidden1", 64));
        let trainer = Trainer { epochs: 40, ..trainer() };
        trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut observers).unwrap();
        let snapshots = observers.1.finish();
        assert_eq!(
            snapshots.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(),
            (0..=40).collect::<Vec<_>>()
        );
        for (change, pair) in observers.0.location.iter().zip(snapshots.windows(2)) {
            let moved: Vec<f64> = (0..7)
                .map(|j| (pair[1].1[j] - pair[0].1[j]).hypot(pair[1].1[7 + j] - pair[0].1[7 + j]))
                .collect();
            let mean = moved.iter().sum::<f64>() / 7.0;
            assert!(
                (change.mean - mean).abs() <= 1e-12 * mean.max(1.0),
                "{form}: {} for {mean}",
                change.mean
            );
            assert_eq!(change.max, moved.iter().copied().fold(0.0, f64::max));
        }
        // Paths, starts, ends and rates are those of the same snapshots.
        let changes = &observers.0;
        assert_eq!(changes.rates, vec![trainer.learning_rate; 40]);
        assert_eq!((changes.start(), changes.end()), (&snapshots[0].1[..], &snapshots[40].1[..]));
        for (j, far) in changes.displacement().enumerate() {
            let between = |a: &[f64], b: &[f64]| (b[j] - a[j]).hypot(b[7 + j] - a[7 + j]);
            let path: f64 = snapshots.windows(2).map(|pair| between(&pair[0].1, &pair[1].1)).sum();
            assert!((changes.path[j] - path).abs() <= 1e-12 * path, "{form}: {} for {path}", changes.path[j]);
            assert!((far - between(&snapshots[0].1, &snapshots[40].1)).abs() <= 1e-12 * path);
        }
        assert_eq!(changes.undefined, 0);
    }
}

/// Under BN the boundary of the batch is another one than that of the running statistics; without, they are the same.
#[test]
fn boundaries_of_a_batch_are_watched_too() {
    for form in DENSE {
        let mut network = mlp(2, &[7], 1, form).build::<f64>(2).unwrap();
        let mut rng = Rng::new(4, "plane");
        let x: Vec<f64> = (0..80).map(|_| 3.0 + rng.normal()).collect();
        let y = x.chunks(2).map(|x| x[0] * x[1]).collect();
        let data = Dataset::new(x.clone(), 2, y, 1).unwrap();
        let mut observers = (
            BoundaryChanges::new(&network, "hidden1"),
            BoundaryChanges::in_batch(&network, "hidden1", x.clone(), 2),
            BoundarySnapshots::in_batch(&network, "hidden1", x, 2, 64),
        );
        let trainer = Trainer { epochs: 20, ..trainer() };
        trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut observers).unwrap();
        let (running, batch, snapshots) = observers;
        let snapshots = snapshots.finish();
        assert_eq!((batch.start(), batch.end()), (&snapshots[0].1[..], &snapshots[20].1[..]));
        assert_eq!(running.location == batch.location, form != "BN", "{form}");
        assert_eq!(running.direction, batch.direction, "{form}");
        if form == "BN" {
            // By the batch's statistics every boundary starts as one through the middle of the batch.
            let middle = [0, 1].map(|i| data.inputs().iter().skip(i).step_by(2).sum::<f64>() / 40.0);
            assert!(running.start().iter().all(|x| *x == 0.0));
            for phi in (0..7).map(|j| [batch.start()[j], batch.start()[7 + j]]) {
                let square = phi[0] * phi[0] + phi[1] * phi[1];
                let product = phi[0] * middle[0] + phi[1] * middle[1];
                assert!(square > 0.0 && (square - product).abs() < 1e-12 * product.abs(), "{phi:?}");
            }
        }
    }
}

#[test]
fn snapshots_stay_few_and_evenly_spaced() {
    let mut network = Mlp::new(1, &[3], 1, Parameterization::Geometric).build::<f64>(2).unwrap();
    let mut snapshots = BoundarySnapshots::new(&network, "hidden1", 10);
    let trainer = Trainer { epochs: 333, ..trainer() };
    trainer.fit(&mut network, &mut Adam::default(), &sine(20, 1), None, &mut snapshots).unwrap();
    let epochs: Vec<usize> = snapshots.finish().iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!((epochs[0], *epochs.last().unwrap()), (0, 333));
    assert!((10..=21).contains(&epochs.len()), "{epochs:?}");
    let spacing = epochs[1];
    assert!(epochs[..epochs.len() - 1].windows(2).all(|pair| pair[1] - pair[0] == spacing), "{epochs:?}");
}
