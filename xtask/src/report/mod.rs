//! From plain results to figures and one HTML page. Nothing here knows of training.
//!
//! * [`figure`]: a figure as plain data; [`figure::Figure::write`] draws it as SVG and PNG and writes its numbers as CSV.
//! * [`html`]: the report, one page that asks nothing of the network.

pub mod color;
pub mod figure;
pub mod html;
pub mod number;

mod axis;
mod build;
mod claims;
mod contour;
mod csv;
mod draw;
mod files;
mod layers;
mod legend;
mod polyline;
pub mod provenance;
mod raster;
mod svg;

use gmp_train::checkpoint::{Problem, write_atomic};
use std::path::{Path, PathBuf};

/// Why a figure or a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or its folder could not be written.
    #[error("{}: {problem}", path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        problem: Problem,
    },
    /// A figure of an earlier report could not be removed.
    #[error("{}: cannot remove this figure of an earlier report: {source}", path.display())]
    Stale {
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The SVG text could not be turned into pixels.
    #[error("figure `{figure}` cannot be turned into a PNG: {reason}")]
    Raster {
        /// The name of the figure.
        figure: String,
        /// What the rasteriser said.
        reason: String,
    },
    /// A name that cannot be part of a file name: it must be non-empty ASCII letters, digits, `-` and `_`.
    #[error("`{name}` cannot be the name of a figure: expected ASCII letters, digits, `-` or `_`")]
    Name {
        /// The name that was given.
        name: String,
    },
}

/// Writes `bytes` to `path` so that a reader sees the old file or the whole new one. Missing folders are made.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let made = std::fs::create_dir_all(folder);
    made.map_err(|source| Problem::Io { action: "create its folder", source })
        .and_then(|()| write_atomic(path, bytes))
        .map_err(|problem| Error::Write { path: path.to_owned(), problem })
}
