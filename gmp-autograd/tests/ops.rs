//! Every built-in operation against central differences, and the algebra of the tape.

use gmp_autograd::{Operation, Phase, Pullback, Rule, Tape, Var, Watch, check, op};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

type Program = fn(&mut Tape<f64>, &[Var]) -> Var;

type Shapes = fn(usize, usize) -> Vec<(usize, usize)>;

/// Name, program and the shapes of its inputs for a rows × cols matrix. A new operation is one line here.
const OPS: &[(&str, Program, Shapes)] = &[
    ("add", |t, v| op::add(t, v[0], v[1]), two),
    ("sub", |t, v| op::sub(t, v[0], v[1]), two),
    ("mul", |t, v| op::mul(t, v[0], v[1]), two),
    ("add_row", |t, v| op::add_row(t, v[0], v[1]), with_row),
    ("mul_row", |t, v| op::mul_row(t, v[0], v[1]), with_row),
    ("div", |t, v| op::div(t, v[0], v[1]), two),
    ("max", |t, v| op::max(t, v[0], v[1]), two),
    ("min", |t, v| op::min(t, v[0], v[1]), two),
    ("matmul", |t, v| op::matmul(t, v[0], v[1]), factors),
    ("relu", |t, v| op::relu(t, v[0]), one),
    ("abs", |t, v| op::abs(t, v[0]), one),
    ("clamp", |t, v| op::clamp(t, v[0], 0.0, 1.0), one),
    ("exp", |t, v| op::exp(t, v[0]), one),
    ("ln", |t, v| v[0].abs(t).ln(t), one),
    ("sqrt", |t, v| v[0].abs(t).sqrt(t), one),
    ("sigmoid", |t, v| op::sigmoid(t, v[0]), one),
    ("tanh", |t, v| op::tanh(t, v[0]), one),
    ("scale", |t, v| op::scale(t, v[0], -1.7), one),
    ("transpose", |t, v| op::transpose(t, v[0]), one),
    ("concat_rows", |t, v| op::concat_rows(t, [v[0], v[1], v[0]]), with_row),
    ("concat_cols", |t, v| op::concat_cols(t, [v[1], v[0], v[1]]), with_column),
    ("slice_rows", |t, v| op::slice_rows(t, v[0], v[0].rows() / 2..v[0].rows()), one),
    ("slice_cols", |t, v| op::slice_cols(t, v[0], 0..v[0].cols().div_ceil(2)), one),
    ("sum", |t, v| op::sum(t, v[0]), one),
    ("sum_rows", |t, v| op::sum_rows(t, v[0]), one),
    ("sum_cols", |t, v| op::sum_cols(t, v[0]), one),
    ("mean", |t, v| op::mean(t, v[0]), one),
    ("mean_rows", |t, v| op::mean_rows(t, v[0]), one),
    ("mean_cols", |t, v| op::mean_cols(t, v[0]), one),
    ("mean_absolute_error", |t, v| against_target(t, v[0], op::mean_absolute_error), one),
    ("mean_squared_error", |t, v| against_target(t, v[0], op::mean_squared_error), one),
    ("softmax_cross_entropy", |t, v| against_classes(t, v[0]), one),
    ("binary_cross_entropy", |t, v| against_target(t, v[0], op::binary_cross_entropy_with_logits), one),
];

fn one(r: usize, c: usize) -> Vec<(usize, usize)> {
    vec![(r, c)]
}
fn two(r: usize, c: usize) -> Vec<(usize, usize)> {
    vec![(r, c), (r, c)]
}
fn with_row(r: usize, c: usize) -> Vec<(usize, usize)> {
    vec![(r, c), (1, c)]
}
fn with_column(r: usize, c: usize) -> Vec<(usize, usize)> {
    vec![(r, c), (r, 1)]
}
fn factors(r: usize, c: usize) -> Vec<(usize, usize)> {
    vec![(r, c), (c, r + 1)]
}
fn against_target(tape: &mut Tape<f64>, x: Var, loss: fn(&mut Tape<f64>, Var, Var) -> Var) -> Var {
    let target: Vec<f64> = (0..x.shape().len()).map(|i| (i % 2) as f64).collect();
    let target = tape.input(&target, x.rows(), x.cols());
    loss(tape, x, target)
}

