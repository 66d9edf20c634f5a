//! What the parameterizations have in common, and what their boundaries mean.

use crate::forms::{DENSE, mlp};
use gmp_autograd::{Mat, Tape, op};
use gmp_math::Scalar;
use gmp_nn::{Boundaries, DirectionInit, Element, Mlp, Network, Normalization, Parameterization, Rng};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn draw<T: Scalar>(seed: u64, len: usize) -> Vec<T> {
    let mut rng = Rng::new(seed, "test data");
    (0..len).map(|_| T::from_f64(rng.normal())).collect()
}

fn evaluate<T: Element>(network: &Network<T>, x: &[T], inputs: usize) -> Vec<T> {
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(x, x.len() / inputs, inputs);
    let y = network.forward(&mut tape, x);
    tape.value(y).data().to_vec()
}

/// Moves every parameter away from its special initial value (zero biases, unit gains).
fn disturb(network: &mut Network<f64>, seed: u64) {
    let mut rng = Rng::new(seed, "disturb");
    network.parameters.values_mut().iter_mut().for_each(|p| *p += 0.3 * rng.normal());
}

/// The same cases on every run: a random pre-activation within 1e-6 of a kink, where central differences
/// fail, is too likely over thousands of runs.
fn deterministic() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..deterministic() })]

    /// SP, WN and GmP start as the same function, to rounding; so does BN at evaluation, up to its ϵ.
    #[test]
    fn all_start_as_the_same_function(inputs in 1..20usize, units in 1..40usize, seed: u64) {
        let x = draw(seed, 5 * inputs);
        let outputs = |form| evaluate(&mlp(inputs, &[units, units], 2, form).build::<f64>(seed).unwrap(), &x, inputs);
        let standard = outputs("SP");
        for form in ["WN", "GmP"] {
            for (a, b) in outputs(form).iter().zip(&standard) {
                prop_assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{form}: {a} for {b}");
            }
        }
    }

    /// On its boundary a unit's pre-activation is zero: shown by the function's kink, for every parameterization.
    #[test]
    fn units_switch_on_their_boundaries(inputs in 1..6usize, which in 0..4usize, seed: u64) {
        let form = DENSE[which];
        let mut network = mlp(inputs, &[1], 1, form).build::<f64>(seed).unwrap();
        disturb(&mut network, seed);
        let mut boundaries = Boundaries::default();
        network.boundaries("hidden1", &mut boundaries);
        let mut phi = vec![0.0; inputs];
        boundaries.spatial_locations(&mut phi);
        let length: f64 = boundaries.normals.iter().map(|w| w * w).sum::<f64>().sqrt();
        prop_assume!(length > 1e-3 && phi.iter().all(|p| p.abs() < 1e3));
        let at = |t: f64| {
            let x: Vec<f64> = phi.iter().zip(&boundaries.normals).map(|(p, w)| p + t * w / length).collect();
            evaluate(&network, &x, inputs)[0]
        };
        // Constant on one side of φ, linear on the other: the one that the normal points to.
        let (below, here, above) = (at(-0.5) - at(0.0), at(0.0), at(0.5) - at(0.0));
        prop_assert!(below.abs() <= 1e-9 * (1.0 + here.abs()), "{form}: {below} and {above} at {phi:?}");
        prop_assert!((at(1.0) - at(0.0) - 2.0 * above).abs() <= 1e-8 * (1.0 + above.abs()));
        prop_assert!((at(-1.0) - at(0.0) - 2.0 * below).abs() <= 1e-8 * (1.0 + below.abs()));
    }

    /// The gradient of a whole network, parameters as the network lays them out, against central differences.
    #[test]
    fn whole_networks_pass_the_gradient_check(inputs in 1..5usize, which in 0..4usize, seed: u64) {
        let mut network = mlp(inputs, &[6, 5], 1, DENSE[which]).build::<f64>(seed).unwrap();
        disturb(&mut network, seed);
        let (x, y): (Vec<f64>, Vec<f64>) = (draw(seed, 8 * inputs), draw(seed ^ 1, 8));
        let mut tape = Tape::new();
        let mut loss = |network: &mut Network<f64>, parameters: &[f64]| {
            tape.begin(parameters);
            let (x, y) = (tape.input(&x, 8, inputs), tape.input(&y, 8, 1));
            let prediction = network.forward_training(&mut tape, x);
            let loss = op::mean_squared_error(&mut tape, prediction, y);
            tape.backward(loss);
            (tape.value(loss).data()[0], tape.parameter_gradients().to_vec())
        };
        let mut parameters = network.parameters.values().to_vec();
        let (_, gradient) = loss(&mut network, &parameters);
        for i in 0..parameters.len() {
            let p = parameters[i];
            let mut at = |value: f64| { parameters[i] = value; loss(&mut network, &parameters).0 };
            let numeric = (at(p + 1e-6) - at(p - 1e-6)) / 2e-6;
            at(p);
            let name = &network.parameters.entry_of(i).unwrap().name;
            prop_assert!((gradient[i] - numeric).abs() <= 1e-5 + 1e-3 * numeric.abs(), "{name}: {} for {numeric}", gradient[i]);
        }
    }
}

