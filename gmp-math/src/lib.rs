#![doc = include_str!("../README.md")]
//!
//! ## Where to find what
//!
//! - [`Mat`], [`MatMut`]: a slice that knows its shape; **a layer is inputs × units, the transpose of PyTorch's
//!   `Linear.weight`**, which [`Mat::units_by_inputs`] reads in place
//! - [`geometric`]: a layer's weights and biases as angles, offsets and radii, and back
//! - [`sphere`]: angles to directions and back, in batches, with every derivative
//! - [`boundary`]: the boundary of a unit, its spatial location, distances and angles; turns and moves of a whole layer's
//! - [`stability`]: the worst that a parameter step can do, exactly
//! - [`tangent`]: steps of unit vectors without angles, and what they do
//! - [`neural_tangent`]: how the outputs of a wide layer move under gradient descent, per parameterization
//! - [`uniform`]: uniform directions and the law of their angles
//! - [`Scalar`], [`trig`], [`simd`]: `f32` or `f64`, the vectorised sine-cosine, and how kernels get the instructions of the
//!   machine
//! - `parallel`, with the feature `rayon`: the kernels of training on several threads
//! - `NotOnePiece` and conversions between [`Mat`] and arrays, with the feature `ndarray`
//! - [`theory`]: definitions and theorems

#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code)]

#[cfg(feature = "ndarray")]
mod arrays;
pub mod boundary;
#[allow(unsafe_code)]
mod columns;
mod error;
pub mod geometric;
mod mat;
pub mod neural_tangent;
mod norm;
#[cfg(feature = "rayon")]
pub mod parallel;
mod scalar;
#[allow(unsafe_code)]
pub mod simd;
pub mod sphere;
mod split;
pub mod stability;
pub mod tangent;
#[doc = include_str!("../docs/THEORY.md")]
pub mod theory {}
pub mod trig;
pub mod uniform;

#[cfg(feature = "ndarray")]
pub use arrays::NotOnePiece;
pub use error::Error;
pub use mat::{Mat, MatMut};
pub use scalar::Scalar;
