//! How a network on images is trained: with progress, a checkpoint every epoch, and resumed from where it stopped.

use super::movements::{BATCH_PICTURES, Movements, Pixels};
use crate::problem::images::Set;
use crate::ranks::Ranks;
use crate::run::execute::{Finished, say, status};
use crate::run::measures::Measures;
use crate::run::stop::Stop;
use crate::run::trace::{EpochAccuracy, Trace};
use crate::run::{Accuracy, NUMERICS, Origin, Record, Run};
use anyhow::Context as _;
use gmp_nn::{Network, NetworkSpec, Normalization};
use gmp_train::checkpoint::Newest;
use gmp_train::exchange::Exchange;
use gmp_train::image::{Loader, Loading, Order, Preparation, Skipped};
use gmp_train::{
    Batches, Checkpoints, EarlyStopping, End, Epoch, EpochRecord, Error, Every, Log, Loss, Metric, Monitor,
    Observer, ReduceOnPlateau, Restore, Sgd, State, Step, StepDecay, TrainState, Trainer,
};
use indicatif::HumanDuration;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Everything of one training but its run's seed and learning rate.
pub struct Recipe<'a> {
    /// The network.
    pub network: NetworkSpec,
    /// The pictures.
    pub set: &'a Set,
    /// What is done to training pictures.
    pub augmented: Preparation,
    /// What is done to validation pictures.
    pub plain: Preparation,
    /// The batch size.
    pub batch_size: usize,
    /// Pictures in memory at a time.
    pub micro_batch: Option<usize>,
    /// When the rate falls at given epochs.
    pub step_decay: Option<StepDecay>,
    /// Epochs without a better validation top-5 until the rate falls tenfold, and until training stops.
    pub patience: Option<(usize, usize)>,
    /// Whether the weights of the best epoch come back at the end.
    pub restore: Restore,
    /// Weight decay of all parameters but angles.
    pub weight_decay: f64,
    /// Whether the movement of the units' boundaries is measured.
    pub watches: bool,
    /// The processes that share it out.
    pub ranks: &'a Ranks,
}

/// What is measured: top-1 and top-5.
pub const METRICS: [Metric; 2] = [Metric::TopK(1), Metric::TopK(5)];
const MOMENTUM: f64 = 0.9;
/// The speed of learning is judged by this many first epochs, so that runs of different lengths can be compared: the
/// paper's fastest method has converged after them.
const SPEED_EPOCHS: usize = 25;
/// Steps between the checkpoints inside an epoch. A killed process loses at most these; an epoch of ImageNet takes hours.
const CHECKPOINT_EVERY: usize = 200;
/// At most this many unreadable images are reported by name.
const MAX_REPORTED: usize = 5;

