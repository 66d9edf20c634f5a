//! Interventions on dense and on convolutional networks, in both precisions.

use super::*;
use crate::setting::Optimizing;
use gmp_autograd::Mat;
use gmp_math::boundary::angle_between;
use gmp_nn::conv::{Padding, Window};
use gmp_nn::{Boundaries, NetworkSpec};
use gmp_train::{Batch, Batches, Dataset, Loss, Model, Observer, Sgd, State, Step, TrainState, Trainer};
use std::ops::ControlFlow;

const LIMITS: [(Intervention, usize); 2] =
    [(Intervention::LimitedToLargest, 1), (Intervention::LimitedToMean, 0)];

/// Trains 30 steps at a high rate and returns how far boundaries moved in each: the mean and the largest.
fn levels(method: MethodId, inputs: usize, around: Around<'_>) -> Levels {
    let mut network: Network<f64> = method.mlp(inputs, &[7], 1).build(3).unwrap();
    let mut rng = Rng::new(5, "samples");
    let x: Vec<f64> = (0..20 * inputs).map(|_| rng.normal()).collect();
    let y: Vec<f64> = x.chunks(inputs).map(|x| x.iter().sum::<f64>().sin()).collect();
    let data = Dataset::new(x, inputs, y, 1).unwrap();
    let optimizer = around.optimizer(&network, Optimizing::Adam.optimizer());
    let written = Levels::default();
    let mut optimizer = Around::Written(&written).optimizer(&network, optimizer);
    let trainer = Trainer::new(Loss::MeanSquaredError, 10, 15, 0.3);
    trainer.fit(&mut network, &mut optimizer, &data, None, &mut ()).unwrap();
    written
}

fn given(levels: Vec<OfStep>) -> Levels {
    Levels(Arc::new(Mutex::new(levels)))
}

#[test]
fn no_boundary_moves_further_than_its_limit_in_any_step() {
    for inputs in [1, 2, 5] {
        let reference = levels(method::GMP, inputs, Around::Nothing);
        assert_eq!(reference.all().len(), 30);
        assert!(reference.all().iter().all(|layers| layers.len() == 1), "the output has no boundaries");
        for method in [method::SP, method::WN] {
            let free = levels(method, inputs, Around::Nothing);
            for (intervention, of) in LIMITS {
                let limited = levels(method, inputs, Around::Changed(intervention, &reference, 1));
                let of_steps = |levels: &Levels| {
                    let pairs = levels.all().into_iter().zip(reference.all());
                    pairs.map(|(moved, limit)| (moved[0][1], limit[0][of])).collect::<Vec<_>>()
                };
                let is_within =
                    of_steps(&limited).iter().all(|(moved, limit)| *moved <= limit * (1.0 + 1e-9));
                assert!(is_within, "{method} {inputs} {intervention:?}");
                let is_used = of_steps(&limited).iter().any(|(moved, limit)| *moved > 0.99 * limit);
                let was_beyond = of_steps(&free).iter().any(|(moved, limit)| *moved > 1.01 * limit);
                assert!(is_used && was_beyond, "{method} {inputs} {intervention:?}: the limit does nothing");
            }
        }
    }
}

fn mean(levels: &[f64]) -> f64 {
    levels.iter().sum::<f64>() / levels.len() as f64
}

#[test]
fn jittered_boundaries_move_as_far_as_the_reference() {
    for inputs in [1, 2, 5] {
        // A reference that moves five times as far as the method does by itself.
        let own = levels(method::GMP, inputs, Around::Nothing).all();
        let five_times = |level: &[f64; 2]| level.map(|x| (5.0 * x).min(0.3));
        let wanted: Vec<OfStep> = own.iter().map(|layers| layers.iter().map(five_times).collect()).collect();
        let reference = given(wanted.clone());
        let moved = levels(method::GMP, inputs, Around::Changed(Intervention::Jittered, &reference, 1)).all();
        let of = |levels: &[OfStep]| mean(&levels.iter().map(|layers| layers[0][0]).collect::<Vec<_>>());
        let ratio = of(&moved) / of(&wanted);
        assert!((0.8..1.3).contains(&ratio), "{inputs} inputs: {ratio}");
    }
}

#[test]
fn what_is_allowed_is_not_changed() {
    let far = given(vec![vec![[10.0; 2]]]);
    let free = levels(method::SP, 3, Around::Nothing).all();
    let limited = |levels_of: &Levels| {
        levels(method::SP, 3, Around::Changed(Intervention::LimitedToMean, levels_of, 1)).all()
    };
    assert_eq!(limited(&far), free);
    // Without a reference there is no limit.
    assert_eq!(limited(&Levels::default()), free);
}

