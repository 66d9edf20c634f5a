//! `cargo xtask train` and `cargo xtask predict`: networks for tables of one's own.
//!
//! A CSV file becomes a [`TextTable`](table::TextTable), that [`Samples`](samples::Samples): which columns are inputs, which one
//! is the [`Target`](target::Target), which [task](task::Task) it sets. A [`Job`](fit::Job) trains one network on them,
//! [`Seeds`](seeds::Seeds) many, and [`compare`] asks what the seeds decide of the methods. A [`TableModel`](model::TableModel) is
//! what is kept: a network that knows its columns and answers in the units of the data.

mod command;
pub mod compare;
mod error;
pub mod fit;
pub mod model;
mod options;
mod page;
pub mod predict;
pub mod samples;
pub mod score;
pub mod seeds;
pub mod table;
pub mod target;
pub mod task;

pub use command::run;
pub use error::TableError;
pub use options::{PredictCommand, TrainCommand};