fn against_classes(tape: &mut Tape<f64>, x: Var) -> Var {
    let classes: Vec<f64> = (0..x.rows()).map(|i| (i * i % x.cols()) as f64).collect();
    let classes = tape.input(&classes, x.rows(), 1);
    op::softmax_cross_entropy(tape, x, classes)
}

/// Away from the kinks of relu (0), of clamp and of the absolute error (0 and 1) by more than the step of the differences.
fn number() -> impl Strategy<Value = f64> {
    (-3.0..3.0_f64).prop_filter("kink", |x| x.abs() > 1e-3 && (x - 1.0).abs() > 1e-3)
}

/// Operations whose backward pass does not read their result: the next one may put its own there.
const HAND_OVER: &[&str] = &[
    "add",
    "max",
    "min",
    "matmul",
    "abs",
    "clamp",
    "ln",
    "transpose",
    "concat_rows",
    "concat_cols",
    "slice_rows",
    "slice_cols",
    "sum_rows",
    "sum_cols",
    "mean_rows",
    "mean_cols",
];

#[test]
fn every_op_has_its_name_and_hands_over_what_its_backward_pass_does_not_read() {
    for (name, program, shapes) in OPS {
        let numbers: Vec<f64> = (0..40).map(|i| 0.1 + f64::from(i).sin()).collect();
        let mut rest = &numbers[..];
        let inputs: Vec<_> =
            shapes(2, 3).into_iter().map(|(r, c)| (r, c, rest.split_off(..r * c).unwrap())).collect();
        let rectified = |tape: &mut Tape<f64>, v: &[Var]| {
            let result = program(tape, v);
            let y = op::relu(tape, result.last_use());
            let operation = tape.operations().nth_back(1).unwrap();
            assert!(operation.name.starts_with(name), "{name}: {}", operation.name);
            assert_eq!(operation.is_overwritten, HAND_OVER.contains(name), "{name}");
            assert!(tape.trace().to_string().ends_with(&format!(
                "{}[{}] relu[{}]",
                operation.name,
                y.shape(),
                y.shape()
            )));
            y
        };
        if let Err(mismatch) = check::gradients(&inputs, rectified) {
            panic!("{name}: {mismatch}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_op_passes_the_gradient_check(rows in 1..6usize, cols in 1..6usize, pool in prop::collection::vec(number(), 100)) {
        for (name, program, shapes) in OPS {
            let mut at = 0;
            let inputs: Vec<(usize, usize, &[f64])> = shapes(rows, cols).into_iter().map(|(r, c)| {
                at += r * c;
                (r, c, &pool[at - r * c..at])
            }).collect();
            if let Err(mismatch) = check::gradients(&inputs, program) {
                panic!("{name} on {rows}×{cols}: {mismatch}");
            }
        }
    }

    /// A second use of every input, so that no backward pass overwrites what has arrived.
    #[test]
    fn every_op_adds_to_its_gradients(rows in 1..5usize, cols in 1..5usize, pool in prop::collection::vec(number(), 100)) {
        for (name, program, shapes) in OPS {
            let mut at = 0;
            let inputs: Vec<(usize, usize, &[f64])> = shapes(rows, cols).into_iter().map(|(r, c)| {
                at += r * c;
                (r, c, &pool[at - r * c..at])
            }).collect();
            let twice = |t: &mut Tape<f64>, v: &[Var]| {
                let first = program(t, v).sum(t);
                let second = program(t, v).sum(t).scale(t, 0.7);
                first.add(t, second)
            };
            if let Err(mismatch) = check::gradients(&inputs, twice) {
                panic!("{name} on {rows}×{cols}: {mismatch}");
            }
        }
    }

    #[test]
    fn a_variable_used_many_times_collects_every_use(x in prop::collection::vec(number(), 6)) {
        // y = x∘x + 3x + relu(x), all from one variable: assignment of the first and addition of the rest.
        check::gradients(&[(2, 3, &x)], |t, v| {
            let square = op::mul(t, v[0], v[0]);
            let triple = op::scale(t, v[0], 3.0);
            let kink = op::relu(t, v[0]);
            let y = op::add(t, square, triple);
            op::add(t, y, kink)
        }).unwrap();
    }

    #[test]
    fn single_precision_follows_double(x in prop::collection::vec(number(), 12)) {
        fn gradient<T: gmp_math::Scalar>(x: &[f64]) -> (f64, Vec<f64>) {
            let x: Vec<T> = x.iter().map(|&x| T::from_f64(x)).collect();
            let mut tape = Tape::new();
            tape.begin(&x);
            let (a, b) = (tape.parameter(0, 2, 3), tape.parameter(6, 2, 3));
            let y = op::mul(&mut tape, a, b);
            let y = op::relu(&mut tape, y);
            let zero = tape.input(&[T::ZERO; 6], 2, 3);
            let loss = op::mean_squared_error(&mut tape, y, zero);
            tape.backward(loss);
            (tape.value(loss).data()[0].to_f64(), tape.parameter_gradients().iter().map(|g| g.to_f64()).collect())
        }
        let ((single, gs), (double, gd)) = (gradient::<f32>(&x), gradient::<f64>(&x));
        prop_assert!((single - double).abs() <= 1e-4 * (1.0 + double.abs()));
        for (s, d) in gs.iter().zip(&gd) {
            prop_assert!((s - d).abs() <= 1e-4 * (1.0 + d.abs()), "{s} {d}");
        }
    }
}

#[test]
fn constants_get_no_gradient_and_unreached_variables_none() {
    let mut tape = Tape::new();
    tape.begin(&[2.0]);
    let p = tape.parameter(0, 1, 1);
    let constant = tape.input(&[5.0], 1, 1);
    let (used, unused) = (tape.variable(&[3.0], 1, 1), tape.variable(&[4.0], 1, 1));
    let y = op::mul(&mut tape, p, constant);
    let loss = op::mul(&mut tape, y, used);
    let _dead = op::mul(&mut tape, unused, used);
    tape.backward(loss);
    assert_eq!(tape.parameter_gradients(), [15.0]);
    assert_eq!(tape.gradient(used).unwrap().data(), [10.0]);
    assert!(tape.gradient(unused).is_none());
    assert!(tape.gradient(constant).is_none());
}

#[test]
fn a_second_pass_reuses_the_memory_of_the_first() {
    let mut tape = Tape::new();
    let mut capacity = 0;
    for pass in 0..10 {
        tape.begin(&[0.5; 100]);
        let p = tape.parameter(0, 10, 10);
        let y = op::scale(&mut tape, p, 2.0);
        let y = op::relu(&mut tape, y);
        let loss = op::sum(&mut tape, y);
        tape.backward(loss);
        assert_eq!(tape.parameter_gradients(), [2.0; 100]);
        if pass == 0 {
            capacity = tape.capacity();
        }
        assert_eq!(tape.capacity(), capacity);
    }
}

/// The memory, loss and gradients of a pass that rectifies a sum, as `hand_over` gives it.
fn rectified_sum(hand_over: fn(Var) -> Var) -> (usize, Vec<f64>, [Vec<f64>; 2]) {
    let mut tape = Tape::new();
    tape.begin(&[]);
    let [a, b] =
        [[1.0, -2.0, 3.0], [0.5, 1.5, -4.0]].map(|numbers| tape.variable(&numbers.repeat(100), 300, 1));
    let sum = op::add(&mut tape, a, b);
    let y = op::relu(&mut tape, hand_over(sum));
    let value = tape.value(y).data().to_vec();
    let loss = op::mean(&mut tape, y);
    tape.backward(loss);
    (tape.capacity(), value, [a, b].map(|v| tape.gradient(v).unwrap().data().to_vec()))
}

#[test]
fn the_result_at_a_last_use_takes_the_memory() {
    let (apart, value, gradients) = rectified_sum(|sum| sum);
    let (together, same_value, same_gradients) = rectified_sum(Var::last_use);
    assert_eq!(value, [1.5, 0.0, 0.0].repeat(100));
    assert_eq!((value, gradients), (same_value, same_gradients));
    assert!(together + 300 <= apart, "{together} and {apart}");
    assert_eq!(rectified_sum(|sum| sum.last_use().shared()).0, apart);
}

/// Parameters, leaves, results that the way back reads, and results that something else has read stay.
#[test]
fn memory_that_is_still_needed_is_not_taken() {
    let mut tape = Tape::new();
    tape.begin(&[-1.0]);
    let parameter = tape.parameter(0, 1, 1);
    let leaf = tape.variable(&[-2.0], 1, 1);
    let sum = op::add(&mut tape, parameter, leaf);
    let product = op::mul(&mut tape, sum, leaf);
    let rectified = op::relu(&mut tape, product);
    for (needed, value) in [(parameter, -1.0), (leaf, -2.0), (sum, -3.0), (product, 6.0), (rectified, 6.0)] {
        op::relu(&mut tape, needed.last_use());
        assert_eq!(tape.value(needed).data(), [value]);
    }
    let leaf = tape.variable(&[-2.0], 1, 1);
    op::relu(&mut tape, leaf.last_use());
    assert_eq!(tape.value(leaf).data(), [-2.0]);
    let rectified = op::relu(&mut tape, product);
    op::relu(&mut tape, rectified.last_use());
    assert_eq!(tape.value(rectified).data(), [6.0]);
}

#[test]
#[should_panic(expected = "add: a variable after its last use")]
fn a_variable_after_its_last_use_panics() {
    let mut tape = Tape::new();
    tape.begin(&[]);
    let x = tape.variable(&[1.0], 1, 1);
    let sum = op::add(&mut tape, x, x);
    op::relu(&mut tape, sum.last_use());
    op::add(&mut tape, sum, x);
}

#[test]
fn the_first_broken_result_is_named() {
    let mut tape = Tape::new();
    tape.begin(&[0.0, 1.0]);
    let p = tape.parameter(1, 1, 1);
    let fine = op::scale(&mut tape, p, 2.0);
    op::relu(&mut tape, fine);
    assert_eq!(tape.first_non_finite(), None);
    let broken = op::scale(&mut tape, fine, f64::INFINITY);
    op::relu(&mut tape, broken);
    let told = |operation: Operation| (operation.name, operation.index, operation.parameter);
    assert_eq!(tape.first_non_finite().map(told), Some(("scale", 2, None)));
    assert_eq!(tape.operations().next().map(told), Some(("scale", 0, Some(1))));
    assert_eq!(tape.operations().next().unwrap().inputs(), [p.shape()]);
    // The result of this relu lies where that of the sum lay.
    let sum = op::add(&mut tape, broken, broken);
    op::relu(&mut tape, sum.last_use());
    assert!(tape.operations().nth(4).is_some_and(|add| add.is_overwritten));
}

/// Notes what it is told.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<(bool, Phase, usize)>>>);
impl Watch for Notes {
    fn begins(&mut self, phase: Phase, index: usize) {
        self.0.lock().unwrap().push((true, phase, index));
    }
    fn ends(&mut self, phase: Phase, index: usize) {
        self.0.lock().unwrap().push((false, phase, index));
    }
}

/// In order, each begun before it ends, backwards in reverse and only where a gradient passes.
#[test]
fn a_watch_is_told_of_every_operation_that_computes() {
    let (mut tape, notes) = (Tape::new(), Notes::default());
    tape.set_watch(Some(Box::new(notes.clone())));
    tape.begin(&[2.0]);
    let p = tape.parameter(0, 1, 1);
    let constant = tape.input(&[3.0], 1, 1); // operation 0, a leaf: it computes nothing
    let square = op::mul(&mut tape, constant, constant); // 1, without a gradient
    let product = op::mul(&mut tape, p, square); // 2
    let sum = op::relu(&mut tape, product.last_use()); // 3, in the memory of 2
    tape.backward(sum);
    let forward = [1, 2, 3].map(|index| (Phase::Forward, index));
    let backward = [3, 2].map(|index| (Phase::Backward, index));
    let told = forward
        .into_iter()
        .chain(backward)
        .flat_map(|(phase, index)| [true, false].map(|begins| (begins, phase, index)));
    assert_eq!(*notes.0.lock().unwrap(), told.collect::<Vec<_>>());
    tape.set_watch(None);
    op::relu(&mut tape, sum);
    assert_eq!(notes.0.lock().unwrap().len(), 10);
}

/// Gives a gradient of its own and spoils its output's, as rules may.
struct Spoil(f64);
impl Rule<f64> for Spoil {
    fn name(&self) -> &'static str {
        "spoil"
    }
    fn backward(&self, pull: &mut Pullback<'_, f64>) {
        if let Some((_, dx)) = pull.wrt(0) {
            dx.add_each(std::iter::repeat(self.0));
        }
        pull.gradient_mut().data_mut().fill(f64::NAN);
    }
}

#[test]
fn the_first_broken_gradient_is_named() {
    static FINITE: Spoil = Spoil(7.0);
    static INFINITE: Spoil = Spoil(f64::INFINITY);
    let gradients = |rule: &'static Spoil| {
        let mut tape = Tape::new();
        // A pass before leaves broken gradients behind, which are not this pass's.
        for _ in 0..2 {
            tape.begin(&[1.0, 2.0]);
            let p = tape.parameter(0, 1, 2);
            let doubled = op::scale(&mut tape, p, 2.0);
            let spoilt =
                tape.record(rule, [doubled], doubled.shape(), 0, |_, mut y, _| y.data_mut().fill(1.0));
            let _dead = op::relu(&mut tape, spoilt);
            let loss = op::sum(&mut tape, spoilt);
            tape.backward(loss);
            let gradients = tape.parameter_gradients().to_vec();
            let broken = tape.first_non_finite_gradient(loss);
            if broken.is_none() {
                assert_eq!(
                    tape.parameter_gradients(),
                    gradients,
                    "the second pass gives what the first one gave"
                );
            }
            assert_eq!(
                broken.map(|operation| (operation.name, operation.index)),
                match rule.0 {
                    7.0 => None,
                    _ => Some(("spoil", 1)),
                }
            );
        }
    };
    gradients(&FINITE);
    gradients(&INFINITE);
}

