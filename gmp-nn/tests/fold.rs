//! Folded networks are the functions they were.

use crate::forms::{DENSE, FOLDABLE, form, mlp};
use gmp_autograd::Tape;
use gmp_nn::conv::{Padding, Window};
use gmp_nn::zoo::{Variant, resnet18, vgg6};
use gmp_nn::{
    Activation, Convolution, Dense, DirectionInit, Element, Error, Features, LayerSpec, Mlp, Network,
    NetworkSpec, Normalization, Parameterization, Rng, Role, fold,
};
use proptest::prelude::*;

fn evaluate<T: Element>(network: &Network<T>, x: &[T], inputs: usize) -> Vec<T> {
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(x, x.len() / inputs, inputs);
    let y = network.forward(&mut tape, x);
    tape.value(y).data().to_vec()
}

/// A network as it might be after training: radii and gains of both signs, any biases and statistics.
fn trained<T: Element>(spec: &NetworkSpec, seed: u64) -> Network<T> {
    let mut network = spec.build::<T>(seed).unwrap();
    let mut rng = Rng::new(seed, "disturb");
    network.parameters.values_mut().iter_mut().for_each(|p| *p += T::from_f64(0.7 * rng.normal()));
    for entry in network.parameters.entries().to_vec() {
        if entry.role == Role::Radius {
            let radii = &mut network.parameters.values_mut()[entry.slot.range()];
            radii.iter_mut().filter(|_| rng.below(3) == 0).for_each(|r| *r = -*r);
        }
    }
    for entry in network.buffers.entries().to_vec() {
        let statistic = |rng: &mut Rng| match entry.name.rsplit_once('.').unwrap().1 {
            "running_mean" => Some(rng.normal()),
            "running_variance" => Some(0.01 + rng.uniform()),
            _ => None,
        };
        for value in &mut network.buffers.values_mut()[entry.slot.range()] {
            *value = statistic(&mut rng).map_or(*value, T::from_f64);
        }
    }
    network
}

fn inputs<T: Element>(seed: u64, len: usize) -> Vec<T> {
    let mut rng = Rng::new(seed, "inputs");
    (0..len).map(|_| T::from_f64(rng.normal())).collect()
}

/// Largest difference over the largest output.
fn difference<T: Element>(a: &[T], b: &[T]) -> f64 {
    let scale = b.iter().fold(1.0_f64, |scale, y| scale.max(y.to_f64().abs()));
    a.iter().zip(b).map(|(a, b)| (a.to_f64() - b.to_f64()).abs()).fold(0.0, f64::max) / scale
}

fn folds<T: Element>(n: usize, hidden: &[usize], which: usize, seed: u64, tolerance: f64) {
    let form = DENSE[which];
    let network = trained::<T>(&mlp(n, hidden, 3, form).spec(), seed);
    let x = inputs(seed, 16 * n);
    let expected = evaluate(&network, &x, n);
    let plain = fold::to_standard(&network).unwrap();
    assert!(plain.buffers.values().is_empty());
    assert_eq!(
        plain.parameters.entries(),
        Mlp::new(n, hidden, 3, Parameterization::Standard).build::<T>(1).unwrap().parameters.entries()
    );
    let error = difference(&evaluate(&plain, &x, n), &expected);
    assert!(error < tolerance, "{form} {} as SP: {error:e}", T::NAME);
    let geometric = fold::to_geometric(&network).unwrap();
    let fresh = Mlp::new(n, hidden, 3, Parameterization::Geometric).build::<T>(1).unwrap();
    assert_eq!(geometric.parameters.entries(), fresh.parameters.entries());
    let error = difference(&evaluate(&geometric, &x, n), &expected);
    assert!(error < tolerance, "{form} {} as GmP: {error:e}", T::NAME);
    // There and back: the plain weights themselves.
    let back = fold::to_standard(&geometric).unwrap();
    let error = difference(back.parameters.values(), plain.parameters.values());
    assert!(error < tolerance, "{form} {} as GmP and back: {error:e}", T::NAME);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn any_network_as_plain_weights_and_as_geometric_units(
        n in 1..12usize, hidden in proptest::collection::vec(1..20usize, 0..4), which in 0..4usize, seed: u64,
    ) {
        folds::<f64>(n, &hidden, which, seed, 1e-11);
        folds::<f32>(n, &hidden, which, seed, 1e-4);
    }
}

