#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::data::catalog::{self, Dataset, Format};
use xtask::data::original;

fuzz_target!(|bytes: &[u8]| {
    let power = catalog::find("power").unwrap();
    let small = Dataset { rows: 3, format: Format::Workbook, ..*power };
    let _ = original::convert(&small, "a.xlsx", bytes);
});