/// Its second input gets no gradient, or a broken one where its value is 1.
struct First;
impl Rule<f64> for First {
    fn name(&self) -> &'static str {
        "first"
    }
    fn backward(&self, pull: &mut Pullback<'_, f64>) {
        let breaks = pull.value(1).data()[0] == 1.0;
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_each(dy.data().iter().copied());
        }
        if breaks && let Some((_, dx)) = pull.wrt(1) {
            dx.add_each(std::iter::repeat(f64::NAN));
        }
    }
}

/// The memory where it would be holds a NaN of the pass before.
#[test]
fn a_gradient_that_nothing_reached_is_not_broken() {
    let mut tape = Tape::new();
    for (value, broken) in [(1.0, Some("first")), (0.0, None)] {
        tape.begin(&[]);
        let (a, b) = (tape.variable(&[0.5; 20], 20, 1), tape.variable(&[value; 20], 20, 1));
        let y = tape
            .record(&First, [a, b], a.shape(), 0, |[a, _], mut y, _| y.data_mut().copy_from_slice(a.data()));
        let loss = y.sum(&mut tape);
        assert_eq!(tape.first_non_finite_gradient(loss).map(|operation| operation.name), broken);
    }
}

#[test]
#[should_panic(expected = "add: shapes 2×3 and 3×2 differ")]
fn mismatched_shapes_panic_with_both() {
    let mut tape = Tape::<f64>::new();
    tape.begin(&[]);
    let (a, b) = (tape.input(&[0.0; 6], 2, 3), tape.input(&[0.0; 6], 3, 2));
    op::add(&mut tape, a, b);
}

