//! Finding, fetching and converting the data sets of the paper.
//!
//! Everything ends in one shape: a [`Table`] read from a CSV file with a header line, numbers only, the target in
//! the last column. [`catalog`] says which public data sets there are, [`fetch`] downloads and converts them, [`values`]
//! checks that they are what was published,
//! [`uci`] and [`banana`] find them again, [`notebook`] holds the two small samples kept in this repository, and [`numpy`]
//! draws the authors' splits.

mod address;
mod archive;
pub mod banana;
pub mod catalog;
pub mod command;
pub mod download;
mod error;
pub mod fetch;
pub mod notebook;
pub mod numpy;
pub mod original;
mod sha256;
pub mod table;
pub mod uci;
pub mod values;
mod workbook;
mod xls;

pub(crate) use error::shorten;
pub use error::{CellProblem, DataError};
pub use table::Table;

use std::path::Path;

/// Checks that a data folder that the user named is one and can be read.
///
/// # Errors
/// [`DataError::Folder`].
pub fn check_folder(dir: &Path) -> Result<(), DataError> {
    std::fs::read_dir(dir).map(drop).map_err(|cause| DataError::Folder { dir: dir.to_path_buf(), cause })
}
