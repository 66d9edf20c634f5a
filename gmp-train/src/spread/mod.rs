//! One run on several ranks, with the same bits as in one process.
//!
//! The unit of work is the part of a batch ([`Trainer::micro_batch`]), never the rank. Every rank computes the parts
//! that it owns; gradients, losses, metrics and running statistics are added in the order of the parts, whichever
//! rank computed them. Every rank then takes the same step, so that all have the whole state after each step.

mod report;
mod start;
mod step;
mod validation;

use crate::exchange::{Exchange, Ranks};
use crate::run::Run;
use crate::{Batches, Dataset, Error, Fit, Metric, Model, Observer, Optimizer, Share, TrainState, Trainer};
use gmp_nn::{Element, RecordedStatistics};
use start::{Identity, share_state};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A trainer on several ranks, created by [`Trainer::across`].
///
/// Every rank calls the same method with the same model, optimizer and data. All ranks get the result, which has the
/// same bits as that of one process with the same [`Trainer::micro_batch`]. No number depends on the number of ranks:
/// a run on three ranks can be continued from its checkpoint on two, or in one process.
///
/// - Every micro-batch of a batch is one part, and the parts are distributed over the ranks. Without
///   [`Trainer::micro_batch`] a batch is one part, and rank 0 does all of the work.
/// - The run begins with the state of rank 0, so only rank 0 needs to read a checkpoint.
/// - Observers are called on rank 0 alone, except for [`Observer::stop_flag`]: if it is set on any rank, it stops all
///   of them before the same step.
/// - A batch that a rank cannot read, or a number that is not finite, ends the run on all ranks with an error.
///
/// ```
/// use gmp_train::exchange::on_threads;
/// use gmp_train::{Adam, Dataset, Loss, Mlp, Parameterization, Trainer};
/// let data = Dataset::new((0..24).map(f64::from).collect(), 1, vec![1.0; 24], 1)?;
/// let build = || Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1);
/// let trainer = Trainer { micro_batch: Some(4), ..Trainer::new(Loss::MeanSquaredError, 12, 5, 0.01) };
///
/// let mut alone = build()?;
/// trainer.fit(&mut alone, &mut Adam::default(), &data, None, &mut ())?;
///
/// let networks = on_threads(3, |exchange| {
///     let mut network = build()?;
///     trainer.across(exchange).fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
///     Ok::<_, gmp_train::Error>(network)
/// });
/// for network in networks {
///     assert_eq!(network?.parameters, alone.parameters); // to the last bit
/// }
/// # Ok::<(), gmp_train::Error>(())
/// ```
pub struct Across<'a> {
    trainer: &'a Trainer,
    exchange: &'a mut dyn Exchange,
    identity: Identity,
}

impl Trainer {
    /// Trains on several ranks.
    pub fn across<'a>(&'a self, exchange: &'a mut dyn Exchange) -> Across<'a> {
        Across { trainer: self, exchange, identity: Identity::default() }
    }
}

impl<'a> Across<'a> {
    /// Adds a value that must be the same on all ranks, such as a fingerprint of images. The version of this crate,
    /// the trainer, the model, the optimizer and data sets in memory are always compared.
    ///
    /// ```
    /// use gmp_train::exchange::on_threads;
    /// use gmp_train::{Adam, Dataset, Loss, Mlp, Parameterization, Trainer};
    /// let data = Dataset::new(vec![0.0, 1.0], 1, vec![1.0; 2], 1)?;
    /// let trainer = Trainer::of(Loss::MeanSquaredError);
    /// let results = on_threads(2, |exchange| {
    ///     let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
    ///     let build = ["of Monday", "of Tuesday"][gmp_train::exchange::Exchange::rank(exchange)];
    ///     let across = trainer.across(exchange).same("program", build);
    ///     across.fit(&mut network, &mut Adam::default(), &data, None, &mut ())
    /// });
    /// let error = results[0].as_ref().unwrap_err().to_string();
    /// assert_eq!(error, "rank 1: the program is of Tuesday, expected of Monday as on rank 0");
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    #[must_use]
    pub fn same(mut self, name: &str, value: impl Into<String>) -> Self {
        self.identity.add(name, value);
        self
    }

