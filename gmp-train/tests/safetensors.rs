//! Networks on their way to other tools and back.

use crate::forms::{DENSE, form, mlp};
use ::safetensors::SafeTensors;
use ::safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use gmp_autograd::{Mat, Tape, Var};
use gmp_nn::zoo::{resnet18, vgg6};
use gmp_nn::{
    Activation, Element, Features, Forward, Layer, Mlp, Network, NetworkSpec, Parameterization, Rng, Role,
    fold,
};
use gmp_train::checkpoint::Problem;
use gmp_train::safetensors;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

fn network<T: Element>(form: &str, seed: u64) -> Network<T> {
    let mut network = mlp(3, &[7, 5], 2, form).build::<T>(seed).unwrap();
    let mut rng = Rng::new(seed, "disturb");
    network.parameters.values_mut().iter_mut().for_each(|p| *p += T::from_f64(0.3 * rng.normal()));
    network
}

pub(crate) fn evaluate<T: Element>(network: &Network<T>, x: &[T]) -> Vec<T> {
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

/// Names of its own beside those of the library, and the same bytes for the same network.
#[test]
fn metadata_of_users_come_back_and_cannot_take_the_place_of_ours() {
    use std::collections::BTreeMap;
    let network = network::<f64>("GmP", 1);
    let pair = |key: &str| (key.to_owned(), "\u{1f}\"é\"".to_owned());
    let metadata = BTreeMap::from(["b", "a", "", "c d"].map(pair));
    let bytes = safetensors::to_bytes_with_metadata(&network, &metadata).unwrap();
    assert_eq!(safetensors::metadata_from_bytes(&bytes).unwrap(), metadata);
    assert_eq!(safetensors::network_from_bytes::<f64>(&bytes).unwrap().parameters, network.parameters);
    // Others read them too, and the numbers are where they can be read in place.
    let (header, read) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!((header % 8, &read.metadata().as_ref().unwrap()["c d"]), (0, &metadata["c d"]));
    for _ in 0..20 {
        assert_eq!(safetensors::to_bytes_with_metadata(&network, &metadata).unwrap(), bytes);
    }
    for key in ["format", "gmp.network", "gmp.other"] {
        let error = safetensors::to_bytes_with_metadata(&network, &BTreeMap::from([pair(key)])).unwrap_err();
        let text = format!(
            "metadata: the key {key:?} is taken: expected none that is \"format\" or begins with \"gmp.\""
        );
        assert_eq!(error.to_string(), text);
    }
    assert!(safetensors::metadata_from_bytes(&bytes[..20]).is_err());
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

/// One matrix's number at `index` becomes `value`, in a file of double precision.
fn with_number(index: usize, value: f64) -> Vec<u8> {
    let mut network = network::<f64>("SP", 1);
    let slot =
        network.parameters.entries().iter().find(|entry| entry.name == "hidden2.weights").unwrap().slot;
    network.parameters.values_mut()[slot.range()][index] = value;
    safetensors::to_bytes(&network).unwrap()
}

#[test]
fn broken_numbers_are_errors_that_name_them() {
    let mut single = network::<f32>("SP", 2);
    let mut double = network::<f64>("SP", 2);
    let (before, wide_before) = (single.parameters.clone(), double.parameters.clone());
    for (value, text) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
        let error = safetensors::from_bytes(&mut double, &with_number(13, value)).unwrap_err();
        assert!(matches!(error, Problem::BrokenNumber { index: 13, .. }), "{error}");
        assert_eq!(
            error.to_string(),
            format!("hidden2.weights, number 13 (from 0): {text} is not a finite f64")
        );
    }
    // Finite in the file, but not in the network.
    let error = safetensors::from_bytes(&mut single, &with_number(0, 1e39)).unwrap_err().to_string();
    assert!(
        error.starts_with("hidden2.weights, number 0 (from 0): 1000") && error.ends_with("finite f32"),
        "{error}"
    );
    assert_eq!((&single.parameters, &double.parameters), (&before, &wide_before));
    safetensors::from_bytes(&mut double, &with_number(0, 1e39)).unwrap();
}

/// The header's JSON replaced.
fn with_header(bytes: &[u8], header: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut changed = (header.len() as u64).to_le_bytes().to_vec();
    changed.extend(header.bytes());
    changed.extend(&bytes[8 + length..]);
    changed
}

fn header(bytes: &[u8]) -> &str {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    std::str::from_utf8(&bytes[8..8 + length]).unwrap()
}

#[test]
fn tensors_of_one_name_are_an_error() {
    let mut network = network::<f32>("SP", 1);
    let bytes = safetensors::to_bytes(&network).unwrap();
    let tensor = r#""hidden1.bias":{"dtype":"F32","shape":[7],"data_offsets":[0,28]}"#;
    // Written in two ways that are one.
    for second in [tensor.to_owned(), tensor.replacen('h', "\\u0068", 1)] {
        let twice = header(&bytes).trim_end().replacen('{', &format!("{{{second},"), 1);
        let error = safetensors::from_bytes(&mut network, &with_header(&bytes, &twice)).unwrap_err();
        assert_eq!(error.to_string(), "hidden1.bias: the file has it twice, expected it once");
    }
}

#[test]
fn a_file_that_is_cut_off_is_an_error_that_says_where() {
    let mut network = network::<f32>("SP", 1);
    let before = network.parameters.clone();
    let bytes = safetensors::to_bytes(&network).unwrap();
    let header_end = 8 + header(&bytes).len() as u64;
    for length in (0..9).chain([header_end - 1, header_end, bytes.len() as u64 - 1]) {
        let problem = safetensors::from_bytes(&mut network, &bytes[..length as usize]).unwrap_err();
        match problem {
            Problem::Length { part: "file", found, expected } if length < header_end => {
                assert_eq!((found, expected), (length, if length < 8 { 8 } else { header_end }));
            }
            // The header is there and says that there are more numbers.
            Problem::Metadata(_) if length >= header_end => {}
            other => panic!("{length} bytes: {other}"),
        }
    }
    assert_eq!(network.parameters, before);
}

#[test]
fn a_header_of_another_kind_is_an_error_that_says_what_is_expected() {
    let mut network = network::<f32>("SP", 1);
    let bytes = safetensors::to_bytes(&network).unwrap();
    let halves = header(&bytes).replacen("F32", "F16", 1);
    let error = safetensors::from_bytes(&mut network, &with_header(&bytes, &halves)).unwrap_err().to_string();
    assert_eq!(error, "hidden1.bias: the file has F16, expected F32 or F64");
    let error = safetensors::from_bytes(&mut network, &with_header(&bytes, "[1]")).unwrap_err().to_string();
    assert!(error.contains("expected an object with an entry for every tensor"), "{error}");
}

/// A matrix with one row, or with several that is no weight.
#[derive(Debug)]
struct Table;
impl<T: Element> Layer<T> for Table {
    fn forward(&self, _: &mut Forward<'_, T>, x: Var) -> Var {
        x
    }
}

#[test]
fn weights_have_two_dimensions_and_rows_have_one() {
    let one_input = Mlp::new(1, &[7], 1, Parameterization::Geometric).build::<f32>(1).unwrap();
    let table = Network::<f32>::builder(Features::Vector(3))
        .own("own", |declare| {
            declare.parameter("table", Role::Other, Mat::new(&[1.0; 6], 2, 3));
            declare.parameter("row", Role::Other, Mat::new(&[1.0; 3], 1, 3));
            Ok(Table)
        })
        .unwrap()
        .build();
    for (network, name, expected) in [
        (&one_input, "output.weights", &[7, 1][..]),
        (&one_input, "hidden1.radius", &[7]),
        (&table, "own.table", &[2, 3]),
        (&table, "own.row", &[3]),
    ] {
        let bytes = safetensors::to_bytes(network).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.tensor(name).unwrap().shape(), expected, "{name} of {:?}", file.names());
    }
    // One input: a single row of weights is a matrix all the same.
    let one_row = Mlp::new(1, &[7], 1, Parameterization::Standard).build::<f32>(1).unwrap();
    let bytes = safetensors::to_bytes(&one_row).unwrap();
    assert_eq!(SafeTensors::deserialize(&bytes).unwrap().tensor("hidden1.weights").unwrap().shape(), [1, 7]);
}

