//! What a tape promises beside the operations: sizes, lives of variables, which gradients are kept.

use gmp_autograd::{Mat, MatMut, Pullback, Rule, Shape, Tape, op};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The text of the panic of `f`.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let error = catch_unwind(AssertUnwindSafe(|| drop(f()))).expect_err("a panic");
    match error.downcast::<String>() {
        Ok(text) => *text,
        Err(error) => (*error.downcast::<&str>().expect("a text")).to_owned(),
    }
}

/// Products and sums that wrap must not pass for small ones: in release builds no overflow check would notice.
#[test]
fn sizes_that_wrap_are_refused() {
    const HALF: usize = 1 << (usize::BITS - 1);
    let mut tape = Tape::<f64>::new();
    tape.begin(&[1.0; 10]);
    let two = [1.0, 2.0];
    let text = format!("2 numbers cannot be a 2×{} matrix", HALF + 1);
    assert_eq!(panic_of(|| tape.input(&two, 2, HALF + 1)), text);
    assert_eq!(panic_of(|| tape.variable(&two, 2, HALF + 1)), text);
    assert_eq!(panic_of(|| Mat::new(&two, 2, HALF + 1).rows()), text);
    assert_eq!(panic_of(|| MatMut::new(&mut [1.0, 2.0], 2, HALF + 1).rows()), text);
    assert!(panic_of(|| Shape::new(2, HALF + 1).len()).starts_with("a shape with more elements"));
    assert!(!Shape::new(2, HALF).is_empty() && Shape::new(HALF, 0).is_empty());
    let outside = |text: String| assert!(text.contains("outside the snapshot of 10 numbers"), "{text}");
    outside(panic_of(|| tape.parameter(usize::MAX - 3, 2, 2)));
    outside(panic_of(|| tape.parameter(7, 2, 2)));
}

/// A variable is a small number; on another tape it would mean another matrix, and give a result without a word.
#[test]
fn variables_of_another_tape_are_refused() {
    let [mut a, mut b] = [Tape::<f64>::new(), Tape::new()];
    a.begin(&[1.0]);
    b.begin(&[5.0]);
    let (u, v) = (a.input(&[1.0], 1, 1), b.input(&[5.0], 1, 1));
    let p = b.parameter(0, 1, 1);
    for stranger in [v, p] {
        assert_eq!(panic_of(|| op::add(&mut a, u, stranger)), "add: a variable of another tape");
        assert_eq!(panic_of(|| a.value(stranger).rows()), "value: a variable of another tape");
        assert_eq!(panic_of(|| a.gradient(stranger).is_some()), "gradient: a variable of another tape");
        assert_eq!(panic_of(|| a.backward(stranger)), "backward: a variable of another tape");
        assert_eq!(panic_of(|| a.keep_gradient(stranger)), "keep_gradient: a variable of another tape");
    }
    // The same tape at a later pass.
    a.begin(&[1.0]);
    assert_eq!(
        panic_of(|| a.value(u).rows()),
        "value: a variable of an earlier pass; begin() ended its life"
    );
}

