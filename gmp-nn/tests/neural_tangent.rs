//! The empirical neural tangent kernel of networks, from gradients, against the limits of `gmp_math::neural_tangent`.

use gmp_autograd::Tape;
use gmp_math::Mat;
use gmp_math::neural_tangent::Initial;
use gmp_nn::{Mlp, Network, Parameterization, Rng, Role, fold};

const INPUTS: usize = 3;
const POINTS: [[f64; INPUTS]; 4] = [[1.0, 0.5, -0.3], [-0.2, 0.8, 0.4], [2.0, -1.0, 0.0], [-0.6, -0.5, -0.7]];

/// One network in three parameterizations, with Gaussian weights of Glorot's variances for many units.
fn networks(units: usize, seed: u64) -> [Network<f64>; 3] {
    let mut rng = Rng::new(seed, "weights");
    let mut normals = |count: usize| -> Vec<f64> {
        (0..count).map(|_| rng.normal() * (2.0 / units as f64).sqrt()).collect()
    };
    let build =
        |parameterization| Mlp::new(INPUTS, &[units], 1, parameterization).build::<f64>(seed).unwrap();
    let (weights, output) = (normals(INPUTS * units), normals(units));
    let mut standard = build(Parameterization::Standard);
    standard.parameters.set("hidden1.weights", &weights).unwrap();
    standard.parameters.set("output.weights", &output).unwrap();
    let geometric = fold::to_geometric(&standard).unwrap();
    let mut weight_norm = build(Parameterization::WeightNorm);
    // Its output is weight-normalized, too.
    for (layer, v, units) in [("hidden1", &weights, units), ("output", &output, 1)] {
        let square = |unit: usize| v.iter().skip(unit).step_by(units).map(|v| v * v).sum::<f64>();
        let lengths: Vec<f64> = (0..units).map(|unit| square(unit).sqrt()).collect();
        weight_norm.parameters.set(&format!("{layer}.v"), v).unwrap();
        weight_norm.parameters.set(&format!("{layer}.length"), &lengths).unwrap();
    }
    [standard, weight_norm, geometric]
}

/// The kernel at two inputs, over the parameters that `is_meant` names.
fn kernel(network: &Network<f64>, pair: [&[f64]; 2], is_meant: impl Fn(&str, Role) -> bool) -> f64 {
    let gradients = pair.map(|x| {
        let mut tape = Tape::new();
        tape.begin(network.parameters.values());
        let x = tape.input(x, 1, INPUTS);
        let y = network.forward(&mut tape, x);
        tape.backward(y);
        tape.parameter_gradients().to_vec()
    });
    let entries = network.parameters.entries().iter().filter(|entry| is_meant(&entry.name, entry.role));
    let parts = entries.map(|entry| {
        let [a, b] = gradients.each_ref().map(|gradient| entry.slot.of(gradient));
        a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>()
    });
    parts.sum()
}

fn pairs() -> impl Iterator<Item = [&'static [f64]; 2]> {
    POINTS.iter().enumerate().flat_map(|(i, x)| POINTS[..=i].iter().map(move |y| [&x[..], &y[..]]))
}

/// The root mean square of what the kernels of networks are off their limit, over ten seeds and all pairs of points.
fn distance(units: usize, parameterization: usize, limit: impl Fn(&[f64], &[f64]) -> f64) -> f64 {
    let squares = (0..10).flat_map(|seed| {
        let network = &networks(units, seed)[parameterization];
        pairs().map(|[x, y]| (kernel(network, [x, y], |_, _| true) - limit(x, y)).powi(2)).collect::<Vec<_>>()
    });
    let squares: Vec<f64> = squares.collect();
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
}

/// Sixteen times as many units bring the kernel four times as near to its limit: it converges as 1/√h.
#[test]
fn kernels_converge_to_their_limits() {
    type Limit = fn(&[f64], &[f64]) -> f64;
    let limits: [(usize, Limit); 2] =
        [(0, |x, y| Initial::GLOROT.standard(x, y)), (2, |x, y| Initial::GLOROT.geometric(x, y))];
    for (parameterization, limit) in limits {
        let [narrow, wide] = [512, 8192].map(|units| distance(units, parameterization, limit));
        assert!(wide < 0.2, "parameterization {parameterization}: {wide} with 8192 units");
        let ratio = narrow / wide;
        assert!((2.5..7.0).contains(&ratio), "parameterization {parameterization}: {narrow} to {wide}");
    }
}

/// Each parameterization of one network has its own kernel: those of SP and WN are equal, GmP's is another.
#[test]
fn weight_normalization_begins_with_the_kernel_of_standard_weights() {
    for seed in 0..5 {
        let [standard, weight_norm, geometric] = networks(37, seed);
        for pair in pairs() {
            let [sp, wn, gmp] =
                [&standard, &weight_norm, &geometric].map(|network| kernel(network, pair, |_, _| true));
            assert!((sp - wn).abs() < 1e-12 * sp.abs().max(1.0), "{sp} and {wn}");
            assert!(pair[0] != pair[1] || (sp - gmp).abs() > 1e-3, "{sp} and {gmp}");
        }
        let x = Mat::new(POINTS.as_flattened(), POINTS.len(), INPUTS);
        let outputs = [&standard, &weight_norm, &geometric].map(|network| network.predict(x));
        for (a, b) in outputs[0].iter().zip(outputs[1].iter().zip(&outputs[2])) {
            assert!(
                (a - b.0).abs() < 1e-12 && (a - b.1).abs() < 1e-12,
                "one function in three parameterizations"
            );
        }
    }
}

/// Under GmP the part of the offsets is that of the theory at every width, and the part of the angles is within its bound: both fall
/// as 1/h.
#[test]
fn angles_and_offsets_lose_their_part_as_the_units_become_more() {
    for units in [64, 1024] {
        let seeds = if units == 64 { 400 } else { 40 };
        for x in &POINTS {
            let mean = |role: Role| {
                let of = |seed| {
                    kernel(&networks(units, seed)[2], [x, x], |name, r| {
                        name.starts_with("hidden1") && r == role
                    })
                };
                (0..seeds).map(of).sum::<f64>() / seeds as f64
            };
            let (offsets, angles) = (mean(Role::Offset), mean(Role::Angle));
            let expected = Initial::GLOROT.offsets(x, x, units);
            assert!((offsets / expected - 1.0).abs() < 0.1, "{units} units: {offsets} for {expected}");
            let square: f64 = x.iter().map(|x| x * x).sum();
            assert!(angles > 0.0 && angles < 1.1 * square * expected, "{units} units: {angles}, {expected}");
        }
    }
}