/// Others' metadata and blanks have room; what would only cost memory has not.
#[test]
fn headers_are_bounded_by_what_the_network_needs() {
    let mut network = network::<f32>("SP", 1);
    let bytes = safetensors::to_bytes(&network).unwrap();
    let long = format!("{}{}", header(&bytes), " ".repeat(1 << 20));
    safetensors::from_bytes(&mut network, &with_header(&bytes, &long)).unwrap();
    // A mebibyte, and for every matrix 256 bytes and its name in characters of six bytes.
    let most = network.parameters.entries().iter().map(|e| 256 + 6 * e.name.len()).sum::<usize>() + (1 << 20);
    let at_most = format!("{long}{}", " ".repeat(most - long.len()));
    safetensors::from_bytes(&mut network, &with_header(&bytes, &at_most)).unwrap();
    let longer = at_most + " ";
    let error = safetensors::from_bytes(&mut network, &with_header(&bytes, &longer)).unwrap_err().to_string();
    assert_eq!(error, format!("metadata: a header of {} bytes, expected at most {most}", most + 1));
    let dimensions = header(&bytes).replacen("[7]", &format!("[{}7]", "1,".repeat(1000)), 1);
    let error =
        safetensors::from_bytes(&mut network, &with_header(&bytes, &dimensions)).unwrap_err().to_string();
    assert_eq!(error, "hidden1.bias: the file has 1001 dimensions, expected [7]");
}

