//! The training loop.

use crate::nonfinite::NonFinite;
use crate::pass::{Checked, Failure, Learned, Pass, TRAINING, Taught, VALIDATION};
use crate::spread::Spread;
use crate::{
    Batches, Check, Dataset, End, Epoch, EpochRecord, Error, Fit, Loss, Metric, Model, Monitor, Observer,
    Optimizer, Restore, State, Step, TrainState, Trainer,
};
use gmp_nn::Element;
use std::ops::ControlFlow;

/// The origin of a parameter or a buffer that is not finite.
const BEFORE_THE_RUN: [&str; 2] = ["the network that was given"; 2];
const AFTER_A_STEP: [&str; 2] = ["the optimizer's step", "the statistics of the batch"];

/// A run while it trains.
pub(crate) struct Run<'a, T: Element> {
    trainer: &'a Trainer,
    model: &'a mut dyn Model<T>,
    optimizer: &'a mut dyn Optimizer<T>,
    observer: &'a mut dyn Observer<T>,
    progress: TrainState<T>,
    pass: Pass<T>,
    /// What this rank does of the run, where there are several.
    spread: Option<Spread<'a, T>>,
    /// Of the validation set: the monitored metric, if one is, and those of the trainer.
    validation_metrics: Vec<Metric>,
    is_monitored: bool,
    /// Batches of an epoch.
    batches: usize,
    /// Whether every target was looked at before the run.
    is_checked: bool,
}

impl<'a, T: Element> Run<'a, T> {
    /// Checks everything but the data.
    pub(crate) fn new(
        trainer: &'a Trainer,
        mut progress: TrainState<T>,
        model: &'a mut dyn Model<T>,
        optimizer: &'a mut dyn Optimizer<T>,
        observer: &'a mut dyn Observer<T>,
        samples: usize,
        has_validation: bool,
        spread: Option<Spread<'a, T>>,
    ) -> Result<Self, Error> {
        trainer.check_settings()?;
        progress.resume(trainer, model, samples)?;
        if let Some(broken) = NonFinite::number_of(model, BEFORE_THE_RUN) {
            return Err(broken.at(progress.fit.steps, progress.fit.epochs));
        }
        let monitored = match trainer.monitor {
            Monitor::Auto => has_validation.then_some(Metric::Loss(trainer.loss)),
            Monitor::TrainingLoss => None,
            Monitor::Validation(_) if !has_validation => return Err(Error::NoValidation),
            Monitor::Validation(metric) => Some(metric),
        };
        let pass = Pass::until(observer.stop_flag());
        Ok(Self {
            trainer,
            model,
            optimizer,
            observer,
            progress,
            pass,
            spread,
            validation_metrics: monitored.into_iter().chain(trainer.metrics.iter().copied()).collect(),
            is_monitored: monitored.is_some(),
            batches: samples.div_ceil(trainer.batch_size),
            is_checked: false,
        })
    }

    /// Looks at all data before the first step; what is not looked at here is looked at as its batch comes.
    pub(crate) fn check_data(
        &mut self,
        train: &Dataset<T>,
        validation: Option<&Dataset<T>>,
    ) -> Result<(), Error> {
        let Self { trainer, model, pass, .. } = self;
        pass.check_data(&**model, train, Some(trainer.loss), &trainer.metrics, TRAINING)?;
        if let Some(validation) = validation
            && !self.validation_metrics.is_empty()
        {
            // The loss is there as a metric where it is looked at.
            let no_loss: Option<Loss> = None;
            pass.check_data(&**model, validation, no_loss, &self.validation_metrics, VALIDATION)?;
        }
        self.is_checked = true;
        Ok(())
    }

    /// Trains to the end.
    pub(crate) fn train(
        mut self,
        train: &mut dyn Batches<T>,
        mut validation: Option<&mut dyn Batches<T>>,
    ) -> Result<Fit, Error> {
        while self.progress.fit.end == End::Epochs && self.progress.fit.epochs < self.trainer.epochs {
            let Some(step) = self.train_epoch(train)? else { break };
            let validation = validation.as_mut().map(|data| &mut **data as &mut dyn Batches<T>);
            if self.end_epoch(&step, validation)?.is_break() {
                break;
            }
            self.apply_schedules();
            if self.observe(&step)?.is_break() && self.progress.fit.end == End::Epochs {
                self.progress.fit.end = End::Observer;
            }
        }
        if self.speaks() {
            let (state, observer) = self.state();
            observer.on_end(&state);
        }
        let fit = self.progress.fit;
        let restore = match self.trainer.early_stopping.as_ref().map_or(Restore::Never, |rule| rule.restore) {
            Restore::Never => false,
            Restore::WhenStoppedEarly => fit.end == End::EarlyStopping,
            Restore::Always => true,
        };
        if restore && fit.best_epoch.is_some() {
            self.progress.best.copy_to(self.model);
        }
        Ok(fit)
    }