#[test]
#[should_panic(expected = "a variable of an earlier pass")]
fn a_stale_variable_panics() {
    let mut tape = Tape::new();
    tape.begin(&[1.0]);
    let old = tape.parameter(0, 1, 1);
    tape.begin(&[1.0]);
    op::scale(&mut tape, old, 1.0);
}

struct Power;
impl Rule<f64> for Power {
    fn name(&self) -> &'static str {
        "power"
    }
    fn backward(&self, pull: &mut Pullback<'_, f64>) {
        let exponent = pull.attributes()[0] as i32;
        let x = pull.value(0);
        let mut slopes = std::mem::take(pull.scratch());
        assert!(slopes.len() >= 100, "the forward pass left its work area here");
        for (slope, x) in slopes.iter_mut().zip(x.data()) {
            *slope = f64::from(exponent) * x.powi(exponent - 1);
        }
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_each(dy.data().iter().zip(&slopes).map(|(dy, slope)| dy * slope));
        }
        *pull.scratch() = slopes;
    }
}

#[test]
fn attributes_and_the_work_area_reach_the_backward_pass() {
    check::gradients(&[(2, 2, &[0.3, -1.2, 2.0, 0.7])], |tape, v| {
        let attributes = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        tape.record_with(&Power, [v[0]], v[0].shape(), 0, attributes, |[x], mut y, _, scratch| {
            scratch.resize(100, 0.0);
            for (y, x) in y.data_mut().iter_mut().zip(x.data()) {
                *y = x.powi(3);
            }
        })
    })
    .unwrap();
}