#[test]
fn units_without_weights_become_constants() {
    let mut network = trained::<f64>(&Mlp::new(3, &[4, 4], 2, Parameterization::Standard).spec(), 1);
    // Units 1 and 2 of the first layer: no weights at all, and weights that are nothing beside the bias.
    let parameters = network.parameters.values_mut();
    (0..3).for_each(|input| (parameters[input * 4 + 1], parameters[input * 4 + 2]) = (0.0, 1e-310));
    (parameters[12 + 1], parameters[12 + 2]) = (0.7, 1.3);
    let x = inputs(2, 30);
    let geometric = fold::to_geometric(&network).unwrap();
    let radius = geometric.parameters.get("hidden1.radius").unwrap();
    assert_eq!([radius[1], radius[2]], [0.0, 0.0]);
    let error = difference(&evaluate(&geometric, &x, 3), &evaluate(&network, &x, 3));
    assert!(error < 1e-12, "{error:e}");
}

#[test]
fn weights_that_are_not_finite_are_an_error() {
    let mut network = trained::<f64>(&Mlp::new(3, &[4], 2, Parameterization::Standard).spec(), 1);
    network.parameters.values_mut()[5] = f64::NAN;
    assert!(
        matches!(fold::to_geometric(&network), Err(Error::Direction { layer, .. }) if layer == "hidden1")
    );
}

#[test]
fn half_sphere_networks_fold_too() {
    let spec =
        Mlp { directions: DirectionInit::HalfSphere, ..Mlp::new(5, &[8], 1, Parameterization::Geometric) };
    let (network, x) = (trained::<f64>(&spec.spec(), 3), inputs(3, 50));
    let plain = fold::to_standard(&network).unwrap();
    assert!(difference(&evaluate(&plain, &x, 5), &evaluate(&network, &x, 5)) < 1e-12);
}

/// On images of 32×32 at most, with a sixteenth of the filters.
fn small(mut spec: NetworkSpec) -> NetworkSpec {
    fn thin(layer: &mut LayerSpec) {
        match layer {
            LayerSpec::Convolution(Convolution { filters, .. }) => *filters /= 16,
            LayerSpec::Residual { main, shortcut } => main.iter_mut().chain(shortcut).for_each(thin),
            _ => {}
        }
    }
    spec.input = Features::Image { height: 32, width: 32, channels: 3 };
    spec.layers.iter_mut().for_each(|(_, layer)| thin(layer));
    spec
}

fn forms_of(layers: &[LayerSpec]) -> Vec<Parameterization> {
    let mut forms = Vec::new();
    for layer in layers {
        match layer {
            LayerSpec::Dense(Dense { parameterization, normalization, .. })
            | LayerSpec::Convolution(Convolution { parameterization, normalization, .. }) => {
                assert!(normalization.is_none(), "{layer:?} in a folded network");
                forms.push(*parameterization);
            }
            LayerSpec::Normalization { .. } => panic!("{layer:?} in a folded network"),
            LayerSpec::Residual { main, shortcut } => {
                forms.extend(forms_of(main));
                forms.extend(forms_of(shortcut));
            }
            _ => {}
        }
    }
    forms
}

fn all_forms<T: Element>(network: &Network<T>) -> Vec<Parameterization> {
    forms_of(&network.spec().unwrap().layers.iter().map(|(_, layer)| layer.clone()).collect::<Vec<_>>())
}

