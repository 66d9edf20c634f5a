//! Observers, which follow a run while it trains (callbacks in Keras).

mod boundaries;

pub use boundaries::{BoundaryChanges, BoundarySnapshots, Change};

use crate::{EpochRecord, Metric, Model, Optimizer, TrainState, Trainer};
use gmp_nn::Element;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The information that an observer receives after a step; [`Observer`] has an example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Epoch of the step, from 0.
    pub epoch: usize,
    /// Batch of the epoch, from 0.
    pub batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Mean loss over the batch, before the step.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
}

/// The information that an observer receives after an epoch.
///
/// ```
/// use gmp_train::{Adam, Dataset, Epoch, Loss, Metric, Mlp, OnEpoch, Parameterization, Trainer};
/// use std::ops::ControlFlow;
/// let data = Dataset::new(vec![0.0, 1.0, 2.0], 1, vec![0.0, 1.0, 4.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let metrics = vec![Metric::MeanAbsoluteError];
/// let trainer = Trainer { metrics, ..Trainer::new(Loss::MeanSquaredError, 3, 2, 0.01) };
/// let mut lines = Vec::new();
/// let mut observer = OnEpoch(|epoch: &Epoch<'_, f64>| {
///     let (metric, training, _validation) = epoch.metrics().next().unwrap();
///     lines.push(format!("{} of {}: {metric} {training:.1}", epoch.record.epoch + 1, epoch.epochs()));
///     ControlFlow::Continue(())
/// });
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut observer)?;
/// assert!(lines[1].starts_with("2 of 2: mean_absolute_error "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Epoch<'a, T: Element> {
    /// The numbers of the epoch.
    pub record: &'a EpochRecord,
    /// Optimizer steps carried out since the start of the run.
    pub steps: usize,
    /// The settings of the run.
    pub trainer: &'a Trainer,
    /// The model, as it is after the epoch.
    pub model: &'a dyn Model<T>,
}

impl<'a, T: Element> Epoch<'a, T> {
    /// Largest number of epochs of the run.
    pub fn epochs(&self) -> usize {
        self.trainer.epochs
    }

    /// [`Trainer::metrics`] with their values in training and, if there is a validation set, in validation.
    pub fn metrics(&self) -> impl Iterator<Item = (Metric, f64, Option<f64>)> + use<'a, T> {
        self.record.metrics(self.trainer)
    }
}

/// The state of a run at a moment from which it can be continued: everything that its future depends on, except for
/// the data.
///
/// ```
/// use gmp_train::{Adam, Dataset, Loss, Mlp, Observer, Parameterization, State, Trainer};
///
/// /// Says where the run is when it ends.
/// struct Report(String);
/// impl Observer<f64> for Report {
///     fn on_end(&mut self, state: &State<'_, f64>) {
///         let (optimizer, steps) = (state.optimizer.state().kind, state.progress.fit().steps);
///         self.0 = format!("{steps} steps of {optimizer} on {} numbers", state.model.parameters().values().len());
///     }
/// }
/// let data = Dataset::new(vec![0.0, 1.0, 2.0], 1, vec![0.0, 1.0, 4.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Standard).build(1)?;
/// let (trainer, mut report) = (Trainer::new(Loss::MeanSquaredError, 3, 4, 0.01), Report(String::new()));
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut report)?;
/// assert_eq!(report.0, "4 steps of adam on 16 numbers");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct State<'a, T: Element> {
    /// The settings of the run.
    pub trainer: &'a Trainer,
    /// The model.
    pub model: &'a dyn Model<T>,
    /// The optimizer.
    pub optimizer: &'a dyn Optimizer<T>,
    /// The progress of the run.
    pub progress: &'a TrainState<T>,
}

