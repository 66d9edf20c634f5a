//! Every version of the checkpoint format: a file of each that stays readable for ever, and a reader that shares no
//! code with the one under test, not even bincode.
//!
//! The golden files are a run whose numbers are small dyadic fractions, exact on every machine.

use gmp_nn::{Mlp, Network, NetworkSpec, Parameterization};
use gmp_train::{
    Checkpoint, Dataset, EarlyStopping, End, EpochRecord, Loss, Metric, Monitor, Observer, Optimizer,
    ReduceOnPlateau, Restore, Sgd, State, Trainer,
};

/// Of version 1, 2, …
const GOLDEN: [&[u8]; 3] = [
    include_bytes!("golden/version-1.checkpoint"),
    include_bytes!("golden/version-2.checkpoint"),
    include_bytes!("golden/version-3.checkpoint"),
];

/// What all files hold: worked out once, by version 1.
const PARAMETERS: [f64; 7] = [0.390625, 0.91796875, 0.171875, -0.53125, 0.8359375, -0.171875, 0.25];
const SIGNS: [f64; 2] = [-1.0, -1.0];
const VELOCITY: [f64; 7] = [-0.109375, -0.08203125, -0.328125, 0.21875, -0.1640625, 0.328125, -0.125];
const LOSS: f64 = 0.2578125;
/// From version 2 on: the mean absolute error in training and validation.
const MEASURED: (f64, Option<f64>) = (0.375, Some(0.2812681198120117));
const MATRICES: [(&str, u64, u64); 8] = [
    ("parameters/hidden1.offset", 1, 2),
    ("parameters/hidden1.radius", 1, 2),
    ("parameters/output.weights", 2, 1),
    ("parameters/output.bias", 1, 1),
    ("buffers/hidden1.sign", 1, 2),
    ("optimizer/velocity", 1, 7),
    ("best/parameters", 1, 7),
    ("best/buffers", 1, 2),
];

struct Keep(Option<Checkpoint<f64>>);
impl Observer<f64> for Keep {
    fn on_end(&mut self, state: &State<'_, f64>) {
        self.0 = Some(Checkpoint::new(state, "a golden file: né 1"));
    }
}

fn network() -> Network<f64> {
    let mut network = Mlp::new(1, &[2], 1, Parameterization::Geometric).build(1).unwrap();
    // Offsets, radii, output weights, output bias; the signs are buffers.
    let values = [0.5, 1.0, 0.5, -0.75, 1.0, -0.5, 0.25];
    network.parameters.values_mut().copy_from_slice(&values);
    network
}

fn trainer() -> Trainer {
    Trainer {
        plateau: Some(ReduceOnPlateau { factor: 0.5, patience: 3, min_delta: 0.125 }),
        early_stopping: Some(EarlyStopping { patience: 7, min_delta: 0.0, restore: Restore::Never }),
        monitor: Monitor::TrainingLoss,
        metrics: vec![Metric::MeanAbsoluteError],
        seed: 11,
        ..Trainer::new(Loss::MeanSquaredError, 2, 1, 0.25)
    }
}

fn run() -> Checkpoint<f64> {
    let data = Dataset::new(vec![-1.0, 1.0, 3.0, 5.0], 1, vec![1.0, 0.5, 0.75, 0.25], 1).unwrap();
    let mut keep = Keep(None);
    trainer().fit(&mut network(), &mut Sgd::new(0.5), &data, Some(&data), &mut keep).unwrap();
    keep.0.unwrap()
}

#[test]
fn the_golden_files_are_read_and_give_their_network_back() {
    for (golden, version) in GOLDEN.into_iter().zip(1..) {
        let golden = Checkpoint::<f64>::from_bytes(golden).unwrap();
        assert_eq!(golden.description, "a golden file: né 1");
        let metrics = if version == 1 { Vec::new() } else { trainer().metrics };
        assert_eq!(golden.trainer, Trainer { metrics, ..trainer() });
        let fit = golden.progress.fit();
        assert_eq!((fit.epochs, fit.steps, fit.best_epoch, fit.end), (1, 2, Some(0), End::Epochs));
        let (training_metrics, validation_metrics) = match version {
            1 => (Vec::new(), Vec::new()),
            _ => (vec![MEASURED.0], MEASURED.1.into_iter().collect()),
        };
        let record = EpochRecord {
            epoch: 0,
            learning_rate: 0.25,
            training_loss: LOSS,
            validation: None,
            training_metrics,
            validation_metrics,
        };
        assert_eq!(golden.progress.history(), [record]);
        match version {
            3 => assert_eq!(golden.network().unwrap().parameters.values(), PARAMETERS),
            _ => assert!(golden.network().unwrap_err().to_string().contains("does not say")),
        }
        let (mut network, mut sgd) = (network(), Sgd::new(0.0));
        golden.restore(&mut network, &mut sgd).unwrap();
        assert_eq!(network.parameters.values(), PARAMETERS);
        assert_eq!(network.parameters.get("output.weights").unwrap(), &PARAMETERS[4..6]);
        assert_eq!(network.buffers.values(), SIGNS);
        let state = sgd.state();
        assert_eq!((&state.settings[0], &state.settings[1].1), (&("momentum".to_owned(), 0.5), &0.0));
        assert_eq!(state.vectors, [("velocity".to_owned(), VELOCITY.to_vec())]);
    }
}

