//! CIFAR-10 in its binary layout (Krizhevsky 2009): records of one label byte and 3072 pixel bytes, the planes
//! R, G, B of a 32×32 picture.

use super::{Digest, Error, ImageSource, Picture, SMALL};
use crate::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const RECORD: usize = 1 + SMALL;
const CLASSES: u32 = 10;
/// Most bytes of the training or the test pictures together: six times what CIFAR-10 has, since all of it is kept in
/// memory and a sparse file may claim any size.
const MOST_BYTES: u64 = 1 << 30;

/// CIFAR-10, or as much of it as the folder contains: `data_batch_*.bin` for training, `test_batch.bin` for testing.
///
/// ```
/// use gmp_train::image::{Cifar10, ImageSource, Picture};
/// // Two records: a label, then 32·32 pixels of red, of green and of blue.
/// let record = |label, red| [vec![label], vec![red; 1024], vec![0; 2048]].concat();
/// let pictures = Cifar10::from_bytes("test_batch.bin".as_ref(), [record(3, 255), record(9, 0)].concat())?;
/// assert_eq!((pictures.len(), pictures.label(1), pictures.classes()), (2, 9, 10));
/// let mut picture = Picture::default();
/// pictures.decode(0, &mut picture)?;
/// assert_eq!(picture.pixels[..3], [255, 0, 0]); // the first pixel is red
/// # Ok::<(), gmp_train::image::Error>(())
/// ```
#[derive(Debug)]
pub struct Cifar10 {
    files: Vec<(PathBuf, Vec<u8>)>,
    /// Pictures up to and including each file.
    ends: Vec<usize>,
}

impl Cifar10 {
    /// Reads the training and the test pictures of a folder. They stay in memory as they are on disk.
    ///
    /// ```
    /// use gmp_train::image::Cifar10;
    /// let folder = tempfile::tempdir()?;
    /// let error = Cifar10::open(folder.path()).unwrap_err();
    /// assert!(error.to_string().ends_with(": no data_batch_*.bin"), "{error}");
    ///
    /// std::fs::write(folder.path().join("data_batch_1.bin"), [7; 3073])?;
    /// std::fs::write(folder.path().join("test_batch.bin"), [1; 2 * 3073])?;
    /// let (training, test) = Cifar10::open(folder.path())?;
    /// # use gmp_train::image::ImageSource;
    /// assert_eq!((training.len(), test.len()), (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a file is missing or not a regular file, its size is not a multiple of 3073, there is more than 1 GiB of
    /// training or of test pictures (CIFAR-10 has 154 MB and 31 MB), or a label is above 9.
    pub fn open(folder: &Path) -> Result<(Self, Self), Error> {
        let mut training =
            files_in(folder, |name| name.starts_with("data_batch_") && name.ends_with(".bin"))?;
        if training.is_empty() {
            return Err(Error::NoFiles { folder: folder.into(), expected: "data_batch_*.bin" });
        }
        training.sort();
        let test = folder.join("test_batch.bin");
        let training = Self::read(training)?;
        match Self::read(vec![test]) {
            Ok(test) => Ok((training, test)),
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Err(Error::NoFiles { folder: folder.into(), expected: "test_batch.bin" })
            }
            Err(error) => Err(error),
        }
    }

    /// The pictures of one file, given its content; `path` is its name in messages.
    ///
    /// ```
    /// use gmp_train::image::Cifar10;
    /// let error = Cifar10::from_bytes("test_batch.bin".as_ref(), vec![0; 3000]).unwrap_err();
    /// assert_eq!(error.to_string(), "test_batch.bin: 3000 bytes, expected a positive multiple of 3073");
    /// ```
    ///
    /// # Errors
    /// As [`Cifar10::open`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        check_size(path, bytes.len() as u64)?;
        for (row, record) in bytes.chunks_exact(RECORD).enumerate() {
            if u32::from(record[0]) >= CLASSES {
                let got = record[0].into();
                return Err(Error::Label { path: path.into(), row, got, first: 0, last: CLASSES - 1 });
            }
        }
        Ok(Self { ends: vec![bytes.len() / RECORD], files: vec![(path.into(), bytes)] })
    }

    fn read(paths: Vec<PathBuf>) -> Result<Self, Error> {
        let mut opened = Vec::with_capacity(paths.len());
        let mut total = 0_u64;
        for path in paths {
            let open = || io::open_regular(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
            let (size, file) = open().map_err(|source| Error::Io { path: path.clone(), source })?;
            check_size(&path, size)?;
            total = total.saturating_add(size);
            if total > MOST_BYTES {
                let what = "bytes with the files before it";
                return Err(Error::TooLarge { path, what, got: total, most: MOST_BYTES });
            }
            opened.push((path, file, size));
        }
        let mut all = Self { files: Vec::new(), ends: Vec::new() };
        for (path, file, size) in opened {
            let mut bytes = Vec::new();
            let read = io::append(&mut bytes, file, size as usize);
            read.map_err(|source| Error::Io { path: path.clone(), source })?;
            let one = Self::from_bytes(&path, bytes)?;
            all.ends.push(all.len() + one.len());
            all.files.extend(one.files);
        }
        Ok(all)
    }

    #[track_caller]
    fn record(&self, sample: usize) -> &[u8] {
        let (file, row) = locate(&self.ends, sample);
        &self.files[file].1[row * RECORD..][..RECORD]
    }
}

impl ImageSource for Cifar10 {
    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
    fn classes(&self) -> usize {
        CLASSES as usize
    }
    fn label(&self, sample: usize) -> u32 {
        self.record(sample)[0].into()
    }
    fn name(&self, sample: usize) -> String {
        let (file, row) = locate(&self.ends, sample);
        format!("{}, picture {row}", self.files[file].0.display())
    }
    fn decode(&self, sample: usize, picture: &mut Picture) -> Result<(), Error> {
        picture.set_planes(&self.record(sample)[1..]);
        Ok(())
    }
    fn digest(&self, sample: usize) -> Result<u64, Error> {
        Ok(Digest::default().bytes(self.record(sample)).value())
    }
}

fn check_size(path: &Path, size: u64) -> Result<(), Error> {
    if size == 0 || !size.is_multiple_of(RECORD as u64) {
        return Err(Error::RecordSize { path: path.into(), got: size, record: RECORD });
    }
    Ok(())
}

/// File of a picture and its place in it, given the running totals of the files.
#[track_caller]
pub(crate) fn locate(ends: &[usize], sample: usize) -> (usize, usize) {
    let file = ends.partition_point(|&end| end <= sample);
    assert!(file < ends.len(), "picture {sample} of {}", ends.last().copied().unwrap_or(0));
    (file, sample - if file == 0 { 0 } else { ends[file - 1] })
}

/// Files of a folder by name.
pub(crate) fn files_in(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    let io = |source| Error::Io { path: folder.into(), source };
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(&wanted) {
            files.push(path);
        }
    }
    Ok(files)
}
