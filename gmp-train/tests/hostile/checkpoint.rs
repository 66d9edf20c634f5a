//! Checkpoints: the checksum put right, as someone who means harm would, or what lies behind it is never reached.

use super::mutation::{Allowed, replay, with_peak};
use gmp_nn::{Mlp, Parameterization, Rng};
use gmp_train::checkpoint::Problem;
use gmp_train::{Checkpoint, Dataset, Sgd, Trainer};

/// Of version 1, 2, …
pub(crate) const VERSIONS: [&[u8]; 3] = [
    include_bytes!("../golden/version-1.checkpoint"),
    include_bytes!("../golden/version-2.checkpoint"),
    include_bytes!("../golden/version-3.checkpoint"),
];
/// Strings are borrowed; for a list, serde has room for at most a megabyte before it sees what is in it, and lists are
/// two deep.
const ALLOWED: Allowed = Allowed { per_byte: 4, at_any_rate: 2 << 20 };

/// Reads, and asserts how much memory that took.
fn read(bytes: &[u8]) -> Result<Checkpoint<f64>, Problem> {
    let (result, peak) = with_peak(|| Checkpoint::from_bytes(bytes));
    assert!(peak <= ALLOWED.per_byte * bytes.len() + ALLOWED.at_any_rate, "{peak} for {}", bytes.len());
    result
}

/// With the checksum put right, as someone who means harm would.
fn with_checksum(bytes: &mut [u8]) {
    let checksum = crc32fast::hash(&bytes[16..]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed() {
    for golden in VERSIONS {
        for length in 0..golden.len() {
            let error = read(&golden[..length]).expect_err("a file that was cut off");
            match length {
                0..8 => assert!(matches!(error, Problem::Magic { .. }), "{length}: {error}"),
                _ => assert!(matches!(error, Problem::Length { .. }), "{length}: {error}"),
            }
        }
        assert!(matches!(read(&[golden, &[0]].concat()), Err(Problem::Length { .. })));

        let mut bytes = golden.to_vec();
        for at in 0..bytes.len() {
            for flip in 1..=255 {
                bytes[at] ^= flip;
                assert!(read(&bytes).is_err(), "byte {at} changed by {flip:#x} was not noticed");
                bytes[at] ^= flip;
            }
        }
    }
}

#[test]
fn hostile_checkpoints_are_errors() {
    // Every length in the metadata, and every other number there, made huge.
    for golden in VERSIONS {
        for at in 16..golden.len() - 7 {
            for number in [u64::MAX, 1 << 60, 1 << 40, 1 << 26, 1 << 16] {
                let mut bytes = golden.to_vec();
                bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
                with_checksum(&mut bytes);
                read(&bytes).into_iter().for_each(train_on);
            }
        }
    }
    let repair = |bytes: &mut Vec<u8>, rng: &mut Rng| {
        let length = bytes.len() as u64;
        if length < 32 {
            return;
        }
        if rng.below(2) == 0 {
            // The lengths put right too, so that the metadata are reached.
            let golden = VERSIONS[rng.below(VERSIONS.len())];
            bytes[..12].copy_from_slice(&golden[..12]);
            let metadata = u64::from_le_bytes(golden[16..24].try_into().unwrap()).min(length - 32);
            bytes[16..24].copy_from_slice(&metadata.to_le_bytes());
            bytes[24..32].copy_from_slice(&(length - 32 - metadata).to_le_bytes());
        }
        with_checksum(bytes);
    };
    let read = |bytes: &[u8]| Checkpoint::from_bytes(bytes).ok();
    replay("checkpoint", &VERSIONS.map(<[u8]>::to_vec), ALLOWED, repair, read, train_on);
}

/// Restores and trains on: nothing of it may panic.
fn train_on(checkpoint: Checkpoint<f64>) {
    let (mut network, mut sgd) =
        (Mlp::new(1, &[2], 1, Parameterization::Geometric).build(1).unwrap(), Sgd::new(0.0));
    let trainer = Trainer { epochs: checkpoint.progress.fit().epochs + 2, ..checkpoint.trainer.clone() };
    if let Ok(progress) = checkpoint.restore(&mut network, &mut sgd) {
        let data = Dataset::new(vec![-1.0, 1.0, 3.0, 5.0], 1, vec![1.0, 0.5, 0.75, 0.25], 1).unwrap();
        let _ = trainer.fit_from(progress, &mut network, &mut sgd, &data, Some(&data), &mut ());
    }
}

/// A history that is nothing but lengths: of all that the metadata can hold, it grows the most in memory.
#[test]
fn long_histories_cost_memory_in_proportion() {
    const EPOCHS: usize = 1_100_000;
    let golden = VERSIONS[1];
    let metadata = u64::from_le_bytes(golden[16..24].try_into().unwrap()) as usize;
    // The last 33 bytes of the metadata are a list of one list of one measurement, with a validation.
    let mut bytes = golden[..32 + metadata - 33].to_vec();
    bytes.extend((EPOCHS as u64).to_le_bytes());
    bytes.resize(bytes.len() + 8 * EPOCHS, 0);
    let longer = bytes.len() as u64 - 32;
    bytes[16..24].copy_from_slice(&longer.to_le_bytes());
    bytes.extend(&golden[32 + metadata..]);
    with_checksum(&mut bytes);
    let (result, peak) = with_peak(|| Checkpoint::<f64>::from_bytes(&bytes));
    let error = result.unwrap_err().to_string();
    assert_eq!(error, format!("metadata: 1 epochs with a history of {EPOCHS}"));
    assert!(peak <= 12 * bytes.len(), "{peak} for {}", bytes.len());
}
