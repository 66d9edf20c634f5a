//! Networks as ONNX files: the bytes read and the graphs run without the crate that wrote them, and by ONNX Runtime.

mod evaluator;
mod wire;

use crate::forms::{DENSE, FOLDABLE, form, mlp};
use crate::safetensors::{Python, evaluate, trained};
use ::safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use evaluator::Array;
use gmp_math::Scalar;
use gmp_nn::activation::{Pointwise, Reads};
use gmp_nn::conv::{Padding, Window};
use gmp_nn::zoo::{resnet18, vgg6};
use gmp_nn::{
    Activation, Convolution, Features, Mlp, Network, NetworkSpec, Normalization, Parameterization, Rng,
};
use gmp_train::onnx;
use std::collections::HashSet;
use wire::Fields;

/// A network of every kind of layer, activation and window that folds.
fn networks() -> Vec<(String, Network<f32>)> {
    let mut networks = Vec::new();
    for form in DENSE {
        networks.push((format!("dense {form}"), mlp(3, &[7, 5], 2, form).build(4).unwrap()));
    }
    networks.push(("no hidden layer".to_owned(), mlp(3, &[], 2, "SP").build(4).unwrap()));
    for activation in Activation::ALL {
        let hidden = Convolution::new(4, Window::new(3, 1, Padding::Same), Parameterization::Geometric);
        let spec = NetworkSpec::image(5, 6, 3)
            .layer("conv1", hidden.activation(activation))
            .global_average_pool("average")
            .layer("hidden1", gmp_nn::Dense::new(5, Parameterization::Geometric).activation(activation))
            .output(2);
        networks.push((format!("activation {}", activation.name()), trained(spec, 4)));
    }
    let paddings = [Padding::Valid, Padding::Same, Padding::Symmetric(1)];
    for (size, stride) in [(2, 2), (3, 2), (3, 1), (2, 1)] {
        for (i, padding) in paddings.into_iter().enumerate() {
            // An image comes out.
            let window = Window::new(size, stride, padding);
            let spec = NetworkSpec::image(9, 8, 3)
                .convolution("conv1", 4, window, Parameterization::Standard)
                .max_pool("pool1", window);
            networks.push((format!("window {size} by {stride}, padding {i}"), spec.build(4).unwrap()));
        }
    }
    for form in FOLDABLE {
        networks.push((format!("VGG-6 {form}"), trained(vgg6(&self::form(form), 4, 3), 4)));
    }
    for form in FOLDABLE {
        let variant = self::form(form);
        let hidden = Convolution::new(4, Window::new(3, 2, Padding::Same), variant.parameterization);
        let dense = gmp_nn::Dense::new(5, variant.parameterization).normalization(variant.normalization);
        let spec = NetworkSpec::image(5, 6, 3)
            .layer("conv1", hidden.normalization(variant.normalization))
            .flatten("flatten")
            .layer("hidden1", dense)
            .output(2);
        networks.push((format!("flattened {form}"), trained(spec, 4)));
    }
    networks.push((
        "flattened alone".to_owned(),
        NetworkSpec::image(3, 4, 3).flatten("flatten").build(4).unwrap(),
    ));
    for form in ["BN", "GmP+IMN"] {
        networks.push((format!("ResNet {form}"), trained(resnet18(&self::form(form), 5), 4)));
    }
    networks
}

/// Samples as a matrix: vectors, or images by pixel.
fn inputs(network: &Network<f32>, samples: usize) -> Vec<f32> {
    let mut rng = Rng::new(5, "inputs");
    let length = samples * network.input().rows() * network.input().columns();
    (0..length).map(|_| rng.normal() as f32).collect()
}

/// Rows of a matrix as ONNX has them: channels before rows and columns.
fn array(rows: &[f32], features: Features, samples: usize) -> Array {
    let (pixels, channels) = (features.rows(), features.columns());
    let mut dims = vec![samples, channels];
    if let Features::Image { height, width, .. } = features {
        dims.extend([height, width]);
    }
    let place = |i: usize| {
        let (sample, channel, pixel) = (i / (channels * pixels), i / pixels % channels, i % pixels);
        (sample * pixels + pixel) * channels + channel
    };
    Array { dims, numbers: (0..rows.len()).map(|i| f64::from(rows[place(i)])).collect() }
}

/// The graph computes what the network does.
#[test]
fn graphs_compute_what_networks_do() {
    for (name, network) in networks() {
        // The ResNets have 64 filters and more: ONNX Runtime runs them.
        if name.starts_with("ResNet") {
            continue;
        }
        let x = inputs(&network, 2);
        let expected = array(&evaluate(&network, &x), network.output(), 2);
        let found = evaluator::run(&onnx::to_bytes(&network).unwrap(), array(&x, network.input(), 2));
        assert_eq!(found.dims, expected.dims, "{name}");
        let scale = expected.numbers.iter().fold(0.0_f64, |scale, y| scale.max(y.abs()));
        for (found, expected) in found.numbers.iter().zip(&expected.numbers) {
            assert!((found - expected).abs() <= 1e-5 * scale, "{name}: {found} for {expected}");
        }
    }
}

