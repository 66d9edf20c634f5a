//! The training loop.

use crate::batches::Shuffled;
use crate::nonfinite::NonFinite;
use crate::pass::Pass;
use crate::{
    Batches, Clip, Dataset, EarlyStopping, Epoch, Error, Goal, Loss, Measured, Metric, Observer, Optimizer,
    Record, ReduceOnPlateau, Restore, State, StepDecay, TrainState,
};
use gmp_nn::{Element, Network};
use serde::{Deserialize, Serialize};

/// The quantity that schedules watch, after every epoch.
///
/// A value that is not finite never improves, so it counts towards every patience, and its epoch is never the best.
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

/// Which numbers are looked at for a NaN or an infinity, which ends a run with [`Error::Diverged`].
///
/// Metrics are not: where all that is trained is finite, a metric that is not says something of the data that it was
/// computed on. It is recorded as it is, and the run goes on, as with Keras.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The loss, the gradient, the parameters and the buffers of every step, each read once more. That is 0.3 % of a
    /// step of Adam on the 1,501 parameters (f64) of 13 inputs, 100 geometric units and an output (404 samples, 90 µs);
    /// 0.4 % of one of SGD on the 4.6 million (f32) of VGG-6 (300 ms). Where it broke is only searched once it did.
    /// (`cargo test --release -p gmp-train --lib what_the_check_costs -- --ignored --nocapture` measures it.)
    #[default]
    #[serde(rename = "every_number")]
    All,
    /// The loss alone, which is not finite a step or more after what made it so.
    #[serde(rename = "loss_alone")]
    LossOnly,
}

/// Where a parameter, or a buffer, stopped being finite.
const BEFORE_THE_RUN: [&str; 2] = ["the network that was given"; 2];
const AFTER_A_STEP: [&str; 2] = ["the optimizer's step", "the statistics of the batch"];

