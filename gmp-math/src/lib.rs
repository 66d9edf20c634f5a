//! Hyperspherical coordinates, their Jacobians and the geometry of ReLU activation boundaries.

mod scalar;
pub mod simd;

pub use scalar::Scalar;