/// As plain weights, as geometric units, and from each to the other: the same function.
fn stays_the_same<T: Element>(network: &Network<T>, tolerance: f64) {
    let (columns, rows) = match network.input() {
        Features::Vector(columns) => (columns, 5),
        Features::Image { height, width, channels } => (channels, 2 * height * width),
    };
    let x = inputs(11, rows * columns);
    let expected = evaluate(network, &x, columns);
    let check = |folded: &Network<T>, how: &str| {
        let error = difference(&evaluate(folded, &x, columns), &expected);
        assert!(error <= tolerance, "{how}, {}: {error:e}, {:?}", T::NAME, network.spec());
    };
    let plain = fold::to_standard(network).unwrap();
    check(&plain, "SP");
    assert!(plain.buffers.values().is_empty());
    assert!(all_forms(&plain).iter().all(|&form| form == Parameterization::Standard));
    let geometric = fold::to_geometric(&plain).unwrap();
    check(&geometric, "SP to GmP");
    check(&fold::to_geometric(network).unwrap(), "GmP");
    check(&fold::to_standard(&geometric).unwrap(), "GmP to SP");
}

#[test]
fn the_papers_convolutional_networks_fold() {
    for name in FOLDABLE {
        for (seed, spec) in [vgg6(&form(name), 4, 5), small(resnet18(&form(name), 5))].iter().enumerate() {
            stays_the_same(&trained::<f64>(spec, seed as u64), 1e-10);
            stays_the_same(&trained::<f32>(spec, seed as u64), 1e-4);
        }
    }
}

/// Running statistics that training left, and what is folded out of them.
#[test]
fn networks_fold_after_training_passes() {
    for name in FOLDABLE {
        let mut network = vgg6(&form(name), 4, 5).build::<f64>(1).unwrap();
        for pass in 0..3 {
            let mut tape = Tape::new();
            tape.begin(network.parameters.values());
            let x = tape.input(&inputs(pass, 4 * 32 * 32 * 3), 4 * 32 * 32, 3);
            network.forward_training(&mut tape, x);
        }
        stays_the_same(&network, 1e-10);
    }
}

/// Where nothing stands in the way, the folded network is the one that its description makes.
#[test]
fn folded_networks_have_the_layers_of_the_form() {
    let models: [fn(&str) -> NetworkSpec; 2] =
        [|name| vgg6(&form(name), 4, 5), |name| small(resnet18(&form(name), 5))];
    for model in models {
        for form in ["SP", "WN", "WN+MBN", "BN", "GmP"] {
            let network = model(form).build::<f64>(3).unwrap();
            let plain = fold::to_standard(&network).unwrap();
            assert_eq!(plain.spec(), Some(&model("SP")), "{form}");
        }
        let geometric = fold::to_geometric(&model("SP").build::<f64>(3).unwrap()).unwrap();
        assert_eq!(geometric.spec(), Some(&model("GmP")));
    }
    // Of the six means only those before a padded convolution are layers of their own: the last goes to the head.
    let mut network = vgg6(&form("GmP+IMN"), 4, 5).build::<f64>(3).unwrap();
    network.buffers.values_mut().fill(0.5);
    let plain = fold::to_standard(&network).unwrap();
    let shifts = plain.spec().unwrap().layers.iter().filter(|(name, _)| name.ends_with(".mean_norm")).count();
    assert_eq!(shifts, 5);
}

#[test]
fn layer_normalization_is_an_error_that_names_it() {
    let network = vgg6(&form("LN"), 4, 5).build::<f64>(1).unwrap();
    let error = fold::to_standard(&network).unwrap_err();
    assert!(error.to_string().starts_with("conv1.layer_norm: has no equal"), "{error}");
    let network = small(resnet18(&form("LN"), 5)).build::<f64>(1).unwrap();
    assert!(
        matches!(fold::to_geometric(&network), Err(Error::NotPlain { layer, .. }) if layer == "stem.layer_norm")
    );
}

fn any_activation(rng: &mut Rng) -> Activation {
    [Activation::Identity, Activation::Relu][rng.below(2)]
}

