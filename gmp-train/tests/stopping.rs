//! A run that is stopped at any moment, inside a step or a validation, goes on to the same last bit.

use gmp_nn::normalization::BatchMean;
use gmp_nn::{Activation, Dense, LayerSpec, Network, NetworkSpec, Normalization, Parameterization, Rng};
use gmp_train::{
    Adam, Batch, Batches, Checkpoint, Dataset, EarlyStopping, End, Epoch, Error, Loss, Metric, Monitor,
    Observer, OptimizerState, Restore, State, TrainState, Trainer,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SAMPLES: usize = 36;
const BATCH: usize = 8;

/// Three inputs, and their product in the end.
fn data(samples: usize, seed: u64) -> Dataset<f64> {
    let mut rng = Rng::new(seed, "data");
    let x: Vec<f64> = (0..3 * samples).map(|_| rng.normal()).collect();
    let y = x.chunks(3).map(|x| x.iter().product()).collect();
    Dataset::new(x, 3, y, 1).unwrap()
}

/// Running statistics of two kinds, so that a step that was left in the middle would show.
fn build() -> Network<f64> {
    use Parameterization::{Geometric, Standard};
    let mean_norm =
        LayerSpec::Normalization { normalization: BatchMean::default().into(), activation: Activation::Relu };
    let spec = NetworkSpec::vector(3)
        .layer("first", Dense::new(8, Standard).normalization(Normalization::batch()))
        .layer("second", Dense::new(8, Geometric).activation(Activation::Identity))
        .layer("norm", mean_norm)
        .output(1);
    spec.build(3).unwrap()
}

/// Five steps an epoch, each in two parts.
fn trainer() -> Trainer {
    Trainer {
        monitor: Monitor::Validation(Metric::MeanAbsoluteError),
        metrics: vec![Metric::RootMeanSquaredError],
        early_stopping: Some(EarlyStopping { patience: 50, min_delta: 0.0, restore: Restore::Always }),
        micro_batch: Some(5),
        seed: 5,
        ..Trainer::new(Loss::MeanSquaredError, BATCH, 4, 0.02)
    }
}

/// Hands its samples out in batches and sets a flag before one of them.
struct Flagging {
    data: Dataset<f64>,
    batch_size: usize,
    batch: usize,
    before: usize,
    flag: Arc<AtomicBool>,
}
impl Flagging {
    fn new(data: Dataset<f64>, before: usize, flag: &Arc<AtomicBool>) -> Self {
        Self { data, batch_size: BATCH, batch: 0, before, flag: Arc::clone(flag) }
    }
}
impl Batches<f64> for Flagging {
    fn samples(&self) -> usize {
        self.data.samples()
    }
    fn start(&mut self, _: usize, batch: usize) {
        self.batch = batch;
    }
    fn next_batch(&mut self) -> Result<Option<Batch<'_, f64>>, Error> {
        match self.before.checked_sub(1) {
            None => self.flag.store(true, Ordering::Relaxed),
            Some(left) => self.before = left,
        }
        let rows = self.batch * self.batch_size..SAMPLES.min((self.batch + 1) * self.batch_size);
        if rows.is_empty() || rows.start >= self.data.samples() {
            return Ok(None);
        }
        self.batch += 1;
        let samples = rows.end.min(self.data.samples()) - rows.start;
        let inputs = &self.data.inputs()[3 * rows.start..][..3 * samples];
        let targets = &self.data.targets()[rows.start..][..samples];
        let (inputs, targets) =
            (gmp_autograd::Mat::new(inputs, samples, 3), gmp_autograd::Mat::new(targets, samples, 1));
        Ok(Some(Batch { index: self.batch - 1, samples, inputs, targets, weights: None }))
    }
}

/// Hands the flag on, and keeps the state that the run ends in, as its file.
struct Stop {
    flag: Arc<AtomicBool>,
    last: Vec<u8>,
}
impl Observer<f64> for Stop {
    fn on_epoch(&mut self, _: &Epoch<'_, f64>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    fn on_end(&mut self, state: &State<'_, f64>) {
        self.last = Checkpoint::new(state, "").to_bytes().unwrap();
    }
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.flag))
    }
}

/// What a run leaves behind: parameters, buffers, the optimizer and the last state.
type Left = (Vec<f64>, Vec<f64>, OptimizerState<f64>, Vec<u8>);

/// Trains from a state, or from the start, and says why it ended. The flag is set before batch `training` or
/// `validation` of this call.
fn train(from: Option<&[u8]>, training: usize, validation: usize, flag: &Arc<AtomicBool>) -> (End, Left) {
    use gmp_train::Optimizer as _;
    let (mut network, mut adam) = (build(), Adam::default());
    let progress = match from {
        Some(bytes) => Checkpoint::from_bytes(bytes).unwrap().restore(&mut network, &mut adam).unwrap(),
        None => TrainState::start(&trainer()),
    };
    let mut batches = Flagging::new(data(SAMPLES, 1), training, flag);
    let mut validated = Flagging::new(data(SAMPLES / 2, 2), validation, flag);
    let mut stop = Stop { flag: Arc::clone(flag), last: Vec::new() };
    let mut observers = ((), &mut stop);
    let validated = Some(&mut validated as &mut dyn Batches<f64>);
    let fit =
        trainer().fit_batches(progress, &mut network, &mut adam, &mut batches, validated, &mut observers);
    let (parameters, buffers) = (network.parameters.values().to_vec(), network.buffers.values().to_vec());
    (fit.unwrap().end, (parameters, buffers, adam.state(), stop.last))
}

fn flag() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

const NEVER: usize = usize::MAX;

#[test]
fn stopped_before_any_batch_of_training_or_validation() {
    let (end, whole) = train(None, NEVER, NEVER, &flag());
    assert_eq!(end, End::Epochs);
    let mut moments = Vec::new();
    moments.extend((0..4 * 6).map(|batch| (batch, NEVER)));
    moments.extend((0..4 * 4).map(|batch| (NEVER, batch)));
    let mut stopped = 0;
    for (training, validation) in moments {
        let (end, left) = train(None, training, validation, &flag());
        stopped += usize::from(end == End::Observer);
        let (end, resumed) = train(Some(&left.3), NEVER, NEVER, &flag());
        assert_eq!(end, End::Epochs);
        assert!(resumed == whole, "stopped before batch {training} of training, {validation} of validation");
    }
    // All but the end of the last validation, behind which there is nothing to stop.
    assert!(stopped >= 38, "{stopped}");
}

/// By another thread, in the middle of anything.
#[test]
fn stopped_at_any_moment() {
    let (_, whole) = train(None, NEVER, NEVER, &flag());
    let mut rng = Rng::new(1, "moments");
    let mut stopped = 0;
    for _ in 0..30 {
        let mut state = None;
        loop {
            let flag = flag();
            let setter = Arc::clone(&flag);
            let after = Duration::from_micros((rng.uniform() * 300.0) as u64);
            let (sender, begun) = std::sync::mpsc::channel();
            let thread = std::thread::spawn(move || {
                sender.send(()).unwrap();
                let begin = Instant::now();
                while begin.elapsed() < after {}
                setter.store(true, Ordering::Relaxed);
            });
            begun.recv().unwrap();
            let (end, left) = train(state.as_deref(), NEVER, NEVER, &flag);
            thread.join().unwrap();
            if end != End::Observer {
                assert!(left == whole);
                break;
            }
            stopped += 1;
            state = Some(left.3);
        }
    }
    println!("stopped {stopped} times");
}
