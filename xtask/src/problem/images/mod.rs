//! Sets of images by name or folder.

pub mod fingerprint;

use super::names;
use anyhow::{Result, bail};
use gmp_nn::Rng;
use gmp_train::image::{self, Cifar10, ImageNet32, ImageSource, Picture, SyntheticShapes};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Training and validation pictures; a clone is the same pictures, not a second copy of them.
#[derive(Clone)]
pub struct Set {
    /// What tables call it.
    pub name: String,
    /// To learn from.
    pub training: Arc<dyn ImageSource>,
    /// To decide and to judge by.
    pub validation: Arc<dyn ImageSource>,
    /// The folder, for messages; none of generated pictures.
    pub folder: Option<PathBuf>,
}

/// How the user asks for the generated set.
pub const GENERATED: &str = "pictures";
/// How tables, titles and records call it, so that no reader takes it for photographs.
pub const GENERATED_NAME: &str = "GENERATED pictures";
/// CIFAR-10.
pub const CIFAR10: &str = "cifar10";
const IMAGENET32: &str = "imagenet32";
/// The names of sets of 32×32 pictures.
pub const NAMES: [&str; 3] = [CIFAR10, IMAGENET32, GENERATED];

impl Set {
    /// What tells these pictures from all others: every label and every byte that training reads. It takes a while where
    /// they are on disk, see [`mod@fingerprint`].
    ///
    /// # Errors
    /// An output folder that cannot be written to.
    pub fn fingerprint(&self, out: &Path, threads: usize) -> Result<String> {
        let known = out.join("fingerprints.json");
        fingerprint::fingerprint(&self.name, [&*self.training, &*self.validation], &known, threads)
    }

    /// Where the pictures are.
    #[must_use]
    pub fn place(&self) -> String {
        self.folder.as_ref().map_or_else(|| self.name.clone(), |folder| folder.display().to_string())
    }

    /// The generated pictures.
    #[must_use]
    pub fn generated(training: usize, validation: usize) -> Self {
        let (training, validation) = SyntheticShapes::new(0, training, validation);
        let (training, validation) = (Arc::new(training), Arc::new(validation));
        Self { name: GENERATED_NAME.to_owned(), training, validation, folder: None }
    }

    /// Makes sure that there is a picture to learn from and one to validate by, where they are files of their own.
    ///
    /// # Errors
    /// None that can be read: what is wrong with the first one.
    pub fn check_readable(&self) -> Result<()> {
        for (half, source) in [("training", &self.training), ("validation", &self.validation)] {
            let mut picture = Picture::default();
            let read = (0..source.len()).map(|sample| source.decode(sample, &mut picture));
            // The first one, of all sets but broken ones.
            let mut first = None;
            let is_readable = read.into_iter().any(|read| match read {
                Ok(()) => true,
                Err(error) => {
                    first.get_or_insert(error);
                    false
                }
            });
            if let (false, Some(first)) = (is_readable, first) {
                bail!("{}: none of the {} {half} images can be read: {first}", self.name, source.len());
            }
        }
        Ok(())
    }

    /// Whether these are the generated pictures, or some of them.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        self.folder.is_none()
    }

    /// This many training pictures and a quarter as many to validate, named with it where that leaves some out. They are
    /// drawn, the same ones each time: the first of a set that is sorted by class would be of few classes.
    #[must_use]
    pub fn some(self, training: usize) -> Self {
        let (all, validation) = (self.training.len(), training.div_ceil(4));
        if all <= training && self.validation.len() <= validation {
            return self;
        }
        let name = format!("{} ({} of {all})", self.name, training.min(all));
        let rng = || Rng::new(0, "some pictures");
        let some = |source: Arc<dyn ImageSource>, most: usize| {
            let samples = draw(source.len(), most, &mut rng());
            only(source, samples)
        };
        let (training, validation) = (some(self.training, training), some(self.validation, validation));
        Self { name, training, validation, folder: self.folder }
    }
}

