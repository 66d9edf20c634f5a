//! Models that are not networks: the trainer, observers, checkpoints and errors work with them.

use gmp_autograd::{Tape, Var, op};
use gmp_nn::{
    Boundaries, Dense, Element, Features, Forward, Layer, Mlp, Network, ParamStore, Parameterization, Role,
    Slot,
};
use gmp_train::{
    Adam, Checkpoint, Dataset, EarlyStopping, Loss, Metric, Model, Observer, State, Step, Trainer,
};
use std::ops::ControlFlow;

/// y = a·x + c with a direction (a, c) that is kept at length 1, and a count of the steps.
struct Line {
    parameters: ParamStore<f64>,
    buffers: ParamStore<f64>,
}

impl Line {
    fn new() -> Self {
        let (mut parameters, mut buffers) = (ParamStore::default(), ParamStore::default());
        parameters.push("line.slope".to_owned(), Role::Weight, &[0.6], 1, 1);
        parameters.push("line.intercept".to_owned(), Role::Bias, &[0.8], 1, 1);
        buffers.push("line.steps".to_owned(), Role::Buffer, &[0.0], 1, 1);
        Self { parameters, buffers }
    }
}

impl Model<f64> for Line {
    fn forward(&self, tape: &mut Tape<f64>, x: Var) -> Var {
        let (slope, intercept) = (tape.parameter(0, 1, 1), tape.parameter(1, 1, 1));
        let y = op::mul_row(tape, x, slope);
        op::add_row(tape, y, intercept)
    }
    fn parameters(&self) -> &ParamStore<f64> {
        &self.parameters
    }
    fn parameters_mut(&mut self) -> &mut ParamStore<f64> {
        &mut self.parameters
    }
    fn buffers(&self) -> Option<&ParamStore<f64>> {
        Some(&self.buffers)
    }
    fn buffers_mut(&mut self) -> Option<&mut ParamStore<f64>> {
        Some(&mut self.buffers)
    }
    fn after_step(&mut self) {
        let numbers = self.parameters.values_mut();
        let length = numbers[0].hypot(numbers[1]);
        numbers.iter_mut().for_each(|number| *number /= length);
        self.buffers.values_mut()[0] += 1.0;
    }
}

fn data() -> Dataset<f64> {
    let x: Vec<f64> = (0..20).map(|i| f64::from(i) / 10.0).collect();
    let y = x.iter().map(|x| 0.28 * x + 0.96).collect();
    Dataset::new(x, 1, y, 1).unwrap()
}

fn trainer() -> Trainer {
    Trainer {
        early_stopping: Some(EarlyStopping::new(90)),
        ..Trainer::new(Loss::MeanSquaredError, 7, 100, 0.02)
    }
}

