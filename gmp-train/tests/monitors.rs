//! What the schedules watch: the validation loss, unless another monitor is named.

use gmp_autograd::{Tape, Var, op};
use gmp_math::Scalar;
use gmp_nn::{Mlp, Network, Parameterization, Rng};
use gmp_train::{
    Adam, Dataset, EarlyStopping, End, Epoch, EpochRecord, Error, Fit, Loss, LossFunction, Metric, Monitor,
    OnEpoch, Trainer,
};
use std::ops::ControlFlow;

fn classes(samples: usize, seed: u64) -> Dataset<f64> {
    let mut rng = Rng::new(seed, "classes");
    let x: Vec<f64> = (0..2 * samples).map(|_| rng.normal()).collect();
    // Noisy, so that the validation loss rises again.
    let y = x.chunks(2).map(|x| f64::from(u8::from(x[0] + rng.normal() > 0.0))).collect();
    Dataset::new(x, 2, y, 1).unwrap()
}

fn fit(
    trainer: &Trainer,
    validation: Option<&Dataset<f64>>,
) -> (Result<Fit, Error>, Vec<EpochRecord>, Network<f64>) {
    let mut network = Mlp::new(2, &[40], 2, Parameterization::Geometric).build(3).unwrap();
    let mut records = Vec::new();
    let mut observer = OnEpoch(|epoch: &Epoch<'_, f64>| {
        records.push(epoch.record.clone());
        ControlFlow::Continue(())
    });
    let fit = trainer.fit(&mut network, &mut Adam::default(), &classes(40, 1), validation, &mut observer);
    (fit, records, network)
}

fn trainer(monitor: Monitor) -> Trainer {
    let early_stopping = Some(EarlyStopping::new(5));
    Trainer { monitor, early_stopping, ..Trainer::new(Loss::SoftmaxCrossEntropy, 40, 300, 0.05) }
}

#[test]
fn the_validation_loss_is_watched_where_there_is_a_validation_set() {
    let validation = classes(40, 2);
    let cross_entropy = Metric::Loss(Loss::SoftmaxCrossEntropy);
    let (auto, records, network) = fit(&trainer(Monitor::Auto), Some(&validation));
    let auto = auto.unwrap();
    assert_eq!(auto.end, End::EarlyStopping);
    let values: Vec<f64> = records.iter().map(|record| record.validation.unwrap()).collect();
    let best = auto.best_epoch.unwrap();
    assert!(values.iter().all(|value| values[best] <= *value) && best + 6 == auto.epochs, "{values:?}");
    assert_eq!(cross_entropy.evaluate(&network, &validation), values[best], "the best weights are back");
    // By name it is the same run.
    assert_eq!(fit(&trainer(Monitor::Validation(cross_entropy)), Some(&validation)).1, records);
    // Without a validation set, or where it is asked for, it is the training loss.
    let (alone, records, _) = fit(&trainer(Monitor::Auto), None);
    assert!(records.iter().all(|record| record.validation.is_none()));
    let (named, ..) = fit(&trainer(Monitor::TrainingLoss), Some(&validation));
    assert_eq!(alone.unwrap(), named.clone().unwrap());
    assert_ne!(named.unwrap(), auto);
    assert_eq!(fit(&trainer(Monitor::Validation(cross_entropy)), None).0, Err(Error::NoValidation));
}

#[derive(Debug)]
struct Own;
impl LossFunction for Own {
    fn name(&self) -> &str {
        "own_squares"
    }
    fn apply<T: Scalar>(&self, tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
        let difference = op::sub(tape, prediction, target);
        let square = op::mul(tape, difference, difference);
        op::mean(tape, square)
    }
}

