//! Every operation of this crate against central differences, in shapes that take each of its paths.

use gmp_autograd::{Tape, Var, check};
use gmp_math::simd::{self, Arm};
use gmp_nn::conv::{Geometry, Images, Padding, Window};
use gmp_nn::op::{self, Activation};
use gmp_nn::{Element, Rng};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

type Case = (&'static str, Program, Vec<(usize, usize)>);
type Program = Box<dyn Fn(&mut Tape<f64>, &[Var]) -> Var>;

/// Name, program, and shapes of the inputs for m samples, k inputs, n units. A new operation is one line here.
fn ops(m: usize, k: usize, n: usize) -> Vec<Case> {
    use Activation::{Identity, Relu};
    let dense = vec![(m, k), (k, n), (1, n)];
    let scaled = vec![(m, k), (k, n), (1, n), (1, n)];
    let norm = vec![(m, n), (1, n), (1, n)];
    vec![
        ("affine", Box::new(|t, v| op::affine(t, v[0], v[1], v[2], Identity)), dense.clone()),
        ("affine_relu", Box::new(|t, v| op::affine(t, v[0], v[1], v[2], Relu)), dense),
        (
            "scaled_affine",
            Box::new(|t, v| op::scaled_affine(t, v[0], v[1], v[2], v[3], Identity)),
            scaled.clone(),
        ),
        ("scaled_affine_relu", Box::new(|t, v| op::scaled_affine(t, v[0], v[1], v[2], v[3], Relu)), scaled),
        ("direction", Box::new(|t, v| op::direction(t, v[0])), vec![(k, n)]),
        ("weight_norm", Box::new(|t, v| op::weight_norm(t, v[0], v[1])), vec![(k, n), (1, n)]),
        (
            "batch_norm",
            Box::new(|t, v| op::batch_norm(t, [v[0], v[1], v[2]], 1e-3, Identity, |_, _| ())),
            norm.clone(),
        ),
        (
            "batch_norm_relu",
            Box::new(|t, v| op::batch_norm(t, [v[0], v[1], v[2]], 1e-3, Relu, |_, _| ())),
            norm,
        ),
        ("mean_norm", Box::new(|t, v| op::mean_norm(t, v[0], Identity, |_| ())), vec![(m, n)]),
        ("mean_norm_relu", Box::new(|t, v| op::mean_norm(t, v[0], Relu, |_| ())), vec![(m, n)]),
        ("layer_norm", Box::new(|t, v| op::layer_norm(t, v[0], 1e-3)), vec![(m, n)]),
        // The second use adds to the gradient of the first.
        (
            "flatten",
            Box::new(move |t, v| {
                let flat = op::flatten(t, v[0], k);
                let other = op::flatten(t, v[0].shared(), k);
                gmp_autograd::op::mul(t, flat, other)
            }),
            vec![(m * k, n)],
        ),
    ]
}

fn check_all(m: usize, k: usize, n: usize, seed: u64) {
    for (name, program, shapes) in ops(m, k, n) {
        let mut rng = Rng::new(seed, name);
        let numbers: Vec<Vec<f64>> =
            shapes.iter().map(|(r, c)| (0..r * c).map(|_| rng.normal()).collect()).collect();
        let inputs: Vec<_> = shapes.iter().zip(&numbers).map(|(&(r, c), x)| (r, c, x.as_slice())).collect();
        if let Err(mismatch) = check::gradients(&inputs, &program) {
            panic!("{name} on {m} samples, {k} inputs, {n} units: {mismatch}");
        }
    }
}

/// The same cases on every run: a random pre-activation within 1e-6 of a kink, where central differences
/// fail, is too likely over thousands of runs.
fn deterministic() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..deterministic() })]
    #[test]
    fn every_op_passes_the_gradient_check(m in 1..9usize, k in 1..9usize, n in 1..9usize, seed: u64) {
        check_all(m, k, n, seed);
    }
}

/// More rows than are finished at a time, more columns than a block on the stack, one output, one input.
#[test]
fn every_op_passes_the_gradient_check_beyond_its_blocks() {
    for (m, k, n) in [(70, 3, 70), (3, 2, 150), (40, 30, 1), (25, 1, 20)] {
        check_all(m, k, n, 1);
    }
}

