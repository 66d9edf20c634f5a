#![no_main]

use gmp_nn::{Mlp, NetworkSpec};
use gmp_train::Trainer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = serde_json::from_slice::<NetworkSpec>(bytes);
    let _ = serde_json::from_slice::<Mlp>(bytes);
    let _ = serde_json::from_slice::<Trainer>(bytes);
});
