//! Errors of checkpoints and other files of networks.

use std::io;
use std::path::PathBuf;

/// A checkpoint (or another file of a network) that could not be written, read or used. It names the file and the
/// problem.
///
/// ```
/// use gmp_train::checkpoint::Checkpoint;
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("photo.jpg");
/// std::fs::write(&file, [0xff, 0xd8, 0xff, 0xe0].repeat(10))?;
/// let error = Checkpoint::<f64>::read(&file).unwrap_err();
/// assert_eq!(error.file, file);
/// assert!(error.to_string().contains("photo.jpg: not a checkpoint: it begins with [ff, d8, "), "{error}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct CheckpointError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a checkpoint.
///
/// ```
/// use gmp_train::checkpoint::{Checkpoint, Problem};
/// let problem = Checkpoint::<f64>::from_bytes(b"PK").unwrap_err(); // a zip archive, say
/// let Problem::Magic { found, expected } = problem else { panic!("{problem}") };
/// assert_eq!((found, &expected), (b"PK".to_vec(), b"gmpckpt\n"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// An error of the operating system.
    #[error("cannot {action}: {source}")]
    Io {
        /// The action that failed.
        action: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// Another kind of file.
    #[error("not a checkpoint: it begins with {found:02x?}, expected {expected:02x?}")]
    Magic {
        /// First bytes of the file.
        found: Vec<u8>,
        /// First bytes of a checkpoint.
        expected: [u8; 8],
    },
    /// A version that this release does not read.
    #[error("format version {found}, but this release reads versions 1 to {known}")]
    Version {
        /// The version of the file.
        found: u32,
        /// The newest known.
        known: u32,
    },
    /// A file that was cut off, or has extra bytes at its end.
    #[error("{part}: {found} bytes, expected {expected}")]
    Length {
        /// Which part of the file.
        part: &'static str,
        /// Its length.
        found: u64,
        /// The length it must have.
        expected: u64,
    },
    /// Bytes that are not those that were written.
    #[error("damaged: checksum {found:08x}, expected {expected:08x}")]
    Checksum {
        /// The checksum of the bytes.
        found: u32,
        /// The checksum in the file.
        expected: u32,
    },
    /// Metadata that cannot be understood.
    #[error("metadata: {0}")]
    Metadata(String),
    /// A number in a file that is NaN or infinite, or becomes so in the network's type.
    #[error("{tensor}, number {index} (from 0): {value} is not a finite {scalar}")]
    BrokenNumber {
        /// Which tensor.
        tensor: String,
        /// Its index in the tensor, in row-major order.
        index: usize,
        /// The number in the file.
        value: f64,
        /// The network's type of numbers.
        scalar: &'static str,
    },
    /// A network is to be built from a checkpoint that does not describe it.
    #[error("it does not say what its network is built of: restore it to a model that you built")]
    NoNetwork,
    /// A layer that cannot be represented in the format of another program.
    #[error("{layer}: {reason}")]
    NoModule {
        /// The layer.
        layer: String,
        /// Why there is none, and what to do.
        reason: String,
    },
    /// A state with numbers that are not finite, which is not saved.
    #[error("not written: {what} is {value}; the checkpoints before it stay")]
    NotFinite {
        /// The parameter or buffer.
        what: String,
        /// The number.
        value: f64,
    },
    /// A checkpoint that does not match what it is to be restored to.
    #[error("{what}: the file has {found}, expected {expected}")]
    Mismatch {
        /// What differs.
        what: String,
        /// In the file.
        found: String,
        /// In the network or optimizer.
        expected: String,
    },
    /// A network that cannot be converted to the form that a file needs.
    #[error(transparent)]
    Network(#[from] gmp_nn::Error),
    /// A state that the optimizer does not accept.
    #[error(transparent)]
    Optimizer(#[from] crate::Error),
}
