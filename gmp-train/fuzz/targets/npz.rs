#![no_main]

use gmp_train::image::ImageNet32;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let _ = ImageNet32::from_bytes(Path::new("batch.npz"), bytes);
});
