//! Networks on their way to other tools and back.

use crate::forms::{DENSE, form, mlp};
use ::safetensors::SafeTensors;
use ::safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use gmp_autograd::Tape;
use gmp_nn::zoo::{resnet18, vgg6};
use gmp_nn::{
    Activation, Element, Features, Mlp, Network, NetworkSpec, Parameterization, Rng, Role, fold,
};
use gmp_train::safetensors;
use std::process::Command;

fn network<T: Element>(form: &str, seed: u64) -> Network<T> {
    let mut network = mlp(3, &[7, 5], 2, form).build::<T>(seed).unwrap();
    let mut rng = Rng::new(seed, "disturb");
    network.parameters.values_mut().iter_mut().for_each(|p| *p += T::from_f64(0.3 * rng.normal()));
    network
}

fn evaluate<T: Element>(network: &Network<T>, x: &[T]) -> Vec<T> {
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    // Vectors of three numbers, or images of three channels.
    let x = tape.input(x, x.len() / 3, 3);
    let y = network.forward(&mut tape, x);
    tape.value(y).data().to_vec()
}

#[test]
fn every_parameterization_comes_back_as_it_went() {
    for form in DENSE {
        let (single, double) = (network::<f32>(form, 1), network::<f64>(form, 1));
        let mut read = network::<f32>(form, 2);
        let bytes = safetensors::to_bytes(&single).unwrap();
        safetensors::from_bytes(&mut read, &bytes).unwrap();
        assert_eq!((&read.parameters, &read.buffers), (&single.parameters, &single.buffers));
        // Single precision widened, double precision rounded.
        let mut wide = network::<f64>(form, 2);
        safetensors::from_bytes(&mut wide, &bytes).unwrap();
        assert!(
            wide.parameters.values().iter().zip(single.parameters.values()).all(|(w, s)| *w == f64::from(*s))
        );
        safetensors::from_bytes(&mut read, &safetensors::to_bytes(&double).unwrap()).unwrap();
        assert!(
            read.parameters.values().iter().zip(double.parameters.values()).all(|(r, d)| *r == *d as f32)
        );
    }
}

#[test]
fn the_file_is_what_others_expect() {
    let bytes = safetensors::to_bytes(&network::<f32>("SP", 1)).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["format"], "pt");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort_unstable();
    let expected = [
        "hidden1.bias",
        "hidden1.weights",
        "hidden2.bias",
        "hidden2.weights",
        "output.bias",
        "output.weights",
    ];
    assert_eq!(names, expected);
    let (weights, bias) = (file.tensor("hidden2.weights").unwrap(), file.tensor("hidden2.bias").unwrap());
    assert_eq!((weights.dtype(), weights.shape(), bias.shape()), (Dtype::F32, &[7, 5][..], &[5][..]));
}

#[test]
fn files_that_do_not_fit_are_errors_and_change_nothing() {
    let mut geometric = network::<f32>("GmP", 1);
    let before = geometric.parameters.clone();
    let plain = network::<f32>("SP", 1);
    let bytes = safetensors::to_bytes(&plain).unwrap();
    let error = safetensors::from_bytes(&mut geometric, &bytes).unwrap_err().to_string();
    assert!(error.contains("the file has it, expected no such matrix"), "{error}");
    let mut other = Mlp::new(3, &[7, 6], 2, Parameterization::Standard).build::<f32>(1).unwrap();
    let error = safetensors::from_bytes(&mut other, &bytes).unwrap_err().to_string();
    assert_eq!(error, "hidden2.weights: the file has shape [7, 5], expected [7, 6]");
    let mut deeper = Mlp::new(3, &[7, 5, 5], 2, Parameterization::Standard).build::<f32>(1).unwrap();
    let error = safetensors::from_bytes(&mut deeper, &bytes).unwrap_err().to_string();
    assert_eq!(error, "hidden3.weights: the file has none, expected shape [5, 5]");
    assert_eq!(geometric.parameters, before);
}

