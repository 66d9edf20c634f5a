//! What a tape promises beside the operations: sizes, lives of variables, which gradients are kept.

use gmp_autograd::{Mat, MatMut, Shape, Tape};
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
