//! What the three small experiments share: splitting, standardizing, training and scoring one run.

use super::frames::Frames;
use crate::problem::{Setup, Watched, hold_out_fold};
use crate::run::execute::Finished;
use crate::run::measures::{BATCH_ROWS, Convergence, Measures, Stability, ranges, reductions};
use crate::run::stop::Stop;
use crate::run::trace::{Movement, Numbers, Trace};
use crate::run::{Origin, Protocol, Record, Run};
use crate::setting::Optimizing;
use crate::setting::kernel::KernelChange;
use crate::setting::layers::{GradientNorms, Movements};
use gmp_autograd::Tape;
use gmp_nn::Network;
use gmp_train::{
    BoundaryChanges, BoundarySnapshots, Dataset, EarlyStopping, End, Epoch, Error, Metric, Monitor, Observer,
    Optimizer, ReduceOnPlateau, Restore, Standardizer, Trainer,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// The data of one run, before its protocol takes a part of the training samples away.
pub struct Problem {
    /// Training samples.
    pub train: Dataset<f64>,
    /// Test samples.
    pub test: Dataset<f64>,
    /// Where the trained function is drawn: inputs, row-major, as the network sees them. Empty for nowhere.
    pub grid: Vec<f64>,
    /// What is kept of the activation boundaries.
    pub watch: Watching,
    /// Whether the frames of the run for the figure are kept, too.
    pub picture: bool,
}

/// What is kept of the activation boundaries of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watching {
    /// Nothing.
    Nothing,
    /// How far they moved, in a few numbers.
    Measures,
    /// That, and curves over the epochs.
    Curves,
}

/// Trains one network and scores it; `None` where it was stopped.
pub fn carry_out(setup: &Setup, problem: Problem, run: &Run, stop: &Stop) -> Finished {
    carry_out_between(|_| (), setup, problem, run, stop, |_| ())
}

/// As [`carry_out`], with the network handed to `before` as it was initialized and to `after` as it was trained.
pub fn carry_out_between(
    before: impl FnOnce(&mut Network<f64>),
    setup: &Setup,
    problem: Problem,
    run: &Run,
    stop: &Stop,
    after: impl FnOnce(&Network<f64>),
) -> Finished {
    carry_out_stepping(
        |network, optimizer| {
            before(network);
            optimizer
        },
        setup,
        problem,
        run,
        stop,
        after,
    )
}

