//! The empirical neural tangent kernel of networks: against central differences, against the limits of `gmp_math::neural_tangent`,
//! and after training.

use gmp_autograd::{Tape, op};
use gmp_math::Mat;
use gmp_math::neural_tangent::Initial;
use gmp_nn::conv::{Padding, Window};
use gmp_nn::neural_tangent::{alignment, kernel, kernel_of, relative_change};
use gmp_nn::{
    Convolution, Dense, Element, Mlp, Network, NetworkSpec, Normalization, Parameterization, Rng, Role, fold,
};

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

/// All points, one row each.
fn points() -> Mat<'static, f64> {
    Mat::new(POINTS.as_flattened(), POINTS.len(), INPUTS)
}

/// Every pair of points, with its place in their kernel.
fn pairs() -> impl Iterator<Item = (usize, [&'static [f64]; 2])> {
    POINTS.iter().enumerate().flat_map(|(i, x)| {
        POINTS[..=i].iter().enumerate().map(move |(j, y)| (i * POINTS.len() + j, [&x[..], &y[..]]))
    })
}

/// The root mean square of what the kernels of networks are off their limit, over ten seeds and all pairs of points.
fn distance(units: usize, parameterization: usize, limit: impl Fn(&[f64], &[f64]) -> f64) -> f64 {
    let squares = (0..10).flat_map(|seed| {
        let kernel = kernel(&networks(units, seed)[parameterization], points());
        pairs().map(|(at, [x, y])| (kernel[at] - limit(x, y)).powi(2)).collect::<Vec<_>>()
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
        let kernels = [&standard, &weight_norm, &geometric].map(|network| kernel(network, points()));
        for (at, pair) in pairs() {
            let [sp, wn, gmp] = kernels.each_ref().map(|kernel| kernel[at]);
            assert!((sp - wn).abs() < 1e-12 * sp.abs().max(1.0), "{sp} and {wn}");
            assert!(pair[0] != pair[1] || (sp - gmp).abs() > 1e-3, "{sp} and {gmp}");
        }
        let outputs = [&standard, &weight_norm, &geometric].map(|network| network.predict(points()));
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
                    let is_meant =
                        |entry: &gmp_nn::Entry| entry.name.starts_with("hidden1") && entry.role == role;
                    kernel_of(&networks(units, seed)[2], Mat::new(x, 1, INPUTS), is_meant)[0]
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

/// The derivative of every number that comes out by every parameter, by central differences; then their scalar products.
fn by_differences<T: Element>(network: &Network<T>, x: Mat<'_, T>) -> Vec<f64> {
    const STEP: f64 = 1e-6;
    let mut network = network.clone();
    let mut jacobian: Vec<Vec<f64>> = Vec::new();
    for p in 0..network.parameters.values().len() {
        let at = network.parameters.values()[p];
        let mut outputs = |shift: f64| {
            network.parameters.values_mut()[p] = at + T::from_f64(shift);
            network.predict(x)
        };
        let (above, below) = (outputs(STEP), outputs(-STEP));
        network.parameters.values_mut()[p] = at;
        let slopes = above.iter().zip(&below).map(|(a, b)| (a.to_f64() - b.to_f64()) / (2.0 * STEP));
        jacobian.push(slopes.collect());
    }
    let outputs = jacobian[0].len();
    let product = |k: usize| jacobian.iter().map(|row| row[k / outputs] * row[k % outputs]).sum();
    (0..outputs * outputs).map(product).collect()
}

#[test]
fn kernels_are_those_of_central_differences() {
    let inputs: Vec<f64> = (0..60).map(|k| (f64::from(k) * 0.7).sin()).collect();
    for parameterization in Parameterization::ALL {
        let window = Window::new(2, 1, Padding::Same);
        let convolution = Convolution::new(3, window, parameterization).normalization(Normalization::batch());
        let hidden = Dense::new(4, parameterization).normalization(Normalization::layer());
        let specs = [
            // Five samples of three numbers; two images of 3×2 pixels and five channels. Two outputs each.
            (
                NetworkSpec::vector(INPUTS)
                    .dense("hidden1", 6, parameterization)
                    .layer("hidden2", hidden)
                    .output(2),
                5,
            ),
            (NetworkSpec::image(3, 2, 5).layer("conv", convolution).global_average_pool("mean").output(2), 2),
        ];
        for (spec, samples) in specs {
            let network = spec.build::<f64>(3).unwrap();
            let (rows, columns) = (samples * spec.input.rows(), spec.input.columns());
            let x = Mat::new(&inputs[..rows * columns], rows, columns);
            let found = kernel(&network, x);
            assert_eq!(found.len(), (2 * samples).pow(2), "{parameterization}");
            assert!(
                relative_change(&by_differences(&network, x), &found) < 1e-7,
                "{parameterization}, {spec:?}"
            );
            // In single precision it is the same kernel.
            let (single, narrow) =
                (spec.build::<f32>(3).unwrap(), x.to_vec().iter().map(|&x| x as f32).collect::<Vec<_>>());
            let single: Vec<f64> =
                kernel(&single, Mat::new(&narrow, rows, columns)).into_iter().map(f64::from).collect();
            assert!(relative_change(&found, &single) < 1e-4, "{parameterization}, {spec:?}");
        }
    }
}

#[test]
fn a_kernel_has_no_other_samples_in_it_and_any_strides() {
    let [_, _, network] = networks(9, 1);
    let all = kernel(&network, points());
    for (at, [x, y]) in pairs() {
        let two = [x, y].concat();
        assert_eq!(kernel(&network, Mat::new(&two, 2, INPUTS))[1], all[at]);
    }
    let transposed = points().t().to_vec();
    assert_eq!(kernel(&network, Mat::new(&transposed, INPUTS, POINTS.len()).t()), all);
    assert!(kernel(&network, Mat::new(&[], 0, INPUTS)).is_empty());
    assert_eq!(relative_change(&all, &all), 0.0);
    assert!((alignment(&all, &all) - 1.0).abs() < 1e-15);
}

#[test]
#[should_panic(expected = "kernels of 4 and 9 numbers")]
fn kernels_of_other_samples_are_not_compared() {
    let _ = alignment(&[1.0; 4], &[1.0; 9]);
}

/// The relative change of the kernel, the mean over seeds, after gradient descent of the squared error for a given time: rate times
/// steps.
fn moved(units: usize, network: impl Fn(u64) -> Network<f64>, rate: f64, steps: usize) -> f64 {
    const TARGETS: [f64; 4] = [1.0, -0.5, 0.7, -1.0];
    let seeds = if units > 500 { 4 } else { 32 };
    let of = |seed| {
        let mut network = network(seed);
        let before = kernel(&network, points());
        let mut tape = Tape::new();
        for _ in 0..steps {
            tape.begin(network.parameters.values());
            let (x, y) = (tape.input(POINTS.as_flattened(), 4, INPUTS), tape.input(&TARGETS, 4, 1));
            let prediction = network.forward_training(&mut tape, x);
            let loss = op::mean_squared_error(&mut tape, prediction, y);
            tape.backward(loss);
            let gradients = tape.parameter_gradients();
            network.parameters.values_mut().iter_mut().zip(gradients).for_each(|(p, g)| *p -= rate * g);
        }
        relative_change(&before, &kernel(&network, points()))
    };
    (0..seeds).map(of).sum::<f64>() / seeds as f64
}

/// With Glorot's variances, the kernel of a wide layer moves in gradient descent by a share that does not depend on the width, under
/// every parameterization: it is no lazy training. Weights of variance 1/√h in both layers, with a rate that falls as 1/√h, are trained
/// lazily: their share falls at least as 1/√h.
#[test]
fn glorot_variances_are_not_lazy() {
    let widths = [64, 1024];
    for parameterization in 0..3 {
        let [narrow, wide] = widths.map(|units| {
            let network = |seed| {
                let [sp, wn, gmp] = networks(units, seed);
                [sp, wn, gmp].into_iter().nth(parameterization).unwrap()
            };
            moved(units, network, 0.05, 200)
        });
        let ratio = wide / narrow;
        assert!(narrow > 0.1 && (0.6..1.5).contains(&ratio), "{parameterization}: {narrow} to {wide}");
    }
    let [narrow, wide] = widths.map(|units| {
        let network = |seed| {
            let [mut network, ..] = networks(units, seed);
            network.parameters.values_mut().iter_mut().for_each(|p| *p *= (units as f64).powf(0.25));
            network
        };
        moved(units, network, 0.1 / (units as f64).sqrt(), 200)
    });
    let ratio = wide / narrow;
    assert!((0.02..0.35).contains(&ratio), "lazy: {narrow} to {wide}");
}
