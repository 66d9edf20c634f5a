//! Loading small pictures, and training on them, allocates nothing in the steady state: counted.
#![cfg(feature = "image")]

use gmp_nn::zoo::vgg6;
use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
use gmp_train::{Clip, Loss, Metric, Observer, Sgd, State, Step, TrainState, Trainer};
use std::ops::ControlFlow;
use std::sync::Arc;

mod common;
#[path = "../../gmp-nn/tests/forms.rs"]
mod forms;
use common::{allocations, allocations_here};

/// One test, so that no other runs beside it and is counted too.
#[test]
fn the_steady_state_allocates_nothing() {
    loading_allocates_nothing();
    training_allocates_nothing();
}

fn loading_allocates_nothing() {
    for threads in [1, 3] {
        let (source, _) = SyntheticShapes::new(1, 300, 0);
        let loading = Loading { batch_size: 64, order: Order::Shuffled, seed: 1, threads };
        let mut loader = Loader::new(Arc::new(source), Preparation::small(true), loading).unwrap();
        // A thread that the system starts late warms up late, so steadiness is waited for, but not long.
        let (mut pictures, mut steady, mut epoch) = (0, 0, 0);
        while steady < 10 {
            let before = allocations();
            assert!(before > 0, "the counting allocator is not in use");
            loader.start(epoch, 0);
            while let Some(batch) = loader.next_batch().unwrap() {
                pictures += batch.labels.len();
            }
            steady = if allocations() == before { steady + 1 } else { 0 };
            epoch += 1;
            assert!(epoch < 60, "{threads} threads: never ten epochs without an allocation");
        }
        assert_eq!(pictures, epoch * 300);
    }
}

/// Notes the training thread's allocations so far after every step, in memory of its own that never grows.
struct Count(Vec<usize>);
impl<T: gmp_nn::Element> Observer<T> for Count {
    fn on_step(&mut self, _: &Step, state: &State<'_, T>) -> ControlFlow<()> {
        self.0[state.progress.fit().steps] = allocations_here();
        ControlFlow::Continue(())
    }
}

/// A hundred steps of one epoch: the end of an epoch allocates its record.
fn training_allocates_nothing() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (form, micro_batch, clip) in [
        ("BN", None, None),
        ("BN", Some(3), Some(Clip::Norm(0.5))),
        ("GmP+IMN", None, None),
        ("GmP+IMN", Some(3), Some(Clip::Norm(0.5))),
    ] {
        let (pictures, _) = SyntheticShapes::new(1, 112 * 4, 0);
        let loading = Loading { batch_size: 4, order: Order::Shuffled, seed: 1, threads: 1 };
        let mut loader = Loader::new(Arc::new(pictures), Preparation::small(true), loading).unwrap();
        let mut network = vgg6(&forms::form(form), 2, 10).build::<f32>(1).unwrap();
        let trainer = Trainer {
            metrics: vec![Metric::TopK(1), Metric::TopK(5)],
            micro_batch,
            clip,
            ..Trainer::new(Loss::SoftmaxCrossEntropy, 4, 1, 0.01)
        };
        let mut count = Count(vec![0; 113]);
        one.install(|| {
            let (start, mut sgd) = (TrainState::start(&trainer), Sgd::new(0.9));
            trainer.fit_batches(start, &mut network, &mut sgd, &mut loader, None, &mut count).unwrap();
        });
        assert!(count.0[10] > 0, "the counting allocator is not in use");
        assert_eq!(count.0[110] - count.0[10], 0, "{form}, micro-batch {micro_batch:?}, {clip:?}");
    }
}
