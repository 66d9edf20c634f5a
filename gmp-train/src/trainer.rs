//! The training loop.

use crate::exchange::Local;
use crate::{
    Batches, Clip, Dataset, EarlyStopping, Error, Loss, Metric, Model, Monitor, Observer, Optimizer,
    ReduceOnPlateau, Schedule, StepDecay, TrainState,
};
use gmp_nn::Element;
use serde::{Deserialize, Serialize};

/// Which numbers are checked for NaN and infinity, which end a run with [`Error::Diverged`].
///
/// Metrics are not checked: if everything that is trained is finite, a metric that is not says something about the
/// data that it was computed on. It is recorded as it is, and the run continues, as in Keras.
///
/// ```
/// use gmp_train::{Adam, Dataset, Error, Loss, Mlp, Parameterization, Trainer};
/// let data = Dataset::new(vec![1e200], 1, vec![-1e200], 1)?; // its squared error is infinite
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Standard).build::<f64>(1)?;
/// let trainer = Trainer::of(Loss::MeanSquaredError);
/// let error = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ()).unwrap_err();
/// assert!(error.to_string().starts_with("the loss is inf at step 0 (epoch 0); it began with "), "{error}");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The loss, the gradient, the parameters and the buffers of every step, each read once more. The cost is 0.3 %
    /// of an Adam step on the 1,501 parameters (f64) of 13 inputs, 100 geometric units and an output (404 samples, 90
    /// µs), and 0.4 % of an SGD step on the 4.6 million parameters (f32) of VGG-6 (300 ms). The origin of a
    /// non-finite number is only searched for if there is one.
    /// (`cargo test --release -p gmp-train --lib what_the_check_costs -- --ignored --nocapture` measures the cost.)
    #[default]
    #[serde(rename = "every_number")]
    All,
    /// The loss alone, which becomes non-finite one or more steps after the cause.
    #[serde(rename = "loss_alone")]
    LossOnly,
}

/// The settings of a training run: everything except the model, the data and the optimizer.
///
/// ```
/// use gmp_train::{EarlyStopping, Loss, Trainer};
/// let trainer = Trainer {
///     batch_size: 64,
///     epochs: 100,
///     learning_rate: 0.01,
///     early_stopping: Some(EarlyStopping::new(10)),
///     ..Trainer::of(Loss::SoftmaxCrossEntropy)
/// };
/// // In short, and without early stopping:
/// assert_eq!(Trainer::new(Loss::SoftmaxCrossEntropy, 64, 100, 0.01).batch_size, trainer.batch_size);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trainer {
    /// The loss that is minimized.
    pub loss: Loss,
    /// Batch size: samples per step. The last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Number of samples on the tape at a time, if a whole batch does not fit into memory. The step is that of the
    /// whole batch (except for rounding, and for layers with batch statistics, which see only this many samples).
    #[serde(default)]
    pub micro_batch: Option<usize>,
    /// Largest number of epochs.
    pub epochs: usize,
    /// Initial learning rate, before any [`Trainer::schedule`].
    pub learning_rate: f64,
    /// The quantity that [`Trainer::plateau`] and [`Trainer::early_stopping`] watch.
    pub monitor: Monitor,
    /// Further metrics that are reported after every epoch: for the epoch's batches, as they were predicted during
    /// training, and for the validation set.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// The epochs after which the learning rate falls.
    #[serde(default)]
    pub step_decay: Option<StepDecay>,
    /// Reduction of the learning rate on a plateau.
    pub plateau: Option<ReduceOnPlateau>,
    /// Early stopping.
    pub early_stopping: Option<EarlyStopping>,
    /// Gradient clipping.
    #[serde(default)]
    pub clip: Option<Clip>,
    /// Which numbers are checked for NaN and infinity.
    #[serde(default)]
    pub check: Check,
    /// Seed of the random stream that shuffles the samples.
    pub seed: u64,
    /// A schedule whose factor multiplies the learning rate of every step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// A summary of a run.
