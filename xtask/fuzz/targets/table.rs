#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::train::samples::Samples;
use xtask::train::table::{Format, TextTable};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(table) = TextTable::parse("a.csv", bytes.to_vec(), Format::default()) {
        let _ = Samples::read(&table, None, &[], None);
    }
});
