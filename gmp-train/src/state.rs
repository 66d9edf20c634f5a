//! How far a run is, and what it remembers besides the network and the optimizer.

use crate::schedule::Patience;
use crate::{End, Error, Fit, Trainer};
use gmp_nn::{Element, Network};
use serde::{Deserialize, Serialize};

/// One epoch of a run in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Mean loss over the epoch's batches.
    pub training_loss: f64,
    /// The monitored validation metric, where one is monitored.
    pub validation: Option<f64>,
    /// Learning rate of the epoch.
    pub learning_rate: f64,
}

/// One of [`Trainer::metrics`](crate::Trainer) at one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Over the epoch's batches, as they were predicted on the way.
    pub training: f64,
    /// Of the validation set after the epoch, where there is one.
    pub validation: Option<f64>,
}

/// What is known of the metrics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metrics {
    /// Samples of the current epoch's batches so far.
    pub(crate) seen: usize,
    /// Numbers of their targets.
    pub(crate) targets: usize,
    /// Sums over those batches, a metric each.
    pub(crate) sums: Vec<f64>,
    /// Every finished epoch.
    pub(crate) history: Vec<Vec<Measured>>,
}

/// Where a run is: its epoch and step, its schedules' memory, its best weights and its history.
///
/// [`Trainer::fit_from`] goes on from it; a [`Checkpoint`](crate::Checkpoint) keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct TrainState<T> {
    pub(crate) fit: Fit,
    /// Learning rate of the next step.
    pub(crate) rate: f64,
    /// Samples of the training set; 0 before the start.
    pub(crate) samples: usize,
    /// Batches of the current epoch that are done, and the sum of their samples' losses.
    pub(crate) batches: usize,
    pub(crate) loss_sum: f64,
    /// Samples of a batch; 0 before the start. A checkpoint has it in its trainer.
    #[serde(skip)]
    pub(crate) batch_size: usize,
    pub(crate) plateau: Option<Patience>,
    pub(crate) stopping: Option<Patience>,
    pub(crate) history: Vec<Record>,
    /// A checkpoint keeps these beside: its version 1 has none.
    #[serde(skip)]
    pub(crate) metrics: Metrics,
    /// A checkpoint keeps these with the other large numbers.
    #[serde(skip)]
    pub(crate) best: Best<T>,
}

/// Parameters and buffers of the best epoch; empty without early stopping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Best<T> {
    pub(crate) parameters: Vec<T>,
    pub(crate) buffers: Vec<T>,
}

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self { parameters: Vec::new(), buffers: Vec::new() }
    }
}

impl<T: Element> Best<T> {
    pub(crate) fn copy_from(&mut self, network: &Network<T>) {
        self.parameters.copy_from_slice(network.parameters.values());
        self.buffers.copy_from_slice(network.buffers.values());
    }
    pub(crate) fn copy_to(&self, network: &mut Network<T>) {
        network.parameters.values_mut().copy_from_slice(&self.parameters);
        network.buffers.values_mut().copy_from_slice(&self.buffers);
    }
}

/// Epochs whose records are allocated before the run.
const RESERVED: usize = 10_000;

impl<T> TrainState<T> {
    /// Before the first step.
    pub fn start(trainer: &Trainer) -> Self {
        let rate = trainer.learning_rate;
        Self {
            fit: Fit { epochs: 0, steps: 0, best_epoch: None, learning_rate: rate, end: End::Epochs },
            rate,
            samples: 0,
            batches: 0,
            loss_sum: 0.0,
            batch_size: 0,
            plateau: None,
            stopping: None,
            history: Vec::new(),
            metrics: Metrics::default(),
            best: Best::default(),
        }
    }
    /// The run so far.
    pub fn fit(&self) -> Fit {
        self.fit
    }
    /// Batches of the current epoch that are done.
    pub fn batches(&self) -> usize {
        self.batches
    }
    /// Every finished epoch in numbers.
    pub fn history(&self) -> &[Record] {
        &self.history
    }
    /// [`Trainer::metrics`](crate::Trainer) of every finished epoch, in their order.
    pub fn metrics(&self) -> &[Vec<Measured>] {
        &self.metrics.history
    }
}

impl<T: Element> TrainState<T> {
    /// Makes ready to go on, with whatever the trainer's rules need.
    pub(crate) fn resume(
        &mut self,
        trainer: &Trainer,
        network: &Network<T>,
        samples: usize,
    ) -> Result<(), Error> {
        let changed = |setting, value, expected| Err(Error::Changed { setting, value, expected });
        if self.samples != 0 && self.samples != samples {
            return changed("number of training samples", samples, self.samples);
        }
        if self.batches != 0 && self.batch_size != trainer.batch_size {
            return changed("batch size inside an epoch", trainer.batch_size, self.batch_size);
        }
        (self.samples, self.batch_size) = (samples, trainer.batch_size);
        if self.batches != 0 && self.metrics.seen == 0 {
            self.metrics.seen = self.batches * trainer.batch_size;
        }
        self.metrics.sums.resize(trainer.metrics.len(), 0.0);
        if self.fit.end == End::Observer {
            self.fit.end = End::Epochs;
        }
        let goal = trainer.monitor.goal();
        if trainer.plateau.is_some() {
            self.plateau.get_or_insert(Patience::new(goal));
        }
        if trainer.early_stopping.is_some() {
            self.stopping.get_or_insert(Patience::new(goal));
            if self.best.parameters.is_empty() {
                self.best.parameters = network.parameters.values().to_vec();
                self.best.buffers = network.buffers.values().to_vec();
            }
        }
        let left = trainer.epochs.saturating_sub(self.fit.epochs).min(RESERVED);
        self.history.reserve_exact(left);
        self.metrics.history.reserve_exact(left);
        Ok(())
    }
}
