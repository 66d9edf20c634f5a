//! Interventions: the boundaries of one method are made to move as far as those of another, and nothing else is changed.
//!
//! A reference network is trained first, of the same run with another method: the same data, seed, learning rate and stops.
//! [`Levels`] keeps how far its boundaries moved in every step. The run itself then takes its own optimizer's steps, changed
//! by [`changed`]. Boundaries turn where there are two inputs or more; with one input their locations move.

use crate::method::{self, MethodId};
use gmp_math::boundary::angle_between;
use gmp_math::sphere::directions;
use gmp_math::stability::linearized_turns;
use gmp_nn::{Network, ParamStore, Rng, Slot};
use gmp_train::{Error, Optimizer, OptimizerState};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// What is done to the steps of the hidden layer.
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

/// Halvings that find how much of a step is allowed.
const HALVINGS: usize = 30;

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

/// How far the boundaries of a layer moved in every step: the mean and the largest over units.
#[derive(Debug, Clone, Default)]
pub struct Levels(Arc<Mutex<Vec<[f64; 2]>>>);

impl Levels {
    /// An optimizer that takes the steps of `optimizer` and writes down here how far boundaries move.
    #[must_use]
    pub fn written(
        &self,
        network: &Network<f64>,
        optimizer: Box<dyn Optimizer<f64>>,
    ) -> Box<dyn Optimizer<f64>> {
        let act = Act::Write(self.clone());
        Box::new(Changed { optimizer, units: Units::of(network), act, before: Vec::new(), steps: 0 })
    }