/// Of a classifier with two outputs and a regression by both: an own loss is watched, in mini- and micro-batches.
#[test]
fn an_own_loss_is_watched_as_a_built_in_one_is() {
    let (x, y): (Vec<f64>, Vec<f64>) =
        ((0..20).map(f64::from).collect(), (0..40).map(|i| f64::from(i % 7)).collect());
    let (train, validation) =
        (Dataset::new(x.clone(), 1, y.clone(), 2).unwrap(), Dataset::new(x, 1, y, 2).unwrap());
    let run = |loss, micro_batch| {
        let trainer = Trainer {
            metrics: vec![Metric::Loss(loss), Metric::MeanSquaredError],
            micro_batch,
            ..Trainer::new(loss, 8, 5, 0.01)
        };
        let mut records = Vec::new();
        let mut observer = OnEpoch(|epoch: &Epoch<'_, f64>| {
            assert_eq!(epoch.metrics().count(), 2);
            records.push(epoch.record.clone());
            ControlFlow::Continue(())
        });
        let mut network = Mlp::new(1, &[4], 2, Parameterization::Geometric).build(3).unwrap();
        trainer.fit(&mut network, &mut Adam::default(), &train, Some(&validation), &mut observer).unwrap();
        records
    };
    for micro_batch in [None, Some(3)] {
        let (own, built_in) =
            (run(Loss::Custom(&Own), micro_batch), run(Loss::MeanSquaredError, micro_batch));
        for (own, built_in) in own.iter().zip(built_in) {
            let numbers = |record: &EpochRecord| {
                let all = [&record.training_metrics[..], &record.validation_metrics].concat();
                [all, vec![record.training_loss, record.validation.unwrap()]].concat()
            };
            for (a, b) in numbers(own).iter().zip(numbers(&built_in)) {
                assert!((a - b).abs() < 1e-9 * b, "{own:?}, {built_in:?}");
            }
            assert!((own.training_metrics[0] - own.training_loss).abs() < 1e-9 * own.training_loss);
        }
    }
}

/// A weight of 2 is a sample that is there twice, except for the mean, which is over the samples.
#[test]
fn weights_are_those_of_the_training_and_of_the_validation_loss() {
    let data = classes(30, 1);
    let rows: Vec<usize> = (0..30).chain((0..30).filter(|&i| data.targets()[i] == 1.0)).collect();
    let twice = data.subset(&rows).unwrap();
    let weighted = data.clone().with_class_weights(&[1.0, 2.0]).unwrap();
    let share = rows.len() as f64 / 30.0;
    let run = |data: &Dataset<f64>| {
        let trainer = Trainer::new(Loss::SoftmaxCrossEntropy, 1000, 20, 0.05);
        let mut records = Vec::new();
        let mut observer = OnEpoch(|epoch: &Epoch<'_, f64>| {
            records.push((epoch.record.training_loss, epoch.record.validation.unwrap()));
            ControlFlow::Continue(())
        });
        let mut network = Mlp::new(2, &[8], 2, Parameterization::Geometric).build(3).unwrap();
        // Adam's step does not depend on the length of the gradient.
        trainer
            .fit(&mut network, &mut Adam::new(0.9, 0.999, 1e-30), data, Some(data), &mut observer)
            .unwrap();
        records
    };
    for (weighted, twice) in run(&weighted).iter().zip(run(&twice)) {
        assert!((weighted.0 - share * twice.0).abs() < 1e-9, "{weighted:?} {twice:?}");
        assert!((weighted.1 - share * twice.1).abs() < 1e-9, "{weighted:?} {twice:?}");
    }
    // An own loss without weights says so.
    let set =
        Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1).unwrap().with_weights(vec![1.0, 2.0]).unwrap();
    let mut network = Mlp::new(1, &[2], 1, Parameterization::Standard).build::<f64>(1).unwrap();
    let error = Trainer::of(Loss::Custom(&Own))
        .fit(&mut network, &mut Adam::default(), &set, None, &mut ())
        .unwrap_err();
    assert_eq!(error.to_string(), "training data: the loss own_squares takes no weights of samples");
}