#[test]
fn batch_norm_moves_its_running_statistics_as_keras() {
    let mut network = mlp(2, &[3], 1, "BN").build::<f64>(1).unwrap();
    let x = draw::<f64>(3, 2 * 50);
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let v = tape.input(&x, 50, 2);
    network.forward_training(&mut tape, v);
    let w = network.parameters.get("hidden1.weights").unwrap();
    let z: Vec<f64> = x.chunks(2).map(|x| x[0] * w[0] + x[1] * w[3]).collect();
    let mean = z.iter().sum::<f64>() / 50.0;
    let variance = z.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / 50.0;
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-14, "{a} for {b}");
    close(network.buffers.get("hidden1.running_mean").unwrap()[0], 0.01 * mean);
    close(network.buffers.get("hidden1.running_variance").unwrap()[0], 0.99 + 0.01 * variance);
}

#[test]
fn the_half_sphere_start_loses_the_sign_of_the_last_coordinate() {
    let mut spec = Mlp::new(3, &[200], 1, Parameterization::Geometric);
    let normals = |spec: &Mlp| {
        let mut boundaries = Boundaries::default();
        spec.build::<f64>(5).unwrap().boundaries("hidden1", &mut boundaries);
        boundaries.normals
    };
    let exact = normals(&spec);
    spec.directions = DirectionInit::HalfSphere;
    let half = normals(&spec);
    assert!(exact[400..].iter().any(|w| *w < -0.1));
    for (i, (e, h)) in exact.iter().zip(&half).enumerate() {
        let expected = if i < 400 { *e } else { e.abs() };
        assert!((expected - h).abs() < 1e-12, "{i}: {h} for {expected}");
    }
}

#[test]
fn single_precision_is_the_same_network() {
    for form in DENSE {
        let spec = mlp(4, &[20], 1, form);
        let double = evaluate(&spec.build::<f64>(3).unwrap(), &draw(9, 40), 4);
        let single = evaluate(&spec.build::<f32>(3).unwrap(), &draw(9, 40), 4);
        for (s, d) in single.iter().zip(&double) {
            assert!((f64::from(*s) - d).abs() < 1e-5, "{form}: {s} for {d}");
        }
    }
}

#[test]
fn a_layer_without_units_is_an_error_that_names_it() {
    let error = Mlp::new(3, &[5, 0], 1, Parameterization::Standard).build::<f64>(0).unwrap_err();
    assert_eq!(error.to_string(), "hidden2: needs at least one input and one unit, got 5 inputs and 0 units");
    assert!(Mlp::new(0, &[], 1, Parameterization::Geometric).build::<f64>(0).is_err());
    assert_eq!(
        "gmpp".parse::<Parameterization>().unwrap_err().to_string(),
        "unknown parameterization \"gmpp\"; expected SP, WN or GmP (one from outside gmp-nn cannot be read by its name)"
    );
}

