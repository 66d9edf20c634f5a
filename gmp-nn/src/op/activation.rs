//! Activations as separate operations.
//!
//! The linear maps and normalizations of this crate take any activation. Identity and ReLU are compiled into their
//! kernels, as a constant `RELU`; every other activation is this operation after them. A kernel generic in
//! [`Pointwise`] would be compiled ten times instead of twice, in two precisions for two instruction sets, to save
//! one pass over memory, which costs less than the activation function itself. And ReLU's backward pass is a choice
//! between two numbers (`rectified`), not a product with a slope.

use crate::activation::{Activation, LeakyRelu, Pointwise, Reads, Resolved, record};
use crate::kernel::chunks::Chunks;
use gmp_autograd::{Accumulator, Mat, MatMut, Pullback, Rule, Tape, Var};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};

/// `g(x)`, element by element; x itself for the identity.
///
/// If g's slope is computed from its output ([`Reads::Output`]) and this is x's [last use](Var::last_use), the result
/// reuses x's memory, if the operation that computed x allows it. Where the slope is 0, the gradient is 0, whatever
/// the gradient of the output is.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::{Activation, op};
///
/// let mut tape = Tape::<f64>::new();
/// tape.begin(&[]);
/// let x = tape.variable(&[-2.0, 0.0, 0.5], 1, 3);
/// let y = op::activation(&mut tape, x, Activation::HardTanh);
/// assert_eq!(tape.value(y).data(), [-1.0, 0.0, 0.5]);
/// let loss = gmp_autograd::op::sum(&mut tape, y);
/// tape.backward(loss);
/// assert_eq!(tape.gradient(x).unwrap().data(), [0.0, 1.0, 1.0]);
/// ```
///
/// # Panics
/// If x is from an earlier pass.
#[track_caller]
pub fn activation<T: Scalar>(tape: &mut Tape<T>, x: Var, activation: Activation) -> Var {
    if let Activation::Identity = activation {
        return x;
    }
    match activation.resolve() {
        Resolved::Static(activation) => record(activation, tape, x),
        Resolved::Leaky(activation) => leaky_relu(tape, x, activation),
    }
}

/// The same for one that lives as long as its rule.
#[track_caller]
pub(crate) fn pointwise<T: Scalar, A: Pointwise>(tape: &mut Tape<T>, x: Var, activation: &'static A) -> Var {
    let rule = ActivationRule::of(activation);
    match A::READS {
        Reads::Output => tape.record_in_place(rule, x, |x, y, _| forward(*activation, x, y)),
        Reads::Input => tape.record(rule, [x], x.shape(), 0, |[x], y, _| forward(*activation, Some(x), y)),
    }
}

/// Its slope is kept with the node, since there is no rule for every slope.
#[track_caller]
fn leaky_relu<T: Scalar>(tape: &mut Tape<T>, x: Var, activation: LeakyRelu) -> Var {
    tape.record(&LeakyReluRule, [x], x.shape(), 1, |[x], y, saved| {
        saved[0] = T::from_f64(activation.slope);
        forward(activation, Some(x), y);
    })
}

/// Without an input, the output holds it.
fn forward<T: Scalar, A: Pointwise>(activation: A, x: Option<Mat<'_, T>>, mut y: MatMut<'_, T>) {
    let chunks = Chunks::new(y.data().len(), y.cols());
    let x = x.map(|x| x.data());
    by_chunks(chunks, y.data_mut(), &|i, y| {
        // A chunk stays in the second-level cache between the copy and the function.
        if let Some(x) = x {
            y.copy_from_slice(chunks.of(i, x));
        }
        dispatch(Value { activation, y });
    });
}

fn backward<T: Scalar, A: Pointwise>(activation: A, pull: &mut Pullback<'_, T>) {
    let read = match A::READS {
        Reads::Input => pull.value(0),
        Reads::Output => pull.output(),
    };
    if let Some((dy, dx)) = pull.wrt(0) {
        let chunks = Chunks::new(read.data().len(), read.cols());
        add_by_chunks(chunks, dx, &|i, dx| {
            let (read, dy) = (chunks.of(i, read.data()), chunks.of(i, dy.data()));
            dispatch(Slope { activation, read, dy, dx });
        });
    }
}

/// Compiled once a precision, not once an activation.
fn by_chunks<T: Scalar>(chunks: Chunks, matrix: &mut [T], work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    chunks.write(matrix, &|i, chunk| work(i, chunk));
}

/// As [`by_chunks`].
fn add_by_chunks<T: Scalar>(
    chunks: Chunks,
    gradient: Accumulator<'_, T>,
    work: &(dyn Fn(usize, Accumulator<'_, T>) + Sync),
) {
    chunks.add(gradient, &|i, part| work(i, part));
}

/// y ← g(y).
struct Value<'a, T, A> {
    activation: A,
    y: &'a mut [T],
}
impl<T: Scalar, A: Pointwise> Kernel for Value<'_, T, A> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for y in self.y {
            *y = self.activation.value(*y);
        }
    }
}

/// dx = dy·g′.
struct Slope<'a, T, A> {
    activation: A,
    read: &'a [T],
    dy: &'a [T],
    dx: Accumulator<'a, T>,
}
impl<T: Scalar, A: Pointwise> Kernel for Slope<'_, T, A> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (mut dx, is_fresh) = self.dx.into_parts();
        // A plain loop: a closure as large as some slopes would not be inlined, and be compiled for the default target.
        for ((dx, &dy), &read) in dx.data_mut().iter_mut().zip(self.dy).zip(self.read) {
            let slope = self.activation.slope(read);
            let part = if slope == T::ZERO { T::ZERO } else { dy * slope };
            *dx = if is_fresh { part } else { *dx + part };
        }
    }
}

/// The rule of an activation: the activation itself, seen as one.
#[repr(transparent)]
struct ActivationRule<A>(A);

impl<A: Pointwise> ActivationRule<A> {
    #[allow(unsafe_code)]
    fn of(activation: &'static A) -> &'static Self {
        // SAFETY: a transparent struct has the layout of its one field, so a reference to that is one to it.
        unsafe { &*std::ptr::from_ref(activation).cast() }
    }
}

impl<T: Scalar, A: Pointwise> Rule<T> for ActivationRule<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }
    fn reads_output(&self) -> bool {
        A::READS == Reads::Output
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        backward(self.0, pull);
    }
}

struct LeakyReluRule;
impl<T: Scalar> Rule<T> for LeakyReluRule {
    fn name(&self) -> &'static str {
        LeakyRelu::NAME
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let slope = pull.saved()[0].to_f64();
        backward(LeakyRelu { slope }, pull);
    }
}
