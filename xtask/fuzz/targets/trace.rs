#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::run::trace::Trace;

fuzz_target!(|bytes: &[u8]| {
    let _ = Trace::parse(bytes);
});
