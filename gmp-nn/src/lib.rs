#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code)]

pub mod activation;
#[cfg(feature = "ndarray")]
mod arrays;
mod boundaries;
mod builder;
mod declare;
mod error;
pub mod fold;
mod forward;
pub mod init;
mod kernel;
pub mod layer;
mod linear;
mod mlp;
mod network;
pub mod neural_tangent;
pub mod normalization;
pub mod op;
pub mod parameterization;
mod params;
mod rng;
mod spec;
mod summary;
pub mod zoo;

pub use activation::Activation;
pub use boundaries::Boundaries;
pub use builder::NetworkBuilder;
pub use declare::Declare;
pub use error::Error;
pub use forward::{Forward, RecordedStatistics, RunningStatistics, Statistics};
pub use kernel::gemm::Element;
pub use kernel::{conv, gemm};
pub use layer::{Layer, LayerView};
pub use linear::Linear;
pub use mlp::Mlp;
pub use network::Network;
pub use normalization::Normalization;
pub use parameterization::{DirectionInit, FanOut, GeometricOptions, Parameterization, RadiusPlacement};
pub use params::{Entry, ParamStore, Role, Slot};
pub use rng::Rng;
pub use spec::{Convolution, Dense, Features, LayerSpec, NetworkSpec};
pub use summary::{LayerSummary, Summary};
