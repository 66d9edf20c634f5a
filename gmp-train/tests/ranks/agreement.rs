//! What the ranks must agree on, and how they end together.

use crate::forms::mlp;
use crate::same_bits::{regression, setup, trainer};
use crate::{Bytes, Setup};
use gmp_autograd::{Tape, Var};
use gmp_nn::{Element, Features, Forward, Layer, Network, ParamStore, Slot};
use gmp_train::exchange::{Exchange, on_threads, threads};
use gmp_train::{Adam, End, Error, Loss, Model, Observer, Sgd, State, Step, TrainState, Trainer};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What all ranks say where rank 1 has another setup.
fn refusal(other: impl Fn(&mut Setup<f64>) + Sync) -> String {
    let errors = on_threads(3, |exchange| {
        let mut setup = setup::<f64>("BN", trainer(Loss::MeanSquaredError));
        if exchange.rank() == 1 {
            other(&mut setup);
        }
        setup.run(exchange).map(drop).unwrap_err()
    });
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
    assert!(matches!(errors[0], Error::Differs { rank: 1, .. }), "{}", errors[0]);
    errors[0].to_string()
}

#[test]
fn ranks_of_different_options_data_or_models_refuse_each_other_by_name() {
    let found = refusal(|setup| setup.trainer.learning_rate = 0.5);
    assert!(found.starts_with("rank 1: the trainer is ") && found.contains("learning_rate: 0.5"), "{found}");
    let found = refusal(|setup| setup.trainer.micro_batch = None);
    assert!(found.starts_with("rank 1: the trainer is "), "{found}");
    let found = refusal(|setup| setup.train = regression(47, 0.1));
    assert!(found.starts_with("rank 1: the training data is 47 samples of 3 inputs"), "{found}");
    let found = refusal(|setup| setup.validation = None);
    assert!(found.starts_with("rank 1: the validation data is none, expected 23 samples"), "{found}");
    let found = refusal(|setup| setup.optimizer = Box::new(|| Box::new(Sgd::new(0.9))));
    assert!(found.starts_with("rank 1: the optimizer is sgd"), "{found}");
    let found = refusal(|setup| setup.network = Box::new(|| mlp(3, &[6, 4], 2, "BN").build(3).unwrap()));
    assert!(found.starts_with("rank 1: the model is "), "{found}");
    // Other initial weights are no difference: the run begins with those of rank 0.
    let all = on_threads(2, |exchange| {
        let seed = exchange.rank() as u64 + 3;
        let network = Box::new(move || mlp(3, &[6, 5], 2, "BN").build(seed).unwrap());
        Setup { network, ..setup::<f64>("BN", trainer(Loss::MeanSquaredError)) }.run(exchange).unwrap()
    });
    assert!(all[1].state == setup::<f64>("BN", trainer(Loss::MeanSquaredError)).alone().state);
}

/// Raises a flag, as a handler of signals does, at a step of a rank; rank 0 sees no more than its own.
struct Flagged(Arc<AtomicBool>, Bytes);
impl<T: Element> Observer<T> for Flagged {
    fn on_step(&mut self, step: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        self.1.on_step(step, state)
    }
    fn on_end(&mut self, state: &State<'_, T>) {
        self.1.on_end(state);
    }
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.0))
    }
}

/// A loop over all ranks: another thread raises the flag of one of them at some moment.
#[test]
fn a_flag_on_any_rank_stops_all_before_the_same_step_and_the_run_goes_on() {
    let setup = setup::<f32>("GmP", Trainer { epochs: 40, ..trainer(Loss::MeanSquaredError) });
    let alone = setup.alone();
    let mut cuts = Vec::new();
    for trial in 0..24_u64 {
        let ranks = 2 + trial as usize % 3;
        let chosen = trial as usize % ranks;
        let flag = Arc::new(AtomicBool::new(false));
        let raised = Arc::clone(&flag);
        let timer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_micros(300 * trial));
            raised.store(true, Ordering::Relaxed);
        });
        let all = on_threads(ranks, |exchange| {
            let own = if exchange.rank() == chosen { Arc::clone(&flag) } else { Arc::default() };
            let (mut network, mut optimizer) = ((setup.network)(), (setup.optimizer)());
            let mut observer = Flagged(own, Bytes::default());
            let start = TrainState::start(&setup.trainer);
            let across = setup.trainer.across(exchange);
            let fit = across
                .fit_from(
                    start,
                    &mut network,
                    &mut *optimizer,
                    &setup.train,
                    setup.validation.as_ref(),
                    &mut observer,
                )
                .unwrap();
            (fit, network.parameters, observer.1.end)
        });
        timer.join().unwrap();
        let fit = all[0].0;
        cuts.push(fit.steps);
        for (other, parameters, _) in &all {
            assert_eq!(*other, fit, "all stop before the same step");
            assert_eq!(*parameters, all[0].1);
        }
        assert!(matches!(fit.end, End::Observer | End::Epochs));
        let others = 1 + trial as usize % 4;
        let ends =
            on_threads(others, |node| setup.train(node, Some(&all[0].2), &mut Bytes::default()).unwrap());
        assert!(ends[0].end == alone.end, "{} steps, {ranks} ranks, then {others}", fit.steps);
    }
    println!("stopped after {cuts:?} steps");
}

