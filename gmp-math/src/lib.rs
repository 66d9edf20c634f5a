//! Hyperspherical coordinates, their Jacobians and the geometry of ReLU activation boundaries.

pub mod boundary;
mod error;
mod scalar;
pub mod simd;
pub mod sphere;
pub mod trig;

pub use error::Error;
pub use scalar::Scalar;
