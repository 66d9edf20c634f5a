//! The theory holds in real runs: across every step of every optimizer, a geometric unit turns by at most the length of
//! the step in its angles, and its spatial location moves by at most |Δλ| + |λ| ‖Δθ‖; the units of the other
//! parameterizations turn by at most their exact worst case, which depends on ‖w‖. Mutants of these bounds fail.
//!
//! The lengths of the steps are those of the parameters as they are stored, so the optimizer's own rounding is part of the
//! step. What rounding remains:
//! - Directions are computed in the network's precision by a recurrence u_j = cos θ_j · Π sin θ_i: at most 3 roundings per
//!   factor and coordinate, so that u is wrong by at most (3n + 2)·ε/2 in length, and the angle between two of them by
//!   twice that. The location is −λu: wrong by |λ| times as much before and after the step.
//! - Everything else is done in double precision from the stored numbers. Norms of n numbers have a relative error below
//!   (n + 4)·ε₆₄; the step is taken to be that much longer, since the arcsine is steep where it ends.

use gmp_autograd::Mat;
use gmp_math::boundary::angle_between;
use gmp_math::stability::{
    cartesian_worst_case, geometric_location_bound, geometric_location_worst_case, geometric_worst_case,
};
use gmp_nn::conv::{Padding, Window};
use gmp_nn::{
    Activation, Boundaries, Convolution, Dense, Element, Mlp, Network, NetworkSpec, Normalization,
    Parameterization, Rng,
};
use gmp_train::{
    Adam, AdamW, Batch, Batches, Clip, Error, Loss, Model, Observer, Optimizer, RmsProp, Schedule, Sgd,
    State, Step, TrainState, Trainer,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::ops::ControlFlow;

/// The bounds, or one of the wrong ones that must be found out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bounds {
    True,
    /// Geometric units turn by at most 0.9 ‖Δθ‖.
    TooTight,
    /// The bounds of the step before.
    OfAnotherStep,
    /// The location moves by at most |Δλ|.
    OffsetAlone,
    /// The location moves by at most |λ| ‖Δθ‖.
    AnglesAlone,
    /// Cartesian units turn by at most the length of their step, as geometric ones do.
    CartesianAsGeometric,
}

/// One layer of units in double precision, one column per unit.
#[derive(Clone)]
struct Layer {
    is_geometric: bool,
    units: usize,
    /// What is trained of the direction: θ, or w or v.
    direction: Vec<f64>,
    /// λ; empty for others.
    offsets: Vec<f64>,
    /// Normals of the boundaries.
    normals: Vec<f64>,
}

fn column(numbers: &[f64], units: usize, unit: usize) -> impl Iterator<Item = f64> + '_ {
    numbers.iter().skip(unit).step_by(units).copied()
}

fn norm(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, f64::hypot)
}

impl Layer {
    fn of<T: Element>(model: &dyn Model<T>, name: &str, boundaries: &mut Boundaries<T>) -> Self {
        let matrix = |suffix: &str| {
            let numbers = model.parameters().get(&format!("{name}.{suffix}"))?;
            Some(numbers.iter().map(|x| x.to_f64()).collect::<Vec<f64>>())
        };
        assert!(model.boundaries(name, boundaries));
        let units = boundaries.units();
        let normals = boundaries.normals.iter().map(|x| x.to_f64()).collect();
        match matrix("offset") {
            // With one input there are no angles: the direction is a fixed sign.
            Some(offsets) => {
                let direction = matrix("angles").unwrap_or_default();
                Self { is_geometric: true, units, direction, offsets, normals }
            }
            None => {
                // Of weight normalization it is v that has the direction: a negative length would turn the normal.
                let direction = matrix("weights").or_else(|| matrix("v")).expect("weights");
                let normals = direction.clone();
                Self { is_geometric: false, units, direction, offsets: Vec::new(), normals }
            }
        }
    }

    fn inputs(&self) -> usize {
        self.normals.len() / self.units
    }

    /// Length of the step in what is trained of the direction of a unit.
    fn step_to(&self, after: &Self, unit: usize) -> f64 {
        let pairs = column(&self.direction, self.units, unit).zip(column(&after.direction, self.units, unit));
        norm(pairs.map(|(before, after)| after - before))
    }

    fn turn_to(&self, after: &Self, unit: usize) -> f64 {
        let normal = |layer: &Self| column(&layer.normals, layer.units, unit).collect::<Vec<f64>>();
        angle_between(&normal(self), &normal(after))
    }

