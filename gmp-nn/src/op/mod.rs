//! The operations of layers: one file each, with the forward and the backward pass.

mod activation;
mod affine;
mod batch_norm;
mod conv2d;
mod direction;
mod flatten;
mod global_average_pool;
mod layer_norm;
mod max_pool;
mod mean_norm;
mod weight_norm;

pub use activation::activation;
pub(crate) use activation::pointwise;
pub use affine::{affine, scaled_affine};
pub use batch_norm::batch_norm;
pub use conv2d::{conv2d, conv2d_bias, scaled_conv2d};
pub use direction::direction;
pub use flatten::flatten;
pub use global_average_pool::global_average_pool;
pub use layer_norm::layer_norm;
pub use max_pool::max_pool;
pub use mean_norm::mean_norm;
pub use weight_norm::weight_norm;

pub use crate::Activation;