fn any_mean(rng: &mut Rng) -> LayerSpec {
    LayerSpec::Normalization { normalization: Normalization::batch_mean(), activation: any_activation(rng) }
}

fn any_convolution(rng: &mut Rng, filters: usize, window: Window) -> LayerSpec {
    let Variant { parameterization, normalization, .. } = form(DENSE[rng.below(4)]);
    let units = Convolution::new(filters, window, parameterization).normalization(normalization);
    units.activation(any_activation(rng)).into()
}

/// One way through a block: three filters, with means before and behind or without.
fn any_branch(rng: &mut Rng, window: Window) -> Vec<LayerSpec> {
    let mut branch = vec![any_convolution(rng, 3, window)];
    if rng.below(2) == 0 {
        branch.push(any_mean(rng));
        branch.insert(0, any_mean(rng));
    }
    branch
}

/// Layers in any order, also where they make little sense: means before and behind everything, pools behind pools.
fn any_layers(rng: &mut Rng) -> Vec<LayerSpec> {
    let padding = |rng: &mut Rng| [Padding::Valid, Padding::Same, Padding::Symmetric(1)][rng.below(3)];
    let mut layers = Vec::new();
    for _ in 0..=rng.below(7) {
        match rng.below(6) {
            0 | 1 => {
                let (filters, size, stride) = (2 + rng.below(3), 2 + rng.below(2), 1 + rng.below(2));
                let window = Window::new(size, stride, padding(rng));
                layers.push(any_convolution(rng, filters, window));
            }
            2 | 3 => layers.push(any_mean(rng)),
            4 => layers.push(LayerSpec::MaxPool { window: Window::new(2, 1 + rng.below(2), padding(rng)) }),
            _ => {
                let window = Window::new(3, 1 + rng.below(2), Padding::Same);
                let (main, shortcut) = (any_branch(rng, window), any_branch(rng, window));
                layers.push(LayerSpec::Residual { main, shortcut });
                let main = any_branch(rng, Window::new(3, 1, Padding::Same));
                layers.push(LayerSpec::Residual { main, shortcut: Vec::new() });
            }
        }
    }
    let to_vector = [Some(LayerSpec::GlobalAveragePool), Some(LayerSpec::Flatten), None];
    if let Some(layer) = &to_vector[rng.below(3)] {
        layers.push(layer.clone());
        for _ in 0..rng.below(3) {
            let Variant { parameterization, normalization, .. } = form(DENSE[rng.below(4)]);
            let units = Dense::new(3, parameterization).normalization(normalization);
            layers.push(units.activation(any_activation(rng)).into());
            layers.push(any_mean(rng));
        }
    }
    layers
}

fn any_network(seed: u64) -> Option<Network<f64>> {
    let mut rng = Rng::new(seed, "layers");
    let layers = any_layers(&mut rng);
    let spec = NetworkSpec {
        input: Features::Image { height: 7, width: 9, channels: 2 },
        layers: layers.into_iter().enumerate().map(|(i, layer)| (format!("layer{i}"), layer)).collect(),
    };
    // Some windows are larger than what is left of the image.
    spec.build::<f64>(seed).ok()?;
    let mut network = trained::<f64>(&spec, seed);
    // Units without weights.
    for entry in network.parameters.entries().to_vec() {
        let unit = rng.below(4 * entry.slot.cols);
        if entry.role == Role::Weight && unit < entry.slot.cols {
            let weights = &mut network.parameters.values_mut()[entry.slot.range()];
            weights.iter_mut().skip(unit).step_by(entry.slot.cols).for_each(|w| *w = 0.0);
        }
    }
    Some(network)
}

#[test]
fn any_layers_in_any_order_fold() {
    let networks: Vec<_> = (0..600).filter_map(any_network).collect();
    assert!(networks.len() > 400, "{}", networks.len());
    for network in &networks {
        stays_the_same(network, 1e-10);
    }
}

