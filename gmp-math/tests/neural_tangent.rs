//! The closed forms of docs/THEORY.md §7 against averages over random units, and against numerical integration by an independent
//! script.

mod common;
use common::*;
use gmp_math::neural_tangent::{Initial, arc_cosine_0, arc_cosine_1};
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};

const SCALES: [Initial; 2] = [Initial::GLOROT, Initial { weights: 0.7, output: 1.9 }];

proptest! {
    #![proptest_config(config(200))]

    /// The kernels are second moments of random units: within five standard errors of an average of 4,000 draws.
    #[test]
    fn arc_cosine_kernels_are_averages_over_random_units(inputs in 2..6_usize, seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut unit = || {
            let x: Vec<f64> = draw.normals(inputs);
            let length = dot(&x, &x).sqrt();
            x.into_iter().map(|x| x / length).collect::<Vec<f64>>()
        };
        let (x, y) = (unit(), unit());
        let angle = dot(&x, &y).clamp(-1.0, 1.0).acos();
        let draws = 4_000;
        let mut moments = [[0.0; 2]; 2];
        for _ in 0..draws {
            let w: Vec<f64> = draw.normals(inputs);
            let (at_x, at_y) = (dot(&w, &x).max(0.0), dot(&w, &y).max(0.0));
            let active = f64::from(u8::from(at_x > 0.0 && at_y > 0.0));
            for (moment, value) in moments.iter_mut().zip([2.0 * active, 2.0 * at_x * at_y]) {
                moment[0] += value / f64::from(draws);
                moment[1] += value * value / f64::from(draws);
            }
        }
        for ([mean, square], expected) in moments.into_iter().zip([arc_cosine_0(angle), arc_cosine_1(angle)]) {
            let error = ((square - mean * mean).max(0.0) / f64::from(draws)).sqrt();
            prop_assert!((mean - expected).abs() <= 5.0 * error + 2e-3, "{mean} ± {error} for {expected}, angle {angle}");
        }
    }

    /// A kernel is symmetric, and the matrix of its values has no negative eigenvalue: with 1e-9 added, Cholesky's
    /// decomposition exists.
    #[test]
    fn kernels_are_positive_semidefinite(inputs in 1..5_usize, points in 1..8_usize, seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let points: Vec<Vec<f64>> = (0..points).map(|_| draw.normals(inputs)).collect();
        for initial in SCALES {
            for kernel in [Initial::standard, Initial::geometric] {
                let kernel = |x: &[f64], y: &[f64]| kernel(initial, x, y);
                let m = points.len();
                let mut l = vec![vec![0.0; m]; m];
                for i in 0..m {
                    for j in 0..=i {
                        prop_assert!((kernel(&points[i], &points[j]) - kernel(&points[j], &points[i])).abs() < 1e-12);
                        let rest = (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
                        let value = kernel(&points[i], &points[j]) + if i == j { 1e-9 } else { 0.0 } - rest;
                        if i == j {
                            prop_assert!(value > 0.0, "a pivot of {value:e}");
                            l[i][j] = f64::sqrt(value);
                        } else {
                            l[i][j] = value / l[j][j];
                        }
                    }
                }
            }
        }
    }
}

/// At x = y, what the units add is a multiple of ‖x‖²; at the origin only the bias of the output is left.
#[test]
fn known_values() {
    let x = [3.0, 0.0, -4.0];
    let initial = Initial { weights: 0.5, output: 3.0 };
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} for {b}");
    close(initial.standard(&x, &x), 0.5 * 12.5 + 1.0 + 3.0 * 26.0 / 2.0);
    close(initial.geometric(&x, &x), (0.5 + 1.0) * 12.5 + 1.0);
    close(initial.offsets(&x, &x, 10), 0.5 * 3.0 * 3.0 / 10.0 / 2.0);
    let origin = [0.0; 3];
    assert_eq!((initial.standard(&x, &origin), initial.geometric(&origin, &origin)), (1.0, 1.0));
    let opposite = x.map(|x| -x);
    close(initial.geometric(&x, &opposite), 1.0);
}

/// `docs/neural_tangent.py` integrates over the plane of the two inputs with NumPy; it knows no closed form.
#[test]
fn the_closed_forms_are_those_of_an_independent_script() {
    let python = std::env::var_os("GMP_PYTHON").unwrap_or_else(|| "python3".into());
    let has_numpy = Command::new(&python).args(["-c", "import numpy"]).stderr(Stdio::null()).status();
    if !has_numpy.is_ok_and(|status| status.success()) {
        println!(
            "SKIPPED: no python with NumPy (GMP_PYTHON names one): closed forms were not compared with the script"
        );
        return;
    }
    let mut draw = Draw(5);
    let pairs: Vec<(Vec<f64>, Vec<f64>)> =
        (0..40).map(|i| (draw.normals(1 + i % 5), draw.normals(1 + i % 5))).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/neural_tangent.py");
    let mut child = Command::new(&python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let questions = serde_json::json!({ "weights": 0.7, "output": 1.9, "pairs": pairs });
    child.stdin.take().unwrap().write_all(questions.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let answers: Vec<[f64; 2]> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), pairs.len());
    for ((x, y), [standard, geometric]) in pairs.iter().zip(answers) {
        let initial = SCALES[1];
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5 * b.abs(), "{a} for {b} at {x:?}, {y:?}");
        close(initial.standard(x, y), standard);
        close(initial.geometric(x, y), geometric);
    }
}
