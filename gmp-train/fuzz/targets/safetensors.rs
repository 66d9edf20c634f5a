#![no_main]

use gmp_nn::{Mlp, Normalization, Parameterization};
use gmp_train::safetensors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut network = Mlp::new(3, &[7, 5], 2, Parameterization::Standard).normalization(Normalization::batch()).build::<f32>(1).unwrap();
    let _ = safetensors::from_bytes(&mut network, bytes);
    let _ = safetensors::network_from_bytes::<f32>(bytes);
});