    /// As [`Trainer::fit`].
    ///
    /// # Errors
    /// As [`Trainer::fit`], if a rank is lost, and if the ranks do not agree on what they train.
    pub fn fit<T: Element>(
        self,
        model: &mut dyn Model<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &Dataset<T>,
        validation: Option<&Dataset<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        let start = TrainState::start(self.trainer);
        self.fit_from(start, model, optimizer, train, validation, observer)
    }

    /// As [`Trainer::fit_from`]. The progress, the model and the optimizer of rank 0 are used.
    ///
    /// # Errors
    /// As [`Trainer::fit_from`], if a rank is lost, and if the ranks do not agree on what they train.
    ///
    /// # Panics
    /// As [`Trainer::fit_from`].
    pub fn fit_from<T: Element>(
        mut self,
        progress: TrainState<T>,
        model: &mut dyn Model<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &Dataset<T>,
        validation: Option<&Dataset<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        let trainer = self.trainer;
        if self.exchange.ranks() > 1 {
            self.identity.add("training data", start::data(train));
            self.identity.add("validation data", validation.map_or_else(|| "none".to_owned(), start::data));
        }
        let samples = (train.samples(), validation.map(Dataset::samples));
        let mut run = self.begin(progress, model, optimizer, samples, observer)?;
        run.check_data(train, validation)?;
        let mut train = train.batches(trainer.batch_size, trainer.seed);
        let mut validation = validation.map(|data| data.batches(data.samples(), 0));
        run.train(&mut train, validation.as_mut().map(|data| data as &mut dyn Batches<T>))
    }

    /// As [`Trainer::fit_batches`]. The progress, the model and the optimizer of rank 0 are used.
    ///
    /// A rank requests only its share of every batch ([`Batches::next_share`]); an image `Loader` reads no more than
    /// that.
    ///
    /// # Errors
    /// As [`Trainer::fit_batches`], if a rank is lost, and if the ranks do not agree on what they train.
    ///
    /// # Panics
    /// As [`Trainer::fit_batches`].
    pub fn fit_batches<T: Element>(
        self,
        progress: TrainState<T>,
        model: &mut dyn Model<T>,
        optimizer: &mut dyn Optimizer<T>,
        train: &mut dyn Batches<T>,
        validation: Option<&mut dyn Batches<T>>,
        observer: &mut dyn Observer<T>,
    ) -> Result<Fit, Error> {
        let samples = (train.samples(), validation.as_ref().map(|data| data.samples()));
        self.begin(progress, model, optimizer, samples, observer)?.train(train, validation)
    }

    /// Metrics of an epoch of `data`, as [`evaluate`](crate::evaluate) computes them, in parts of
    /// [`Trainer::micro_batch`] samples that are distributed over the ranks.
    ///
    /// ```
    /// use gmp_train::exchange::on_threads;
    /// use gmp_train::{Dataset, Loss, Metric, Mlp, Parameterization, Trainer};
    /// let network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
    /// let data = Dataset::new((0..24).map(f64::from).collect(), 1, vec![1.0; 24], 1)?;
    /// let trainer = Trainer { micro_batch: Some(4), ..Trainer::of(Loss::MeanSquaredError) };
    /// let metrics = [Metric::MeanAbsoluteError];
    /// let values = on_threads(2, |exchange| {
    ///     let mut batches = data.batches(24, 0);
    ///     trainer.across(exchange).evaluate(&network, &mut batches, &metrics)
    /// });
    /// assert_eq!(values[0], values[1]);
    /// # Ok::<(), gmp_train::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`evaluate`](crate::evaluate), if a rank is lost, and if the ranks do not agree on the data.
    pub fn evaluate<T: Element>(
        self,
        model: &dyn Model<T>,
        data: &mut dyn Batches<T>,
        metrics: &[Metric],
    ) -> Result<Vec<f64>, Error> {
        metrics.iter().try_for_each(|metric| metric.check_settings())?;
        let checked = crate::pass::Checked { set: "data", values: true };
        let mut pass = crate::pass::Pass::default();
        let most = self.trainer.micro_batch;
        if self.exchange.ranks() == 1 {
            return Ok(pass.evaluate(model, data, metrics, most, checked)?.unwrap_or_default().to_vec());
        }
        let mut spread = Spread::<T>::new(Ranks::new(self.exchange), most, None);
        // There is no flag that stops it.
        Ok(spread.evaluate(&mut pass, model, data, metrics, checked)?.unwrap_or_default())
    }

