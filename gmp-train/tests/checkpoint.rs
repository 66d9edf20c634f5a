//! A run that was interrupted, saved, loaded and continued is the run that was not, to the last bit.

use crate::forms::{self, DENSE};
use gmp_nn::{
    Activation, Dense, DirectionInit, Element, LayerSpec, Mlp, Network, NetworkSpec, Normalization,
    Parameterization, Rng,
};
use gmp_train::checkpoint::{Newest, Problem};
use gmp_train::{
    Adam, Checkpoint, Checkpoints, Clip, Dataset, EarlyStopping, End, EpochRecord, Every, Fit, Loss, Metric,
    Monitor, Observer, Optimizer, OptimizerState, ReduceOnPlateau, Restore, Sgd, State, Step, StepDecay,
    Trainer,
};
use std::ops::ControlFlow;
use std::sync::Mutex;

fn plane<T: Element>(samples: usize, seed: u64) -> Dataset<T> {
    let mut rng = Rng::new(seed, "plane");
    let x: Vec<f64> = (0..2 * samples).map(|_| rng.normal()).collect();
    let y = x.chunks(2).map(|x| T::from_f64(x[0] * x[1])).collect();
    Dataset::new(x.into_iter().map(T::from_f64).collect(), 2, y, 1).unwrap()
}

/// All rules on; 5 batches an epoch, the last of them smaller, each in two parts.
fn trainer(epochs: usize) -> Trainer {
    Trainer {
        monitor: Monitor::Validation(Metric::MeanAbsoluteError),
        step_decay: Some(StepDecay { factor: 0.5, epochs: vec![2] }),
        plateau: Some(ReduceOnPlateau { factor: 0.5, patience: 1, min_delta: 1e-2 }),
        early_stopping: Some(EarlyStopping { patience: 50, min_delta: 0.0, restore: Restore::Always }),
        clip: Some(Clip::Norm(0.1)),
        micro_batch: Some(5),
        seed: 5,
        ..Trainer::new(Loss::MeanSquaredError, 8, epochs, 0.02)
    }
}

fn mlp(form: &str) -> Mlp {
    forms::mlp(2, &[6, 5], 1, form)
}

fn build<T: Element>(form: &str) -> Network<T> {
    mlp(form).build(3).unwrap()
}

/// All parameterizations, normalizations and branches in one.
fn residual() -> NetworkSpec {
    use Parameterization::{Geometric, Standard, WeightNorm};
    let linear =
        |units, parameterization| Dense::new(units, parameterization).activation(Activation::Identity);
    let main = vec![
        Dense::new(6, Geometric).into(),
        LayerSpec::normalization(Normalization::batch_mean()),
        linear(5, Standard).normalization(Normalization::batch()).into(),
    ];
    let norm =
        LayerSpec::Normalization { normalization: Normalization::layer(), activation: Activation::Relu };
    NetworkSpec::vector(2)
        .dense("stem", 4, Geometric)
        .residual("block", main, vec![linear(5, WeightNorm).into()])
        .layer("norm", norm)
        .output(1)
}

fn optimizer<T: Element>(adam: bool) -> Box<dyn Optimizer<T>> {
    if adam { Box::new(Adam::new(0.8, 0.99, 1e-6)) } else { Box::new(Sgd::new(0.9).with_weight_decay(0.01)) }
}

/// Keeps the state after `step` steps and ends the run there.
struct Cut<T> {
    step: usize,
    bytes: Vec<u8>,
    history: Vec<EpochRecord>,
    last: Option<Checkpoint<T>>,
}
impl<T> Cut<T> {
    fn at(step: usize) -> Self {
        Self { step, bytes: Vec::new(), history: Vec::new(), last: None }
    }
}
impl<T: Element> Observer<T> for Cut<T> {
    fn on_step(&mut self, _: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        if state.progress.fit().steps < self.step {
            return ControlFlow::Continue(());
        }
        self.bytes = Checkpoint::new(state, "cut").to_bytes().unwrap();
        ControlFlow::Break(())
    }
    fn on_end(&mut self, state: &State<'_, T>) {
        self.history = state.progress.history().to_vec();
        self.last = Some(Checkpoint::new(state, ""));
    }
}

/// All that is left of a run.
type Left<T> = (Vec<T>, Vec<T>, OptimizerState<T>, Fit, Vec<EpochRecord>, Checkpoint<T>);

