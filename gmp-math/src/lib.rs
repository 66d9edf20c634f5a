#![doc = include_str!("../README.md")]
//!
//! ## Where to find what
//!
//! - [`Mat`], [`MatMut`]: slices with a shape; **a layer is inputs × units, the transpose of PyTorch's
//!   `Linear.weight`**, which [`Mat::units_by_inputs`] reads in place
//! - [`geometric`]: a layer's weights and biases as angles, offsets and radii, and back
//! - [`sphere`]: angles to directions and back, in batches, with every derivative
//! - [`boundary`]: the boundary of a unit, its spatial location, distances and angles; how far all boundaries of a
//!   layer turned and moved
//! - [`stability`]: the exact worst-case effect of a parameter step
//! - [`tangent`]: steps of unit vectors without angles, and their effect
//! - [`neural_tangent`]: how the outputs of a wide layer move under gradient descent, per parameterization
//! - [`uniform`]: uniform directions and the distribution of their angles
//! - [`Scalar`], [`trig`], [`elementary`], [`simd`]: `f32` or `f64`, vectorised elementary functions, and the run-time choice
//!   of vector instructions
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
pub mod elementary;
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
