#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod arena;
mod backward;
pub mod check;
mod inspect;
mod matrix;
pub mod op;
mod rule;
mod tape;
mod var;

pub use inspect::Operation;
pub use matrix::{Mat, MatMut};
pub use rule::{Accumulator, Pullback, Rule};
pub use tape::{Attributes, Tape};
pub use var::{Shape, Var};
