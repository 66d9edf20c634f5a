#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::data::Table;

fuzz_target!(|bytes: &[u8]| {
    let _ = Table::parse_csv("a.csv", bytes);
});
