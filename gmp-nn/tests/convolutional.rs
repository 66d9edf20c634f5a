//! Convolutional networks: every form of their units, and the paper's two networks.

use crate::forms::{ALL, DENSE, form};
use gmp_autograd::{Tape, op};
use gmp_nn::conv::{Padding, Window};
use gmp_nn::zoo::{InputMeanPlacement, Variant, resnet18, vgg6};
use gmp_nn::{
    Activation, Boundaries, Convolution, Dense, Error, Features, LayerSpec, Network, NetworkSpec,
    Normalization, Parameterization, Rng,
};

fn draw(seed: u64, len: usize) -> Vec<f64> {
    let mut rng = Rng::new(seed, "pictures");
    (0..len).map(|_| rng.normal()).collect()
}

/// The layers of a network as `form` has them, on images small enough to differentiate numerically.
fn small(name: &str, of: impl Fn(&Variant) -> NetworkSpec, keep: &[&str]) -> NetworkSpec {
    let mut spec = of(&form(name));
    spec.layers.retain(|(name, _)| keep.iter().any(|k| name.split('.').next() == Some(k)));
    spec
}

fn loss(
    network: &mut Network<f64>,
    parameters: &[f64],
    x: &[f64],
    pixels: usize,
    channels: usize,
) -> (f64, Vec<f64>) {
    let mut tape = Tape::new();
    tape.begin(parameters);
    let images = x.len() / (pixels * channels);
    let x = tape.input(x, images * pixels, channels);
    let y = network.forward_training(&mut tape, x);
    let classes: Vec<f64> = (0..images).map(|i| (i % y.cols()) as f64).collect();
    let classes = tape.input(&classes, images, 1);
    let loss = op::softmax_cross_entropy(&mut tape, y, classes);
    tape.backward(loss);
    (tape.value(loss).data()[0], tape.parameter_gradients().to_vec())
}

/// Every tenth parameter against central differences, all forms, with everything that surrounds a convolution.
#[test]
fn whole_networks_pass_the_gradient_check() {
    let convolution = |filters, window, name: &str, activation| -> LayerSpec {
        let mut units = Convolution::new(filters, window, form(name).parameterization).activation(activation);
        if name == "BN" {
            units = units.normalization(form(name).normalization);
        }
        units.into()
    };
    for form in ALL {
        let vgg = small(form, |form| vgg6(form, 3, 4), &["conv1", "conv2", "pool1", "average", "output"]);
        let vgg = NetworkSpec { input: Features::Image { height: 6, width: 6, channels: 3 }, ..vgg };
        let residual = LayerSpec::Residual {
            main: vec![
                convolution(4, Window::new(3, 2, Padding::Symmetric(1)), form, Activation::Relu),
                convolution(4, Window::new(3, 1, Padding::Symmetric(1)), form, Activation::Identity),
            ],
            shortcut: vec![convolution(4, Window::new(1, 2, Padding::Valid), form, Activation::Identity)],
        };
        let mut block = vgg.clone();
        block.layers.insert(1, ("block".to_owned(), residual));
        for (spec, side) in [(vgg, 6), (block, 6)] {
            let mut network = spec.build::<f64>(3).unwrap();
            let mut rng = Rng::new(5, "disturb");
            let mut parameters: Vec<f64> =
                network.parameters.values().iter().map(|p| p + 0.1 * rng.normal()).collect();
            let x = draw(7, 3 * side * side * 3);
            let (_, gradient) = loss(&mut network, &parameters, &x, side * side, 3);
            for i in (0..parameters.len()).step_by(10) {
                let p = parameters[i];
                let mut at = |value| {
                    parameters[i] = value;
                    loss(&mut network, &parameters, &x, side * side, 3).0
                };
                let numeric = (at(p + 1e-6) - at(p - 1e-6)) / 2e-6;
                at(p);
                let name = &network.parameters.entry_of(i).unwrap().name;
                assert!(
                    (gradient[i] - numeric).abs() <= 1e-6 + 1e-4 * numeric.abs(),
                    "{form:?}, {name}: {} for {numeric}",
                    gradient[i]
                );
            }
        }
    }
}

/// From the same weights, standard and weight-normalized networks are the same function.
#[test]
fn standard_and_weight_normalized_start_as_the_same_function() {
    let outputs = |name| {
        let network = vgg6(&form(name), 4, 5).build::<f64>(1).unwrap();
        let mut tape = Tape::new();
        tape.begin(network.parameters.values());
        let x = tape.input(&draw(2, 2 * 32 * 32 * 3), 2 * 32 * 32, 3);
        let y = network.forward(&mut tape, x);
        tape.value(y).data().to_vec()
    };
    let (standard, normalized) = (outputs("SP"), outputs("WN"));
    for (a, b) in standard.iter().zip(&normalized) {
        assert!((a - b).abs() <= 1e-10 * (1.0 + b.abs()), "{a} and {b}");
    }
}

