//! A steady-state training step allocates nothing: counted by an allocator that counts.

use gmp_nn::{Mlp, Parameterization, Rng};
use gmp_train::{Adam, BoundaryChanges, Dataset, Epoch, Loss, Monitor, Observer, Trainer};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Notes the allocations so far after every epoch, in memory of its own that never grows.
struct Count(Vec<usize>);
impl<T> Observer<T> for Count {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        self.0[epoch.index] = ALLOCATIONS.load(Ordering::Relaxed);
        ControlFlow::Continue(())
    }
}

fn allocations<T: gmp_nn::Element>(
    form: Parameterization,
    inputs: usize,
    hidden: &[usize],
    batch_size: usize,
) -> usize {
    let mut rng = Rng::new(1, "data");
    let draw = |rng: &mut Rng, n: usize| (0..n).map(|_| T::from_f64(rng.normal())).collect::<Vec<T>>();
    let data = Dataset::new(draw(&mut rng, 404 * inputs), inputs, draw(&mut rng, 404), 1).unwrap();
    let mut network = Mlp::new(inputs, hidden, 1, form).build::<T>(1).unwrap();
    let trainer = Trainer {
        loss: Loss::MeanAbsoluteError,
        batch_size,
        epochs: 110,
        learning_rate: 0.01,
        monitor: Monitor::TrainingLoss,
        plateau: None,
        early_stopping: None,
        seed: 1,
    };
    let mut count = Count(vec![0; 110]);
    trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut count).unwrap();
    count.0[109] - count.0[9]
}

/// One test, so that no other runs beside it and is counted too.
#[test]
fn a_hundred_steady_epochs_allocate_nothing() {
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > 0, "the counting allocator is not in use");
    for form in Parameterization::ALL {
        for (inputs, hidden, batch) in
            [(13, &[100][..], 404), (1, &[100], 50), (13, &[100, 60], 128), (2, &[10], 1)]
        {
            assert_eq!(
                allocations::<f64>(form, inputs, hidden, batch),
                0,
                "{form} f64 {inputs} {hidden:?} {batch}"
            );
            assert_eq!(
                allocations::<f32>(form, inputs, hidden, batch),
                0,
                "{form} f32 {inputs} {hidden:?} {batch}"
            );
        }
    }
    // Watching the boundaries costs the growth of its record and nothing else.
    let network = Mlp::new(2, &[10], 1, Parameterization::Geometric).build::<f64>(1).unwrap();
    let mut changes = BoundaryChanges::new(&network, 0);
    let mut epoch = |index| {
        let _ = changes.on_epoch(&Epoch {
            index,
            training_loss: 0.0,
            validation: None,
            learning_rate: 0.1,
            network: &network,
        });
    };
    (0..33).for_each(&mut epoch);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (33..64).for_each(&mut epoch);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
}
