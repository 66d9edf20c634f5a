//! Regenerates every figure and table of the paper.
pub mod bench;
pub mod data;
pub mod report;
