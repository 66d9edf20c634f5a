//! The training loop.

use crate::schedule::Patience;
use crate::{
    Dataset, EarlyStopping, Epoch, Error, Goal, Loss, Metric, Observer, Optimizer, ReduceOnPlateau, Restore,
};
use gmp_autograd::Tape;
use gmp_nn::{Element, Network, Rng};
use serde::{Deserialize, Serialize};

/// The quantity that schedules watch, after every epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// The mean loss over the epoch's batches, as they were computed on the way.
    TrainingLoss,
    /// A metric of the whole validation set, with running statistics.
    Validation(Metric, Goal),
}

/// How to train: everything but the network, the data and the optimizer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trainer {
    /// What is minimized.
    pub loss: Loss,
    /// Samples a step. The last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Most epochs.
    pub epochs: usize,
    /// Learning rate of the first epoch.
    pub learning_rate: f64,
    /// What the two rules below watch.
    pub monitor: Monitor,
    /// When the learning rate falls.
    pub plateau: Option<ReduceOnPlateau>,
    /// When training ends early.
    pub early_stopping: Option<EarlyStopping>,
    /// Names the stream of the shuffles.
    pub seed: u64,
}

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Epochs carried out.
    pub epochs: usize,
    /// Optimizer steps carried out.
    pub steps: usize,
    /// Epoch (from 0) with the best monitored value, where early stopping was on.
    pub best_epoch: Option<usize>,
    /// Learning rate of the last epoch.
    pub learning_rate: f64,
    /// Why it ended.
    pub end: End,
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All epochs were carried out.
    Epochs,
    /// The monitored quantity had not improved for long enough.
    EarlyStopping,
    /// The observer asked for it.
    Observer,
}