fn left<T: Element>(network: Network<T>, optimizer: &dyn Optimizer<T>, fit: Fit, cut: Cut<T>) -> Left<T> {
    let (parameters, buffers) = (network.parameters.values().to_vec(), network.buffers.values().to_vec());
    (parameters, buffers, optimizer.state(), fit, cut.history, cut.last.unwrap())
}

fn whole<T: Element>(spec: &NetworkSpec, adam: bool, epochs: usize) -> Left<T> {
    let (mut network, mut optimizer, mut end) =
        (spec.build(3).unwrap(), optimizer(adam), Cut::at(usize::MAX));
    let (data, validation) = (plane(36, 1), plane(10, 2));
    let fit = trainer(epochs).fit(&mut network, &mut *optimizer, &data, Some(&validation), &mut end).unwrap();
    left(network, &*optimizer, fit, end)
}

/// Trains `step` steps, and the rest from the bytes of a checkpoint with an optimizer of other settings.
fn resumed<T: Element>(spec: &NetworkSpec, adam: bool, epochs: usize, step: usize) -> Left<T> {
    let (data, validation) = (plane(36, 1), plane(10, 2));
    let (mut network, mut cut) = (spec.build(3).unwrap(), Cut::at(step));
    trainer(epochs).fit(&mut network, &mut *optimizer(adam), &data, Some(&validation), &mut cut).unwrap();
    let checkpoint = Checkpoint::<T>::from_bytes(&cut.bytes).unwrap();
    assert_eq!((&checkpoint.description[..], &checkpoint.trainer), ("cut", &trainer(epochs)));
    assert_eq!(checkpoint.progress.batches(), step % 5);
    let mut network = spec.build(99).unwrap();
    let mut optimizer: Box<dyn Optimizer<T>> =
        if adam { Box::new(Adam::default()) } else { Box::new(Sgd::new(0.0)) };
    let trainer = checkpoint.trainer.clone();
    let progress = checkpoint.restore(&mut network, &mut *optimizer).unwrap();
    let mut end = Cut::at(usize::MAX);
    let fit = trainer
        .fit_from(progress, &mut network, &mut *optimizer, &data, Some(&validation), &mut end)
        .unwrap();
    left(network, &*optimizer, fit, end)
}

fn resumes_at_every_step<T: Element>() {
    let half_sphere = Mlp { directions: DirectionInit::HalfSphere, ..mlp("GmP") };
    let mut networks = DENSE.map(|form| (form, mlp(form).spec())).to_vec();
    networks.extend([("half sphere", half_sphere.spec()), ("residual", residual())]);
    for (name, spec) in networks {
        for adam in [true, false] {
            let whole = whole::<T>(&spec, adam, 6);
            assert_eq!((whole.3.steps, whole.4.len()), (30, 6));
            let rate = |epoch: usize| whole.4[epoch].learning_rate;
            assert!(rate(2) <= 0.5 * rate(1), "{name}: the step decay is not exercised");
            assert!(rate(5) < 0.5 * rate(0), "{name}: the plateau rule is not exercised");
            for step in 1..=30 {
                let resumed = resumed::<T>(&spec, adam, 6, step);
                assert_eq!(resumed, whole, "{name} {} adam: {adam}, cut at step {step}", T::NAME);
            }
        }
    }
}

#[test]
fn resuming_is_exact_after_every_step_in_single_precision() {
    resumes_at_every_step::<f32>();
}

#[test]
fn resuming_is_exact_after_every_step_in_double_precision() {
    resumes_at_every_step::<f64>();
}