    fn location(&self, unit: usize) -> impl Iterator<Item = f64> + '_ {
        let square: f64 = column(&self.normals, self.units, unit).map(|x| x * x).sum();
        column(&self.normals, self.units, unit).map(move |x| -self.offsets[unit] * x / square)
    }

    fn movement_to(&self, after: &Self, unit: usize) -> f64 {
        norm(self.location(unit).zip(after.location(unit)).map(|(before, after)| after - before))
    }
}

/// Looks at every unit across every step.
struct Watch {
    bounds: Bounds,
    layers: Vec<(String, Layer)>,
    /// Lengths of the step before, (direction, offset), by layer and unit.
    earlier: Vec<Vec<(f64, f64)>>,
    looked_at: usize,
    violations: Vec<String>,
    /// How much of the bound was used at most: of a geometric turn.
    tightest: f64,
}

impl Watch {
    fn new<T: Element>(network: &Network<T>, bounds: Bounds) -> Self {
        let mut boundaries = Boundaries::default();
        let names = network.unit_layers().into_iter();
        let layers: Vec<_> = names
            .map(|name| {
                let layer = Layer::of(network, &name, &mut boundaries);
                (name, layer)
            })
            .collect();
        let earlier = layers.iter().map(|(_, layer)| vec![(0.0, 0.0); layer.units]).collect();
        Self { bounds, layers, earlier, looked_at: 0, violations: Vec::new(), tightest: 0.0 }
    }

    fn look(&mut self, at: usize, after: &Layer, unit: usize, epsilon: f64) {
        let (name, before) = &self.layers[at];
        let inputs = before.inputs() as f64;
        let step = before.step_to(after, unit);
        let is = |bounds| self.bounds == bounds;
        let longer = 1.0 + (inputs + 4.0) * f64::EPSILON;
        let mut exceeds = |what: &str, value: f64, bound: f64| {
            if value > bound {
                self.violations.push(format!("{name}, unit {unit}: {what} {value}, at most {bound}"));
            }
        };
        self.looked_at += 1;
        let turn = before.turn_to(after, unit);
        if !before.is_geometric {
            // A unit without a direction has none to turn.
            if turn.is_nan() {
                return;
            }
            let length = norm(column(&before.direction, before.units, unit));
            let bound = match is(Bounds::CartesianAsGeometric) {
                true => step * longer,
                false => cartesian_worst_case(length, step * longer),
            };
            exceeds("turn of w", turn, bound + 4.0 * f64::EPSILON);
            return;
        }
        let (lambda, moved) = (before.offsets[unit], after.offsets[unit] - before.offsets[unit]);
        let lengths = std::mem::replace(&mut self.earlier[at][unit], (step, moved));
        let (step, moved) = if is(Bounds::OfAnotherStep) { lengths } else { (step, moved) };
        let wrong = (3.0 * inputs + 4.0) * epsilon;
        let bound = geometric_worst_case(step * longer) * if is(Bounds::TooTight) { 0.9 } else { 1.0 };
        exceeds("turn of u", turn, bound + wrong);
        if step > 1e-3 && step < 3.0 {
            self.tightest = self.tightest.max(turn / step);
        }
        let movement = before.movement_to(after, unit);
        let wrong = (lambda.abs() + after.offsets[unit].abs()) * wrong + longer * f64::MIN_POSITIVE;
        let bound = match self.bounds {
            Bounds::OffsetAlone => moved.abs(),
            Bounds::AnglesAlone => lambda.abs() * step,
            _ => geometric_location_bound(lambda, step, moved),
        };
        exceeds("movement of φ", movement, bound * longer + wrong);
        if self.bounds == Bounds::True {
            let bound = geometric_location_worst_case(lambda, step * longer, moved);
            exceeds("movement of φ against its exact worst case", movement, bound * longer + wrong);
        }
    }
}

impl<T: Element> Observer<T> for Watch {
    fn on_step(&mut self, _: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        let mut boundaries = Boundaries::default();
        for at in 0..self.layers.len() {
            let after = Layer::of(state.model, &self.layers[at].0, &mut boundaries);
            for unit in 0..after.units {
                self.look(at, &after, unit, T::EPSILON.to_f64());
            }
            self.layers[at].1 = after;
        }
        ControlFlow::Continue(())
    }
}

