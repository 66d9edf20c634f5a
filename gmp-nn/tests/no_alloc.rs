//! A steady-state training step of a convolutional network allocates nothing: counted by an allocator that counts.

use gmp_autograd::{Mat, Tape, op};
use gmp_nn::activation::Silu;
use gmp_nn::conv::{Geometry, Images, Padding, Window};
use gmp_nn::zoo::{Variant, vgg6};
use gmp_nn::{
    Activation, Element, GeometricOptions, Normalization, Parameterization, RadiusPlacement, Rng, op as op_nn,
};
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

/// The same of every operation that takes an activation, with one that has no fused kernel.
fn allocations_with<T: Element>(activation: Activation) -> usize {
    let images = Images { batch: 2, height: 6, width: 6, channels: 4 };
    let geometry = Geometry::new(images, Window::new(3, 1, Padding::Same), 8).unwrap();
    let mut rng = Rng::new(1, "parameters");
    let mut draw = |len: usize| -> Vec<T> { (0..len).map(|_| T::from_f64(rng.normal())).collect() };
    let (x, parameters) = (draw(images.rows() * 4), draw(36 * 8 + 8 * 8 + 5 * 8));
    let mut tape = Tape::new();
    let mut step = || {
        tape.begin(&parameters);
        let x = tape.input(&x, images.rows(), 4);
        let [kernel, matrix] = [(0, 36), (36, 8)].map(|(row, rows)| tape.parameter(8 * row, rows, 8));
        let rows = [44, 45, 46, 47, 48].map(|row| tape.parameter(8 * row, 1, 8));
        let y = op_nn::scaled_conv2d(&mut tape, [x, kernel, rows[0], rows[1]], &geometry, activation);
        let y = op_nn::mean_norm(&mut tape, y.last_use(), activation, |_| ());
        let y = op_nn::scaled_affine(&mut tape, y, matrix, rows[2], rows[3], activation);
        let y = op_nn::batch_norm(&mut tape, [y, rows[4], rows[0]], T::from_f64(1e-3), activation, |_, _| ());
        let loss = op::sum(&mut tape, y);
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
        let network = vgg6(&variants[1], 4, 10).build::<f32>(1).unwrap();
        let (mut tape, x) = (Tape::new(), vec![0.5; 32 * 32 * 3]);
        let mut predict = || network.predict_with(&mut tape, Mat::new(&x, 32 * 32, 3)).data()[0];
        let first = predict();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        assert!((0..3).all(|_| predict() == first));
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0, "predictions");
        // In place and not, with a number of its own, and from outside.
        let activations = [Activation::Tanh, Activation::Gelu, Activation::LeakyRelu { slope: 0.1 }];
        for activation in activations.into_iter().chain([Activation::Custom(&Silu)]) {
            assert_eq!(allocations_with::<f32>(activation), 0, "{activation} f32");
            assert_eq!(allocations_with::<f64>(activation), 0, "{activation} f64");
        }
    });
}
