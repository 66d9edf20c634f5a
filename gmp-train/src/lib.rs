#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "ndarray")]
mod arrays;
mod batches;
pub mod checkpoint;
mod clip;
mod dataset;
mod error;
pub mod exchange;
mod history;
#[cfg(feature = "image")]
pub mod image;
pub mod io;
mod log;
mod loss;
mod metric;
mod model;
mod monitor;
mod nonfinite;
mod observer;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod optimizer;
mod pass;
mod run;
pub mod safetensors;
mod schedule;
mod spread;
mod standardizer;
mod state;
mod trainer;

pub use batches::{Batch, Batches, MiniBatches, Portion, Share};
pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints, Every, Newest};
pub use clip::Clip;
pub use dataset::{Dataset, split};
pub use error::{Cause, Error};
pub use history::EpochRecord;
pub use log::{Log, LogError};
pub use loss::{CustomLoss, Loss, LossFunction, Targets};
pub use metric::Metric;
pub use model::Model;
pub use monitor::Monitor;
pub use observer::{BoundaryChanges, BoundarySnapshots, Change, Epoch, Observer, OnEpoch, State, Step};
pub use optimizer::{Adam, AdamW, Optimizer, OptimizerState, ParamGroup, ParamGroups, RmsProp, Sgd};
pub use pass::evaluate;
pub use schedule::{
    CustomSchedule, EarlyStopping, Goal, Moment, Phase, ReduceOnPlateau, Restore, Schedule, Span, StepDecay,
};
pub use spread::Across;
pub use standardizer::Standardizer;
pub use state::TrainState;
pub use trainer::{Check, End, Fit, Trainer};

// One dependency is enough: the crates below, and what most programs need of them.
pub use gmp_autograd::{self, Mat, Tape, Var, op};
pub use gmp_math::{self, Scalar};
pub use gmp_nn::{
    self, Activation, Boundaries, Convolution, Dense, Element, Features, GeometricOptions, LayerSpec, Mlp,
    Network, NetworkSpec, Normalization, ParamStore, Parameterization, RecordedStatistics, Rng, Role,
    Summary, activation, conv, fold, neural_tangent, normalization, parameterization, zoo,
};
#[cfg(feature = "ndarray")]
pub use ndarray;
