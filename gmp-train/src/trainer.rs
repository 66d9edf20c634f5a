//! The training loop.

use crate::{
    Dataset, EarlyStopping, Epoch, Error, Goal, Loss, Metric, Observer, Optimizer, Progress, Record,
    ReduceOnPlateau, Restore, State,
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

impl Monitor {
    /// Which way it improves.
    pub fn goal(self) -> Goal {
        match self {
            Self::TrainingLoss => Goal::Minimize,
            Self::Validation(_, goal) => goal,
        }
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
        self.fit_from(Progress::start(self), network, optimizer, train, validation, observer)
    }

    /// Trains on from where a run was: with the network and optimizer of that moment (as
    /// [`Checkpoint::restore`](crate::Checkpoint::restore) leaves them) and the same data, the result is that
    /// of the run that was never interrupted, to the last bit. More `epochs` than the run had prolong it.
    ///
    /// The order of the samples in an epoch is a function of the seed, the number of samples and the epoch: the
    /// shuffles of the epochs before are carried out anew.
    ///
    /// # Errors
    /// As [`Trainer::fit`], and if the number of samples or the batch size do not fit the progress.
    ///
    /// # Panics
    /// As [`Trainer::fit`], and if the progress is that of a network with another number of parameters.
    pub fn fit_from<T: Element>(
        &self,
        mut progress: Progress<T>,
        network: &mut Network<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &Dataset<T>,
        validation: Option<&Dataset<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        self.check()?;
        progress.resume(self, network, train.samples())?;
        let goal = self.monitor.goal();
        let mut shuffle = Rng::new(self.seed, "shuffle");
        let mut reorder = |rows: &mut [usize]| {
            if self.batch_size < train.samples() {
                shuffle.shuffle(rows);
            }
        };
        let mut rows: Vec<usize> = (0..train.samples()).collect();
        (0..progress.fit.epochs).for_each(|_| reorder(&mut rows));
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        let mut tape = Tape::new();
        'run: while progress.fit.end == End::Epochs && progress.fit.epochs < self.epochs {
            let epoch = progress.fit.epochs;
            reorder(&mut rows);
            let batches = rows.chunks(self.batch_size);
            let last = batches.len();
            for batch in batches.skip(progress.batches) {
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
                    let step = progress.fit.steps;
                    return Err(Error::Diverged { loss: loss_value, step, epoch, operation });
                }
                tape.backward(loss);
                optimizer.step(&mut network.parameters, tape.parameter_gradients(), progress.rate);
                progress.loss_sum += loss_value * batch.len() as f64;
                progress.fit.steps = progress.fit.steps.saturating_add(1);
                progress.batches += 1;
                let state = State { trainer: self, network, optimizer, progress: &progress };
                if progress.batches < last && observer.on_step(&state).is_break() {
                    progress.fit.end = End::Observer;
                    break 'run;
                }
            }
            let training_loss = progress.loss_sum / train.samples() as f64;
            let validation_metric = match (self.monitor, validation) {
                (Monitor::TrainingLoss, _) => None,
                (Monitor::Validation(..), None) => return Err(Error::NoValidation),
                (Monitor::Validation(metric, _), Some(data)) => {
                    Some(evaluate_on(&mut tape, network, data, metric))
                }
            };
            let learning_rate = progress.rate;
            (progress.batches, progress.loss_sum) = (0, 0.0);
            progress.fit.epochs = epoch + 1;
            progress.fit.learning_rate = learning_rate;
            progress.history.push(Record { training_loss, validation: validation_metric, learning_rate });
            let seen =
                Epoch { index: epoch, training_loss, validation: validation_metric, learning_rate, network };
            if observer.on_epoch(&seen).is_break() {
                progress.fit.end = End::Observer;
            }
            let monitored = validation_metric.unwrap_or(training_loss);
            if let (Some(rule), Some(patience)) = (&self.plateau, &mut progress.plateau)
                && let (_, true) = patience.observe(monitored, goal, rule.margin, rule.patience)
            {
                progress.rate *= rule.factor;
                patience.reset();
            }
            if let (Some(rule), Some(patience)) = (&self.early_stopping, &mut progress.stopping) {
                let (is_best, exhausted) = patience.observe(monitored, goal, rule.margin, rule.patience);
                if is_best {
                    progress.fit.best_epoch = Some(epoch);
                    progress.best.copy_from(network);
                }
                if exhausted && progress.fit.end == End::Epochs {
                    progress.fit.end = End::EarlyStopping;
                }
            }
            let state = State { trainer: self, network, optimizer, progress: &progress };
            if observer.on_step(&state).is_break() && progress.fit.end == End::Epochs {
                progress.fit.end = End::Observer;
            }
        }
        observer.on_end(&State { trainer: self, network, optimizer, progress: &progress });
        let fit = progress.fit;
        let restore = match self.early_stopping.as_ref().map_or(Restore::Never, |rule| rule.restore) {
            Restore::Never => false,
            Restore::WhenStoppedEarly => fit.end == End::EarlyStopping,
            Restore::Always => true,
        };
        if restore && fit.best_epoch.is_some() {
            progress.best.copy_to(network);
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
        let rules = [
            ("plateau patience", "plateau margin", self.plateau.as_ref().map(|r| (r.patience, r.margin))),
            (
                "early stopping patience",
                "early stopping margin",
                self.early_stopping.as_ref().map(|r| (r.patience, r.margin)),
            ),
        ];
        for (patience_name, margin_name, rule) in rules {
            let Some((patience, margin)) = rule else { continue };
            if patience == 0 {
                return setting(patience_name, 0.0, "at least 1");
            }
            if !margin.is_finite() {
                return setting(margin_name, margin, "a finite number");
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
