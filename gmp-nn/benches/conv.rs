//! Speed of convolutions: VGG-6 at batch 32, ResNet-18 at batch 8, in f32.
//!
//! `cargo bench -p gmp-nn --bench conv -- [threads] [part of a name]` prints, for the forward pass and both
//! gradients, the best of some runs in GFLOP/s of a direct convolution, and its time.

use gmp_autograd::{Tape, Var};
use gmp_nn::conv::{Geometry, Images, Padding, Window};
use gmp_nn::op::{self, Activation};
use std::time::{Duration, Instant};

/// Network, batch, side of the image, channels, filters, size and stride of the window.
const CASES: [(&str, usize, usize, usize, usize, usize, usize); 13] = [
    ("vgg6", 32, 32, 3, 128, 3, 1),
    ("vgg6", 32, 32, 128, 128, 3, 1),
    ("vgg6", 32, 16, 128, 256, 3, 1),
    ("vgg6", 32, 16, 256, 256, 3, 1),
    ("vgg6", 32, 8, 256, 512, 3, 1),
    ("vgg6", 32, 8, 512, 512, 3, 1),
    ("resnet18", 8, 224, 3, 64, 7, 2),
    ("resnet18", 8, 56, 64, 64, 3, 1),
    ("resnet18", 8, 56, 64, 128, 3, 2),
    ("resnet18", 8, 28, 128, 128, 3, 1),
    ("resnet18", 8, 14, 256, 256, 3, 1),
    ("resnet18", 8, 14, 256, 512, 3, 2),
    ("resnet18", 8, 7, 512, 512, 3, 1),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let threads = arguments.first().and_then(|a| a.parse().ok()).unwrap_or(2);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("the first pool");
    println!("{threads} threads: forward, + input's gradient, + weights' gradient");
    for (network, batch, side, channels, filters, size, stride) in CASES {
        let name = format!("{network} {side}x{side} {channels}-{filters} k{size} s{stride}");
        if arguments.get(1).is_some_and(|part| !name.contains(part.as_str())) {
            continue;
        }
        let images = Images { batch, height: side, width: side, channels };
        let window = Window::new(size, stride, Padding::Symmetric(size / 2));
        let g = Geometry::new(images, window, filters).expect("a convolution");
        let flop = 2.0 * (g.output().rows() * g.weight_rows() * filters) as f64;
        let numbers =
            |len: usize| -> Vec<f32> { (0..len).map(|i| ((i * 37) % 101) as f32 * 0.01 - 0.5).collect() };
        let (x, w) = (numbers(images.rows() * channels), numbers(g.weight_rows() * filters));
        let b = vec![0.1; filters];
        let mut tape = Tape::new();
        print!("{name:32}");
        for (wants_x, wants_w) in [(true, false), (false, true)] {
            let (mut forward, mut backward) = (Duration::MAX, Duration::MAX);
            for _ in 0..6 {
                tape.begin(&[]);
                let leaf = |tape: &mut Tape<f32>, data: &[f32], rows: usize, wanted: bool| -> Var {
                    let cols = data.len() / rows;
                    if wanted { tape.variable(data, rows, cols) } else { tape.input(data, rows, cols) }
                };
                let x = leaf(&mut tape, &x, images.rows(), wants_x);
                let w = leaf(&mut tape, &w, g.weight_rows(), wants_w);
                let b = tape.input(&b, 1, filters);
                let start = Instant::now();
                let y = op::conv2d_bias(&mut tape, [x, w, b], &g, Activation::Identity);
                forward = forward.min(start.elapsed());
                let loss = gmp_autograd::op::sum(&mut tape, y);
                let start = Instant::now();
                tape.backward(loss);
                backward = backward.min(start.elapsed());
            }
            let report = |time: Duration| {
                print!("{:7.0} ({:6.2} ms)", flop / time.as_secs_f64() * 1e-9, time.as_secs_f64() * 1e3);
            };
            if wants_x {
                report(forward);
            }
            report(backward);
        }
        println!();
    }
}
