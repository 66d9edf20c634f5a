//! How long a run on images takes, by its first steps: for a plan.

use super::training::{Recipe, load, optimizer, trainer};
use crate::run::Run;
use crate::run::execute::attempt;
use crate::run::stop::Stop;
use anyhow::Result;
use gmp_train::{Batches, Epoch, Observer, State, Step, TrainState};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// How long one run is measured, where others are to be measured as well.
const MEASURED: Duration = Duration::from_millis(2500);
/// An image of the validation set costs a forward pass; one of the training set also a backward pass, which costs two more.
const OF_TRAINING: f64 = 1.0 / 3.0;

/// Seconds that all epochs of the run take on `threads` threads: by its first steps until `end`, at least one. Nothing is written.
/// `None` where it was stopped, or cannot be trained.
pub fn seconds(recipe: &Recipe<'_>, run: &Run, threads: usize, end: Instant, stop: &Stop) -> Option<f64> {
    attempt(|| measured(recipe, run, threads, end, stop)).ok()?
}

fn measured(
    recipe: &Recipe<'_>,
    run: &Run,
    threads: usize,
    end: Instant,
    stop: &Stop,
) -> Result<Option<f64>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut loaded = load(recipe, run, threads, "plan")?;
    let trainer = trainer(recipe, run);
    let start = Instant::now();
    let mut watch = Watch {
        stop: Arc::clone(stop),
        batch_size: recipe.batch_size,
        start,
        end: end.min(start + MEASURED),
        taken: Taken::default(),
    };
    let progress = TrainState::start(&trainer);
    let fit = || {
        let (network, training) = (&mut loaded.network, &mut loaded.training);
        let validation = &mut loaded.validation as &mut dyn Batches<f32>;
        trainer.fit_batches(progress, network, &mut optimizer(recipe), training, Some(validation), &mut watch)
    };
    pool.install(fit)?;
    let images = [recipe.set.training.len(), recipe.set.validation.len()];
    Ok(watch.taken.of_all(images, run.epoch_limit))
}

/// What was carried out, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Taken {
    /// Epochs, with their validation.
    epochs: usize,
    seconds_of_epochs: f64,
    /// Training images of all epochs, the last of which may be part of one.
    images: usize,
    seconds: f64,
}

impl Taken {
    /// Seconds of this many epochs over this many training and validation images; `None` where nothing was carried out.
    fn of_all(self, [training, validation]: [usize; 2], epochs: usize) -> Option<f64> {
        let of_epoch = match self.epochs {
            0 if self.images == 0 => return None,
            0 => self.seconds / self.images as f64 * (training as f64 + OF_TRAINING * validation as f64),
            done => self.seconds_of_epochs / done as f64,
        };
        Some(of_epoch * epochs as f64)
    }
}

/// Ends the training once it has seen enough.
struct Watch {
    stop: Stop,
    batch_size: usize,
    start: Instant,
    end: Instant,
    taken: Taken,
}

impl Watch {
    fn flow(&self) -> ControlFlow<()> {
        if Instant::now() < self.end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Observer<f32> for Watch {
    fn on_step(&mut self, _: &Step, _: &State<'_, f32>) -> ControlFlow<()> {
        self.taken.images += self.batch_size;
        self.taken.seconds = self.start.elapsed().as_secs_f64();
        self.flow()
    }

    fn on_epoch(&mut self, epoch: &Epoch<'_, f32>) -> ControlFlow<()> {
        self.taken.epochs = epoch.record.epoch + 1;
        self.taken.seconds_of_epochs = self.start.elapsed().as_secs_f64();
        self.flow()
    }

    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.stop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::images::training::tests::{recipe, run};
    use crate::problem::images::Set;
    use crate::ranks::Ranks;
    use std::sync::atomic::Ordering;

    #[test]
    fn whole_epochs_count_where_there_are_any_and_steps_where_there_are_none() {
        let taken = Taken { epochs: 2, seconds_of_epochs: 6.0, images: 999, seconds: 7.0 };
        assert_eq!(taken.of_all([400, 300], 10), Some(30.0));
        let taken = Taken { images: 100, seconds: 2.0, ..Taken::default() };
        assert_eq!(taken.of_all([400, 300], 10), Some(100.0));
        assert_eq!(Taken::default().of_all([400, 300], 10), None);
    }

    #[test]
    fn a_step_is_taken_even_where_there_is_no_time() {
        let (set, ranks) = (Set::generated(32, 8), Ranks::alone());
        let (recipe, stop) = (recipe(&set, &ranks), Stop::default());
        let told = |epochs, stop: &Stop| {
            seconds(&recipe, &Run { epoch_limit: epochs, ..run() }, 1, Instant::now(), stop)
        };
        let time = told(1, &stop).expect("a step");
        assert!(time > 0.0 && time.is_finite(), "{time}");
        assert_eq!(told(0, &stop), None);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(told(1, &stop), None);
    }
}
