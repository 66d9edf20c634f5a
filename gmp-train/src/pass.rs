//! One batch through a model: the forward and the backward pass for training, or the forward pass alone for
//! evaluation.

use crate::loss::Place;
use crate::model::{buffer_values, buffer_values_mut};
use crate::nonfinite::NonFinite;
use crate::{Batch, Batches, Check, Dataset, Error, Loss, Metric, Model, Targets, Trainer};
use gmp_autograd::{Tape, Var};
use gmp_nn::{Element, Features, RecordedStatistics};
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The memory of a pass, used again by the next.
#[derive(Default)]
pub(crate) struct Pass<T: Element> {
    tape: Tape<T>,
    /// The sum over the parts of a batch; empty where it went through whole.
    gradients: Vec<T>,
    /// The sums of an evaluation, one per metric.
    sums: Vec<f64>,
    /// The model's buffers and the sums of the metrics before the batch.
    before: (Vec<T>, Vec<f64>),
}

/// What became of the next batch of an epoch.
pub(crate) enum Learned {
    Batch(Taught),
    /// There is none.
    End,
    /// It was stopped: the model and the sums of the metrics are as before.
    Stopped,
}

/// A batch that was learned.
pub(crate) struct Taught {
    /// Its number in the epoch.
    pub(crate) batch: usize,
    pub(crate) samples: usize,
    /// Numbers in its targets.
    pub(crate) targets: usize,
    pub(crate) loss: f64,
}

/// Why a batch taught nothing: its data, or a number that is not finite.
pub(crate) enum Failure {
    Data(Error),
    NonFinite(NonFinite),
}

/// Data that are looked at, and what messages call them.
#[derive(Clone, Copy)]
pub(crate) struct Checked {
    pub(crate) set: &'static str,
    /// Whether every target is looked at, and not only the shapes: where that did not happen before the run.
    pub(crate) values: bool,
}

pub(crate) const TRAINING: &str = "training data";
pub(crate) const VALIDATION: &str = "validation data";

impl<T: Element> Pass<T> {
    /// A pass that ends early once `flag` is set.
    pub(crate) fn until(flag: Option<Arc<AtomicBool>>) -> Self {
        let mut pass = Self::default();
        pass.tape.set_stop_flag(flag);
        pass
    }

    /// Computes a batch's loss and its gradient, and adds what was predicted to the sums of the trainer's metrics.
    /// `None` where it was stopped: the model and the sums are then as before.
    pub(crate) fn learn(
        &mut self,
        trainer: &Trainer,
        model: &mut dyn Model<T>,
        batch: &Batch<'_, T>,
        check_values: bool,
        first: usize,
        metrics: &mut [f64],
    ) -> Result<Option<f64>, Failure> {
        self.gradients.clear();
        let (buffers, sums) = &mut self.before;
        buffers.clear();
        buffers.extend_from_slice(buffer_values(model));
        sums.clear();
        sums.extend_from_slice(metrics);
        let mut mean = 0.0;
        let mut first = first;
        for part in parts(batch, trainer.micro_batch) {
            let checked = Checked { set: TRAINING, values: check_values };
            let Some(value) = self.learn_part(trainer, model, &part, checked, first, metrics, None)? else {
                let (buffers, sums) = &self.before;
                buffer_values_mut(model).copy_from_slice(buffers);
                metrics.copy_from_slice(sums);
                return Ok(None);
            };
            first = first.saturating_add(part.samples);
            if part.samples == batch.samples && trainer.clip.is_none() {
                return Ok(Some(value));
            }
            let share = part.samples as f64 / batch.samples as f64;
            mean += share * value;
            let gradients = self.tape.parameter_gradients();
            self.gradients.resize(gradients.len(), T::ZERO);
            for (sum, &gradient) in self.gradients.iter_mut().zip(gradients) {
                *sum += T::from_f64(share) * gradient;
            }
        }
        if let Some(clip) = trainer.clip {
            clip.apply(&mut self.gradients);
        }
        Ok(Some(mean))
    }

