#![no_main]

use gmp_train::image::Cifar10;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let _ = Cifar10::from_bytes(Path::new("batch.bin"), bytes.to_vec());
});