/// Layers in a row reach the path that differentiates with respect to activations, and assigns or adds.
#[test]
fn two_layers_and_a_shared_input() {
    let mut rng = Rng::new(2, "two layers");
    let mut draw = |len: usize| -> Vec<f64> { (0..len).map(|_| rng.normal()).collect() };
    let (x, w1, b1, w2, b2) = (draw(7 * 5), draw(5 * 6), draw(6), draw(6 * 5), draw(5));
    let inputs = [(7, 5, &x[..]), (5, 6, &w1), (1, 6, &b1), (6, 5, &w2), (1, 5, &b2)];
    check::gradients(&inputs, |t, v| {
        let h = op::affine(t, v[0], v[1], v[2], Activation::Relu);
        let y = op::affine(t, h, v[3], v[4], Activation::Identity);
        gmp_autograd::op::add(t, y, v[0])
    })
    .unwrap();
}

/// Units whose way back does not need their output give its memory to the mean-only normalization; the others keep it.
/// The numbers are the same.
#[test]
fn normalizing_in_place_changes_no_bit() {
    let images = Images { batch: 3, height: 5, width: 4, channels: 2 };
    let g = Geometry::new(images, Window::new(3, 1, Padding::Same), 6).unwrap();
    let shapes = [(images.rows(), 2), (g.weight_rows(), 6), (2, 6), (1, 6), (1, 6)];
    let mut rng = Rng::new(4, "in place");
    let numbers = shapes.map(|(r, c)| (0..r * c).map(|_| rng.normal()).collect::<Vec<f64>>());
    type Unit = fn(&mut Tape<f64>, [Var; 5], &Geometry, Activation) -> Var;
    let units: [(&str, bool, Unit); 7] = [
        ("conv2d", false, |t, [x, w, ..], g, _| op::conv2d(t, x, w, g)),
        ("conv2d_bias", true, |t, [x, w, _, b, _], g, a| op::conv2d_bias(t, [x, w, b], g, a)),
        ("scaled_conv2d", false, |t, [x, w, _, b, r], g, a| op::scaled_conv2d(t, [x, w, b, r], g, a)),
        ("affine", true, |t, [x, _, w, b, _], _, a| op::affine(t, x, w, b, a)),
        ("scaled_affine", false, |t, [x, _, w, b, r], _, a| op::scaled_affine(t, x, w, b, r, a)),
        ("batch_norm", false, |t, [x, _, w, b, r], _, a| {
            let z = op::affine(t, x, w, b, Activation::Identity);
            op::batch_norm(t, [z, r, b], 1e-3, a, |_, _| ())
        }),
        ("mean_norm", true, |t, [x, _, w, b, _], _, a| {
            let z = op::affine(t, x, w, b, Activation::Identity);
            op::mean_norm(t, z, a, |_| ())
        }),
    ];
    for (name, rectifier_reads, unit) in units {
        for (inner, outer) in [Activation::Identity, Activation::Relu]
            .into_iter()
            .flat_map(|a| [(a, Activation::Identity), (a, Activation::Relu)])
        {
            let run = |hand_over: fn(Var) -> Var| {
                let mut tape = Tape::new();
                let mut pass = || {
                    tape.begin(&[]);
                    let mut inputs = shapes.iter().zip(&numbers);
                    let v = [(); 5].map(|()| {
                        let (&(rows, cols), numbers) = inputs.next().unwrap();
                        tape.variable(numbers, rows, cols)
                    });
                    let z = unit(&mut tape, v, &g, inner);
                    let place = tape.value(z).data().as_ptr();
                    let y = op::mean_norm(&mut tape, hand_over(z), outer, |_| ());
                    let (value, is_in_place) =
                        (tape.value(y).data().to_vec(), tape.value(y).data().as_ptr() == place);
                    // Not the mean, whose gradient through the normalization is zero.
                    let square = gmp_autograd::op::mul(&mut tape, y, y);
                    let loss = gmp_autograd::op::sum(&mut tape, square);
                    tape.backward(loss);
                    let gradients = v.map(|v| tape.gradient(v).map(|gradient| gradient.data().to_vec()));
                    (is_in_place, (value, gradients))
                };
                // The second pass finds all memory there, and every result at the same place.
                pass();
                pass()
            };
            let ((apart, expected), (together, found)) = (run(|z| z), run(Var::last_use));
            assert_eq!(found, expected, "{name} {inner:?}, then {outer:?}");
            let is_kept = rectifier_reads && inner == Activation::Relu;
            assert_eq!((apart, together), (false, !is_kept), "{name} {inner:?}, then {outer:?}");
        }
    }
}

