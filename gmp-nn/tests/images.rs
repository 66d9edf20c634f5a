//! The operations on images against central differences, over odd sizes.

use gmp_autograd::{Tape, Var, check};
use gmp_nn::Rng;
use gmp_nn::conv::{Geometry, Images, Padding, Window};
use gmp_nn::op::{self, Activation};

const PADDINGS: [Padding; 3] = [Padding::Valid, Padding::Same, Padding::Symmetric(1)];
/// The stem of ResNet.
const STEM: Window = Window::new(7, 2, Padding::Symmetric(3));

/// Few channels take the kernel of shifted views, 16 and more Winograd's where the window is 3×3.
const IMAGES: [(Images, usize); 4] = [
    (Images { batch: 1, height: 5, width: 4, channels: 2 }, 3),
    (Images { batch: 2, height: 3, width: 5, channels: 3 }, 1),
    (Images { batch: 1, height: 3, width: 3, channels: 17 }, 16),
    (Images { batch: 1, height: 6, width: 2, channels: 16 }, 18),
];

fn geometries() -> impl Iterator<Item = Geometry> {
    let geometries = IMAGES.into_iter().flat_map(|(images, filters)| {
        [(1, 1), (1, 2), (2, 2), (3, 1), (3, 2), (5, 3)].into_iter().flat_map(move |(size, stride)| {
            PADDINGS.into_iter().filter_map(move |padding| {
                Geometry::new(images, Window { size, stride, padding }, filters).ok()
            })
        })
    });
    let stem = |(images, filters)| Geometry::new(images, STEM, filters).unwrap();
    // Of few channels, since every weight is checked.
    geometries.chain(IMAGES.into_iter().take(2).map(stem))
}

#[test]
fn convolutions_pass_the_gradient_check() {
    type Program = fn(&mut Tape<f64>, &[Var], &Geometry) -> Var;
    let programs: [(&str, Program); 5] = [
        ("plain", |t, v, g| op::conv2d(t, v[0], v[1], g)),
        ("bias", |t, v, g| op::conv2d_bias(t, [v[0], v[1], v[2]], g, Activation::Identity)),
        ("relu", |t, v, g| op::conv2d_bias(t, [v[0], v[1], v[2]], g, Activation::Relu)),
        ("scaled", |t, v, g| op::scaled_conv2d(t, [v[0], v[1], v[2], v[3]], g, Activation::Identity)),
        ("scaled relu", |t, v, g| op::scaled_conv2d(t, [v[0], v[1], v[2], v[3]], g, Activation::Relu)),
    ];
    let mut cases = 0;
    for (i, g) in geometries().enumerate() {
        let mut rng = Rng::new(i as u64, "images");
        let mut draw = |len: usize| -> Vec<f64> { (0..len).map(|_| rng.normal()).collect() };
        let (x, y) = (g.input(), g.output());
        let shapes =
            [(x.rows(), x.channels), (g.weight_rows(), y.channels), (1, y.channels), (1, y.channels)];
        let numbers = shapes.map(|(rows, cols)| draw(rows * cols));
        let inputs: Vec<_> =
            shapes.iter().zip(&numbers).map(|(&(r, c), numbers)| (r, c, &numbers[..])).collect();
        // All programs on the small ones, each in turn on the others.
        for (name, program) in programs
            .iter()
            .enumerate()
            .filter(|(p, _)| g.weight_rows() < 50 || p % 5 == i % 5)
            .map(|(_, p)| p)
        {
            check::gradients(&inputs, |t, v| program(t, v, &g))
                .unwrap_or_else(|e| panic!("{name} {g:?}: {e}"));
            cases += 1;
        }
    }
    assert!(cases > 100, "{cases}");
}

