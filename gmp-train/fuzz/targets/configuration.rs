//! Descriptions of networks, built where they are small, and of how they train.
#![no_main]

use gmp_nn::{Mlp, NetworkSpec};
use gmp_train::Trainer;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let network = serde_json::from_slice::<NetworkSpec>(bytes);
    let network = network.or_else(|_| serde_json::from_slice(bytes).map(|mlp: Mlp| mlp.spec()));
    if let Ok(network) = network
        && serde_json::to_value(&network).is_ok_and(|value| largest(&value) <= 16.0)
    {
        let _ = network.build::<f32>(1);
    }
    let _ = serde_json::from_slice::<Trainer>(bytes);
});

fn largest(value: &Value) -> f64 {
    match value {
        Value::Array(values) => values.iter().map(largest).fold(0.0, f64::max),
        Value::Object(values) => values.values().map(largest).fold(0.0, f64::max),
        other => other.as_f64().unwrap_or(0.0),
    }
}
