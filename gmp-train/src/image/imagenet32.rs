//! ImageNet32 (Chrabaszcz, Loshchilov and Hutter 2017): `.npz` batches of `data` (uint8, N×3072, the planes R, G, B
//! of 32×32 pictures) and `labels` (1 to 1000).

use super::cifar10::{files_in, locate};
use super::npz::{Array, Npz};
use super::{Digest, Error, ImageSource, Picture, SMALL};
use crate::io;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};

const CLASSES: u32 = 1000;
/// Most pictures that are read together, 6 GiB of them. The set has 1,281,167; a compressed archive may claim a
/// thousand times its size.
const MOST_PICTURES: usize = 1 << 21;

/// ImageNet32, kept in memory: 3.7 GiB for all of it.
#[derive(Debug, Default)]
pub struct ImageNet32 {
    files: Vec<(PathBuf, Vec<u8>)>,
    /// Pictures up to and including each file.
    ends: Vec<usize>,
    /// From 0.
    labels: Vec<u32>,
}

impl ImageNet32 {
    /// Reads the training pictures, `train_data_batch_*.npz`, however many there are, and the validation pictures,
    /// `val_data.npz`, of one folder.
    ///
    /// ```
    /// use gmp_train::image::ImageNet32;
    /// let folder = tempfile::tempdir()?;
    /// let error = ImageNet32::open(folder.path()).unwrap_err();
    /// assert!(error.to_string().ends_with(": no train_data_batch_*.npz"), "{error}");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If files are missing or not regular files, archives are cut off or damaged, arrays are missing or have another
    /// type or shape, there are more than 2,097,152 pictures in total, or labels are outside 1 to 1000.
    pub fn open(folder: &Path) -> Result<(Self, Self), Error> {
        let read = |prefix: &str, expected| {
            let mut paths = files_in(folder, |name| name.starts_with(prefix) && name.ends_with(".npz"))?;
            if paths.is_empty() {
                return Err(Error::NoFiles { folder: folder.into(), expected });
            }
            // Batch 10 comes after batch 9, as in the authors' reader.
            paths.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
            Self::read(&paths)
        };
        Ok((read("train_data_batch_", "train_data_batch_*.npz")?, read("val_data", "val_data.npz")?))
    }

    /// Reads batches in the given order.
    ///
    /// # Errors
    /// As [`ImageNet32::open`].
    pub fn read(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut source = Self::default();
        for path in paths {
            let file = io::open_regular(path).map_err(|source| Error::Io { path: path.clone(), source })?;
            source.add(path, file)?;
        }
        Ok(source)
    }

    /// The pictures of one batch, given its content; `path` is its name in messages.
    ///
    /// # Errors
    /// As [`ImageNet32::open`].
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let mut source = Self::default();
        source.add(path, Cursor::new(bytes))?;
        Ok(source)
    }

    fn add(&mut self, path: &Path, file: impl Read + Seek) -> Result<(), Error> {
        let mut archive = Npz::open(path, file)?;
        let before = self.labels.len();
        let data = archive.read("data", |dtype, shape| {
            if dtype != "|u1" {
                let (path, got) = (path.into(), dtype.into());
                return Err(Error::Dtype { path, member: "data", got, expected: "uint8 (|u1)" });
            }
            let fits = shape.len() == 2 && shape[0] > 0 && shape[1] == SMALL;
            check_shape(path, "data", shape, fits, || {
                format!("(pictures, {SMALL}) with at least one picture")
            })?;
            let total = before.saturating_add(shape[0]);
            if total > MOST_PICTURES {
                let (what, most) = ("pictures with the files before it", MOST_PICTURES as u64);
                return Err(Error::TooLarge { path: path.into(), what, got: total as u64, most });
            }
            Ok(())
        })?;
        let pictures = data.shape[0];
        let labels = archive.read("labels", |dtype, shape| {
            if integer(dtype).is_none() {
                let (path, got) = (path.into(), dtype.into());
                return Err(Error::Dtype { path, member: "labels", got, expected: "an integer type" });
            }
            check_shape(path, "labels", shape, *shape == [pictures], || format!("({pictures},) as `data`"))
        })?;
        for (row, got) in integers(&labels).enumerate() {
            match u32::try_from(got) {
                Ok(label @ 1..=CLASSES) => self.labels.push(label - 1),
                _ => return Err(Error::Label { path: path.into(), row, got, first: 1, last: CLASSES }),
            }
        }
        self.ends.push(self.labels.len());
        self.files.push((path.into(), data.bytes));
        Ok(())
    }

    #[track_caller]
    fn planes(&self, sample: usize) -> &[u8] {
        let (file, row) = locate(&self.ends, sample);
        &self.files[file].1[row * SMALL..][..SMALL]
    }
}