/// Numbers of parameters from the sizes of the layers, and for ResNet-18 from torchvision's 11,689,512: ours has a
/// bias in each of the twenty convolutions that torchvision's, under batch normalization, does without (4,800).
#[test]
fn the_networks_have_the_papers_sizes() {
    let parameters = |spec: NetworkSpec| spec.build::<f32>(0).unwrap().parameters.values().len();
    let sizes = [(3, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)];
    let vgg: usize = sizes.iter().map(|(i, o)| 9 * i * o + o).sum::<usize>() + 512 * 1000 + 1000;
    assert_eq!(parameters(vgg6(&form("SP"), 128, 1000)), vgg);
    // One angle fewer than weights, a radius more: as many as weights and bias.
    let filters: usize = sizes.iter().map(|(_, o)| o).sum();
    assert_eq!(parameters(vgg6(&form("GmP"), 128, 1000)), vgg);
    assert_eq!(parameters(vgg6(&form("BN"), 128, 1000)), vgg + 2 * filters);
    assert_eq!(parameters(resnet18(&form("BN"), 1000)), 11_689_512 + 4_800);
}

#[test]
fn resnet18_runs_under_every_form_of_the_paper() {
    for name in ["SP", "WN", "WN+MBN", "BN", "GmP", "GmP+IMN"] {
        let mut network = resnet18(&form(name), 7).build::<f32>(1).unwrap();
        let x: Vec<f32> = draw(3, 224 * 224 * 3).into_iter().map(|x| x as f32).collect();
        let mut tape = Tape::new();
        tape.begin(network.parameters.values());
        let x = tape.input(&x, 224 * 224, 3);
        let y = network.forward_training(&mut tape, x);
        assert_eq!((y.rows(), y.cols()), (1, 7));
        assert!(tape.value(y).data().iter().all(|y| y.is_finite()), "{name}");
    }
}

/// A geometric filter has one direction over all of its window: a unit vector of k·k·channels.
#[test]
fn boundaries_of_a_convolution_are_those_of_its_filters() {
    let network = vgg6(&form("GmP"), 4, 5).build::<f64>(1).unwrap();
    let mut boundaries = Boundaries::default();
    network.boundaries("conv2", &mut boundaries);
    assert_eq!((boundaries.inputs(), boundaries.units()), (3 * 3 * 4, 4));
    for j in 0..4 {
        let norm: f64 = boundaries.normals.iter().skip(j).step_by(4).map(|u| u * u).sum();
        assert!((norm - 1.0).abs() < 1e-12);
    }
}

#[test]
fn boundaries_of_every_layer_of_resnet18_can_be_observed() {
    let mut expected = vec![("stem".to_owned(), 7 * 7 * 3, 64)];
    let mut channels = 64;
    for (stage, filters) in (1..).zip([64, 128, 256, 512]) {
        for block in 1..=2 {
            let name = format!("stage{stage}.block{block}");
            expected.push((format!("{name}.main1"), 9 * channels, filters));
            expected.push((format!("{name}.main2"), 9 * filters, filters));
            if channels != filters {
                expected.push((format!("{name}.shortcut1"), channels, filters));
            }
            channels = filters;
        }
    }
    expected.push(("output".to_owned(), 512, 7));
    assert_eq!(expected.len(), 17 + 3 + 1);
    for name in ["WN+MBN", "BN", "GmP+IMN"] {
        // Main branches have other positions where a normalization is a layer of its own.
        let second = match name {
            "BN" => "main2",
            _ => "main3",
        };
        let network = resnet18(&form(name), 7).build::<f32>(1).unwrap();
        let mut boundaries = Boundaries::default();
        let found = network.unit_layers().into_iter().map(|name| {
            network.boundaries(&name, &mut boundaries);
            assert!(boundaries.normals.iter().chain(&boundaries.offsets).all(|x| x.is_finite()), "{name}");
            (name, boundaries.inputs(), boundaries.units())
        });
        let expected =
            expected.iter().map(|(name, inputs, units)| (name.replace("main2", second), *inputs, *units));
        assert!(found.eq(expected), "{name}: {:?}", network.unit_layers());
    }
}

