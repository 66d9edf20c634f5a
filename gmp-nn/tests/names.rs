//! What layers and their options are called, and which of them count as equal.

use gmp_autograd::{Tape, Var};
use gmp_nn::conv::{Geometry, Images, Padding, Window};
use gmp_nn::normalization::{BatchNorm, Normalize, Normalizer};
use gmp_nn::parameterization::Parameterize;
use gmp_nn::{
    Activation, Boundaries, Declare, Dense, Element, Error, Features, Forward, GeometricOptions, Layer,
    LayerSpec, Mlp, Network, NetworkSpec, Normalization, Parameterization, op,
};

#[test]
fn names_of_options() {
    for (normalization, name) in [
        (Normalization::None, "none"),
        (Normalization::batch(), "batch_norm"),
        (Normalization::batch_mean(), "batch_mean"),
        (Normalization::input_mean(), "input_mean"),
        (Normalization::layer(), "layer_norm"),
    ] {
        assert_eq!((normalization.name(), format!("{normalization:>16}")), (name, format!("{name:>16}")));
    }
    assert_eq!(Parameterize::<f64>::name(&GeometricOptions::default()), "GmP");
    let names = Parameterization::ALL.map(|parameterization| format!("{parameterization:<4}|"));
    assert_eq!(names, ["SP  |", "WN  |", "GmP |"]);
}

#[test]
fn normalizations_of_other_options_are_others() {
    let momentum = |momentum| Normalization::from(BatchNorm { momentum, ..Default::default() });
    assert_eq!(momentum(0.5), momentum(0.5));
    assert_ne!(momentum(0.5), momentum(0.75));
    assert_ne!(Normalization::batch_mean(), Normalization::input_mean());
}

/// Does nothing, and says nothing of itself.
#[derive(Debug)]
#[allow(non_camel_case_types, reason = "names may have underscores")]
struct My_Layer2 {
    #[allow(dead_code, reason = "it is in the output of Debug")]
    option: usize,
}

impl<T: Element> Layer<T> for My_Layer2 {
    fn forward(&self, _: &mut Forward<'_, T>, x: Var) -> Var {
        x
    }
}

#[derive(Debug)]
struct Unit;

impl<T: Element> Layer<T> for Unit {
    fn forward(&self, _: &mut Forward<'_, T>, x: Var) -> Var {
        x
    }
}

#[test]
fn a_layer_is_called_as_its_type() {
    assert_eq!(Layer::<f64>::summary(&My_Layer2 { option: 3 }), "My_Layer2");
    assert_eq!(Layer::<f64>::summary(&Unit), "Unit");
    let network = Network::<f64>::builder(Features::Vector(2)).own("mine", |_| Ok(Unit)).unwrap().build();
    assert!(network.summary().to_string().contains("mine   Unit"), "{}", network.summary());
}

/// Two layers of one kind in each way through a block.
#[test]
fn layers_are_listed_by_name() {
    let dense = || Dense::new(2, Parameterization::Geometric);
    let mean =
        |activation| LayerSpec::Normalization { normalization: Normalization::batch_mean(), activation };
    let network = NetworkSpec::vector(2)
        .residual("block", vec![dense().into()], vec![dense().into()])
        .layer("mean", mean(Activation::Identity))
        .layer("rectified", mean(Activation::Relu))
        .build::<f64>(1)
        .unwrap();
    let names: Vec<_> = network.layers().iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["block", "mean", "rectified"]);
    let summary = network.summary().to_string();
    let lines: Vec<_> =
        summary.lines().map(|line| line.split("  ").map(str::trim).collect::<Vec<_>>()).collect();
    assert_eq!([&lines[2][1], &lines[3][1]], [&"block.main1", &"block.shortcut1"]);
    assert!(lines[4].contains(&"batch_mean") && lines[5].contains(&"batch_mean, relu"), "{summary}");
}

#[test]
fn a_perceptron_is_written_with_its_activation_and_read_back() {
    let mlp = Mlp::new(3, &[7], 2, Parameterization::WeightNorm).activation(Activation::Tanh);
    assert_eq!(mlp.activation, Activation::Tanh);
    assert_eq!(serde_json::from_str::<Mlp>(&serde_json::to_string(&mlp).unwrap()).unwrap(), mlp);
    let output = Dense::new(2, Parameterization::WeightNorm).activation(Activation::Identity);
    assert_eq!(mlp.spec().layers.last(), Some(&("output".to_owned(), output.into())));
}