/// Two convolutions and a dense layer.
fn convolutional(method: MethodId) -> NetworkSpec {
    let (p, window) = (method.parameterization, Window::new(3, 1, Padding::Same));
    let pool = Window::new(2, 2, Padding::Valid);
    let convolutions = NetworkSpec::image(6, 6, 2).convolution("conv1", 3, window, p);
    let convolutions = convolutions.convolution("conv2", 4, window, p).max_pool("pool", pool);
    convolutions.flatten("flat").dense("hidden1", 5, p).output(3)
}

const LAYERS: [&str; 3] = ["conv1", "conv2", "hidden1"];

/// Twelve images of noise in batches of four.
struct Noise<T> {
    images: Vec<T>,
    classes: Vec<T>,
    batch: usize,
}

impl<T: Element> Batches<T> for Noise<T> {
    fn samples(&self) -> usize {
        12
    }
    fn start(&mut self, _: usize, batch: usize) {
        self.batch = batch;
    }
    fn next_batch(&mut self) -> Result<Option<Batch<'_, T>>, Error> {
        let index = self.batch;
        if index == 3 {
            return Ok(None);
        }
        self.batch += 1;
        let images = &self.images[index * 4 * 72..(index + 1) * 4 * 72];
        let classes = &self.classes[index * 4..(index + 1) * 4];
        let (inputs, targets) = (Mat::new(images, 4 * 36, 2), Mat::new(classes, 4, 1));
        Ok(Some(Batch { index, samples: 4, inputs, targets, weights: None }))
    }
}

/// How far the boundaries of the network moved in every step and layer, unit by unit: as the network itself describes them, which
/// knows nothing of interventions.
struct Watch<T> {
    normals: Vec<Vec<T>>,
    turns: Vec<Vec<Vec<f64>>>,
}

impl<T: Element> Watch<T> {
    fn normals(model: &dyn Model<T>) -> Vec<Vec<T>> {
        let of = |layer| {
            let mut boundaries = Boundaries::default();
            assert!(model.boundaries(layer, &mut boundaries));
            boundaries.normals
        };
        LAYERS.into_iter().map(of).collect()
    }
}

const UNITS: [usize; 3] = [3, 4, 5];

impl<T: Element> Observer<T> for Watch<T> {
    fn on_step(&mut self, _: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        let now = Self::normals(state.model);
        let column = |normals: &[T], unit: usize, units: usize| -> Vec<f64> {
            normals.iter().skip(unit).step_by(units).map(|x| x.to_f64()).collect()
        };
        let layers = self.normals.iter().zip(&now).zip(UNITS);
        let turns = layers.map(|((before, after), units)| {
            let turn = |unit| angle_between(&column(before, unit, units), &column(after, unit, units));
            (0..units).map(turn).collect()
        });
        self.turns.push(turns.collect());
        self.normals = now;
        ControlFlow::Continue(())
    }
}

/// Trains 30 steps by gradient descent with momentum: the turns of every unit, layer and step, and the numbers at the end.
fn convolved<T: Element>(method: MethodId, around: Around<'_>, lr: f64) -> (Vec<Vec<Vec<f64>>>, Vec<T>) {
    let mut network: Network<T> = convolutional(method).build(3).unwrap();
    let mut rng = Rng::new(5, "images");
    let images = (0..12 * 72).map(|_| T::from_f64(rng.normal())).collect();
    let classes = (0..12_u8).map(|sample| T::from_f64(f64::from(sample % 3))).collect();
    let mut noise = Noise { images, classes, batch: 0 };
    let mut optimizer = around.optimizer(&network, Box::new(Sgd::new(0.9)));
    let mut watch = Watch { normals: Watch::normals(&network), turns: Vec::new() };
    let trainer = Trainer::new(Loss::SoftmaxCrossEntropy, 4, 10, lr);
    let start = TrainState::start(&trainer);
    trainer.fit_batches(start, &mut network, &mut optimizer, &mut noise, None, &mut watch).unwrap();
    assert_eq!(watch.turns.len(), 30);
    (watch.turns, network.parameters.values().to_vec())
}

fn largest(turns: &[f64]) -> f64 {
    turns.iter().copied().fold(0.0, f64::max)
}