/// Units inside a block, every parameterization with every normalization behind it: on one side of its boundary a
/// unit gives nothing, on the other something, by the running statistics.
#[test]
fn units_of_a_block_switch_on_their_boundaries() {
    let relu = Activation::Relu;
    let convolution = |name, activation| -> LayerSpec {
        let Variant { parameterization, normalization, .. } = form(name);
        let units = Convolution::new(4, Window::new(3, 1, Padding::Valid), parameterization);
        units.normalization(normalization).activation(activation).into()
    };
    let norm = |normalization| LayerSpec::Normalization { normalization, activation: relu };
    for name in DENSE {
        let plain = |activation| convolution(name, activation);
        for main in [
            vec![plain(relu)],
            vec![plain(Activation::Identity), norm(Normalization::batch_mean())],
            vec![plain(Activation::Identity), norm(Normalization::layer())],
        ] {
            let shortcut = vec![convolution("SP", Activation::Identity)];
            let case = format!("{main:?}");
            let spec = NetworkSpec::image(3, 3, 2).residual("block", main, shortcut);
            let mut network = spec.build::<f64>(1).unwrap();
            let mut rng = Rng::new(2, "disturb");
            for entry in network.parameters.entries().to_vec() {
                for p in &mut network.parameters.values_mut()[entry.slot.range()] {
                    // The shortcut adds nothing: the block gives what its main branch does.
                    *p = if entry.name.contains("shortcut") { 0.0 } else { *p + 0.3 * rng.normal() };
                }
            }
            // Means of any sign and variances, which are positive.
            for entry in network.buffers.entries().to_vec() {
                for statistic in &mut network.buffers.values_mut()[entry.slot.range()] {
                    *statistic =
                        if entry.name.ends_with("mean") { rng.normal() } else { 0.1 + rng.uniform() };
                }
            }
            let mut boundaries = Boundaries::default();
            network.boundaries("block.main1", &mut boundaries);
            assert_eq!((boundaries.inputs(), boundaries.units()), (18, 4));
            let mut locations = vec![0.0; 18 * 4];
            boundaries.spatial_locations(&mut locations);
            for unit in 0..4 {
                let column =
                    |numbers: &[f64]| -> Vec<f64> { numbers.iter().skip(unit).step_by(4).copied().collect() };
                let (location, normal) = (column(&locations), column(&boundaries.normals));
                let length = normal.iter().map(|w| w * w).sum::<f64>().sqrt();
                let output = |distance: f64| {
                    let x: Vec<f64> =
                        location.iter().zip(&normal).map(|(p, w)| p + distance * w / length).collect();
                    let mut tape = Tape::new();
                    tape.begin(network.parameters.values());
                    let x = tape.input(&x, 9, 2);
                    let y = network.forward(&mut tape, x);
                    tape.value(y).data()[unit]
                };
                for distance in [1e-9, 0.5] {
                    assert!(output(-distance) == 0.0, "{case}, unit {unit}: {}", output(-distance));
                    assert!(output(distance) > 0.0, "{case}, unit {unit}");
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "\"pool1\" is none of the layers of units, [\"conv1\", \"conv2\", ")]
fn boundaries_of_a_layer_without_units_are_refused() {
    let network = vgg6(&form("SP"), 1, 2).build::<f32>(1).unwrap();
    network.boundaries("pool1", &mut Boundaries::default());
}

#[test]
#[should_panic(expected = "the network takes images of 32×32×3, 1024 rows each; the batch has 1500 rows")]
fn a_part_of_an_image_is_refused() {
    let network = vgg6(&form("SP"), 1, 2).build::<f32>(1).unwrap();
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(&[0.0; 1500 * 3], 1500, 3);
    network.forward(&mut tape, x);
}

/// √(6/(fan in + fan out)), with Keras' fans except for geometric convolutions, whose fan out is the number of filters.
#[test]
fn initial_weights_have_the_glorot_limits_of_their_form() {
    let (channels, units) = (48, 40);
    for parameterization in Parameterization::ALL {
        let limit = |fan_in: usize, fan_out: usize| (6.0 / (fan_in + fan_out) as f64).sqrt();
        let window = Window::new(3, 1, Padding::Same);
        let dense = Dense::new(units, parameterization).into();
        let convolution = Convolution::new(units, window, parameterization).into();
        let convolution_limit = match parameterization {
            Parameterization::Geometric => limit(9 * channels, units),
            _ => limit(9 * channels, 9 * units),
        };
        let image = Features::Image { height: 4, width: 4, channels };
        for (input, layer, limit) in [
            (Features::Vector(9 * channels), dense, limit(9 * channels, units)),
            (image, convolution, convolution_limit),
        ] {
            let layer: LayerSpec = layer;
            let network = NetworkSpec::new(input).layer("units", layer).build::<f64>(1).unwrap();
            let mut boundaries = Boundaries::default();
            network.boundaries("units", &mut boundaries);
            let radius = network.parameters.get("units.radius").map_or(vec![1.0; units], <[f64]>::to_vec);
            let weights = boundaries.normals.chunks(units).flat_map(|row| row.iter().zip(&radius));
            let largest = weights.fold(0.0, |largest: f64, (w, r)| largest.max((w * r).abs()));
            assert!(
                (0.999..1.0 + 1e-12).contains(&(largest / limit)),
                "{parameterization} in {input:?}: {largest} for {limit}"
            );
        }
    }
}

#[test]
fn descriptions_that_do_not_fit_are_errors_that_name_the_layer() {
    let spec = |input, layer: LayerSpec| NetworkSpec::new(input).layer("odd", layer);
    let dense: LayerSpec = Dense::new(3, Parameterization::Standard).into();
    let image = Features::Image { height: 4, width: 4, channels: 3 };
    let error = |spec: NetworkSpec| spec.build::<f64>(0).unwrap_err();
    assert!(matches!(error(spec(image, dense.clone())), Error::Misfit { .. }));
    assert_eq!(
        error(spec(Features::Vector(3), LayerSpec::GlobalAveragePool)).to_string(),
        "odd: a vector of 3 flows in, expected an image"
    );
    let window = Window::new(5, 1, Padding::Valid);
    assert!(matches!(error(spec(image, LayerSpec::MaxPool { window })), Error::Window { .. }));
    let unequal = LayerSpec::Residual { main: vec![LayerSpec::GlobalAveragePool], shortcut: vec![] };
    assert!(error(spec(image, unequal)).to_string().starts_with("odd.shortcut: an image"));
    let mut twice = spec(Features::Vector(3), dense);
    twice.layers.extend(twice.layers.clone());
    assert_eq!(error(twice).to_string(), "odd: there are two layers of that name, expected every name once");
}

/// A description may come from a file; no size in it may panic or abort.
#[test]
fn sizes_beyond_any_memory_are_errors_that_name_the_layer() {
    let dense = |units| LayerSpec::from(Dense::new(units, Parameterization::Geometric));
    let convolution = |filters, size| {
        let window = Window::new(size, 1, Padding::Same);
        Convolution::new(filters, window, Parameterization::Geometric).into()
    };
    let error = |input, layer: LayerSpec| {
        NetworkSpec::new(input).layer("huge", layer).build::<f64>(0).unwrap_err().to_string()
    };
    let image = |side, channels| Features::Image { height: side, width: side, channels };
    assert_eq!(
        error(Features::Vector(1 << 40), dense(1 << 40)),
        "huge: 1099511627776 × 1099511627776 numbers do not fit into memory"
    );
    assert!(error(Features::Vector(3), dense(usize::MAX)).contains("do not fit into memory"));
    assert!(
        error(Features::Vector(usize::MAX), LayerSpec::normalization(Normalization::batch_mean()))
            .contains("do not fit into memory")
    );
    assert!(error(image(4, 1 << 30), convolution(8, (1 << 32) - 1)).contains("do not fit into memory"));
    assert!(error(image(4, 3), convolution(8, usize::MAX)).contains("the window's size must be less"));
    assert!(error(image(4, 3), convolution(usize::MAX, 3)).contains("too large to index"));
    assert!(error(image(usize::MAX, 3), LayerSpec::GlobalAveragePool).contains("do not fit into memory"));
    assert!(error(image(usize::MAX, 3), convolution(8, 3)).contains("an image's extent must be less"));
}

/// Both branches read the result before the block, which a normalization at the start of one must leave alone.
#[test]
fn a_block_may_begin_with_a_normalization() {
    let mean = || LayerSpec::Normalization {
        normalization: Normalization::batch_mean(),
        activation: Activation::Relu,
    };
    for (main, shortcut) in
        [(vec![mean()], vec![]), (vec![], vec![mean()]), (vec![mean(), mean()], vec![mean()])]
    {
        let mut spec = small("GmP", |form| vgg6(form, 3, 4), &["conv1", "average", "output"]);
        spec.layers.insert(1, ("block".to_owned(), LayerSpec::Residual { main, shortcut }));
        let mut network = spec.build::<f64>(3).unwrap();
        let parameters = network.parameters.values().to_vec();
        let (loss, gradient) = loss(&mut network, &parameters, &draw(7, 2 * 32 * 32 * 3), 32 * 32, 3);
        assert!(loss.is_finite() && gradient.iter().all(|g| g.is_finite()));
    }
}

#[test]
fn input_means_are_taken_inside_the_units_or_behind_every_activation() {
    let variant = Variant::new(Parameterization::Geometric).normalization(Normalization::input_mean());
    for placement in [InputMeanPlacement::InsideUnits, InputMeanPlacement::AfterActivation] {
        let spec = vgg6(&Variant { placement, ..variant }, 4, 5);
        let inside = spec.layers.iter().filter(
            |(_, layer)| matches!(layer, LayerSpec::Convolution(c) if c.normalization == variant.normalization),
        );
        let behind = spec.layers.iter().filter(|(_, layer)| matches!(layer, LayerSpec::Normalization { .. }));
        let expected = if placement == InputMeanPlacement::InsideUnits { (6, 0) } else { (0, 6) };
        assert_eq!((inside.count(), behind.count()), expected, "{placement:?}");
    }
}
