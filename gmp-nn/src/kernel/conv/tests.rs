//! Every kernel against the definition, in both precisions, and against itself on other numbers of threads.

use super::*;
use crate::Rng;
use crate::kernel::parallel;
use gmp_math::Scalar;

const PADDINGS: [Padding; 5] = [
    Padding::Valid,
    Padding::Same,
    Padding::Symmetric(1),
    Padding::Symmetric(2),
    // With a window of 7 and a stride of 2, the stem of ResNet.
    Padding::Symmetric(3),
];

/// Sizes of an image and of its convolution: odd ones, and more than a tile, a line and a chunk of each.
fn geometries() -> Vec<Geometry> {
    let mut geometries = Vec::new();
    let images = [
        (1, 4, 4, 16),
        (2, 7, 5, 3),
        (3, 9, 13, 17),
        (1, 6, 6, 300),
        (2, 33, 20, 20),
        (1, 1, 1, 2),
        (2, 3, 70, 5),
    ];
    for (i, (batch, height, width, channels)) in images.into_iter().enumerate() {
        for size in [1, 2, 3, 4, 7] {
            for (j, stride) in [1, 2, 3].into_iter().enumerate() {
                let filters = [16, 5, 33, 20, 1, 19, 40][(i + j + size) % 7];
                for padding in PADDINGS {
                    let images = Images { batch, height, width, channels };
                    geometries.extend(Geometry::new(images, Window { size, stride, padding }, filters).ok());
                }
            }
        }
    }
    assert!(geometries.len() > 200);
    geometries
}

struct Case {
    x: Vec<f64>,
    w: Vec<f64>,
    dy: Vec<f64>,
}

fn draw(g: &Geometry) -> Case {
    let mut rng = Rng::new(g.multiplications() as u64, "convolution");
    let mut draw = |len: usize| -> Vec<f64> { (0..len).map(|_| rng.normal()).collect() };
    let (c, n) = (g.input.channels, g.output.channels);
    Case { x: draw(g.input.rows() * c), w: draw(g.weight_rows() * n), dy: draw(g.output.rows() * n) }
}

fn round<T: Scalar>(x: &[f64]) -> Vec<T> {
    x.iter().map(|&x| T::from_f64(x)).collect()
}

/// Results of the three passes by one family of kernels, each added to `before`.
fn three_passes<T: Element>(g: &Geometry, case: &Case, winograd: bool, before: Option<f64>) -> [Vec<T>; 3] {
    let (x, w, dy) = (round::<T>(&case.x), round::<T>(&case.w), round::<T>(&case.dy));
    let start = T::from_f64(before.unwrap_or(f64::NAN));
    let (mut y, mut dx, mut dw) = (vec![start; dy.len()], vec![start; x.len()], vec![start; w.len()]);
    // Too short, and full of what must not be read.
    let mut scratch = vec![T::from_f64(f64::NAN); 1000];
    let add = before.is_some();
    let finish = Finish::plain(add);
    if winograd {
        let (there, back) = (Tiling::forward(g), Tiling::data_gradient(g));
        winograd::correlate(&there, &x, &w, false, [&mut y, &mut []], finish, &mut scratch);
        winograd::correlate(&back, &dy, &w, true, [&mut dx, &mut []], finish, &mut scratch);
        winograd::weight_gradient(&there, &x, &dy, &mut dw, add, &mut scratch);
    } else {
        shifted::forward(g, &x, &w, [&mut y, &mut []], finish, &mut scratch);
        shifted::data_gradient(g, &dy, &w, &mut dx, add, &mut scratch);
        shifted::weight_gradient(g, &x, &dy, &mut dw, add, &mut scratch);
    }
    [y, dx, dw]
}

fn naive_passes(g: &Geometry, case: &Case) -> [Vec<f64>; 3] {
    [
        naive::forward(g, &case.x, &case.w),
        naive::data_gradient(g, &case.dy, &case.w),
        naive::weight_gradient(g, &case.x, &case.dy),
    ]
}

fn can_be_winograd(g: &Geometry) -> bool {
    g.window.size == 3 && g.window.stride == 1
}

