//! Lowering the learning rate and stopping early: the rules of Keras' callbacks.

use serde::{Deserialize, Serialize};

/// Whether smaller or larger values of a monitored quantity are better.
///
/// ```
/// use gmp_train::{Goal, Metric};
/// assert_eq!(Metric::MeanSquaredError.goal(), Goal::Minimize);
/// assert_eq!(Metric::BinaryAccuracy.goal(), Goal::Maximize);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Smaller is better.
    Minimize,
    /// Larger is better.
    Maximize,
}

impl Goal {
    /// Whether `current` is better than `best` by more than `min_delta`; what is not finite never is.
    fn improves(self, current: f64, best: f64, min_delta: f64) -> bool {
        current.is_finite()
            && match self {
                Self::Minimize => current < best - min_delta,
                Self::Maximize => current > best + min_delta,
            }
    }
    fn worst(self) -> f64 {
        match self {
            Self::Minimize => f64::INFINITY,
            Self::Maximize => f64::NEG_INFINITY,
        }
    }
}

/// Multiplies the learning rate by a factor when the monitored quantity has not improved for `patience` epochs.
///
/// It behaves like Keras' `ReduceLROnPlateau`. Its min_delta is *absolute*: if the quantity itself is smaller than
/// min_delta, no improvement is ever large enough and the rate falls every `patience` epochs.
///
/// ```
/// use gmp_train::{Loss, ReduceOnPlateau, Trainer};
/// let trainer = Trainer {
///     plateau: Some(ReduceOnPlateau { factor: 0.5, ..ReduceOnPlateau::new(5) }),
///     ..Trainer::new(Loss::MeanSquaredError, 32, 100, 0.01)
/// };
/// assert_eq!(trainer.plateau.unwrap().min_delta, 1e-4); // Keras' default
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReduceOnPlateau {
    /// The factor that multiplies the rate.
    pub factor: f64,
    /// Number of epochs without improvement before this happens.
    pub patience: usize,
    /// Smallest change that counts as an improvement, in the unit of the monitored quantity.
    #[serde(rename = "margin")]
    pub min_delta: f64,
}

impl ReduceOnPlateau {
    /// A tenfold reduction with Keras' min_delta of 1e-4.
    pub fn new(patience: usize) -> Self {
        Self { factor: 0.1, patience, min_delta: 1e-4 }
    }
}

/// Multiplies the learning rate by a factor after each of the given epochs, like PyTorch's `MultiStepLR`.
///
/// ```
/// use gmp_train::{Adam, Dataset, Loss, Mlp, Parameterization, StepDecay, Trainer};
/// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let trainer = Trainer {
///     step_decay: Some(StepDecay { factor: 0.5, epochs: vec![30, 60] }),
///     ..Trainer::new(Loss::MeanSquaredError, 2, 90, 0.25)
/// };
/// let fit = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
/// assert_eq!(fit.learning_rate, 0.0625); // a quarter, in the last thirty epochs
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepDecay {
    /// The factor that multiplies the rate.
    pub factor: f64,
    /// Numbers of epochs after which it happens.
    pub epochs: Vec<usize>,
}

/// Stops training when the monitored quantity has not improved for `patience` epochs, like Keras' `EarlyStopping`.
///
/// ```
/// use gmp_train::{EarlyStopping, Loss, Restore, Trainer};
/// let trainer = Trainer {
///     early_stopping: Some(EarlyStopping::new(10)),
///     ..Trainer::new(Loss::MeanSquaredError, 32, 1000, 0.01)
/// };
/// assert_eq!(trainer.early_stopping.unwrap().restore, Restore::Always);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// Number of epochs without improvement before this happens.
    pub patience: usize,
    /// Smallest change that counts as an improvement, in the unit of the monitored quantity.
    #[serde(rename = "margin")]
    pub min_delta: f64,
    /// When the weights of the best epoch are restored.
    pub restore: Restore,
}

