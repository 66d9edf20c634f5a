//! Finding, fetching and converting the data sets of the paper.
//!
//! Everything ends in one shape: a [`Table`] read from a CSV file with a header line, numbers only, the target in
//! the last column. [`catalog`] says which public data sets there are, [`fetch`] downloads and converts them,
//! [`uci`] and [`banana`] find them again, [`notebook`] holds the two small samples kept in this repository, and [`numpy`]
//! draws the authors' splits.

pub mod banana;
pub mod catalog;
pub mod command;
pub mod download;
mod error;
pub mod fetch;
pub mod notebook;
pub mod numpy;
pub mod original;
pub mod table;
pub mod uci;
mod workbook;
mod xls;

pub use error::{CellProblem, DataError};
pub use table::Table;
