//! Every optimizer learns, and goes on from a checkpoint to the last bit, under every schedule.

use gmp_nn::{Element, Mlp, Network, Parameterization, Rng, Role};
use gmp_train::{
    Adam, AdamW, Checkpoint, Dataset, EpochRecord, Fit, Loss, Metric, Moment, Observer, Optimizer,
    ParamGroup, ParamGroups, ReduceOnPlateau, RmsProp, Schedule, Sgd, Span, State, Step, Trainer,
};
use std::ops::ControlFlow;

fn plane<T: Element>(samples: usize, seed: u64) -> Dataset<T> {
    let mut rng = Rng::new(seed, "plane");
    let x: Vec<f64> = (0..2 * samples).map(|_| rng.normal()).collect();
    let y = x.chunks(2).map(|x| T::from_f64(x[0] * x[1])).collect();
    Dataset::new(x.into_iter().map(T::from_f64).collect(), 2, y, 1).unwrap()
}

fn groups<T: Element>(optimizer: Adam<T>) -> ParamGroups<T, Adam<T>> {
    let groups = [
        ParamGroup::role(Role::Angle).rate(3.0),
        ParamGroup::name("hidden2.*").rate(0.5).weight_decay(0.1),
        ParamGroup::name("output.bias").frozen(),
    ];
    ParamGroups::new(optimizer, groups)
}

type Named<T> = (&'static str, Box<dyn Optimizer<T>>);

/// Those that are trained with, or others of the same kind with constants that a checkpoint replaces.
fn optimizers<T: Element>(fresh: bool) -> Vec<Named<T>> {
    let pick = |own: f64, other: f64| if fresh { own } else { other };
    let adam = || Adam::new(pick(0.8, 0.5), 0.99, 1e-6);
    let sgd = Sgd::new(pick(0.9, 0.1));
    vec![
        ("adam", Box::new(adam())),
        ("adamw", Box::new(AdamW::with(adam(), pick(0.1, 0.0)))),
        ("rmsprop", Box::new(RmsProp::new(pick(0.9, 0.5), 0.0, 1e-7))),
        ("rmsprop with momentum", Box::new(RmsProp::new(0.9, pick(0.8, 0.0), 1e-7))),
        ("sgd", Box::new(sgd.clone().with_weight_decay(pick(0.01, 0.0)))),
        ("nesterov", Box::new(if fresh { sgd.with_nesterov() } else { sgd })),
        ("groups", Box::new(groups(adam()))),
    ]
}

fn schedules() -> Vec<Option<Schedule>> {
    let own = Schedule::custom("own", |at: Moment| 1.0 / (1.0 + at.step as f64));
    let composed = Schedule::WarmUp.during(Span::Steps(7)).then(Schedule::cosine().during(Span::Epochs(2)));
    vec![None, Some(Schedule::one_cycle()), Some(composed.then(own))]
}

/// Five steps an epoch.
fn trainer(schedule: Option<Schedule>) -> Trainer {
    Trainer {
        metrics: vec![Metric::Loss(Loss::Huber { delta: 1.0 })],
        plateau: Some(ReduceOnPlateau { factor: 0.5, patience: 1, min_delta: 1e-2 }),
        seed: 5,
        schedule,
        ..Trainer::new(Loss::MeanSquaredError, 8, 4, 0.02)
    }
}

/// Keeps the bytes after a number of steps and ends the run there.
struct Cut(usize, Vec<u8>, Vec<EpochRecord>);
impl<T: Element> Observer<T> for Cut {
    fn on_step(&mut self, _: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        if state.progress.fit().steps < self.0 {
            return ControlFlow::Continue(());
        }
        self.1 = Checkpoint::new(state, "").to_bytes().unwrap();
        ControlFlow::Break(())
    }
    fn on_end(&mut self, state: &State<'_, T>) {
        self.2 = state.progress.history().to_vec();
    }
}

fn build<T: Element>(seed: u64) -> Network<T> {
    Mlp::new(2, &[6, 5], 1, Parameterization::Geometric).build(seed).unwrap()
}

fn resumes_at_every_step<T: Element>() {
    for schedule in schedules() {
        for (i, (name, mut optimizer)) in optimizers::<T>(true).into_iter().enumerate() {
            let trainer = trainer(schedule.clone());
            let run = |optimizer: &mut dyn Optimizer<T>, from: Option<&[u8]>, cut: usize| {
                let (mut network, mut cut) = (build(3), Cut(cut, Vec::new(), Vec::new()));
                let mut progress = gmp_train::TrainState::start(&trainer);
                if let Some(bytes) = from {
                    let checkpoint = Checkpoint::<T>::from_bytes(bytes).unwrap();
                    network = build(99);
                    progress = checkpoint.restore(&mut network, optimizer).unwrap();
                }
                let (data, validation) = (plane(36, 1), plane(10, 2));
                let fit: Fit = trainer
                    .fit_from(progress, &mut network, optimizer, &data, Some(&validation), &mut cut)
                    .unwrap();
                (network.parameters, optimizer.state(), fit, cut.2, cut.1)
            };
            let whole = run(&mut *optimizer, None, usize::MAX);
            assert_eq!(whole.2.steps, 20);
            for step in [1, 4, 5, 6, 11, 19] {
                let (_, mut first) = optimizers(true).swap_remove(i);
                let bytes = run(&mut *first, None, step).4;
                let (_, mut other) = optimizers(false).swap_remove(i);
                assert_eq!(
                    run(&mut *other, Some(&bytes), usize::MAX),
                    whole,
                    "{name} {schedule:?} at {step}"
                );
            }
        }
    }
}

#[test]
fn resuming_is_exact_in_single_precision() {
    resumes_at_every_step::<f32>();
}

#[test]
fn resuming_is_exact_in_double_precision() {
    resumes_at_every_step::<f64>();
}

#[test]
fn every_optimizer_learns() {
    for (name, mut optimizer) in optimizers::<f64>(true) {
        let (mut network, data) = (build(3), plane(60, 1));
        let error = |network: &Network<f64>| Metric::MeanSquaredError.evaluate(network, &data);
        let before = error(&network);
        let trainer = Trainer { epochs: 100, plateau: None, ..trainer(Some(Schedule::one_cycle())) };
        trainer.fit(&mut network, &mut *optimizer, &data, None, &mut ()).unwrap();
        assert!(error(&network) < 0.2 * before, "{name}: {before} before, {} after", error(&network));
    }
}

#[test]
fn a_state_of_another_kind_is_refused() {
    let kinds = optimizers::<f64>(true);
    for (name, optimizer) in &kinds {
        for (other, mut restored) in optimizers::<f64>(false) {
            let state = optimizer.state();
            let is_same = restored.state().kind == state.kind;
            let result = restored.restore(state.clone());
            assert_eq!(result.is_ok(), is_same, "{name} to {other}: {result:?}");
            if is_same {
                assert_eq!(restored.state(), state);
            }
        }
    }
}
