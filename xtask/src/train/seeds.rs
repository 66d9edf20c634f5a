//! Many networks: every method at every learning rate under every seed, each seed with its own split.

use super::error::TableError;
use super::fit::{Job, Settings};
use super::samples::Samples;
use super::task::Task;
use crate::dashboard::Curves;
use crate::method::MethodId;
use crate::run::execute::{Done, Finished, execute, say};
use crate::run::measures::{Convergence, Measures, Stability, ranges, reductions};
use crate::run::results::SetId;
use crate::run::stop::Stop;
use crate::run::store::Store;
use crate::run::{Origin, Protocol, Record, Run, fingerprint, hex};
use crate::setting::Setting;
use anyhow::Result;
use gmp_nn::Network;
use gmp_train::image::Digest;
use gmp_train::{Dataset, End, Epoch, Error, Observer};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// The folder of the runs, and their experiment in records.
pub const STORE: &str = "train";
/// The hidden layer whose boundaries are watched.
pub const LAYER: &str = "hidden1";

/// A plan of runs.
#[derive(Debug)]
pub struct Seeds<'a> {
    /// What the data are called.
    pub name: &'a str,
    /// The samples.
    pub samples: &'a Samples,
    /// How every network is trained.
    pub settings: &'a Settings,
    /// Which methods.
    pub methods: Vec<MethodId>,
    /// At which learning rates, ascending.
    pub rates: Vec<f64>,
    /// Under which seeds.
    pub seeds: Range<u64>,
    fingerprint: String,
}

impl<'a> Seeds<'a> {
    /// A plan.
    #[must_use]
    pub fn new(
        name: &'a str,
        samples: &'a Samples,
        settings: &'a Settings,
        methods: Vec<MethodId>,
        rates: Vec<f64>,
        seeds: Range<u64>,
    ) -> Self {
        // Records of other data, of another task or of other settings are others'.
        let data = fingerprint(samples.data.inputs().iter().chain(samples.data.targets()));
        let text = serde_json::to_string(&(settings, &samples.columns)).unwrap_or_default();
        let fingerprint = hex(Digest::default().bytes(data.as_bytes()).bytes(text.as_bytes()));
        Self { name, samples, settings, methods, rates, seeds, fingerprint }
    }

    /// The data in records.
    #[must_use]
    pub fn id(&self) -> SetId<'_> {
        SetId { name: self.name, fingerprint: &self.fingerprint }
    }

    /// All runs.
    #[must_use]
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for seed in self.seeds.clone() {
            for &method in &self.methods {
                runs.extend(self.rates.iter().map(|&lr| Run {
                    experiment: STORE.to_owned(),
                    dataset: self.name.to_owned(),
                    method,
                    lr,
                    protocol: Protocol::HeldOut,
                    seed,
                    epoch_limit: self.settings.epochs,
                    data: self.fingerprint.clone(),
                    setting: Setting::default(),
                }));
            }
        }
        runs
    }

    /// Carries out the runs that are not in the folder yet.
    ///
    /// # Errors
    /// A run that cannot be carried out, and a folder that cannot be written to.
    pub fn carry_out(&self, out: &Path, threads: usize, stop: &Stop) -> Result<(Done, Store)> {
        let mut store = Store::open(out, STORE)?;
        store.warnings().iter().for_each(|warning| say(warning));
        // Slow rates take more epochs until they stop.
        let cost = |run: &Run| (0.02 / run.lr).max(1.0).sqrt();
        let work = |run: &Run| self.one(run, stop);
        let runs = self.runs();
        let done = execute(self.name, &runs, cost, work, |_| (), &mut store, threads, stop)?;
        Ok((done, store))
    }

    fn one(&self, run: &Run, stop: &Stop) -> Finished {
        let start = Instant::now();
        let Self { samples, settings, .. } = self;
        let job = Job { samples, settings, method: run.method, lr: run.lr, seed: run.seed };
        let is_regression = samples.columns.task == Task::Regression;
        let record = |value, validation, epochs, end, measures| Record {
            run: run.clone(),
            metric: if is_regression { "rmse" } else { "accuracy" }.to_owned(),
            value,
            validation,
            epochs,
            end,
            seconds: start.elapsed().as_secs_f64(),
            movement: None,
            measures,
            accuracy: None,
            origin: Origin::here(),
            curves: None,
        };
        let mut range = Vec::new();
        let observe = |network: &Network<f64>, train: &Dataset<f64>, _: f64| {
            range = ranges(train.inputs(), train.input_cols());
            let in_batch = job.batch(train).map(|batch| Curves::of(network, LAYER, Some(batch)));
            Watch { running: Curves::of(network, LAYER, None), in_batch, stop: Arc::clone(stop) }
        };
        let (trained, watch) = match job.train(observe) {
            Ok(done) => done,
            // A run that breaks down is a result too.
            Err(TableError::Training(error @ Error::Diverged { epoch, .. })) => {
                return Ok(Some((record(None, None, epoch, error.to_string(), None), None)));
            }
            Err(error) => return Err(error.into()),
        };
        let Some(trained) = trained else { return Ok(None) };
        let stability =
            |curves: &Curves<f64>| curves.changes.as_ref().map(|changes| Stability::of(changes, &range));
        let Curves { records, .. } = &watch.running;
        let losses: Vec<f64> = records.iter().map(|record| record.training_loss).collect();
        let rates: Vec<f64> = records.iter().map(|record| record.learning_rate).collect();
        let measures = Measures {
            running: stability(&watch.running),
            batch: watch.in_batch.as_ref().and_then(stability),
            convergence: Convergence::of(&losses),
            reductions: reductions(&rates),
            layers: Vec::new(),
            kernel: None,
        };
        let end = if trained.fit.end == End::Epochs { "epochs" } else { "early stopping" };
        let (value, validation) = (Some(trained.test.value()), Some(trained.validation.value()));
        let record = record(value, validation, trained.fit.epochs, end.to_owned(), Some(Box::new(measures)));
        Ok(Some((record, None)))
    }
}

/// The boundaries in evaluation and, where they are others, in training.
struct Watch {
    running: Curves<f64>,
    in_batch: Option<Curves<f64>>,
    stop: Stop,
}

impl Observer<f64> for Watch {
    fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
        self.running.on_epoch(epoch)?;
        self.in_batch.on_epoch(epoch)
    }
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.stop))
    }
}
