//! What the experiments with pictures share: their options, their data, how a network is trained and how it is shown.

pub mod options;
pub mod report;
pub mod sets;
pub mod training;
pub mod vgg;

pub use options::{Options, Width};
