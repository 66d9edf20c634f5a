#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod arena;
mod backward;
pub mod check;
mod inspect;
pub mod op;
mod rule;
mod tape;
mod var;

pub use gmp_math::{Mat, MatMut};
pub use inspect::Operation;
pub use rule::{Accumulator, Pullback, Rule};
pub use tape::{Attributes, Tape};
pub use var::{Shape, Var};
