//! What operations have in common that apply one function to every element.

use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// `y = f(x)` whose derivative is a function of y alone: at x's [last use](Var::last_use) the result takes its memory,
/// where the operation before allows.
#[track_caller]
pub(super) fn by_output<T: Scalar>(
    tape: &mut Tape<T>,
    rule: &'static dyn Rule<T>,
    x: Var,
    f: impl Fn(T) -> T,
) -> Var {
    tape.record_in_place(rule, x, |x, mut y, _| match x {
        Some(x) => y.data_mut().iter_mut().zip(x.data()).for_each(|(y, &x)| *y = f(x)),
        None => y.data_mut().iter_mut().for_each(|y| *y = f(*y)),
    })
}

/// Adds `derivative(dy, y)` to the gradient of x.
pub(super) fn pull_by_output<T: Scalar>(pull: &mut Pullback<'_, T>, derivative: impl Fn(T, T) -> T) {
    let y = pull.output();
    if let Some((dy, dx)) = pull.wrt(0) {
        dx.add_each(dy.data().iter().zip(y.data()).map(|(&dy, &y)| derivative(dy, y)));
    }
}

/// `y = f(x)` whose derivative is a function of x.
#[track_caller]
pub(super) fn by_input<T: Scalar>(
    tape: &mut Tape<T>,
    rule: &'static dyn Rule<T>,
    x: Var,
    f: impl Fn(T) -> T,
) -> Var {
    tape.record(rule, [x], x.shape(), 0, |[x], mut y, _| {
        y.data_mut().iter_mut().zip(x.data()).for_each(|(y, &x)| *y = f(x));
    })
}

/// Adds `derivative(dy, x)` to the gradient of x.
pub(super) fn pull_by_input<T: Scalar>(pull: &mut Pullback<'_, T>, derivative: impl Fn(T, T) -> T) {
    let x = pull.value(0);
    if let Some((dy, dx)) = pull.wrt(0) {
        dx.add_each(dy.data().iter().zip(x.data()).map(|(&dy, &x)| derivative(dy, x)));
    }
}

/// `y = f(a, b)` of two matrices of one shape.
#[track_caller]
pub(super) fn of_two<T: Scalar>(
    tape: &mut Tape<T>,
    rule: &'static dyn Rule<T>,
    [a, b]: [Var; 2],
    f: impl Fn(T, T) -> T,
) -> Var {
    super::assert_same_shape(rule.name(), a, b);
    tape.record(rule, [a, b], a.shape(), 0, |[a, b], mut y, _| {
        for ((y, &a), &b) in y.data_mut().iter_mut().zip(a.data()).zip(b.data()) {
            *y = f(a, b);
        }
    })
}

/// Adds dy to the gradient of the operand that was chosen over the other, half of it to each where they are equal.
pub(super) fn pull_to_chosen<T: Scalar>(pull: &mut Pullback<'_, T>, is_chosen: impl Fn(T, T) -> bool) {
    let half = T::from_f64(0.5);
    for i in 0..2 {
        let (x, other) = (pull.value(i), pull.value(1 - i));
        if let Some((dy, dx)) = pull.wrt(i) {
            let pairs = x.data().iter().zip(other.data());
            dx.add_each(dy.data().iter().zip(pairs).map(|(&dy, (&x, &other))| {
                if is_chosen(x, other) {
                    dy
                } else if is_chosen(other, x) {
                    T::ZERO
                } else {
                    half * dy
                }
            }));
        }
    }
}
