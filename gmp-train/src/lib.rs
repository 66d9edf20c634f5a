#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod dataset;
mod error;
#[cfg(feature = "image")]
pub mod image;
mod metric;
mod observer;
pub mod optimizer;
mod schedule;
mod trainer;

pub use dataset::{Dataset, Standardizer, split};
pub use error::Error;
pub use metric::{Loss, Metric};
pub use observer::{BoundaryChanges, BoundarySnapshots, Change, Epoch, Observer};
pub use optimizer::{Adam, Optimizer, Sgd};
pub use schedule::{EarlyStopping, Goal, ReduceOnPlateau, Restore};
pub use trainer::{End, Fit, Monitor, Trainer};