/// A normalization that keeps no running statistics, and nothing else.
#[derive(Debug)]
struct Nothing;

impl<T: Element> Normalize<T> for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }
    fn declare(&self, _: usize, _: &mut Declare<'_, T>) -> Result<Box<dyn Normalizer<T>>, Error> {
        Ok(Box::new(Nothing))
    }
}

impl<T: Element> Normalizer<T> for Nothing {
    fn on_tape(&self, _: &mut Forward<'_, T>, z: Var, _: Activation) -> Var {
        z
    }
}

/// Also behind a normalization that says nothing of its boundaries: they are those of the units before it.
#[test]
fn hyperplanes_come_in_the_order_of_the_kinks() {
    let boundaries = |normalization, biases: [f64; 3]| {
        let units = Dense::new(3, Parameterization::Standard)
            .normalization(normalization)
            .activation(Activation::HardTanh);
        let mut network = NetworkSpec::vector(2).layer("units", units).build::<f64>(1).unwrap();
        network.parameters.set("units.bias", &biases).unwrap();
        let mut boundaries = Boundaries::default();
        network.boundaries("units", &mut boundaries);
        boundaries
    };
    // With the statistics that it starts with, and nothing added to the variance, this is the identity.
    let batch = BatchNorm { affine: false, epsilon: 0.0, momentum: 0.5 }.into();
    for normalization in [Normalization::None, Normalization::Custom(&Nothing), batch] {
        let found = boundaries(normalization, [0.25, -3.0, 1.0]);
        // w·x + b = −1, and 1.
        assert_eq!(found.offsets, [1.25, -2.0, 2.0, -0.75, -4.0, 0.0]);
        assert_eq!(found, boundaries(Normalization::None, [0.25, -3.0, 1.0]));
        assert_ne!(found, boundaries(Normalization::None, [0.25, -3.0, 0.0]));
    }
}

/// What profilers and the search for broken numbers say.
#[test]
fn operations_on_the_tape_have_names() {
    use Activation::{Gelu, Identity, LeakyRelu, Relu};
    let images = Images { batch: 1, height: 2, width: 2, channels: 1 };
    let g = Geometry::new(images, Window::new(1, 1, Padding::Valid), 1).unwrap();
    let mut tape = Tape::<f64>::new();
    tape.begin(&[]);
    let t = &mut tape;
    let (x, one) = (t.input(&[1.0, 2.0, 3.0, 4.0], 4, 1), t.input(&[1.0], 1, 1));
    let mut expected = vec!["leaf"; 2];
    for (activation, names) in [
        (Identity, ["affine", "scaled_affine", "conv2d", "scaled_conv2d", "batch_norm", "mean_norm"]),
        (
            Relu,
            [
                "affine_relu",
                "scaled_affine_relu",
                "conv2d_relu",
                "scaled_conv2d_relu",
                "batch_norm_relu",
                "mean_norm_relu",
            ],
        ),
    ] {
        op::affine(t, x, one, one, activation);
        op::scaled_affine(t, x, one, one, one, activation);
        op::conv2d_bias(t, [x, one, one], &g, activation);
        op::scaled_conv2d(t, [x, one, one, one], &g, activation);
        op::batch_norm(t, [x, one, one], 1e-3, activation, |_, _| ());
        op::mean_norm(t, x, activation, |_| ());
        expected.extend(names);
    }
    op::conv2d(t, x, one, &g);
    op::layer_norm(t, x, 1e-3);
    op::weight_norm(t, one, one);
    op::direction(t, one);
    op::max_pool(t, x, images, g.window()).unwrap();
    op::global_average_pool(t, x, 4);
    op::activation(t, x, Gelu);
    op::activation(t, x, LeakyRelu { slope: 0.1 });
    expected.extend(["conv2d", "layer_norm", "weight_norm", "direction", "max_pool", "global_average_pool"]);
    expected.extend(["gelu", "leaky_relu"]);
    let names: Vec<_> = tape.operations().map(|operation| operation.name).collect();
    assert_eq!(names, expected);
}

#[test]
fn running_statistics_that_broke_are_found_on_the_tape() {
    let units = Dense::new(2, Parameterization::Standard).normalization(Normalization::batch_mean());
    let mut network = NetworkSpec::vector(2).layer("units", units).build::<f64>(1).unwrap();
    network.buffers.set("units.running_mean", &[0.0, f64::NAN]).unwrap();
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(&[1.0, 2.0], 1, 2);
    network.forward(&mut tape, x);
    assert_eq!(tape.first_non_finite().unwrap().name, "constant");
}