/// Follows a run, and may end it. Every method has a default that does nothing.
///
/// `()` is the observer that does nothing. An `Option`, a tuple of two to four observers and a `&mut` reference to
/// one are observers too; a tuple ends the run if one of its observers does. Use [`OnEpoch`] for a closure.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
/// use gmp_train::{Adam, Dataset, End, Loss, Observer, State, Step, Trainer};
/// use std::ops::ControlFlow;
///
/// /// Ends the run once the loss is small enough.
/// struct Until(f64);
/// impl Observer<f64> for Until {
///     fn on_step(&mut self, step: &Step, _: &State<'_, f64>) -> ControlFlow<()> {
///         println!("batch {} of {}: loss {:.3}", step.batch + 1, step.batches, step.loss);
///         if step.loss < self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }
/// }
///
/// let data = Dataset::new(vec![0.0, 0.5, 1.0], 1, vec![0.0, 1.0, 2.0], 1)?;
/// let mut network = Mlp::new(1, &[10], 1, Parameterization::Geometric).build(1)?;
/// let trainer = Trainer::new(Loss::MeanSquaredError, 3, 1000, 0.01);
/// let fit = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut Until(0.01))?;
/// assert_eq!(fit.end, End::Observer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer<T: Element> {
    /// Called after every step. After the last step of an epoch it is called after `on_epoch` and the schedules, so
    /// that a run can be continued from `state`. `Break` ends the run.
    fn on_step(&mut self, _step: &Step, _state: &State<'_, T>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Called after every epoch, before the schedules; `Break` ends the run.
    fn on_epoch(&mut self, _epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Called when the run ends, except with an error, before the weights of the best epoch are restored.
    fn on_end(&mut self, _state: &State<'_, T>) {}

    /// A flag that ends the run as soon as it is set, for instance by a handler of Ctrl-C: even in the middle of a
    /// step or of a validation, which may take minutes. A step that had begun is undone, so that `on_end` sees the
    /// state after the previous step, from which the run can be continued with bit-for-bit the same result. This
    /// method is called once, when the run begins; for a tuple, the first flag is used.
    ///
    /// ```
    /// use gmp_nn::{Element, Mlp, Parameterization};
    /// use gmp_train::{Adam, Dataset, End, Loss, Observer, Trainer};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// struct UntilCtrlC(Arc<AtomicBool>);
    /// impl<T: Element> Observer<T> for UntilCtrlC {
    ///     fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
    ///         Some(Arc::clone(&self.0))
    ///     }
    /// }
    ///
    /// let flag = Arc::new(AtomicBool::new(false));
    /// flag.store(true, Ordering::Relaxed); // another thread does this at any moment
    /// let data = Dataset::new((0..20).map(f64::from).collect(), 1, vec![1.0; 20], 1)?;
    /// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
    /// let trainer = Trainer::new(Loss::MeanSquaredError, 8, 4, 0.01);
    /// let fit = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut UntilCtrlC(flag))?;
    /// assert_eq!((fit.end, fit.steps), (End::Observer, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        None
    }
}

impl<T: Element> Observer<T> for () {}

impl<T: Element, O: Observer<T> + ?Sized> Observer<T> for &mut O {
    fn on_step(&mut self, step: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        (**self).on_step(step, state)
    }
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        (**self).on_epoch(epoch)
    }
    fn on_end(&mut self, state: &State<'_, T>) {
        (**self).on_end(state);
    }
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        (**self).stop_flag()
    }
}

impl<T: Element, O: Observer<T>> Observer<T> for Option<O> {
    fn on_step(&mut self, step: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        self.as_mut().map_or(ControlFlow::Continue(()), |observer| observer.on_step(step, state))
    }
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        self.as_mut().map_or(ControlFlow::Continue(()), |observer| observer.on_epoch(epoch))
    }
    fn on_end(&mut self, state: &State<'_, T>) {
        if let Some(observer) = self {
            observer.on_end(state);
        }
    }
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        self.as_ref().and_then(|observer| observer.stop_flag())
    }
}

/// All of them see everything, even where the first ends the run: what the last one writes down has no hole.
macro_rules! tuple {
    ($($observer:ident $at:tt),+) => {
        impl<T: Element, $($observer: Observer<T>),+> Observer<T> for ($($observer,)+) {
            fn on_step(&mut self, step: &Step, state: &State<'_, T>) -> ControlFlow<()> {
                first_break([$(self.$at.on_step(step, state)),+])
            }
            fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
                first_break([$(self.$at.on_epoch(epoch)),+])
            }
            fn on_end(&mut self, state: &State<'_, T>) {
                $(self.$at.on_end(state);)+
            }
            fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
                [$(self.$at.stop_flag()),+].into_iter().flatten().next()
            }
        }
    };
}
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);

fn first_break<const N: usize>(flows: [ControlFlow<()>; N]) -> ControlFlow<()> {
    flows.into_iter().find(ControlFlow::is_break).unwrap_or(ControlFlow::Continue(()))
}

/// A closure that is called after every epoch, as an [`Observer`].
///
/// ```
/// use gmp_train::{Epoch, OnEpoch};
/// use std::ops::ControlFlow;
///
/// let mut losses = Vec::new();
/// let observer = OnEpoch(|epoch: &Epoch<'_, f64>| {
///     losses.push(epoch.record.training_loss);
///     ControlFlow::Continue(())
/// });
/// # fn observes<T: gmp_nn::Element>(_: impl gmp_train::Observer<T>) {}
/// # observes(observer);
/// ```
#[derive(Debug)]
pub struct OnEpoch<F>(pub F);

impl<T: Element, F: FnMut(&Epoch<'_, T>) -> ControlFlow<()>> Observer<T> for OnEpoch<F> {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        (self.0)(epoch)
    }
}
