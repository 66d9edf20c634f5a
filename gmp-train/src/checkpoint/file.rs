//! Files that are written whole or not at all, and the folder in which a run keeps its last ones.

use super::{Checkpoint, CheckpointError, Problem};
use crate::nonfinite::non_finite_of;
use crate::{Observer, State, Step};
use gmp_nn::Element;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Replaces `file` by one with this content: after a crash at any moment there is the old one or the new one.
///
/// The bytes go to a new file in the same folder, whose name cannot be known before (`gmp-….partial`), which is flushed
/// to the disk and renamed; then the folder is flushed. So nothing else is written to, links that lie in wait included,
/// and several processes may write the same file: one of them is last.
///
/// ```
/// use gmp_train::checkpoint::write_atomic;
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("results.json");
/// write_atomic(&file, b"[1]")?;
/// write_atomic(&file, b"[1,2]")?;
/// assert_eq!(std::fs::read_to_string(&file)?, "[1,2]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The first of these steps that the operating system refuses. The old file is then as it was, unless it was the last
/// step: the new one is in its place, and whether that outlasts a power cut is unknown.
pub fn write_atomic(file: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let io = |action| move |source| Problem::Io { action, source };
    // Removed when dropped; a killed process alone leaves it behind.
    let mut temporary = unfinished(folder_of(file), 12).map_err(io("create a file in the folder"))?;
    let out = temporary.as_file_mut();
    out.write_all(bytes).map_err(io("write"))?;
    out.sync_all().map_err(io("flush to disk"))?;
    temporary.persist(file).map_err(|refused| io("rename the finished file")(refused.error))?;
    flush_folder(file).map_err(io("flush the folder to disk"))
}

/// Writes the content where there is one; an error of either names the file.
pub(crate) fn write_content(file: &Path, content: Result<Vec<u8>, Problem>) -> Result<(), CheckpointError> {
    let written = content.and_then(|bytes| write_atomic(file, &bytes));
    written.map_err(|problem| CheckpointError { file: file.to_owned(), problem })
}

/// A new file in the folder; `random` characters of its name are random. What has the name already, a link or a pipe too,
/// is neither opened nor followed.
fn unfinished(folder: &Path, random: usize) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(PREFIX)
        .rand_bytes(random)
        .suffix(SUFFIX)
        .make_in(folder, |path| File::create_new(path))
}

/// Removes what killed processes left behind of [`write_atomic`]; only for a folder in which no other one writes.
///
/// # Errors
/// If the folder cannot be listed, or a file in it cannot be removed.
pub fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A rename lasts once its folder is on the disk. Only Unix opens folders.
fn flush_folder(file: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(file))?.sync_all() } else { Ok(()) }
}

/// What the names of unfinished files begin and end with.
const PREFIX: &str = "gmp-";
const SUFFIX: &str = ".partial";
const EXTENSION: &str = "checkpoint";

/// When checkpoints are due.
///
/// ```
/// use gmp_train::{Adam, Checkpoints, Dataset, Every, Loss, Mlp, Parameterization, Trainer};
/// let folder = tempfile::tempdir()?;
/// let data = Dataset::new((0..10).map(f64::from).collect(), 1, vec![1.0; 10], 1)?; // an epoch of 5 steps
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let mut checkpoints = Checkpoints::new(folder.path(), 9, Every::Epochs(1), |error| panic!("{error}"))
///     .and(Every::Steps(4)); // inside the epochs too
/// let trainer = Trainer::new(Loss::MeanSquaredError, 2, 2, 0.01);
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut checkpoints)?;
/// assert_eq!(std::fs::read_dir(folder.path())?.count(), 4); // after the steps 4, 5, 8 and 10
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// After this many steps.
    Steps(usize),
    /// After this many epochs.
    Epochs(usize),
}

