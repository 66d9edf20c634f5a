//! Checkpoints, their checksum put right first: a fuzzer would not find past it.
#![no_main]

use gmp_train::Checkpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    if let Some((head, rest)) = bytes.split_at_mut_checked(16) {
        head[12..].copy_from_slice(&crc32fast::hash(rest).to_le_bytes());
    }
    let _ = Checkpoint::<f64>::from_bytes(&bytes);
});
