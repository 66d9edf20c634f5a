//! What the experiments on images share: their options, their data, how a network is trained and how it is shown.

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
pub const ONE_PROTOCOL: &str = "Skipped: networks on images have the authors' protocol only, in which the validation images both decide when \
                                training stops and are the ones reported; use --protocol paper or both.";

/// What the reader must know of gradients that are summed over parts of a batch.
#[must_use]
pub fn micro_batch_note(micro_batch: Option<usize>) -> Option<Block> {
    micro_batch.map(|pictures| {
        Block::Note(format!(
            "Gradients are accumulated over micro-batches of {pictures} images: the statistics of BN, MBN and IMN are those of a micro-batch."
        ))
    })
}
