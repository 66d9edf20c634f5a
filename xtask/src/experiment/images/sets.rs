//! Sets of pictures by name or folder.

use crate::experiment::{Context, Profile};
use anyhow::{Result, bail};
use gmp_train::image::{self, Cifar10, ImageNet32, ImageSource, Picture, Pictures};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Training and validation pictures.
pub struct Set {
    /// What tables call it.
    pub name: String,
    /// To learn from.
    pub training: Arc<dyn ImageSource>,
    /// To decide and to judge by.
    pub validation: Arc<dyn ImageSource>,
    /// Of the labels and the first picture, so that results of other pictures are not taken for these.
    pub fingerprint: String,
}

/// The generated set.
pub const GENERATED: &str = "pictures";
const CIFAR10: &str = "cifar10";
const IMAGENET32: &str = "imagenet32";

impl Set {
    /// Puts a set together.
    pub fn new(name: &str, training: Arc<dyn ImageSource>, validation: Arc<dyn ImageSource>) -> Self {
        let numbers = [&training, &validation].into_iter().flat_map(|source| {
            let mut first = Picture::default();
            // A first picture that cannot be read is met again in training, and reported there.
            let pixels = source.decode(0, &mut first).map_or_else(|_| Vec::new(), |()| first.pixels);
            let labels = (0..source.len()).map(|sample| f64::from(source.label(sample)));
            pixels.into_iter().map(f64::from).chain(labels).collect::<Vec<_>>()
        });
        let fingerprint = crate::run::fingerprint(&numbers.collect::<Vec<_>>());
        Self { name: name.to_owned(), training, validation, fingerprint }
    }

    /// The generated pictures.
    #[must_use]
    pub fn generated(training: usize, validation: usize) -> Self {
        let (training, validation) = Pictures::new(0, training, validation);
        Self::new(GENERATED, Arc::new(training), Arc::new(validation))
    }

    /// The first so many training pictures and a quarter as many to validate, named with it where that leaves some out.
    #[must_use]
    pub fn first(self, training: usize) -> Self {
        let validation = training.div_ceil(4);
        if self.training.len() <= training && self.validation.len() <= validation {
            return self;
        }
        let name = format!("{} (first {})", self.name, training.min(self.training.len()));
        let first = |source, most| -> Arc<dyn ImageSource> { Arc::new(First { source, most }) };
        Self::new(&name, first(self.training, training), first(self.validation, validation))
    }
}

/// The sets of 32×32 pictures that the user asked for; without a word the best that there is: in the full profile
/// ImageNet32, CIFAR-10, generated ones, in the quick profile without the first.
///
/// # Errors
/// An unknown name, or files that cannot be read.
pub fn small(context: &Context) -> Result<Vec<Set>> {
    let at = |name: &str| context.data_dir.join(name);
    let wanted = if context.datasets.is_empty() {
        let known: &[&str] =
            if context.profile == Profile::Full { &[IMAGENET32, CIFAR10] } else { &[CIFAR10] };
        let found = known.iter().find(|name| at(name).is_dir());
        vec![found.copied().unwrap_or(GENERATED).to_owned()]
    } else {
        context.datasets.clone()
    };
    wanted
        .iter()
        .map(|name| match name.as_str() {
            GENERATED => Ok(Set::generated(20_000, 4_000)),
            CIFAR10 => cifar10(&at(CIFAR10)),
            IMAGENET32 => imagenet32(&at(IMAGENET32)),
            path if Path::new(path).is_dir() => detect(&PathBuf::from(path)),
            other => bail!(
                "there is no set of pictures \"{other}\"; expected {CIFAR10}, {IMAGENET32} (folders of {}), {GENERATED} \
                 (generated), or the path of a folder",
                context.data_dir.display()
            ),
        })
        .collect()
}

/// The set of a folder, by the files in it.
fn detect(folder: &Path) -> Result<Set> {
    if folder.join("test_batch.bin").is_file() {
        return cifar10(folder);
    }
    if folder.join("val_data.npz").is_file() {
        return imagenet32(folder);
    }
    bail!(
        "{}: no pictures of a known layout; expected data_batch_*.bin and test_batch.bin (CIFAR-10), or \
         train_data_batch_*.npz and val_data.npz (ImageNet32)",
        folder.display()
    )
}

fn cifar10(folder: &Path) -> Result<Set> {
    Ok(of(folder, Cifar10::open(folder)?))
}

fn imagenet32(folder: &Path) -> Result<Set> {
    Ok(of(folder, ImageNet32::open(folder)?))
}

/// A set that is called as its folder is.
pub fn of<S: ImageSource + 'static>(folder: &Path, (training, validation): (S, S)) -> Set {
    let name =
        folder.file_name().map_or_else(|| folder.display().to_string(), |n| n.to_string_lossy().into());
    Set::new(&name, Arc::new(training), Arc::new(validation))
}

/// The first pictures of a source.
struct First {
    source: Arc<dyn ImageSource>,
    most: usize,
}

impl ImageSource for First {
    fn len(&self) -> usize {
        self.source.len().min(self.most)
    }
    fn classes(&self) -> usize {
        self.source.classes()
    }
    fn label(&self, sample: usize) -> u32 {
        self.source.label(sample)
    }
    fn name(&self, sample: usize) -> String {
        self.source.name(sample)
    }
    fn decode(&self, sample: usize, picture: &mut Picture) -> Result<(), image::Error> {
        self.source.decode(sample, picture)
    }
}