fn compare<T: Element>(g: &Geometry, winograd: bool, before: Option<f64>, units: f64) {
    let case = draw(g);
    let expected = naive_passes(g, &case);
    let got = three_passes::<T>(g, &case, winograd, before);
    for (pass, (got, expected)) in
        ["forward", "data gradient", "weight gradient"].iter().zip(got.iter().zip(&expected))
    {
        // Sums of this many standard normal products, and as many roundings of numbers of their root's size.
        let terms = match *pass {
            "forward" => g.weight_rows(),
            "data gradient" => g.window.size * g.window.size * g.output.channels,
            _ => g.output.rows(),
        };
        let allowed = units * T::EPSILON.to_f64() * (terms as f64).max(16.0);
        for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
            let off = (got.to_f64() - expected - before.unwrap_or(0.0)).abs();
            // A NaN is off too.
            assert!(
                off <= allowed,
                "{pass} of {g:?}, element {i}: {got} for {expected}, more than {allowed:e} off"
            );
        }
    }
}

#[test]
fn shifted_views_agree_with_the_definition() {
    for (i, g) in geometries().iter().enumerate() {
        let before = (i % 2 == 0).then_some(0.75);
        compare::<f64>(g, false, before, 4.0);
        compare::<f32>(g, false, before, 4.0);
    }
}

/// As the table in `mod.rs` says.
#[test]
fn winograd_is_for_3x3_windows_of_stride_1_with_enough_channels() {
    let images = |channels| Images { batch: 2, height: 9, width: 8, channels };
    let suits = |channels, window, filters| {
        suits_winograd(&Geometry::new(images(channels), window, filters).unwrap())
    };
    for padding in [Padding::Valid, Padding::Same, Padding::Symmetric(1), Padding::Symmetric(2)] {
        let window = Window::new(3, 1, padding);
        assert!(suits(16, window, 16) && suits(300, window, 17), "{padding:?}");
        assert!(!suits(15, window, 16) && !suits(16, window, 15), "{padding:?}");
    }
    for (size, stride) in [(1, 1), (2, 1), (4, 1), (7, 1), (3, 2), (3, 3)] {
        assert!(!suits(64, Window::new(size, stride, Padding::Same), 64), "{size}, {stride}");
    }
}

#[test]
fn winograd_agrees_with_the_definition() {
    let mut cases = 0;
    for (i, g) in geometries().iter().filter(|g| can_be_winograd(g)).enumerate() {
        let before = (i % 2 == 0).then_some(0.75);
        compare::<f64>(g, true, before, 20.0);
        compare::<f32>(g, true, before, 20.0);
        cases += 1;
    }
    assert!(cases >= 20);
}

/// More tiles than a band of the weight gradient has, an odd number of them in a piece, and more channels than are summed
/// before the result goes to memory, where there are many tiles.
#[test]
fn winograd_agrees_beyond_its_bands_and_panels() {
    for (height, width, channels, filters) in [(32, 36, 17, 16), (12, 12, 300, 17), (12, 12, 17, 300)] {
        let images = Images { batch: 2, height, width, channels };
        let g = Geometry::new(images, Window::new(3, 1, Padding::Same), filters).unwrap();
        compare::<f64>(&g, true, Some(0.75), 20.0);
        compare::<f32>(&g, true, None, 20.0);
    }
}

/// Root mean square and largest error in f32, in units of the results' own root mean square.
fn errors(g: &Geometry, winograd: bool) -> [[f64; 2]; 3] {
    // Exact in f32, so that only the arithmetic is measured.
    let mut case = draw(g);
    for numbers in [&mut case.x, &mut case.w, &mut case.dy] {
        numbers.iter_mut().for_each(|x| *x = f64::from(*x as f32));
    }
    let (expected, got) = (naive_passes(g, &case), three_passes::<f32>(g, &case, winograd, None));
    std::array::from_fn(|pass| {
        let expected = &expected[pass];
        let size = (expected.iter().map(|x| x * x).sum::<f64>() / expected.len() as f64).sqrt();
        let off = || got[pass].iter().zip(expected).map(|(&got, &x)| (f64::from(got) - x).abs() / size);
        [(off().map(|off| off * off).sum::<f64>() / expected.len() as f64).sqrt(), off().fold(0.0, f64::max)]
    })
}