/// Looks at every step, and keeps the state after 50.
#[derive(Default)]
struct Keep(Option<Checkpoint<f64>>);
impl Observer<f64> for Keep {
    fn on_step(&mut self, _: &Step, state: &State<'_, f64>) -> ControlFlow<()> {
        let numbers = state.model.parameters().values();
        assert!((numbers[0].hypot(numbers[1]) - 1.0).abs() < 1e-15, "the step was taken back");
        assert_eq!(state.model.buffers().unwrap().values(), [state.progress.fit().steps as f64]);
        if state.progress.fit().steps == 50 {
            self.0 = Some(Checkpoint::new(state, ""));
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn an_own_model_is_trained_retracted_evaluated_and_resumed() {
    let (mut line, mut keep) = (Line::new(), Keep::default());
    let whole = trainer().fit(&mut line, &mut Adam::default(), &data(), None, &mut keep).unwrap();
    assert!((line.parameters.values()[0] - 0.28).abs() < 1e-2, "{:?}", line.parameters);
    assert!(Metric::MeanAbsoluteError.evaluate(&line, &data()) < 1e-2);

    let checkpoint = Checkpoint::<f64>::from_bytes(&keep.0.unwrap().to_bytes().unwrap()).unwrap();
    assert_eq!(checkpoint.model, None);
    assert!(checkpoint.network().is_err());
    let (mut again, mut adam) = (Line::new(), Adam::default());
    let progress = checkpoint.restore(&mut again, &mut adam).unwrap();
    let resumed = trainer().fit_from(progress, &mut again, &mut adam, &data(), None, &mut ()).unwrap();
    assert_eq!((again.parameters, again.buffers, resumed), (line.parameters, line.buffers, whole));
}

#[test]
fn a_number_that_breaks_is_named_in_an_own_model_too() {
    let mut line = Line::new();
    line.parameters.values_mut()[1] = f64::NAN;
    let error = trainer().fit(&mut line, &mut Adam::default(), &data(), None, &mut ()).unwrap_err();
    assert!(error.to_string().starts_with("line.intercept is NaN at step 0"), "{error}");
}

/// A model that wraps a network is that network, to the last bit.
struct Wrapped(Network<f64>);
impl Model<f64> for Wrapped {
    fn forward(&self, tape: &mut Tape<f64>, x: Var) -> Var {
        self.0.forward(tape, x)
    }
    fn forward_training(&mut self, tape: &mut Tape<f64>, x: Var) -> Var {
        self.0.forward_training(tape, x)
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
fn a_wrapped_network_is_the_network() {
    for form in Parameterization::ALL {
        let build = || Mlp::new(1, &[5], 1, form).build::<f64>(1).unwrap();
        let (mut network, mut wrapped) = (build(), Wrapped(build()));
        trainer().fit(&mut network, &mut Adam::default(), &data(), None, &mut ()).unwrap();
        trainer().fit(&mut wrapped, &mut Adam::default(), &data(), None, &mut ()).unwrap();
        assert_eq!((&network.parameters, &network.buffers), (&wrapped.0.parameters, &wrapped.0.buffers));
    }
}

/// Multiplies its two inputs by a row that has length 1 after every step.
#[derive(Debug)]
struct Direction(Slot);
impl<T: Element> Layer<T> for Direction {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let direction = pass.parameter(self.0);
        op::mul_row(pass.tape, x, direction)
    }
    fn after_step(&self, parameters: &mut [T]) {
        let direction = self.0.of_mut(parameters);
        let length = direction[0].hypot(direction[1]);
        direction.iter_mut().for_each(|number| *number /= length);
    }
}

/// Asserts the length after every step.
struct HasLength1;
impl Observer<f64> for HasLength1 {
    fn on_step(&mut self, _: &Step, state: &State<'_, f64>) -> ControlFlow<()> {
        let direction = state.model.parameters().get("direction.row").unwrap();
        assert!((direction[0].hypot(direction[1]) - 1.0).abs() < 1e-15, "{direction:?}");
        ControlFlow::Continue(())
    }
}

#[test]
fn layers_of_a_network_bring_their_parameters_back_after_every_step() {
    let mut network = Network::<f64>::builder(Features::Vector(2))
        .own("direction", |declare| Ok(Direction(declare.row("row", Role::Other, 2, 0.5_f64.sqrt())?)))
        .unwrap()
        .layer("output", Dense::new(1, Parameterization::Standard))
        .unwrap()
        .build();
    let before = network.parameters.get("direction.row").unwrap().to_vec();
    let x: Vec<f64> = (0..20).map(|i| f64::from(i * i % 7) - 3.0).collect();
    let data = Dataset::new(x, 2, vec![1.0; 10], 1).unwrap();
    let trainer = Trainer::new(Loss::MeanSquaredError, 5, 10, 0.05);
    trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut HasLength1).unwrap();
    assert_ne!(network.parameters.get("direction.row").unwrap(), before);
}

/// What a model need not say: that it has no buffers, no description, no kind of input and no boundaries.
#[test]
fn a_model_of_three_methods_has_nothing_else() {
    struct Bare(ParamStore<f64>);
    impl Model<f64> for Bare {
        fn forward(&self, _: &mut Tape<f64>, x: Var) -> Var {
            x
        }
        fn parameters(&self) -> &ParamStore<f64> {
            &self.0
        }
        fn parameters_mut(&mut self) -> &mut ParamStore<f64> {
            &mut self.0
        }
    }
    let mut bare = Bare(ParamStore::default());
    assert!(bare.buffers().is_none() && bare.buffers_mut().is_none());
    assert!(bare.description().is_none() && bare.input().is_none());
    let mut boundaries = Boundaries::default();
    assert!(!bare.boundaries("hidden1", &mut boundaries));
    let mut tape = Tape::new();
    let x = gmp_autograd::Mat::new(&[1.0], 1, 1);
    assert!(!bare.batch_boundaries("hidden1", x, (&mut tape, &mut Vec::new()), &mut boundaries));
    // Without a normalization over the batch, its boundaries are the model's.
    struct Seen(Bare);
    impl Model<f64> for Seen {
        fn forward(&self, _: &mut Tape<f64>, x: Var) -> Var {
            x
        }
        fn parameters(&self) -> &ParamStore<f64> {
            &self.0.0
        }
        fn parameters_mut(&mut self) -> &mut ParamStore<f64> {
            &mut self.0.0
        }
        fn boundaries(&self, _: &str, boundaries: &mut Boundaries<f64>) -> bool {
            boundaries.offsets = vec![7.0];
            true
        }
    }
    assert!(Seen(bare).batch_boundaries("hidden1", x, (&mut tape, &mut Vec::new()), &mut boundaries));
    assert_eq!(boundaries.offsets, [7.0]);
}
