//! Errors of image files.

use std::io;
use std::path::PathBuf;

/// A file that is not what it should be. The error says which file, what is wrong and what was expected.
///
/// ```
/// use gmp_train::image::{Cifar10, Error};
/// let error = Cifar10::from_bytes("data_batch_1.bin".as_ref(), vec![10; 3073]).unwrap_err();
/// assert!(matches!(error, Error::Label { row: 0, got: 10, .. }));
/// assert_eq!(error.to_string(), "data_batch_1.bin: label 10 of picture 0 (from 0), expected 0 to 9");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder that cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A folder without the files of the data set.
    #[error("{}: no {expected}", folder.display())]
    NoFiles {
        /// Which folder.
        folder: PathBuf,
        /// What should be there.
        expected: &'static str,
    },
    /// A file whose size is not a positive multiple of the size of a record.
    #[error("{}: {got} bytes, expected a positive multiple of {record}", path.display())]
    RecordSize {
        /// Which file.
        path: PathBuf,
        /// Its size in bytes.
        got: u64,
        /// Bytes of one record.
        record: usize,
    },
    /// More data than are read into memory.
    #[error("{}: {got} {what}, expected at most {most}", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// What is too large.
        what: &'static str,
        /// Its size.
        got: u64,
        /// The largest size that is read.
        most: u64,
    },
    /// A file that is not an archive of NumPy arrays, or a damaged one.
    #[error("{}: {problem}", path.display())]
    Npz {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// An archive without one of its arrays.
    #[error("{}: no array `{member}` in it", path.display())]
    MissingMember {
        /// Which file.
        path: PathBuf,
        /// The array that is not there.
        member: &'static str,
    },
    /// An array of another type.
    #[error("{}: `{member}` is of type {got}, expected {expected}", path.display())]
    Dtype {
        /// Which file.
        path: PathBuf,
        /// Which array.
        member: &'static str,
        /// Its NumPy type string.
        got: String,
        /// The types that are read.
        expected: &'static str,
    },
    /// An array of another shape.
    #[error("{}: `{member}` has the shape {got:?}, expected {expected}", path.display())]
    Shape {
        /// Which file.
        path: PathBuf,
        /// Which array.
        member: &'static str,
        /// Its shape.
        got: Vec<usize>,
        /// The shape that is read.
        expected: String,
    },
    /// A class number outside its range.
    #[error("{}: label {got} of picture {row} (from 0), expected {first} to {last}", path.display())]
    Label {
        /// Which file.
        path: PathBuf,
        /// Which picture of the file, from 0.
        row: usize,
        /// Its label.
        got: i128,
        /// Smallest label.
        first: u32,
        /// Largest label.
        last: u32,
    },
    /// A file that does not decode to a picture.
    #[error("{name}: {problem}")]
    Picture {
        /// Which picture.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A class without pictures.
    #[error("{}: a class folder without pictures (expected files named .JPEG, .jpg or .png)", folder.display())]
    EmptyClass {
        /// Which folder.
        folder: PathBuf,
    },
    /// Classes that differ between training and validation.
    #[error("class {class} is in {} but not in {}", present.display(), absent.display())]
    Classes {
        /// The first class that only one of them has.
        class: String,
        /// The folder that has it.
        present: PathBuf,
        /// The folder that does not.
        absent: PathBuf,
    },
    /// An epoch in which no picture could be read.
    #[error("none of {count} pictures could be read; the first: {first}")]
    NoneReadable {
        /// How many were tried.
        count: usize,
        /// The first one's problem.
        first: String,
    },
    /// The system could not start a thread.
    #[error("cannot start a thread that reads pictures: {0}")]
    Thread(io::Error),
    /// A setting outside its range.
    #[error("{setting} is {value}, expected {expected}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// Its value.
        value: usize,
        /// The range.
        expected: &'static str,
    },
}