    /// The loss of one part, whose gradient is then on the tape; `None` where it was stopped. With a record, the running
    /// statistics stay as they are.
    pub(crate) fn learn_part(
        &mut self,
        trainer: &Trainer,
        model: &mut dyn Model<T>,
        part: &Batch<'_, T>,
        checked: Checked,
        first: usize,
        metrics: &mut [f64],
        record: Option<&mut RecordedStatistics<T>>,
    ) -> Result<Option<f64>, Failure> {
        let tape = &mut self.tape;
        let x = begin(tape, model, part, checked.set).map_err(Failure::Data)?;
        let y = tape.input(part.targets.data(), part.targets.rows(), part.targets.cols());
        let prediction = match record {
            None => model.forward_training(tape, x),
            Some(record) => {
                model.forward_recorded(tape, x, record).ok_or(Failure::Data(Error::Sequential {
                    why: "it has buffers, and no forward_recorded that leaves them as they are",
                }))?
            }
        };
        check(&trainer.loss, trainer.loss.targets(), prediction, part, checked, first)
            .map_err(Failure::Data)?;
        for metric in &trainer.metrics {
            check(metric, metric.targets(), prediction, part, checked, first).map_err(Failure::Data)?;
        }
        let loss = apply(trainer.loss, tape, prediction, y, part, checked.set).map_err(Failure::Data)?;
        if tape.is_stopped() {
            return Ok(None);
        }
        let value = tape.value(loss).data()[0].to_f64();
        if !value.is_finite() {
            return Err(Failure::NonFinite(NonFinite::loss(value, tape, model.parameters(), part)));
        }
        tape.backward(loss);
        if tape.is_stopped() {
            return Ok(None);
        }
        if trainer.check == Check::All
            && let Some(broken) = NonFinite::gradient(loss, tape, model.parameters(), part)
        {
            return Err(Failure::NonFinite(broken));
        }
        for (metric, sum) in trainer.metrics.iter().zip(metrics) {
            *sum += sum_of(*metric, tape, prediction, y, part).map_err(Failure::Data)?;
        }
        Ok((!tape.is_stopped()).then_some(value))
    }

    /// The gradient of the part that was learned last.
    pub(crate) fn part_gradients(&self) -> &[T] {
        self.tape.parameter_gradients()
    }

    /// The gradient of the batch that was learned last.
    pub(crate) fn gradients(&self) -> &[T] {
        if self.gradients.is_empty() { self.tape.parameter_gradients() } else { &self.gradients }
    }

    /// Metrics of an epoch of `data`, with running statistics, in the order of `metrics`; `None` where it was stopped.
    pub(crate) fn evaluate(
        &mut self,
        model: &dyn Model<T>,
        data: &mut dyn Batches<T>,
        metrics: &[Metric],
        most: Option<usize>,
        checked: Checked,
    ) -> Result<Option<&[f64]>, Error> {
        let mut sums = std::mem::take(&mut self.sums);
        sums.clear();
        sums.resize(metrics.len(), 0.0);
        let (mut targets, mut first) = (0, 0_usize);
        data.start(0, 0);
        while let Some(batch) = data.next_batch()? {
            for part in parts(&batch, most) {
                if !self.measure_part(model, &part, metrics, checked, first, &mut sums)? {
                    return Ok(None);
                }
                targets += part.targets.data().len();
                first = first.saturating_add(part.samples);
            }
        }
        for (metric, sum) in metrics.iter().zip(&mut sums) {
            *sum = metric.mean(*sum, targets);
        }
        self.sums = sums;
        Ok(Some(&self.sums))
    }

    /// Adds what one part contributes to the sums of the metrics; `false` where it was stopped.
    pub(crate) fn measure_part(
        &mut self,
        model: &dyn Model<T>,
        part: &Batch<'_, T>,
        metrics: &[Metric],
        checked: Checked,
        first: usize,
        sums: &mut [f64],
    ) -> Result<bool, Error> {
        let tape = &mut self.tape;
        let x = begin(tape, model, part, checked.set)?;
        let y = tape.input(part.targets.data(), part.targets.rows(), part.targets.cols());
        let prediction = model.forward(tape, x);
        for (metric, sum) in metrics.iter().zip(sums) {
            check(metric, metric.targets(), prediction, part, checked, first)?;
            *sum += sum_of(*metric, tape, prediction, y, part)?;
        }
        Ok(!tape.is_stopped())
    }

    /// Looks at a whole data set before the run: at its shapes, with the first sample as a trial, and at every target.
    pub(crate) fn check_data(
        &mut self,
        model: &dyn Model<T>,
        data: &Dataset<T>,
        loss: Option<Loss>,
        metrics: &[Metric],
        set: &'static str,
    ) -> Result<(), Error> {
        let (whole, tape) = (data.whole(), &mut self.tape);
        let first = whole.part(0..1);
        let x = begin(tape, model, &first, set)?;
        let y = tape.input(first.targets.data(), 1, first.targets.cols());
        let prediction = model.forward(tape, x);
        let users = metrics.iter().map(|metric| (metric as &dyn Display, metric.targets()));
        let loss_user = loss.iter().map(|loss| (loss as &dyn Display, loss.targets()));
        for (user, targets) in loss_user.chain(users) {
            let place = Place { set, user, first: 0 };
            targets.check_shape(place, shape(prediction), (1, data.target_cols()))?;
            targets.check_values(place, prediction.cols(), whole.targets)?;
        }
        if let Some(loss) = loss {
            apply(loss, tape, prediction, y, &first, set)?;
        }
        Ok(())
    }
}

fn shape(v: Var) -> (usize, usize) {
    (v.rows(), v.cols())
}