/// The gradient of an operand does not depend on whether the others want theirs.
#[test]
fn operands_that_are_constants_change_no_gradient() {
    let images = Images { batch: 2, height: 4, width: 3, channels: 2 };
    let g = Geometry::new(images, Window::new(3, 1, Padding::Same), 5).unwrap();
    let rows = (1, 5);
    let mut cases = ops(6, 4, 5);
    for activation in [Activation::Identity, Activation::Relu] {
        let shapes = vec![(images.rows(), 2), (g.weight_rows(), 5), rows, rows];
        cases.push(("conv2d", Box::new(move |t, v| op::conv2d(t, v[0], v[1], &g)), shapes[..2].to_vec()));
        let biased: Program = Box::new(move |t, v| op::conv2d_bias(t, [v[0], v[1], v[2]], &g, activation));
        cases.push(("conv2d_bias", biased, shapes[..3].to_vec()));
        let scaled: Program =
            Box::new(move |t, v| op::scaled_conv2d(t, [v[0], v[1], v[2], v[3]], &g, activation));
        cases.push(("scaled_conv2d", scaled, shapes));
    }
    for (name, program, shapes) in cases {
        let mut rng = Rng::new(5, name);
        let numbers: Vec<Vec<f64>> =
            shapes.iter().map(|(r, c)| (0..r * c).map(|_| rng.normal()).collect()).collect();
        let gradients = |is_variable: &dyn Fn(usize) -> bool| {
            let mut tape = Tape::new();
            tape.begin(&[]);
            let v: Vec<Var> = shapes
                .iter()
                .zip(&numbers)
                .enumerate()
                .map(
                    |(i, (&(r, c), x))| {
                        if is_variable(i) { tape.variable(x, r, c) } else { tape.input(x, r, c) }
                    },
                )
                .collect();
            let y = program(&mut tape, &v);
            let square = gmp_autograd::op::mul(&mut tape, y, y);
            let loss = gmp_autograd::op::sum(&mut tape, square);
            tape.backward(loss);
            v.into_iter().map(|v| tape.gradient(v).map(|g| g.data().to_vec())).collect::<Vec<_>>()
        };
        let all = gradients(&|_| true);
        for i in 0..shapes.len() {
            let alone = gradients(&|other| other == i);
            assert_eq!(alone[i], all[i], "{name}, operand {i}");
            assert!(alone.iter().flatten().count() == 1, "{name}: only operand {i} wants a gradient");
        }
    }
}

/// Deviations −2, −1, 3 and 0 from a mean whose square has no room for them.
#[test]
fn a_large_mean_costs_layer_normalization_no_digits() {
    let large = 2.0_f64.powi(51);
    let mut tape = Tape::new();
    tape.begin(&[]);
    let x = tape.input(&[large, large + 1.0, large + 5.0, large + 2.0], 1, 4);
    let y = op::layer_norm(&mut tape, x, 0.0);
    for (found, deviation) in tape.value(y).data().iter().zip([-2.0, -1.0, 3.0, 0.0]) {
        assert!((found - deviation / 3.5_f64.sqrt()).abs() < 1e-15, "{found}");
    }
}

/// Sums of several rows are formed side by side, with the bits of one row after the other, on every arm, below and above the size that
/// is shared by threads.
#[test]
fn layer_normalization_has_the_bits_of_one_row_after_the_other() {
    fn bits<T: Element>(rows: usize, columns: usize) {
        let mut rng = Rng::new(1, "rows");
        let [x, dy] =
            [(); 2].map(|()| -> Vec<T> { (0..rows * columns).map(|_| T::from_f64(rng.normal())).collect() });
        let (mut y, mut dx) = (Vec::new(), Vec::new());
        let share = T::ONE / T::from_usize(columns);
        for (x, dy) in x.chunks(columns).zip(dy.chunks(columns)) {
            let mean = x.iter().copied().sum::<T>() * share;
            let variance = x.iter().map(|&x| (x - mean) * (x - mean)).sum::<T>() * share;
            let inverse = T::ONE / (variance + T::from_f64(1e-3)).sqrt();
            let row: Vec<T> = x.iter().map(|&x| (x - mean) * inverse).collect();
            let mean = dy.iter().copied().sum::<T>() * share;
            let along = dy.iter().zip(&row).map(|(&dy, &y)| dy * y).sum::<T>() * share;
            dx.extend(dy.iter().zip(&row).map(|(&dy, &y)| (dy - mean - y * along) * inverse));
            y.extend(row);
        }
        for arm in Arm::available() {
            let _forced = simd::force(arm);
            let mut tape = Tape::new();
            tape.begin(&x);
            let x = tape.parameter(0, rows, columns);
            let found = op::layer_norm(&mut tape, x, T::from_f64(1e-3));
            assert!(tape.value(found).data() == y, "{arm}, {rows}×{columns}, forward");
            let dy = tape.input(&dy, rows, columns);
            let product = gmp_autograd::op::mul(&mut tape, found, dy);
            let sum = gmp_autograd::op::sum(&mut tape, product);
            tape.backward(sum);
            assert!(tape.parameter_gradients() == dx, "{arm}, {rows}×{columns}, backward");
        }
    }
    for [rows, columns] in [[1, 1], [3, 7], [8, 100], [29, 13], [70_001, 4]] {
        bits::<f32>(rows, columns);
        bits::<f64>(rows, columns);
    }
}

