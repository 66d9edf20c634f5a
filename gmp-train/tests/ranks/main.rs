//! One run on several ranks: the same bits as in one process, and a clean end where a rank is lost.

mod agreement;
mod cluster;
#[path = "../../../gmp-nn/tests/forms.rs"]
mod forms;
mod images;
mod same_bits;
mod schedules;

use gmp_nn::{Element, Network};
use gmp_train::exchange::{Exchange, Local};
use gmp_train::{Checkpoint, Dataset, Error, Fit, Observer, Optimizer, State, Step, TrainState, Trainer};
use std::ops::ControlFlow;

/// Everything that a run is made of, for every rank anew.
struct Setup<T: Element> {
    trainer: Trainer,
    network: Box<dyn Fn() -> Network<T> + Sync>,
    optimizer: Box<dyn Fn() -> Box<dyn Optimizer<T>> + Sync>,
    train: Dataset<T>,
    validation: Option<Dataset<T>>,
}

/// The bytes of the checkpoints of a run: after every step and at its end.
#[derive(Default)]
struct Bytes {
    steps: Vec<Vec<u8>>,
    end: Vec<u8>,
    /// The step after which it ends the run.
    until: Option<usize>,
}

impl<T: Element> Observer<T> for Bytes {
    fn on_step(&mut self, _: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        self.steps.push(Checkpoint::new(state, "test").to_bytes().unwrap());
        match self.until {
            Some(steps) if state.progress.fit().steps >= steps => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
    fn on_end(&mut self, state: &State<'_, T>) {
        self.end = Checkpoint::new(state, "test").to_bytes().unwrap();
    }
}

/// What a rank has in the end: how the run went, the checkpoints, and the model and the optimizer, byte for byte.
#[derive(Debug, PartialEq)]
struct Outcome {
    fit: Fit,
    /// On rank 0.
    steps: Vec<Vec<u8>>,
    end: Vec<u8>,
    state: Vec<u8>,
}

impl<T: Element> Setup<T> {
    /// One rank's part of a run, from a checkpoint where rank 0 has one.
    fn train(
        &self,
        exchange: &mut dyn Exchange,
        from: Option<&[u8]>,
        bytes: &mut Bytes,
    ) -> Result<Outcome, Error> {
        let (mut network, mut optimizer) = ((self.network)(), (self.optimizer)());
        let progress = match from {
            Some(bytes) if exchange.rank() == 0 => {
                let checkpoint = Checkpoint::from_bytes(bytes).unwrap();
                checkpoint.restore(&mut network, &mut *optimizer).unwrap()
            }
            _ => TrainState::start(&self.trainer),
        };
        let validation = self.validation.as_ref();
        let across = self.trainer.across(exchange);
        let fit = across.fit_from(progress, &mut network, &mut *optimizer, &self.train, validation, bytes)?;
        let progress = TrainState::start(&self.trainer);
        let state =
            State { trainer: &self.trainer, model: &network, optimizer: &*optimizer, progress: &progress };
        let state = Checkpoint::new(&state, "").to_bytes().unwrap();
        let Bytes { steps, end, .. } = std::mem::take(bytes);
        Ok(Outcome { fit, steps, end, state })
    }

    /// The same from the start to the end.
    fn run(&self, exchange: &mut dyn Exchange) -> Result<Outcome, Error> {
        self.train(exchange, None, &mut Bytes::default())
    }

    /// The run in one process.
    fn alone(&self) -> Outcome {
        self.run(&mut Local).unwrap()
    }
}

/// On a pool of threads of its own.
fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