/// A convolutional network as training may leave it: radii of both signs, any biases and running statistics.
fn trained(mut spec: NetworkSpec, seed: u64) -> Network<f32> {
    // Of ResNet-18 the first half, on small images.
    spec.layers.retain(|(name, _)| !name.starts_with("stage3") && !name.starts_with("stage4"));
    spec.input = Features::Image { height: 32, width: 32, channels: 3 };
    let mut network = spec.build::<f32>(seed).unwrap();
    let mut rng = Rng::new(seed, "disturb");
    for entry in network.parameters.entries().to_vec() {
        for p in &mut network.parameters.values_mut()[entry.slot.range()] {
            *p += 0.02 * rng.normal() as f32;
            if entry.role == Role::Radius && rng.below(3) == 0 {
                *p = -*p;
            }
        }
    }
    network.buffers.values_mut().iter_mut().for_each(|b| *b += 0.2 * rng.uniform() as f32);
    network
}

/// Real PyTorch runs folded networks of every parameterization, and what it writes comes back.
#[test]
fn pytorch_agrees() {
    let python = std::env::var("GMP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import torch, safetensors.torch"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no torch and safetensors (GMP_PYTHON names another python)");
        return;
    }
    let mut networks = Vec::new();
    for form in DENSE {
        networks.push((format!("dense, {form}"), network::<f32>(form, 4)));
    }
    for name in ["BN", "GmP+IMN"] {
        networks.push((format!("VGG-6, {name}"), trained(vgg6(&form(name), 16, 5), 4)));
    }
    for name in ["WN+MBN", "GmP+IMN"] {
        networks.push((format!("ResNet, {name}"), trained(resnet18(&form(name), 5), 4)));
    }
    for activation in Activation::ALL {
        let mlp = mlp(3, &[7, 5], 2, "SP").activation(activation);
        networks.push((format!("dense, {activation}"), mlp.build::<f32>(4).unwrap()));
    }
    networks.iter().for_each(|(name, network)| pytorch_agrees_on(&python, name, network));
}

fn pytorch_agrees_on(python: &str, name: &str, network: &Network<f32>) {
    let shape = match network.input() {
        Features::Vector(inputs) => vec![20, inputs],
        Features::Image { height, width, channels } => vec![2, height, width, channels],
    };
    let mut rng = Rng::new(5, "inputs");
    let x: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
    let y = evaluate(network, &x);
    let plain = fold::to_standard(network).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let files = ["network.json", "network.safetensors", "check.safetensors", "saved.safetensors"];
    let [description, file, check, saved] = files.map(|name| folder.path().join(name));
    std::fs::write(&description, serde_json::to_string(&plain.spec()).unwrap()).unwrap();
    safetensors::export(&plain, &file).unwrap();
    let bytes = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let (x_bytes, y_bytes) = (bytes(&x), bytes(&y));
    let view = |shape, bytes| TensorView::new(Dtype::F32, shape, bytes).unwrap();
    let outputs = vec![shape[0], y.len() / shape[0]];
    serialize_to_file(
        [("inputs", view(shape, &x_bytes)), ("outputs", view(outputs, &y_bytes))],
        None,
        &check,
    )
    .unwrap();

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/load_in_pytorch.py");
    let run = Command::new(python).arg(script).args([&description, &file, &check, &saved]).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{name}: {text}");
    println!("{name}: {}", text.lines().last().unwrap());

    // Back by name, into a network of other numbers.
    let mut read = plain.spec().unwrap().build::<f32>(9).unwrap();
    safetensors::import(&mut read, &saved).unwrap();
    let scale = y.iter().fold(0.0_f32, |scale, y| scale.max(y.abs()));
    for (doubled, y) in evaluate(&read, &x).iter().zip(&y) {
        assert!((doubled - 2.0 * y).abs() <= 1e-5 * scale, "{name}: {doubled} for 2·{y}");
    }
}