impl Trainer {
    /// Trains a network, an epoch at a time: shuffled batches, then the validation metric, the observer, and
    /// the schedules, in the order of Keras' `fit`.
    ///
    /// A batch size of at least the number of samples takes them in their given order. The same inputs give
    /// the same bits, on every run and at any number of threads. Nothing is allocated after the first epoch.
    ///
    /// # Errors
    /// A setting that makes no sense, a missing validation set, or a loss that is no longer finite.
    ///
    /// # Panics
    /// If the data do not have the network's numbers of inputs and outputs.
    pub fn fit<T: Element>(
        &self,
        network: &mut Network<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &Dataset<T>,
        validation: Option<&Dataset<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        self.check()?;
        let goal = match self.monitor {
            Monitor::TrainingLoss => Goal::Minimize,
            Monitor::Validation(_, goal) => goal,
        };
        let mut plateau =
            self.plateau.as_ref().map(|rule| (rule, Patience::new(goal, rule.margin, rule.patience)));
        let mut stopping =
            self.early_stopping.as_ref().map(|rule| (rule, Patience::new(goal, rule.margin, rule.patience)));
        // The best weights so far; those of the start until an epoch is better.
        let mut best = (network.parameters.clone(), network.buffers.clone());
        let mut fit = Fit {
            epochs: 0,
            steps: 0,
            best_epoch: None,
            learning_rate: self.learning_rate,
            end: End::Epochs,
        };
        let mut rate = self.learning_rate;
        let mut shuffle = Rng::new(self.seed, "shuffle");
        let mut rows: Vec<usize> = (0..train.samples()).collect();
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        let mut tape = Tape::new();
        for epoch in 0..self.epochs {
            let mut loss_sum = 0.0;
            if self.batch_size < train.samples() {
                shuffle.shuffle(&mut rows);
            }
            for batch in rows.chunks(self.batch_size) {
                let (x, y) = if batch.len() == train.samples() {
                    (train.inputs(), train.targets())
                } else {
                    train.gather(batch, &mut inputs, &mut targets);
                    (&inputs[..], &targets[..])
                };
                tape.begin(network.parameters.values());
                let x = tape.input(x, batch.len(), train.input_cols());
                let y = tape.input(y, batch.len(), train.target_cols());
                let prediction = network.forward_training(&mut tape, x);
                let loss = self.loss.apply(&mut tape, prediction, y);
                let loss_value = tape.value(loss).data()[0].to_f64();
                if !loss_value.is_finite() {
                    let operation = tape.first_non_finite().map_or("the parameters", |(name, _)| name);
                    return Err(Error::Diverged { loss: loss_value, step: fit.steps, epoch, operation });
                }
                loss_sum += loss_value * batch.len() as f64;
                tape.backward(loss);
                optimizer.step(&mut network.parameters, tape.parameter_gradients(), rate);
                fit.steps += 1;
            }
            let training_loss = loss_sum / train.samples() as f64;
            let validation_metric = match (self.monitor, validation) {
                (Monitor::TrainingLoss, _) => None,
                (Monitor::Validation(..), None) => return Err(Error::NoValidation),
                (Monitor::Validation(metric, _), Some(data)) => {
                    Some(evaluate_on(&mut tape, network, data, metric))
                }
            };
            fit.epochs = epoch + 1;
            fit.learning_rate = rate;
            let seen = Epoch {
                index: epoch,
                training_loss,
                validation: validation_metric,
                learning_rate: rate,
                network,
            };
            let interrupted = observer.on_epoch(&seen).is_break();
            let monitored = validation_metric.unwrap_or(training_loss);
            if let Some((rule, patience)) = &mut plateau
                && let (_, true) = patience.observe(monitored)
            {
                rate *= rule.factor;
                patience.reset();
            }
            if let Some((_, patience)) = &mut stopping {
                let (is_best, exhausted) = patience.observe(monitored);
                if is_best {
                    fit.best_epoch = Some(epoch);
                    best.0.values_mut().copy_from_slice(network.parameters.values());
                    best.1.values_mut().copy_from_slice(network.buffers.values());
                }
                if exhausted {
                    fit.end = End::EarlyStopping;
                }
            }
            if interrupted {
                fit.end = End::Observer;
            }
            if fit.end != End::Epochs {
                break;
            }
        }
        let restore = match self.early_stopping.as_ref().map_or(Restore::Never, |rule| rule.restore) {
            Restore::Never => false,
            Restore::WhenStoppedEarly => fit.end == End::EarlyStopping,
            Restore::Always => true,
        };
        if restore && fit.best_epoch.is_some() {
            (network.parameters, network.buffers) = best;
        }
        Ok(fit)
    }

    fn check(&self) -> Result<(), Error> {
        let setting = |setting, value, expected| Err(Error::Setting { setting, value, expected });
        if self.batch_size == 0 {
            return setting("batch size", 0.0, "at least 1");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return setting("learning rate", self.learning_rate, "a positive number");
        }
        if let Some(rule) = &self.plateau
            && !(rule.factor > 0.0 && rule.factor < 1.0)
        {
            return setting("plateau factor", rule.factor, "between 0 and 1");
        }
        for (name, patience) in [
            ("plateau patience", self.plateau.as_ref().map(|rule| rule.patience)),
            ("early stopping patience", self.early_stopping.as_ref().map(|rule| rule.patience)),
        ] {
            if patience == Some(0) {
                return setting(name, 0.0, "at least 1");
            }
        }
        Ok(())
    }
}

impl Metric {
    /// Computes it for a network's predictions, with running statistics.
    ///
    /// # Panics
    /// If the data do not have the network's numbers of inputs and outputs.
    pub fn evaluate<T: Element>(self, network: &Network<T>, data: &Dataset<T>) -> f64 {
        evaluate_on(&mut Tape::new(), network, data, self)
    }
}

fn evaluate_on<T: Element>(
    tape: &mut Tape<T>,
    network: &Network<T>,
    data: &Dataset<T>,
    metric: Metric,
) -> f64 {
    tape.begin(network.parameters.values());
    let x = tape.input(data.inputs(), data.samples(), data.input_cols());
    let prediction = network.forward(tape, x);
    metric.of(tape.value(prediction).data(), data.targets())
}
