#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::run::store;

fuzz_target!(|bytes: &[u8]| {
    let _ = store::parse(bytes);
});
