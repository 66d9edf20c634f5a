//! Every activation with every parameterization and every normalization, dense and convolutional: gradients, folding,
//! activation boundaries; and what networks offer to those who look into them.

use gmp_autograd::{Mat, Tape, op};
use gmp_nn::conv::{Padding, Window};
use gmp_nn::normalization::{BatchNorm, LayerNorm};
use gmp_nn::parameterization::{EffectiveWeights, Parameterize, Unit, Weights};
use gmp_nn::{
    Activation, Boundaries, Convolution, Declare, Dense, Element, Error, Features, Forward, GeometricOptions,
    LayerSpec, Mlp, Network, NetworkSpec, Normalization, Parameterization, RadiusPlacement, Rng, Role, Slot,
    fold,
};

/// Directions of length 1, which every step of an optimizer leaves and `after_step` brings back, and a scale.
#[derive(Debug)]
struct OnSphere;

#[derive(Debug)]
struct Directions {
    direction: Slot,
    bias: Slot,
    scale: Slot,
}

impl<T: Element> Parameterize<T> for OnSphere {
    fn name(&self) -> &'static str {
        "on sphere"
    }
    fn declare(
        &self,
        initial: Mat<'_, T>,
        declare: &mut Declare<'_, T>,
    ) -> Result<Box<dyn Weights<T>>, Error> {
        let units = initial.cols();
        let directions = Directions {
            direction: declare.parameter("direction", Role::Weight, initial),
            bias: declare.row("bias", Role::Bias, units, T::ZERO)?,
            scale: declare.row("scale", Role::Radius, units, T::ONE)?,
        };
        Ok(Box::new(directions))
    }
}

impl<T: Element> Weights<T> for Directions {
    fn on_tape(&self, pass: &mut Forward<'_, T>) -> Unit {
        let [weight, bias, scale] = [self.direction, self.bias, self.scale].map(|slot| pass.parameter(slot));
        Unit { weight, bias, scale: Some(scale) }
    }
    fn effective(&self, parameters: &[T], _buffers: &[T], into: &mut EffectiveWeights<T>) {
        into.weights.extend_from_slice(self.direction.of(parameters));
        into.bias.extend_from_slice(self.bias.of(parameters));
        into.scale.extend_from_slice(self.scale.of(parameters));
    }
    fn after_step(&self, parameters: &mut [T]) {
        let (units, directions) = (self.direction.cols, self.direction.of_mut(parameters));
        for unit in 0..units {
            let column = directions.iter().skip(unit).step_by(units);
            let length = column.fold(T::ZERO, |length, w| length.hypot(*w));
            directions.iter_mut().skip(unit).step_by(units).for_each(|w| *w /= length);
        }
    }
}

const PARAMETERIZATIONS: [(Parameterization, RadiusPlacement); 5] = [
    (Parameterization::Standard, RadiusPlacement::Outside),
    (Parameterization::WeightNorm, RadiusPlacement::Outside),
    (Parameterization::Geometric, RadiusPlacement::Outside),
    (Parameterization::Geometric, RadiusPlacement::Inside),
    (Parameterization::Custom(&OnSphere), RadiusPlacement::Outside),
];

fn normalizations() -> [Normalization; 7] {
    [
        Normalization::None,
        Normalization::batch(),
        BatchNorm { affine: false, epsilon: 0.1, momentum: 0.5 }.into(),
        Normalization::batch_mean(),
        Normalization::input_mean(),
        Normalization::layer(),
        LayerNorm { affine: true, epsilon: 0.1 }.into(),
    ]
}

fn combinations() -> impl Iterator<Item = (Activation, Parameterization, RadiusPlacement, Normalization)> {
    Activation::ALL.into_iter().flat_map(|activation| {
        PARAMETERIZATIONS.into_iter().flat_map(move |(parameterization, radius)| {
            normalizations().into_iter().map(move |n| (activation, parameterization, radius, n))
        })
    })
}