///
/// ```
/// use gmp_train::{Adam, Dataset, End, Loss, Mlp, Parameterization, Trainer};
/// let data = Dataset::new((0..10).map(f64::from).collect(), 1, vec![1.0; 10], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let trainer = Trainer::new(Loss::MeanSquaredError, 4, 2, 0.01);
/// let fit = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
/// assert_eq!((fit.epochs, fit.steps, fit.end), (2, 6, End::Epochs)); // three batches per epoch
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Epochs carried out.
    pub epochs: usize,
    /// Optimizer steps carried out.
    pub steps: usize,
    /// Epoch (from 0) with the best monitored value, if early stopping was used.
    pub best_epoch: Option<usize>,
    /// Learning rate of the last epoch.
    pub learning_rate: f64,
    /// Why it ended.
    pub end: End,
}

/// Why training ended.
///
/// ```
/// use gmp_train::{Adam, Dataset, EarlyStopping, End, Loss, Mlp, Parameterization, Trainer};
/// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let early_stopping = Some(EarlyStopping { min_delta: 1e9, ..EarlyStopping::new(3) }); // nothing counts as better
/// let trainer = Trainer { early_stopping, ..Trainer::new(Loss::MeanSquaredError, 2, 100, 0.01) };
/// let fit = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
/// assert_eq!((fit.end, fit.epochs), (End::EarlyStopping, 4)); // the first counts as the best, then three without improvement
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// All epochs were carried out.
    Epochs,
    /// The monitored quantity did not improve for `patience` epochs.
    EarlyStopping,
    /// The observer requested it.
    Observer,
}

impl Trainer {
    /// A trainer for a loss with default settings: batch size 32, one epoch, a learning rate of 0.001,
    /// [`Monitor::Auto`], [`Check::All`], seed 0; no metrics, no schedules, no early stopping, no clipping.
    ///
    /// ```
    /// use gmp_train::{Loss, Trainer};
    /// let trainer = Trainer { epochs: 20, ..Trainer::of(Loss::MeanSquaredError) };
    /// assert_eq!((trainer.batch_size, trainer.epochs, trainer.learning_rate), (32, 20, 0.001));
    /// ```
    pub fn of(loss: Loss) -> Self {
        Self {
            loss,
            batch_size: 32,
            micro_batch: None,
            epochs: 1,
            learning_rate: 1e-3,
            monitor: Monitor::Auto,
            metrics: Vec::new(),
            step_decay: None,
            plateau: None,
            early_stopping: None,
            clip: None,
            check: Check::default(),
            seed: 0,
            schedule: None,
        }
    }

    /// [`Trainer::of`] with the three settings that every run has.
    pub fn new(loss: Loss, batch_size: usize, epochs: usize, learning_rate: f64) -> Self {
        Self { batch_size, epochs, learning_rate, ..Self::of(loss) }
    }

    /// Trains a model. Every epoch goes through shuffled batches, then the metrics, the observer, and the schedules,
    /// in the order of Keras' `fit`.
    ///
    /// With a batch size of at least the number of samples, they stay in their given order. The same inputs give
    /// bit-for-bit the same result, on every run and at any number of threads. No step allocates memory after the
    /// first epoch.
    ///
    /// With a validation set, [`Monitor::Auto`] watches its loss.
    ///
    /// ```
    /// use gmp_train::{Adam, Dataset, Loss, Metric, Mlp, Parameterization, Trainer};
    /// let points: Vec<f64> = (0..50).map(|i| f64::from(i) / 25.0 - 1.0).collect();
    /// let squares = points.iter().map(|x| x * x).collect();
    /// let data = Dataset::new(points, 1, squares, 1)?;
    /// let mut network = Mlp::new(1, &[20], 1, Parameterization::Geometric).build(1)?;
    /// let trainer = Trainer::new(Loss::MeanSquaredError, 10, 100, 0.01);
    /// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
    /// assert!(Metric::MeanAbsoluteError.evaluate(&network, &data) < 0.05);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Before the first step: an invalid setting, a missing validation set, or data that the model, the loss or a
    /// metric does not accept. At any time: a number that is not finite, see [`Check`].
    pub fn fit<T: Element>(
        &self,
        model: &mut dyn Model<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &Dataset<T>,
        validation: Option<&Dataset<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        self.fit_from(TrainState::start(self), model, optimizer, train, validation, observer)
    }

