//! Every activation: against PyTorch and exact numbers, in every operation, in place and on several threads.

use gmp_autograd::{Mat, Tape, Var, check};
use gmp_math::Scalar;
use gmp_nn::activation::{Pointwise, Reads};
use gmp_nn::conv::{Geometry, Images, Padding, Window};
use gmp_nn::op;
use gmp_nn::{Activation, Rng};
use serde_json::Value;

/// (eᶻ − 1)·α below 0: an activation from outside the crate.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Elu {
    alpha: f64,
}

impl Pointwise for Elu {
    const NAME: &'static str = "elu";
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = false;
    const KINKS: &'static [f64] = &[0.0];
    #[inline(always)]
    fn value<T: Scalar>(self, z: T) -> T {
        if z > T::ZERO { z } else { T::from_f64(self.alpha) * z.exp_m1() }
    }
    #[inline(always)]
    fn slope<T: Scalar>(self, y: T) -> T {
        if y > T::ZERO { T::ONE } else { y + T::from_f64(self.alpha) }
    }
}

fn all() -> impl Iterator<Item = Activation> {
    let others = [Activation::LeakyRelu { slope: -0.5 }, Activation::Custom(&Elu { alpha: 0.5 })];
    Activation::ALL.into_iter().chain(others)
}

struct Fixture {
    activation: Activation,
    exact: [Vec<f64>; 2],
    torch: Value,
}

/// The points, and the values and slopes of every activation there. `fixtures/activations.py` made them.
fn fixtures() -> (Vec<f64>, Vec<Fixture>) {
    let mut file: Value = serde_json::from_str(include_str!("fixtures/activations.json")).unwrap();
    let points = serde_json::from_value(file["points"].take()).unwrap();
    let read = |case: &Value| Fixture {
        activation: serde_json::from_value(case["activation"].clone()).unwrap(),
        exact: values_and_slopes(&case["exact"]),
        torch: case.clone(),
    };
    (points, file["activations"].as_array().unwrap().iter().map(read).collect())
}

fn values_and_slopes(case: &Value) -> [Vec<f64>; 2] {
    ["values", "slopes"].map(|key| serde_json::from_value(case[key].clone()).unwrap())
}

/// Values agree to a few units in the last place, slopes (which are between −1 and 1.2) to as many of 1.
fn compare<T: Scalar>(precision: &str) {
    let epsilon = T::EPSILON.to_f64();
    let (points, fixtures) = fixtures();
    assert_eq!(fixtures.len(), Activation::ALL.len());
    for Fixture { activation, exact, torch } in fixtures {
        let torch = values_and_slopes(&torch[precision]);
        for (i, &point) in points.iter().enumerate() {
            let z = T::from_f64(point);
            assert_eq!(z.to_f64(), point, "a point that single precision has");
            let (y, slope) = (activation.value(z).to_f64(), activation.slope(z).to_f64());
            let what = format!("{activation} at {point:e} in {precision}");

            // In GELU's tail, a relative error of z is z² times as large one of the result.
            let is_tail = activation == Activation::Gelu && point < 0.0;
            let ulps = if is_tail { 4.0 + point * point } else { 4.0 };
            // A reciprocal that overflows is 0, where the number itself is below the smallest normal one.
            let allowed = ulps * epsilon * exact[0][i].abs() + T::MIN_POSITIVE.to_f64();
            assert!((y - exact[0][i]).abs() <= allowed, "{what}: {y:e} for {:e}", exact[0][i]);
            assert!(
                (slope - exact[1][i]).abs() <= 4.0 * epsilon,
                "{what}: slope {slope:e} for {:e}",
                exact[1][i]
            );

            let allowed = 4.0 * epsilon * point.abs().max(1.0);
            assert!((y - torch[0][i]).abs() <= allowed, "{what}: {y:e}, by PyTorch {:e}", torch[0][i]);
            assert!(
                (slope - torch[1][i]).abs() <= allowed,
                "{what}: slope {slope:e}, by PyTorch {:e}",
                torch[1][i]
            );
        }
    }
}

#[test]
fn values_and_slopes_are_exact_and_those_of_pytorch() {
    compare::<f32>("float32");
    compare::<f64>("float64");
}

/// An operation with an activation: its inputs' shapes, and whether the last is a scale behind the activation.
struct Unit {
    name: &'static str,
    shapes: Vec<(usize, usize)>,
    is_scaled: bool,
    program: fn(&mut Tape<f64>, &[Var], Activation) -> Var,
}

fn geometry() -> Geometry {
    let images = Images { batch: 2, height: 4, width: 3, channels: 2 };
    Geometry::new(images, Window::new(3, 1, Padding::Same), 3).unwrap()
}