/// Writes checkpoints of a run to a folder of its own and keeps the last few: an [`Observer`].
///
/// A checkpoint that cannot be written is reported and training goes on. The run's last state is always written, unless
/// a number of its parameters or buffers is not finite (which [`Check::LossOnly`](crate::Check) lets pass): that is
/// reported too, and displaces no good checkpoint.
///
/// ```
/// use gmp_train::{Adam, Checkpoints, Dataset, Every, Loss, Mlp, Parameterization, Trainer};
/// let folder = tempfile::tempdir()?;
/// let data = Dataset::new(vec![0.0, 1.0, 2.0], 1, vec![0.0, 1.0, 4.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let mut checkpoints =
///     Checkpoints::new(folder.path(), 2, Every::Epochs(10), |error| eprintln!("WARNING: {error}"));
/// let trainer = Trainer::new(Loss::MeanSquaredError, 3, 35, 0.01);
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut checkpoints)?;
/// let mut files: Vec<_> = std::fs::read_dir(folder.path())?.map(|file| file.unwrap().file_name()).collect();
/// files.sort();
/// assert_eq!(files, ["step-000000000030.checkpoint", "step-000000000035.checkpoint"]); // the last two
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Checkpoints<'a> {
    folder: PathBuf,
    keep: usize,
    every: Vec<Every>,
    description: String,
    report: Box<dyn FnMut(&CheckpointError) + Send + 'a>,
}

impl<'a> Checkpoints<'a> {
    /// Keeps the last `keep` checkpoints in `folder`, which no other run may use. `report` is called with
    /// everything that goes wrong: it should be loud.
    ///
    /// # Panics
    /// If none are to be kept, or they are due every 0 steps or epochs.
    pub fn new(
        folder: impl Into<PathBuf>,
        keep: usize,
        every: Every,
        report: impl FnMut(&CheckpointError) + Send + 'a,
    ) -> Self {
        assert!(keep > 0, "at least one checkpoint must be kept");
        let description = String::new();
        let none =
            Self { folder: folder.into(), keep, every: Vec::new(), description, report: Box::new(report) };
        none.and(every)
    }

    /// Makes them due at these moments too: after some steps inside a long epoch, say.
    ///
    /// # Panics
    /// If they are due every 0 steps or epochs.
    pub fn and(mut self, every: Every) -> Self {
        assert!(!matches!(every, Every::Steps(0) | Every::Epochs(0)), "checkpoints cannot be due {every:?}");
        self.every.push(every);
        self
    }

    /// Puts a text of the caller's into every checkpoint: what the run is and what the data are. (What a network is
    /// built of is in it anyway.)
    ///
    /// ```
    /// use gmp_train::checkpoint::Newest;
    /// use gmp_train::{Adam, Checkpoints, Dataset, Every, Loss, Mlp, Parameterization, Trainer};
    /// let folder = tempfile::tempdir()?;
    /// let data = Dataset::new(vec![0.0, 1.0, 2.0], 1, vec![0.0, 1.0, 4.0], 1)?;
    /// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
    /// let mut checkpoints = Checkpoints::new(folder.path(), 1, Every::Epochs(1), |error| panic!("{error}"))
    ///     .describe("the parabola, three points");
    /// Trainer::of(Loss::MeanSquaredError).fit(&mut network, &mut Adam::default(), &data, None, &mut checkpoints)?;
    /// let newest = Newest::<f64>::in_folder(folder.path())?.unwrap();
    /// assert_eq!(newest.checkpoint.description, "the parabola, three points");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Writes one now and removes those that are no longer kept.
    ///
    /// # Errors
    /// If that fails, or a parameter or buffer is not finite, naming the file; older checkpoints are then left alone.
    pub fn save<T: Element>(&self, state: &State<'_, T>) -> Result<PathBuf, CheckpointError> {
        let file = self.folder.join(format!("step-{:012}.{EXTENSION}", state.progress.fit().steps));
        let failed = |action, source| CheckpointError {
            file: self.folder.clone(),
            problem: Problem::Io { action, source },
        };
        if let Some((what, value)) = non_finite_of(state.model) {
            let problem = Problem::NotFinite { what: what.to_owned(), value };
            return Err(CheckpointError { file, problem });
        }
        fs::create_dir_all(&self.folder).map_err(|source| failed("create the folder", source))?;
        // Before, since they may be what fills the disk. One that cannot be removed is no reason not to try.
        let _ = remove_unfinished(&self.folder);
        Checkpoint::new(state, &self.description).write(&file)?;
        // What lies behind this step, if anything does, is not this run's past: it is not counted.
        let mut past = list(&self.folder).map_err(|source| failed("list the folder", source))?;
        past.retain(|other| *other <= file);
        for old in past.iter().rev().skip(self.keep) {
            fs::remove_file(old).map_err(|source| failed("remove an old checkpoint", source))?;
        }
        Ok(file)
    }