#[cfg(unix)]
#[test]
fn named_pipes_and_sparse_files_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = network::<f32>("SP", 1);
    let pipe = folder.path().join("pipe.safetensors");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = safetensors::import(&mut network, &pipe).unwrap_err().to_string();
    assert!(
        error.ends_with("pipe.safetensors: cannot read: a named pipe, expected a regular file"),
        "{error}"
    );
    let sparse = folder.path().join("sparse.safetensors");
    safetensors::export(&network, &sparse).unwrap();
    std::fs::OpenOptions::new().write(true).open(&sparse).unwrap().set_len(50 << 30).unwrap();
    let error = safetensors::import(&mut network, &sparse).unwrap_err().to_string();
    assert!(error.contains("tensors, in double precision at most: 53687"), "{error}");
}

/// A convolutional network as training may leave it: radii of both signs, any biases and running statistics.
pub(crate) fn trained(mut spec: NetworkSpec, seed: u64) -> Network<f32> {
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

/// The python that `GMP_PYTHON` names.
pub(crate) struct Python(String);

impl Python {
    /// If it has these modules; else what needs them is skipped, and that is said.
    pub(crate) fn with(modules: &[&str]) -> Option<Self> {
        let python = std::env::var("GMP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let has = Command::new(&python).args(["-c", &format!("import {}", modules.join(", "))]).output();
        if has.is_ok_and(|output| output.status.success()) {
            return Some(Self(python));
        }
        println!("skipped: {python} has not all of {} (GMP_PYTHON names another python)", modules.join(", "));
        None
    }

    /// What it prints.
    pub(crate) fn run(&self, arguments: &[&Path]) -> String {
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
        let run = Command::new(&self.0)
            .args(arguments)
            .envs([("PYTHONPATH", OsStr::new(scripts)), ("PYTHONDONTWRITEBYTECODE", OsStr::new("1"))])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{arguments:?}: {text}");
        text
    }
}

/// Real PyTorch runs networks of every parameterization, folded and as they are, and what it writes comes back.
#[test]
fn pytorch_agrees() {
    let Some(python) = Python::with(&["torch", "safetensors.torch"]) else { return };
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
    let flat =
        NetworkSpec::image(5, 4, 3).flatten("flatten").dense("hidden1", 6, Parameterization::Geometric);
    networks.push(("flattened".to_owned(), flat.output(2).build::<f32>(4).unwrap()));
    for activation in Activation::ALL {
        let mlp = mlp(3, &[7, 5], 2, "SP").activation(activation);
        networks.push((format!("dense, {activation}"), mlp.build::<f32>(4).unwrap()));
    }
    for (name, network) in &networks {
        pytorch_agrees_on(&python, name, network);
        let plain = fold::to_standard(network).unwrap();
        if plain.spec() != network.spec() {
            pytorch_agrees_on(&python, &format!("{name}, folded"), &plain);
        }
    }
}

fn pytorch_agrees_on(python: &Python, name: &str, network: &Network<f32>) {
    let shape = match network.input() {
        Features::Vector(inputs) => vec![20, inputs],
        Features::Image { height, width, channels } => vec![2, height, width, channels],
    };
    let mut rng = Rng::new(5, "inputs");
    let x: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
    let y = evaluate(network, &x);

    let folder = tempfile::tempdir().unwrap();
    let files = ["network.safetensors", "check.safetensors", "saved.safetensors"];
    let [file, check, saved] = files.map(|name| folder.path().join(name));
    safetensors::export(network, &file).unwrap();
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
    let text = python.run(&[script.as_ref(), &file, &check, &saved]);
    println!("{name}: {}", text.lines().last().unwrap());

    // Back, by the file alone.
    let read = safetensors::load::<f32>(&saved).unwrap();
    let scale = y.iter().fold(0.0_f32, |scale, y| scale.max(y.abs()));
    for (doubled, y) in evaluate(&read, &x).iter().zip(&y) {
        assert!((doubled - 2.0 * y).abs() <= 1e-5 * scale, "{name}: {doubled} for 2·{y}");
    }
}
