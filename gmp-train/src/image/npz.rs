//! NumPy's archives: a zip of `.npy` members, each a short header and the array's bytes.
//!
//! The header is the printed form of a Python dictionary with three keys that `numpy.save` always writes in the
//! same way, so it is read by looking for them: no parser of nested expressions whose depth a file could choose.

use super::Error;
use crate::io::append;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use zip::ZipArchive;

/// Deflate never shrinks by more than this (zlib's documentation), so no honest member is larger.
const MOST_COMPRESSION: u64 = 1032;
/// NumPy pads its headers to a multiple of 64 bytes; ours take two.
const LONGEST_HEADER: usize = 4096;

/// An array as it is in the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Array {
    /// NumPy's type string, as `|u1` or `<i8`.
    pub(crate) dtype: String,
    /// Lengths of the dimensions.
    pub(crate) shape: Vec<usize>,
    /// The elements, in C order.
    pub(crate) bytes: Vec<u8>,
}

/// An open archive.
pub(crate) struct Npz<'a, R> {
    path: &'a Path,
    archive: ZipArchive<R>,
    size: u64,
}

impl<'a, R: Read + Seek> Npz<'a, R> {
    /// Opens the archive that `file` reads; `path` is what messages call it.
    pub(crate) fn open(path: &'a Path, mut file: R) -> Result<Self, Error> {
        let size = file.seek(SeekFrom::End(0)).map_err(|source| Error::Io { path: path.into(), source })?;
        let archive = ZipArchive::new(file).map_err(|error| Error::Npz {
            path: path.into(),
            problem: format!("not a whole .npz archive: {error} (cut short?)"),
        })?;
        Ok(Self { path, archive, size })
    }

    /// Reads one array into memory of exactly its size, checking the archive's checksum. The type and the shape
    /// are given to `check` before anything is allocated.
    pub(crate) fn read(
        &mut self,
        member: &'static str,
        check: impl FnOnce(&str, &[usize]) -> Result<(), Error>,
    ) -> Result<Array, Error> {
        let (path, size) = (self.path, self.size);
        let fail =
            |problem: String| Error::Npz { path: path.into(), problem: format!("`{member}`: {problem}") };
        let mut entry = match self.archive.by_name(&format!("{member}.npy")) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => {
                return Err(Error::MissingMember { path: path.into(), member });
            }
            Err(error) => return Err(fail(error.to_string())),
        };
        let largest = entry.compressed_size().min(size).saturating_mul(MOST_COMPRESSION);
        if entry.compressed_size() > size || entry.size() > largest {
            return Err(fail(format!("claims {} bytes in a file of {size}", entry.size())));
        }
        let header = read_header(&mut entry).map_err(fail)?;
        check(&header.dtype, &header.shape)?;
        if header.fortran {
            return Err(fail("in Fortran order, expected C order".into()));
        }
        let length = header.bytes().map_err(fail)?;
        if header.length as u64 + length as u64 != entry.size() {
            return Err(fail(format!(
                "{} bytes of numbers, expected {length} for its type and shape",
                entry.size().saturating_sub(header.length as u64)
            )));
        }
        let mut bytes = Vec::new();
        append(&mut bytes, &mut entry, length).map_err(|error| match error.kind() {
            ErrorKind::OutOfMemory => fail(format!("no memory for its {length} bytes")),
            _ => fail(format!("cut short or damaged: {error}")),
        })?;
        // The checksum is compared when the end is met, so the end has to be met.
        match entry.read(&mut [0]) {
            Ok(0) => Ok(Array { dtype: header.dtype, shape: header.shape, bytes }),
            Ok(_) => Err(fail("longer than it says".into())),
            Err(error) => Err(fail(format!("damaged: {error}"))),
        }
    }
}

#[derive(Debug)]
struct Header {
    dtype: String,
    shape: Vec<usize>,
    fortran: bool,
    /// Bytes before the numbers.
    length: usize,
}

impl Header {
    fn bytes(&self) -> Result<usize, String> {
        let item = self.dtype.get(2..).and_then(|digits| digits.parse().ok());
        let item: usize = item.ok_or_else(|| format!("unknown type {}", self.dtype))?;
        self.shape
            .iter()
            .try_fold(item, |length, &n| length.checked_mul(n))
            .ok_or_else(|| format!("shape {:?} overflows", self.shape))
    }
}

fn read_header(reader: &mut impl Read) -> Result<Header, String> {
    let cut = |error: std::io::Error| format!("cut short in its header: {error}");
    let mut start = [0; 8];
    reader.read_exact(&mut start).map_err(cut)?;
    if start[..6] != *b"\x93NUMPY" {
        return Err("no .npy array".into());
    }
    let (text_length, before) = if start[6] == 1 {
        let mut length = [0; 2];
        reader.read_exact(&mut length).map_err(cut)?;
        (usize::from(u16::from_le_bytes(length)), 10)
    } else {
        let mut length = [0; 4];
        reader.read_exact(&mut length).map_err(cut)?;
        (u32::from_le_bytes(length) as usize, 12)
    };
    if text_length > LONGEST_HEADER {
        return Err(format!("a header of {text_length} bytes, expected at most {LONGEST_HEADER}"));
    }
    let mut text = vec![0; text_length];
    reader.read_exact(&mut text).map_err(cut)?;
    let text = String::from_utf8(text).map_err(|_| "its header is no text".to_string())?;
    let missing = |key: &str| format!("no plain `{key}` in its header {:?}", text.trim_end());

    let dtype = value(&text, "descr")
        .and_then(|rest| rest.strip_prefix('\''))
        .and_then(|rest| rest.split_once('\''))
        .ok_or_else(|| missing("descr"))?
        .0;
    let fortran = match value(&text, "fortran_order") {
        Some(rest) if rest.starts_with("True") => true,
        Some(rest) if rest.starts_with("False") => false,
        _ => return Err(missing("fortran_order")),
    };
    let shape = value(&text, "shape")
        .and_then(|rest| rest.strip_prefix('('))
        .and_then(|rest| rest.split_once(')'))
        .ok_or_else(|| missing("shape"))?
        .0;
    let shape = shape
        .split(',')
        .map(str::trim)
        .filter(|length| !length.is_empty())
        .map(|length| length.parse().map_err(|_| missing("shape")))
        .collect::<Result<Vec<usize>, _>>()?;
    Ok(Header { dtype: dtype.into(), shape, fortran, length: before + text_length })
}

/// What follows `'key':` in the printed dictionary.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}
