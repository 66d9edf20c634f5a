//! Checkpoints that are not what they say: cut off, damaged, or made to harm. An error every time, never a panic,
//! and memory in proportion to the file.

use gmp_nn::{Mlp, Parameterization, Rng};
use gmp_train::checkpoint::Problem;
use gmp_train::{Checkpoint, Dataset, Sgd, Trainer};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the bytes in use and their peak.
struct Counting;
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const GOLDEN: &[u8] = include_bytes!("golden/version-1.checkpoint");
/// Lists are grown step by step, strings are borrowed: what a hostile length can cost beyond the file's own size.
const ALLOWED: usize = 4 * GOLDEN.len() + (1 << 20);

/// Reads, and asserts how much memory that took.
fn read(bytes: &[u8]) -> Result<Checkpoint<f64>, Problem> {
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = Checkpoint::from_bytes(bytes);
    let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    assert!(peak <= ALLOWED, "{peak} bytes allocated to read {}", bytes.len());
    result
}

/// With the checksum put right, as someone who means harm would.
fn with_checksum(bytes: &mut [u8]) {
    let checksum = crc32fast::hash(&bytes[16..]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
}

/// One test, so that no other allocates beside it.
#[test]
fn hostile_checkpoints_are_errors() {
    assert!(read(GOLDEN).is_ok());
    assert!(PEAK.load(Ordering::Relaxed) > 0, "the counting allocator is not in use");

    for length in 0..GOLDEN.len() {
        let error = read(&GOLDEN[..length]).expect_err("a file that was cut off");
        match length {
            0..8 => assert!(matches!(error, Problem::Magic { .. }), "{length}: {error}"),
            _ => assert!(matches!(error, Problem::Length { .. }), "{length}: {error}"),
        }
    }
    assert!(matches!(read(&[GOLDEN, &[0]].concat()), Err(Problem::Length { .. })));

    let mut bytes = GOLDEN.to_vec();
    for at in 0..bytes.len() {
        for flip in 1..=255 {
            bytes[at] ^= flip;
            assert!(read(&bytes).is_err(), "byte {at} changed by {flip:#x} and nobody noticed");
            bytes[at] ^= flip;
        }
    }

    // Every length in the metadata, and every other number there, made huge.
    for at in 16..GOLDEN.len() - 7 {
        for number in [u64::MAX, 1 << 60, 1 << 40, 1 << 26, 1 << 16] {
            let mut bytes = GOLDEN.to_vec();
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            with_checksum(&mut bytes);
            attempt(&bytes);
        }
    }
    // Random mutations with a checksum that fits.
    let mutations = std::env::var("GMP_MUTATIONS").map_or(100_000, |count| count.parse().unwrap());
    let mut rng = Rng::new(1, "mutations");
    let mut readable = 0;
    for _ in 0..mutations {
        let mut bytes = GOLDEN.to_vec();
        for _ in 0..=rng.below(4) {
            let at = 16 + rng.below(bytes.len() - 16);
            match rng.below(4) {
                0 => bytes[at] = rng.bits() as u8,
                1 => bytes[at] ^= 1 << rng.below(8),
                2 => bytes.truncate(at.max(33)),
                _ => {
                    let length = rng.below(bytes.len() - at);
                    let to = 16 + rng.below(bytes.len() - 16 - length);
                    bytes.copy_within(at..at + length, to);
                }
            }
        }
        let length = bytes.len() as u64;
        if rng.below(2) == 0 && length > 32 {
            // The lengths put right too, so that the metadata are reached.
            let metadata = u64::from_le_bytes(GOLDEN[16..24].try_into().unwrap()).min(length - 32);
            bytes[16..24].copy_from_slice(&metadata.to_le_bytes());
            bytes[24..32].copy_from_slice(&(length - 32 - metadata).to_le_bytes());
        }
        with_checksum(&mut bytes);
        readable += usize::from(attempt(&bytes));
    }
    assert!(readable > 0 && readable < mutations, "{readable} of {mutations} mutations are readable");
}

/// Reads and, where that succeeds, restores and trains on: nothing of it may panic.
fn attempt(bytes: &[u8]) -> bool {
    let Ok(checkpoint) = read(bytes) else { return false };
    let (mut network, mut sgd) =
        (Mlp::new(1, &[2], 1, Parameterization::Geometric).build(1).unwrap(), Sgd::new(0.0));
    let trainer = Trainer { epochs: checkpoint.progress.fit().epochs + 2, ..checkpoint.trainer.clone() };
    if let Ok(progress) = checkpoint.restore(&mut network, &mut sgd) {
        let data = Dataset::new(vec![-1.0, 1.0, 3.0, 5.0], 1, vec![1.0, 0.5, 0.75, 0.25], 1).unwrap();
        let _ = trainer.fit_from(progress, &mut network, &mut sgd, &data, Some(&data), &mut ());
    }
    true
}
