//! What can go wrong between the data and a trained network.

/// Data that no network can be trained on, settings that make no sense, or numbers that broke.
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
    /// Fewer samples than are needed.
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
    /// A run that was interrupted and would go on as another.
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
    /// Samples that cannot be had.
    #[error("{0}")]
    Batches(String),
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
        /// What was not finite first: the batch, a parameter, the result of an operation of a layer (or of one that
        /// comes after a layer), the backward pass of one, or the optimizer's step.
        origin: String,
    },
    /// The state of an optimizer that is not one of this optimizer.
    #[error("not a state of the optimizer \"{optimizer}\": {problem}")]
    OptimizerState {
        /// The optimizer that was to take it.
        optimizer: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}