impl EarlyStopping {
    /// Stops after `patience` epochs without any improvement and restores the weights of the best epoch, as Keras does
    /// with `restore_best_weights`.
    pub fn new(patience: usize) -> Self {
        Self { patience, min_delta: 0.0, restore: Restore::Always }
    }
}

/// When the weights of the best epoch are restored at the end of a run.
///
/// ```
/// use gmp_train::{EarlyStopping, Loss, Restore, Trainer};
/// let as_the_authors = EarlyStopping { restore: Restore::WhenStoppedEarly, ..EarlyStopping::new(10) };
/// let trainer = Trainer { early_stopping: Some(as_the_authors), ..Trainer::of(Loss::MeanSquaredError) };
/// assert_ne!(trainer.early_stopping, Some(EarlyStopping::new(10))); // whose default is `Always`
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restore {
    /// Never: the network keeps the weights of its last step.
    Never,
    /// Only if early stopping ended the run, as in TensorFlow before November 2023, which the paper's authors used.
    WhenStoppedEarly,
    /// However the run ended.
    Always,
}

/// A rule's memory: the best value so far and the epochs since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Patience {
    best: f64,
    wait: usize,
}

impl Patience {
    pub(crate) fn new(goal: Goal) -> Self {
        Self { best: goal.worst(), wait: 0 }
    }
    /// Takes the value of one more epoch; says whether it is the best, and whether patience has run out.
    pub(crate) fn observe(
        &mut self,
        value: f64,
        goal: Goal,
        min_delta: f64,
        patience: usize,
    ) -> (bool, bool) {
        if goal.improves(value, self.best, min_delta) {
            (self.best, self.wait) = (value, 0);
            return (true, false);
        }
        self.wait = self.wait.saturating_add(1);
        (false, self.wait >= patience)
    }
    /// Starts waiting anew.
    pub(crate) fn reset(&mut self) {
        self.wait = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn min_delta_is_absolute_and_nan_is_no_improvement() {
        let mut plateau = Patience::new(Goal::Minimize);
        let mut observe = |value| plateau.observe(value, Goal::Minimize, 1e-4, 3);
        assert_eq!(observe(1.0), (true, false));
        assert_eq!(observe(0.99995), (false, false)); // within the min_delta
        assert_eq!(observe(f64::NAN), (false, false));
        assert_eq!(observe(0.99991), (false, true));
        plateau.reset();
        assert_eq!(plateau.observe(0.99991, Goal::Minimize, 1e-4, 3), (false, false));
        assert_eq!(plateau.observe(0.5, Goal::Minimize, 1e-4, 3), (true, false));
        // Where values are smaller than the min_delta, nothing ever improves.
        let mut tiny = Patience::new(Goal::Minimize);
        let exhausted = |x| tiny.observe(x, Goal::Minimize, 1e-4, 2).1;
        assert_eq!([4e-6, 3e-6, 1e-6].map(exhausted), [false, false, true]);
    }

    #[test]
    fn maximizing() {
        let mut stop = Patience::new(Goal::Maximize);
        assert_eq!(
            [0.5, 0.5, 0.6, 0.6, 0.6].map(|x| stop.observe(x, Goal::Maximize, 0.0, 2)),
            [(true, false), (false, false), (true, false), (false, false), (false, true)]
        );
        assert_eq!(stop.observe(f64::INFINITY, Goal::Maximize, 0.0, 9), (false, false));
    }

    #[test]
    fn an_improvement_is_larger_than_min_delta() {
        for (goal, values) in
            [(Goal::Minimize, [1.0, 0.75, 0.5, 0.5]), (Goal::Maximize, [1.0, 1.25, 1.5, 1.5])]
        {
            let mut patience = Patience::new(goal);
            let improves = values.map(|value| patience.observe(value, goal, 0.25, 9).0);
            assert_eq!(improves, [true, false, true, false], "{goal:?}");
        }
    }
}