/// As in PyTorch: the slope of a rectifier at 0 is 0, wherever it is compiled in.
#[test]
fn no_gradient_passes_a_rectifier_at_zero() {
    let images = Images { batch: 4, height: 1, width: 1, channels: 1 };
    let g = Geometry::new(images, Window::new(1, 1, Padding::Valid), 1).unwrap();
    type Unit = fn(&mut Tape<f64>, [Var; 4], &Geometry) -> Var;
    let units: [(&str, Unit); 6] = [
        ("affine", |t, [x, w, b, _], _| op::affine(t, x, w, b, Activation::Relu)),
        ("scaled_affine", |t, [x, w, b, r], _| op::scaled_affine(t, x, w, b, r, Activation::Relu)),
        ("conv2d_bias", |t, [x, w, b, _], g| op::conv2d_bias(t, [x, w, b], g, Activation::Relu)),
        ("scaled_conv2d", |t, [x, w, b, r], g| op::scaled_conv2d(t, [x, w, b, r], g, Activation::Relu)),
        ("batch_norm", |t, [x, _, b, r], _| op::batch_norm(t, [x, r, b], 1e-3, Activation::Relu, |_, _| ())),
        ("mean_norm", |t, [x, ..], _| op::mean_norm(t, x, Activation::Relu, |_| ())),
    ];
    for (name, unit) in units {
        let mut tape = Tape::new();
        tape.begin(&[]);
        // Equal samples, no weight and no bias: every number before the rectifier is 0.
        let x = tape.variable(&[2.0; 4], 4, 1);
        let [w, b, r] = [0.0, 0.0, 1.0].map(|number| tape.variable(&[number], 1, 1));
        let y = unit(&mut tape, [x, w, b, r], &g);
        assert_eq!(tape.value(y).data(), [0.0; 4], "{name}");
        let weights = tape.input(&[1.0, 2.0, 3.0, 4.0], 4, 1);
        let product = gmp_autograd::op::mul(&mut tape, y, weights);
        let loss = gmp_autograd::op::sum(&mut tape, product);
        tape.backward(loss);
        for v in [x, w, b, r] {
            let gradient = tape.gradient(v).map_or(vec![0.0], |gradient| gradient.data().to_vec());
            assert!(gradient.iter().all(|d| *d == 0.0), "{name}: {gradient:?}");
        }
    }
}

#[test]
fn a_column_of_zeros_has_no_direction_and_no_nan() {
    let mut tape = Tape::new();
    tape.begin(&[]);
    let v = tape.variable(&[0.0, 1.0, 0.0, 2.0], 2, 2);
    let length = tape.variable(&[3.0, 3.0], 1, 2);
    let w = op::weight_norm(&mut tape, v, length);
    let loss = gmp_autograd::op::sum(&mut tape, w);
    tape.backward(loss);
    assert_eq!(tape.value(w).row(0)[0], 0.0);
    assert!(tape.gradient(v).unwrap().data().iter().all(|g: &f64| g.is_finite()));
}

#[test]
#[should_panic(expected = "affine_relu: x 2×3, weights 4×5")]
fn mismatched_shapes_panic_with_both() {
    let mut tape = Tape::<f64>::new();
    tape.begin(&[]);
    let (x, w, b) = (tape.input(&[0.0; 6], 2, 3), tape.input(&[0.0; 20], 4, 5), tape.input(&[0.0; 5], 1, 5));
    op::affine(&mut tape, x, w, b, Activation::Relu);
}

