//! The learning rate during a run, and when the run ends early.
//!
//! Three things change the learning rate, and each multiplies it: [`StepDecay`] at given epochs, [`ReduceOnPlateau`]
//! when nothing improves, and a [`Schedule`] that is a function of the step.

mod rate;
mod rules;

pub use rate::{CustomSchedule, Moment, Phase, Schedule, Span};
pub(crate) use rules::Patience;
pub use rules::{EarlyStopping, Goal, ReduceOnPlateau, Restore, StepDecay};