/// `rounding` is what an angle between normals in this precision may be off by.
fn filters_are_limited<T: Element>(rounding: f64) {
    let reference = Levels::default();
    let (turns, _) = convolved::<T>(method::GMP, Around::Written(&reference), 0.1);
    // What is written down is what the network itself says of its boundaries, layer by layer.
    for (step, layers) in reference.all().iter().enumerate() {
        assert_eq!(layers.len(), LAYERS.len());
        for (layer, level) in layers.iter().enumerate() {
            let measured = [mean(&turns[step][layer]), largest(&turns[step][layer])];
            let off = (0..2).map(|k| (level[k] - measured[k]).abs()).fold(0.0, f64::max);
            assert!(off <= rounding, "step {step}, {}: {level:?}, measured {measured:?}", LAYERS[layer]);
        }
    }
    // A third of it, so that every layer of the others comes to it.
    let third = |layers: OfStep| layers.into_iter().map(|level| level.map(|turn| turn / 3.0)).collect();
    let reference = given(reference.all().into_iter().map(third).collect());
    for method in [method::SP, method::WN] {
        let (free, _) = convolved::<T>(method, Around::Nothing, 0.1);
        for (intervention, of) in LIMITS {
            let (turns, _) = convolved::<T>(method, Around::Changed(intervention, &reference, 1), 0.1);
            for (layer, name) in LAYERS.iter().enumerate() {
                let limit = |step: usize| reference.all()[step][layer][of];
                let (mut is_used, mut was_beyond) = (false, false);
                for step in 0..30 {
                    let moved = largest(&turns[step][layer]);
                    assert!(
                        moved <= limit(step) + rounding,
                        "{method} {intervention:?}, step {step}, {name}: {moved}, allowed {}",
                        limit(step)
                    );
                    is_used |= moved > 0.99 * limit(step);
                    was_beyond |= largest(&free[step][layer]) > 1.01 * limit(step) + rounding;
                }
                assert!(is_used && was_beyond, "{method} {intervention:?}, {name}: the limit does nothing");
            }
        }
    }
}

#[test]
fn no_filter_turns_further_than_the_limit_of_its_layer_in_any_step() {
    filters_are_limited::<f32>(1e-6);
    filters_are_limited::<f64>(1e-13);
}

fn filters_are_jittered<T: Element>() {
    // Another level for every layer and step, beyond what the method does by itself.
    let level = |step: usize, layer: usize| 0.05 + 0.05 * layer as f64 + 0.002 * step as f64;
    let wanted = (0..30).map(|step| (0..3).map(|layer| [level(step, layer); 2]).collect()).collect();
    let around = Around::Changed(Intervention::Jittered, &given(wanted), 1);
    // At so low a rate a boundary moves by little itself.
    let (turns, _) = convolved::<T>(method::GMP, around, 0.002);
    for (layer, name) in LAYERS.iter().enumerate() {
        let ratios: Vec<f64> = (0..30).map(|step| mean(&turns[step][layer]) / level(step, layer)).collect();
        assert!((0.9..1.15).contains(&mean(&ratios)), "{name}: {ratios:?}");
    }
}

#[test]
fn filters_are_jittered_to_the_level_of_their_layer() {
    filters_are_jittered::<f32>();
    filters_are_jittered::<f64>();
}

fn nothing_is_changed<T: Element>() {
    for method in [method::SP, method::WN, method::GMP] {
        let free = convolved::<T>(method, Around::Nothing, 0.1);
        let far = given(vec![vec![[f64::MAX; 2]; 3]]);
        let endless = given(vec![vec![[f64::INFINITY; 2]; 3]]);
        for levels in [&far, &endless, &Levels::default()] {
            for (intervention, _) in LIMITS {
                assert!(
                    convolved::<T>(method, Around::Changed(intervention, levels, 1), 0.1) == free,
                    "{method}"
                );
            }
        }
        assert!(convolved::<T>(method, Around::Written(&Levels::default()), 0.1) == free, "{method}");
        // A jitter to less than what boundaries move by themselves adds nothing.
        let none = given(vec![vec![[0.0; 2]; 3]]);
        assert!(
            convolved::<T>(method, Around::Changed(Intervention::Jittered, &none, 1), 0.1) == free,
            "{method}"
        );
    }
}

#[test]
fn a_limit_that_nothing_reaches_changes_no_bit_of_a_convolutional_network() {
    nothing_is_changed::<f32>();
    nothing_is_changed::<f64>();
}

#[test]
fn another_seed_is_another_jitter() {
    let levels = given(vec![vec![[0.1; 2]; 3]]);
    let of =
        |seed| convolved::<f32>(method::GMP, Around::Changed(Intervention::Jittered, &levels, seed), 0.1).1;
    assert!(of(1) == of(1) && of(1) != of(2));
}
