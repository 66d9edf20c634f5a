//! What share of a VGG-6 training step the directions take: `cargo bench -p gmp-nn --bench directions`.

use gmp_autograd::Tape;
use gmp_math::{parallel, sphere};
use gmp_nn::zoo::{Variant, vgg6};
use gmp_nn::{Normalization, Parameterization};
use std::time::{Duration, Instant};

/// The directions of all layers and their gradients, beside the passes of the step that they are part of: VGG-6 under the
/// geometric parameterization with input normalization. Each is timed after a whole step, with the caches as cold as in one.
fn main() {
    const BATCH: usize = 32;
    let variant = Variant::new(Parameterization::Geometric).normalization(Normalization::input_mean());
    let mut network = vgg6(&variant, 128, 1000).build::<f32>(1).expect("a network");
    let x: Vec<f32> = (0..BATCH * 32 * 32 * 3).map(|i| ((i * 37) % 101) as f32 * 0.01 - 0.5).collect();
    struct Matrices {
        units: usize,
        angles: Vec<f32>,
        directions: Vec<f32>,
        saved: Vec<f32>,
        gradients: Vec<f32>,
    }
    let mut layers = [(27, 128), (1152, 128), (1152, 256), (2304, 256), (2304, 512), (4608, 512)].map(
        |(inputs, units)| Matrices {
            units,
            angles: (0..(inputs - 1) * units).map(|i| 1.57 + 0.01 * ((i * 37) % 7) as f32).collect(),
            directions: vec![0.1; inputs * units],
            saved: vec![0.0; sphere::saved_len(inputs, units)],
            gradients: vec![0.0; (inputs - 1) * units],
        },
    );
    let mut tape = Tape::new();
    let [mut step, mut transforms] = [Duration::MAX; 2];
    for _ in 0..8 {
        let start = Instant::now();
        tape.begin(network.parameters.values());
        let input = tape.input(&x, BATCH * 32 * 32, 3);
        let output = network.forward_training(&mut tape, input);
        let loss = gmp_autograd::op::mean(&mut tape, output);
        tape.backward(loss);
        step = step.min(start.elapsed());
        let start = Instant::now();
        for Matrices { units, angles, directions, saved, .. } in &mut layers {
            parallel::directions_saving(angles, *units, directions, saved);
        }
        for Matrices { units, angles, directions, saved, gradients } in layers.iter_mut().rev() {
            parallel::directions_vjp(angles, saved, *units, directions, gradients, false);
        }
        transforms = transforms.min(start.elapsed());
    }
    let [step, transforms] = [step, transforms].map(|time| time.as_secs_f64() * 1e3);
    let share = 100.0 * transforms / step;
    println!(
        "vgg6 GmP+IMN step: {step:.0} ms; directions and their gradients: {transforms:.2} ms, {share:.1}%"
    );
}