    /// Takes the steps that are left of an epoch; the last of them, or nothing where the observer ended the run.
    fn train_epoch(&mut self, train: &mut dyn Batches<T>) -> Result<Option<Step>, Error> {
        let epoch = self.progress.fit.epochs;
        let mut step = Step {
            epoch,
            batch: self.progress.batches.saturating_sub(1),
            batches: self.batches,
            loss: f64::NAN,
            learning_rate: self.learning_rate(self.progress.batches.saturating_sub(1))?,
        };
        match &mut self.spread {
            None => train.start(epoch, self.progress.batches),
            Some(spread) => spread.start(train, epoch, self.progress.batches),
        }
        loop {
            let Taught { batch, samples, targets, loss } = match self.learn(train)? {
                Learned::Batch(taught) => taught,
                Learned::End => return Ok(Some(step)),
                Learned::Stopped => {
                    self.progress.fit.end = End::Observer;
                    return Ok(None);
                }
            };
            step.batch = batch;
            step.learning_rate = self.learning_rate(batch)?;
            step.loss = loss;
            let Self { trainer, model, progress, .. } = self;
            let gradients = self.spread.as_ref().map_or_else(|| self.pass.gradients(), Spread::gradients);
            self.optimizer.step(model.parameters_mut(), gradients, step.learning_rate);
            model.after_step();
            let steps = progress.fit.steps;
            if trainer.check == Check::All
                && let Some(broken) = NonFinite::number_of(&**model, AFTER_A_STEP)
            {
                return Err(broken.at(steps, epoch));
            }
            progress.loss_sum += step.loss * samples as f64;
            let running = &mut progress.running;
            running.seen = running.seen.saturating_add(samples);
            running.targets = running.targets.saturating_add(targets);
            progress.fit.steps = steps.saturating_add(1);
            progress.batches = batch + 1;
            if progress.batches < self.batches && self.observe(&step)?.is_break() {
                self.progress.fit.end = End::Observer;
                return Ok(None);
            }
        }
    }

    /// Computes the loss of the next batch and its gradient.
    fn learn(&mut self, train: &mut dyn Batches<T>) -> Result<Learned, Error> {
        let Self { trainer, model, progress, pass, .. } = self;
        if let Some(spread) = &mut self.spread {
            return spread.learn(pass, trainer, &mut **model, train, progress, !self.is_checked);
        }
        let Some(batch) = train.next_batch()? else { return Ok(Learned::End) };
        let (first, sums) = (progress.running.seen, &mut progress.running.sums);
        let learned = pass.learn(trainer, &mut **model, &batch, !self.is_checked, first, sums);
        let loss = learned.map_err(|failure| match failure {
            Failure::Data(error) => error,
            Failure::NonFinite(broken) => broken.at(progress.fit.steps, progress.fit.epochs),
        })?;
        Ok(loss.map_or(Learned::Stopped, |loss| {
            let (samples, targets) = (batch.samples, batch.targets.data().len());
            Learned::Batch(Taught { batch: batch.index, samples, targets, loss })
        }))
    }

    /// The learning rate of the batch of this number in the current epoch.
    fn learning_rate(&self, batch: usize) -> Result<f64, Error> {
        let Some(schedule) = &self.trainer.schedule else { return Ok(self.progress.rate) };
        let step = self.progress.fit.epochs.saturating_mul(self.batches).saturating_add(batch);
        let rate = schedule.factor(step, self.trainer.epochs.saturating_mul(self.batches), self.batches)
            * self.progress.rate;
        if rate >= 0.0 && rate.is_finite() {
            return Ok(rate);
        }
        let expected = "a finite number that is not negative";
        Err(Error::Setting { setting: "learning rate of the schedule", value: rate, expected })
    }