/// A block with a shortcut: one input is used twice, and its gradient arrives in two parts.
#[test]
fn a_residual_block_passes_the_gradient_check() {
    for (images, window) in [
        (Images { batch: 1, height: 4, width: 3, channels: 2 }, Window::new(3, 1, Padding::Same)),
        (Images { batch: 1, height: 3, width: 3, channels: 16 }, Window::new(3, 1, Padding::Same)),
    ] {
        let mut rng = Rng::new(7, "residual");
        let mut draw = |len: usize| -> Vec<f64> { (0..len).map(|_| rng.normal()).collect() };
        let c = images.channels;
        let g = Geometry::new(images, window, c).unwrap();
        let (x, w, v) = (draw(images.rows() * c), draw(9 * c * c), draw(9 * c * c));
        let inputs = [(images.rows(), c, &x[..]), (9 * c, c, &w), (9 * c, c, &v)];
        check::gradients(&inputs, |t, v| {
            let h = op::conv2d(t, v[0], v[1], &g);
            let h = op::conv2d(t, h, v[2], &g);
            let sum = gmp_autograd::op::add(t, h, v[0]);
            op::global_average_pool(t, sum, images.height * images.width)
        })
        .unwrap();
    }
}

#[test]
fn pools_pass_the_gradient_check() {
    for (i, g) in geometries().enumerate() {
        let images = g.input();
        // A permutation: distances between numbers are far beyond the step of the check.
        let len = images.rows() * images.channels;
        let x: Vec<f64> = (0..len).map(|k| ((k * 7919 + i) % 10_007) as f64 * 0.01).collect();
        let inputs = [(images.rows(), images.channels, &x[..])];
        let pool = |t: &mut Tape<f64>, v: &[Var]| {
            let geometry = (g.output().height, g.output().width);
            let (y, out) = op::max_pool(t, v[0], images, g.window()).unwrap();
            assert_eq!((out.height, out.width, out.channels), (geometry.0, geometry.1, images.channels));
            y
        };
        check::gradients(&inputs, pool).unwrap_or_else(|e| panic!("{g:?}: {e}"));
        check::gradients(&inputs, |t, v| op::global_average_pool(t, v[0], images.height * images.width))
            .unwrap();
    }
}

#[test]
fn the_first_of_equals_takes_the_gradient() {
    let images = Images { batch: 1, height: 2, width: 2, channels: 1 };
    let mut tape = Tape::<f32>::new();
    tape.begin(&[]);
    let x = tape.variable(&[1.0, 2.0, 2.0, 2.0], 4, 1);
    let (y, _) = op::max_pool(&mut tape, x, images, Window::new(2, 2, Padding::Valid)).unwrap();
    let loss = gmp_autograd::op::sum(&mut tape, y);
    tape.backward(loss);
    assert_eq!(tape.gradient(x).unwrap().data(), [0.0, 1.0, 0.0, 0.0]);
}

#[test]
#[should_panic(expected = "conv2d: x 4×1, weights 9×2, rows [] do not fit")]
fn mismatched_shapes_panic_with_both() {
    let mut tape = Tape::<f64>::new();
    tape.begin(&[]);
    let (x, w) = (tape.input(&[0.0; 4], 4, 1), tape.input(&[0.0; 18], 9, 2));
    let images = Images { batch: 1, height: 4, width: 4, channels: 1 };
    let g = Geometry::new(images, Window::new(3, 1, Padding::Same), 2).unwrap();
    op::conv2d(&mut tape, x, w, &g);
}

/// Whole numbers, so that every sum is exact; as in the script that made the expected ones.
fn whole(len: usize, step: usize, modulus: usize, shift: f64) -> Vec<f64> {
    (0..len).map(|i| ((i * step) % modulus) as f64 - shift).collect()
}