fn units() -> [Unit; 6] {
    let dense = vec![(5, 4), (4, 3), (1, 3), (1, 3)];
    let convolution = vec![(24, 2), (18, 3), (1, 3), (1, 3)];
    let unit =
        |name, shapes: &[_], is_scaled, program| Unit { name, shapes: shapes.to_vec(), is_scaled, program };
    [
        unit("affine", &dense[..3], false, |t, v, a| op::affine(t, v[0], v[1], v[2], a)),
        unit("scaled_affine", &dense, true, |t, v, a| op::scaled_affine(t, v[0], v[1], v[2], v[3], a)),
        unit("conv2d_bias", &convolution[..3], false, |t, v, a| {
            op::conv2d_bias(t, [v[0], v[1], v[2]], &geometry(), a)
        }),
        unit("scaled_conv2d", &convolution, true, |t, v, a| {
            op::scaled_conv2d(t, [v[0], v[1], v[2], v[3]], &geometry(), a)
        }),
        unit("batch_norm", &[(6, 3), (1, 3), (1, 3)], false, |t, v, a| {
            op::batch_norm(t, [v[0], v[1], v[2]], 1e-3, a, |_, _| ())
        }),
        unit("mean_norm", &[(6, 3)], false, |t, v, a| op::mean_norm(t, v[0], a, |_| ())),
    ]
}

impl Unit {
    fn run(&self, tape: &mut Tape<f64>, numbers: &[Vec<f64>], activation: Activation) -> Vec<f64> {
        tape.begin(&[]);
        let shapes = self.shapes.iter().zip(numbers);
        let v: Vec<Var> = shapes.map(|(&(rows, cols), x)| tape.variable(x, rows, cols)).collect();
        let y = (self.program)(tape, &v, activation);
        tape.value(y).data().to_vec()
    }

    /// Random inputs whose pre-activations are away from the kinks, where central differences fail.
    fn inputs(&self, activation: Activation) -> Vec<Vec<f64>> {
        let mut tape = Tape::new();
        let draw = |seed| {
            let mut rng = Rng::new(seed, self.name);
            let numbers = self.shapes.iter().map(|(r, c)| (0..r * c).map(|_| rng.normal()).collect());
            numbers.collect::<Vec<Vec<f64>>>()
        };
        let is_away = |numbers: &Vec<Vec<f64>>| {
            let output = self.run(&mut tape, numbers, Activation::Identity);
            let one = [1.0];
            let scale = if self.is_scaled { &numbers[3][..] } else { &one };
            let mut z = output.iter().zip(scale.iter().cycle()).map(|(y, r)| y / r);
            z.all(|z| activation.kinks().iter().all(|kink| (z - kink).abs() > 1e-3))
        };
        (1..100).map(draw).find(is_away).expect("a draw away from the kinks")
    }
}

#[test]
fn every_activation_passes_the_gradient_check_in_every_operation() {
    for activation in all() {
        for unit in units() {
            let numbers = unit.inputs(activation);
            let inputs: Vec<_> =
                unit.shapes.iter().zip(&numbers).map(|(&(r, c), x)| (r, c, x.as_slice())).collect();
            if let Err(mismatch) = check::gradients(&inputs, |t, v| (unit.program)(t, v, activation)) {
                panic!("{activation} in {}: {mismatch}", unit.name);
            }
        }
    }
}

/// The linear part, then the activation, then the scale, whether one kernel or several operations.
#[test]
fn every_operation_applies_the_activation_to_its_linear_part() {
    for activation in all() {
        for unit in units() {
            let numbers = unit.inputs(activation);
            let mut tape = Tape::new();
            let mut unscaled = numbers.clone();
            if unit.is_scaled {
                unscaled[3].fill(1.0);
            }
            let z = unit.run(&mut tape, &unscaled, Activation::Identity);
            let y = unit.run(&mut tape, &numbers, activation);
            let scale = unit.is_scaled.then(|| &numbers[3]);
            for (i, (&z, &y)) in z.iter().zip(&y).enumerate() {
                let expected = activation.value(z) * scale.map_or(1.0, |r| r[i % 3]);
                assert_eq!(y, expected, "{activation} in {}, number {i}", unit.name);
            }
        }
    }
}

