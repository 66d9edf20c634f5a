//! What the experiments with pictures share: their options, their data, how a network is trained and how it is shown.

pub mod movements;
pub mod options;
pub mod pace;
pub mod report;
pub mod resnet;
pub mod size;
pub mod stability;
pub mod training;
pub mod vgg;

pub use options::{Options, Width};

use crate::report::html::Block;

/// Why there is nothing to run where the authors' protocol is not asked for.
pub const ONE_PROTOCOL: &str = "Skipped: networks on pictures have the authors' protocol alone, in which the validation \
                                pictures decide and judge; say --protocol paper or both.";

/// What the reader must know of gradients that are summed over parts of a batch.
#[must_use]
pub fn micro_batch_note(micro_batch: Option<usize>) -> Option<Block> {
    micro_batch.map(|pictures| {
        Block::Note(format!(
            "Gradients are summed over {pictures} pictures at a time: the statistics of BN, MBN and IMN are those of that many \
             pictures."
        ))
    })
}
