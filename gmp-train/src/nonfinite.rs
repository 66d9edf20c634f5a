//! Detection of NaN and infinity, and of the operation that produced it.

use crate::model::stores;
use crate::{Batch, Error, Model};
use gmp_autograd::{Operation, Tape, Var};
use gmp_math::simd::{Kernel, dispatch};
use gmp_nn::{Element, ParamStore};

/// The first one that was found.
#[derive(Debug)]
pub(crate) struct NonFinite {
    what: String,
    value: f64,
    origin: String,
}

impl NonFinite {
    pub(crate) fn at(self, step: usize, epoch: usize) -> Error {
        let Self { what, value, origin } = self;
        Error::Diverged { what, value, step, epoch, origin }
    }

    /// Explains a loss that is not finite.
    pub(crate) fn loss<T: Element>(
        value: f64,
        tape: &Tape<T>,
        parameters: &ParamStore<T>,
        batch: &Batch<'_, T>,
    ) -> Self {
        let origin = forward_origin(tape, parameters, batch).unwrap_or_default();
        Self { what: "the loss".to_owned(), value, origin }
    }

    /// Looks at the gradient of a loss; the explanation is only computed where a number is not finite.
    pub(crate) fn gradient<T: Element>(
        loss: Var,
        tape: &mut Tape<T>,
        parameters: &ParamStore<T>,
        batch: &Batch<'_, T>,
    ) -> Option<Self> {
        let (name, value) = first_non_finite(parameters, tape.parameter_gradients())?;
        let backward = |tape: &mut Tape<T>| {
            let operation = tape.first_non_finite_gradient(loss)?;
            let place = place(operation, tape, parameters);
            Some(format!("the backward pass of {} {place}", operation.name))
        };
        let origin = forward_origin(tape, parameters, batch).or_else(|| backward(tape)).unwrap_or_default();
        Some(Self { what: format!("the gradient of {name}"), value, origin })
    }

    /// Looks at a model's parameters, which have the first origin, and at its buffers, which have the second.
    pub(crate) fn number_of<T: Element>(model: &dyn Model<T>, origins: [&str; 2]) -> Option<Self> {
        stores(model).zip(origins).find_map(|(store, origin)| {
            let (what, value) = first_non_finite(store, store.values())?;
            Some(Self { what: what.to_owned(), value, origin: origin.to_owned() })
        })
    }
}

/// The first of a pass: what was handed in comes before what was made of it.
fn forward_origin<T: Element>(
    tape: &Tape<T>,
    parameters: &ParamStore<T>,
    batch: &Batch<'_, T>,
) -> Option<String> {
    if !is_finite(batch.inputs.data()) {
        return Some("the batch's inputs".to_owned());
    }
    if !is_finite(batch.targets.data()) {
        return Some("the batch's targets".to_owned());
    }
    if let Some((name, _)) = first_non_finite(parameters, parameters.values()) {
        return Some(name.to_owned());
    }
    let first = tape.first_non_finite()?;
    let next = tape.operations().nth(first.index + 1).filter(|_| first.is_overwritten);
    let name = next.map_or_else(|| first.name.to_owned(), |next| format!("{} or {}", first.name, next.name));
    Some(format!("{name} {}", place(first, tape, parameters)))
}

/// The layer of an operation: that of the parameters that it reads, or else the layer that comes before it.
fn place<T: Element>(operation: Operation, tape: &Tape<T>, parameters: &ParamStore<T>) -> String {
    let layer = |operation: Operation| {
        let name = &parameters.entry_of(operation.parameter?)?.name;
        Some(name.rsplit_once('.').map_or(&name[..], |(layer, _)| layer))
    };
    if let Some(layer) = layer(operation) {
        return format!("in layer {layer}");
    }
    let before = tape.operations().take(operation.index).rev().find_map(layer);
    before.map_or_else(|| "before the first layer".to_owned(), |layer| format!("after layer {layer}"))
}

/// The first parameter or buffer that is not finite, by the name of its matrix.
pub(crate) fn non_finite_of<T: Element>(model: &dyn Model<T>) -> Option<(&str, f64)> {
    stores(model).find_map(|store| first_non_finite(store, store.values()))
}

/// The first number that is not finite, and the matrix whose place it has.
fn first_non_finite<'a, T: Element>(named: &'a ParamStore<T>, numbers: &[T]) -> Option<(&'a str, f64)> {
    if is_finite(numbers) {
        return None;
    }
    let (at, value) = numbers.iter().enumerate().find(|(_, x)| !x.is_finite())?;
    Some((&named.entry_of(at)?.name, value.to_f64()))
}

