//! Any number of ranks and threads, every form of unit, every optimizer and loss: checkpoints are equal byte for byte.

use crate::forms::{ALL, mlp};
use crate::{Bytes, Outcome, Setup, with_threads};
use gmp_nn::{Element, Role};
use gmp_train::exchange::on_threads;
use gmp_train::{
    Adam, AdamW, Clip, Dataset, EarlyStopping, Loss, Metric, Monitor, Optimizer, ParamGroup, ParamGroups,
    ReduceOnPlateau, Restore, RmsProp, Schedule, Sgd, StepDecay, Trainer,
};

pub(crate) const RANKS: [usize; 6] = [1, 2, 3, 4, 5, 7];

fn numbers<T: Element>(count: usize, salt: f64) -> Vec<T> {
    (0..count).map(|i| T::from_f64((i as f64 * 1.7 + salt).sin() * 2.0)).collect()
}

/// Samples of three inputs; the last batches of an epoch and the last parts of a batch are smaller than the others.
pub(crate) fn regression<T: Element>(samples: usize, salt: f64) -> Dataset<T> {
    Dataset::new(numbers(3 * samples, salt), 3, numbers(2 * samples, salt + 0.3), 2).unwrap()
}

pub(crate) fn setup<T: Element>(form: &'static str, trainer: Trainer) -> Setup<T> {
    Setup {
        trainer,
        network: Box::new(move || mlp(3, &[6, 5], 2, form).build(3).unwrap()),
        optimizer: Box::new(|| Box::new(Adam::default())),
        train: regression(47, 0.0),
        validation: Some(regression(23, 9.0)),
    }
}

pub(crate) fn trainer(loss: Loss) -> Trainer {
    Trainer {
        micro_batch: Some(3),
        metrics: vec![Metric::MeanAbsoluteError, Metric::RootMeanSquaredError],
        seed: 5,
        ..Trainer::new(loss, 10, 3, 0.01)
    }
}

/// Every number of ranks, on one and two threads each, against one process.
fn check<T: Element>(what: &str, setup: &Setup<T>, ranks: &[usize], threads: &[usize]) -> Outcome {
    let alone = setup.alone();
    assert!(alone.steps.len() > 2, "{what}: the run is too short to show anything");
    for &ranks in ranks {
        for &threads in threads {
            let outcomes = on_threads(ranks, |exchange| with_threads(threads, || setup.run(exchange)));
            for (rank, outcome) in outcomes.into_iter().enumerate() {
                let outcome = outcome.unwrap();
                let place = format!("{what}: rank {rank} of {ranks}, {threads} threads");
                assert_eq!(outcome.fit, alone.fit, "{place}");
                assert!(outcome.state == alone.state, "{place}: another model or optimizer");
                if rank == 0 {
                    assert!(outcome.steps == alone.steps, "{place}: another checkpoint of a step");
                    assert!(outcome.end == alone.end, "{place}: another checkpoint of the end");
                } else {
                    assert!(outcome.steps.is_empty() && outcome.end.is_empty(), "{place}: it wrote");
                }
            }
        }
    }
    alone
}

#[test]
fn every_form_of_unit_has_the_same_bits_at_any_number_of_ranks_and_threads() {
    for form in ALL {
        check(form, &setup::<f64>(form, trainer(Loss::MeanSquaredError)), &RANKS, &[1, 2]);
        check(form, &setup::<f32>(form, trainer(Loss::MeanSquaredError)), &[2, 5], &[1]);
    }
}

#[test]
fn every_optimizer_has_the_same_bits() {
    type Make = fn() -> Box<dyn Optimizer<f32>>;
    let optimizers: [(&str, Make); 6] = [
        ("SGD", || Box::new(Sgd::new(0.9).with_weight_decay(1e-3))),
        ("SGD, Nesterov", || Box::new(Sgd::new(0.9).with_nesterov())),
        ("AdamW", || Box::new(AdamW::new(0.01))),
        ("RMSprop", || Box::new(RmsProp::default())),
        ("Adam", || Box::new(Adam::default())),
        ("groups", || {
            let groups = [ParamGroup::role(Role::Radius).rate(3.0), ParamGroup::role(Role::Bias).frozen()];
            Box::new(ParamGroups::new(Adam::default(), groups))
        }),
    ];
    for (name, optimizer) in optimizers {
        let setup =
            Setup { optimizer: Box::new(optimizer), ..setup("GmP+IMN", trainer(Loss::MeanSquaredError)) };
        check(name, &setup, &[2, 3, 7], &[1]);
    }
}

