#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod check;
mod matrix;
pub mod op;
mod rule;
mod tape;
mod var;

pub use matrix::{Mat, MatMut};
pub use rule::{Accumulator, Pullback, Rule};
pub use tape::{Attributes, Tape};
pub use var::{Shape, Var};
