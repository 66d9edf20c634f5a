//! Regenerates every figure and table of the paper.

pub mod bench;
pub mod claim;
pub mod dashboard;
pub mod data;
pub mod experiment;
pub mod method;
pub mod problem;
pub mod ranks;
pub mod report;
pub mod repro;
pub mod rival;
pub mod run;
pub mod scaling;
pub mod setting;
pub mod statistics;
pub mod terminal;
/// Signals, named pipes and links are those of Unix.
#[cfg(unix)]
pub mod torture;
pub mod train;

/// The examples of the repository's front page are tested.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct FrontPage;
