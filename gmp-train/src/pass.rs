//! A batch through a network: forwards and backwards to learn, forwards alone to measure.

use crate::batches::Shuffled;
use crate::nonfinite::NonFinite;
use crate::{Batch, Batches, Check, Dataset, Error, Metric, Trainer};
use gmp_autograd::{Tape, Var};
use gmp_nn::{Element, Network};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The memory of a pass, used again by the next.
#[derive(Default)]
pub(crate) struct Pass<T: Element> {
    tape: Tape<T>,
    /// The sum over the parts of a batch; empty where it went through whole.
    gradients: Vec<T>,
    /// The network's buffers and the sums of the metrics before the batch.
    before: (Vec<T>, Vec<f64>),
}

impl<T: Element> Pass<T> {
    /// A pass that ends early once `flag` is set.
    pub(crate) fn until(flag: Option<Arc<AtomicBool>>) -> Self {
        let mut pass = Self::default();
        pass.tape.set_stop_flag(flag);
        pass
    }

    /// Computes a batch's loss and its gradient, and adds what was predicted to the sums of the trainer's metrics.
    /// `None` where it was stopped: the network and the sums are then as before.
    pub(crate) fn learn(
        &mut self,
        trainer: &Trainer,
        network: &mut Network<T>,
        batch: &Batch<'_, T>,
        sums: &mut [f64],
    ) -> Result<Option<f64>, NonFinite> {
        let Self { tape, gradients, before: (buffers, sums_before) } = self;
        gradients.clear();
        buffers.clear();
        buffers.extend_from_slice(network.buffers.values());
        sums_before.clear();
        sums_before.extend_from_slice(sums);
        let undo = |network: &mut Network<T>, sums: &mut [f64]| {
            network.buffers.values_mut().copy_from_slice(buffers);
            sums.copy_from_slice(sums_before);
            Ok(None)
        };
        let mut mean = 0.0;
        for part in parts(batch, trainer.micro_batch) {
            let x = begin(tape, network, &part);
            let y = tape.input(part.targets.data(), part.targets.rows(), part.targets.cols());
            let prediction = network.forward_training(tape, x);
            let loss = trainer.loss.apply(tape, prediction, y);
            if tape.is_stopped() {
                return undo(network, sums);
            }
            let value = tape.value(loss).data()[0].to_f64();
            if !value.is_finite() {
                return Err(NonFinite::loss(value, tape, &network.parameters, &part));
            }
            for (metric, sum) in trainer.metrics.iter().zip(&mut *sums) {
                *sum += metric.sum(tape.value(prediction).data(), part.targets.data());
            }
            tape.backward(loss);
            if tape.is_stopped() {
                return undo(network, sums);
            }
            if trainer.check == Check::All
                && let Some(broken) = NonFinite::gradient(loss, tape, &network.parameters, &part)
            {
                return Err(broken);
            }
            if part.samples == batch.samples && trainer.clip.is_none() {
                mean = value;
                break;
            }
            let share = part.samples as f64 / batch.samples as f64;
            mean += share * value;
            gradients.resize(tape.parameter_gradients().len(), T::ZERO);
            for (sum, &gradient) in gradients.iter_mut().zip(tape.parameter_gradients()) {
                *sum += T::from_f64(share) * gradient;
            }
        }
        if let Some(clip) = trainer.clip {
            clip.apply(gradients);
        }
        Ok(Some(mean))
    }

    /// The gradient of the batch that was learned last.
    pub(crate) fn gradients(&self) -> &[T] {
        if self.gradients.is_empty() { self.tape.parameter_gradients() } else { &self.gradients }
    }

    /// Metrics of an epoch of `data`, with running statistics; `None` where it was stopped.
    pub(crate) fn evaluate(
        &mut self,
        network: &Network<T>,
        data: &mut dyn Batches<T>,
        metrics: &[Metric],
        most: Option<usize>,
    ) -> Result<Option<Vec<f64>>, Error> {
        let (mut sums, mut targets) = (vec![0.0; metrics.len()], 0);
        data.start(0, 0);
        while let Some(batch) = data.next_batch()? {
            for part in parts(&batch, most) {
                let x = begin(&mut self.tape, network, &part);
                let prediction = network.forward(&mut self.tape, x);
                if self.tape.is_stopped() {
                    return Ok(None);
                }
                targets += part.targets.data().len();
                for (metric, sum) in metrics.iter().zip(&mut sums) {
                    *sum += metric.sum(self.tape.value(prediction).data(), part.targets.data());
                }
            }
        }
        Ok(Some(metrics.iter().zip(sums).map(|(metric, sum)| metric.mean(sum, targets)).collect()))
    }
}

fn begin<T: Element>(tape: &mut Tape<T>, network: &Network<T>, batch: &Batch<'_, T>) -> Var {
    tape.begin(network.parameters.values());
    tape.input(batch.inputs.data(), batch.inputs.rows(), batch.inputs.cols())
}

/// The batch, in parts of at most so many samples.
fn parts<'a, T: Element>(batch: &Batch<'a, T>, most: Option<usize>) -> impl Iterator<Item = Batch<'a, T>> {
    let (batch, most) = (*batch, most.unwrap_or(batch.samples));
    (0..batch.samples).step_by(most).map(move |start| batch.part(start..(start + most).min(batch.samples)))
}

/// Metrics of an epoch of `data`, with running statistics.
///
/// # Errors
/// If a batch cannot be had.
///
/// # Panics
/// If the data do not have the network's numbers of inputs and outputs.
pub fn evaluate<T: Element>(
    network: &Network<T>,
    data: &mut dyn Batches<T>,
    metrics: &[Metric],
) -> Result<Vec<f64>, Error> {
    // There is no flag that stops it.
    Ok(Pass::default().evaluate(network, data, metrics, None)?.unwrap_or_default())
}

impl Metric {
    /// Computes it for a network's predictions, with running statistics.
    ///
    /// # Panics
    /// If the data do not have the network's numbers of inputs and outputs.
    pub fn evaluate<T: Element>(self, network: &Network<T>, data: &Dataset<T>) -> f64 {
        match evaluate(network, &mut Shuffled::whole(data), &[self]) {
            Ok(values) => values[0],
            Err(error) => unreachable!("samples in memory: {error}"),
        }
    }
}