/// Trains on `threads` threads; `None` where it was stopped, and on all ranks but the first. Its last state is in `folder`/checkpoints, until
/// [`remove_checkpoints`]: the next call goes on from it to the same result. Every epoch goes into `folder`/logs, for other
/// tools.
pub fn carry_out(recipe: &Recipe<'_>, run: &Run, folder: &Path, threads: usize, stop: &Stop) -> Finished {
    // The exchange of several ranks is for one run at a time; a process by itself needs none, and its runs would wait for it.
    let alone = (recipe.ranks.count() == 1).then(Ranks::alone);
    let mut exchange = alone.as_deref().unwrap_or(recipe.ranks).begin_run(run)?;
    let pool = exchange.or_abort(rayon::ThreadPoolBuilder::new().num_threads(threads).build());
    let pool = pool.with_context(|| format!("cannot start {threads} threads"))?;
    let mut live = Live::new(recipe, run, stop);
    let mut loaded = exchange.or_abort(load(recipe, run, threads, &live.name))?;
    let trained = {
        let exchange = &mut **exchange;
        pool.install(|| train(recipe, run, folder, &mut loaded, exchange, &mut live))
    };
    let end = match trained {
        Ok(End::Observer) => {
            // Another rank may have been asked to end.
            stop.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        _ if !recipe.ranks.is_first() => return Ok(None),
        Ok(End::Epochs) => "epochs".to_owned(),
        Ok(End::EarlyStopping) => "early stopping".to_owned(),
        // A run that diverges is a result, too; images that cannot be read are not.
        Err(error @ Error::Diverged { .. }) => {
            live.best = None;
            let checkpoints = checkpoints_of(folder, run);
            let kept = match checkpoints.is_dir() {
                true => format!("; its last good state is in {}", checkpoints.display()),
                false => String::new(),
            };
            say(&format!("{}: {error}{kept}", live.name));
            error.to_string()
        }
        Err(error @ (Error::Rank { .. } | Error::Differs { .. })) => {
            exchange.end(&error);
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    let accuracy = live.best.map(|best| Accuracy {
        top5: live.epochs[best].validation[1],
        training: live.epochs.last().map_or(0.0, |epoch| epoch.training[0]),
        mean: mean_validation(&live.epochs[..live.epochs.len().min(SPEED_EPOCHS)]),
        skipped: live.skipped,
    });
    let record = Record {
        run: run.clone(),
        metric: "top-1".to_owned(),
        value: live.best.map(|best| live.epochs[best].validation[0]),
        validation: None,
        epochs: live.epochs.len(),
        end,
        seconds: live.start.elapsed().as_secs_f64(),
        movement: None,
        measures: live.best.and(live.measures).map(Box::new),
        accuracy,
        origin: Origin::here(),
        curves: None,
    };
    Ok(Some((record, Some(Trace { accuracy: live.epochs, ..Trace::default() }))))
}

/// Removes the checkpoints in `folder` of a run whose record is kept; one that stays is of no harm. What broke down may be
/// looked into.
pub fn remove_checkpoints(folder: &Path, record: &Record) {
    if record.value.is_some() {
        let _ = std::fs::remove_dir_all(boundaries_of(folder, &record.run));
        let _ = std::fs::remove_dir_all(checkpoints_of(folder, &record.run));
    }
}

fn mean_validation(epochs: &[EpochAccuracy]) -> f64 {
    epochs.iter().map(|epoch| epoch.validation[0]).sum::<f64>() / epochs.len() as f64
}

fn checkpoints_of(folder: &Path, run: &Run) -> PathBuf {
    folder.join("checkpoints").join(run.slug())
}

/// Where the boundaries at the end of an epoch are kept until the run's record is.
fn boundaries_of(folder: &Path, run: &Run) -> PathBuf {
    folder.join("boundaries").join(run.slug())
}

/// What a rank reads and trains.
pub(super) struct Loaded {
    /// Pictures whose statistics are those of a batch, where they are wanted.
    pixels: Option<Pixels>,
    pub(super) training: Loader,
    pub(super) validation: Loader,
    pub(super) network: Network<f32>,
}

pub(super) fn load(recipe: &Recipe<'_>, run: &Run, threads: usize, name: &str) -> Result<Loaded, Error> {
    let loading = Loading { batch_size: recipe.batch_size, order: Order::Shuffled, seed: run.seed, threads };
    let load = |half: &'static str, source: &Arc<_>, preparation, loading| {
        let (name, mut reported) = (name.to_owned(), 0);
        let report = move |skipped: &Skipped| {
            reported += 1;
            if reported <= MAX_REPORTED {
                say(&format!("{name}: a {half} image is left out: {}", skipped.problem));
            } else if reported == MAX_REPORTED + 1 {
                say(&format!("{name}: more {half} images are left out"));
            }
        };
        let loader = Loader::new(Arc::clone(source), preparation, loading)?;
        Ok::<_, Error>(loader.on_skipped(report))
    };
    let training = load("training", &recipe.set.training, recipe.augmented, loading)?;
    let in_order = Loading { order: Order::AsStored, ..loading };
    let validation = load("validation", &recipe.set.validation, recipe.plain, in_order)?;
    let over_batch = |of: Normalization| matches!(of, Normalization::Batch(_) | Normalization::BatchMean(_));
    let wants_pixels = recipe.watches && over_batch((run.method.normalization)());
    let pixels = wants_pixels.then(|| {
        let first = Loading { batch_size: BATCH_PICTURES, ..in_order };
        let mut loader = load("training", &recipe.set.training, recipe.plain, first)?;
        loader.start(0, 0);
        let batch = loader.next_batch()?;
        Ok::<_, Error>(Pixels {
            rows: batch.map_or_else(Vec::new, |batch| batch.images.to_vec()),
            columns: 3,
        })
    });
    let pixels = pixels.transpose()?.filter(|pixels| !pixels.rows.is_empty());
    Ok(Loaded { pixels, training, validation, network: recipe.network.build(run.seed)? })
}

pub(super) fn trainer(recipe: &Recipe<'_>, run: &Run) -> Trainer {
    Trainer {
        micro_batch: recipe.micro_batch,
        monitor: Monitor::Validation(METRICS[1]),
        metrics: METRICS.to_vec(),
        step_decay: recipe.step_decay.clone(),
        plateau: recipe.patience.map(|(slower, _)| ReduceOnPlateau::new(slower)),
        early_stopping: recipe.patience.map(|(_, stop)| EarlyStopping {
            patience: stop,
            min_delta: 0.0,
            restore: recipe.restore,
        }),
        seed: run.seed,
        ..Trainer::new(Loss::SoftmaxCrossEntropy, recipe.batch_size, run.epoch_limit, run.lr)
    }
}

pub(super) fn optimizer(recipe: &Recipe<'_>) -> Sgd<f32> {
    Sgd::new(MOMENTUM).with_weight_decay(recipe.weight_decay)
}

fn train(
    recipe: &Recipe<'_>,
    run: &Run,
    folder: &Path,
    loaded: &mut Loaded,
    exchange: &mut (dyn Exchange + Send),
    live: &mut Live,
) -> Result<End, Error> {
    let Loaded { pixels, training, validation, network } = loaded;
    let trainer = trainer(recipe, run);
    let mut sgd = optimizer(recipe);
    let identity = format!("{run:?}, numerics {NUMERICS}");
    let mut progress = TrainState::start(&trainer);
    let checkpoints = checkpoints_of(folder, run);
    let anew = |why: &dyn std::fmt::Display| {
        // Left there, it would be found before this run's own checkpoints at the next start.
        let mut aside = checkpoints.clone().into_os_string();
        aside.push("-set-aside");
        let _ = std::fs::remove_dir_all(&aside);
        let _ = std::fs::rename(&checkpoints, &aside);
        say(&format!(
            "WARNING: {why}: {} starts again from the beginning; its earlier files are in {}",
            live.name,
            aside.display()
        ));
    };
    // The other ranks begin with the state of the first.
    let is_first = exchange.rank() == 0;
    let mut movements = (is_first && recipe.watches)
        .then(|| Movements::of(&live.name, network, pixels.take(), Some(&boundaries_of(folder, run))));
    let newest = if is_first { Newest::in_folder(&checkpoints) } else { Ok(None) };
    match newest {
        Ok(None) => {}
        Ok(Some(newest)) => {
            for error in &newest.unreadable {
                say(&format!("WARNING: {error}: an older checkpoint is used"));
            }
            if newest.checkpoint.description != identity {
                anew(&format!("{} is of another version or recipe", newest.file.display()));
            } else {
                let untrained = network.clone();
                let restored =
                    newest.checkpoint.restore(network, &mut sgd).map_err(|error| error.to_string());
                let taken_up = restored.and_then(|left| {
                    let movements = movements.as_mut();
                    movements.map_or(Ok(()), |movements| movements.take_up(left.fit().epochs)).map(|()| left)
                });
                match taken_up {
                    Ok(left) => {
                        let (epoch, batches) = (left.fit().epochs + 1, left.batches());
                        say(&format!(
                            "{}: continues in epoch {epoch} after {batches} of its steps",
                            live.name
                        ));
                        progress = left;
                    }
                    Err(error) => {
                        anew(&error);
                        (*network, sgd) = (untrained, optimizer(recipe));
                    }
                }
            }
        }
        Err(error) => anew(&error),
    }
    live.take_up(&progress);
    let loud = |error: &gmp_train::CheckpointError| {
        say(&format!("WARNING: {error}: training continues without this checkpoint"))
    };
    let checkpoints = Checkpoints::new(&checkpoints, 2, Every::Epochs(1), loud).describe(identity);
    let checkpoints = checkpoints.and(Every::Steps(CHECKPOINT_EVERY));
    let loud =
        |error: &gmp_train::LogError| say(&format!("WARNING: {error}: training continues without this log"));
    let logs = folder.join("logs").join(run.slug());
    let logs = (Log::json_lines(logs.join("epochs.jsonl"), loud), Log::event_files(logs, loud));
    // A process that is killed between the two has a line too many, which is cut off when the run goes on.
    // Boundaries before the checkpoint that they belong to.
    let mut observers = (&mut *live, &mut movements, (logs, checkpoints));
    let across = trainer.across(exchange).same("run", format!("{run:?}, numerics {NUMERICS}"));
    let fit = across.fit_batches(
        progress,
        network,
        &mut sgd,
        training,
        Some(validation as &mut dyn Batches<f32>),
        &mut observers,
    )?;
    if !is_first {
        return Ok(fit.end);
    }
    // The network of the best epoch is back where patience ended the run and the recipe wants it back.
    let last = fit.epochs.saturating_sub(1);
    let is_restored = fit.end == End::EarlyStopping && recipe.restore != Restore::Never;
    live.best = Some(if is_restored { fit.best_epoch.unwrap_or(last) } else { last });
    live.measures = movements.and_then(|movements| movements.finish(&live.epochs));
    live.skipped = training.skipped().len() + validation.skipped().len();
    if live.skipped > 0 {
        say(&format!("{}: {} images were left out", live.name, live.skipped));
    }
    Ok(fit.end)
}

/// Tells the user how far a run is, keeps its accuracies, and ends it when the user stops the program.
struct Live {
    name: String,
    stop: Stop,
    pictures: usize,
    batch_size: usize,
    epoch_limit: usize,
    start: Instant,
    spoken: Instant,
    /// Pictures that an earlier call saw.
    earlier: usize,
    epochs: Vec<EpochAccuracy>,
    /// Pictures that could not be read.
    skipped: usize,
    /// The epoch whose network is kept.
    best: Option<usize>,
    /// What else was measured.
    measures: Option<Measures>,
}

/// Between two words on one run.
const PATIENCE: Duration = Duration::from_secs(10);

impl Live {
    fn new(recipe: &Recipe<'_>, run: &Run, stop: &Stop) -> Self {
        Self {
            name: format!(
                "{} {}, {}, lr {}, seed {}",
                run.experiment, run.dataset, run.method, run.lr, run.seed
            ),
            stop: Arc::clone(stop),
            pictures: recipe.set.training.len(),
            batch_size: recipe.batch_size,
            epoch_limit: run.epoch_limit,
            start: Instant::now(),
            spoken: Instant::now(),
            earlier: 0,
            epochs: Vec::new(),
            skipped: 0,
            best: None,
            measures: None,
        }
    }

    /// The epochs that an earlier call carried out.
    fn take_up(&mut self, progress: &TrainState<f32>) {
        self.epochs = progress.history().iter().map(accuracy).collect();
        self.earlier = self.seen(progress);
        self.start = Instant::now();
    }

    /// Pictures since the first step.
    fn seen(&self, progress: &TrainState<f32>) -> usize {
        progress.fit().epochs * self.pictures + progress.batches() * self.batch_size
    }

    /// Pictures a second, and the time that is left at that rate.
    fn pace(&self, done: usize) -> String {
        let rate = done.saturating_sub(self.earlier) as f64 / self.start.elapsed().as_secs_f64();
        let left = (self.pictures * self.epoch_limit).saturating_sub(done) as f64 / rate.max(1e-9);
        format!("{rate:.0} images/s · at most {} left", HumanDuration(Duration::from_secs_f64(left.min(1e9))))
    }
}

/// What is kept of an epoch, whose metrics are top-1 and, where there is a second one, top-5.
pub(crate) fn accuracy(record: &EpochRecord) -> EpochAccuracy {
    let both = |values: &[f64]| [0, 1].map(|k| values.get(k).copied().unwrap_or(0.0));
    EpochAccuracy {
        training: both(&record.training_metrics),
        validation: both(&record.validation_metrics),
        loss: record.training_loss,
        lr: record.learning_rate,
    }
}

impl Observer<f32> for Live {
    fn on_epoch(&mut self, epoch: &Epoch<'_, f32>) -> ControlFlow<()> {
        let accuracy = accuracy(epoch.record);
        self.epochs.push(accuracy);
        let percent = |[top1, top5]: [f64; 2]| format!("{:.1}%/{:.1}%", 100.0 * top1, 100.0 * top5);
        let (training, validation) = (percent(accuracy.training), percent(accuracy.validation));
        let (name, done) = (&self.name, epoch.record.epoch + 1);
        say(&format!(
            "{name}: epoch {done} of {}: loss {:.3}, top 1/5 in training {training}, validation {validation} · {}",
            self.epoch_limit,
            accuracy.loss,
            self.pace(done * self.pictures)
        ));
        self.spoken = Instant::now();
        ControlFlow::Continue(())
    }

    fn on_step(&mut self, _: &Step, state: &State<'_, f32>) -> ControlFlow<()> {
        let batches = state.progress.batches();
        if self.spoken.elapsed() >= PATIENCE && batches > 0 {
            self.spoken = Instant::now();
            let pace = self.pace(self.seen(state.progress));
            let (name, epoch, seen) =
                (&self.name, state.progress.fit().epochs + 1, batches * self.batch_size);
            status(&format!("{name}: epoch {epoch}, {seen} of {} images · {pace}", self.pictures));
        }
        ControlFlow::Continue(())
    }

    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.stop))
    }
}

#[cfg(test)]
pub(super) mod tests;
