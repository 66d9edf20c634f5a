//! JPEG and PNG: what their decoders refuse by a panic is caught at the rim, and would end the fuzzer.
#![no_main]

use gmp_train::image::Picture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut picture = Picture::default();
    if picture.decode("a.jpg", bytes).is_ok() {
        assert_eq!(picture.pixels.len(), picture.height * picture.width * 3);
    }
});
