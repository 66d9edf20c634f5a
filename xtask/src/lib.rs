//! Regenerates every figure and table of the paper.

pub mod data;
pub mod experiment;
pub mod report;
