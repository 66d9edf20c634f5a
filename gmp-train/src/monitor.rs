//! The quantity that schedules and early stopping watch.

use crate::{Goal, Metric};
use serde::{Deserialize, Serialize};

/// The quantity that [`ReduceOnPlateau`](crate::ReduceOnPlateau) and [`EarlyStopping`](crate::EarlyStopping) watch
/// after every epoch. The quantity itself determines whether smaller or larger is better.
///
/// A value that is not finite never improves, so it counts towards every patience, and its epoch is never the best.
///
/// ```
/// use gmp_train::{Adam, Dataset, EarlyStopping, Loss, Metric, Mlp, Monitor, Parameterization, Trainer};
/// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 2, Parameterization::Geometric).build::<f64>(1)?;
/// let trainer = Trainer {
///     monitor: Monitor::Validation(Metric::TopK(1)),
///     early_stopping: Some(EarlyStopping::new(10)),
///     ..Trainer::of(Loss::SoftmaxCrossEntropy)
/// };
/// let error = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ()).unwrap_err();
/// assert_eq!(error.to_string(), "the monitored metric needs a validation set, and none was given");
/// # Ok::<(), gmp_train::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub enum Monitor {
    /// The loss on the validation set, in evaluation mode, if there is a validation set; otherwise the training loss.
    /// These are `val_loss` and `loss` in Keras.
    #[default]
    Auto,
    /// The mean loss over the epoch's batches, as it was computed during training, even if there is a validation set.
    TrainingLoss,
    /// A metric on the validation set, in evaluation mode. Training without a validation set is then an error.
    Validation(Metric),
}

impl Monitor {
    /// Whether smaller or larger values are better.
    ///
    /// ```
    /// # use gmp_train::{Goal, Metric, Monitor};
    /// assert_eq!(Monitor::Auto.goal(), Goal::Minimize); // a loss
    /// assert_eq!(Monitor::Validation(Metric::BinaryAccuracy).goal(), Goal::Maximize);
    /// ```
    pub fn goal(self) -> Goal {
        match self {
            Self::Auto | Self::TrainingLoss => Goal::Minimize,
            Self::Validation(metric) => metric.goal(),
        }
    }
}

/// As it is written in files: a metric with its goal, which was a setting once.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wire {
    Auto,
    TrainingLoss,
    Validation(Watched),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Watched {
    WithGoal(Metric, Goal),
    Metric(Metric),
}

impl From<Monitor> for Wire {
    fn from(monitor: Monitor) -> Self {
        match monitor {
            Monitor::Auto => Self::Auto,
            Monitor::TrainingLoss => Self::TrainingLoss,
            Monitor::Validation(metric) => Self::Validation(Watched::WithGoal(metric, metric.goal())),
        }
    }
}

impl From<Wire> for Monitor {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Auto => Self::Auto,
            Wire::TrainingLoss => Self::TrainingLoss,
            Wire::Validation(Watched::WithGoal(metric, _) | Watched::Metric(metric)) => {
                Self::Validation(metric)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Loss;

    #[test]
    fn what_old_files_say_is_read_and_a_wrong_goal_does_no_harm() {
        let read = |text: &str| serde_json::from_str::<Monitor>(text).unwrap();
        assert_eq!(read("\"training_loss\""), Monitor::TrainingLoss);
        let old = "{\"validation\":[\"mean_absolute_error\",\"minimize\"]}";
        assert_eq!(read(old), Monitor::Validation(Metric::MeanAbsoluteError));
        assert_eq!(serde_json::to_string(&read(old)).unwrap(), old);
        let wrong = read("{\"validation\":[{\"top_accuracy\":5},\"minimize\"]}");
        assert_eq!((wrong, wrong.goal()), (Monitor::Validation(Metric::TopK(5)), Goal::Maximize));
        assert_eq!(read("{\"validation\":\"binary_accuracy\"}").goal(), Goal::Maximize);
        for monitor in [
            Monitor::Auto,
            Monitor::Validation(Metric::Loss(Loss::Quantile { level: 0.9 })),
            Monitor::TrainingLoss,
        ] {
            assert_eq!(read(&serde_json::to_string(&monitor).unwrap()), monitor);
        }
    }
}