    /// The steps that were written down.
    #[must_use]
    pub fn all(&self) -> Vec<[f64; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An optimizer that takes the steps of `optimizer`, changed so that boundaries move as `levels` say. Beyond the last of them the
/// last one counts.
#[must_use]
pub fn changed(
    intervention: Intervention,
    levels: &Levels,
    seed: u64,
    network: &Network<f64>,
    optimizer: Box<dyn Optimizer<f64>>,
) -> Box<dyn Optimizer<f64>> {
    let levels = levels.all();
    let act = match intervention {
        Intervention::LimitedToMean => Act::Limit(levels.iter().map(|level| level[0]).collect()),
        Intervention::LimitedToLargest => Act::Limit(levels.iter().map(|level| level[1]).collect()),
        Intervention::Jittered => Act::Jitter(
            levels.iter().map(|level| level[0]).collect(),
            Box::new(Rng::new(seed, "jittered boundaries")),
        ),
    };
    Box::new(Changed { optimizer, units: Units::of(network), act, before: Vec::new(), steps: 0 })
}

/// An optimizer whose steps are watched or changed.
struct Changed {
    optimizer: Box<dyn Optimizer<f64>>,
    units: Units,
    act: Act,
    /// The parameters before the step.
    before: Vec<f64>,
    steps: usize,
}

enum Act {
    Write(Levels),
    Limit(Vec<f64>),
    Jitter(Vec<f64>, Box<Rng>),
}

/// The level of a step; none where there are no levels at all.
fn at(levels: &[f64], step: usize) -> Option<f64> {
    levels.get(step).or(levels.last()).copied().filter(|level| level.is_finite())
}

impl Optimizer<f64> for Changed {
    fn step(&mut self, parameters: &mut ParamStore<f64>, gradients: &[f64], learning_rate: f64) {
        self.before.clear();
        self.before.extend_from_slice(parameters.values());
        self.optimizer.step(parameters, gradients, learning_rate);
        let (units, after) = (&self.units, parameters.values_mut());
        match &mut self.act {
            Act::Write(levels) => {
                let moved = (0..units.count()).map(|unit| units.moved(unit, &self.before, after));
                let moved: Vec<f64> = moved.filter(|moved| moved.is_finite()).collect();
                let mean = moved.iter().sum::<f64>() / moved.len() as f64;
                let largest = moved.into_iter().fold(0.0, f64::max);
                levels.0.lock().unwrap_or_else(PoisonError::into_inner).push([mean, largest]);
            }
            Act::Limit(levels) => {
                if let Some(limit) = at(levels, self.steps) {
                    (0..units.count()).for_each(|unit| units.limit(unit, &self.before, after, limit));
                }
            }
            Act::Jitter(levels, rng) => {
                if let Some(level) = at(levels, self.steps) {
                    (0..units.count()).for_each(|unit| units.jitter(unit, &self.before, after, level, rng));
                }
            }
        }
        self.steps += 1;
    }
    fn state(&self) -> OptimizerState<f64> {
        self.optimizer.state()
    }
    fn restore(&mut self, state: OptimizerState<f64>) -> Result<(), Error> {
        self.optimizer.restore(state)
    }
}

/// Where the numbers are that a unit of the first hidden layer is made of.
struct Units {
    form: Form,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Weights and bias.
    Standard,
    /// v, length and bias.
    WeightNorm,
    /// Angles, offset and radius.
    Geometric,
    /// Offset and radius: one input.
    OneInput,
}

impl Units {
    /// # Panics
    /// If the first hidden layer has another parameterization than SP, WN or GmP, or is normalized by its batch.
    fn of(network: &Network<f64>) -> Self {
        let slot = |name: &str| {
            let name = format!("hidden1.{name}");
            network.parameters.entries().iter().find(|entry| entry.name == name).map(|entry| entry.slot)
        };
        let all = |names: &[&str]| names.iter().map(|name| slot(name)).collect::<Option<Vec<Slot>>>();
        let forms = [
            (Form::Standard, &["weights", "bias"][..]),
            (Form::WeightNorm, &["v", "length", "bias"]),
            (Form::Geometric, &["angles", "offset", "radius"]),
            (Form::OneInput, &["offset", "radius"]),
        ];
        let found = forms.into_iter().find_map(|(form, names)| Some(Self { form, slots: all(names)? }));
        found.expect("a hidden layer under SP, WN or GmP")
    }

    fn count(&self) -> usize {
        self.slots[0].cols
    }

    /// How far the boundary of a unit moves between two sets of parameters: the angle between its normals, or with one input the
    /// distance between its locations.
    fn moved(&self, unit: usize, before: &[f64], after: &[f64]) -> f64 {
        let number = |values: &[f64], slot: usize, row: usize| {
            let slot = self.slots[slot];
            values[slot.offset + row * slot.cols + unit]
        };
        let rows = self.slots[0].rows;
        let location = |values: &[f64]| match self.form {
            Form::Standard => -number(values, 1, 0) / number(values, 0, 0),
            Form::WeightNorm => {
                -number(values, 2, 0) / (number(values, 1, 0) * number(values, 0, 0).signum())
            }
            Form::Geometric | Form::OneInput => number(values, 0, 0),
        };
        match self.form {
            Form::Standard | Form::WeightNorm if rows > 1 => {
                let normal = |values| (0..rows).map(|row| number(values, 0, row)).collect::<Vec<f64>>();
                angle_between(&normal(before), &normal(after))
            }
            Form::Geometric => {
                let normal = |values| {
                    let angles: Vec<f64> = (0..rows).map(|row| number(values, 0, row)).collect();
                    let mut normal = vec![0.0; rows + 1];
                    directions(&angles, 1, &mut normal);
                    normal
                };
                angle_between(&normal(before), &normal(after))
            }
            _ => (location(after) - location(before)).abs(),
        }
    }

    /// All numbers of a unit.
    fn indices(&self, unit: usize) -> impl Iterator<Item = usize> + '_ {
        self.slots
            .iter()
            .flat_map(move |slot| (0..slot.rows).map(move |row| slot.offset + row * slot.cols + unit))
    }

    /// Shortens the step of a unit so that its boundary moves by no more than `limit`.
    fn limit(&self, unit: usize, before: &[f64], after: &mut [f64], limit: f64) {
        let is_allowed = |after: &[f64]| self.moved(unit, before, after) <= limit;
        if is_allowed(after) {
            return;
        }
        let full: Vec<f64> = self.indices(unit).map(|k| after[k]).collect();
        let set = |after: &mut [f64], share: f64| {
            for (k, full) in self.indices(unit).zip(&full) {
                after[k] = before[k] + share * (full - before[k]);
            }
        };
        let (mut allowed, mut forbidden) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (allowed + forbidden);
            set(after, middle);
            if is_allowed(after) {
                allowed = middle;
            } else {
                forbidden = middle;
            }
        }
        set(after, allowed);
    }

