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
    if arguments.get(1).is_none_or(|part| "vgg6 step".contains(part.as_str())) {
        vgg6_step();
    }
}

/// The passes of a whole VGG-6 with a standard parameterization at batch 32: all but the optimizer's.
fn vgg6_step() {
    const BATCH: usize = 32;
    let mut parameters = Vec::new();
    let mut place = |len: usize| {
        let start = parameters.len();
        parameters.extend((0..len).map(|i| ((i * 37 + start) % 101) as f32 * 0.001 - 0.05));
        start
    };
    let layers: Vec<_> = [(3, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
        .map(|(channels, filters)| (channels, filters, place(9 * channels * filters), place(filters)))
        .into();
    let (dense, bias) = (place(512 * 1000), place(1000));
    let x: Vec<f32> = (0..BATCH * 32 * 32 * 3).map(|i| ((i * 37) % 101) as f32 * 0.01 - 0.5).collect();
    let mut tape = Tape::new();
    let mut best = [Duration::MAX; 3];
    for _ in 0..8 {
        let start = Instant::now();
        tape.begin(&parameters);
        let mut h = tape.input(&x, BATCH * 32 * 32, 3);
        let mut images = Images { batch: BATCH, height: 32, width: 32, channels: 3 };
        for (i, &(channels, filters, w, b)) in layers.iter().enumerate() {
            let g = Geometry::new(images, Window::new(3, 1, Padding::Same), filters).expect("a convolution");
            let (w, b) = (tape.parameter(w, 9 * channels, filters), tape.parameter(b, 1, filters));
            h = op::conv2d_bias(&mut tape, [h, w, b], &g, Activation::Relu);
            images = g.output();
            if i % 2 == 1 {
                (h, images) =
                    op::max_pool(&mut tape, h, images, Window::new(2, 2, Padding::Valid)).expect("a pool");
            }
        }
        h = op::global_average_pool(&mut tape, h, images.height * images.width);
        let (w, b) = (tape.parameter(dense, 512, 1000), tape.parameter(bias, 1, 1000));
        h = op::affine(&mut tape, h, w, b, Activation::Identity);
        let loss = gmp_autograd::op::mean(&mut tape, h);
        let forward = start.elapsed();
        tape.backward(loss);
        let all = start.elapsed();
        best = [best[0].min(forward), best[1].min(all - forward), best[2].min(all)];
    }
    let [forward, backward, all] = best.map(|time| time.as_secs_f64() * 1e3);
    // The peak of the resident memory, where the system tells it.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or(" unknown").trim();
    let images = BATCH as f64 / all * 1e3;
    println!(
        "vgg6 step: forward {forward:.0} ms, backward {backward:.0} ms, {images:.1} images/s, peak memory {peak}"
    );
}