#[test]
fn softmax_cross_entropy_does_not_overflow() {
    let mut tape = Tape::new();
    tape.begin(&[]);
    let logits = tape.variable(&[1e4, -1e4, 0.0, -800.0, -801.0, -1e300], 2, 3);
    let classes = tape.input(&[1.0, 0.0], 2, 1);
    let loss = op::softmax_cross_entropy(&mut tape, logits, classes);
    let expected = (2e4 + (1.0 + (-1.0_f64).exp()).ln()) / 2.0;
    assert!((tape.value(loss).data()[0] - expected).abs() < 1e-9);
    tape.backward(loss);
    assert!(tape.gradient(logits).unwrap().data().iter().all(|g| g.is_finite()));
}

#[test]
#[should_panic(expected = "softmax_cross_entropy: row 0 has class 3; expected a whole number from 0 to 2")]
fn a_class_that_is_none_panics() {
    let mut tape = Tape::<f64>::new();
    tape.begin(&[]);
    let (logits, classes) = (tape.input(&[0.0; 3], 1, 3), tape.input(&[3.0], 1, 1));
    op::softmax_cross_entropy(&mut tape, logits, classes);
}

/// Shapes, orders and special values that the gradient check does not see.
#[test]
fn values_of_the_everyday_operations() {
    let mut tape = Tape::<f64>::new();
    let t = &mut tape;
    t.begin(&[]);
    let a = t.input(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3);
    let b = t.input(&[1.0, -1.0, 0.5], 3, 1);
    let expect = |t: &Tape<f64>, y: Var, rows: usize, numbers: &[f64]| {
        assert_eq!((y.rows(), t.value(y).data()), (rows, numbers));
    };
    let y = a.matmul(t, b);
    expect(t, y, 2, &[0.5, 2.0]);
    let column = b.transpose(t);
    let y = a.concat_rows(t, column);
    expect(t, y, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, -1.0, 0.5]);
    let y = y.slice_rows(t, 1..3).slice_cols(t, 1..3);
    expect(t, y, 2, &[5.0, 6.0, -1.0, 0.5]);
    let (empty, none) = (a.slice_rows(t, 2..2), a.slice_cols(t, 0..0));
    expect(t, empty, 0, &[]);
    expect(t, none, 2, &[]);
    let y = none.sum_cols(t);
    expect(t, y, 2, &[0.0, 0.0]);
    let y = empty.sum_rows(t);
    expect(t, y, 1, &[0.0; 3]);
    // Inner size 0: a sum of nothing.
    let y = empty.transpose(t).matmul(t, empty);
    expect(t, y, 3, &[0.0; 9]);

    // NaN on either side stays; so it does through abs and clamp.
    let (p, q) = (t.input(&[f64::NAN, 1.0], 1, 2), t.input(&[1.0, f64::NAN], 1, 2));
    for y in [p.max(t, q), p.min(t, q), q.max(t, p), q.min(t, p)] {
        assert!(t.value(y).data().iter().all(|y| y.is_nan()));
    }
    for y in [p.abs(t), p.clamp(t, -2.0, 2.0), p.relu(t), p.tanh(t), p.sigmoid(t)] {
        assert!(t.value(y).data()[0].is_nan() && !t.value(y).data()[1].is_nan());
    }
}

