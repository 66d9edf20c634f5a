#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod boundaries;
pub mod conv;
mod error;
pub mod fold;
pub mod gemm;
pub mod init;
mod layer;
mod linear;
pub mod models;
mod named;
mod network;
pub mod op;
pub mod parameterization;
mod random;
mod share;
mod spec;

pub use boundaries::Boundaries;
pub use error::Error;
pub use gemm::Element;
pub use layer::{Forward, Layer, Statistics};
pub use linear::Linear;
pub use named::{Entry, Named, Role, Slot};
pub use network::{Mlp, Network};
pub use op::Activation;
pub use parameterization::{Directions, Parameterization};
pub use random::Rng;
pub use spec::{Features, LayerSpec, NetworkSpec};
