//! A steady-state training step of a convolutional network allocates nothing: counted by an allocator that counts.

use gmp_autograd::{Tape, op};
use gmp_nn::zoo::{Variant, vgg6};
use gmp_nn::{Activation, Element, GeometricOptions, Normalization, Parameterization, RadiusPlacement, Rng};
use std::alloc::{GlobalAlloc, Layout, System};
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

/// Allocations of the steps after the first.
fn allocations<T: Element>(variant: &Variant) -> usize {
    const BATCH: usize = 2;
    let mut network = vgg6(variant, 16, 10).build::<T>(1).unwrap();
    let mut rng = Rng::new(1, "pictures");
    let pictures: Vec<T> = (0..BATCH * 32 * 32 * 3).map(|_| T::from_f64(rng.normal())).collect();
    let mut tape = Tape::new();
    let mut step = || {
        tape.begin(network.parameters.values());
        let x = tape.input(&pictures, BATCH * 32 * 32, 3);
        let classes = tape.input(&[T::ZERO, T::ONE], BATCH, 1);
        let logits = network.forward_training(&mut tape, x);
        let loss = op::softmax_cross_entropy(&mut tape, logits, classes);
        tape.backward(loss);
    };
    step();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..3).for_each(|_| step());
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

/// One test, so that no other runs beside it and is counted too; on one thread, since rayon's queues may grow.
#[test]
fn convolutional_steps_after_the_first_allocate_nothing() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        assert!(ALLOCATIONS.load(Ordering::Relaxed) > 0, "the counting allocator is not in use");
        let plain = Parameterization::ALL.map(Variant::new);
        let [standard, weight_norm, geometric] = plain;
        let inside = GeometricOptions { radius: RadiusPlacement::Inside, ..Default::default() };
        let variants = [
            weight_norm.normalization(Normalization::batch_mean()),
            standard.normalization(Normalization::batch()),
            geometric.normalization(Normalization::input_mean()),
            standard.normalization(Normalization::layer()),
            Variant {
                activation: Activation::Gelu,
                geometric: inside,
                ..geometric.normalization(Normalization::batch())
            },
        ];
        for variant in plain.into_iter().chain(variants) {
            assert_eq!(allocations::<f32>(&variant), 0, "{variant:?} f32");
            assert_eq!(allocations::<f64>(&variant), 0, "{variant:?} f64");
        }
    });
}
