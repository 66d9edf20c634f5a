//! The state of a run as the metadata of a checkpoint hold it: what the versions of the format have in common, and what
//! only some of them have.

use crate::schedule::Patience;
use crate::state::{Best, Running};
use crate::{EpochRecord, Fit, TrainState};
use serde::{Deserialize, Serialize};

/// [`TrainState`], except for its metrics.
#[derive(Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) fit: Fit,
    rate: f64,
    pub(super) samples: usize,
    pub(super) batches: usize,
    loss_sum: f64,
    plateau: Option<Patience>,
    stopping: Option<Patience>,
    pub(super) history: Vec<Epoch>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Epoch {
    training_loss: f64,
    validation: Option<f64>,
    learning_rate: f64,
}

/// The metrics, from version 2 on.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Metrics {
    seen: usize,
    targets: usize,
    sums: Vec<f64>,
    pub(super) history: Vec<Vec<Measured>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Measured {
    training: f64,
    validation: Option<f64>,
}

impl Metrics {
    /// Of a version that had none.
    pub(super) fn none(epochs: usize) -> Self {
        Self { history: (0..epochs).map(|_| Vec::new()).collect(), ..Self::default() }
    }
}

pub(super) fn split<T>(state: &TrainState<T>) -> (Progress, Metrics) {
    let epoch = |record: &EpochRecord| Epoch {
        training_loss: record.training_loss,
        validation: record.validation,
        learning_rate: record.learning_rate,
    };
    let measured = |record: &EpochRecord| {
        let validation = |i| record.validation_metrics.get(i).copied();
        let metrics = record.training_metrics.iter().enumerate();
        metrics.map(|(i, &training)| Measured { training, validation: validation(i) }).collect()
    };
    let progress = Progress {
        fit: state.fit,
        rate: state.rate,
        samples: state.samples,
        batches: state.batches,
        loss_sum: state.loss_sum,
        plateau: state.plateau.clone(),
        stopping: state.stopping.clone(),
        history: state.history.iter().map(epoch).collect(),
    };
    let Running { seen, targets, ref sums } = state.running;
    let history = state.history.iter().map(measured).collect();
    (progress, Metrics { seen, targets, sums: sums.clone(), history })
}

/// What [`split`] took apart, or what is wrong with it.
pub(super) fn join<T>(
    progress: Progress,
    metrics: Metrics,
    batch_size: usize,
) -> Result<TrainState<T>, String> {
    let epochs = progress.fit.epochs;
    for history in [progress.history.len(), metrics.history.len()] {
        if epochs != history {
            return Err(format!("{epochs} epochs with a history of {history}"));
        }
    }
    let mut history = Vec::with_capacity(epochs);
    for (number, (epoch, measured)) in progress.history.into_iter().zip(metrics.history).enumerate() {
        let validation: Vec<f64> = measured.iter().filter_map(|metric| metric.validation).collect();
        if !validation.is_empty() && validation.len() != measured.len() {
            return Err(format!(
                "epoch {number} has {} of {} validation metrics",
                validation.len(),
                measured.len()
            ));
        }
        history.push(EpochRecord {
            epoch: number,
            learning_rate: epoch.learning_rate,
            training_loss: epoch.training_loss,
            validation: epoch.validation,
            training_metrics: measured.iter().map(|metric| metric.training).collect(),
            validation_metrics: validation,
        });
    }
    let Progress { fit, rate, samples, batches, loss_sum, plateau, stopping, .. } = progress;
    let Metrics { seen, targets, sums, .. } = metrics;
    let running = Running { seen, targets, sums };
    let best = Best::default();
    Ok(TrainState {
        fit,
        rate,
        samples,
        batches,
        loss_sum,
        batch_size,
        plateau,
        stopping,
        history,
        running,
        best,
    })
}