/// What reads its output takes the memory of the linear part before it, and keeps its own from the normalization behind
/// it; with what reads its input it is the other way round. The numbers are the same.
#[test]
fn memory_is_handed_on_where_no_backward_pass_reads_it() {
    let read_output = ["relu", "hard_tanh", "tanh", "sigmoid", "softplus", "elu"];
    let mut rng = Rng::new(1, "in place");
    let mut draw = |len: usize| -> Vec<f64> { (0..len).map(|_| rng.normal()).collect() };
    let (x, w, b) = (draw(7 * 5), draw(5 * 6), draw(6));
    for activation in all().filter(|&a| a != Activation::Identity) {
        let run = |hand_over: fn(Var) -> Var| {
            let mut tape = Tape::new();
            let mut pass = || {
                tape.begin(&[]);
                let v = [tape.variable(&x, 7, 5), tape.variable(&w, 5, 6), tape.variable(&b, 1, 6)];
                let place = |tape: &Tape<f64>, v| tape.value(v).data().as_ptr();
                let z = op::affine(&mut tape, v[0], v[1], v[2], Activation::Identity);
                let of_linear = place(&tape, z);
                let y = op::activation(&mut tape, hand_over(z), activation);
                let of_activation = place(&tape, y);
                let centered = op::mean_norm(&mut tape, hand_over(y), Activation::Identity, |_| ());
                let in_place = [of_activation == of_linear, place(&tape, centered) == of_activation];
                let value = tape.value(centered).data().to_vec();
                let square = gmp_autograd::op::mul(&mut tape, centered, centered);
                let loss = gmp_autograd::op::sum(&mut tape, square);
                tape.backward(loss);
                let gradients = v.map(|v| tape.gradient(v).unwrap().data().to_vec());
                (in_place, (value, gradients))
            };
            // The second pass finds all memory there, and every result at the same place.
            pass();
            pass()
        };
        let ((apart, expected), (together, found)) = (run(|z| z), run(Var::last_use));
        assert_eq!(found, expected, "{activation}");
        let reads_output = read_output.contains(&activation.name());
        assert_eq!((apart, together), ([false; 2], [reads_output, !reads_output]), "{activation}");
    }
}

/// The bits of the result and of the gradient of x, which is used twice, for given gradients of the result.
fn bits<T: Scalar>(x: Mat<'_, T>, dy: &[T], activate: impl Fn(&mut Tape<T>, Var) -> Var) -> [Vec<u64>; 2] {
    let mut tape = Tape::new();
    tape.begin(&[]);
    let (rows, cols) = (x.rows(), x.cols());
    let (x, dy) = (tape.variable(x.data(), rows, cols), tape.input(dy, rows, cols));
    let y = activate(&mut tape, x);
    let once = gmp_autograd::op::mul(&mut tape, y, dy);
    let twice = gmp_autograd::op::mul(&mut tape, x, dy);
    let sums = [once, twice].map(|product| gmp_autograd::op::sum(&mut tape, product));
    let loss = gmp_autograd::op::add(&mut tape, sums[0], sums[1]);
    tape.backward(loss);
    let numbers = [tape.value(y).data(), tape.gradient(x).unwrap().data()];
    numbers.map(|numbers| numbers.iter().map(|x| x.to_f64().to_bits()).collect())
}

/// Enough numbers for several threads, and no whole number of chunks.
#[test]
fn the_bits_do_not_depend_on_the_threads() {
    fn run<T: Scalar>() {
        const ROWS: usize = 8001;
        const COLUMNS: usize = 40;
        let mut rng = Rng::new(1, "threads");
        let mut draw = || (0..ROWS * COLUMNS).map(|_| T::from_f64(3.0 * rng.normal())).collect::<Vec<_>>();
        let (x, dy) = (draw(), draw());
        for activation in all() {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let x = Mat::new(&x, ROWS, COLUMNS);
                pool.install(|| bits(x, &dy, |tape, x| op::activation(tape, x, activation)))
            };
            let one = on(1);
            for threads in [2, 3] {
                assert!(on(threads) == one, "{activation} in {} on {threads} threads", T::NAME);
            }
        }
    }
    run::<f32>();
    run::<f64>();
}

#[test]
fn relu_is_that_of_autograd_to_the_last_bit() {
    let special = [0.0, -0.0, 1.5, -1.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, -5e-324];
    let pairs = special.iter().flat_map(|&x| special.map(|dy| (x, dy)));
    let (x, dy): (Vec<f64>, Vec<f64>) = pairs.unzip();
    let x = Mat::new(&x, 9, 9);
    let once = |activate: fn(&mut Tape<f64>, Var) -> Var| {
        let mut tape = Tape::new();
        tape.begin(&[]);
        let (x, dy) = (tape.variable(x.data(), 9, 9), tape.input(&dy, 9, 9));
        let y = activate(&mut tape, x);
        let product = gmp_autograd::op::mul(&mut tape, y, dy);
        let loss = gmp_autograd::op::sum(&mut tape, product);
        tape.backward(loss);
        let numbers = [tape.value(y).data(), tape.gradient(x).unwrap().data()];
        numbers.map(|numbers| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
    };
    let here = |tape: &mut Tape<f64>, x| op::activation(tape, x, Activation::Relu);
    assert_eq!(once(here), once(gmp_autograd::op::relu));
    assert_eq!(bits(x, &dy, here), bits(x, &dy, gmp_autograd::op::relu));
}
