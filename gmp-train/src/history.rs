//! The record of an epoch, which the trainer, observers, logs and checkpoints share.

use crate::{Metric, Trainer};
use serde::{Deserialize, Serialize};

/// One epoch of a run in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean loss over the epoch's batches, as it was computed during training.
    pub training_loss: f64,
    /// Validation value of what [`Trainer::monitor`](crate::Trainer) watches; `None` where that is the training loss.
    pub validation: Option<f64>,
    /// [`Trainer::metrics`](crate::Trainer) over the epoch's batches, as they were predicted during training.
    pub training_metrics: Vec<f64>,
    /// The same of the validation set after the epoch; empty without one.
    pub validation_metrics: Vec<f64>,
}

impl EpochRecord {
    /// [`Trainer::metrics`] with their values in training and, where there is a validation set, in validation.
    pub fn metrics<'a>(
        &'a self,
        trainer: &'a Trainer,
    ) -> impl Iterator<Item = (Metric, f64, Option<f64>)> + use<'a> {
        trainer
            .metrics
            .iter()
            .zip(&self.training_metrics)
            .enumerate()
            .map(|(i, (metric, training))| (*metric, *training, self.validation_metrics.get(i).copied()))
    }
}