/// Computed with PyTorch 2.15: `conv2d` of x = (7i mod 11) − 5 and w = (5i mod 7) − 3, both numbered in our
/// order of memory, and its `backward` from dy = (3i mod 5) − 2. Keras' SAME is `pad(x, (0, 1, 0, 1))` here.
#[test]
fn strided_convolutions_are_those_of_pytorch() {
    let images = Images { batch: 1, height: 4, width: 4, channels: 2 };
    let keras: [&[f64]; 3] = [
        &[-2., -38., 28., -7., -9., -10., -13., 4.],
        &[
            8., -2., -5., -1., 3., 3., -1., -5., -3., 8., -2., -5., -4., 3., -4., -1., 3., 1., 6., 4., -2.,
            -8., 9., -2., 2., -4., 4., -2., 8., -5., 2., 2.,
        ],
        &[
            12., 0., -2., -11., -5., 11., -8., 11., -2., -5., 6., -1., 10., 0., -4., -11., -7., 11., 12., 0.,
            -4., -6., 4., -2., 3., 3., -7., 2., 5., -10., 6., 0., -6., 3., 2., -1.,
        ],
    ];
    let pytorch: [&[f64]; 3] = [
        &[32., 18., -25., 7., 9., -22., 5., 20.],
        &[
            -2., -5., -4., 3., -4., -1., -5., -2., 6., 4., -2., -8., 9., -2., 1., -10., 4., -2., 8., -5., 2.,
            2., 2., 2., -4., 4., -7., 8., -5., 2., 2., 2.,
        ],
        &[
            -1., 1., -5., 5., 2., 6., -2., -4., 5., -3., 1., 9., 2., -4., -9., 14., 12., 0., -2., -11., -5.,
            11., -8., 11., 2., -3., 2., -7., 10., 0., -4., -11., -7., 11., 12., 0.,
        ],
    ];
    for (padding, [y, dx, dw]) in [(Padding::Same, keras), (Padding::Symmetric(1), pytorch)] {
        let g = Geometry::new(images, Window::new(3, 2, padding), 2).unwrap();
        let mut tape = Tape::<f64>::new();
        tape.begin(&[]);
        let x = tape.variable(&whole(32, 7, 11, 5.0), 16, 2);
        let w = tape.variable(&whole(36, 5, 7, 3.0), 18, 2);
        let dy = tape.input(&whole(8, 3, 5, 2.0), 4, 2);
        let out = op::conv2d(&mut tape, x, w, &g);
        let product = gmp_autograd::op::mul(&mut tape, out, dy);
        let loss = gmp_autograd::op::sum(&mut tape, product);
        assert_eq!(tape.value(out).data(), y);
        tape.backward(loss);
        assert_eq!(tape.gradient(x).unwrap().data(), dx, "{padding:?}");
        assert_eq!(tape.gradient(w).unwrap().data(), dw, "{padding:?}");
    }
}

/// `max_pool2d(x, 3, 2, 1)` of PyTorch 2.15, with overlapping windows and many equal numbers.
#[test]
fn overlapping_pools_are_those_of_pytorch() {
    let images = Images { batch: 1, height: 5, width: 4, channels: 2 };
    let mut tape = Tape::<f64>::new();
    tape.begin(&[]);
    let x = tape.variable(&whole(40, 7, 11, 5.0), 20, 2);
    let dy = tape.input(&whole(12, 3, 5, 2.0), 6, 2);
    let (y, _) = op::max_pool(&mut tape, x, images, Window::new(3, 2, Padding::Symmetric(1))).unwrap();
    let product = gmp_autograd::op::mul(&mut tape, y, dy);
    let loss = gmp_autograd::op::sum(&mut tape, product);
    assert_eq!(tape.value(y).data(), [-1., 5., 5., 5., 1., 5., 5., 3., 2., 5., 5., 4.]);
    tape.backward(loss);
    let mut expected = [0.0; 40];
    for (i, gradient) in [(3, 3.), (10, -2.), (25, -2.), (31, -1.), (34, 2.), (36, -2.), (39, 1.)] {
        expected[i] = gradient;
    }
    assert_eq!(tape.gradient(x).unwrap().data(), expected);
}

