#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

pub mod activation;
mod boundaries;
mod error;
pub mod fold;
pub mod init;
mod kernel;
mod layer;
mod linear;
pub mod models;
mod network;
pub mod op;
pub mod parameterization;
mod params;
mod rng;
mod spec;

pub use activation::Activation;
pub use boundaries::Boundaries;
pub use error::Error;
pub use kernel::gemm::Element;
pub use kernel::{conv, gemm};
pub use layer::{Forward, Layer, Statistics};
pub use linear::Linear;
pub use network::{Mlp, Network};
pub use parameterization::{DirectionInit, Parameterization};
pub use params::{Entry, ParamStore, Role, Slot};
pub use rng::Rng;
pub use spec::{Features, LayerSpec, NetworkSpec};
