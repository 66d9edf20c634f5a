//! Interventions: the boundaries of one method are made to move as far as those of another, and nothing else is changed.
//!
//! A reference network is trained first, of the same run with another method: the same data, seed, learning rate and stops.
//! [`Levels`] keeps how far the boundaries of every layer moved in every step. The run itself then takes its own optimizer's steps, changed
//! layer by layer and unit by unit ([`Around`]). Boundaries turn where there are two inputs or more; with one input their locations move.

mod units;

use crate::method::{self, MethodId};
use gmp_math::Scalar;
use gmp_nn::{Element, Network, ParamStore, Rng};
use gmp_train::{Error, Optimizer, OptimizerState};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use units::Units;

/// What is done to the steps of the hidden layers, to each as its own layer moves in the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Intervention {
    /// Every unit's step is shortened so that its boundary moves no further than the boundary that moves furthest under GmP in
    /// the same step.
    #[serde(rename = "limited to the largest")]
    LimitedToLargest,
    /// The same with the mean over the boundaries under GmP.
    #[serde(rename = "limited to the mean")]
    LimitedToMean,
    /// Every boundary is moved at random besides, until it moves as far as the mean boundary under SP in the same step.
    #[serde(rename = "jittered")]
    Jittered,
}

impl Intervention {
    /// The method whose boundaries say how far those of the run may move, or have to.
    #[must_use]
    pub fn reference(self) -> MethodId {
        match self {
            Self::LimitedToLargest | Self::LimitedToMean => method::GMP,
            Self::Jittered => method::SP,
        }
    }

    /// The name in figures and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LimitedToLargest => "limited to the largest",
            Self::LimitedToMean => "limited to the mean",
            Self::Jittered => "jittered",
        }
    }
}

/// How far the boundaries of every layer moved in every step: the mean and the largest over units.
#[derive(Debug, Clone, Default)]
pub struct Levels(Arc<Mutex<Vec<OfStep>>>);

/// The mean and the largest movement of each layer, from the input on.
type OfStep = Vec<[f64; 2]>;

impl Levels {
    /// The steps that were written down.
    #[must_use]
    pub fn all(&self) -> Vec<OfStep> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is put around the optimizer of a run.
#[derive(Debug, Clone, Copy)]
pub enum Around<'a> {
    /// Nothing: the run is as it is.
    Nothing,
    /// Its steps stay as they are, and how far boundaries move is written down here.
    Written(&'a Levels),
    /// Its steps are changed so that boundaries move as these levels of a reference say, whose last one counts for all steps
    /// beyond it; the seed is that of the jitter.
    Changed(Intervention, &'a Levels, u64),
}

impl Around<'_> {
    /// An optimizer for `network` that takes the steps of `optimizer`, watched or changed.
    ///
    /// # Panics
    /// Unless it is [`Around::Nothing`], if a hidden layer has another parameterization than SP, WN or GmP, or is normalized by its
    /// batch.
    #[must_use]
    pub fn optimizer<T: Element>(
        self,
        network: &Network<T>,
        optimizer: Box<dyn Optimizer<T>>,
    ) -> Box<dyn Optimizer<T>> {
        let act = match self {
            Self::Nothing => return optimizer,
            Self::Written(levels) => Act::Write(levels.clone()),
            Self::Changed(Intervention::LimitedToMean, levels, _) => Act::Limit(of_steps(levels, 0)),
            Self::Changed(Intervention::LimitedToLargest, levels, _) => Act::Limit(of_steps(levels, 1)),
            Self::Changed(Intervention::Jittered, levels, seed) => {
                Act::Jitter(of_steps(levels, 0), Box::new(Rng::new(seed, "jittered boundaries")))
            }
        };
        Box::new(Changed { optimizer, layers: Units::of(network), act, before: Vec::new(), steps: 0 })
    }
}

/// One of the two levels, of every step and layer.
fn of_steps(levels: &Levels, which: usize) -> Vec<Vec<f64>> {
    let of_step = |layers: OfStep| layers.into_iter().map(|level| level[which]).collect();
    levels.all().into_iter().map(of_step).collect()
}

/// An optimizer whose steps are watched or changed.
struct Changed<T> {
    optimizer: Box<dyn Optimizer<T>>,
    layers: Vec<Units>,
    act: Act,
    /// The parameters before the step.
    before: Vec<T>,
    steps: usize,
}

enum Act {
    Write(Levels),
    Limit(Vec<Vec<f64>>),
    Jitter(Vec<Vec<f64>>, Box<Rng>),
}

/// The level of a layer in a step; none where there are no levels at all.
fn at(levels: &[Vec<f64>], step: usize, layer: usize) -> Option<f64> {
    let of_step = levels.get(step).or(levels.last())?;
    of_step.get(layer).copied().filter(|level| level.is_finite())
}

impl<T: Scalar> Optimizer<T> for Changed<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        self.before.clear();
        self.before.extend_from_slice(parameters.values());
        self.optimizer.step(parameters, gradients, learning_rate);
        let (step, before, after) = (self.steps, &self.before, parameters.values_mut());
        let layers = || self.layers.iter().enumerate();
        match &mut self.act {
            Act::Write(levels) => {
                let level = |units: &Units| {
                    let moved = (0..units.count()).map(|unit| units.moved(unit, before, after));
                    let moved: Vec<f64> = moved.filter(|moved| moved.is_finite()).collect();
                    let mean = moved.iter().sum::<f64>() / moved.len() as f64;
                    [mean, moved.into_iter().fold(0.0, f64::max)]
                };
                let of_step = self.layers.iter().map(level).collect();
                levels.0.lock().unwrap_or_else(PoisonError::into_inner).push(of_step);
            }
            Act::Limit(levels) => {
                for (layer, units) in layers() {
                    if let Some(limit) = at(levels, step, layer) {
                        (0..units.count()).for_each(|unit| units.limit(unit, before, after, limit));
                    }
                }
            }
            Act::Jitter(levels, rng) => {
                for (layer, units) in layers() {
                    if let Some(level) = at(levels, step, layer) {
                        (0..units.count()).for_each(|unit| units.jitter(unit, before, after, level, rng));
                    }
                }
            }
        }
        self.steps += 1;
    }
    fn state(&self) -> OptimizerState<T> {
        self.optimizer.state()
    }
    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        self.optimizer.restore(state)
    }
}

#[cfg(test)]
mod tests;