/// z = (2x + b)² − y through backward_with on a matrix is what a loss Σ c ∘ z gives.
#[test]
fn a_cotangent_is_a_weighted_sum() {
    let (x, c) = ([0.5, -1.0, 2.0, 0.25, 1.5, -0.75], [1.0, 0.0, -2.0, 0.5, 3.0, 0.25]);
    let program = |tape: &mut Tape<f64>, x: &[f64]| {
        tape.begin(&[0.5, -0.5, 1.0]);
        let x = tape.variable(x, 2, 3);
        let b = tape.parameter(0, 1, 3);
        let z = x.scale(tape, 2.0).add_row(tape, b);
        (x, z.mul(tape, z))
    };
    let gradients = |tape: &Tape<f64>, x| {
        (tape.gradient(x).map(|g: Mat<'_, f64>| g.to_vec()), tape.parameter_gradients().to_vec())
    };
    let mut tape = Tape::new();
    let (x_var, z) = program(&mut tape, &x);
    tape.backward_with(z, Mat::new(&c, 2, 3));
    let found = gradients(&tape, x_var);

    let (x_var, z) = program(&mut tape, &x);
    let c_var = tape.input(&c, 2, 3);
    let loss = z.mul(&mut tape, c_var).sum(&mut tape);
    tape.backward(loss);
    assert_eq!(found, gradients(&tape, x_var));

    // Of a parameter, of a variable itself, and of constants.
    tape.begin(&[1.0, 2.0]);
    let (p, v, k) = (tape.parameter(0, 1, 2), tape.variable(&[3.0], 1, 1), tape.input(&[4.0], 1, 1));
    tape.backward_with(p, Mat::new(&[5.0, 6.0], 1, 2));
    assert_eq!(tape.parameter_gradients(), [5.0, 6.0]);
    tape.backward_with(v, Mat::new(&[7.0], 1, 1));
    assert_eq!((tape.gradient(v).unwrap().data(), tape.parameter_gradients()), (&[7.0][..], &[0.0, 0.0][..]));
    tape.backward(k);
    assert_eq!((tape.gradient(v).is_none(), tape.parameter_gradients()), (true, &[0.0, 0.0][..]));
    assert_eq!(
        panic_of(|| tape.backward_with(p, Mat::new(&[1.0], 1, 1))),
        "backward_with: a cotangent of 1×1 for a result of 1×2"
    );
    assert_eq!(
        panic_of(|| tape.backward(p)),
        "backward starts from a 1×1 loss, not from 1×2; backward_with takes a cotangent of that shape"
    );
}

/// Kept gradients are those of the moment when the operation is differentiated, whatever happens to the memory afterwards.
#[test]
fn gradients_of_intermediates_on_request() {
    let mut tape = Tape::<f64>::new();
    let mut capacity = 0;
    for pass in 0..3 {
        tape.begin(&[]);
        let x = tape.variable(&[1.0, -2.0, 3.0], 1, 3);
        let sum = x.add(&mut tape, x);
        tape.keep_gradient(sum);
        let hidden = sum.last_use().relu(&mut tape); // takes the sum's memory, not its gradient
        let square = hidden.mul(&mut tape, hidden);
        tape.keep_gradient(square);
        let unused = x.exp(&mut tape);
        tape.keep_gradient(unused);
        let loss = square.sum(&mut tape);
        tape.keep_gradient(loss);
        tape.keep_gradient(x); // kept anyway
        tape.backward(loss);
        let gradient = |v| tape.gradient(v).map(|g| g.to_vec());
        assert_eq!(gradient(loss), Some(vec![1.0]));
        assert_eq!(gradient(square), Some(vec![1.0; 3]));
        assert_eq!(gradient(sum), Some(vec![4.0, 0.0, 12.0]));
        assert_eq!(gradient(x), Some(vec![8.0, 0.0, 24.0]));
        assert_eq!(gradient(unused), None);
        assert_eq!(
            panic_of(|| tape.gradient(hidden).is_some()),
            "gradients of intermediate results are not kept (relu); call keep_gradient before backward"
        );
        // Too late.
        tape.keep_gradient(hidden);
        assert!(panic_of(|| tape.gradient(hidden).is_some()).ends_with("call keep_gradient before backward"));
        tape.backward(loss);
        assert_eq!(tape.gradient(hidden).unwrap().data(), [4.0, 0.0, 12.0]);
        if pass > 0 {
            assert_eq!(tape.capacity(), capacity, "a pass like the one before allocates nothing");
        }
        capacity = tape.capacity();
    }
}

#[test]
fn a_tape_in_words() {
    let mut tape = Tape::<f32>::new();
    assert_eq!(format!("{tape:?}"), "Tape { parameters: 0, operations: 0, capacity: 0 }");
    tape.begin(&[1.0, 2.0]);
    let p = tape.parameter(0, 1, 2);
    op::sum(&mut tape, p);
    assert!(format!("{tape:?}").starts_with("Tape { parameters: 2, operations: 1, capacity: "));
}

#[test]
fn shapes_in_panics_are_whole_sentences() {
    let mut tape = Tape::<f64>::new();
    tape.begin(&[]);
    let (a, b) = (tape.input(&[0.0; 6], 2, 3), tape.input(&[0.0; 6], 3, 2));
    let none = tape.input(&[], 0, 3);
    for (found, text) in [
        (
            panic_of(|| op::mean_squared_error(&mut tape, a, b)),
            "mean_squared_error: the prediction is 2×3 and the target 3×2; expected one shape",
        ),
        (
            panic_of(|| op::mean_absolute_error(&mut tape, none, none)),
            "mean_absolute_error: a prediction of 0×3 has no elements to average over",
        ),
        (
            panic_of(|| op::softmax_cross_entropy(&mut tape, a, b)),
            "softmax_cross_entropy: the logits are 2×3 and the classes 3×2; expected one class number per row of at least one row",
        ),
        (panic_of(|| op::matmul(&mut tape, a, a)), "matmul: 2×3 times 2×3; expected 3 rows"),
        (panic_of(|| op::add(&mut tape, a, b)), "add: shapes 2×3 and 3×2 differ"),
        (panic_of(|| op::add_row(&mut tape, a, b)), "add_row: a 2×3 matrix needs a 1×3 row, not 3×2"),
        (panic_of(|| op::mul_row(&mut tape, b, a)), "mul_row: a 3×2 matrix needs a 1×2 row, not 2×3"),
        (
            panic_of(|| op::concat_rows(&mut tape, [a, b])),
            "concat_rows: 3×2 below 2×3; expected one number of columns",
        ),
        (panic_of(|| op::slice_cols(&mut tape, a, 2..4)), "slice_cols: columns 2..4 of a 2×3 matrix"),
        (panic_of(|| op::mean_rows(&mut tape, none)), "mean_rows: a 0×3 matrix has no rows to average"),
        (panic_of(|| op::clamp(&mut tape, a, 1.0, f64::NAN)), "clamp: from 1 to NaN; expected a range"),
    ] {
        assert_eq!(found, text);
    }
}

#[test]
fn a_pass_knows_whose_parameters_it_has_and_which_variables_need_gradients() {
    let mut tape = Tape::<f64>::new();
    tape.begin_for(7, &[1.0, 2.0, 3.0]);
    assert_eq!((tape.owner(), tape.parameter_count()), (Some(7), 3));
    let (p, v, k) = (tape.parameter(0, 1, 3), tape.variable(&[0.0; 3], 1, 3), tape.input(&[0.0; 3], 1, 3));
    assert!(p.needs_gradient() && v.needs_gradient() && !k.needs_gradient());
    assert!(op::add(&mut tape, k, p).needs_gradient() && !op::add(&mut tape, k, k).needs_gradient());
    tape.begin(&[1.0]);
    assert_eq!((tape.owner(), tape.parameter_count()), (None, 1));
}

/// Neither reads its result in the backward pass nor changes the gradient but in sign.
struct Negate;
impl Rule<f64> for Negate {
    fn name(&self) -> &'static str {
        "negate"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, f64>) {
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_each(dy.data().iter().map(|dy| -dy));
        }
    }
}