/// Half of the gradient to each of two equal operands, as PyTorch has it; none where a bound holds a number.
#[test]
fn gradients_at_kinks() {
    let mut tape = Tape::<f64>::new();
    for choose in [op::max, op::min] {
        tape.begin(&[]);
        let (a, b) = (tape.variable(&[2.0], 1, 1), tape.variable(&[2.0], 1, 1));
        let y = choose(&mut tape, a, b).scale(&mut tape, 3.0);
        tape.backward(y);
        assert_eq!([a, b].map(|v| tape.gradient(v).unwrap().data()[0]), [1.5, 1.5]);
    }
    tape.begin(&[]);
    let x = tape.variable(&[-2.0, -1.0, 0.0, 1.0, 2.0], 1, 5);
    let y = x.clamp(&mut tape, -1.0, 1.0).sum(&mut tape);
    tape.backward(y);
    assert_eq!(tape.gradient(x).unwrap().data(), [0.0, 1.0, 1.0, 1.0, 0.0]);
    tape.begin(&[]);
    let x = tape.variable(&[-2.0, 0.0, 2.0], 1, 3);
    let y = x.abs(&mut tape).sum(&mut tape);
    tape.backward(y);
    assert_eq!(tape.gradient(x).unwrap().data(), [-1.0, 0.0, 1.0]);
}

/// At a last use the result takes the input's memory where backward needs only the output.
#[test]
fn pointwise_results_take_memory_at_a_last_use() {
    for f in [op::exp, op::tanh, op::sigmoid, op::relu] {
        let run = |hand_over: fn(Var) -> Var| {
            let mut tape = Tape::<f64>::new();
            tape.begin(&[]);
            let x = tape.variable(&[0.3, -2.0], 2, 1);
            let sum = x.add(&mut tape, x);
            let y = f(&mut tape, hand_over(sum));
            let value = tape.value(y).data().to_vec();
            let loss = y.sum(&mut tape);
            tape.backward(loss);
            let is_taken = tape.operations().nth(1).is_some_and(|sum| sum.is_overwritten);
            (is_taken, value, tape.gradient(x).unwrap().data().to_vec())
        };
        let (apart, together) = (run(|x| x), run(Var::last_use));
        assert!(!apart.0 && together.0);
        assert_eq!((apart.1, apart.2), (together.1, together.2));
    }
}
