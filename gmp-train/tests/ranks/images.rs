//! Images: a rank reads its share of them alone, and those that cannot be read change nothing.
#![cfg(feature = "image")]

use crate::forms::{ALL, form};
use crate::with_threads;
use gmp_nn::NetworkSpec;
use gmp_nn::zoo::{resnet18, vgg6};
use gmp_train::exchange::{Exchange, Local, on_threads};
use gmp_train::image::{
    Error as ImageError, ImageSource, Loader, Loading, Order, Picture, Preparation, SyntheticShapes,
};
use gmp_train::{
    Batches, Checkpoint, Error, Loss, Metric, Monitor, Observer, Sgd, State, TrainState, Trainer,
};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Pictures of which some cannot be read, and which says which were asked for.
struct Watched {
    pictures: SyntheticShapes,
    unreadable: Vec<usize>,
    asked: Arc<Mutex<HashSet<usize>>>,
}

impl ImageSource for Watched {
    fn len(&self) -> usize {
        self.pictures.len()
    }
    fn classes(&self) -> usize {
        self.pictures.classes()
    }
    fn label(&self, sample: usize) -> u32 {
        self.pictures.label(sample)
    }
    fn name(&self, sample: usize) -> String {
        self.pictures.name(sample)
    }
    fn decode(&self, sample: usize, picture: &mut Picture) -> Result<(), ImageError> {
        self.asked.lock().unwrap().insert(sample);
        if self.unreadable.contains(&sample) {
            return Err(ImageError::Setting { setting: "test", value: sample, expected: "a picture" });
        }
        self.pictures.decode(sample, picture)
    }
}

struct Keep(Vec<u8>);
impl Observer<f32> for Keep {
    fn on_end(&mut self, state: &State<'_, f32>) {
        self.0 = Checkpoint::new(state, "").to_bytes().unwrap();
    }
}

struct Run<'a> {
    spec: &'a NetworkSpec,
    /// Training and validation pictures that cannot be read, on a rank.
    unreadable: &'a (dyn Fn(usize) -> [Vec<usize>; 2] + Sync),
    epochs: usize,
}

/// The last checkpoint of rank 0, the numbers of the network, and the training pictures that were asked for.
type Trained = (Vec<u8>, Vec<f32>, HashSet<usize>);

const PICTURES: [usize; 2] = [44, 20];

impl Run<'_> {
    /// One rank's part.
    fn train(&self, exchange: &mut dyn Exchange) -> Result<Trained, Error> {
        let [training, validation] =
            <[SyntheticShapes; 2]>::from(SyntheticShapes::new(3, PICTURES[0], PICTURES[1]));
        let asked = Arc::new(Mutex::new(HashSet::new()));
        let [left_out, others] = (self.unreadable)(exchange.rank());
        let training = Watched { pictures: training, unreadable: left_out, asked: Arc::clone(&asked) };
        let validation = Watched { pictures: validation, unreadable: others, asked: Arc::default() };
        let loading = Loading { batch_size: 16, order: Order::Shuffled, seed: 5, threads: 1 };
        let mut training = Loader::new(Arc::new(training), Preparation::small(true), loading)?;
        let loading = Loading { order: Order::AsStored, ..loading };
        let mut validation = Loader::new(Arc::new(validation), Preparation::small(false), loading)?;
        let trainer = Trainer {
            micro_batch: Some(4),
            monitor: Monitor::Validation(Metric::TopK(5)),
            metrics: vec![Metric::TopK(1), Metric::Loss(Loss::SoftmaxCrossEntropy)],
            ..Trainer::new(Loss::SoftmaxCrossEntropy, 16, self.epochs, 0.01)
        };
        let (mut network, mut sgd, mut keep) = (self.spec.build::<f32>(1)?, Sgd::new(0.9), Keep(Vec::new()));
        trainer.across(exchange).fit_batches(
            TrainState::start(&trainer),
            &mut network,
            &mut sgd,
            &mut training,
            Some(&mut validation as &mut dyn Batches<f32>),
            &mut keep,
        )?;
        let numbers = [network.parameters.values(), network.buffers.values()].concat();
        let asked = asked.lock().unwrap().clone();
        Ok((keep.0, numbers, asked))
    }

    fn check(&self, what: &str, ranks: &[usize], threads: usize) {
        let (bytes, numbers, _) = self.train(&mut Local).unwrap();
        for &ranks in ranks {
            let all = on_threads(ranks, |exchange| with_threads(threads, || self.train(exchange).unwrap()));
            assert!(all[0].0 == bytes, "{what}: another checkpoint on {ranks} ranks");
            for (rank, (_, found, _)) in all.iter().enumerate() {
                assert!(*found == numbers, "{what}: another network on rank {rank} of {ranks}");
            }
        }
    }
}