    /// Moves the boundary of a geometric unit at random, by as much as its own step leaves of `level` when two movements at right
    /// angles add up to it.
    fn jitter(&self, unit: usize, before: &[f64], after: &mut [f64], level: f64, rng: &mut Rng) {
        let own = self.moved(unit, before, after);
        // NaN of a unit that is nowhere jitters nothing.
        let missing = (level * level - own * own).max(0.0).sqrt();
        let rows = self.slots[0].rows;
        let draws: Vec<f64> = (0..rows).map(|_| rng.normal()).collect();
        let length = match self.form {
            Form::Geometric => {
                let slot = self.slots[0];
                let angles: Vec<f64> =
                    (0..rows).map(|row| after[slot.offset + row * slot.cols + unit]).collect();
                let mut turn = [0.0];
                linearized_turns(&angles, &draws, 1, &mut turn);
                turn[0]
            }
            _ => draws[0].abs(),
        };
        if missing > 0.0 && length > 0.0 {
            let slot = self.slots[0];
            for (row, draw) in draws.into_iter().enumerate() {
                after[slot.offset + row * slot.cols + unit] += missing / length * draw;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Optimizing;
    use gmp_train::{Dataset, Loss, Trainer};

    /// Trains 30 steps at a high rate and returns how far boundaries moved in each: the mean and the largest.
    fn levels(method: MethodId, inputs: usize, intervention: Option<(Intervention, &Levels)>) -> Levels {
        let mut network: Network<f64> = method.mlp(inputs, &[7], 1).build(3).unwrap();
        let mut rng = Rng::new(5, "samples");
        let x: Vec<f64> = (0..20 * inputs).map(|_| rng.normal()).collect();
        let y: Vec<f64> = x.chunks(inputs).map(|x| x.iter().sum::<f64>().sin()).collect();
        let data = Dataset::new(x, inputs, y, 1).unwrap();
        let optimizer = Optimizing::Adam.optimizer();
        let optimizer = match intervention {
            Some((intervention, levels)) => changed(intervention, levels, 1, &network, optimizer),
            None => optimizer,
        };
        let written = Levels::default();
        let mut optimizer = written.written(&network, optimizer);
        let trainer = Trainer::new(Loss::MeanSquaredError, 10, 15, 0.3);
        trainer.fit(&mut network, &mut optimizer, &data, None, &mut ()).unwrap();
        written
    }

    #[test]
    fn no_boundary_moves_further_than_its_limit_in_any_step() {
        for inputs in [1, 2, 5] {
            let reference = levels(method::GMP, inputs, None);
            assert_eq!(reference.all().len(), 30);
            for method in [method::SP, method::WN] {
                let free = levels(method, inputs, None);
                for (intervention, of) in
                    [(Intervention::LimitedToLargest, 1), (Intervention::LimitedToMean, 0)]
                {
                    let limited = levels(method, inputs, Some((intervention, &reference)));
                    let pairs = || limited.all().into_iter().zip(reference.all());
                    let is_within = pairs().all(|(limited, limit)| limited[1] <= limit[of] * (1.0 + 1e-9));
                    assert!(is_within, "{method} {inputs} {intervention:?}");
                    let is_used = pairs().any(|(limited, limit)| limited[1] > 0.99 * limit[of]);
                    let was_beyond = free
                        .all()
                        .into_iter()
                        .zip(reference.all())
                        .any(|(free, limit)| free[1] > 1.01 * limit[of]);
                    assert!(
                        is_used && was_beyond,
                        "{method} {inputs} {intervention:?}: the limit does nothing"
                    );
                }
            }
        }
    }

    #[test]
    fn jittered_boundaries_move_as_far_as_the_reference() {
        for inputs in [1, 2, 5] {
            // A reference that moves five times as far as the method does by itself.
            let own = levels(method::GMP, inputs, None).all();
            let wanted: Vec<[f64; 2]> = own.iter().map(|level| level.map(|x| (5.0 * x).min(0.3))).collect();
            let reference = Levels(Arc::new(Mutex::new(wanted.clone())));
            let moved = levels(method::GMP, inputs, Some((Intervention::Jittered, &reference))).all();
            let mean =
                |levels: &[[f64; 2]]| levels.iter().map(|level| level[0]).sum::<f64>() / levels.len() as f64;
            let ratio = mean(&moved) / mean(&wanted);
            assert!((0.8..1.3).contains(&ratio), "{inputs} inputs: {ratio}");
        }
    }

    #[test]
    fn what_is_allowed_is_not_changed() {
        let far = Levels(Arc::new(Mutex::new(vec![[10.0; 2]])));
        let free = levels(method::SP, 3, None).all();
        assert_eq!(levels(method::SP, 3, Some((Intervention::LimitedToMean, &far))).all(), free);
        // Without a reference there is no limit.
        assert_eq!(
            levels(method::SP, 3, Some((Intervention::LimitedToMean, &Levels::default()))).all(),
            free
        );
    }
}