/// How to train: everything but the network, the data and the optimizer.
///
/// ```
/// use gmp_train::{Loss, ReduceOnPlateau, Trainer};
/// let trainer = Trainer {
///     plateau: Some(ReduceOnPlateau::new(5)),
///     ..Trainer::new(Loss::SoftmaxCrossEntropy, 256, 100, 0.01)
/// };
/// assert_eq!((trainer.batch_size, trainer.epochs, trainer.early_stopping), (256, 100, None));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trainer {
    /// What is minimized.
    pub loss: Loss,
    /// Samples a step. The last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Samples on the tape at a time, where memory does not hold a batch: the step is that of the whole batch (but for
    /// rounding, and for layers with statistics of the batch, which see so many samples only).
    #[serde(default)]
    pub micro_batch: Option<usize>,
    /// Most epochs.
    pub epochs: usize,
    /// Learning rate of the first epoch.
    pub learning_rate: f64,
    /// What the two rules below watch.
    pub monitor: Monitor,
    /// What is reported after every epoch beside it: of the epoch's batches as they were predicted on the way, and
    /// of the validation set.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// The epochs after which the learning rate falls.
    #[serde(default)]
    pub step_decay: Option<StepDecay>,
    /// When the learning rate falls besides.
    pub plateau: Option<ReduceOnPlateau>,
    /// When training ends early.
    pub early_stopping: Option<EarlyStopping>,
    /// What is done to long gradients.
    #[serde(default)]
    pub clip: Option<Clip>,
    /// Which numbers are looked at on the way.
    #[serde(default)]
    pub check: Check,
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
    /// Trains for so many epochs at one learning rate: no schedule, no metrics, seed 0.
    pub fn new(loss: Loss, batch_size: usize, epochs: usize, learning_rate: f64) -> Self {
        Self {
            loss,
            batch_size,
            micro_batch: None,
            epochs,
            learning_rate,
            monitor: Monitor::TrainingLoss,
            metrics: Vec::new(),
            step_decay: None,
            plateau: None,
            early_stopping: None,
            clip: None,
            check: Check::default(),
            seed: 0,
        }
    }

    /// Trains a network, an epoch at a time: shuffled batches, then the metrics, the observer, and the schedules, in
    /// the order of Keras' `fit`.
    ///
    /// A batch size of at least the number of samples takes them in their given order. The same inputs give
    /// the same bits, on every run and at any number of threads. No step allocates after the first epoch.
    ///
    /// # Errors
    /// A setting that makes no sense, a missing validation set, or a number that is not finite: see [`Check`].
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
        self.fit_from(TrainState::start(self), network, optimizer, train, validation, observer)
    }

    /// Trains on from where a run was: with the network and optimizer of that moment (as
    /// [`Checkpoint::restore`](crate::Checkpoint::restore) leaves them) and the same data, the result is that
    /// of the run that was never interrupted, to the last bit. More `epochs` than the run had prolong it.
    ///
    /// Another number of samples is refused, and inside an epoch another batch size. All else may differ and counts
    /// from here on, but for the learning rate, which is the run's. The `seed` and the `metrics` are better left as
    /// they are inside an epoch: of its samples another seed would take some twice, and its training metrics would be
    /// sums of different ones.
    ///
    /// # Errors
    /// As [`Trainer::fit`], and if the progress was made with another number of samples or, inside an epoch, another
    /// batch size.
    ///
    /// # Panics
    /// As [`Trainer::fit`], and if the progress is that of a network with another number of parameters.
    pub fn fit_from<T: Element>(
        &self,
        progress: TrainState<T>,
        network: &mut Network<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &Dataset<T>,
        validation: Option<&Dataset<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        let mut train = Shuffled::new(train, self.batch_size, self.seed);
        let mut validation = validation.map(Shuffled::whole);
        let validation = validation.as_mut().map(|data| data as &mut dyn Batches<T>);
        self.fit_batches(progress, network, optimizer, &mut train, validation, observer)
    }

    /// [`Trainer::fit_from`] on samples that come in batches, of [`Trainer::batch_size`] each.
    ///
    /// # Errors
    /// As [`Trainer::fit_from`], and if a batch cannot be had.
    ///
    /// # Panics
    /// As [`Trainer::fit_from`].
    pub fn fit_batches<T: Element>(
        &self,
        mut progress: TrainState<T>,
        network: &mut Network<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &mut dyn Batches<T>,
        mut validation: Option<&mut dyn Batches<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        self.check_settings()?;
        progress.resume(self, network, train.samples())?;
        if let Some(broken) = NonFinite::number_of(network, BEFORE_THE_RUN) {
            return Err(broken.at(progress.fit.steps, progress.fit.epochs));
        }
        let goal = self.monitor.goal();
        let monitored = match self.monitor {
            Monitor::TrainingLoss => None,
            Monitor::Validation(..) if validation.is_none() => return Err(Error::NoValidation),
            Monitor::Validation(metric, _) => Some(metric),
        };
        let validation_metrics: Vec<Metric> = monitored.into_iter().chain(self.metrics.clone()).collect();
        let last = train.samples().div_ceil(self.batch_size);
        let mut pass = Pass::until(observer.stop_flag());
        'run: while progress.fit.end == End::Epochs && progress.fit.epochs < self.epochs {
            let epoch = progress.fit.epochs;
            train.start(epoch, progress.batches);
            while let Some(batch) = train.next_batch()? {
                let loss = pass.learn(self, network, &batch, &mut progress.metrics.sums);
                let step = progress.fit.steps;
                let Some(loss) = loss.map_err(|broken| broken.at(step, epoch))? else {
                    progress.fit.end = End::Observer;
                    break 'run;
                };
                optimizer.step(&mut network.parameters, pass.gradients(), progress.rate);
                network.after_step();
                if self.check == Check::All
                    && let Some(broken) = NonFinite::number_of(network, AFTER_A_STEP)
                {
                    return Err(broken.at(step, epoch));
                }
                progress.loss_sum += loss * batch.samples as f64;
                progress.metrics.seen = progress.metrics.seen.saturating_add(batch.samples);
                progress.metrics.targets =
                    progress.metrics.targets.saturating_add(batch.targets.data().len());
                progress.fit.steps = progress.fit.steps.saturating_add(1);
                progress.batches = batch.index + 1;
                let state = State { trainer: self, network, optimizer, progress: &progress };
                if progress.batches < last && observer.on_step(&state).is_break() {
                    progress.fit.end = End::Observer;
                    break 'run;
                }
            }
            let seen = progress.metrics.seen;
            let training_loss = progress.loss_sum / seen as f64;
            let mut validated = match &mut validation {
                Some(data) if !validation_metrics.is_empty() => {
                    match pass.evaluate(network, *data, &validation_metrics, self.micro_batch)? {
                        Some(validated) => validated,
                        // All batches of the epoch are done, and what goes on from here begins with the validation.
                        None => {
                            progress.fit.end = End::Observer;
                            break 'run;
                        }
                    }
                }
                _ => Vec::new(),
            }
            .into_iter();
            let validation_metric = monitored.and_then(|_| validated.next());
            let means = self.metrics.iter().zip(&mut progress.metrics.sums);
            let measured = means.map(|(metric, sum)| Measured {
                training: metric.mean(std::mem::take(sum), progress.metrics.targets),
                validation: validated.next(),
            });
            progress.metrics.history.push(measured.collect());
            let learning_rate = progress.rate;
            (progress.batches, progress.loss_sum) = (0, 0.0);
            (progress.metrics.seen, progress.metrics.targets) = (0, 0);
            progress.fit.epochs = epoch + 1;
            progress.fit.learning_rate = learning_rate;
            progress.history.push(Record { training_loss, validation: validation_metric, learning_rate });
            let seen = Epoch {
                index: epoch,
                training_loss,
                validation: validation_metric,
                metrics: &progress.metrics.history[epoch],
                learning_rate,
                network,
            };
            if observer.on_epoch(&seen).is_break() {
                progress.fit.end = End::Observer;
            }
            if let Some(rule) = &self.step_decay
                && rule.epochs.contains(&progress.fit.epochs)
            {
                progress.rate *= rule.factor;
            }
            let monitored = validation_metric.unwrap_or(training_loss);
            if let (Some(rule), Some(patience)) = (&self.plateau, &mut progress.plateau)
                && let (_, true) = patience.observe(monitored, goal, rule.min_delta, rule.patience)
            {
                progress.rate *= rule.factor;
                patience.reset();
            }
            if let (Some(rule), Some(patience)) = (&self.early_stopping, &mut progress.stopping) {
                let (is_best, exhausted) = patience.observe(monitored, goal, rule.min_delta, rule.patience);
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

    fn check_settings(&self) -> Result<(), Error> {
        let setting = |setting, value, expected| Err(Error::Setting { setting, value, expected });
        for (name, size) in [("batch size", Some(self.batch_size)), ("micro-batch", self.micro_batch)] {
            if size == Some(0) {
                return setting(name, 0.0, "at least 1");
            }
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return setting("learning rate", self.learning_rate, "a positive number");
        }
        if let Some(clip) = self.clip
            && !(clip.limit() > 0.0 && clip.limit().is_finite())
        {
            return setting("clipping limit", clip.limit(), "a finite positive number");
        }
        if let Some(rule) = &self.step_decay
            && !(rule.factor > 0.0 && rule.factor.is_finite())
        {
            return setting("step decay factor", rule.factor, "a positive number");
        }
        if let Some(rule) = &self.plateau
            && !(rule.factor > 0.0 && rule.factor < 1.0)
        {
            return setting("plateau factor", rule.factor, "between 0 and 1");
        }
        let rules = [
            (
                "plateau patience",
                "plateau min_delta",
                self.plateau.as_ref().map(|r| (r.patience, r.min_delta)),
            ),
            (
                "early stopping patience",
                "early stopping min_delta",
                self.early_stopping.as_ref().map(|r| (r.patience, r.min_delta)),
            ),
        ];
        for (patience_name, min_delta_name, rule) in rules {
            let Some((patience, min_delta)) = rule else { continue };
            if patience == 0 {
                return setting(patience_name, 0.0, "at least 1");
            }
            if !min_delta.is_finite() {
                return setting(min_delta_name, min_delta, "a finite number");
            }
        }
        Ok(())
    }
}
