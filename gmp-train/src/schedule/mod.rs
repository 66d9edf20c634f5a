//! Learning-rate schedules and early stopping.
//!
//! Three things change the learning rate, each by a factor: [`StepDecay`] at given epochs, [`ReduceOnPlateau`] when
//! the monitored quantity stops improving, and a [`Schedule`], which is a function of the step.

mod rate;
mod rules;

pub use rate::{CustomSchedule, Moment, Phase, Schedule, Span};
pub(crate) use rules::Patience;
pub use rules::{EarlyStopping, Goal, ReduceOnPlateau, Restore, StepDecay};