    /// Continues a run: with the model and the optimizer of that moment (as
    /// [`Checkpoint::restore`](crate::Checkpoint::restore) leaves them) and the same data, the result is bit-for-bit
    /// that of an uninterrupted run. More `epochs` than the run had prolong it.
    ///
    /// A different number of samples is an error, and so is a different batch size inside an epoch. Every other
    /// setting may differ and takes effect from here on, except for the learning rate, which is that of the run.
    /// Inside an epoch the `seed` and the `metrics` should not be changed: with another seed some of its samples
    /// would be used twice, and its training metrics would be sums of different metrics.
    ///
    /// ```
    /// use gmp_train::{Adam, Dataset, Loss, Mlp, Observer, Parameterization, State, TrainState, Trainer};
    ///
    /// /// Keeps the state in which a run ends.
    /// struct Last(Option<TrainState<f64>>);
    /// impl Observer<f64> for Last {
    ///     fn on_end(&mut self, state: &State<'_, f64>) {
    ///         self.0 = Some(state.progress.clone());
    ///     }
    /// }
    /// let data = Dataset::new(vec![0.0, 1.0, 2.0], 1, vec![0.0, 1.0, 4.0], 1)?;
    /// let (mut network, mut adam) = (Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?, Adam::default());
    /// let mut trainer = Trainer::new(Loss::MeanSquaredError, 3, 5, 0.01);
    /// let mut last = Last(None);
    /// trainer.fit(&mut network, &mut adam, &data, None, &mut last)?;
    /// let state = last.0.unwrap();
    /// assert_eq!((state.fit().epochs, state.history().len()), (5, 5));
    ///
    /// trainer.epochs = 8; // three more
    /// assert_eq!(trainer.fit_from(state, &mut network, &mut adam, &data, None, &mut ())?.steps, 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Trainer::fit`], and if the progress was made with a different number of samples or, inside an epoch, a
    /// different batch size.
    ///
    /// # Panics
    /// If the progress is that of a model with a different number of parameters.
    pub fn fit_from<T: Element>(
        &self,
        progress: TrainState<T>,
        model: &mut dyn Model<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &Dataset<T>,
        validation: Option<&Dataset<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        self.across(&mut Local).fit_from(progress, model, optimizer, train, validation, observer)
    }

    /// [`Trainer::fit_from`] on samples that come in batches of [`Trainer::batch_size`] each. The length of an epoch
    /// and the schedules are computed from the batch size and [`Batches::samples`].
    ///
    /// ```
    /// use gmp_train::{Adam, Dataset, Loss, Mlp, Parameterization, TrainState, Trainer};
    /// let data = Dataset::new(vec![0.0, 1.0, 2.0], 1, vec![0.0, 1.0, 4.0], 1)?;
    /// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
    /// let trainer = Trainer::new(Loss::MeanSquaredError, 2, 5, 0.01);
    /// let mut batches = data.batches(2, 1); // or any other `Batches`, of data that no memory holds
    /// let start = TrainState::start(&trainer);
    /// let fit = trainer.fit_batches(start, &mut network, &mut Adam::default(), &mut batches, None, &mut ())?;
    /// assert_eq!(fit.steps, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Trainer::fit_from`], and if a batch cannot be read. Data that the model or the loss does not accept are an
    /// error when their batch is reached.
    ///
    /// # Panics
    /// As [`Trainer::fit_from`].
    pub fn fit_batches<T: Element>(
        &self,
        progress: TrainState<T>,
        model: &mut dyn Model<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &mut dyn Batches<T>,
        validation: Option<&mut dyn Batches<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        self.across(&mut Local).fit_batches(progress, model, optimizer, train, validation, observer)
    }

    pub(crate) fn check_settings(&self) -> Result<(), Error> {
        self.loss.check_settings()?;
        self.metrics.iter().try_for_each(|metric| metric.check_settings())?;
        if let Monitor::Validation(metric) = self.monitor {
            metric.check_settings()?;
        }
        if let Some(schedule) = &self.schedule {
            schedule.check_settings()?;
        }
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
