#![doc = include_str!("../README.md")]
//!
//! ## Where to find what
//!
//! - [`Tape`], [`Var`], [`Shape`]: the list, handles to its matrices, and their sizes; [`Mat`] and [`MatMut`] are the matrices
//!   that operations read and write
//! - [`op`]: the built-in operations, which are methods of [`Var`] too
//! - [`Rule`], [`Pullback`], [`Accumulator`]: what an operation of your own implements and receives
//! - [`check`]: compares gradients with central differences
//! - [`Operation`], [`Tape::trace`], [`Tape::first_non_finite`]: inspect a pass afterwards; [`Watch`]: observes it
//!   while it runs

#![forbid(unsafe_code)]

mod arena;
mod backward;
pub mod check;
mod inspect;
pub mod op;
mod rule;
mod tape;
mod var;
mod watch;

pub use gmp_math::{Mat, MatMut};
pub use inspect::Operation;
pub use rule::{Accumulator, Pullback, Rule};
pub use tape::{Attributes, Tape};
pub use var::{Shape, Var};
pub use watch::{Phase, Watch};