/// To hand over an input says nothing of the result.
#[test]
fn a_result_that_took_memory_is_not_handed_over_itself() {
    let mut tape = Tape::new();
    tape.begin(&[]);
    let x = tape.variable(&[1.0, -2.0], 2, 1);
    let sum = x.add(&mut tape, x);
    let negated = tape.record_in_place(&Negate, sum.last_use(), |x, mut y, _| {
        assert!(x.is_none(), "in the memory of the sum");
        y.data_mut().iter_mut().for_each(|y| *y = -*y);
    });
    let rectified = negated.relu(&mut tape);
    assert_eq!(
        (tape.value(negated).data(), tape.value(rectified).data()),
        (&[-2.0, 4.0][..], &[0.0, 4.0][..])
    );
}

#[test]
fn the_capacity_counts_values_gradients_saved_numbers_and_the_work_area() {
    let mut tape = Tape::<f64>::new();
    let mut pass = |saved: usize, work: usize, is_differentiated: bool| {
        tape.begin(&[]);
        let x = tape.variable(&[1.0; 1000], 1000, 1);
        let y = tape.record_with(&Negate, [x], x.shape(), saved, [0; 12], |_, mut y, _, scratch| {
            scratch.resize(work, 0.0);
            y.data_mut().fill(-1.0);
        });
        if is_differentiated {
            tape.backward_with(y, Mat::new(&[1.0; 1000], 1000, 1));
        }
        tape.capacity()
    };
    let values = pass(0, 0, false);
    assert!(values >= 2000, "{values}");
    let saved = pass(5000, 0, false);
    assert!(saved >= values + 5000, "{saved} and {values} without");
    let work = pass(5000, 70_000, false);
    assert!(work >= saved + 70_000, "{work} and {saved} without");
    let gradients = pass(5000, 70_000, true);
    assert!(gradients >= work + 2000, "{gradients} and {work} without");
}