/// What the layers are made of.
type Units = (Parameterization, Normalization);

/// A run to look at.
#[derive(Debug, Clone)]
struct Case {
    /// Inputs, or the side and the channels of an image.
    input: Result<usize, (usize, usize)>,
    /// Units or filters of each layer.
    hidden: Vec<usize>,
    units: Units,
    loss: usize,
    optimizer: usize,
    /// Decimal logarithm of the learning rate.
    rate: f64,
    samples: usize,
    batch_size: usize,
    scale: f64,
    clips: bool,
    seed: u64,
}

fn cases(is_image: bool, units: impl Strategy<Value = Units>) -> impl Strategy<Value = Case> {
    let input = match is_image {
        true => (3..7_usize, 1..4_usize).prop_map(Err).boxed(),
        false => (1..9_usize).prop_map(Ok).boxed(),
    };
    let network = (input, prop::collection::vec(1..7_usize, 1..if is_image { 3 } else { 4 }), units);
    let training =
        (0..5_usize, 0..6_usize, -4.0..1.5, 2..9_usize, 1..9_usize, -2.0..2.0, any::<bool>(), any::<u64>());
    (network, training).prop_map(|((input, hidden, units), training)| {
        let (loss, optimizer, rate, samples, batch_size, scale, clips, seed) = training;
        let scale = 10_f64.powf(scale);
        Case { input, hidden, units, loss, optimizer, rate, samples, batch_size, scale, clips, seed }
    })
}

const SP: Units = (Parameterization::Standard, Normalization::None);
const WN: Units = (Parameterization::WeightNorm, Normalization::None);
const GMP: Units = (Parameterization::Geometric, Normalization::None);

fn bn() -> Units {
    (Parameterization::Standard, Normalization::batch())
}

fn any_units() -> impl Strategy<Value = Units> {
    prop::sample::select(vec![SP, WN, bn(), GMP])
}

/// Samples of one shape, in batches in their order.
struct Stream<T> {
    inputs: Vec<T>,
    /// Numbers per row, and rows per sample.
    shape: (usize, usize),
    targets: Vec<T>,
    outputs: usize,
    batch_size: usize,
    batch: usize,
}

impl<T: Element> Batches<T> for Stream<T> {
    fn samples(&self) -> usize {
        self.targets.len() / self.outputs
    }
    fn start(&mut self, _: usize, batch: usize) {
        self.batch = batch;
    }
    fn next_batch(&mut self) -> Result<Option<Batch<'_, T>>, Error> {
        let (index, (cols, rows)) = (self.batch, self.shape);
        let Some(targets) = self.targets.chunks(self.batch_size * self.outputs).nth(index) else {
            return Ok(None);
        };
        self.batch += 1;
        let samples = targets.len() / self.outputs;
        let inputs = &self.inputs[index * self.batch_size * rows * cols..][..samples * rows * cols];
        let (inputs, targets) =
            (Mat::new(inputs, samples * rows, cols), Mat::new(targets, samples, self.outputs));
        Ok(Some(Batch { index, samples, inputs, targets, weights: None }))
    }
}

impl Case {
    fn network<T: Element>(&self, outputs: usize) -> Network<T> {
        let (parameterization, normalization) = self.units;
        let spec = match self.input {
            Ok(inputs) => {
                Mlp::new(inputs, &self.hidden, outputs, parameterization).normalization(normalization).spec()
            }
            Err((side, channels)) => {
                let window = Window::new(3, 1, Padding::Same);
                let mut spec = NetworkSpec::image(side, side, channels);
                for (i, &filters) in self.hidden.iter().enumerate() {
                    let layer = Convolution::new(filters, window, parameterization);
                    spec = spec.layer(format!("layer{i}"), layer.normalization(normalization));
                }
                let output = Dense::new(outputs, parameterization).activation(Activation::Identity);
                spec.global_average_pool("average").layer("output", output.normalization(normalization))
            }
        };
        spec.build(self.seed).unwrap()
    }