    fn begin<'r, T: Element>(
        self,
        mut progress: TrainState<T>,
        model: &'r mut dyn Model<T>,
        optimizer: &'r mut dyn Optimizer<T>,
        (train, validation): (usize, Option<usize>),
        observer: &'r mut dyn Observer<T>,
    ) -> Result<Run<'r, T>, Error>
    where
        'a: 'r,
    {
        let Self { trainer, exchange, mut identity } = self;
        if exchange.ranks() == 1 {
            return Run::new(
                trainer,
                progress,
                model,
                optimizer,
                observer,
                train,
                validation.is_some(),
                None,
            );
        }
        let mut ranks = Ranks::new(exchange);
        identity.complete(trainer, model, optimizer, train, validation);
        identity.agree(&mut ranks)?;
        progress = share_state(&mut ranks, trainer, progress, model, optimizer)?;
        let spread = Spread::new(ranks, trainer.micro_batch, observer.stop_flag());
        Run::new(trainer, progress, model, optimizer, observer, train, validation.is_some(), Some(spread))
    }
}

/// An error, the same on all ranks, unless all have the same values.
pub(crate) fn same<'n>(
    ranks: &mut Ranks<'_>,
    values: impl IntoIterator<Item = (&'n str, String)>,
) -> Result<(), Error> {
    let mut identity = Identity::default();
    values.into_iter().for_each(|(name, value)| identity.add(name, value));
    identity.agree(ranks)
}

/// What a rank does of a run, and what it remembers for that.
pub(crate) struct Spread<'a, T: Element> {
    ranks: Ranks<'a>,
    share: Share,
    stop: Option<Arc<AtomicBool>>,
    record: RecordedStatistics<T>,
    /// The gradients of this rank's parts, one after the other, and the sum over the parts of all ranks.
    kept: Vec<T>,
    sum: Vec<T>,
    /// Batch that the epoch was begun with; samples trained on and left out since.
    begin: usize,
    trained: usize,
    left_out: usize,
}

impl<'a, T: Element> Spread<'a, T> {
    fn new(ranks: Ranks<'a>, micro_batch: Option<usize>, stop: Option<Arc<AtomicBool>>) -> Self {
        Self {
            share: Share { rank: ranks.rank(), ranks: ranks.count(), micro_batch },
            ranks,
            stop,
            record: RecordedStatistics::default(),
            kept: Vec::new(),
            sum: Vec::new(),
            begin: 0,
            trained: 0,
            left_out: 0,
        }
    }

    /// Whether this rank writes and speaks for all.
    pub(crate) fn is_first(&self) -> bool {
        self.ranks.rank() == 0
    }

    /// The gradient of the batch that was learned last.
    pub(crate) fn gradients(&self) -> &[T] {
        &self.sum
    }

    /// What the observer of rank 0 says, on every rank.
    pub(crate) fn tell(&mut self, flow: ControlFlow<()>) -> Result<ControlFlow<()>, Error> {
        let mut message = vec![u8::from(flow.is_break())];
        self.ranks.tell(&mut message)?;
        Ok(if message == [1] { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Compares the state of all ranks, which took the same steps: where they differ, so do their processors.
    pub(crate) fn compare(&mut self, model: &dyn Model<T>) -> Result<(), Error> {
        let mut identity = Identity::default();
        identity.add("fingerprint of the parameters after an epoch", start::state(model));
        identity.agree(&mut self.ranks)
    }

    fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}
