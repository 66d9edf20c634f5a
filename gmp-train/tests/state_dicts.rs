//! Networks in the names and layouts of PyTorch, and files that say what their network is.

use crate::forms::{DENSE, FOLDABLE, form, mlp};
use crate::safetensors::{Python, evaluate, trained};
use ::safetensors::SafeTensors;
use ::safetensors::tensor::{Dtype, TensorView, serialize};
use gmp_nn::conv::{Padding, Window};
use gmp_nn::normalization::{BatchNorm, LayerNorm};
use gmp_nn::zoo::{Variant, resnet18, vgg6};
use gmp_nn::{
    Activation, Convolution, Dense, Features, Mlp, Network, NetworkSpec, Normalization, Parameterization,
    Rng, fold,
};
use gmp_train::checkpoint::Problem;
use gmp_train::safetensors::pytorch::{self, Naming, Part};
use gmp_train::safetensors::{self, network_from_bytes};
use std::collections::HashMap;

const STANDARD: Parameterization = Parameterization::Standard;

fn shapes(bytes: &[u8]) -> HashMap<String, Vec<usize>> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    file.tensors().into_iter().map(|(name, tensor)| (name, tensor.shape().to_vec())).collect()
}

fn numbers(bytes: &[u8], name: &str) -> Vec<f32> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    file.tensor(name).unwrap().data().as_chunks().0.iter().map(|&x| f32::from_le_bytes(x)).collect()
}

fn inputs(network: &Network<f32>, batch: usize) -> Vec<f32> {
    let mut rng = Rng::new(5, "inputs");
    let length = batch * network.input().rows() * network.input().columns();
    (0..length).map(|_| rng.normal() as f32).collect()
}

/// Outputs agree to 1e-5 of the largest.
fn same_function(a: &Network<f32>, b: &Network<f32>, what: &str) {
    let x = inputs(a, 3);
    let (a, b) = (evaluate(a, &x), evaluate(b, &x));
    close(&a, &b, what);
}

fn close(a: &[f32], b: &[f32], what: &str) {
    let scale = b.iter().fold(0.0_f32, |scale, y| scale.max(y.abs()));
    assert!(scale > 0.0 && a.len() == b.len(), "{what}");
    let largest = a.iter().zip(b).fold(0.0_f32, |largest, (a, b)| largest.max((a - b).abs()));
    assert!(largest <= 1e-5 * scale, "{what}: {largest} of {scale}");
}

fn error_of(network: &Network<f32>, naming: Naming<'_>) -> String {
    pytorch::to_bytes(network, naming).unwrap_err().to_string()
}