/// More numbers than a chunk of rows: the statistics of the chunks are combined, whatever the threads.
#[test]
fn normalizations_of_many_rows_do_not_depend_on_the_threads() {
    const ROWS: usize = 9001;
    const COLUMNS: usize = 40;
    let mut rng = Rng::new(1, "many rows");
    // Means far from 0, where a sum of squares would cancel.
    let z: Vec<f32> =
        (0..ROWS * COLUMNS).map(|i| rng.normal() as f32 + 100.0 * (i % COLUMNS) as f32).collect();
    let weights: Vec<f32> = (0..ROWS * COLUMNS).map(|_| rng.normal() as f32).collect();
    let rows: Vec<f32> = (0..2 * COLUMNS).map(|_| rng.normal() as f32).collect();
    let run = |threads: usize, is_mean_norm: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut tape = Tape::new();
            tape.begin(&rows);
            let (gamma, beta) = (tape.parameter(0, 1, COLUMNS), tape.parameter(COLUMNS, 1, COLUMNS));
            let x = tape.variable(&z, ROWS, COLUMNS);
            let w = tape.input(&weights, ROWS, COLUMNS);
            let mut statistics = Vec::new();
            let y = if is_mean_norm {
                op::mean_norm(&mut tape, x, Activation::Relu, |mean| statistics.extend_from_slice(mean))
            } else {
                op::batch_norm(&mut tape, [x, gamma, beta], 1e-3, Activation::Relu, |mean, variance| {
                    statistics.extend_from_slice(mean);
                    statistics.extend_from_slice(variance);
                })
            };
            let output = tape.value(y).data().to_vec();
            let product = gmp_autograd::op::mul(&mut tape, y, w);
            let loss = gmp_autograd::op::sum(&mut tape, product);
            tape.backward(loss);
            let dx = tape.gradient(x).unwrap().data().to_vec();
            [statistics, output, dx, tape.parameter_gradients().to_vec()]
        })
    };
    let bits = |numbers: &[Vec<f32>; 4]| {
        numbers.clone().map(|n| n.into_iter().map(f32::to_bits).collect::<Vec<_>>())
    };
    for is_mean_norm in [false, true] {
        let one = run(1, is_mean_norm);
        for threads in [2, 3, 4] {
            assert!(
                bits(&run(threads, is_mean_norm)) == bits(&one),
                "{threads} threads, mean norm {is_mean_norm}"
            );
        }
        let [statistics, output, dx, parameters] = one;
        for j in 0..COLUMNS {
            let column = |numbers: &[f32]| -> Vec<f64> {
                numbers.iter().skip(j).step_by(COLUMNS).map(|&x| f64::from(x)).collect()
            };
            let mean_of = |numbers: &[f64]| numbers.iter().sum::<f64>() / ROWS as f64;
            let (z, w, output, dx) = (column(&z), column(&weights), column(&output), column(&dx));
            let mean = mean_of(&z);
            let variance = mean_of(&z.iter().map(|z| (z - mean).powi(2)).collect::<Vec<_>>());
            assert!((f64::from(statistics[j]) - mean).abs() < 1e-3 + 1e-6 * mean.abs(), "mean of {j}");
            let (gain, shift, inverse) = if is_mean_norm {
                (1.0, 0.0, 1.0)
            } else {
                assert!(
                    (f64::from(statistics[COLUMNS + j]) / variance - 1.0).abs() < 1e-3,
                    "variance of {j}"
                );
                (f64::from(rows[j]), f64::from(rows[COLUMNS + j]), 1.0 / (variance + 1e-3).sqrt())
            };
            let hat: Vec<f64> = z.iter().map(|z| (z - mean) * inverse).collect();
            let dy: Vec<f64> = w.iter().zip(&output).map(|(&w, &y)| if y > 0.0 { w } else { 0.0 }).collect();
            let with_hat = mean_of(&dy.iter().zip(&hat).map(|(d, h)| d * h).collect::<Vec<_>>());
            let plain = mean_of(&dy);
            for i in 0..ROWS {
                let expected = hat[i].mul_add(gain, shift).max(0.0);
                assert!((output[i] - expected).abs() < 2e-2, "{i}, {j}: {} for {expected}", output[i]);
                let along = if is_mean_norm { 0.0 } else { hat[i] * with_hat };
                let expected = gain * inverse * (dy[i] - plain - along);
                assert!((dx[i] - expected).abs() < 2e-3, "{i}, {j}: {} for {expected}", dx[i]);
            }
            if !is_mean_norm {
                let sums = [with_hat, plain].map(|mean| mean * ROWS as f64);
                for (got, expected) in [parameters[j], parameters[COLUMNS + j]].iter().zip(sums) {
                    assert!((f64::from(*got) - expected).abs() < 2.0, "{j}: {got} for {expected}");
                }
            }
        }
    }
}