#[test]
fn clipping_schedules_and_early_stopping_have_the_same_bits() {
    let plain = trainer(Loss::Huber { delta: 0.5 });
    let early_stopping =
        Some(EarlyStopping { restore: Restore::Always, min_delta: 1e-2, ..EarlyStopping::new(2) });
    let trainers = [
        ("norm", Trainer { clip: Some(Clip::Norm(0.05)), ..plain.clone() }),
        ("value", Trainer { clip: Some(Clip::Value(0.01)), ..plain.clone() }),
        ("no micro-batch", Trainer { micro_batch: None, ..plain.clone() }),
        (
            "no micro-batch, clipped",
            Trainer { micro_batch: None, clip: Some(Clip::Norm(0.05)), ..plain.clone() },
        ),
        ("one part in a batch", Trainer { micro_batch: Some(64), ..plain.clone() }),
        ("all samples in a batch", Trainer { batch_size: 47, epochs: 5, ..plain.clone() }),
        ("schedule", Trainer { schedule: Some(Schedule::cosine()), ..plain.clone() }),
        (
            "early stopping",
            Trainer {
                epochs: 60,
                learning_rate: 0.2,
                early_stopping,
                plateau: Some(ReduceOnPlateau::new(1)),
                step_decay: Some(StepDecay { epochs: vec![1], factor: 0.5 }),
                ..plain.clone()
            },
        ),
        ("the training loss decides", Trainer { monitor: Monitor::TrainingLoss, ..plain.clone() }),
    ];
    for (name, trainer) in trainers {
        let is_stopped = trainer.early_stopping.is_some();
        let outcome = check(name, &setup::<f64>("BN", trainer), &[2, 3, 5], &[1]);
        assert_eq!(outcome.fit.end == gmp_train::End::EarlyStopping, is_stopped, "{name}");
    }
}

#[test]
fn classes_and_weights_of_samples_have_the_same_bits() {
    let classes = |samples: usize| {
        let targets = (0..samples).map(|i| f64::from((i * 7 % 3) as u32)).collect();
        let weights = (0..samples).map(|i| 0.5 + (i % 4) as f64).collect();
        Dataset::new(numbers(3 * samples, 1.0), 3, targets, 1).unwrap().with_weights(weights).unwrap()
    };
    let metrics = vec![Metric::TopK(1), Metric::Loss(Loss::SoftmaxCrossEntropy)];
    let setup = Setup {
        network: Box::new(|| mlp(3, &[6], 3, "WN+MBN").build(3).unwrap()),
        train: classes(47),
        validation: Some(classes(23)),
        ..setup::<f64>("SP", Trainer { metrics, ..trainer(Loss::SoftmaxCrossEntropy) })
    };
    check("classes", &setup, &[2, 3, 5], &[1]);
}

/// From any step, inside an epoch too; rank 0 alone has the file.
#[test]
fn a_checkpoint_of_some_ranks_goes_on_with_others() {
    let setup = setup::<f32>("GmP", trainer(Loss::MeanSquaredError));
    let alone = setup.alone();
    let go = |ranks: usize, from: Option<&[u8]>, until: Option<usize>| {
        let mut all = on_threads(ranks, |exchange| {
            let mut bytes = Bytes { until, ..Bytes::default() };
            setup.train(exchange, from, &mut bytes).unwrap()
        });
        all.swap_remove(0)
    };
    for (first, cut, second) in [(3, 1, 2), (2, 7, 1), (1, 4, 5), (4, 5, 7), (5, 14, 3)] {
        let begun = go(first, None, Some(cut));
        assert_eq!(begun.steps.len(), cut);
        let end = go(second, Some(&begun.end), None);
        assert!(end.end == alone.end, "{first} ranks, {cut} steps, {second} ranks");
        assert!([begun.steps, end.steps].concat() == alone.steps);
    }
}

#[test]
fn metrics_of_an_evaluation_have_the_same_bits() {
    let (network, data) = (mlp(3, &[6], 2, "BN").build::<f64>(1).unwrap(), regression(50, 2.0));
    let trainer = trainer(Loss::MeanSquaredError);
    let values = |ranks| {
        on_threads(ranks, |exchange| {
            let mut batches = data.batches(20, 0);
            trainer.across(exchange).evaluate(&network, &mut batches, &trainer.metrics).unwrap()
        })
    };
    let alone = values(1).remove(0);
    for ranks in RANKS {
        assert!(values(ranks).iter().all(|found| *found == alone));
    }
}