/// A layer of units, in a dense network and in a convolutional one, with a layer behind it.
fn networks(
    activation: Activation,
    parameterization: Parameterization,
    radius: RadiusPlacement,
    normalization: Normalization,
) -> [NetworkSpec; 2] {
    let geometric = GeometricOptions { radius, ..Default::default() };
    let dense = Dense::new(3, parameterization)
        .normalization(normalization)
        .activation(activation)
        .geometric(geometric);
    let convolution = Convolution::new(3, Window::new(2, 1, Padding::Same), parameterization)
        .normalization(normalization)
        .activation(activation)
        .geometric(geometric);
    [
        NetworkSpec::vector(4).layer("units", dense).output(2),
        NetworkSpec::image(3, 2, 2).layer("units", convolution).global_average_pool("mean").output(2),
    ]
}

/// As after some training: radii and gains of both signs, any biases and statistics.
fn trained(spec: &NetworkSpec, seed: u64) -> Network<f64> {
    let mut network = spec.build::<f64>(seed).unwrap();
    let mut rng = Rng::new(seed, "disturb");
    network.parameters.values_mut().iter_mut().for_each(|p| *p += 0.5 * rng.normal());
    for entry in network.buffers.entries().to_vec() {
        for value in network.buffers.get_mut(&entry.name).unwrap() {
            *value = if entry.name.ends_with("variance") { 0.1 + rng.uniform() } else { rng.normal() };
        }
    }
    network
}

fn draw(seed: u64, len: usize) -> Vec<f64> {
    let mut rng = Rng::new(seed, "inputs");
    (0..len).map(|_| rng.normal()).collect()
}

/// Σ weights ∘ y and its gradients by the inputs and the parameters.
fn loss(
    network: &mut Network<f64>,
    parameters: &[f64],
    x: &[f64],
    training: bool,
    gradients: Option<&mut Vec<f64>>,
) -> f64 {
    let mut tape = Tape::new();
    tape.begin(parameters);
    let columns = network.input().columns();
    let input = tape.variable(x, x.len() / columns, columns);
    let y = match training {
        true => network.forward_training(&mut tape, input),
        false => network.forward(&mut tape, input),
    };
    let weights = tape.input(&draw(3, y.rows() * y.cols()), y.rows(), y.cols());
    let product = op::mul(&mut tape, y, weights);
    let loss = op::sum(&mut tape, product);
    if let Some(gradients) = gradients {
        tape.backward(loss);
        gradients.clear();
        gradients.extend_from_slice(tape.parameter_gradients());
        let by_x = tape.gradient(input).map_or(vec![0.0; x.len()], |g| g.data().to_vec());
        gradients.extend(by_x);
    }
    tape.value(loss).data()[0]
}