/// The batch's inputs on the tape, if they are what the model takes.
fn begin<T: Element>(
    tape: &mut Tape<T>,
    model: &dyn Model<T>,
    batch: &Batch<'_, T>,
    set: &'static str,
) -> Result<Var, Error> {
    let (rows, cols) = (batch.inputs.rows(), batch.inputs.cols());
    if let Some(features) = model.input() {
        let (per_sample, columns) = match features {
            Features::Vector(columns) => (Some(1), columns),
            Features::Image { height, width, channels } => (height.checked_mul(width), channels),
        };
        if cols != columns || per_sample.and_then(|n| n.checked_mul(batch.samples)) != Some(rows) {
            let expected = match features {
                Features::Vector(columns) => format!("{columns} columns"),
                Features::Image { height, width, channels } => {
                    format!("images of {height}×{width} pixels, one row per pixel, of {channels} channels")
                }
            };
            return Err(Error::Misfit {
                what: format!("inputs of the {set}"),
                found: format!("{rows} rows of {cols} columns for {} samples", batch.samples),
                expected: format!("{expected}, as the model takes them"),
            });
        }
    }
    tape.begin(model.parameters().values());
    Ok(tape.input(batch.inputs.data(), rows, cols))
}

fn check<T: Element>(
    user: &dyn Display,
    targets: Targets,
    prediction: Var,
    part: &Batch<'_, T>,
    checked: Checked,
    first: usize,
) -> Result<(), Error> {
    let place = Place { set: checked.set, user, first };
    targets.check_shape(place, shape(prediction), (part.targets.rows(), part.targets.cols()))?;
    if checked.values { targets.check_values(place, prediction.cols(), part.targets) } else { Ok(()) }
}

/// Appends the loss, with the weights of the samples where there are any.
fn apply<T: Element>(
    loss: Loss,
    tape: &mut Tape<T>,
    prediction: Var,
    target: Var,
    part: &Batch<'_, T>,
    set: &'static str,
) -> Result<Var, Error> {
    let Some(weights) = part.weights else { return Ok(loss.apply(tape, prediction, target)) };
    let weights = tape.input(weights, weights.len(), 1);
    loss.apply_weighted(tape, prediction, target, weights)
        .ok_or_else(|| Error::Weights { set, loss: loss.to_string() })
}

/// What a part adds to a metric.
fn sum_of<T: Element>(
    metric: Metric,
    tape: &mut Tape<T>,
    prediction: Var,
    target: Var,
    part: &Batch<'_, T>,
) -> Result<f64, Error> {
    if let Metric::Loss(loss @ Loss::Custom(_)) = metric {
        let loss = apply(loss, tape, prediction, target, part, "data")?;
        return Ok(tape.value(loss).data()[0].to_f64() * part.targets.data().len() as f64);
    }
    let sum = metric.sum(tape.value(prediction).data(), part.targets.data(), part.weights);
    Ok(sum.unwrap_or(f64::NAN))
}

/// The batch, in parts of at most `most` samples.
pub(crate) fn parts<'a, T: Element>(
    batch: &Batch<'a, T>,
    most: Option<usize>,
) -> impl Iterator<Item = Batch<'a, T>> {
    let (batch, most) = (*batch, most.unwrap_or(batch.samples));
    (0..batch.samples).step_by(most).map(move |start| batch.part(start..(start + most).min(batch.samples)))
}

/// Metrics of an epoch of `data`, in evaluation mode, with running statistics.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
/// use gmp_train::{Dataset, Loss, Metric, evaluate};
///
/// let network = Mlp::new(2, &[5], 3, Parameterization::Geometric).build(1)?;
/// let mut data = Dataset::new(vec![0.5, 1.0, -1.0, 2.0], 2, vec![0.0, 2.0], 1)?;
/// let metrics = [Metric::Loss(Loss::SoftmaxCrossEntropy), Metric::TopK(1)];
/// let values = evaluate(&network, &mut data, &metrics)?;
/// assert_eq!(values.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If a batch cannot be read, or the model or a metric does not accept the data.
pub fn evaluate<T: Element>(
    model: &dyn Model<T>,
    data: &mut dyn Batches<T>,
    metrics: &[Metric],
) -> Result<Vec<f64>, Error> {
    metrics.iter().try_for_each(|metric| metric.check_settings())?;
    let checked = Checked { set: "data", values: true };
    // There is no flag that stops it.
    Ok(Pass::default().evaluate(model, data, metrics, None, checked)?.unwrap_or_default().to_vec())
}

impl Metric {
    /// Computes the metric for a model's predictions, in evaluation mode, with running statistics.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// use gmp_train::{Dataset, Metric};
    ///
    /// let network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
    /// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
    /// assert!(Metric::RootMeanSquaredError.evaluate(&network, &data) > 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If the model or the metric does not accept the data; [`evaluate`] returns an error instead.
    #[track_caller]
    pub fn evaluate<T: Element>(self, model: &dyn Model<T>, data: &Dataset<T>) -> f64 {
        match evaluate(model, &mut data.batches(data.samples(), 0), &[self]) {
            Ok(values) => values[0],
            Err(error) => panic!("{error}"),
        }
    }
}
