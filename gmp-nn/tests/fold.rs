//! Folded networks are the functions they were.

use gmp_autograd::Tape;
use gmp_nn::{Directions, Element, Error, Mlp, Network, Parameterization, Rng, fold};
use proptest::prelude::*;

fn evaluate<T: Element>(network: &Network<T>, x: &[T], inputs: usize) -> Vec<T> {
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(x, x.len() / inputs, inputs);
    let y = network.forward(&mut tape, x);
    tape.value(y).data().to_vec()
}

/// A network as it might be after training: radii and gains of both signs, any biases and statistics.
fn trained<T: Element>(spec: &Mlp, seed: u64) -> Network<T> {
    let mut network = spec.build::<T>(seed).unwrap();
    let mut rng = Rng::new(seed, "disturb");
    network.parameters.values_mut().iter_mut().for_each(|p| *p += T::from_f64(0.7 * rng.normal()));
    if spec.parameterization == Parameterization::BatchNorm {
        for entry in network.buffers.entries().to_vec() {
            let positive = entry.name.ends_with("variance");
            for value in &mut network.buffers.values_mut()[entry.slot.range()] {
                *value = T::from_f64(if positive { 0.01 + rng.uniform() } else { rng.normal() });
            }
        }
    }
    network
}

fn inputs<T: Element>(seed: u64, len: usize) -> Vec<T> {
    let mut rng = Rng::new(seed, "inputs");
    (0..len).map(|_| T::from_f64(rng.normal())).collect()
}

/// Largest difference over the largest output.
fn difference<T: Element>(a: &[T], b: &[T]) -> f64 {
    let scale = b.iter().fold(1.0_f64, |scale, y| scale.max(y.to_f64().abs()));
    a.iter().zip(b).map(|(a, b)| (a.to_f64() - b.to_f64()).abs()).fold(0.0, f64::max) / scale
}

fn folds<T: Element>(n: usize, hidden: &[usize], which: usize, seed: u64, tolerance: f64) {
    let form = Parameterization::ALL[which];
    let network = trained::<T>(&Mlp::new(n, hidden, 3, form), seed);
    let x = inputs(seed, 16 * n);
    let expected = evaluate(&network, &x, n);
    let plain = fold::to_standard(&network).unwrap();
    assert!(plain.buffers.values().is_empty());
    assert_eq!(
        plain.parameters.entries(),
        Mlp::new(n, hidden, 3, Parameterization::Standard).build::<T>(1).unwrap().parameters.entries()
    );
    let error = difference(&evaluate(&plain, &x, n), &expected);
    assert!(error < tolerance, "{form} {} as SP: {error:e}", T::NAME);
    let geometric = fold::to_geometric(&network).unwrap();
    let fresh = Mlp::new(n, hidden, 3, Parameterization::Geometric).build::<T>(1).unwrap();
    assert_eq!(geometric.parameters.entries(), fresh.parameters.entries());
    let error = difference(&evaluate(&geometric, &x, n), &expected);
    assert!(error < tolerance, "{form} {} as GmP: {error:e}", T::NAME);
    // There and back: the plain weights themselves.
    let back = fold::to_standard(&geometric).unwrap();
    let error = difference(back.parameters.values(), plain.parameters.values());
    assert!(error < tolerance, "{form} {} as GmP and back: {error:e}", T::NAME);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn any_network_as_plain_weights_and_as_geometric_units(
        n in 1..12usize, hidden in proptest::collection::vec(1..20usize, 0..4), which in 0..4usize, seed: u64,
    ) {
        folds::<f64>(n, &hidden, which, seed, 1e-11);
        folds::<f32>(n, &hidden, which, seed, 1e-4);
    }
}

#[test]
fn units_without_weights_become_constants() {
    let mut network = trained::<f64>(&Mlp::new(3, &[4, 4], 2, Parameterization::Standard), 1);
    // Units 1 and 2 of the first layer: no weights at all, and weights that are nothing beside the bias.
    let parameters = network.parameters.values_mut();
    (0..3).for_each(|input| (parameters[input * 4 + 1], parameters[input * 4 + 2]) = (0.0, 1e-310));
    (parameters[12 + 1], parameters[12 + 2]) = (0.7, 1.3);
    let x = inputs(2, 30);
    let geometric = fold::to_geometric(&network).unwrap();
    let radius = geometric.parameters.get("hidden1.radius").unwrap();
    assert_eq!([radius[1], radius[2]], [0.0, 0.0]);
    let error = difference(&evaluate(&geometric, &x, 3), &evaluate(&network, &x, 3));
    assert!(error < 1e-12, "{error:e}");
}

#[test]
fn weights_that_are_not_finite_are_an_error() {
    let mut network = trained::<f64>(&Mlp::new(3, &[4], 2, Parameterization::Standard), 1);
    network.parameters.values_mut()[5] = f64::NAN;
    assert!(
        matches!(fold::to_geometric(&network), Err(Error::Direction { layer, .. }) if layer == "hidden1")
    );
}

#[test]
fn half_sphere_networks_fold_too() {
    let spec =
        Mlp { directions: Directions::HalfSphere, ..Mlp::new(5, &[8], 1, Parameterization::Geometric) };
    let (network, x) = (trained::<f64>(&spec, 3), inputs(3, 50));
    let plain = fold::to_standard(&network).unwrap();
    assert!(difference(&evaluate(&plain, &x, 5), &evaluate(&network, &x, 5)) < 1e-12);
}
