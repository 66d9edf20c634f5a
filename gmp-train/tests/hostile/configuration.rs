//! What describes a network and how it trains, as JSON: of numbers in a description memory is only asked for where a
//! network is built from it, so those of bearable size are built too.

use super::mutation::{Allowed, replay};
use gmp_nn::conv::{Padding, Window};
use gmp_nn::{Activation, Directions, Features, LayerSpec, Mlp, NetworkSpec, Parameterization};
use gmp_train::{
    Clip, EarlyStopping, Goal, Loss, Metric, Monitor, ReduceOnPlateau, Restore, StepDecay, Trainer,
};
use serde_json::Value;

pub(crate) fn good() -> Vec<Vec<u8>> {
    let window = |size, stride, padding| Window { size, stride, padding };
    let activation = Activation::Relu;
    let convolution = |filters, window, parameterization| LayerSpec::Convolution {
        filters,
        window,
        parameterization,
        activation,
    };
    let layers = [
        ("conv", convolution(3, window(3, 1, Padding::Same), Parameterization::Geometric)),
        ("norm", LayerSpec::MeanNorm { activation }),
        ("pool", LayerSpec::MaxPool { window: window(2, 2, Padding::Valid) }),
        (
            "block",
            LayerSpec::Residual {
                main: vec![convolution(3, window(3, 1, Padding::Symmetric(1)), Parameterization::BatchNorm)],
                shortcut: Vec::new(),
            },
        ),
        ("layer_norm", LayerSpec::LayerNorm { activation }),
        ("mean", LayerSpec::GlobalAveragePool),
        ("output", LayerSpec::Dense { units: 2, parameterization: Parameterization::WeightNorm, activation }),
    ];
    let network = NetworkSpec {
        input: Features::Image { height: 6, width: 5, channels: 2 },
        layers: layers.into_iter().map(|(name, layer)| (name.to_owned(), layer)).collect(),
        directions: Directions::HalfSphere,
    };
    let trainer = Trainer {
        micro_batch: Some(4),
        monitor: Monitor::Validation(Metric::MeanAbsoluteError, Goal::Minimize),
        metrics: vec![Metric::MeanAbsoluteError],
        step_decay: Some(StepDecay { factor: 0.1, epochs: vec![20, 20] }),
        plateau: Some(ReduceOnPlateau { factor: 0.9, patience: 2, margin: 1e-2 }),
        early_stopping: Some(EarlyStopping { patience: 60, margin: 0.0, restore: Restore::Never }),
        clip: Some(Clip::Norm(1.0)),
        ..Trainer::new(Loss::MeanSquaredError, 8, 60, 0.01)
    };
    let mlp = Mlp::new(3, &[7, 5], 2, Parameterization::Geometric);
    [serde_json::to_vec(&network), serde_json::to_vec(&mlp), serde_json::to_vec(&trainer)]
        .map(Result::unwrap)
        .into()
}

enum Read {
    Network(NetworkSpec),
    Trainer,
}

#[test]
fn hostile_configurations_are_errors() {
    let read = |bytes: &[u8]| {
        let network = || serde_json::from_slice(bytes).map(Read::Network);
        let mlp = || serde_json::from_slice(bytes).map(|mlp: Mlp| Read::Network(mlp.spec()));
        let trainer = || serde_json::from_slice(bytes).map(|_: Trainer| Read::Trainer);
        network().or_else(|_| mlp()).or_else(|_| trainer()).ok()
    };
    let build = |read| {
        if let Read::Network(spec) = read
            && largest(&serde_json::to_value(&spec).unwrap()) <= 16.0
        {
            let _ = spec.build::<f32>(1);
        }
    };
    replay("configuration", &good(), Allowed { per_byte: 64, at_any_rate: 1 << 16 }, |_, _| {}, read, build);
}

fn largest(value: &Value) -> f64 {
    match value {
        Value::Array(values) => values.iter().map(largest).fold(0.0, f64::max),
        Value::Object(values) => values.values().map(largest).fold(0.0, f64::max),
        other => other.as_f64().unwrap_or(0.0),
    }
}
