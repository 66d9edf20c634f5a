//! Layers and ReLU networks.
#![deny(unsafe_code)]

pub mod gemm;
mod named;
mod random;

pub use named::{Entry, Named, Role, Slot};
pub use random::Rng;
