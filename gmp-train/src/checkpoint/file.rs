//! Atomic writes of files, and the folder in which a run keeps its last checkpoints.

use super::{Checkpoint, CheckpointError, Problem};
use crate::nonfinite::non_finite_of;
use crate::{Observer, State, Step};
use gmp_nn::Element;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Replaces `file` by one with this content, atomically: after a crash at any moment there is either the old file or
/// the new one.
///
/// The bytes go to a new file in the same folder with an unpredictable name (`gmp-….partial`), which is flushed to
/// the disk and renamed; then the folder is flushed. So no other file is written to, even if somebody has prepared a
/// link, and several processes may write the same file: the last one wins.
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
/// If the operating system refuses one of these steps. The old file is then unchanged, unless it was the last step:
/// then the new file is in its place, and it is unknown whether that survives a power failure.
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

/// Removes unfinished files of [`write_atomic`] that killed processes left behind. Use it only for a folder in which
/// no other process writes.
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

/// How often checkpoints are written.
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

/// An [`Observer`] that writes checkpoints of a run to its own folder and keeps the last few.
///
/// If a checkpoint cannot be written, this is reported and training continues. The run's last state is always
/// written, unless a number of its parameters or buffers is not finite (which [`Check::LossOnly`](crate::Check) does
/// not detect): this is reported too, and no good checkpoint is removed for it.
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
    /// Keeps the last `keep` checkpoints in `folder`, which no other run may use. `report` is called with every error
    /// and should make it visible.
    ///
    /// # Panics
    /// If `keep` is 0, or checkpoints are to be written every 0 steps or epochs.
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

    /// Also writes checkpoints at this interval, for instance every few steps inside a long epoch.
    ///
    /// # Panics
    /// If they are to be written every 0 steps or epochs.
    pub fn and(mut self, every: Every) -> Self {
        assert!(!matches!(every, Every::Steps(0) | Every::Epochs(0)), "checkpoints cannot be due {every:?}");
        self.every.push(every);
        self
    }

    /// Adds a text of your own to every checkpoint, such as a description of the run and the data. (The description
    /// of the network is always included.)
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

    /// Writes a checkpoint now and removes those that are no longer kept.
    ///
    /// # Errors
    /// If that fails, or a parameter or buffer is not finite, naming the file; older checkpoints are then not
    /// removed.
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

/// The newest readable checkpoint of a folder, and the errors of newer ones that cannot be read.
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
    /// Newer checkpoints that cannot be read, because they are damaged or of a newer format. Show them as warnings.
    pub unreadable: Vec<CheckpointError>,
}

impl<T: Element> Newest<T> {
    /// Reads the newest checkpoint of a folder; `None` if there is no folder or no checkpoint in it.
    ///
    /// # Errors
    /// If there are checkpoints and none can be read; the error is that of the newest one.
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
