//! The state of a run besides the model and the optimizer.

use crate::model::{buffer_values, buffer_values_mut};
use crate::schedule::Patience;
use crate::{End, EpochRecord, Error, Fit, Model, Trainer};
use gmp_nn::Element;

/// The metrics of the epoch that is going on.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Running {
    /// Samples of its batches so far.
    pub(crate) seen: usize,
    /// Numbers in their targets.
    pub(crate) targets: usize,
    /// Sums over those batches, one per metric.
    pub(crate) sums: Vec<f64>,
}

/// The progress of a run: its epoch and step, the state of its schedules, its best weights and its history.
///
/// [`Trainer::fit_from`] continues from it and has an example; a [`Checkpoint`](crate::Checkpoint) stores it.
#[derive(Debug, Clone, PartialEq)]
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
    pub(crate) batch_size: usize,
    pub(crate) plateau: Option<Patience>,
    pub(crate) stopping: Option<Patience>,
    pub(crate) history: Vec<EpochRecord>,
    pub(crate) running: Running,
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
    pub(crate) fn copy_from(&mut self, model: &dyn Model<T>) {
        self.parameters.copy_from_slice(model.parameters().values());
        self.buffers.copy_from_slice(buffer_values(model));
    }
    pub(crate) fn copy_to(&self, model: &mut dyn Model<T>) {
        model.parameters_mut().values_mut().copy_from_slice(&self.parameters);
        buffer_values_mut(model).copy_from_slice(&self.buffers);
    }
}

/// Epochs whose records are allocated before the run.
const RESERVED: usize = 10_000;

impl<T> TrainState<T> {
    /// The state before the first step.
    ///
    /// ```
    /// use gmp_train::{Loss, TrainState, Trainer};
    /// let state = TrainState::<f64>::start(&Trainer::new(Loss::MeanSquaredError, 32, 10, 0.01));
    /// assert_eq!((state.fit().steps, state.fit().learning_rate), (0, 0.01));
    /// assert!(state.history().is_empty());
    /// ```
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
            running: Running::default(),
            best: Best::default(),
        }
    }
    /// A summary of the run so far.
    pub fn fit(&self) -> Fit {
        self.fit
    }
    /// Number of batches of the current epoch that are done.
    pub fn batches(&self) -> usize {
        self.batches
    }
    /// The numbers of every finished epoch.
    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }
}

impl<T: Element> TrainState<T> {
    /// Makes ready to go on, with whatever the trainer's rules need.
    pub(crate) fn resume(
        &mut self,
        trainer: &Trainer,
        model: &dyn Model<T>,
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
        if self.batches != 0 && self.running.seen == 0 {
            self.running.seen = self.batches * trainer.batch_size;
        }
        self.running.sums.resize(trainer.metrics.len(), 0.0);
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
                self.best.parameters = model.parameters().values().to_vec();
                self.best.buffers = buffer_values(model).to_vec();
            }
        }
        let left = trainer.epochs.saturating_sub(self.fit.epochs).min(RESERVED);
        self.history.reserve_exact(left);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmp_nn::{Mlp, Parameterization};

    /// A checkpoint of version 1 has no number of samples that were seen: its batches were full ones.
    #[test]
    fn an_epoch_that_was_begun_before_samples_were_counted_has_full_batches() {
        let network = Mlp::new(1, &[2], 1, Parameterization::Standard).build::<f64>(1).unwrap();
        let trainer = Trainer::new(crate::Loss::MeanSquaredError, 4, 3, 0.01);
        for (batches, seen, expected) in [(3, 0, 12), (3, 11, 11), (0, 0, 0)] {
            let mut state = TrainState::start(&trainer);
            (state.batches, state.batch_size, state.running.seen) = (batches, 4, seen);
            state.resume(&trainer, &network, 20).unwrap();
            assert_eq!(state.running.seen, expected, "{batches} batches");
        }
    }
}