#[test]
fn the_error_of_winograd_is_as_documented() {
    let images = Images { batch: 2, height: 16, width: 16, channels: 64 };
    let g = Geometry::new(images, Window::new(3, 1, Padding::Same), 64).unwrap();
    let (direct, winograd) = (errors(&g, false), errors(&g, true));
    for pass in 0..3 {
        println!("pass {pass}: direct {:?}, Winograd {:?}", direct[pass], winograd[pass]);
        assert!(direct[pass][0] < 6e-7 && direct[pass][1] < 5e-6, "direct: {:?}", direct[pass]);
        assert!(winograd[pass][0] < 2e-6 && winograd[pass][1] < 2e-5, "Winograd: {:?}", winograd[pass]);
    }
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let window = |size, stride| Window::new(size, stride, Padding::Same);
    let images = |batch, side, channels| Images { batch, height: side, width: side, channels };
    let cases = [
        (Geometry::new(images(5, 26, 48), window(3, 1), 64), true),
        (Geometry::new(images(5, 26, 48), window(3, 2), 130), false),
        (Geometry::new(images(5, 60, 3), window(7, 2), 64), false),
        (Geometry::new(images(3, 11, 200), window(3, 1), 330), true),
    ];
    for (g, winograd) in cases {
        let g = g.unwrap();
        assert!(g.multiplications() > 4 * parallel::MULTIPLICATIONS);
        let case = draw(&g);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let passes = pool.install(|| three_passes::<f32>(&g, &case, winograd, None));
            passes.map(|numbers| numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        };
        let one = run(1);
        for threads in [2, 3, 4] {
            assert!(run(threads) == one, "{g:?} differs at {threads} threads");
        }
    }
}

#[test]
fn small_images_with_many_channels_agree_over_several_bands() {
    // 68 tiles, where a band has 64, and a last task of fewer blocks of filters.
    let images = Images { batch: 17, height: 7, width: 7, channels: 300 };
    let g = Geometry::new(images, Window::new(3, 1, Padding::Same), 310).unwrap();
    let case = draw(&g);
    for before in [None, Some(0.75)] {
        let (winograd, direct) =
            (three_passes::<f64>(&g, &case, true, before), three_passes::<f64>(&g, &case, false, before));
        for (winograd, direct) in winograd.iter().flatten().zip(direct.iter().flatten()) {
            assert!((winograd - direct).abs() < 1e-10, "{winograd} for {direct}");
        }
    }
}

#[test]
fn an_empty_batch_is_no_work() {
    for winograd in [false, true] {
        let images = Images { batch: 0, height: 8, width: 8, channels: 16 };
        let g = Geometry::new(images, Window::new(3, 1, Padding::Same), 16).unwrap();
        let [y, dx, dw] = three_passes::<f64>(&g, &draw(&g), winograd, None);
        assert!(y.is_empty() && dx.is_empty() && dw.iter().all(|&dw| dw == 0.0));
    }
}

#[test]
fn sizes_are_those_of_keras_and_pytorch() {
    let output = |extent, size, stride, padding| Window { size, stride, padding }.positions(extent);
    // TensorFlow pads 224 by 2 + 3 for a 7×7 kernel of stride 2, and 5 by 1 + 1 for 3×3 of stride 2.
    assert_eq!(output(224, 7, 2, Padding::Same), Ok((112, 2)));
    assert_eq!(output(5, 3, 2, Padding::Same), Ok((3, 1)));
    assert_eq!(output(32, 3, 2, Padding::Same), Ok((16, 0)));
    assert_eq!(output(224, 7, 2, Padding::Symmetric(3)), Ok((112, 3)));
    assert_eq!(output(112, 3, 2, Padding::Symmetric(1)), Ok((56, 1)));
    assert_eq!(output(9, 2, 2, Padding::Valid), Ok((4, 0)));
    assert_eq!(output(7, 1, 3, Padding::Same), Ok((3, 0)));
    assert_eq!(
        output(2, 5, 1, Padding::Valid),
        Err(GeometryError::TooLarge { size: 5, extent: 2, padding: 0 })
    );
    assert_eq!(
        output(8, 3, 1, Padding::Symmetric(3)),
        Err(GeometryError::TooMuchPadding { padding: 3, size: 3 })
    );
    assert_eq!(output(8, 3, 0, Padding::Valid), Err(GeometryError::Zero { what: "the stride" }));
    let huge = Images { batch: usize::MAX / 2, height: 8, width: 8, channels: 1 };
    assert_eq!(Geometry::new(huge, Window::new(3, 1, Padding::Same), 1), Err(GeometryError::TooMany(huge)));
}