fn readable(_: usize) -> [Vec<usize>; 2] {
    [Vec::new(), Vec::new()]
}

#[test]
fn vgg_6_has_the_same_bits_under_every_form() {
    for name in ALL {
        let spec = vgg6(&form(name), 2, 10);
        Run { spec: &spec, unreadable: &readable, epochs: 1 }.check(name, &[2, 3], 1);
    }
    let spec = vgg6(&form("BN"), 3, 10);
    Run { spec: &spec, unreadable: &readable, epochs: 2 }.check("BN", &[1, 4, 5, 7], 2);
}

/// ResNet-18 with a sixteenth of the filters, on small images.
fn small_resnet(name: &str) -> NetworkSpec {
    fn shrink(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    match (&name[..], value.as_u64()) {
                        ("filters" | "units", Some(filters)) if filters >= 64 => {
                            *value = (filters / 16).into()
                        }
                        ("height" | "width", Some(224)) => *value = 32.into(),
                        _ => shrink(value),
                    }
                }
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(shrink),
            _ => {}
        }
    }
    let mut json = serde_json::to_value(resnet18(&form(name), 10)).unwrap();
    shrink(&mut json);
    let spec: NetworkSpec = serde_json::from_value(json).unwrap();
    let parameters = spec.build::<f32>(1).unwrap().parameters.values().len();
    assert!(parameters < 60_000, "{parameters} parameters");
    spec
}

#[test]
fn a_small_resnet_18_has_the_same_bits() {
    for name in ["BN", "GmP+IMN", "WN+MBN"] {
        let spec = small_resnet(name);
        Run { spec: &spec, unreadable: &readable, epochs: 1 }.check(name, &[2, 3, 5], 1);
    }
}

/// The first epoch of a run: together the ranks ask for every picture, and no two for the same one.
#[test]
fn a_rank_reads_its_share_alone() {
    let spec = vgg6(&form("SP"), 1, 10);
    let run = Run { spec: &spec, unreadable: &readable, epochs: 1 };
    let all = on_threads(3, |exchange| run.train(exchange).unwrap().2);
    let sizes: Vec<usize> = all.iter().map(HashSet::len).collect();
    let together: HashSet<usize> = all.into_iter().flatten().collect();
    assert_eq!(together.len(), PICTURES[0]);
    assert_eq!(sizes.iter().sum::<usize>(), PICTURES[0], "{sizes:?}");
}

/// Parts are made of the samples that are left: one picture less moves all that come after it.
#[test]
fn pictures_that_cannot_be_read_change_nothing_but_the_parts_that_they_change_in_one_process() {
    let spec = vgg6(&form("BN"), 2, 10);
    let mut half: Vec<usize> = (0..PICTURES[0]).step_by(2).collect();
    half.extend([1, 3]);
    let some = [vec![7], vec![0, 19]];
    let many = [half, (0..16).collect()];
    for unreadable in [some, many] {
        let unreadable = |_| unreadable.clone();
        Run { spec: &spec, unreadable: &unreadable, epochs: 2 }.check("left out", &[2, 3, 5], 1);
    }
}

#[test]
fn a_rank_that_loses_its_pictures_ends_the_run_by_name() {
    let spec = vgg6(&form("SP"), 1, 10);
    for (training, validation) in [(PICTURES[0], 0), (20, 0), (0, PICTURES[1]), (0, 13)] {
        let unreadable = |rank| match rank {
            2 => [(0..training).collect(), (0..validation).collect()],
            _ => readable(rank),
        };
        let run = Run { spec: &spec, unreadable: &unreadable, epochs: 2 };
        let all = on_threads(3, |exchange| run.train(exchange).map(drop).unwrap_err());
        for error in &all {
            assert_eq!(error, &all[0], "all say the same");
            let what = "part of the data that can be read";
            assert!(matches!(error, Error::Differs { rank: 2, what: w, .. } if w == what), "{error}");
        }
    }
}

#[test]
fn a_set_of_which_nothing_can_be_read_is_the_error_of_one_process() {
    let spec = vgg6(&form("SP"), 1, 10);
    for halves in [[PICTURES[0], 0], [0, PICTURES[1]]] {
        let unreadable = |_| halves.map(|count| (0..count).collect());
        let run = Run { spec: &spec, unreadable: &unreadable, epochs: 2 };
        let alone = run.train(&mut Local).map(drop).unwrap_err();
        for error in on_threads(3, |exchange| run.train(exchange).map(drop).unwrap_err()) {
            assert_eq!(error, alone);
        }
    }
}
