#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use xtask::train::model::TableModel;

fuzz_target!(|bytes: &[u8]| {
    let _ = TableModel::from_bytes(Path::new("m.safetensors"), bytes);
});