/// As [`carry_out_between`], where `before` may also put another optimizer around that of the run.
pub fn carry_out_stepping(
    before: impl FnOnce(&mut Network<f64>, Box<dyn Optimizer<f64>>) -> Box<dyn Optimizer<f64>>,
    setup: &Setup,
    problem: Problem,
    run: &Run,
    stop: &Stop,
    after: impl FnOnce(&Network<f64>),
) -> Finished {
    let start = Instant::now();
    match train(before, setup, problem, run, stop, after) {
        Ok(None) => Ok(None),
        Ok(Some((mut record, trace))) => {
            record.seconds = start.elapsed().as_secs_f64();
            Ok(Some((record, trace)))
        }
        // A run that breaks down is a result too.
        Err(error @ Error::Diverged { epoch: epochs, .. }) => {
            let (metric, seconds) = (metric_name(setup.metric), start.elapsed().as_secs_f64());
            Ok(Some((Record::diverged(run, metric, epochs, error.to_string(), seconds), None)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The key of a metric in records.
#[must_use]
pub fn metric_name(metric: Metric) -> String {
    let name = match metric {
        Metric::BinaryAccuracy => "accuracy",
        Metric::TopK(best) => return format!("top-{best}"),
        Metric::RootMeanSquaredError => "rmse",
        Metric::MeanSquaredError => "mse",
        Metric::MeanAbsoluteError => "mae",
        Metric::Loss(loss) => return loss.to_string(),
    };
    name.to_owned()
}

fn train(
    before: impl FnOnce(&mut Network<f64>, Box<dyn Optimizer<f64>>) -> Box<dyn Optimizer<f64>>,
    setup: &Setup,
    problem: Problem,
    run: &Run,
    stop: &Stop,
    after: impl FnOnce(&Network<f64>),
) -> Result<Option<(Record, Option<Trace>)>, Error> {
    let Problem { train, mut test, grid, watch, picture } = problem;
    let (mut train, mut validation) = match run.protocol {
        Protocol::Paper => (train, None),
        Protocol::HeldOut | Protocol::Fold(_) => {
            let fold = if let Protocol::Fold(fold) = run.protocol { usize::from(fold) } else { 0 };
            let (rest, held_out) = hold_out_fold(train.samples(), run.seed, fold)?;
            (train.subset(&rest)?, Some(train.subset(&held_out)?))
        }
    };
    if setup.standardize {
        let standardizer = Standardizer::fit(&train);
        standardizer.apply(&mut train);
        standardizer.apply(&mut test);
        validation.iter_mut().for_each(|data| standardizer.apply(data));
    }
    let (setting, setup) = (&run.setting, &run.setting.setup(setup));
    let spec = setting.network(run.method, train.input_cols(), setup.units);
    let mut network: Network<f64> = spec.build(run.seed)?;
    if let Some(start) = setting.start {
        start.apply(&mut network, &train, run.seed);
    }
    let optimizer = setting.optimizer.unwrap_or(Optimizing::Adam).optimizer();
    let optimizer = run.method.optimizer(&network, optimizer);
    let optimizer = before(&mut network, optimizer);
    let (decide, restore) = match (run.protocol, &validation) {
        (Protocol::HeldOut | Protocol::Fold(_), _) => (validation.as_ref(), Restore::Always),
        (Protocol::Paper, _) => {
            ((setup.watched == Watched::TestSet).then_some(&test), Restore::WhenStoppedEarly)
        }
    };
    let trainer = Trainer {
        monitor: decide.map_or(Monitor::TrainingLoss, |_| Monitor::Validation(setup.monitor)),
        plateau: Some(ReduceOnPlateau::new(setup.patience.0)),
        early_stopping: Some(EarlyStopping { patience: setup.patience.1, min_delta: 0.0, restore }),
        seed: run.seed,
        ..Trainer::new(setup.loss, setup.batch_size, run.epoch_limit, run.lr)
    };
    let is_normalized = !setting.normalization(run.method).is_none();
    let initial = predict(&network, &grid, train.input_cols());
    let observer = Watch {
        stop: Arc::clone(stop),
        losses: Vec::new(),
        rates: Vec::new(),
        running: Boundaries::watched(&network, watch, picture, None),
        batch: is_normalized
            .then(|| Boundaries::watched(&network, watch, picture, Some(first_rows(&train))))
            .flatten(),
        frames: picture.then(|| Frames::of(&network, is_normalized.then(|| first_rows(&train)))),
    };
    let mut optimizer = GradientNorms::of(&network, optimizer);
    let kernel = setting.measures_kernel(run.method).then(|| KernelChange::of(&network, &train));
    let mut observer = (observer, setting.depth.map(|_| Movements::of(&network)), kernel);
    let fit = trainer.fit(&mut network, &mut optimizer, &train, decide, &mut observer)?;
    let end = match fit.end {
        End::Observer => return Ok(None),
        End::Epochs => "epochs",
        End::EarlyStopping => "early stopping",
    };
    after(&network);
    let (Watch { losses, rates, running, batch, frames, .. }, movements, kernel) = observer;
    let layers = movements.map(|of| of.finish(&network, &train, &optimizer)).unwrap_or_default();
    let ranges = ranges(train.inputs(), train.input_cols());
    let stability = |of: &Boundaries| Stability::of(&of.changes, &ranges);
    let measures = Measures {
        running: running.as_ref().map(stability),
        batch: batch.as_ref().map(stability),
        convergence: Convergence::of(&losses),
        reductions: reductions(&rates),
        layers,
        kernel: kernel.map(|kernel| kernel.finish(&network)),
    };
    let movement = running.as_ref().map(|of| Movement::of(&of.changes, setup.units, &losses));
    let trace = running.filter(|_| watch == Watching::Curves).map(|running| {
        let mut trace = Trace::of(&running.changes, &losses);
        if let Some(batch) = batch {
            trace.in_batch(&batch.changes);
            trace.batch_snapshots = batch.snapshots.map(rounded).unwrap_or_default();
        }
        if let Some(snapshots) = running.snapshots {
            trace.snapshots = rounded(snapshots);
            trace.initial = Numbers::of(&initial);
            trace.trained = Numbers::of(&predict(&network, &grid, train.input_cols()));
            trace.frames = frames.map(|frames| frames.finish(fit.epochs, &network)).unwrap_or_default();
        }
        trace
    });
    let record = Record {
        run: run.clone(),
        metric: metric_name(setup.metric),
        value: Some(setup.metric.evaluate(&network, &test)),
        validation: validation.map(|data| setup.metric.evaluate(&network, &data)),
        epochs: fit.epochs,
        end: end.to_owned(),
        seconds: 0.0,
        movement,
        measures: Some(Box::new(measures)),
        accuracy: None,
        origin: Origin::here(),
        curves: None,
    };
    Ok(Some((record, trace)))
}

/// Snapshots of a picture: between this number and twice as many.
const SNAPSHOTS: usize = 160;

fn predict(network: &Network<f64>, points: &[f64], inputs: usize) -> Vec<f64> {
    let mut tape = Tape::new();
    tape.begin(network.parameters.values());
    let x = tape.input(points, points.len() / inputs, inputs);
    let y = network.forward(&mut tape, x);
    tape.value(y).data().to_vec()
}

/// Keeps the losses, watches the boundaries where asked to, and ends the run when the user stops the program.
struct Watch {
    stop: Stop,
    losses: Vec<f64>,
    rates: Vec<f64>,
    /// The boundaries in evaluation.
    running: Option<Boundaries>,
    /// Those in training, where they are others.
    batch: Option<Boundaries>,
    /// The network at a few moments, where its picture is kept.
    frames: Option<Frames>,
}

/// The hidden units' boundaries while they are watched.
struct Boundaries {
    changes: BoundaryChanges<f64>,
    snapshots: Option<BoundarySnapshots<f64>>,
}

impl Boundaries {
    /// With the statistics of a batch, row by row with this many columns, or the running ones.
    fn watched(
        network: &Network<f64>,
        watch: Watching,
        picture: bool,
        batch: Option<(&[f64], usize)>,
    ) -> Option<Self> {
        const LAYER: &str = "hidden1";
        (watch != Watching::Nothing).then(|| match batch {
            None => Self {
                changes: BoundaryChanges::new(network, LAYER),
                snapshots: picture.then(|| BoundarySnapshots::new(network, LAYER, SNAPSHOTS)),
            },
            Some((inputs, columns)) => Self {
                changes: BoundaryChanges::in_batch(network, LAYER, inputs.to_vec(), columns),
                snapshots: picture.then(|| {
                    BoundarySnapshots::in_batch(network, LAYER, inputs.to_vec(), columns, SNAPSHOTS)
                }),
            },
        })
    }

    fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
        self.changes.on_epoch(epoch)?;
        self.snapshots.on_epoch(epoch)
    }
}

/// The training samples whose statistics stand for those of a batch.
fn first_rows(train: &Dataset<f64>) -> (&[f64], usize) {
    let (inputs, columns) = (train.inputs(), train.input_cols());
    (&inputs[..inputs.len().min(BATCH_ROWS * columns)], columns)
}

/// Snapshots as a picture needs them.
fn rounded(snapshots: BoundarySnapshots<f64>) -> Vec<(usize, Numbers)> {
    snapshots.finish().into_iter().map(|(epoch, phi)| (epoch, Numbers::of(&phi))).collect()
}

impl Observer<f64> for Watch {
    fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
        self.losses.push(epoch.record.training_loss);
        self.rates.push(epoch.record.learning_rate);
        for boundaries in [&mut self.running, &mut self.batch].into_iter().flatten() {
            boundaries.on_epoch(epoch)?;
        }
        if let Some(frames) = &mut self.frames {
            frames.on_epoch(epoch.record.epoch + 1, epoch.model);
        }
        ControlFlow::Continue(())
    }

    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.stop))
    }
}