/// Dimensions of an input or output: sizes, and the name of what is free.
fn shape<'a>(value: &Fields<'a>) -> (&'a str, Vec<String>) {
    let tensor = value.message(2).message(1);
    assert_eq!(tensor.numbers(1), [1], "single precision");
    let dims = tensor.message(2).messages(1).into_iter().map(|dim| match dim.numbers(1)[..] {
        [size] => size.to_string(),
        _ => dim.text(2).to_owned(),
    });
    (value.text(1), dims.collect())
}

#[test]
fn a_model_says_its_versions_and_a_batch_is_free() {
    let network = vgg6(&form("BN"), 4, 3).build::<f32>(1).unwrap();
    let bytes = onnx::to_bytes(&network).unwrap();
    let model = Fields::of(&bytes);
    assert_eq!((model.numbers(1), model.text(2)), (vec![7], "gmp-train"));
    let opset = model.message(8);
    assert_eq!((opset.text(1), opset.numbers(2)), ("", vec![13]));
    let graph = model.message(7);
    assert!(!graph.text(2).is_empty());
    let sizes = |sizes: &[&str]| sizes.iter().map(|&size| size.to_owned()).collect::<Vec<_>>();
    assert_eq!(shape(&graph.message(11)), ("input", sizes(&["batch", "3", "32", "32"])));
    assert_eq!(shape(&graph.message(12)), ("output", sizes(&["batch", "3"])));

    let operators: Vec<_> = graph.messages(1).iter().map(|node| node.text(4)).collect();
    let pair = ["Conv", "Relu", "Conv", "Relu", "MaxPool"];
    assert_eq!(operators, [&pair[..], &pair, &pair, &["GlobalAveragePool", "Flatten", "Gemm"]].concat());
    // Batch normalization went into the weights, which have PyTorch's names.
    let initializers = graph.messages(5);
    let names: Vec<_> = initializers.iter().map(|tensor| tensor.text(8)).collect();
    assert_eq!((names.len(), &names[..3]), (14, &["conv1.weight", "conv1.bias", "conv2.weight"][..]));
    assert_eq!(initializers[2].numbers(1), [4, 4, 3, 3]);
}

/// Operators in an order in which their inputs are there, every value made once and, but for the output, used.
#[test]
fn graphs_are_well_formed() {
    for (name, network) in networks() {
        let bytes = onnx::to_bytes(&network).unwrap();
        let graph = Fields::of(&bytes).message(7);
        let initializers = graph.messages(5);
        let mut there: HashSet<&str> = initializers.iter().map(|tensor| tensor.text(8)).collect();
        assert_eq!(there.len(), initializers.len(), "{name}");
        assert!(there.insert("input"), "{name}");
        let (mut used, mut operators) = (HashSet::new(), HashSet::new());
        for node in graph.messages(1) {
            for input in node.texts(1) {
                assert!(there.contains(input), "{name}: {input} of {}", node.text(3));
                used.insert(input);
            }
            assert!(operators.insert(node.text(3)), "{name}: {} twice", node.text(3));
            assert!(node.texts(2).iter().all(|output| there.insert(output)), "{name}");
        }
        there.remove("output");
        assert_eq!(used, there, "{name}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Doubled;
impl Pointwise for Doubled {
    const NAME: &'static str = "doubled";
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = true;
    const KINKS: &'static [f64] = &[];
    fn value<T: Scalar>(self, z: T) -> T {
        z + z
    }
    fn slope<T: Scalar>(self, _: T) -> T {
        T::ONE + T::ONE
    }
}

#[test]
fn what_onnx_has_no_place_for_is_an_error() {
    let error = |mlp: Mlp| onnx::to_bytes(&mlp.build::<f64>(1).unwrap()).unwrap_err().to_string();
    let standard = Mlp::new(3, &[4], 1, Parameterization::Standard);
    let text = error(standard.clone().normalization(Normalization::layer()));
    assert!(text.starts_with("hidden1: ") && text.contains("statistics from every sample"), "{text}");
    let text = error(standard.clone().activation(Activation::Custom(&Doubled)));
    assert_eq!(text, "hidden1: there is no operator for the activation doubled");
    let mut large = standard.build::<f64>(1).unwrap();
    large.parameters.set("output.bias", &[1e300]).unwrap();
    let text = onnx::to_bytes(&large).unwrap_err().to_string();
    assert_eq!(text, "output.bias, number 0 (from 0): inf is not a finite f32");
}

/// The checker of ONNX accepts every file, and ONNX Runtime computes what the network does.
#[test]
fn onnx_runtime_agrees() {
    let Some(python) = Python::with(&["onnx", "onnxruntime", "safetensors.numpy"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, network) in networks() {
        onnx::export(&network, &folder.path().join(format!("{name}.onnx"))).unwrap();
        let x = inputs(&network, 3);
        let y = evaluate(&network, &x);
        let bytes = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let (x, y) = (bytes(&x), bytes(&y));
        let view = |bytes, features| {
            let shape = match features {
                Features::Vector(columns) => vec![3, columns],
                Features::Image { height, width, channels } => vec![3, height, width, channels],
            };
            TensorView::new(Dtype::F32, shape, bytes).unwrap()
        };
        let tensors =
            [("inputs", view(&x[..], network.input())), ("outputs", view(&y[..], network.output()))];
        serialize_to_file(tensors, None, &folder.path().join(format!("{name}.safetensors"))).unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/run_onnx.py");
    println!("ONNX Runtime: {}", python.run(&[script.as_ref(), folder.path()]));
}