/// Layers large enough that their products and directions are spread over threads.
#[test]
fn resuming_is_exact_at_any_thread_count() {
    let data = plane::<f32>(600, 1);
    let trainer =
        Trainer { batch_size: 300, micro_batch: None, monitor: Monitor::TrainingLoss, ..trainer(3) };
    for form in DENSE {
        let build = |seed| forms::mlp(2, &[200, 200], 1, form).build::<f32>(seed).unwrap();
        let run = |threads: usize, from: Option<&[u8]>, step| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (mut network, mut adam, mut cut) = (build(3), Adam::default(), Cut::at(step));
            pool.install(|| match from {
                None => trainer.fit(&mut network, &mut adam, &data, None, &mut cut).unwrap(),
                Some(bytes) => {
                    network = build(99);
                    let checkpoint = Checkpoint::from_bytes(bytes).unwrap();
                    let progress = checkpoint.restore(&mut network, &mut adam).unwrap();
                    trainer.fit_from(progress, &mut network, &mut adam, &data, None, &mut cut).unwrap()
                }
            });
            (network.parameters, network.buffers, cut.bytes)
        };
        let (parameters, buffers, _) = run(1, None, usize::MAX);
        for threads in 1..=4 {
            let (.., bytes) = run(5 - threads, None, 3);
            let (resumed, resumed_buffers, _) = run(threads, Some(&bytes), usize::MAX);
            assert_eq!(resumed, parameters, "{form}, {} threads and then {threads}", 5 - threads);
            assert_eq!(resumed_buffers, buffers, "{form}");
        }
    }
}

#[test]
fn a_finished_run_can_be_prolonged_and_an_early_stopped_one_stays_stopped() {
    let (data, validation) = (plane::<f64>(36, 1), plane(10, 2));
    let stopping = EarlyStopping { patience: 3, min_delta: 1e9, restore: Restore::WhenStoppedEarly };
    let trainer = Trainer { early_stopping: Some(stopping), ..trainer(50) };
    let run = |epochs, from: Option<Checkpoint<f64>>| {
        let (mut network, mut optimizer) = (build("GmP"), optimizer(true));
        let trainer = Trainer { epochs, ..trainer.clone() };
        let progress = match from {
            Some(checkpoint) => checkpoint.restore(&mut network, &mut *optimizer).unwrap(),
            None => gmp_train::TrainState::start(&trainer),
        };
        let mut end = Cut::at(usize::MAX);
        let fit = trainer
            .fit_from(progress, &mut network, &mut *optimizer, &data, Some(&validation), &mut end)
            .unwrap();
        (network.parameters, fit, end.last.unwrap())
    };
    let (whole, fit, stopped) = run(50, None);
    assert_eq!((fit.end, fit.epochs, fit.best_epoch), (End::EarlyStopping, 4, Some(0)));
    let (_, first_fit, first) = run(2, None);
    assert_eq!((first_fit.end, first_fit.epochs), (End::Epochs, 2));
    let (prolonged, prolonged_fit, _) = run(50, Some(first));
    assert_eq!((prolonged, prolonged_fit), (whole.clone(), fit));
    // Nothing is left to do but to put the best weights back.
    let (again, again_fit, _) = run(50, Some(stopped));
    assert_eq!((again, again_fit), (whole, fit));
}

#[test]
fn a_checkpoint_of_something_else_is_refused_and_nothing_is_changed() {
    let data = plane::<f64>(36, 1);
    let mut cut = Cut::at(7);
    let trainer = Trainer { monitor: Monitor::TrainingLoss, ..trainer(3) };
    trainer.fit(&mut build("WN"), &mut *optimizer(true), &data, None, &mut cut).unwrap();
    let load = || Checkpoint::<f64>::from_bytes(&cut.bytes).unwrap();

    let error = Checkpoint::<f32>::from_bytes(&cut.bytes).unwrap_err().to_string();
    assert_eq!(error, "type of the numbers: the file has f64, expected f32");

    let mut other = Mlp::new(2, &[6, 4], 1, Parameterization::WeightNorm).build::<f64>(3).unwrap();
    let before = other.parameters.clone();
    let error = load().restore(&mut other, &mut Adam::default()).unwrap_err().to_string();
    assert_eq!(
        error,
        "checkpoint in memory: matrix 4: the file has hidden2.v (6×5), expected hidden2.v (6×4)"
    );
    assert_eq!(other.parameters, before);
    let mut deeper = Mlp::new(2, &[6, 5, 5], 1, Parameterization::WeightNorm).build::<f64>(3).unwrap();
    assert!(load().restore(&mut deeper, &mut Adam::default()).is_err());

    let mut network = build("WN");
    let before = network.parameters.clone();
    let error = load().restore(&mut network, &mut Sgd::new(0.0)).unwrap_err().to_string();
    assert_eq!(error, "checkpoint in memory: not a state of the optimizer \"sgd\": it is that of \"adam\"");
    assert_eq!(network.parameters, before);

    // Inside an epoch, of which two batches of eight are done.
    let fit = |trainer: &Trainer, data: &Dataset<f64>, checkpoint: Checkpoint<f64>| {
        let (mut network, mut optimizer) = (build("WN"), Adam::default());
        let progress = checkpoint.restore(&mut network, &mut optimizer).unwrap();
        trainer.fit_from(progress, &mut network, &mut optimizer, data, None, &mut ())
    };
    let error = fit(&trainer, &plane(35, 1), load()).unwrap_err().to_string();
    assert_eq!(error, "number of training samples is 35, expected 36 as before the interruption");
    let other = Trainer { batch_size: 9, ..trainer.clone() };
    let error = fit(&other, &data, load()).unwrap_err().to_string();
    assert_eq!(error, "batch size inside an epoch is 9, expected 8 as before the interruption");
    // Between two epochs any batch size will do.
    let mut cut = Cut::at(10);
    trainer.fit(&mut build("WN"), &mut *optimizer(true), &data, None, &mut cut).unwrap();
    assert_eq!(fit(&other, &data, cut.last.unwrap()).unwrap().steps, 10 + 4);
}