/// Whether all numbers are: as fast as memory is read.
fn is_finite<T: Element>(numbers: &[T]) -> bool {
    dispatch(IsFinite(numbers))
}

struct IsFinite<'a, T>(&'a [T]);

impl<T: Element> Kernel for IsFinite<'_, T> {
    type Output = bool;
    /// Zero times a number is 0 where that is finite and NaN where it is not. Sums of such products need no branches,
    /// and many sums need not wait for each other.
    #[inline(always)]
    fn run(self) -> bool {
        let (chunks, rest) = self.0.as_chunks::<32>();
        let mut sums = [T::ZERO; 32];
        for chunk in chunks {
            for (sum, &x) in sums.iter_mut().zip(chunk) {
                *sum += x * T::ZERO;
            }
        }
        rest.iter().map(|&x| x * T::ZERO).chain(sums).sum::<T>() == T::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pass::Pass;
    use crate::{Adam, Check, Loss, Optimizer, Sgd, Trainer};
    use gmp_autograd::Mat;
    use gmp_nn::zoo::{Variant, vgg6};
    use gmp_nn::{Mlp, Network, Parameterization, Rng};
    use std::time::{Duration, Instant};

    #[test]
    fn every_number_counts() {
        fn at_every_place<T: Element>() {
            for length in 0..100 {
                let mut numbers = vec![T::from_f64(-1e30); length];
                assert!(is_finite(&numbers), "{length}");
                for at in 0..length {
                    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                        numbers[at] = T::from_f64(value);
                        assert!(!is_finite(&numbers), "{value} at {at} of {length}");
                    }
                    numbers[at] = T::MIN_POSITIVE;
                }
            }
        }
        at_every_place::<f32>();
        at_every_place::<f64>();
    }

    /// `cargo test --release -p gmp-train --lib what_the_check_costs -- --ignored --nocapture`
    #[test]
    #[ignore = "measures time"]
    fn what_the_check_costs() {
        let dense = Mlp::new(13, &[100], 1, Parameterization::Geometric).build::<f64>(1).unwrap();
        cost("dense", dense, &mut Adam::default(), Loss::MeanSquaredError, (404, 13), 2000);
        let vgg = vgg6(&Variant::new(Parameterization::Geometric), 128, 10).build::<f32>(1).unwrap();
        cost("VGG-6", vgg, &mut Sgd::new(0.9), Loss::SoftmaxCrossEntropy, (32 * 32 * 32, 3), 10);
    }

    /// What looking at all numbers adds to a step on noise: the shortest of several rounds of each.
    fn cost<T: Element>(
        name: &str,
        mut network: Network<T>,
        optimizer: &mut dyn Optimizer<T>,
        loss: Loss,
        (rows, columns): (usize, usize),
        rounds: usize,
    ) {
        let samples = if loss == Loss::SoftmaxCrossEntropy { rows / (32 * 32) } else { rows };
        let mut rng = Rng::new(1, "inputs");
        let inputs: Vec<T> = (0..rows * columns).map(|_| T::from_f64(rng.normal())).collect();
        let targets = vec![T::ONE; samples];
        let (inputs, targets) = (Mat::new(&inputs, rows, columns), Mat::new(&targets, samples, 1));
        let batch = Batch { index: 0, samples, inputs, targets, weights: None };
        let trainer = Trainer { check: Check::LossOnly, ..Trainer::new(loss, samples, 1, 1e-4) };
        let (mut pass, mut step, mut check) = (Pass::default(), Duration::MAX, Duration::MAX);
        for _ in 0..rounds {
            let start = Instant::now();
            assert!(pass.learn(&trainer, &mut network, &batch, false, 0, &mut []).is_ok());
            optimizer.step(&mut network.parameters, pass.gradients(), 1e-4);
            step = step.min(start.elapsed());
            let start = Instant::now();
            assert_eq!(first_non_finite(&network.parameters, pass.gradients()), None);
            assert_eq!(non_finite_of(&network), None);
            check = check.min(start.elapsed());
        }
        let (count, share) = (network.parameters.values().len(), check.as_secs_f64() / step.as_secs_f64());
        println!(
            "{name}: a step {step:.1?}, its {count} numbers of {} {check:.1?}: {:.2} %",
            T::NAME,
            100.0 * share
        );
    }
}