    fn run<T: Element>(&self, bounds: Bounds) -> Watch {
        let (loss, outputs, targets): (_, _, fn(&mut Rng) -> f64) = match self.loss {
            0 => (Loss::MeanSquaredError, 2, |rng| rng.normal()),
            1 => (Loss::MeanAbsoluteError, 1, |rng| rng.normal()),
            2 => (Loss::Huber { delta: 0.5 }, 1, |rng| rng.normal()),
            3 => (Loss::BinaryCrossEntropy, 1, |rng| rng.below(2) as f64),
            _ => (Loss::SoftmaxCrossEntropy, 1, |rng| rng.below(3) as f64),
        };
        let mut network = self.network::<T>(if self.loss > 3 { 3 } else { outputs });
        let mut rng = Rng::new(self.seed, "stability");
        let shape = self.input.map_or_else(|(side, channels)| (channels, side * side), |inputs| (inputs, 1));
        let numbers = self.samples * shape.0 * shape.1;
        let mut data = Stream {
            inputs: (0..numbers).map(|_| T::from_f64(self.scale * rng.normal())).collect(),
            shape,
            targets: (0..self.samples * outputs).map(|_| T::from_f64(targets(&mut rng))).collect(),
            outputs,
            batch_size: self.batch_size,
            batch: 0,
        };
        let mut optimizer: Box<dyn Optimizer<T>> = match self.optimizer {
            0 => Box::new(Adam::default()),
            1 => Box::new(AdamW::new(0.1)),
            2 => Box::new(RmsProp::new(0.9, 0.5, 1e-7)),
            3 => Box::new(Sgd::new(0.9).with_nesterov()),
            4 => Box::new(Sgd::new(0.9).with_weight_decay(1e-2)),
            _ => Box::new(Sgd::new(0.0)),
        };
        let trainer = Trainer {
            clip: self.clips.then_some(Clip::Norm(1.0)),
            schedule: self.clips.then(Schedule::one_cycle),
            ..Trainer::new(loss, self.batch_size, 3, 10_f64.powf(self.rate))
        };
        let mut watch = Watch::new(&network, bounds);
        let start = TrainState::start(&trainer);
        // A run may diverge at such rates; every step before it did is looked at.
        match trainer.fit_batches(start, &mut network, &mut *optimizer, &mut data, None, &mut watch) {
            Ok(_) | Err(Error::Diverged { .. }) => watch,
            Err(error) => panic!("{error}"),
        }
    }

    fn holds<T: Element>(&self) -> Result<(), TestCaseError> {
        let watch = self.run::<T>(Bounds::True);
        prop_assert!(watch.violations.is_empty(), "{} {self:?}: {:?}", T::NAME, watch.violations);
        Ok(())
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(4000))]
    #[test]
    fn the_bounds_hold_across_every_step_of_dense_networks(case in cases(false, any_units())) {
        case.holds::<f32>()?;
        case.holds::<f64>()?;
    }
}

proptest! {
    #![proptest_config(config(1000))]
    #[test]
    fn the_bounds_hold_across_every_step_of_convolutional_networks(case in cases(true, any_units())) {
        case.holds::<f32>()?;
        case.holds::<f64>()?;
    }
}

/// The same cases under a wrong bound: how many runs it is violated in, units looked at, and how tight the turn was.
fn runs_that_violate(bounds: Bounds, units: Units) -> (usize, usize, f64) {
    let (mut runner, cases) = (TestRunner::deterministic(), cases(false, Just(units)));
    let (mut violating, mut looked_at, mut tightest) = (0, 0, 0.0_f64);
    for _ in 0..200 {
        let watch = cases.new_tree(&mut runner).unwrap().current().run::<f64>(bounds);
        violating += usize::from(!watch.violations.is_empty());
        looked_at += watch.looked_at;
        tightest = tightest.max(watch.tightest);
    }
    (violating, looked_at, tightest)
}

#[test]
fn wrong_bounds_are_found_out() {
    let (violating, looked_at, tightest) = runs_that_violate(Bounds::True, GMP);
    assert_eq!(violating, 0);
    assert!(looked_at > 5_000, "{looked_at} units");
    assert!(tightest > 0.999_999, "the bound is attained, and not for want of steps: {tightest}");
    for (bounds, units) in [
        (Bounds::TooTight, GMP),
        (Bounds::OfAnotherStep, GMP),
        (Bounds::OffsetAlone, GMP),
        (Bounds::AnglesAlone, GMP),
        (Bounds::CartesianAsGeometric, SP),
        (Bounds::CartesianAsGeometric, WN),
        (Bounds::CartesianAsGeometric, bn()),
    ] {
        let (violating, ..) = runs_that_violate(bounds, units);
        assert!(violating > 20, "{bounds:?} of {units:?}: violated in {violating} of 200 runs");
    }
}
