//! The record of an epoch, which the trainer, observers, logs and checkpoints share.

use crate::{Metric, Trainer};
use serde::{Deserialize, Serialize};

/// The numbers of one epoch of a run.
///
/// ```
/// use gmp_train::{Adam, Dataset, Epoch, Loss, Mlp, OnEpoch, Parameterization, Trainer};
/// use std::ops::ControlFlow;
/// let data = Dataset::new(vec![0.0, 1.0, 2.0], 1, vec![0.0, 1.0, 4.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
/// let mut records = Vec::new();
/// let mut observer = OnEpoch(|epoch: &Epoch<'_, f64>| {
///     records.push(epoch.record.clone());
///     ControlFlow::Continue(())
/// });
/// let trainer = Trainer::new(Loss::MeanSquaredError, 3, 5, 0.01);
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut observer)?;
/// assert_eq!((records.len(), records[4].epoch, records[4].learning_rate), (5, 4, 0.01));
/// assert!(records[4].training_loss < records[0].training_loss);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean loss over the epoch's batches, as it was computed during training.
    pub training_loss: f64,
    /// Value on the validation set of the quantity that [`Trainer::monitor`](crate::Trainer) watches; `None` if that
    /// is the training loss.
    pub validation: Option<f64>,
    /// [`Trainer::metrics`](crate::Trainer) over the epoch's batches, as they were predicted during training.
    pub training_metrics: Vec<f64>,
    /// The same metrics on the validation set after the epoch; empty without a validation set.
    pub validation_metrics: Vec<f64>,
}

impl EpochRecord {
    /// [`Trainer::metrics`] with their values in training and, if there is a validation set, in validation.
    ///
    /// ```
    /// use gmp_train::{EpochRecord, Loss, Metric, Trainer};
    /// let trainer = Trainer { metrics: vec![Metric::TopK(1)], ..Trainer::of(Loss::SoftmaxCrossEntropy) };
    /// let record = EpochRecord {
    ///     epoch: 0,
    ///     learning_rate: 0.01,
    ///     training_loss: 0.7,
    ///     validation: Some(0.8),
    ///     training_metrics: vec![0.75],
    ///     validation_metrics: vec![0.5],
    /// };
    /// assert_eq!(record.metrics(&trainer).next(), Some((Metric::TopK(1), 0.75, Some(0.5))));
    /// ```
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