/// The same bits at any thread count, and on every run.
#[test]
fn training_gradients_do_not_depend_on_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut network =
                Mlp::new(200, &[300, 300], 1, Parameterization::Geometric).build::<f64>(1).unwrap();
            let mut tape = Tape::new();
            tape.begin(network.parameters.values());
            let (x, y) = (tape.input(&draw(1, 600 * 200), 600, 200), tape.input(&draw(2, 600), 600, 1));
            let prediction = network.forward_training(&mut tape, x);
            let loss = op::mean_absolute_error(&mut tape, prediction, y);
            tape.backward(loss);
            tape.parameter_gradients().iter().map(|g| g.to_bits()).collect::<Vec<_>>()
        })
    };
    let one = run(1);
    for threads in [2, 3, 4] {
        assert!(run(threads) == one, "gradients differ at {threads} threads");
    }
}

/// w·x + b − μ + β√(σ²+ϵ)/γ of the batch by hand, and the normal towards the side where the unit is active, for gains and
/// lengths of both signs.
#[test]
fn boundaries_point_to_the_active_side_and_may_be_those_of_a_batch() {
    let x = draw::<f64>(3, 2 * 17);
    for normalization in [Normalization::batch(), Normalization::None] {
        let parameterization =
            if normalization.is_none() { Parameterization::WeightNorm } else { Parameterization::Standard };
        let mlp = Mlp::new(2, &[6], 1, parameterization).normalization(normalization);
        let mut network = mlp.build::<f64>(5).unwrap();
        disturb(&mut network, 6);
        let signed = if normalization.is_none() { "hidden1.length" } else { "hidden1.gain" };
        network.parameters.set(signed, &[0.7, -1.3, 0.4, -0.2, -1.0, 2.0]).unwrap();
        let before = network.clone();
        let (mut running, mut batch) = (Boundaries::default(), Boundaries::default());
        network.boundaries("hidden1", &mut running);
        let (mut tape, mut statistics) = (Tape::new(), Vec::new());
        network.batch_boundaries("hidden1", Mat::new(&x, 17, 2), &mut tape, &mut statistics, &mut batch);
        assert_eq!(network.buffers.values(), before.buffers.values());
        if normalization.is_none() {
            assert_eq!(running, batch);
        } else {
            let number =
                |name: &str, j: usize| network.parameters.get(&format!("hidden1.{name}")).unwrap()[j];
            for j in 0..6 {
                let w = [number("weights", j), number("weights", 6 + j)];
                let z: Vec<f64> =
                    x.chunks(2).map(|x| w[0] * x[0] + w[1] * x[1] + number("bias", j)).collect();
                let mean = z.iter().sum::<f64>() / 17.0;
                let variance = z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / 17.0;
                let sign = number("gain", j).signum();
                let offset = number("bias", j) - mean
                    + number("shift", j) * (variance + 1e-3).sqrt() / number("gain", j);
                let found = [batch.normals[j], batch.normals[6 + j], batch.offsets[j]];
                for (found, expected) in found.into_iter().zip([sign * w[0], sign * w[1], sign * offset]) {
                    assert!(
                        (found - expected).abs() < 1e-12 * expected.abs().max(1.0),
                        "{found}, {expected}"
                    );
                }
                assert_ne!(running.offsets[j], batch.offsets[j]);
            }
        }
        // Of the hidden units, seen by what they hand on: one step along the normal each is active, one against it not.
        let mut locations = vec![0.0; 12];
        running.spatial_locations(&mut locations);
        for j in 0..6 {
            let normal = [running.normals[j], running.normals[6 + j]];
            let length = normal[0].hypot(normal[1]);
            for side in [1.0, -1.0] {
                let point = [0, 1].map(|i| locations[6 * i + j] + side * normal[i] / length);
                tape.begin(network.parameters.values());
                let input = tape.input(&point, 1, 2);
                let mut hidden = None;
                network.forward_each(&mut tape, input, |name, y| {
                    if name == "hidden1" {
                        hidden = Some(y);
                    }
                });
                let active = tape.value(hidden.unwrap()).data()[j] > 0.0;
                assert_eq!(active, side > 0.0, "unit {j} of {parameterization}");
            }
        }
    }
}
