//! Summaries against numbers that were computed by hand.

use gmp_autograd::Var;
use gmp_nn::zoo::{Variant, resnet18, vgg6};
use gmp_nn::{
    Dense, Element, Features, Forward, Layer, Mlp, Network, Normalization, Parameterization, Summary,
};

/// Name, numbers of the output, parameters, multiply-adds.
type Row<'a> = (&'a str, usize, usize, u64);

fn check(summary: &Summary, bytes_per_number: usize, expected: &[Row<'_>]) {
    assert_eq!(summary.layers().len(), expected.len());
    for (layer, &(name, numbers, parameters, multiply_adds)) in summary.layers().iter().zip(expected) {
        assert_eq!(layer.name, name);
        assert_eq!(layer.output.rows() * layer.output.columns(), numbers, "{name}");
        assert_eq!(layer.activation_bytes, bytes_per_number * numbers, "{name}");
        assert_eq!((layer.parameters, layer.multiply_adds), (parameters, Some(multiply_adds)), "{name}");
    }
}

fn totals(summary: &Summary) -> (usize, usize, Option<u64>) {
    (summary.parameters(), summary.activation_bytes(), summary.multiply_adds())
}

#[test]
fn a_perceptron() {
    // 13·100 + 100 and 100 + 1; in double precision.
    let mlp = Mlp::new(13, &[100], 1, Parameterization::Standard);
    let summary = mlp.build::<f64>(1).unwrap().summary();
    check(&summary, 8, &[("hidden1", 100, 1400, 1300), ("output", 1, 101, 100)]);
    assert_eq!(totals(&summary), (1501, 808, Some(1400)));
    // 12·100 angles, 100 offsets, 100 radii; the same linear maps.
    let mlp = Mlp::new(13, &[100], 1, Parameterization::Geometric);
    let summary = mlp.build::<f32>(1).unwrap().summary();
    check(&summary, 4, &[("hidden1", 100, 1400, 1300), ("output", 1, 101, 100)]);
}

/// VGG-6 at the paper's width, with 1000 classes.
#[test]
fn vgg6_at_full_width() {
    let network = vgg6(&Variant::new(Parameterization::Standard), 128, 1000).build::<f32>(1).unwrap();
    let summary = network.summary();
    let expected = [
        ("conv1", 131_072, 3_584, 3_538_944), // 32·32 positions, 27 inputs, 128 filters
        ("conv2", 131_072, 147_584, 150_994_944), // 32·32, 1152, 128
        ("pool1", 32_768, 0, 0),              // 16·16·128
        ("conv3", 65_536, 295_168, 75_497_472), // 16·16, 1152, 256
        ("conv4", 65_536, 590_080, 150_994_944), // 16·16, 2304, 256
        ("pool2", 16_384, 0, 0),              // 8·8·256
        ("conv5", 32_768, 1_180_160, 75_497_472), // 8·8, 2304, 512
        ("conv6", 32_768, 2_359_808, 150_994_944), // 8·8, 4608, 512
        ("pool3", 8_192, 0, 0),               // 4·4·512
        ("average", 512, 0, 0),
        ("output", 1000, 513_000, 512_000),
    ];
    check(&summary, 4, &expected);
    assert_eq!(totals(&summary), (5_089_384, 2_070_432, Some(608_030_720)));
}

/// 1.814 billion multiply-adds are the published number of this network; 11,689,512 its published number of parameters,
/// to which here the convolutions' 4,800 biases come.
#[test]
fn resnet18_at_224_pixels() {
    let variant = Variant::new(Parameterization::Standard).normalization(Normalization::batch());
    let summary = resnet18(&variant, 1000).build::<f32>(1).unwrap().summary();
    let stage = |numbers: usize| 7 * numbers;
    let numbers = 112 * 112 * 64 // stem
        + 56 * 56 * 64 // pool
        + (stage(56 * 56 * 64) - 56 * 56 * 64) // two blocks of two convolutions and a sum
        + stage(28 * 28 * 128) + stage(14 * 14 * 256) + stage(7 * 7 * 512) // and a convolution in a shortcut
        + 512 + 1000;
    assert_eq!(numbers, 3_438_568);
    assert_eq!(totals(&summary), (11_689_512 + 4_800, 4 * numbers, Some(1_814_073_344)));
    let block = summary.layers().iter().find(|layer| layer.name == "stage2.block1").unwrap();
    assert_eq!((block.depth, block.activation_bytes), (0, 4 * 4 * 28 * 28 * 128));
    assert_eq!(block.multiply_adds, Some(28 * 28 * 128 * (9 * 64 + 9 * 128 + 64)));
    let shortcut = summary.layers().iter().find(|layer| layer.name == "stage2.block1.shortcut1").unwrap();
    assert_eq!((shortcut.depth, shortcut.multiply_adds), (1, Some(28 * 28 * 128 * 64)));
}

#[derive(Debug)]
struct Unknown;
impl<T: Element> Layer<T> for Unknown {
    fn forward(&self, _: &mut Forward<'_, T>, x: Var) -> Var {
        x
    }
}

/// A layer from outside that does not say what it costs makes the total unknown, and nothing is made up.
#[test]
fn what_a_layer_does_not_say_is_not_known() {
    let network = Network::<f64>::builder(Features::Vector(2))
        .own("own", |_| Ok(Unknown))
        .and_then(|builder| builder.layer("output", Dense::new(3, Parameterization::Standard)))
        .unwrap()
        .build();
    let summary = network.summary();
    assert_eq!(totals(&summary), (9, 40, None));
    let text = summary.to_string();
    let counts: Vec<_> = text.lines().map(|line| line.rsplit("  ").next().unwrap().trim()).collect();
    assert_eq!(counts, ["multiply-adds", "?", "6", "?"]);
}
