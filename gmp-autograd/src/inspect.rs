//! Inspecting a pass afterwards: which operations were carried out, and which was the first with a NaN or an
//! infinity.

use crate::tape::MAX_INPUTS;
use crate::{Shape, Tape, Var};
use gmp_math::Scalar;
use std::fmt;

/// An operation of a pass, described for reports.
///
/// ```
/// let mut tape = gmp_autograd::Tape::new();
/// tape.begin(&[1.0, 2.0]);
/// tape.parameter(1, 1, 1).exp(&mut tape);
/// let operation = tape.operations().next().unwrap();
/// assert_eq!((operation.name, operation.index, operation.parameter), ("exp", 0, Some(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The name of its rule; "leaf" for a matrix that was put on the tape.
    pub name: &'static str,
    /// Its place in the order of creation.
    pub index: usize,
    /// The offset of the first parameter that it reads, in the vector of parameters.
    pub parameter: Option<usize>,
    /// Whether the next operation's result reuses the memory of this operation's result.
    pub is_overwritten: bool,
    /// Rows and columns of its result.
    pub output: Shape,
    inputs: [Shape; MAX_INPUTS],
    arity: usize,
}

impl Operation {
    /// Rows and columns of its inputs.
    ///
    /// ```
    /// use gmp_autograd::{Shape, Tape};
    /// let mut tape = Tape::new();
    /// tape.begin(&[1.0, 2.0, 3.0]);
    /// let (row, column) = (tape.parameter(0, 1, 3), tape.parameter(0, 3, 1));
    /// row.matmul(&mut tape, column);
    /// let operation = tape.operations().last().unwrap();
    /// assert_eq!(operation.inputs(), [Shape::new(1, 3), Shape::new(3, 1)]);
    /// ```
    pub fn inputs(&self) -> &[Shape] {
        &self.inputs[..self.arity]
    }
}

impl<T: Scalar> Tape<T> {
    /// The operations of this pass and the shapes of their results, in order.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[1.0, 2.0]);
    /// tape.parameter(0, 1, 2).relu(&mut tape).sum(&mut tape);
    /// assert_eq!(tape.trace().to_string(), "relu[1×2] sum[1×1]");
    /// ```
    pub fn trace(&self) -> impl fmt::Display + '_ {
        Trace(self)
    }

    /// The operations of this pass, including leaves, in the order of creation.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[]);
    /// tape.input(&[1.0, 2.0], 1, 2).relu(&mut tape).sum(&mut tape);
    /// let names: Vec<_> = tape.operations().map(|operation| operation.name).collect();
    /// assert_eq!(names, ["leaf", "relu", "sum"]);
    /// ```
    pub fn operations(&self) -> impl DoubleEndedIterator<Item = Operation> + ExactSizeIterator {
        self.nodes.iter().enumerate().map(|(index, node)| {
            let parameter = node.inputs().iter().find(|input| input.node == Var::PARAMETER);
            Operation {
                name: node.name(),
                index,
                parameter: parameter.map(|input| input.at),
                is_overwritten: node.is_overwritten,
                output: node.out.shape(),
                inputs: node.inputs.map(|input| input.shape()),
                arity: node.arity,
            }
        })
    }

    /// The first operation of this pass whose result contains a NaN or an infinity. If the next operation
    /// [reuses its memory](Operation::is_overwritten), the number may come from either.
    ///
    /// ```
    /// use gmp_autograd::{Tape, op};
    /// let mut tape = Tape::new();
    /// tape.begin(&[1e300]);
    /// let x = tape.parameter(0, 1, 1);
    /// let square = op::mul(&mut tape, x, x);
    /// op::sum(&mut tape, square);
    /// assert_eq!(tape.first_non_finite().map(|operation| operation.name), Some("mul"));
    /// ```
    pub fn first_non_finite(&self) -> Option<Operation> {
        let broken = self.nodes.iter().position(|node| is_broken(&self.values[node.out.range()]))?;
        self.operations().nth(broken)
    }

    /// The first operation of the backward pass from `loss` whose rule gives an input a gradient with a NaN or an
    /// infinity. This carries out a second backward pass, which stops there, so the gradients afterwards are not
    /// those of a complete pass.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[0.0]);
    /// let loss = tape.parameter(0, 1, 1).sqrt(&mut tape).sum(&mut tape);
    /// assert_eq!(tape.first_non_finite(), None); // √0 is 0, but its slope is infinite
    /// assert_eq!(tape.first_non_finite_gradient(loss).unwrap().name, "sqrt");
    /// ```
    ///
    /// # Panics
    /// As [`Tape::backward`].
    #[track_caller]
    pub fn first_non_finite_gradient(&mut self, loss: Var) -> Option<Operation> {
        let broken = self.backward_until(loss, is_broken)?;
        self.operations().nth(broken)
    }
}

fn is_broken<T: Scalar>(numbers: &[T]) -> bool {
    numbers.iter().any(|x| !x.is_finite())
}

struct Trace<'t, T: 'static>(&'t Tape<T>);
impl<T: Scalar> fmt::Display for Trace<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for node in self.0.nodes.iter().filter(|node| node.rule.is_some()) {
            write!(f, "{separator}{}[{}]", node.name(), node.out.shape())?;
            separator = " ";
        }
        Ok(())
    }
}