fn check_shape(
    path: &Path,
    member: &'static str,
    shape: &[usize],
    fits: bool,
    expected: impl FnOnce() -> String,
) -> Result<(), Error> {
    if fits {
        return Ok(());
    }
    Err(Error::Shape { path: path.into(), member, got: shape.into(), expected: expected() })
}

/// Bytes, sign and order of an integer type.
fn integer(dtype: &str) -> Option<(usize, bool, bool)> {
    let &[order, kind, digit] = dtype.as_bytes() else { return None };
    let big = match order {
        b'<' | b'|' => false,
        b'>' => true,
        _ => return None,
    };
    let signed = match kind {
        b'i' => true,
        b'u' => false,
        _ => return None,
    };
    matches!(digit, b'1' | b'2' | b'4' | b'8').then(|| (usize::from(digit - b'0'), signed, big))
}

fn integers(array: &Array) -> impl Iterator<Item = i128> + '_ {
    let (size, signed, big) = integer(&array.dtype).expect("checked before it was read");
    array.bytes.chunks_exact(size).map(move |bytes| {
        let number = bytes.iter().enumerate().fold(0u64, |number, (i, &byte)| {
            number | u64::from(byte) << (8 * if big { size - 1 - i } else { i })
        });
        let unused = 64 - 8 * size as u32;
        if signed { i128::from((number << unused).cast_signed() >> unused) } else { number.into() }
    })
}

impl ImageSource for ImageNet32 {
    fn len(&self) -> usize {
        self.labels.len()
    }
    fn classes(&self) -> usize {
        CLASSES as usize
    }
    fn label(&self, sample: usize) -> u32 {
        self.labels[sample]
    }
    fn name(&self, sample: usize) -> String {
        let (file, row) = locate(&self.ends, sample);
        format!("{}, picture {row}", self.files[file].0.display())
    }
    fn decode(&self, sample: usize, picture: &mut Picture) -> Result<(), Error> {
        picture.set_planes(self.planes(sample));
        Ok(())
    }
    fn digest(&self, sample: usize) -> Result<u64, Error> {
        Ok(Digest::default().bytes(self.planes(sample)).value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_every_integer_type() {
        let read = |dtype: &str, bytes: &[u8]| {
            let array = Array { dtype: dtype.into(), shape: vec![1], bytes: bytes.into() };
            integers(&array).collect::<Vec<_>>()
        };
        assert_eq!(read("|u1", &[7, 255]), [7, 255]);
        assert_eq!(read("|i1", &[7, 255]), [7, -1]);
        assert_eq!(read("<i2", &1000i16.to_le_bytes()), [1000]);
        assert_eq!(read(">u2", &1000u16.to_be_bytes()), [1000]);
        assert_eq!(read("<i4", &(-3i32).to_le_bytes()), [-3]);
        assert_eq!(read(">i8", &i64::MIN.to_be_bytes()), [i64::MIN.into()]);
        assert_eq!(read("<u8", &u64::MAX.to_le_bytes()), [u64::MAX.into()]);
        assert_eq!(["<f4", "<i3", "<i16", "=i4", "", "é1", "<i.", "|u+"].map(integer), [None; 8]);
    }
}
