//! The modules of `docs/gmp_torch.py` in real PyTorch: what they promise, and the same gradients and training curves as here.

use crate::forms::{form, mlp};
use crate::safetensors::Python;
use ::safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use gmp_autograd::{Mat, Tape, op};
use gmp_math::sphere::spherical;
use gmp_nn::zoo::vgg6;
use gmp_nn::{
    Activation, Dense, Features, GeometricOptions, Mlp, Network, NetworkSpec, Normalization,
    Parameterization, RadiusPlacement, Rng,
};
use gmp_train::{Adam, Dataset, Optimizer, Standardizer, safetensors};
use std::path::Path;

/// Matrices by name.
type Numbers = Vec<(String, Vec<usize>, Vec<f64>)>;

fn write(numbers: &Numbers, file: &Path) {
    let bytes: Vec<Vec<u8>> =
        numbers.iter().map(|(.., numbers)| numbers.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let view = |shape: &[usize], bytes| TensorView::new(Dtype::F64, shape.to_vec(), bytes).unwrap();
    let views = numbers.iter().zip(&bytes).map(|((name, shape, _), bytes)| (&name[..], view(shape, bytes)));
    serialize_to_file(views, None, file).unwrap();
}

/// The shape of a batch of samples, images as (n, rows, columns, channels).
fn shape(features: Features, samples: usize) -> Vec<usize> {
    match features {
        Features::Vector(columns) => vec![samples, columns],
        Features::Image { height, width, channels } => vec![samples, height, width, channels],
    }
}

fn script(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn modules_do_what_they_promise() {
    let Some(python) = Python::with(&["torch", "safetensors.torch"]) else { return };
    let (inputs, units) = (6, 50);
    let mut rng = Rng::new(1, "weights");
    let weights: Vec<f64> = (0..inputs * units).map(|_| rng.normal()).collect();
    let converted = spherical(Mat::new(&weights, inputs, units)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("angles.safetensors");
    let numbers = vec![
        ("weights".to_owned(), vec![inputs, units], weights),
        ("angles".to_owned(), vec![inputs - 1, units], converted.angles),
        ("radius".to_owned(), vec![units], converted.radius),
    ];
    write(&numbers, &file);
    println!("{}", python.run(&[script("check_gmp_torch.py").as_ref(), &file]));
}

/// One step: the loss, after which the tape has the gradients.
fn step(network: &mut Network<f64>, tape: &mut Tape<f64>, inputs: &[f64], targets: &[f64]) -> f64 {
    let columns = network.input().columns();
    tape.begin(network.parameters.values());
    let x = tape.input(inputs, inputs.len() / columns, columns);
    let y = network.forward_training(tape, x);
    let target = tape.input(targets, y.rows(), y.cols());
    let loss = op::mean_squared_error(tape, y, target);
    tape.backward(loss);
    tape.value(loss).data()[0]
}

/// Writes the network, its loss and its gradients for some data, and the losses of so many steps of Adam.
fn record(network: &Network<f64>, [inputs, targets]: [&[f64]; 2], steps: usize, name: &str, folder: &Path) {
    safetensors::export(network, &folder.join(format!("{name}.safetensors"))).unwrap();
    let samples = inputs.len() / (network.input().rows() * network.input().columns());
    let (mut tape, mut trained) = (Tape::new(), network.clone());
    let loss = step(&mut trained, &mut tape, inputs, targets);
    let mut numbers = vec![
        ("inputs".to_owned(), shape(network.input(), samples), inputs.to_vec()),
        ("targets".to_owned(), shape(network.output(), samples), targets.to_vec()),
        ("loss".to_owned(), vec![1], vec![loss]),
    ];
    for entry in network.parameters.entries() {
        let gradient = tape.parameter_gradients()[entry.slot.range()].to_vec();
        let shape = vec![entry.slot.rows, entry.slot.cols];
        numbers.push((format!("gradients.{}", entry.name), shape, gradient));
    }
    if steps > 0 {
        let (mut trained, mut adam, mut losses) = (network.clone(), Adam::default(), Vec::new());
        for _ in 0..steps {
            losses.push(step(&mut trained, &mut tape, inputs, targets));
            adam.step(&mut trained.parameters, tape.parameter_gradients(), 0.01);
            trained.after_step();
        }
        assert!(losses[steps - 1] < 0.9 * losses[0], "{name} learns: {losses:?}");
        numbers.push(("losses".to_owned(), vec![steps], losses));
    }
    write(&numbers, &folder.join(format!("{name}.check.safetensors")));
}

/// Parameters as training may leave them.
fn disturbed(spec: &NetworkSpec) -> Network<f64> {
    let mut network = spec.build::<f64>(4).unwrap();
    let mut rng = Rng::new(4, "disturb");
    network.parameters.values_mut().iter_mut().for_each(|p| *p += 0.3 * rng.normal());
    network
}

/// Hidden units that point along an axis: all sines of their angles are 0, or are in part.
fn at_poles() -> Network<f64> {
    let mut network = disturbed(&mlp(4, &[6, 5], 2, "GmP").spec());
    let angles = network.parameters.get_mut("hidden1.angles").unwrap();
    angles[..6].copy_from_slice(&[0.0, 0.0, std::f64::consts::PI, 1.0, 0.5, 0.0]);
    angles[6..12].copy_from_slice(&[0.0, 1.0, 0.0, 0.0, 2.0, 0.0]);
    angles[12..].copy_from_slice(&[0.0, 2.0, 1.0, 0.0, 0.0, 3.0]);
    network
}

/// The Boston set where the data are beside the repository, else generated numbers of its size; standardized.
fn data() -> Dataset<f64> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/uci/boston.csv");
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    if let Ok(text) = std::fs::read_to_string(file) {
        for line in text.lines().skip(1) {
            let row: Vec<f64> = line.split(',').map(|number| number.parse().unwrap()).collect();
            inputs.extend(&row[..13]);
            targets.push(row[13]);
        }
    } else {
        println!("skipped: the Boston set is not there ({file}); generated numbers stand in for it");
        let mut rng = Rng::new(1, "samples");
        for _ in 0..506 {
            let row: Vec<f64> = (0..13).map(|_| rng.normal()).collect();
            targets.push(row[0].sin() + row[1] * row[2] + 0.1 * rng.normal());
            inputs.extend(row);
        }
    }
    let mut data = Dataset::new(inputs, 13, targets, 1).unwrap();
    let standardizers = (Standardizer::fit(&data), Standardizer::fit_targets(&data));
    standardizers.0.apply(&mut data);
    standardizers.1.apply_to_targets(&mut data);
    data
}

#[test]
fn networks_train_in_pytorch_as_here() {
    let Some(python) = Python::with(&["torch", "safetensors.torch"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut networks = vec![("at poles".to_owned(), at_poles())];
    let inside = GeometricOptions { radius: RadiusPlacement::Inside, ..Default::default() };
    let geometric = |units| Dense::new(units, Parameterization::Geometric);
    let mixture = NetworkSpec::vector(4)
        .layer("a", geometric(6).geometric(inside).activation(Activation::Tanh))
        .layer("b", geometric(5).normalization(Normalization::batch()))
        .layer("c", geometric(4).normalization(Normalization::layer()).activation(Activation::Gelu))
        .layer("d", geometric(3).normalization(Normalization::input_mean()).activation(Activation::Silu))
        .output(2);
    networks.push(("mixture".to_owned(), disturbed(&mixture)));
    networks.push(("one input".to_owned(), disturbed(&mlp(1, &[6], 2, "GmP").spec())));
    for name in ["SP", "WN", "BN", "GmP", "WN+MBN", "GmP+IMN", "LN"] {
        networks.push((format!("dense {name}"), disturbed(&mlp(4, &[6, 5], 2, name).spec())));
        // VGG-6 on smaller images.
        let mut spec = vgg6(&form(name), 4, 3);
        spec.input = Features::Image { height: 8, width: 8, channels: 3 };
        networks.push((format!("VGG-6 {name}"), disturbed(&spec)));
    }
    let mut rng = Rng::new(5, "data");
    for (name, network) in &networks {
        let mut numbers = |features: Features| -> Vec<f64> {
            (0..10 * features.rows() * features.columns()).map(|_| rng.normal()).collect()
        };
        let (inputs, targets) = (numbers(network.input()), numbers(network.output()));
        record(network, [&inputs, &targets], 0, name, folder.path());
    }
    let data = data();
    for name in ["SP", "GmP", "GmP+IMN"] {
        let variant = form(name);
        let mlp = Mlp::new(13, &[100], 1, variant.parameterization).normalization(variant.normalization);
        let network = mlp.build::<f64>(1).unwrap();
        record(&network, [data.inputs(), data.targets()], 50, &format!("curve {name}"), folder.path());
    }
    println!("{}", python.run(&[script("train_in_pytorch.py").as_ref(), folder.path()]));
}