/// The sets of 32×32 images that the user named, by name or folder. Without a name, the best set that is in `data_dir`:
/// ImageNet32 (only where `imagenet32` says so), CIFAR-10, or generated images.
///
/// # Errors
/// An unknown name, or files that cannot be read.
pub fn small(data_dir: &Path, datasets: &[String], imagenet32: bool) -> Result<Vec<Set>> {
    let at = |name: &str| data_dir.join(name);
    let wanted = if datasets.is_empty() {
        let known: &[&str] = if imagenet32 { &[IMAGENET32, CIFAR10] } else { &[CIFAR10] };
        let found = known.iter().find(|name| at(name).is_dir());
        vec![found.copied().unwrap_or(GENERATED).to_owned()]
    } else {
        datasets.to_vec()
    };
    wanted
        .iter()
        .map(|name| match name.as_str() {
            GENERATED => Ok(Set::generated(20_000, 4_000)),
            CIFAR10 => open_cifar10(&at(CIFAR10)),
            IMAGENET32 => open_imagenet32(&at(IMAGENET32)),
            path if Path::new(path).is_dir() => detect(&PathBuf::from(path)),
            other => bail!(
                "there is no set of images \"{other}\"; expected {CIFAR10}, {IMAGENET32} (folders of {}), {GENERATED} (generated), or the path of a folder",
                data_dir.display()
            ),
        })
        .collect()
}

/// The set of a folder, by the files in it.
fn detect(folder: &Path) -> Result<Set> {
    if folder.join("test_batch.bin").is_file() {
        return open_cifar10(folder);
    }
    if folder.join("val_data.npz").is_file() {
        return open_imagenet32(folder);
    }
    bail!(
        "{}: no images of a known layout; expected data_batch_*.bin and test_batch.bin (CIFAR-10), or train_data_batch_*.npz and val_data.npz (ImageNet32)",
        folder.display()
    )
}

fn open_cifar10(folder: &Path) -> Result<Set> {
    of(folder, Cifar10::open(folder)?)
}

fn open_imagenet32(folder: &Path) -> Result<Set> {
    of(folder, ImageNet32::open(folder)?)
}

/// A set that is called as its folder is.
///
/// # Errors
/// A name that generated pictures have.
pub fn of<S: ImageSource + 'static>(folder: &Path, (training, validation): (S, S)) -> Result<Set> {
    let name =
        folder.file_name().map_or_else(|| folder.display().to_string(), |n| n.to_string_lossy().into());
    names::refuse_reserved(&name, folder)?;
    let (training, validation) = (Arc::new(training), Arc::new(validation));
    Ok(Set { name, training, validation, folder: Some(folder.to_owned()) })
}

/// Some pictures of a source, in its order.
struct Drawn {
    source: Arc<dyn ImageSource>,
    samples: Vec<usize>,
}

/// The numbers of at most `most` of `count` pictures, drawn at random, in ascending order.
pub fn draw(count: usize, most: usize, rng: &mut Rng) -> Vec<usize> {
    let mut samples: Vec<usize> = (0..count).collect();
    rng.shuffle(&mut samples);
    samples.truncate(most);
    samples.sort_unstable();
    samples.shrink_to_fit();
    samples
}

/// The pictures of a source that have these numbers, in this order.
#[must_use]
pub fn only(source: Arc<dyn ImageSource>, samples: Vec<usize>) -> Arc<dyn ImageSource> {
    Arc::new(Drawn { source, samples })
}

impl ImageSource for Drawn {
    fn len(&self) -> usize {
        self.samples.len()
    }
    fn classes(&self) -> usize {
        self.source.classes()
    }
    fn label(&self, sample: usize) -> u32 {
        self.source.label(self.samples[sample])
    }
    fn name(&self, sample: usize) -> String {
        self.source.name(self.samples[sample])
    }
    fn decode(&self, sample: usize, picture: &mut Picture) -> Result<(), image::Error> {
        self.source.decode(self.samples[sample], picture)
    }
    fn digest(&self, sample: usize) -> Result<u64, image::Error> {
        self.source.digest(self.samples[sample])
    }
    fn stamp(&self, sample: usize) -> Result<Option<image::Stamp>, image::Error> {
        self.source.stamp(self.samples[sample])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_a_set_are_of_all_its_classes_and_the_same_each_time() {
        let whole = Set::generated(1000, 400);
        let names = |set: &Set| (0..set.training.len()).map(|k| set.training.name(k)).collect::<Vec<_>>();
        let some = whole.clone().some(300);
        assert_eq!((some.training.len(), some.validation.len()), (300, 75));
        assert_eq!(some.name, "GENERATED pictures (300 of 1000)");
        assert!(some.is_generated());
        let mut all = names(&whole).into_iter();
        assert!(names(&some).iter().all(|name| all.any(|other| other == *name)), "in their order, each once");
        assert_eq!(names(&some), names(&whole.clone().some(300)));
        for class in 0..whole.training.classes() as u32 {
            let count = (0..300).filter(|&k| some.training.label(k) == class).count();
            assert!((15..=45).contains(&count), "{count} pictures of class {class}");
        }
        assert_eq!(whole.clone().some(1000).validation.len(), 250);
        assert_eq!(whole.clone().some(2000).name, whole.name);
    }
}