/// A normalization of its own, behind or before other layers.
fn normalization(normalization: Normalization, activation: Activation) -> LayerSpec {
    LayerSpec::Normalization { normalization, activation }
}

/// The names of the layers of the folded network, which is the same function.
fn folded_names(network: &Network<f64>) -> Vec<String> {
    stays_the_same(network, 1e-10);
    let plain = fold::to_standard(network).unwrap();
    plain.spec().unwrap().layers.iter().map(|(name, _)| name.clone()).collect()
}

/// What a factor cannot pass is a layer of its own, unless there is another one of these behind it to take it over.
#[test]
fn factors_go_where_there_is_room_for_them() {
    let units = |activation| Dense::new(3, Parameterization::Geometric).activation(activation);
    let with_radii = |spec: NetworkSpec, radii: [f64; 3]| {
        let mut network = trained::<f64>(&spec, 5);
        network.parameters.get_mut("units.radius").unwrap().copy_from_slice(&radii);
        network
    };
    for (activation, radii, expected) in [
        (Activation::Relu, [0.0, 0.5, 2.0], &["units"][..]),
        (Activation::Relu, [1.0, -0.5, 2.0], &["units", "units.sign"]),
        (Activation::Identity, [1.0, -0.5, 2.0], &["units"]),
        (Activation::Sigmoid, [1.0, -0.5, 2.0], &["units", "units.scale"]),
    ] {
        let alone = NetworkSpec::vector(2).layer("units", units(activation));
        let mean = normalization(Normalization::batch_mean(), Activation::Relu);
        let followed = alone.clone().layer("mean", mean);
        assert_eq!(folded_names(&with_radii(alone, radii)), expected, "{activation:?} {radii:?}");
        let count = if activation == Activation::Identity { 1 } else { 2 };
        assert_eq!(folded_names(&with_radii(followed, radii)).len(), count, "{activation:?} {radii:?}");
    }
    // Units without an activation take over factors too.
    let linear = Dense::new(3, Parameterization::Standard).activation(Activation::Identity);
    let batch = normalization(Normalization::batch(), Activation::Relu);
    let network = trained(&NetworkSpec::vector(2).layer("units", linear).layer("batch", batch), 6);
    assert_eq!(folded_names(&network), ["units"]);
}

/// A shift is the same at every position only where no window reaches into the padding, be it at one side alone.
#[test]
fn shifts_go_into_windows_without_padding() {
    for (extent, window, count) in [
        (6, Window::new(3, 1, Padding::Valid), 1),
        (7, Window::new(3, 2, Padding::Valid), 1),
        (8, Window::new(3, 2, Padding::Valid), 1),
        (6, Window::new(3, 1, Padding::Same), 2),
        (6, Window::new(2, 1, Padding::Same), 2),
        // Two windows of two pixels, three apart: the last one ends where the image ends.
        (5, Window::new(2, 3, Padding::Symmetric(1)), 2),
    ] {
        let mean = normalization(Normalization::batch_mean(), Activation::Identity);
        let convolution = Convolution::new(3, window, Parameterization::Standard).into();
        let spec = NetworkSpec {
            input: Features::Image { height: extent, width: extent, channels: 2 },
            layers: vec![("mean".to_owned(), mean), ("convolution".to_owned(), convolution)],
        };
        assert_eq!(folded_names(&trained(&spec, 7)).len(), count, "{window:?} on {extent}");
    }
}

/// Where g(0) is not 0, as of the logistic function, a unit without weights becomes g(0) and the rest goes behind it.
#[test]
fn constants_of_any_activation() {
    for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Relu] {
        let units = Dense::new(4, Parameterization::Standard).activation(activation);
        let mut network = trained::<f64>(&NetworkSpec::vector(3).layer("units", units).output(2), 8);
        (0..3).for_each(|input| network.parameters.get_mut("units.weights").unwrap()[4 * input + 1] = 0.0);
        network.parameters.get_mut("units.bias").unwrap()[1] = 0.7;
        stays_the_same(&network, 1e-10);
    }
}