#[test]
fn every_combination_passes_the_gradient_check() {
    let mut checked = 0;
    for (activation, parameterization, radius, normalization) in combinations() {
        for spec in networks(activation, parameterization, radius, normalization) {
            let mut network = trained(&spec, 1);
            let samples = 5;
            let x = draw(2, samples * spec.input.rows() * spec.input.columns());
            let parameters = network.parameters.values().to_vec();
            for training in [true, false] {
                let mut gradients = Vec::new();
                loss(&mut network, &parameters, &x, training, Some(&mut gradients));
                for (i, &gradient) in gradients.iter().enumerate() {
                    let mut at = |step: f64| {
                        let (mut parameters, mut x) = (parameters.clone(), x.clone());
                        match i.checked_sub(parameters.len()) {
                            Some(i) => x[i] += step,
                            None => parameters[i] += step,
                        }
                        loss(&mut network, &parameters, &x, training, None)
                    };
                    let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
                    let name = network.parameters.entry_of(i).map_or("x", |entry| &entry.name);
                    assert!(
                        (gradient - numeric).abs() <= 1e-6 + 1e-5 * numeric.abs(),
                        "{activation}, {parameterization} {radius:?}, {normalization:?}, training {training}, \
                         {:?}, {name}: {gradient} for {numeric}",
                        spec.input
                    );
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 30_000, "{checked}");
}

/// In evaluation, folded networks are the same functions: standard, geometric, and from each to the other.
#[test]
fn every_combination_folds_or_says_why_not() {
    for (activation, parameterization, radius, normalization) in combinations() {
        for spec in networks(activation, parameterization, radius, normalization) {
            let network = trained(&spec, 4);
            let case =
                format!("{activation}, {parameterization} {radius:?}, {normalization:?}, {:?}", spec.input);
            if matches!(normalization, Normalization::Layer(_)) {
                let error = fold::to_standard(&network).unwrap_err().to_string();
                assert!(
                    error.starts_with("units: has no equal of fixed weights and biases"),
                    "{case}: {error}"
                );
                continue;
            }
            let columns = spec.input.columns();
            let x = draw(5, 6 * spec.input.rows() * columns);
            let x = Mat::new(&x, x.len() / columns, columns);
            let expected = network.predict(x);
            let same = |folded: &Network<f64>, how: &str| {
                let scale = expected.iter().fold(1.0, |scale: f64, y| scale.max(y.abs()));
                for (found, expected) in folded.predict(x).iter().zip(&expected) {
                    assert!(
                        (found - expected).abs() < 1e-11 * scale,
                        "{case}, {how}: {found} for {expected}"
                    );
                }
            };
            let standard = fold::to_standard(&network).unwrap();
            same(&standard, "standard");
            assert!(standard.buffers.values().is_empty(), "{case}");
            let geometric = fold::to_geometric(&network).unwrap();
            same(&geometric, "geometric");
            assert!(
                geometric.parameters.get("units.angles").is_some()
                    == (spec.input.rows() > 1 || activation != Activation::Identity),
                "{case}"
            );
            same(&fold::to_standard(&geometric).unwrap(), "geometric, then standard");
            same(&fold::to_geometric(&standard).unwrap(), "standard, then geometric");
        }
    }
}

/// Along its normal, through its location, a unit's output bends on the boundary of a kink and nowhere near it.
#[test]
fn units_bend_on_the_boundary_of_every_kink() {
    let piecewise = [
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.2 },
        Activation::AbsoluteValue,
        Activation::HardTanh,
    ];
    let fixed = [
        Normalization::None,
        Normalization::batch(),
        BatchNorm { affine: false, epsilon: 0.1, momentum: 0.5 }.into(),
        Normalization::batch_mean(),
    ];
    for activation in piecewise {
        for ((parameterization, radius), normalization) in
            PARAMETERIZATIONS.into_iter().flat_map(|p| fixed.into_iter().map(move |n| (p, n)))
        {
            let geometric = GeometricOptions { radius, ..Default::default() };
            let units = Dense::new(3, parameterization).geometric(geometric);
            let inside = units.clone().normalization(normalization).activation(activation);
            let inside = NetworkSpec::vector(4).layer("units", inside);
            let behind = LayerSpec::Normalization { normalization, activation };
            let units = units.activation(Activation::Identity);
            let behind = NetworkSpec::vector(4).layer("units", units).layer("behind", behind);
            for spec in [Some(inside), (!normalization.is_none()).then_some(behind)].into_iter().flatten() {
                let case = format!(
                    "{activation}, {parameterization} {radius:?}, {normalization:?}, {}",
                    spec.layers.len()
                );
                let network = trained(&spec, 6);
                let mut boundaries = Boundaries::default();
                network.boundaries("units", &mut boundaries);
                let (columns, kinks) = (boundaries.units(), activation.kinks().len());
                assert_eq!((boundaries.inputs(), columns), (4, 3 * kinks), "{case}");
                let mut locations = vec![0.0; 4 * columns];
                boundaries.spatial_locations(&mut locations);
                for column in 0..columns {
                    let of =
                        |m: &[f64]| -> Vec<f64> { m.iter().skip(column).step_by(columns).copied().collect() };
                    let (location, normal) = (of(&locations), of(&boundaries.normals));
                    let length = normal.iter().map(|w| w * w).sum::<f64>().sqrt();
                    let at = |distance: f64| {
                        let x: Vec<f64> =
                            location.iter().zip(&normal).map(|(p, w)| p + distance * w / length).collect();
                        network.predict(Mat::new(&x, 1, 4))[column % 3]
                    };
                    // Second differences: the change of the slope times the step.
                    let step = 1e-4;
                    let bend =
                        |middle: f64| (at(middle + step) - 2.0 * at(middle) + at(middle - step)) / step;
                    assert!(bend(0.0).abs() > 1e-3, "{case}, column {column}: bends by {}", bend(0.0));
                    for beside in [-2.0 * step, 2.0 * step] {
                        assert!(bend(beside).abs() < 1e-6, "{case}, column {column}: {}", bend(beside));
                    }
                }
            }
        }
    }
}

/// Where a smooth activation's input is 0, so is tanh.
#[test]
fn the_boundary_of_a_smooth_unit_is_where_its_input_is_zero() {
    let units = Dense::new(3, Parameterization::Geometric)
        .normalization(Normalization::batch())
        .activation(Activation::Tanh);
    let network = trained(&NetworkSpec::vector(4).layer("units", units), 7);
    let mut boundaries = Boundaries::default();
    network.boundaries("units", &mut boundaries);
    let mut locations = vec![0.0; 12];
    boundaries.spatial_locations(&mut locations);
    for unit in 0..3 {
        let x: Vec<f64> = locations.iter().skip(unit).step_by(3).copied().collect();
        assert!(network.predict(Mat::new(&x, 1, 4))[unit].abs() < 1e-12);
    }
}

#[test]
fn parameters_are_brought_back_after_a_step() {
    let units = || vec![Dense::new(3, Parameterization::Custom(&OnSphere)).into()];
    let mut network = NetworkSpec::vector(4)
        .dense("units", 3, Parameterization::Custom(&OnSphere))
        .residual("block", units(), units())
        .output(1)
        .build::<f64>(1)
        .unwrap();
    network.after_step();
    for layer in ["units", "block.main1", "block.shortcut1"] {
        let directions = network.parameters.get(&format!("{layer}.direction")).unwrap();
        for unit in 0..3 {
            let square: f64 = directions.iter().skip(unit).step_by(3).map(|w| w * w).sum();
            assert!((square - 1.0).abs() < 1e-15, "{layer}");
        }
    }
}

/// With the radius inside, geometric units start as the function of the sampled weights, whatever the activation.
#[test]
fn options_of_geometric_units_do_what_they_say() {
    let x = draw(1, 20);
    let x = Mat::new(&x, 5, 4);
    let outputs = |parameterization, radius| {
        let geometric = GeometricOptions { radius, ..Default::default() };
        let units = Dense::new(6, parameterization).activation(Activation::Gelu).geometric(geometric);
        NetworkSpec::vector(4).layer("units", units).output(1).build::<f64>(1).unwrap().predict(x)
    };
    let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let standard = outputs(Parameterization::Standard, RadiusPlacement::Outside);
    assert!(difference(&outputs(Parameterization::Geometric, RadiusPlacement::Inside), &standard) < 1e-14);
    assert!(difference(&outputs(Parameterization::Geometric, RadiusPlacement::Outside), &standard) > 1e-3);

    let largest = |fan_out| {
        let geometric = GeometricOptions { fan_out, ..Default::default() };
        let units = Convolution::new(32, Window::new(3, 1, Padding::Same), Parameterization::Geometric);
        let spec = NetworkSpec::image(4, 4, 16).layer("units", units.geometric(geometric));
        let standard = fold::to_standard(&spec.build::<f64>(1).unwrap()).unwrap();
        standard.parameters.get("units.weights").unwrap().iter().fold(0.0, |m: f64, w| m.max(w.abs()))
    };
    let limit = |fan_out: f64| (6.0 / (9.0 * 16.0 + fan_out)).sqrt();
    let [filters, window] = [gmp_nn::FanOut::Filters, gmp_nn::FanOut::Window].map(largest);
    assert!((0.999..1.0 + 1e-12).contains(&(filters / limit(32.0))), "{filters}");
    assert!((0.999..1.0 + 1e-12).contains(&(window / limit(9.0 * 32.0))), "{window}");
}

/// Momentum and ϵ are those of the options.
#[test]
fn batch_normalization_has_its_options() {
    let options = BatchNorm { epsilon: 0.5, momentum: 0.75, affine: false };
    let units =
        Dense::new(1, Parameterization::Standard).normalization(options).activation(Activation::Identity);
    let mut network = NetworkSpec::vector(1).layer("units", units).build::<f64>(1).unwrap();
    network.parameters.set("units.weights", &[1.0]).unwrap();
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(&[1.0, 3.0], 2, 1);
    let y = network.forward_training(&mut tape, x);
    let expected = 1.0 / 1.5_f64.sqrt();
    assert_eq!(tape.value(y).data(), [-expected, expected]);
    assert_eq!(network.buffers.get("units.running_mean").unwrap(), [0.25 * 2.0]);
    assert_eq!(network.buffers.get("units.running_variance").unwrap(), [0.75 + 0.25]);
    let y = network.predict(Mat::new(&[1.0], 1, 1));
    assert!((y[0] - 0.5 / 1.5_f64.sqrt()).abs() < 1e-15);
}

#[test]
fn a_clone_has_numbers_of_its_own() {
    let network = Mlp::new(2, &[3], 1, Parameterization::Geometric).build::<f64>(1).unwrap();
    let mut clone = network.clone();
    clone.parameters.values_mut().fill(0.5);
    let x = Mat::new(&[1.0, 2.0], 1, 2);
    assert_ne!(network.predict(x), clone.predict(x));
    assert_eq!(network.predict(x), network.clone().predict(x));
    // PyTorch's layout, transposed in place.
    assert_eq!(network.predict(Mat::new(&[1.0, 2.0], 2, 1).t()), network.predict(x));
}

#[test]
fn every_layers_output_is_shown_by_name_those_in_blocks_too() {
    let norm = || LayerSpec::normalization(Normalization::batch_mean());
    let main = vec![Dense::new(4, Parameterization::Geometric).into(), norm()];
    let spec = NetworkSpec::vector(3)
        .dense("stem", 4, Parameterization::Standard)
        .normalization("norm", Normalization::batch_mean())
        .residual("block", main, Vec::new())
        .output(2);
    let network = trained(&spec, 3);
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(&draw(1, 6), 2, 3);
    let mut seen = Vec::new();
    let y = network.forward_each(&mut tape, x, |name, y| seen.push((name.to_owned(), y)));
    let names: Vec<_> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["stem", "norm", "block.main1", "block.main2", "block", "output"]);
    assert_eq!(tape.value(y).data(), network.predict(Mat::new(&draw(1, 6), 2, 3)));
    // All of them can still be read, although a normalization may take the memory of its input.
    let mean = network.buffers.get("norm.running_mean").unwrap();
    let [stem, norm] = [0, 1].map(|i| tape.value(seen[i].1).row(1).to_vec());
    assert!(stem.iter().zip(mean).zip(&norm).all(|((stem, mean), norm)| stem - mean == *norm));
}

#[test]
fn summaries_list_what_is_in_blocks() {
    let main =
        vec![Convolution::new(4, Window::new(3, 1, Padding::Same), Parameterization::WeightNorm).into()];
    let network = NetworkSpec::image(6, 5, 4)
        .residual("block", main, Vec::new())
        .max_pool("pool", Window::new(2, 2, Padding::Valid))
        .global_average_pool("average")
        .output(2)
        .build::<f32>(1)
        .unwrap();
    let expected = "\
layer          kind                       output  parameters  activation bytes  multiply-adds
block          residual block              6×5×4         152               960          4,320
  block.main1  convolution 3×3, WN, relu   6×5×4         152               480          4,320
pool           max pool 2×2                3×2×4           0                96              0
average        global average pool             4           0                16              0
output         dense, SP                       2          10                 8              8
total                                                    162             1,080          4,328
";
    assert_eq!(network.summary().to_string(), expected);
    assert_eq!(network.output(), Features::Vector(2));
}

#[test]
#[should_panic(expected = "the tape was begun with 17 parameters, the network has 13")]
fn a_tape_begun_with_a_larger_networks_parameters_is_refused() {
    let build = |units| Mlp::new(2, &[units], 1, Parameterization::Standard).build::<f64>(1).unwrap();
    let (larger, smaller) = (build(4), build(3));
    let mut tape = Tape::new();
    tape.begin(larger.parameters.values());
    let x = tape.input(&[1.0, 2.0], 1, 2);
    smaller.forward(&mut tape, x);
}

#[test]
#[should_panic(expected = "the network takes 3 inputs, the batch has 2 columns")]
fn a_batch_of_too_few_columns_is_refused() {
    Mlp::new(3, &[2], 1, Parameterization::Standard)
        .build::<f64>(1)
        .unwrap()
        .predict(Mat::new(&[1.0; 8], 4, 2));
}

#[test]
fn descriptions_of_earlier_versions_are_read() {
    let read = |json: &str| serde_json::from_str::<NetworkSpec>(json).unwrap();
    let old = r#"{"input":{"vector":3},"layers":[
        ["a",{"dense":{"units":4,"parameterization":"BN","activation":"relu"}}],
        ["b",{"mean_norm":{"activation":"identity"}}],
        ["c",{"dense":{"units":2,"parameterization":"GmP","activation":"identity"}}],
        ["d",{"layer_norm":{"activation":"relu"}}]],"directions":"half-sphere"}"#;
    let half_sphere =
        GeometricOptions { directions: gmp_nn::DirectionInit::HalfSphere, ..Default::default() };
    let dense = |units, parameterization| Dense::new(units, parameterization).geometric(half_sphere);
    let layer_norm =
        LayerSpec::Normalization { normalization: Normalization::layer(), activation: Activation::Relu };
    let expected = NetworkSpec::vector(3)
        .layer("a", dense(4, Parameterization::Standard).normalization(Normalization::batch()))
        .normalization("b", Normalization::batch_mean())
        .layer("c", dense(2, Parameterization::Geometric).activation(Activation::Identity))
        .layer("d", layer_norm);
    assert_eq!(read(old), expected);
    assert_eq!(read(&serde_json::to_string(&expected).unwrap()), expected);

    let old = r#"{"input":{"image":{"height":4,"width":4,"channels":2}},"layers":[
        ["a",{"convolution":{"filters":3,"window":{"size":3,"stride":1,"padding":"Same"},"parameterization":"GmP","activation":"relu"}}],
        ["b",{"residual":{"main":[{"dense":{"units":3,"parameterization":"GmP","activation":"relu"}}],
            "shortcut":[{"dense":{"units":3,"parameterization":"WN","activation":"relu"}}]}}],
        ["c","global_average_pool"]],"directions":"half-sphere"}"#;
    let window = Window::new(3, 1, Padding::Same);
    let expected = NetworkSpec::image(4, 4, 2)
        .layer("a", Convolution::new(3, window, Parameterization::Geometric).geometric(half_sphere))
        .residual(
            "b",
            vec![dense(3, Parameterization::Geometric).into()],
            vec![dense(3, Parameterization::WeightNorm).into()],
        )
        .global_average_pool("c");
    assert_eq!(read(old), expected);

    let read = |json: &str| serde_json::from_str::<Mlp>(json).unwrap();
    let old = r#"{"inputs":3,"hidden":[7],"outputs":2,"parameterization":"BN","directions":"exact"}"#;
    let expected = Mlp::new(3, &[7], 2, Parameterization::Standard).normalization(Normalization::batch());
    assert_eq!(read(old), expected);
    assert_eq!(read(&serde_json::to_string(&expected).unwrap()), expected);
    let plain = Mlp::new(3, &[7], 2, Parameterization::Geometric);
    let written = r#"{"inputs":3,"hidden":[7],"outputs":2,"parameterization":"GmP","directions":"exact"}"#;
    assert_eq!(serde_json::to_string(&plain).unwrap(), written, "as before");
    let plain = LayerSpec::from(Dense::new(4, Parameterization::Geometric));
    let written = r#"{"dense":{"units":4,"parameterization":"GmP","activation":"relu"}}"#;
    assert_eq!(serde_json::to_string(&plain).unwrap(), written, "as before");
}

#[test]
fn what_is_from_outside_is_written_by_name_and_not_read_back() {
    let mlp = Mlp::new(3, &[7], 2, Parameterization::Custom(&OnSphere));
    let json = serde_json::to_string(&mlp).unwrap();
    assert!(json.contains(r#""parameterization":"on sphere""#), "{json}");
    let error = serde_json::from_str::<Mlp>(&json).unwrap_err().to_string();
    assert!(error.contains("unknown parameterization \"on sphere\"; expected SP, WN or GmP"), "{error}");
    assert_eq!(mlp.parameterization, Parameterization::Custom(&OnSphere));
    assert_ne!(mlp.parameterization, Parameterization::Standard);
}
