#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use xtask::run::store;

fuzz_target!(|bytes: &[u8]| {
    let _ = store::parse(Path::new("runs.jsonl"), bytes);
});
