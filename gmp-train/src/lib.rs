#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod batches;
pub mod checkpoint;
mod clip;
mod dataset;
mod error;
#[cfg(feature = "image")]
pub mod image;
pub mod io;
mod log;
mod metric;
mod nonfinite;
mod observer;
pub mod optimizer;
mod pass;
pub mod safetensors;
mod schedule;
mod state;
mod trainer;

pub use batches::{Batch, Batches};
pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints, Every};
pub use clip::Clip;
pub use dataset::{Dataset, Standardizer, split};
pub use error::Error;
pub use log::{Log, LogError};
pub use metric::{Loss, Metric};
pub use observer::{BoundaryChanges, BoundarySnapshots, Change, Epoch, Observer, State};
pub use optimizer::{Adam, Optimizer, OptimizerState, Sgd};
pub use pass::evaluate;
pub use schedule::{EarlyStopping, Goal, ReduceOnPlateau, Restore, StepDecay};
pub use state::{Measured, Record, TrainState};
pub use trainer::{Check, End, Fit, Monitor, Trainer};
