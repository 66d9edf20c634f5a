#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod checkpoint;
mod dataset;
mod error;
#[cfg(feature = "image")]
pub mod image;
mod metric;
mod observer;
pub mod optimizer;
mod progress;
pub mod safetensors;
mod schedule;
mod trainer;

pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints, Every};
pub use dataset::{Dataset, Standardizer, split};
pub use error::Error;
pub use metric::{Loss, Metric};
pub use observer::{BoundaryChanges, BoundarySnapshots, Change, Epoch, Observer, State};
pub use optimizer::{Adam, Optimizer, OptimizerState, Sgd};
pub use progress::{Progress, Record};
pub use schedule::{EarlyStopping, Goal, ReduceOnPlateau, Restore};
pub use trainer::{End, Fit, Monitor, Trainer};