    fn save_or_report<T: Element>(&mut self, state: &State<'_, T>) {
        if let Err(error) = self.save(state) {
            (self.report)(&error);
        }
    }
}

impl<T: Element> Observer<T> for Checkpoints<'_> {
    fn on_step(&mut self, _: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        let fit = state.progress.fit();
        let due = |every: &Every| match *every {
            Every::Steps(steps) => fit.steps.is_multiple_of(steps),
            Every::Epochs(epochs) => state.progress.batches() == 0 && fit.epochs.is_multiple_of(epochs),
        };
        if self.every.iter().any(due) {
            self.save_or_report(state);
        }
        ControlFlow::Continue(())
    }

    fn on_end(&mut self, state: &State<'_, T>) {
        self.save_or_report(state);
    }
}

/// Complete checkpoints in a folder, oldest first.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_ours = path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("step-"));
        if is_ours && path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The newest checkpoint of a folder that can be read, and what is wrong with the newer ones.
///
/// ```
/// use gmp_train::checkpoint::Newest;
/// let folder = tempfile::tempdir()?;
/// assert!(Newest::<f64>::in_folder(folder.path())?.is_none()); // the run begins
///
/// std::fs::write(folder.path().join("step-000000000100.checkpoint"), "damaged")?;
/// assert!(Newest::<f64>::in_folder(folder.path()).is_err()); // there is one, and it cannot be read
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Newest<T> {
    /// The checkpoint.
    pub checkpoint: Checkpoint<T>,
    /// Its file.
    pub file: PathBuf,
    /// Newer ones that cannot be read: damaged, or of a newer format. They deserve a warning.
    pub unreadable: Vec<CheckpointError>,
}

impl<T: Element> Newest<T> {
    /// Reads it; `None` where there is no folder or no checkpoint in it.
    ///
    /// # Errors
    /// If there are checkpoints and none can be read: that of the newest one.
    pub fn in_folder(folder: &Path) -> Result<Option<Self>, CheckpointError> {
        let files = match list(folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let problem = Problem::Io { action: "list the folder", source };
                return Err(CheckpointError { file: folder.to_owned(), problem });
            }
        };
        let mut unreadable = Vec::new();
        for file in files.into_iter().rev() {
            match Checkpoint::read(&file) {
                Ok(checkpoint) => return Ok(Some(Self { checkpoint, file, unreadable })),
                Err(error) => unreadable.push(error),
            }
        }
        unreadable.into_iter().next().map_or(Ok(None), Err)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, symlink};

    /// Whatever has the name of an unfinished file already: it is not written to, and not waited for.
    #[test]
    fn pipes_and_links_at_the_name_of_an_unfinished_file_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mkfifo = |path: &Path| std::process::Command::new("mkfifo").arg(path).status().unwrap();
        fs::write(at("victim"), "somebody's").unwrap();
        let taken = at("gmp-.partial");
        let refused = || {
            let error = unfinished(folder.path(), 0).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        };
        symlink(at("victim"), &taken).unwrap();
        refused();
        fs::remove_file(&taken).unwrap();
        symlink(at("nothing"), &taken).unwrap();
        refused();
        fs::remove_file(&taken).unwrap();
        assert!(mkfifo(&taken).success());
        refused();
        // Beside them, files are written, and neither is cleared away as unfinished.
        symlink(at("victim"), at("gmp-link.partial")).unwrap();
        write_atomic(&at("file"), b"new").unwrap();
        remove_unfinished(folder.path()).unwrap();
        assert_eq!(fs::read(at("file")).unwrap(), b"new");
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "somebody's");
        assert!(fs::symlink_metadata(&taken).unwrap().file_type().is_fifo());
        assert!(at("gmp-link.partial").is_symlink() && !at("nothing").exists());
    }
}