/// More channels than are handled together.
#[test]
fn pools_of_many_channels_agree_with_the_definition() {
    let images = Images { batch: 2, height: 5, width: 6, channels: 130 };
    let mut rng = Rng::new(3, "pools");
    for window in [
        Window::new(3, 2, Padding::Symmetric(1)),
        Window::new(2, 2, Padding::Valid),
        Window::new(3, 1, Padding::Same),
    ] {
        let g = Geometry::new(images, window, images.channels).unwrap();
        let (out, channels) = (g.output(), images.channels);
        let mut draw = |rows: usize| -> Vec<f64> { (0..rows * channels).map(|_| rng.normal()).collect() };
        let (x, dy) = (draw(images.rows()), draw(out.rows()));
        let mut tape = Tape::new();
        tape.begin(&[]);
        let (input, weights) =
            (tape.variable(&x, images.rows(), channels), tape.input(&dy, out.rows(), channels));
        let (y, _) = op::max_pool(&mut tape, input, images, window).unwrap();
        let product = gmp_autograd::op::mul(&mut tape, y, weights);
        let loss = gmp_autograd::op::sum(&mut tape, product);
        tape.backward(loss);

        let before = match window.padding {
            Padding::Valid => 0,
            _ => 1,
        };
        let (mut expected, mut gradient) = (vec![f64::NEG_INFINITY; dy.len()], vec![0.0; x.len()]);
        for (at, dy) in dy.iter().enumerate() {
            let (pixel, channel) = (at / channels, at % channels);
            let (image, row, col) =
                (pixel / (out.height * out.width), pixel / out.width % out.height, pixel % out.width);
            let mut largest = 0;
            for (i, j) in (0..window.size * window.size).map(|k| (k / window.size, k % window.size)) {
                let (h, w) = (row * window.stride + i, col * window.stride + j);
                if (before..images.height + before).contains(&h)
                    && (before..images.width + before).contains(&w)
                {
                    let from = (image * images.height + h - before) * images.width + w - before;
                    if x[from * channels + channel] > expected[at] {
                        largest = from * channels + channel;
                        expected[at] = x[largest];
                    }
                }
            }
            gradient[largest] += dy;
        }
        assert_eq!(tape.value(y).data(), expected, "{window:?}");
        let found = tape.gradient(input).unwrap().data();
        assert!(found.iter().zip(&gradient).all(|(a, b)| (a - b).abs() < 1e-12), "{window:?}");
    }
}

/// Passes like an earlier one use its memory, the work area included.
#[test]
fn a_second_pass_needs_no_more_memory() {
    let mut tape = Tape::<f32>::new();
    let mut capacities = Vec::new();
    for _ in 0..3 {
        tape.begin(&[]);
        let images = Images { batch: 2, height: 9, width: 9, channels: 16 };
        let mut h = tape.variable(&[0.5; 2 * 81 * 16], 162, 16);
        for (size, stride) in [(3, 1), (3, 2)] {
            let g = Geometry::new(images, Window::new(size, stride, Padding::Same), 16).unwrap();
            let w = tape.variable(&vec![0.1; g.weight_rows() * 16], g.weight_rows(), 16);
            h = op::conv2d(&mut tape, h, w, &g);
        }
        let loss = gmp_autograd::op::sum(&mut tape, h);
        tape.backward(loss);
        capacities.push(tape.capacity());
    }
    assert!(
        capacities[0] > 0 && capacities[1] == capacities[0] && capacities[2] == capacities[0],
        "{capacities:?}"
    );
}

/// Large enough that every part, the pool and the pass over the output's gradient included, is shared out.
#[test]
fn the_same_bits_at_any_thread_count() {
    let images = Images { batch: 5, height: 76, width: 76, channels: 3 };
    let g = Geometry::new(images, Window::new(3, 1, Padding::Same), 40).unwrap();
    let mut rng = Rng::new(3, "threads");
    let mut draw = |len: usize| -> Vec<f32> { (0..len).map(|_| rng.normal() as f32).collect() };
    let (x, w, b, r) = (draw(images.rows() * 3), draw(27 * 40), draw(40), draw(40));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut tape = Tape::<f32>::new();
            tape.begin(&[]);
            let operands = [(&x, 3), (&w, 40), (&b, 40), (&r, 40)];
            let v = operands.map(|(numbers, cols)| tape.variable(numbers, numbers.len() / cols, cols));
            let y = op::scaled_conv2d(&mut tape, v, &g, Activation::Relu);
            let (y, _) = op::max_pool(&mut tape, y, g.output(), Window::new(2, 2, Padding::Valid)).unwrap();
            let loss = gmp_autograd::op::mean(&mut tape, y);
            tape.backward(loss);
            let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            let mut results = vec![bits(tape.value(y).data())];
            results.extend(v.iter().map(|&v| bits(tape.gradient(v).unwrap().data())));
            results
        })
    };
    let one = run(1);
    for threads in [2, 3, 4] {
        assert!(run(threads) == one, "{threads} threads");
    }
}
