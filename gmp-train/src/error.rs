//! Errors of data, settings and runs.

use std::fmt;
use std::sync::Arc;

/// Data that no model can be trained on, invalid settings, or numbers that became NaN or infinite.
///
/// ```
/// use gmp_train::{Adam, Dataset, Loss, Mlp, Parameterization, Trainer};
/// // The loss takes classes, and 7 is none of two.
/// let data = Dataset::new(vec![0.1, 0.2, 0.3], 1, vec![0.0, 7.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 2, Parameterization::Geometric).build::<f64>(1)?;
/// let trainer = Trainer::of(Loss::SoftmaxCrossEntropy);
/// let error = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ()).unwrap_err();
/// assert!(error.to_string().starts_with("training data: target 7 at sample 1, column 0; "), "{error}");
/// # Ok::<(), gmp_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Lengths that do not fit together.
    #[error("{what}: {got} numbers, expected {rows} samples × {cols} = {}", *rows as u128 * *cols as u128)]
    Shape {
        /// Which matrix.
        what: &'static str,
        /// Its length.
        got: usize,
        /// Expected samples.
        rows: usize,
        /// Expected columns.
        cols: usize,
    },
    /// A NaN or an infinity among the data.
    #[error("{what}: {value} at sample {row}, column {col}; every number must be finite")]
    NotFinite {
        /// Which matrix.
        what: &'static str,
        /// The number.
        value: f64,
        /// Sample, from 0.
        row: usize,
        /// Column, from 0.
        col: usize,
    },
    /// Data whose shape is not the one that the model or the loss accepts.
    #[error("{what}: {found}, expected {expected}")]
    Misfit {
        /// Which data: `"targets of the training data"`.
        what: String,
        /// Their shape.
        found: String,
        /// The expected shape, and what expects it.
        expected: String,
    },
    /// A target that the loss or a metric does not accept.
    #[error("{set}: target {value} at sample {sample}, column {column}; {expected}")]
    Target {
        /// Which data: `"training data"`.
        set: &'static str,
        /// The target.
        value: f64,
        /// Sample, from 0; if samples come in batches, its position in the epoch.
        sample: usize,
        /// Column, from 0.
        column: usize,
        /// What was expected, and what expects it.
        expected: String,
    },
    /// Sample weights for a user-defined loss that does not accept any.
    #[error("{set}: the loss {loss} takes no weights of samples")]
    Weights {
        /// Which data.
        set: &'static str,
        /// The loss.
        loss: String,
    },
    /// Fewer samples than needed.
    #[error("{what}: {got} samples, at least {needed} are needed")]
    TooFewSamples {
        /// Which set.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// How many there must be.
        needed: usize,
    },
    /// A setting outside its range.
    #[error("{setting} is {value}, expected {expected}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// The range.
        expected: &'static str,
    },
    /// A user-defined loss or schedule of which a file contains only the name.
    #[error("an own {what} cannot be read from a file: put it into the trainer again")]
    Placeholder {
        /// The loss, or the schedule.
        what: &'static str,
    },
    /// A setting was changed so that an interrupted run cannot be continued.
    #[error("{setting} is {value}, expected {expected} as before the interruption")]
    Changed {
        /// Which setting.
        setting: &'static str,
        /// Its value.
        value: usize,
        /// Its value before the interruption.
        expected: usize,
    },
    /// The monitored quantity needs a validation set and there is none.
    #[error("the monitored metric needs a validation set, and none was given")]
    NoValidation,
    /// A batch that cannot be read.
    #[error(transparent)]
    Batches(Cause),
    /// A checkpoint that cannot be read or used.
    #[error(transparent)]
    Checkpoint(Cause),
    /// A network that cannot be built.
    #[error(transparent)]
    Network(#[from] gmp_nn::Error),
    /// A number that is NaN or infinite.
    #[error("{what} is {value} at step {step} (epoch {epoch}); it began with {origin}")]
    Diverged {
        /// The loss, the gradient of a parameter, a parameter or a buffer.
        what: String,
        /// The number.
        value: f64,
        /// Optimizer steps before it.
        step: usize,
        /// Epoch, from 0.
        epoch: usize,
        /// What was not finite first: the batch, a parameter, the result of an operation of a layer (or of an
        /// operation after a layer), its backward pass, or the optimizer's step.
        origin: String,
    },
    /// A rank that could not continue, which ends the run on all ranks.
    #[error("rank {rank}: {problem}")]
    Rank {
        /// Its number.
        rank: usize,
        /// What happened to it.
        problem: String,
    },
    /// Ranks that differ in what they are to train, or in their state.
    #[error("rank {rank}: the {what} is {found}, expected {expected} as on rank 0")]
    Differs {
        /// The first rank that differs from rank 0.
        rank: usize,
        /// What differs: `"program"`, `"trainer"`, `"training data"`.
        what: String,
        /// Its value on that rank.
        found: String,
        /// Its value on rank 0.
        expected: String,
    },
    /// A model for which the parts of a batch cannot be computed independently of each other.
    #[error("the model cannot be trained on several ranks: {why}")]
    Sequential {
        /// What makes one part depend on another.
        why: &'static str,
    },
    /// A state that is not a state of this optimizer.
    #[error("not a state of the optimizer \"{optimizer}\": {problem}")]
    OptimizerState {
        /// The optimizer that should have been restored.
        optimizer: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    /// A batch that cannot be read, for your own [`Batches`](crate::Batches).
    ///
    /// ```
    /// use gmp_train::Error;
    /// let cause = std::io::Error::other("shard 7 is gone"); // any error
    /// assert_eq!(Error::batches(cause).to_string(), "shard 7 is gone");
    /// ```
    pub fn batches(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Batches(Cause(Arc::new(cause)))
    }
}

impl From<crate::exchange::Lost> for Error {
    fn from(lost: crate::exchange::Lost) -> Self {
        Self::Rank { rank: lost.rank, problem: lost.why }
    }
}

impl From<crate::CheckpointError> for Error {
    fn from(error: crate::CheckpointError) -> Self {
        Self::Checkpoint(Cause(Arc::new(error)))
    }
}

#[cfg(feature = "image")]
impl From<crate::image::Error> for Error {
    fn from(error: crate::image::Error) -> Self {
        Self::batches(error)
    }
}

/// The cause of another error. Two causes are equal if their messages are.
#[derive(Debug, Clone)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[derive(Debug, thiserror::Error)]
    #[error("shard {0} is gone")]
    struct Gone(u32, #[source] std::io::Error);

    #[test]
    fn a_cause_says_what_the_error_below_says() {
        let error = |shard| Error::batches(Gone(shard, std::io::Error::other("unplugged")));
        assert_eq!(error(7).to_string(), "shard 7 is gone");
        let source = error(7).source().map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("unplugged"));
        assert!(error(7) == error(7) && error(7) != error(8));
    }
}