#[test]
fn a_run_that_diverges_says_the_same_on_all_ranks_as_in_one_process() {
    let setup =
        setup::<f64>("SP", Trainer { learning_rate: 1e200, epochs: 9, ..trainer(Loss::MeanSquaredError) });
    let setup = Setup { optimizer: Box::new(|| Box::new(Sgd::new(0.0))), ..setup };
    let alone = setup.run(&mut gmp_train::exchange::Local).map(drop).unwrap_err();
    assert!(matches!(alone, Error::Diverged { .. }));
    for error in on_threads(3, |exchange| setup.run(exchange).map(drop).unwrap_err()) {
        assert_eq!(error.to_string(), alone.to_string()); // a NaN is not equal to itself
    }
}

/// A rank that panics inside a step, and one that leaves before the run.
#[test]
fn a_rank_that_panics_ends_the_others_by_name() {
    struct Panics;
    impl<T: Element> Observer<T> for Panics {
        fn on_step(&mut self, _: &Step, _: &State<'_, T>) -> ControlFlow<()> {
            std::panic::resume_unwind(Box::new("as the test wants it"));
        }
    }
    let setup = setup::<f64>("SP", trainer(Loss::MeanSquaredError));
    let errors: Vec<Option<Error>> = std::thread::scope(|scope| {
        let setup = &setup;
        let all: Vec<_> = threads(3)
            .into_iter()
            .map(|mut exchange| {
                scope.spawn(move || {
                    let mut network = (setup.network)();
                    let across = setup.trainer.across(&mut exchange);
                    across.fit(&mut network, &mut Adam::default(), &setup.train, None, &mut Panics)
                })
            })
            .collect();
        all.into_iter().map(|rank| rank.join().ok().map(Result::unwrap_err)).collect()
    });
    assert_eq!(errors[0], None, "the observer of rank 0 panicked");
    for error in &errors[1..] {
        assert_eq!(error, &Some(Error::Rank { rank: 0, problem: "it panicked".to_owned() }));
    }
}

/// Takes away the running mean that it moves.
#[derive(Debug)]
struct Chained(Slot);
impl<T: Element> Layer<T> for Chained {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let mean = pass.buffer(self.0);
        let (tape, mut running) = pass.split();
        let y = gmp_autograd::op::add_row(tape, x, mean);
        running.update(self.0, 0.9, &[T::ONE, T::ONE, T::ONE]);
        y
    }
}

/// A model with buffers that does not say how they move.
struct Silent(Network<f64>);
impl Model<f64> for Silent {
    fn forward(&self, tape: &mut Tape<f64>, x: Var) -> Var {
        self.0.forward(tape, x)
    }
    fn parameters(&self) -> &ParamStore<f64> {
        &self.0.parameters
    }
    fn parameters_mut(&mut self) -> &mut ParamStore<f64> {
        &mut self.0.parameters
    }
    fn buffers(&self) -> Option<&ParamStore<f64>> {
        Some(&self.0.buffers)
    }
    fn buffers_mut(&mut self) -> Option<&mut ParamStore<f64>> {
        Some(&mut self.0.buffers)
    }
}

#[test]
fn models_whose_parts_depend_on_one_another_are_refused() {
    let data = regression::<f64>(20, 0.0);
    let trainer = trainer(Loss::MeanSquaredError);
    let errors = on_threads(2, |exchange| {
        let mut network = Network::<f64>::builder(Features::Vector(3))
            .own("chained", |declare| {
                Ok(Chained(declare.buffer("mean", gmp_autograd::Mat::new(&[0.0; 3], 1, 3))))
            })
            .unwrap()
            .layer("output", gmp_nn::Dense::new(2, gmp_nn::Parameterization::Standard))
            .unwrap()
            .build();
        trainer.across(exchange).fit(&mut network, &mut Adam::default(), &data, None, &mut ()).unwrap_err()
    });
    let why = "a layer reads the running statistics that it moves";
    assert_eq!(errors[0], Error::Sequential { why });
    let problem = format!("the model cannot be trained on several ranks: {why}");
    assert_eq!(errors[1], Error::Rank { rank: 0, problem });

    let errors = on_threads(2, |exchange| {
        let mut model = Silent(mlp(3, &[4], 2, "BN").build(1).unwrap());
        trainer.across(exchange).fit(&mut model, &mut Adam::default(), &data, None, &mut ()).unwrap_err()
    });
    assert!(
        errors[0].to_string().ends_with("no forward_recorded that leaves them as they are"),
        "{}",
        errors[0]
    );
}
