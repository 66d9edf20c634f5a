//! What describes a network and how it trains, as JSON: of numbers in a description memory is only asked for where a
//! network is built from it, so those of bearable size are built too.

use super::mutation::{Allowed, replay};
use gmp_nn::conv::{Padding, Window};
use gmp_nn::{
    Activation, Convolution, Dense, DirectionInit, GeometricOptions, LayerSpec, Mlp, NetworkSpec,
    Normalization, Parameterization,
};
use gmp_train::{Clip, EarlyStopping, Loss, Metric, Monitor, ReduceOnPlateau, Restore, StepDecay, Trainer};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A network layer by layer, one in short, and how to train: one of each type.
pub(crate) fn good() -> [Vec<u8>; 3] {
    let window = |size, stride, padding| Window { size, stride, padding };
    let half_sphere = GeometricOptions { directions: DirectionInit::HalfSphere, ..Default::default() };
    let norm = |normalization| LayerSpec::Normalization { normalization, activation: Activation::Relu };
    let block = Convolution::new(3, window(3, 1, Padding::Symmetric(1)), Parameterization::Standard)
        .normalization(Normalization::batch());
    // Names that differ in a digit, so that mutations make them equal.
    let network = NetworkSpec::image(6, 5, 2)
        .layer(
            "layer1",
            Convolution::new(3, window(3, 1, Padding::Same), Parameterization::Geometric)
                .geometric(half_sphere),
        )
        .layer("layer2", norm(Normalization::batch_mean()))
        .max_pool("layer3", window(2, 2, Padding::Valid))
        .residual("layer4", vec![block.into()], Vec::new())
        .layer("layer5", norm(Normalization::layer()))
        .global_average_pool("layer6")
        .layer("layer7", Dense::new(2, Parameterization::WeightNorm).activation(Activation::HardTanh));
    let trainer = Trainer {
        micro_batch: Some(4),
        monitor: Monitor::Validation(Metric::MeanAbsoluteError),
        metrics: vec![Metric::MeanAbsoluteError],
        step_decay: Some(StepDecay { factor: 0.1, epochs: vec![20, 20] }),
        plateau: Some(ReduceOnPlateau { factor: 0.9, patience: 2, min_delta: 1e-2 }),
        early_stopping: Some(EarlyStopping { patience: 60, min_delta: 0.0, restore: Restore::Never }),
        clip: Some(Clip::Norm(1.0)),
        ..Trainer::new(Loss::MeanSquaredError, 8, 60, 0.01)
    };
    let mlp = Mlp::new(3, &[7, 5], 2, Parameterization::Geometric);
    [serde_json::to_vec(&network), serde_json::to_vec(&mlp), serde_json::to_vec(&trainer)].map(Result::unwrap)
}

const ALLOWED: Allowed = Allowed { per_byte: 64, at_any_rate: 1 << 16 };

/// Reads mutations of one type's good file, and hands what was readable on.
fn hostile<C: DeserializeOwned>(what: &str, good: Vec<u8>, then: impl Fn(C) + Sync) {
    let read = |bytes: &[u8]| serde_json::from_slice(bytes).ok();
    replay(what, &[good], ALLOWED, |_, _| {}, read, then);
}

fn build(spec: NetworkSpec) {
    if largest(&serde_json::to_value(&spec).unwrap()) <= 16.0 {
        let _ = spec.build::<f32>(1);
    }
}

#[test]
fn hostile_networks_are_errors() {
    let [network, mlp, _] = good();
    hostile("network", network, build);
    hostile("mlp", mlp, |mlp: Mlp| build(mlp.spec()));
}

#[test]
fn hostile_trainers_are_errors() {
    let [.., trainer] = good();
    hostile("trainer", trainer, |_: Trainer| {});
}

fn largest(value: &Value) -> f64 {
    match value {
        Value::Array(values) => values.iter().map(largest).fold(0.0, f64::max),
        Value::Object(values) => values.values().map(largest).fold(0.0, f64::max),
        other => other.as_f64().unwrap_or(0.0),
    }
}