/// What is written today is version 3 still. Where it is not, the fix is a version 4 and never another golden file.
#[test]
fn the_same_run_gives_the_same_bytes() {
    let mut run = run();
    if std::env::var_os("WRITE_GOLDEN").is_none() {
        // How gmp-nn writes a network down may change; that it reads what it wrote is asserted above.
        run.model = Checkpoint::<f64>::from_bytes(GOLDEN[2]).unwrap().model;
    }
    let bytes = run.to_bytes().unwrap();
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/new.checkpoint"), &bytes).unwrap();
    }
    assert_eq!(bytes, GOLDEN[2]);
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut newer = GOLDEN[2].to_vec();
    newer[8] = 4;
    let error = Checkpoint::<f64>::from_bytes(&newer).unwrap_err().to_string();
    assert_eq!(error, "format version 4, but this release reads versions 1 to 3");
}

/// Reads by the sentences of the format's documentation.
struct Reader<'a>(&'a [u8]);
impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (own, rest) = self.0.split_at(n);
        self.0 = rest;
        own
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }
    fn f64(&mut self) -> f64 {
        f64::from_bits(self.u64())
    }
    fn text(&mut self) -> &'a str {
        let length = self.u64() as usize;
        std::str::from_utf8(self.take(length)).unwrap()
    }
    fn option<V>(&mut self, value: impl FnOnce(&mut Self) -> V) -> Option<V> {
        match self.take(1) {
            [0] => None,
            [1] => Some(value(self)),
            other => panic!("an option that is {other:?}"),
        }
    }
    fn list<V>(&mut self, value: impl Fn(&mut Self) -> V) -> Vec<V> {
        (0..self.u64()).map(|_| value(self)).collect()
    }
}

/// CRC-32 (IEEE 802.3), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn an_independent_reader_reads_the_golden_files() {
    GOLDEN.into_iter().zip(1..).for_each(|(golden, version)| read_independently(golden, version));
}

fn read_independently(bytes: &[u8], version: u32) {
    let mut file = Reader(bytes);
    assert_eq!(file.take(8), b"gmpckpt\n");
    assert_eq!(file.u32(), version);
    assert_eq!(file.u32(), crc32(&bytes[16..]));
    let (metadata, tensors) = (file.u64() as usize, file.u64() as usize);
    let mut m = Reader(file.take(metadata));
    let mut numbers = Reader(file.take(tensors));
    assert!(file.0.is_empty());

    assert_eq!(m.text(), "f64");
    assert_eq!(m.text(), "a golden file: né 1");
    let settings: serde_json::Value = serde_json::from_str(m.text()).unwrap();
    assert_eq!(settings["learning_rate"], 0.25);
    // TrainState: epochs, steps, best epoch, last rate, end; rate, samples, batches, sum of losses.
    assert_eq!((m.u64(), m.u64(), m.option(Reader::u64), m.f64(), m.u32()), (1, 2, Some(0), 0.25, 0));
    assert_eq!((m.f64(), m.u64(), m.u64(), m.f64()), (0.25, 4, 0, 0.0));
    // Plateau and early stopping: best value, epochs since. History: loss, validation, rate.
    let patience = |m: &mut Reader<'_>| (m.f64(), m.u64());
    assert_eq!((m.option(patience), m.option(patience)), (Some((LOSS, 0)), Some((LOSS, 0))));
    assert_eq!(m.list(|m| (m.f64(), m.option(Reader::f64), m.f64())), [(LOSS, None, 0.25)]);
    assert_eq!((m.text(), m.u64()), ("sgd", 0));
    let settings = [("momentum", 0.5), ("weight_decay", 0.0)];
    assert_eq!(m.list(|m| (m.text(), m.f64())), settings[..(version as usize).min(2)]);
    assert_eq!(m.list(|m| (m.text(), m.u64(), m.u64())), MATRICES);
    if version > 1 {
        // Metrics: samples and targets of the batches so far, sums over them. History: training, validation.
        assert_eq!((m.u64(), m.u64(), m.list(Reader::f64)), (0, 0, vec![0.0]));
        assert_eq!(m.list(|m| m.list(|m| (m.f64(), m.option(Reader::f64)))), [[MEASURED]]);
    }
    if version > 2 {
        // What the network can be built from.
        let spec: NetworkSpec = serde_json::from_str(m.text()).unwrap();
        assert_eq!(Some(&spec), network().spec());
    }
    assert!(m.0.is_empty());

    for x in [&PARAMETERS[..], &SIGNS, &VELOCITY, &PARAMETERS, &SIGNS].concat() {
        assert_eq!(numbers.f64(), x);
    }
    assert!(numbers.0.is_empty());
}
