//! ILSVRC (Russakovsky et al. 2015) in the usual folder layout: `{train,val}/<class>/<picture>.JPEG`.

use super::{Digest, Error, ImageSource, Picture, Stamp};
use crate::io;
use std::path::{Path, PathBuf};

/// Most bytes of a picture's file. No picture of the set has a tenth of them.
const LARGEST_FILE: u64 = 256 << 20;

/// A folder of class folders. Pictures stay on disk; classes are numbered in the order of their names.
///
/// ```
/// use gmp_train::image::{Ilsvrc, ImageSource};
/// let folder = tempfile::tempdir()?;
/// for file in ["train/cat/1.png", "train/dog/1.JPEG", "train/dog/2.jpg", "val/cat/1.png", "val/dog/1.png"] {
///     let file = folder.path().join(file);
///     std::fs::create_dir_all(file.parent().unwrap())?;
///     std::fs::write(file, "")?; // a picture; it is not read before it is asked for
/// }
/// let (training, validation) = Ilsvrc::open(folder.path())?;
/// assert_eq!((training.len(), validation.len()), (3, 2));
/// assert_eq!((training.class_names()[1].as_str(), training.label(2)), ("dog", 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ilsvrc {
    folder: PathBuf,
    classes: Vec<String>,
    /// Class and file name, by class and name.
    files: Vec<(u32, Box<str>)>,
}

impl Ilsvrc {
    /// Lists the training and the validation pictures of a folder with `train` and `val` in it.
    ///
    /// # Errors
    /// If a folder is missing, there are no class folders, a class folder has no pictures, or classes differ between
    /// the two.
    pub fn open(folder: &Path) -> Result<(Self, Self), Error> {
        let training = Self::list(folder.join("train"))?;
        let validation = Self::list(folder.join("val"))?;
        for (a, b) in [(&training, &validation), (&validation, &training)] {
            if let Some(class) = a.classes.iter().find(|class| b.classes.binary_search(class).is_err()) {
                return Err(Error::Classes {
                    class: class.clone(),
                    present: a.folder.clone(),
                    absent: b.folder.clone(),
                });
            }
        }
        Ok((training, validation))
    }

    fn list(folder: PathBuf) -> Result<Self, Error> {
        let names = |folder: &Path, wanted: &dyn Fn(&Path, &str) -> bool| {
            let io = |source| Error::Io { path: folder.into(), source };
            let mut names = Vec::new();
            for entry in folder.read_dir().map_err(io)? {
                let path = entry.map_err(io)?.path();
                if let Some(name) = path.file_name().and_then(|name| name.to_str())
                    && !name.starts_with('.')
                    && wanted(&path, name)
                {
                    names.push(name.to_string());
                }
            }
            // The order of a folder is the file system's; ours is the same everywhere.
            names.sort_unstable();
            Ok(names)
        };
        let classes = names(&folder, &|path, _| path.is_dir())?;
        if classes.is_empty() {
            return Err(Error::NoFiles {
                folder,
                expected: "class folders (one for every class, as n01440764)",
            });
        }
        let mut files = Vec::new();
        for (class, name) in classes.iter().enumerate() {
            let folder = folder.join(name);
            let pictures = names(&folder, &|_, name| {
                name.rsplit_once('.').is_some_and(|(_, extension)| {
                    ["jpeg", "jpg", "png"].iter().any(|known| extension.eq_ignore_ascii_case(known))
                })
            })?;
            if pictures.is_empty() {
                return Err(Error::EmptyClass { folder });
            }
            files.extend(pictures.into_iter().map(|name| (class as u32, name.into_boxed_str())));
        }
        Ok(Self { folder, classes, files })
    }

    /// Names of the classes, which are those of their folders.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    #[track_caller]
    fn path(&self, sample: usize) -> PathBuf {
        let (class, name) = &self.files[sample];
        self.folder.join(&self.classes[*class as usize]).join(&**name)
    }
}

impl ImageSource for Ilsvrc {
    fn len(&self) -> usize {
        self.files.len()
    }
    fn classes(&self) -> usize {
        self.classes.len()
    }
    fn label(&self, sample: usize) -> u32 {
        self.files[sample].0
    }
    fn name(&self, sample: usize) -> String {
        self.path(sample).display().to_string()
    }
    fn decode(&self, sample: usize, picture: &mut Picture) -> Result<(), Error> {
        let path = self.path(sample);
        picture.decode(&path.display().to_string(), &read(&path)?)
    }
    fn digest(&self, sample: usize) -> Result<u64, Error> {
        Ok(Digest::default().bytes(&read(&self.path(sample))?).value())
    }
    fn stamp(&self, sample: usize) -> Result<Option<Stamp>, Error> {
        let path = self.path(sample);
        let stamp = path.metadata().and_then(|metadata| Stamp::of(&metadata));
        stamp.map(Some).map_err(|source| Error::Io { path, source })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Io { path: path.into(), source };
    let file = io::open_regular(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > LARGEST_FILE {
        return Err(Error::TooLarge { path: path.into(), what: "bytes", got: size, most: LARGEST_FILE });
    }
    let mut bytes = Vec::new();
    io::append(&mut bytes, file, size as usize).map_err(failed)?;
    Ok(bytes)
}
