//! Hyperspherical coordinates, their Jacobians and the geometry of ReLU activation boundaries.

pub mod boundary;
mod columns;
mod error;
mod norm;
#[cfg(feature = "rayon")]
pub mod parallel;
mod scalar;
pub mod simd;
pub mod sphere;
mod split;
pub mod stability;
pub mod trig;
pub mod uniform;

pub use error::Error;
pub use scalar::Scalar;
