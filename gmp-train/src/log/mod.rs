//! Training logs for other tools: JSON Lines and TensorBoard.

mod event_files;
mod json_lines;

use crate::{EpochRecord, Monitor, Observer, State, Step, Trainer};
use event_files::EventFiles;
use gmp_nn::Element;
use json_lines::JsonLines;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// An [`Observer`] that logs every epoch.
///
/// An epoch's numbers are `training/loss`, `training/` and `validation/` with the name of each of
/// [`Trainer::metrics`](crate::Trainer) and of the monitored one (`validation/loss` for the loss), and
/// `learning_rate`. They are written together with the epoch (from 0), the number of optimizer steps so far, and the
/// seconds since this observer was created, and reach the operating system before the next epoch begins.
///
/// A resumed run continues the log of the interrupted run: what that run wrote about epochs that are carried out
/// again is discarded. A run from the start begins a new log. A write error is reported, and training continues; the
/// next epoch tries again, and JSON Lines get the missing epochs from the run's history.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
/// use gmp_train::{Adam, Dataset, Log, Loss, Metric, Trainer};
///
/// let data = Dataset::new((0..20).map(f64::from).collect(), 1, vec![1.0; 20], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
/// let trainer = Trainer {
///     metrics: vec![Metric::MeanAbsoluteError],
///     ..Trainer::new(Loss::MeanSquaredError, 8, 4, 0.01)
/// };
/// let folder = std::env::temp_dir().join(format!("logs of {}", std::process::id()));
/// let mut logs = (
///     Log::json_lines(folder.join("metrics.jsonl"), |error| eprintln!("WARNING: {error}")),
///     Log::event_files(folder.join("tensorboard"), |error| eprintln!("WARNING: {error}")),
/// );
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut logs)?;
///
/// let text = std::fs::read_to_string(folder.join("metrics.jsonl"))?;
/// assert_eq!(text.lines().count(), 4);
/// assert!(text.starts_with("{\"epoch\":0,\"learning_rate\":0.01,\"seconds\":"));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Log<'a> {
    sink: Box<dyn Sink>,
    begin: Instant,
    /// Epochs of the run when the sink was called last and could write.
    epochs: usize,
    /// Whether it could not write since, which was reported.
    has_failed: bool,
    report: Box<dyn FnMut(&LogError) + Send + 'a>,
}

/// Where lines go.
trait Sink: Send {
    /// Takes the line of an epoch; the first one says where a run goes on. `past` gives those of the epochs before.
    fn write(&mut self, line: &Line, past: &dyn Fn(usize) -> Line) -> Result<(), LogError>;

    /// Called in the end where no epoch was carried out since the run was resumed, or the last one could not be written:
    /// the log may lack the last ones.
    fn complete(&mut self, _epochs: usize, _past: &dyn Fn(usize) -> Line) -> Result<(), LogError> {
        Ok(())
    }
}

/// What is written of an epoch.
struct Line {
    epoch: usize,
    step: usize,
    /// NaN where it is not known any more.
    seconds: f64,
    numbers: Vec<(String, f64)>,
}

/// An error while writing a log: which file, and why.
///
/// ```
/// use gmp_train::LogError;
/// let (file, source) = ("runs/7/metrics.jsonl".into(), std::io::Error::other("no space left"));
/// let error = LogError { file, action: "write", source };
/// assert_eq!(error.to_string(), "runs/7/metrics.jsonl: cannot write: no space left");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {action}: {source}", file.display())]
pub struct LogError {
    /// The file, or the folder.
    pub file: PathBuf,
    /// What was tried.
    pub action: &'static str,
    /// The error of the operating system.
    pub source: io::Error,
}

impl LogError {
    fn of(file: &Path, action: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self { file: file.to_owned(), action, source }
    }
}

impl<'a> Log<'a> {
    /// A file of JSON Lines, with one object per epoch, one per line. A number that is not finite is `null`.
    ///
    /// If the file exists and is not such a log, this is reported and the file is not changed.
    pub fn json_lines(file: impl Into<PathBuf>, report: impl FnMut(&LogError) + Send + 'a) -> Self {
        Self::to(Box::new(JsonLines::new(file.into())), report)
    }

    /// Event files for TensorBoard (`tensorboard --logdir folder`): a new one in `folder` for every run, with the
    /// number of optimizer steps on the horizontal axis.
    pub fn event_files(folder: impl Into<PathBuf>, report: impl FnMut(&LogError) + Send + 'a) -> Self {
        Self::to(Box::new(EventFiles::new(folder.into())), report)
    }

    fn to(sink: Box<dyn Sink>, report: impl FnMut(&LogError) + Send + 'a) -> Self {
        Self { sink, begin: Instant::now(), epochs: 0, has_failed: false, report: Box::new(report) }
    }
}

impl<T: Element> Observer<T> for Log<'_> {
    fn on_step(&mut self, _: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        let fit = state.progress.fit();
        if state.progress.batches() == 0
            && let Some(epoch) = fit.epochs.checked_sub(1)
        {
            let seconds = self.begin.elapsed().as_secs_f64();
            let line = Line { seconds, ..past(state, epoch) };
            let written = self.sink.write(&line, &|epoch| past(state, epoch));
            self.has_failed = written.is_err();
            match written {
                Ok(()) => self.epochs = fit.epochs,
                Err(error) => (self.report)(&error),
            }
        }
        ControlFlow::Continue(())
    }

    fn on_end(&mut self, state: &State<'_, T>) {
        let epochs = state.progress.fit().epochs;
        if self.epochs < epochs
            && let Err(error) = self.sink.complete(epochs, &|epoch| past(state, epoch))
            && !self.has_failed
        {
            (self.report)(&error);
        }
    }
}

/// The line of a finished epoch, as far as the run's history has it: all its epochs had as many steps, except for batches
/// that could not be read.
fn past<T: Element>(state: &State<'_, T>, epoch: usize) -> Line {
    let fit = state.progress.fit();
    let step = (fit.steps as u128 * (epoch as u128 + 1) / fit.epochs.max(1) as u128) as usize;
    let numbers = state.progress.history().get(epoch).map(|record| numbers(state.trainer, record));
    Line { epoch, step, seconds: f64::NAN, numbers: numbers.unwrap_or_default() }
}

/// The epoch's, with the names that they have in every log.
fn numbers(trainer: &Trainer, record: &EpochRecord) -> Vec<(String, f64)> {
    let mut numbers = vec![
        ("training/loss".to_owned(), record.training_loss),
        ("learning_rate".to_owned(), record.learning_rate),
    ];
    for (metric, training, validation) in record.metrics(trainer) {
        numbers.push((format!("training/{metric}"), training));
        numbers.extend(validation.map(|value| (format!("validation/{metric}"), value)));
    }
    let name = match trainer.monitor {
        Monitor::Validation(metric) if trainer.metrics.contains(&metric) => None,
        Monitor::Validation(metric) => Some(format!("validation/{metric}")),
        Monitor::Auto | Monitor::TrainingLoss => Some("validation/loss".to_owned()),
    };
    numbers.extend(name.zip(record.validation));
    numbers
}
