//! VGG-6 of small width on images, as a problem of an inquiry.
//!
//! Every seed draws its images: a training set, of which a fifth is held out, and a test set. That fifth decides when
//! the rate falls and when training stops, and the test images are used once, as on the other problems. A run takes seconds and
//! keeps no checkpoints: one that is stopped starts again from the beginning.
//!
//! All parameterizations have input mean normalization, as GmP+IMN has in the paper, unless the run has another one; it leaves the
//! direction of a filter to its own parameters, and without a normalization, so narrow a network stays at chance level in so few epochs. For the same reason the
//! optimizer is Adam, as on the other problems, in place of the paper's gradient descent with momentum.

use crate::experiment::images::movements::Movements;
use crate::experiment::images::size::{Size, Trained, held};
use crate::experiment::images::training::accuracy;
use crate::experiment::images::{Options, Width};
use crate::experiment::training::metric_name;
use crate::experiment::{Context, Profile};
use crate::method::{self, MethodId};
use crate::problem::images::{self, CIFAR10, GENERATED, Set, draw, only};
use crate::problem::{Setup, Watched, hold_out};
use crate::run::execute::Finished;
use crate::run::results::SetId;
use crate::run::stop::Stop;
use crate::run::trace::EpochAccuracy;
use crate::run::{Origin, Record, Run};
use crate::setting::Setting;
use crate::setting::intervention::Around;
use anyhow::{Context as _, Result};
use gmp_nn::{Network, NetworkSpec, Rng};
use gmp_train::image::{ImageSource, Loader, Loading, Order, Preparation};
use gmp_train::{
    Adam, EarlyStopping, End, Epoch, Error, Loss, Metric, Monitor, Observer, ReduceOnPlateau, Restore,
    TrainState, Trainer, evaluate,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Of every network: the first two convolutions have this many filters, the next ones twice and four times as many.
pub const SETUP: Setup = Setup {
    units: WIDTH.of(128),
    loss: Loss::SoftmaxCrossEntropy,
    metric: Metric::TopK(1),
    // Of the few images that are held out, the loss says more than how many are classified correctly.
    monitor: Metric::Loss(Loss::SoftmaxCrossEntropy),
    watched: Watched::TestSet,
    batch_size: 16,
    patience: (5, 10),
    standardize: false,
};
/// A sixteenth of the paper's filters.
const WIDTH: Width = Width::over(16);
/// Training images of a run, including those held out, and epochs: in the quick and in the full profile.
const SIZES: [(usize, usize); 2] = [(800, 5), (4000, 30)];
/// The learning rate at which interventions are compared.
pub const LIMITED_AT: f64 = 0.003;
/// The names by which a user chooses the images.
pub const NAMES: [&str; 2] = [CIFAR10, GENERATED];

/// A cross-entropy of ten classes, 5% below that of random guessing, on the ladder of
/// [`Convergence`](crate::run::measures::Convergence).
#[must_use]
pub fn learned() -> f64 {
    (9.0_f64 / 8.0).exp2()
}

/// Images that seeds draw from, and the network that is trained on them.
pub struct Pictures {
    set: Set,
    name: String,
    fingerprint: String,
    width: Width,
    /// Training and test images of a run.
    samples: [usize; 2],
    /// The maximum number of epochs.
    epochs: usize,
    /// Multiplications and additions of a pass of one image.
    multiply_adds: u64,
}

impl Pictures {
    /// The sets that the user named; without a name CIFAR-10, or generated images where it is not in the data folder.
    ///
    /// # Errors
    /// Images that were named and cannot be read, too few of them, and an output folder that cannot be written to.
    pub fn load(context: &Context) -> Result<Vec<Self>> {
        let is_known = |name: &&String| NAMES.contains(&name.as_str());
        let named: Vec<String> = context.datasets.iter().filter(is_known).cloned().collect();
        let mut all = Vec::new();
        for set in images::small(&context.data_dir, &named, false)? {
            let one = Self::of(set, context)?;
            if all.iter().all(|other: &Self| other.name != one.name) {
                all.push(one);
            }
        }
        Ok(all)
    }

    fn of(set: Set, context: &Context) -> Result<Self> {
        let Options { width, pictures, epochs, .. } = &context.pictures;
        let usual = SIZES[usize::from(context.profile == Profile::Full)];
        let width = width.unwrap_or(WIDTH);
        let train = pictures.unwrap_or(usual.0).min(set.training.len());
        let test = train.div_ceil(4).min(set.validation.len());
        hold_out(train, 0).with_context(|| format!("--pictures {train}"))?;
        let name = format!("{} ({train}), VGG-6 {width}", set.name);
        let network = network(&Setting::default(), method::SP, width, &set).build::<f32>(0)?;
        let multiply_adds = network.summary().multiply_adds().unwrap_or(0);
        Ok(Self {
            fingerprint: set.fingerprint(&context.out, context.threads)?,
            name,
            width,
            samples: [train, test],
            epochs: epochs.unwrap_or(usual.1),
            multiply_adds,
            set,
        })
    }

    /// The set in records.
    #[must_use]
    pub fn id(&self) -> SetId<'_> {
        SetId { name: &self.name, fingerprint: &self.fingerprint }
    }

    /// Whether these are generated images.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        self.set.is_generated()
    }

    /// Training images of a run, including those held out, and its test images.
    #[must_use]
    pub fn samples(&self) -> [usize; 2] {
        self.samples
    }

    /// The maximum number of epochs.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// Multiplications and additions of an epoch, forwards.
    #[must_use]
    pub fn products(&self) -> f64 {
        (self.samples[0] as u64 * self.multiply_adds) as f64
    }

    /// What a run takes.
    #[must_use]
    pub fn size(&self, run: &Run) -> Option<Size> {
        let network = Trained::of(&network(&run.setting, run.method, self.width, &self.set))?;
        let (training, _) = hold_out(self.samples[0], run.seed).ok()?;
        let batch_size = run.setting.setup(&SETUP).batch_size;
        Some(Size::of(network, training.len(), run.epoch_limit, batch_size, None, held(&self.set)))
    }

    /// How networks are trained on it, in one sentence.
    #[must_use]
    pub fn described(&self) -> String {
        let (filters, [train, test]) = (self.width.filters(), self.samples);
        format!(
            "On {}, VGG-6 has {filters}, {} and {} filters in its pairs of layers, with input mean normalization (IMN) after each of them unless \
             stated otherwise, whatever the parameterization, and is trained by Adam in batches of {} with random flips; every seed draws {train} training images, of which a \
             fifth is held out, and {test} test images. The learning rate falls after {} epochs without a smaller loss on the held-out images, and \
             training stops after {}.",
            self.set.name,
            2 * filters,
            4 * filters,
            SETUP.batch_size,
            SETUP.patience.0,
            SETUP.patience.1
        )
    }

    /// The training, held-out and test images of a seed.
    fn drawn(&self, seed: u64) -> Result<[Arc<dyn ImageSource>; 3], Error> {
        let Set { training, validation, .. } = &self.set;
        let [train, test] = self.samples;
        let mut rng = Rng::new(seed, "pictures of a seed");
        let (from, test) = (draw(training.len(), train, &mut rng), draw(validation.len(), test, &mut rng));
        let (rest, held_out) = hold_out(from.len(), seed)?;
        let of = |places: Vec<usize>| {
            only(Arc::clone(training), places.into_iter().map(|place| from[place]).collect())
        };
        Ok([of(rest), of(held_out), only(Arc::clone(validation), test)])
    }

    /// Trains one network on one thread and scores it; `None` where it was stopped.
    ///
    /// # Errors
    /// Images that cannot be read, and a system that has no thread left.
    pub fn train(&self, run: &Run, around: Around<'_>, stop: &Stop) -> Finished {
        let start = Instant::now();
        // Runs take the cores side by side.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().context("cannot start a thread")?;
        let record = pool.install(|| self.trained(run, around, stop));
        let seconds = start.elapsed().as_secs_f64();
        match record {
            Ok(record) => Ok(record.map(|record| (Record { seconds, ..record }, None))),
            Err(error @ Error::Diverged { epoch, .. }) => {
                let metric = metric_name(SETUP.metric);
                Ok(Some((Record::diverged(run, metric, epoch, error.to_string(), seconds), None)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn trained(&self, run: &Run, around: Around<'_>, stop: &Stop) -> Result<Option<Record>, Error> {
        let carried_out = Setting {
            batch_size: None,
            intervention: None,
            normalization: None,
            after_activation: false,
            fan_out: None,
            ..run.setting
        };
        assert!(carried_out.is_none(), "VGG-6 knows nothing of this setting: {carried_out}");
        let setup = run.setting.setup(&SETUP);
        let [training, held_out, test] = self.drawn(run.seed)?;
        let loading =
            Loading { batch_size: setup.batch_size, order: Order::Shuffled, seed: run.seed, threads: 1 };
        let mut training = Loader::new(training, Preparation::small(true), loading)?;
        let as_stored = |source| {
            let loading = Loading { order: Order::AsStored, ..loading };
            Loader::new(source, Preparation::small(false), loading)
        };
        let (mut held_out, mut test) = (as_stored(held_out)?, as_stored(test)?);
        let mut network: Network<f32> =
            network(&run.setting, run.method, self.width, &self.set).build(run.seed)?;
        let optimizer = run.method.optimizer(&network, Box::new(Adam::default()));
        let mut optimizer = around.optimizer(&network, optimizer);
        let trainer = Trainer {
            monitor: Monitor::Validation(setup.monitor),
            metrics: vec![setup.metric],
            plateau: Some(ReduceOnPlateau::new(setup.patience.0)),
            early_stopping: Some(EarlyStopping {
                patience: setup.patience.1,
                min_delta: 0.0,
                restore: Restore::Always,
            }),
            seed: run.seed,
            ..Trainer::new(setup.loss, setup.batch_size, run.epoch_limit, run.lr)
        };
        let watch = Watch { stop: Arc::clone(stop), epochs: Vec::new() };
        let mut observers = (watch, Movements::of(&self.name, &network, None, None));
        let fit = trainer.fit_batches(
            TrainState::start(&trainer),
            &mut network,
            &mut optimizer,
            &mut training,
            Some(&mut held_out),
            &mut observers,
        )?;
        let end = match fit.end {
            End::Observer => return Ok(None),
            End::Epochs => "epochs",
            End::EarlyStopping => "early stopping",
        };
        let (Watch { epochs, .. }, movements) = observers;
        let score =
            |pictures: &mut Loader| Ok::<f64, Error>(evaluate(&network, pictures, &[setup.metric])?[0]);
        Ok(Some(Record {
            run: run.clone(),
            metric: metric_name(setup.metric),
            value: Some(score(&mut test)?),
            validation: Some(score(&mut held_out)?),
            epochs: fit.epochs,
            end: end.to_owned(),
            seconds: 0.0,
            movement: None,
            measures: movements.finish(&epochs).map(Box::new),
            accuracy: None,
            origin: Origin::here(),
            curves: None,
        }))
    }
}

fn network(setting: &Setting, method: MethodId, width: Width, set: &Set) -> NetworkSpec {
    setting.vgg6(method, width.filters(), set.training.classes())
}

/// Keeps what is known of every epoch, and ends the run when the user stops the program.
struct Watch {
    stop: Stop,
    epochs: Vec<EpochAccuracy>,
}

impl Observer<f32> for Watch {
    fn on_epoch(&mut self, epoch: &Epoch<'_, f32>) -> ControlFlow<()> {
        self.epochs.push(accuracy(epoch.record));
        ControlFlow::Continue(())
    }

    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.stop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Protocol;
    use crate::setting::Intervention;
    use crate::setting::intervention::Levels;
    use std::collections::HashSet;
    use std::sync::atomic::Ordering;

    fn pictures(out: &std::path::Path) -> Pictures {
        let context = Context {
            data_dir: out.join("data"),
            out: out.to_owned(),
            pictures: Options {
                width: "1/64".parse().ok(),
                pictures: Some(40),
                epochs: Some(2),
                ..Options::default()
            },
            ..Context::default()
        };
        let mut all = Pictures::load(&context).unwrap();
        assert!(all.len() == 1 && all[0].is_generated() && all[0].samples() == [40, 10]);
        all.remove(0)
    }

    fn run(pictures: &Pictures, method: MethodId, intervention: Option<Intervention>) -> Run {
        Run {
            experiment: "test".to_owned(),
            dataset: pictures.name.clone(),
            method,
            lr: 0.01,
            protocol: Protocol::HeldOut,
            seed: 3,
            epoch_limit: pictures.epochs(),
            data: pictures.fingerprint.clone(),
            setting: Setting { batch_size: Some(8), intervention, ..Setting::default() },
        }
    }

    fn trained(pictures: &Pictures, run: &Run, around: Around<'_>) -> Record {
        let (record, trace) = pictures.train(run, around, &Stop::default()).unwrap().unwrap();
        assert!(trace.is_none());
        Record { seconds: 0.0, ..record }
    }

    #[test]
    fn every_seed_draws_its_pictures_and_none_is_drawn_twice() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = pictures(folder.path());
        let drawn = |seed| -> Vec<Vec<String>> {
            let sources = pictures.drawn(seed).unwrap();
            sources.iter().map(|source| (0..source.len()).map(|k| source.name(k)).collect()).collect()
        };
        let first = drawn(1);
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [32, 8, 10]);
        assert_eq!(first.iter().flatten().collect::<HashSet<_>>().len(), 50);
        assert_eq!(drawn(1), first);
        assert!((0..3).all(|part| drawn(2)[part] != first[part]));
    }

    #[test]
    fn a_run_is_scored_and_measured_and_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = pictures(folder.path());
        for method in [method::SP, method::WN, method::GMP] {
            let run = run(&pictures, method, None);
            let record = trained(&pictures, &run, Around::Nothing);
            for value in [record.value, record.validation] {
                assert!(value.is_some_and(|share| (0.0..=1.0).contains(&share)), "{record:?}");
            }
            let measures = record.measures.as_ref().unwrap();
            let turn = measures.in_training().unwrap().direction.before_reduction.mean.mean_of_log;
            assert!(turn > -19.9 && turn < 2.0 && !measures.convergence.epochs.is_empty(), "{turn}");
            assert_eq!((record.epochs, &record.end[..]), (2, "epochs"));
            assert_eq!(trained(&pictures, &run, Around::Nothing), record);
            // A limit that is never reached changes no bit of it.
            let levels = Levels::default();
            assert_eq!(trained(&pictures, &run, Around::Written(&levels)), record);
            let nothing = Levels::default();
            let around = Around::Changed(Intervention::LimitedToMean, &nothing, 3);
            assert_eq!(trained(&pictures, &run, around), record);
            assert_eq!(
                (levels.all().len(), levels.all()[0].len()),
                (8, 6),
                "four steps in each epoch, six layers"
            );
        }
        // Nothing but the fingerprints is kept on the way.
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
        assert!(files.into_iter().all(|file| file == "fingerprints.json"));
    }

    /// In an epoch of four steps no filter turns further than four turns of the method, by the learning rate each.
    #[test]
    fn rivals_are_trained_by_their_own_steps() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = pictures(folder.path());
        for method in [method::GEODESIC, method::PROJECTED, method::FIXED_NORM, method::NATURAL] {
            let run = run(&pictures, method, None);
            let record = trained(&pictures, &run, Around::Nothing);
            assert!(record.value.is_some(), "{record:?}");
            let turn = record.measures.as_ref().unwrap().in_training().unwrap().direction.before_reduction;
            let (mean, largest) = (turn.mean.mean_of_log.exp2(), turn.max.mean_of_log.exp2());
            assert!(mean > 1e-3 && mean <= largest, "{method}: {mean} {largest}");
            if [method::GEODESIC, method::FIXED_NORM].contains(&method) {
                assert!(largest <= 4.0 * 1.5 * run.lr, "{method}: {largest}");
            }
            assert_eq!(trained(&pictures, &run, Around::Nothing), record);
        }
    }

    #[test]
    fn a_run_that_is_stopped_has_no_record_and_one_that_diverges_has() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = pictures(folder.path());
        let stop = Stop::default();
        stop.store(true, Ordering::Relaxed);
        let run = run(&pictures, method::SP, None);
        assert!(pictures.train(&run, Around::Nothing, &stop).unwrap().is_none());
        let diverged = trained(&pictures, &Run { lr: 1e30, ..run }, Around::Nothing);
        assert!(diverged.value.is_none() && diverged.measures.is_none(), "{diverged:?}");
    }
}