#[test]
fn more_batches_than_an_epoch_has_are_refused() {
    let mut cut = Cut::<f64>::at(7);
    let trainer = Trainer { monitor: Monitor::TrainingLoss, ..trainer(3) };
    let mut network = build("SP");
    trainer.fit(&mut network, &mut *optimizer(true), &plane(36, 1), None, &mut cut).unwrap();
    let pair = |samples: u64, batches: u64| [samples.to_le_bytes(), batches.to_le_bytes()].concat();
    let at = cut.bytes.windows(16).position(|bytes| bytes == pair(36, 2)).unwrap();
    for (batches, is_readable) in [(0, true), (4, true), (5, true), (6, false), (u64::MAX, false)] {
        cut.bytes[at..at + 16].copy_from_slice(&pair(36, batches));
        let checksum = crc32fast::hash(&cut.bytes[16..]);
        cut.bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        match Checkpoint::<f64>::from_bytes(&cut.bytes) {
            Ok(_) => assert!(is_readable, "{batches} batches of 8 of 36 samples"),
            Err(Problem::Metadata(problem)) => {
                assert!(!is_readable, "{problem}");
                assert_eq!(problem, format!("{batches} batches of 8 are done of an epoch of 36 samples"));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn run_with(checkpoints: &mut Checkpoints<'_>) -> Network<f64> {
    let mut network = build("BN");
    let trainer = Trainer { monitor: Monitor::TrainingLoss, ..trainer(4) };
    trainer.fit(&mut network, &mut Adam::default(), &plane(36, 1), None, checkpoints).unwrap();
    network
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_last_few_are_kept_and_a_damaged_one_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    assert!(Newest::<f64>::in_folder(&path).unwrap().is_none());
    run_with(&mut Checkpoints::new(&path, 3, Every::Steps(4), |error| panic!("{error}")).describe("plane"));
    let files =
        ["step-000000000012", "step-000000000016", "step-000000000020"].map(|s| format!("{s}.checkpoint"));
    assert_eq!(names(&path), files);
    let newest = Newest::<f64>::in_folder(&path).unwrap().unwrap();
    assert_eq!(
        (newest.file.file_name().unwrap().to_str().unwrap(), newest.unreadable.len()),
        (&files[2][..], 0)
    );
    assert_eq!(newest.checkpoint.description, "plane");
    assert_eq!(newest.checkpoint.progress.fit().steps, 20);

    std::fs::write(path.join(&files[2]), b"gmpckpt\nrubbish").unwrap();
    std::fs::write(path.join("step-000000000099.partial"), b"left behind").unwrap();
    let newest = Newest::<f64>::in_folder(&path).unwrap().unwrap();
    assert_eq!(newest.checkpoint.progress.fit().steps, 16);
    let warning = newest.unreadable[0].to_string();
    assert!(warning.contains("step-000000000020.checkpoint: format version"), "{warning}");
    for file in &files {
        std::fs::write(path.join(file), b"").unwrap();
    }
    let error = Newest::<f64>::in_folder(&path).unwrap_err().to_string();
    assert!(error.contains("step-000000000020.checkpoint: not a checkpoint"), "{error}");
}

/// In the middle of an epoch, with metrics of the training set alone.
#[test]
fn resuming_is_exact_with_metrics_and_without_a_validation_set() {
    let data = plane::<f64>(36, 1);
    let trainer = Trainer {
        metrics: vec![Metric::MeanAbsoluteError],
        ..Trainer::new(Loss::MeanSquaredError, 8, 3, 0.02)
    };
    let (mut network, mut adam, mut end) = (build("GmP"), Adam::default(), Cut::at(usize::MAX));
    trainer.fit(&mut network, &mut adam, &data, None, &mut end).unwrap();
    let mut cut = Cut::at(7);
    trainer.fit(&mut build("GmP"), &mut Adam::default(), &data, None, &mut cut).unwrap();
    let checkpoint = Checkpoint::from_bytes(&cut.bytes).unwrap();
    let (mut again, mut other, mut same) = (build("GmP"), Adam::default(), Cut::at(usize::MAX));
    let progress = checkpoint.restore(&mut again, &mut other).unwrap();
    trainer.fit_from(progress, &mut again, &mut other, &data, None, &mut same).unwrap();
    assert_eq!((again.parameters, same.history), (network.parameters, end.history));
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    run_with(&mut Checkpoints::new(folder.path(), 1, Every::Epochs(1), |error| panic!("{error}")));
    let file = folder.path().join(&names(folder.path())[0]);
    let checkpoint = Checkpoint::<f64>::read(&file).unwrap();
    let mut other = Mlp::new(3, &[4], 1, Parameterization::Standard).build(1).unwrap();
    let error = checkpoint.restore(&mut other, &mut Adam::default()).unwrap_err();
    assert_eq!(error.file, file);
    // A folder that is none is no folder without checkpoints.
    let error = Newest::<f64>::in_folder(&file).unwrap_err();
    assert_eq!(error.file, file);
    assert!(error.to_string().contains("cannot list the folder"), "{error}");
}

#[test]
fn checkpoints_are_due_after_epochs_and_inside_them() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path(), 9, Every::Epochs(2), |error| panic!("{error}"));
    run_with(&mut checkpoints.and(Every::Steps(7)));
    assert_eq!(names(folder.path()), [7, 10, 14, 20].map(|step| format!("step-{step:012}.checkpoint")));
}

#[test]
fn a_failed_write_is_reported_and_training_goes_on() {
    let expected =
        run_with(&mut Checkpoints::new(tempfile::tempdir().unwrap().path(), 1, Every::Epochs(1), |_| {}));
    // The folder cannot be: there is a file of that name.
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("blocked");
    std::fs::write(&blocked, b"").unwrap();
    let warnings = Mutex::new(Vec::new());
    let report = |error: &gmp_train::CheckpointError| warnings.lock().unwrap().push(error.to_string());
    let network = run_with(&mut Checkpoints::new(&blocked, 1, Every::Epochs(1), report));
    assert_eq!(network.parameters, expected.parameters);
    let warnings = warnings.into_inner().unwrap();
    assert_eq!(warnings.len(), 5, "one an epoch and one at the end: {warnings:?}");
    assert!(warnings[0].contains("blocked: cannot create the folder"), "{}", warnings[0]);
}

/// Opening the one would wait for ever; the other would be read for minutes, if there were memory for it.
#[cfg(unix)]
#[test]
fn named_pipes_and_sparse_files_are_passed_over_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut network = build::<f64>("GmP");
    let mut checkpoints = Checkpoints::new(folder.path(), 1, Every::Epochs(2), |error| panic!("{error}"));
    let data = plane(40, 1);
    trainer(2).fit(&mut network, &mut Adam::default(), &data, Some(&data), &mut checkpoints).unwrap();
    drop(checkpoints);
    let pipe = at("step-000000000900.checkpoint");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    std::fs::File::create(at("step-000000000901.checkpoint")).unwrap().set_len(50 << 30).unwrap();
    let newest = Newest::<f64>::in_folder(folder.path()).unwrap().unwrap();
    assert_eq!(newest.checkpoint.progress.fit().epochs, 2);
    let [sparse, pipe] = &newest.unreadable[..] else { panic!("{:?}", newest.unreadable) };
    assert!(matches!(sparse.problem, Problem::Magic { .. }), "{sparse}");
    let expected = "step-000000000900.checkpoint: cannot read: a named pipe, expected a regular file";
    assert!(pipe.to_string().ends_with(expected), "{pipe}");
}