#[test]
fn weights_of_units_are_rows() {
    let mut network = Mlp::new(2, &[3], 1, STANDARD).build::<f32>(1).unwrap();
    network.parameters.set("hidden1.weights", &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]).unwrap();
    network.parameters.set("hidden1.bias", &[7.0, 8.0, 9.0]).unwrap();
    let bytes = pytorch::to_bytes(&network, Naming::Layers).unwrap();
    assert_eq!(numbers(&bytes, "hidden1.weight"), [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    assert_eq!(numbers(&bytes, "hidden1.bias"), [7.0, 8.0, 9.0]);
    let expected = [("hidden1.weight", vec![3, 2]), ("hidden1.bias", vec![3]), ("output.weight", vec![1, 3])];
    let expected = expected.into_iter().chain([("output.bias", vec![1])]);
    assert_eq!(shapes(&bytes), expected.map(|(name, shape)| (name.to_owned(), shape)).collect());
}

/// Filters × channels × rows × columns, where ours are rows × columns × channels × filters.
#[test]
fn filters_are_in_the_order_of_conv2d() {
    let (window, channels, filters) = (3, 2, 4);
    let spec = NetworkSpec::image(5, 5, channels).convolution(
        "conv",
        filters,
        Window::new(window, 1, Padding::Same),
        STANDARD,
    );
    let mut network = spec.build::<f32>(1).unwrap();
    let ours: Vec<f32> = (0..window * window * channels * filters).map(|i| i as f32).collect();
    network.parameters.set("conv.weights", &ours).unwrap();
    let bytes = pytorch::to_bytes(&network, Naming::Layers).unwrap();
    assert_eq!(shapes(&bytes)["conv.weight"], [4, 2, 3, 3]);
    let mut theirs = numbers(&bytes, "conv.weight").into_iter();
    for f in 0..filters {
        for c in 0..channels {
            for (row, col) in (0..window).flat_map(|row| (0..window).map(move |col| (row, col))) {
                let expected = ours[((row * window + col) * channels + c) * filters + f];
                assert_eq!(theirs.next(), Some(expected), "filter {f}, channel {c}, ({row}, {col})");
            }
        }
    }
    let mut read = spec.build::<f32>(2).unwrap();
    pytorch::from_bytes(&mut read, &bytes, Naming::Layers).unwrap();
    assert_eq!(read.parameters, network.parameters);
}

fn batch_normalized() -> Variant {
    // PyTorch's constants.
    let batch_norm = BatchNorm { epsilon: 1e-5, momentum: 0.9, affine: true };
    Variant::new(STANDARD).normalization(batch_norm)
}

#[test]
fn resnet18_has_the_names_and_shapes_of_torchvision() {
    let network = resnet18(&batch_normalized(), 1000).build::<f32>(1).unwrap();
    let found = shapes(&pytorch::to_bytes(&network, Naming::ResNet).unwrap());
    let mut expected = HashMap::new();
    let mut convolution = |conv: String, bn: String, shape: [usize; 4]| {
        expected.insert(format!("{conv}.weight"), shape.to_vec());
        for name in ["weight", "bias", "running_mean", "running_var"] {
            expected.insert(format!("{bn}.{name}"), vec![shape[0]]);
        }
    };
    convolution("conv1".to_owned(), "bn1".to_owned(), [64, 3, 7, 7]);
    let mut channels = 64;
    for (stage, filters) in [(1, 64), (2, 128), (3, 256), (4, 512)] {
        for block in 0..2 {
            let name = format!("layer{stage}.{block}");
            convolution(format!("{name}.conv1"), format!("{name}.bn1"), [filters, channels, 3, 3]);
            convolution(format!("{name}.conv2"), format!("{name}.bn2"), [filters, filters, 3, 3]);
            if channels != filters {
                let downsample = format!("{name}.downsample");
                convolution(format!("{downsample}.0"), format!("{downsample}.1"), [filters, channels, 1, 1]);
            }
            channels = filters;
        }
    }
    expected.insert("fc.weight".to_owned(), vec![1000, 512]);
    expected.insert("fc.bias".to_owned(), vec![1000]);
    // torchvision's state dict has 122 entries, of which 20 are num_batches_tracked.
    assert_eq!(expected.len(), 102);
    assert_eq!(found, expected);
}

#[test]
fn positions_in_a_sequential_count_every_module() {
    let dense = |units| Dense::new(units, STANDARD);
    let network = NetworkSpec::image(8, 8, 3)
        .layer("a", Convolution::new(4, Window::new(3, 1, Padding::Same), STANDARD)) // 0, ReLU 1
        .max_pool("b", Window::new(2, 2, Padding::Valid)) // 2
        .layer(
            "c",
            Convolution::new(4, Window::new(3, 1, Padding::Same), STANDARD)
                .normalization(Normalization::batch())
                .activation(Activation::Identity),
        ) // 3, its normalization 4
        .global_average_pool("d") // 5, 6
        .normalization("e", LayerNorm { affine: true, ..LayerNorm::default() }) // 7
        .layer("f", dense(5).activation(Activation::Gelu)) // 8, GELU 9
        .layer("g", dense(2)) // 10
        .build::<f32>(1)
        .unwrap();
    let found = shapes(&pytorch::to_bytes(&network, Naming::Sequential).unwrap());
    let mut modules: Vec<usize> =
        found.keys().map(|name| name.split_once('.').unwrap().0.parse().unwrap()).collect();
    modules.sort_unstable();
    modules.dedup();
    assert_eq!(modules, [0, 3, 4, 7, 8, 10]);
    assert!(!found.contains_key("3.bias") && found.contains_key("4.running_var"));
    assert_eq!((&found["7.weight"], &found["8.weight"]), (&vec![4], &vec![5, 4]));
}

/// A bias before a batch normalization becomes a part of its running mean: the function and what it learns stay.
#[test]
fn biases_before_a_batch_normalization_move_into_its_mean() {
    let network = trained(vgg6(&form("BN"), 4, 3), 4);
    assert!(network.parameters.get("conv1.bias").unwrap().iter().all(|bias| *bias != 0.0));
    for naming in [Naming::Sequential, Naming::Layers] {
        let bytes = pytorch::to_bytes(&network, naming).unwrap();
        let mut read = network.spec().unwrap().build::<f32>(9).unwrap();
        pytorch::from_bytes(&mut read, &bytes, naming).unwrap();
        assert_eq!(read.parameters.get("conv1.bias"), Some(&[0.0; 4][..]));
        assert_eq!(read.parameters.get("conv1.weights"), network.parameters.get("conv1.weights"));
        same_function(&read, &network, "VGG-6 with BN");
        same_function(&network_from_bytes(&bytes).unwrap(), &network, "the same by its description");
    }
}

/// Tensors of a file, by name, and what is put beside them.
fn with<'a>(bytes: &'a [u8], change: impl FnOnce(&mut Vec<(String, TensorView<'a>)>)) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let mut tensors = file.tensors();
    change(&mut tensors);
    serialize(tensors, None).unwrap()
}

#[test]
fn what_others_write_is_read() {
    let spec = mlp(3, &[4], 2, "BN").spec();
    let network = spec.build::<f32>(1).unwrap();
    let bytes = pytorch::to_bytes(&network, Naming::Sequential).unwrap();
    // Numbers of batches, and a bias before a batch normalization.
    let (count, bias) = (7_i64.to_le_bytes(), 0.5_f32.to_le_bytes().repeat(4));
    let bytes = with(&bytes[..], |tensors| {
        let counted = TensorView::new(Dtype::I64, vec![], &count).unwrap();
        tensors.push(("1.num_batches_tracked".to_owned(), counted));
        tensors.push(("0.bias".to_owned(), TensorView::new(Dtype::F32, vec![4], &bias).unwrap()));
    });
    let mut read = spec.build::<f32>(2).unwrap();
    pytorch::from_bytes(&mut read, &bytes, Naming::Sequential).unwrap();
    assert_eq!(read.parameters.get("hidden1.bias"), Some(&[0.5; 4][..]));
    assert_eq!(read.parameters.get("output.weights"), network.parameters.get("output.weights"));
    // Without a description it is read where the network is known alone.
    assert!(matches!(network_from_bytes::<f32>(&bytes), Err(Problem::NoNetwork)));
    // A bias may be missing, weights may not; nor may a statistic.
    for (name, outcome) in [
        ("4.bias", Ok(())),
        ("3.bias", Ok(())),
        ("0.weight", Err("0.weight: the file has none, expected shape [4, 3]")),
        ("1.running_var", Err("1.running_var: the file has none, expected shape [4]")),
    ] {
        let bytes = with(&bytes, |tensors| tensors.retain(|(tensor, _)| tensor != name));
        let found = pytorch::from_bytes(&mut read, &bytes, Naming::Sequential).map_err(|e| e.to_string());
        assert_eq!(found, outcome.map_err(str::to_owned), "without {name}");
    }
    let missing = with(&bytes, |tensors| tensors.retain(|(tensor, _)| tensor != "3.bias"));
    pytorch::from_bytes(&mut read, &missing, Naming::Sequential).unwrap();
    assert_eq!(read.parameters.get("output.bias"), Some(&[0.0; 2][..]));
}

#[test]
fn what_pytorch_has_no_module_for_is_an_error_with_a_way_out() {
    let network = |spec: NetworkSpec| spec.build::<f32>(1).unwrap();
    let fold_first = "hidden1: it has parameters that no module of PyTorch has; gmp_nn::fold::to_standard makes standard weights";
    for form in ["GmP", "WN"] {
        assert_eq!(error_of(&network(mlp(3, &[4], 2, form).spec()), Naming::Layers), fold_first);
    }
    let mean_only = mlp(3, &[4], 2, "SP").normalization(Normalization::batch_mean()).spec();
    let text = "hidden1: its normalization takes the mean away and no more, for which PyTorch has no module";
    assert_eq!(error_of(&network(mean_only), Naming::Layers), text);
    let block = NetworkSpec::vector(4).residual("block", vec![Dense::new(4, STANDARD).into()], vec![]);
    let text = "block: a residual block is no module of an nn.Sequential";
    assert_eq!(error_of(&network(block.clone()), Naming::Sequential), text);
    assert_eq!(error_of(&network(block), Naming::ResNet), "block.main1: the naming has no module for it");
    let twice: Naming<'_> = Naming::Custom(&|_, _| Some("linear".to_owned()));
    let text = "output: its module linear is that of another layer";
    assert_eq!(error_of(&network(mlp(3, &[4], 2, "SP").spec()), twice), text);
}

#[test]
fn own_names_are_kept_in_the_file() {
    let network = mlp(3, &[4], 2, "BN").build::<f32>(1).unwrap();
    let name = |layer: &str, part: Part| {
        Some(match part {
            Part::Linear => format!("model.{layer}"),
            Part::Normalization => format!("model.after_{layer}"),
        })
    };
    let bytes = pytorch::to_bytes(&network, Naming::Custom(&name)).unwrap();
    let found = shapes(&bytes);
    assert!(
        found.contains_key("model.hidden1.weight") && found.contains_key("model.after_hidden1.running_mean")
    );
    assert_eq!(network_from_bytes::<f32>(&bytes).unwrap().parameters, network.parameters);
}

/// Own files of every kind say what they are, in both precisions.
#[test]
fn a_file_describes_its_network() {
    for form in DENSE {
        let network = mlp(3, &[7, 5], 2, form)
            .activation(Activation::LeakyRelu { slope: 0.2 })
            .build::<f64>(3)
            .unwrap();
        let read = network_from_bytes::<f64>(&safetensors::to_bytes(&network).unwrap()).unwrap();
        assert_eq!((read.spec(), &read.parameters), (network.spec(), &network.parameters), "{form}");
        assert_eq!(read.buffers, network.buffers, "{form}");
    }
    for form in FOLDABLE {
        let network = trained(vgg6(&self::form(form), 4, 3), 4);
        let read = network_from_bytes::<f32>(&safetensors::to_bytes(&network).unwrap()).unwrap();
        assert_eq!((&read.parameters, &read.buffers), (&network.parameters, &network.buffers), "{form}");
    }
    assert_eq!(
        trained(vgg6(&form("SP"), 4, 3), 4).input(),
        Features::Image { height: 32, width: 32, channels: 3 }
    );
}

/// The metadata of a small file replaced.
fn described_as(spec: &NetworkSpec) -> Vec<u8> {
    let bytes = safetensors::to_bytes(&Mlp::new(3, &[], 1, STANDARD).build::<f32>(1).unwrap()).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let metadata = HashMap::from([("gmp.network".to_owned(), serde_json::to_string(spec).unwrap())]);
    serialize(file.tensors(), Some(metadata)).unwrap()
}

/// A description of a few bytes asks for no more memory than the file has numbers.
#[test]
fn a_description_without_the_numbers_is_refused_before_it_is_built() {
    let refused =
        |spec: NetworkSpec| network_from_bytes::<f32>(&described_as(&spec)).unwrap_err().to_string();
    let huge = NetworkSpec::vector(1_000_000).dense("hidden1", 1_000_000, Parameterization::Geometric);
    let text = "metadata: network: it has at least 1000000000000 numbers, the file at most 4";
    assert_eq!(refused(huge), text);
    let overflowing = NetworkSpec::vector(usize::MAX).dense("hidden1", usize::MAX, STANDARD);
    assert!(refused(overflowing).contains("18446744073709551615 numbers"));
    let wide = NetworkSpec::vector(1 << 40).normalization("norm", Normalization::batch());
    assert!(refused(wide).contains("1099511627776 numbers"));
    let window = Window::new(1000, 1, Padding::Same);
    let image = NetworkSpec::image(1000, 1000, 3).convolution("conv", 1000, window, STANDARD);
    assert!(refused(image).contains("3000000000 numbers"));
    // Few channels, but many pixels.
    let flat = NetworkSpec::image(100_000, 100_000, 1).flatten("flatten").dense("hidden1", 10, STANDARD);
    assert!(refused(flat).contains("100000000000 numbers"));
    // One that the numbers would do for, but are not of.
    let other = NetworkSpec::vector(1).dense("hidden1", 2, STANDARD);
    assert_eq!(refused(other), "output.bias: the file has it, expected no such matrix");
}

/// From PyTorch's names to geometric units and back: every step the same function.
#[test]
fn plain_networks_become_geometric_and_plain_again() {
    for (name, spec, naming) in [
        ("perceptron", mlp(3, &[7, 5], 2, "SP").spec(), Naming::Sequential),
        ("perceptron, BN", mlp(3, &[7, 5], 2, "BN").spec(), Naming::Sequential),
        ("VGG-6, BN", vgg6(&batch_normalized(), 4, 3), Naming::Sequential),
        ("flattened", flat_vgg(), Naming::Vgg),
        ("ResNet, BN", resnet18(&batch_normalized(), 5), Naming::ResNet),
    ] {
        let network = match spec.input {
            Features::Vector(_) => spec.build::<f32>(4).unwrap(),
            Features::Image { .. } => trained(spec, 4),
        };
        let bytes = pytorch::to_bytes(&network, naming).unwrap();
        let geometric = fold::to_geometric(&network_from_bytes::<f32>(&bytes).unwrap()).unwrap();
        assert!(geometric.parameters.entries().iter().any(|entry| entry.name.ends_with(".angles")), "{name}");
        same_function(&geometric, &network, name);
        let plain = fold::to_standard(&geometric).unwrap();
        let again = network_from_bytes::<f32>(&pytorch::to_bytes(&plain, naming).unwrap()).unwrap();
        same_function(&again, &network, name);
    }
}

/// torchvision's VGG-11 in small, on images that are wider than high.
fn flat_vgg() -> NetworkSpec {
    let conv = |filters| Convolution::new(filters, Window::new(3, 1, Padding::Same), STANDARD);
    let pool = Window::new(2, 2, Padding::Valid);
    NetworkSpec::image(8, 12, 3)
        .layer("conv1", conv(4))
        .max_pool("pool1", pool)
        .layer("conv2", conv(6))
        .layer("conv3", conv(5))
        .max_pool("pool2", pool)
        .flatten("flatten")
        .dense("hidden1", 8, STANDARD)
        .dense("hidden2", 7, STANDARD)
        .output(3)
}

/// Channels before pixels, where ours are pixels before channels; names as torchvision's.
#[test]
fn dense_units_behind_flattened_images_are_in_the_order_of_pytorch() {
    let spec = flat_vgg();
    let mut network = spec.build::<f32>(1).unwrap();
    let (pixels, channels, units) = (6, 5, 8);
    let ours: Vec<f32> = (0..pixels * channels * units).map(|i| i as f32).collect();
    network.parameters.set("hidden1.weights", &ours).unwrap();
    let bytes = pytorch::to_bytes(&network, Naming::Vgg).unwrap();
    let mut names: Vec<String> =
        shapes(&bytes).into_keys().filter(|name| name.ends_with(".weight")).collect();
    names.sort();
    let expected = ["classifier.0", "classifier.3", "classifier.6", "features.0", "features.3", "features.5"];
    assert_eq!(names, expected.map(|name| format!("{name}.weight")));
    let mut theirs = numbers(&bytes, "classifier.0.weight").into_iter();
    for (unit, channel) in (0..units).flat_map(|u| (0..channels).map(move |c| (u, c))) {
        for pixel in 0..pixels {
            assert_eq!(theirs.next(), Some(ours[(pixel * channels + channel) * units + unit]));
        }
    }
    let mut read = spec.build::<f32>(2).unwrap();
    pytorch::from_bytes(&mut read, &bytes, Naming::Vgg).unwrap();
    assert_eq!(read.parameters, network.parameters);
    assert_eq!(network_from_bytes::<f32>(&bytes).unwrap().parameters, network.parameters);
    // One module of an nn.Sequential.
    let found = shapes(&pytorch::to_bytes(&network, Naming::Sequential).unwrap());
    assert!(!found.contains_key("8.weight") && found["9.weight"] == [8, 30], "{found:?}");
}

#[test]
fn flattened_images_go_to_dense_units_alone() {
    let reason = "PyTorch has the numbers of a flattened image in another order, so that only dense units may come behind it";
    let flat = || NetworkSpec::image(4, 4, 2).flatten("flatten");
    for (spec, layer) in [
        (flat(), "flatten"),
        (flat().normalization("norm", Normalization::batch()).output(2), "norm"),
        (flat().residual("block", vec![Dense::new(32, STANDARD).into()], vec![]), "block"),
    ] {
        let network = spec.build::<f32>(1).unwrap();
        assert_eq!(error_of(&network, Naming::Layers), format!("{layer}: {reason}"));
    }
}

/// Real PyTorch's state dicts of a perceptron, a VGG and a ResNet of torchvision's kind come in, compute the same, and go
/// back into the same modules.
#[test]
fn state_dicts_of_pytorch_come_and_go() {
    let Some(python) = Python::with(&["torch", "safetensors.torch"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/state_dicts.py");
    python.run(&[script.as_ref(), "write".as_ref(), folder.path()]);
    let vgg = [4, 6].into_iter().enumerate().fold(NetworkSpec::image(8, 8, 3), |spec, (i, filters)| {
        let norm = BatchNorm { epsilon: 1e-5, momentum: 0.9, affine: true };
        let units = Convolution::new(filters, Window::new(3, 1, Padding::Same), STANDARD).normalization(norm);
        spec.layer(format!("conv{i}"), units).max_pool(format!("pool{i}"), Window::new(2, 2, Padding::Valid))
    });
    let resnet = {
        let mut spec = resnet18(&batch_normalized(), 5);
        spec.layers.retain(|(name, _)| !name.starts_with("stage3") && !name.starts_with("stage4"));
        spec.input = Features::Image { height: 32, width: 32, channels: 3 };
        spec
    };
    let perceptron = NetworkSpec::vector(3)
        .dense("hidden1", 7, STANDARD)
        .layer("hidden2", Dense::new(5, STANDARD).activation(Activation::Tanh))
        .output(2);
    for (name, spec, naming) in [
        ("perceptron", perceptron, Naming::Sequential),
        ("vgg", vgg.global_average_pool("average").output(3), Naming::Sequential),
        ("flat", flat_vgg(), Naming::Vgg),
        ("resnet", resnet, Naming::ResNet),
    ] {
        let file = |suffix: &str| folder.path().join(format!("{name}{suffix}.safetensors"));
        let mut network = spec.build::<f32>(1).unwrap();
        pytorch::import(&mut network, &file(""), naming).unwrap();
        let check = std::fs::read(file(".check")).unwrap();
        close(&evaluate(&network, &numbers(&check, "inputs")), &numbers(&check, "outputs"), name);
        pytorch::export(&network, &file(".back"), naming).unwrap();
    }
    let text = python.run(&[script.as_ref(), "read".as_ref(), folder.path()]);
    println!("{text}");
}