    /// Computes the metrics, puts the epoch down and shows it to the observer. `Break` where the validation was stopped:
    /// all batches of the epoch are done then, and what goes on from here begins with the validation.
    fn end_epoch(
        &mut self,
        step: &Step,
        validation: Option<&mut dyn Batches<T>>,
    ) -> Result<ControlFlow<()>, Error> {
        let Self { trainer, model, progress, .. } = self;
        let mut record = EpochRecord {
            epoch: step.epoch,
            learning_rate: step.learning_rate,
            training_loss: progress.loss_sum / progress.running.seen as f64,
            validation: None,
            training_metrics: Vec::new(),
            validation_metrics: Vec::new(),
        };
        if let Some(data) = validation
            && !self.validation_metrics.is_empty()
        {
            let checked = Checked { set: VALIDATION, values: !self.is_checked };
            let (model, metrics) = (&**model, &self.validation_metrics);
            let of_all;
            let values = match &mut self.spread {
                None => self.pass.evaluate(model, data, metrics, trainer.micro_batch, checked)?,
                Some(spread) => {
                    of_all = spread.evaluate(&mut self.pass, model, data, metrics, checked)?;
                    of_all.as_deref()
                }
            };
            let Some(values) = values else {
                progress.fit.end = End::Observer;
                return Ok(ControlFlow::Break(()));
            };
            let (monitored, others) = values.split_at(usize::from(self.is_monitored));
            record.validation = monitored.first().copied();
            record.validation_metrics = others.to_vec();
        }
        let targets = progress.running.targets;
        let means = trainer.metrics.iter().zip(&mut progress.running.sums);
        record.training_metrics =
            means.map(|(metric, sum)| metric.mean(std::mem::take(sum), targets)).collect();
        (progress.batches, progress.loss_sum) = (0, 0.0);
        (progress.running.seen, progress.running.targets) = (0, 0);
        progress.fit.epochs = step.epoch + 1;
        progress.fit.learning_rate = record.learning_rate;
        let seen = Epoch { record: &record, steps: progress.fit.steps, trainer, model: &**model };
        let flow = match &mut self.spread {
            None => self.observer.on_epoch(&seen),
            Some(spread) => {
                spread.compare(&**model)?;
                let first = spread.is_first().then(|| self.observer.on_epoch(&seen));
                spread.tell(first.unwrap_or(ControlFlow::Continue(())))?
            }
        };
        if flow.is_break() {
            progress.fit.end = End::Observer;
        }
        progress.history.push(record);
        Ok(ControlFlow::Continue(()))
    }

    /// What follows from the epoch that was put down last.
    fn apply_schedules(&mut self) {
        let Self { trainer, progress, .. } = self;
        let Some(record) = progress.history.last() else { return };
        let (monitored, goal) = (record.validation.unwrap_or(record.training_loss), trainer.monitor.goal());
        if let Some(rule) = &trainer.step_decay
            && rule.epochs.contains(&progress.fit.epochs)
        {
            progress.rate *= rule.factor;
        }
        if let (Some(rule), Some(patience)) = (&trainer.plateau, &mut progress.plateau)
            && let (_, true) = patience.observe(monitored, goal, rule.min_delta, rule.patience)
        {
            progress.rate *= rule.factor;
            patience.reset();
        }
        if let (Some(rule), Some(patience)) = (&trainer.early_stopping, &mut progress.stopping) {
            let (is_best, exhausted) = patience.observe(monitored, goal, rule.min_delta, rule.patience);
            if is_best {
                progress.fit.best_epoch = Some(record.epoch);
                progress.best.copy_from(&*self.model);
            }
            if exhausted && progress.fit.end == End::Epochs {
                progress.fit.end = End::EarlyStopping;
            }
        }
    }

    /// What the observer says of a step: on several ranks, that of rank 0.
    fn observe(&mut self, step: &Step) -> Result<ControlFlow<()>, Error> {
        let flow = if self.speaks() {
            let (state, observer) = self.state();
            observer.on_step(step, &state)
        } else {
            ControlFlow::Continue(())
        };
        match &mut self.spread {
            None => Ok(flow),
            Some(spread) => spread.tell(flow),
        }
    }

    /// Whether the observer is called: on one rank, so that everything is written once.
    fn speaks(&self) -> bool {
        self.spread.as_ref().is_none_or(Spread::is_first)
    }

    fn state(&mut self) -> (State<'_, T>, &mut dyn Observer<T>) {
        let Self { trainer, model, optimizer, progress, observer, .. } = self;
        (State { trainer, model: &**model, optimizer: &**optimizer, progress }, &mut **observer)
    }
}
