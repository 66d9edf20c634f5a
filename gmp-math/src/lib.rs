#![doc = include_str!("../README.md")]
//!
//! ## Where to find what
//!
//! - [`sphere`]: angles to directions and back, in batches, with every derivative
//! - [`boundary`]: the boundary of a unit, its spatial location, distances and angles
//! - [`stability`]: the worst that a parameter step can do, exactly
//! - [`uniform`]: uniform directions and the law of their angles
//! - [`trig`], [`simd`]: the vectorised sine-cosine, and how kernels get the instructions of the machine

#![deny(unsafe_code)]

pub mod boundary;
#[allow(unsafe_code)]
mod columns;
mod error;
pub mod geometric;
mod mat;
mod norm;
#[cfg(feature = "rayon")]
pub mod parallel;
mod scalar;
#[allow(unsafe_code)]
pub mod simd;
pub mod sphere;
mod split;
pub mod stability;
pub mod trig;
pub mod uniform;

pub use error::Error;
pub use mat::{Mat, MatMut};
pub use scalar::Scalar;
