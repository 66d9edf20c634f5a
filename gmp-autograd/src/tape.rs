//! The tape: three flat memories and a list of nodes.

use crate::rule::{Pullback, Rule};
use crate::{Mat, MatMut, Shape, Var};
use gmp_math::Scalar;
use std::fmt;

pub(crate) const MAX_INPUTS: usize = 6;

/// Small whole numbers that an operation keeps with its node: the sizes of a picture, a stride.
pub type Attributes = [u32; 12];

/// One operation that was carried out.
pub(crate) struct Node<T: 'static> {
    rule: Option<&'static dyn Rule<T>>,
    inputs: [Var; MAX_INPUTS],
    arity: usize,
    pub(crate) out: Var,
    pub(crate) attributes: Attributes,
    saved: std::ops::Range<usize>,
}

impl<T: Scalar> Node<T> {
    pub(crate) fn inputs(&self) -> &[Var] {
        &self.inputs[..self.arity]
    }
    pub(crate) fn name(&self) -> &'static str {
        self.rule.map_or("leaf", |rule| rule.name())
    }
}

/// Records operations as they are carried out and differentiates them in reverse.
///
/// ```text
/// values    [ parameters | inputs and every result, in order of creation … ]
/// gradients [ the same offsets                                             ]
/// saved     [ what rules keep for their backward pass                      ]
/// scratch   [ lent to one operation at a time; keeps nothing               ]
/// ```
///
/// Memory only grows, to the largest pass seen; a pass like an earlier one allocates nothing. Every
/// operation must therefore write all of its output: it may hold numbers of the pass before (debug builds
/// fill it with NaN, so that reading it unwritten shows).
pub struct Tape<T: 'static> {
    values: Vec<T>,
    gradients: Vec<T>,
    saved: Vec<T>,
    scratch: Vec<T>,
    nodes: Vec<Node<T>>,
    touched: Vec<bool>,
    parameters: usize,
    used: usize,
    saved_used: usize,
    generation: u32,
}

impl<T: Scalar> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Scalar> Tape<T> {
    /// An empty tape.
    pub fn new() -> Self {
        Self {
            values: Vec::new(),
            gradients: Vec::new(),
            saved: Vec::new(),
            scratch: Vec::new(),
            nodes: Vec::new(),
            touched: Vec::new(),
            parameters: 0,
            used: 0,
            saved_used: 0,
            generation: 0,
        }
    }

    /// Starts a pass: forgets every variable and takes a snapshot of the parameters.
    pub fn begin(&mut self, parameters: &[T]) {
        self.generation = self.generation.wrapping_add(1);
        self.nodes.clear();
        self.parameters = parameters.len();
        (self.used, self.saved_used) = (0, 0);
        let range = self.reserve(parameters.len());
        self.values[range].copy_from_slice(parameters);
    }

    /// The parameters `offset .. offset + rows · cols` as a matrix whose gradient is wanted.
    ///
    /// # Panics
    /// If the snapshot is shorter than that.
    #[track_caller]
    pub fn parameter(&self, offset: usize, rows: usize, cols: usize) -> Var {
        let shape = Shape::new(rows, cols);
        assert!(
            offset + shape.len() <= self.parameters,
            "parameter of {shape} at {offset} is outside the snapshot of {} numbers",
            self.parameters
        );
        Var { at: offset, shape, node: Var::PARAMETER, generation: self.generation, needs_gradient: true }
    }

    /// Copies a constant onto the tape; no gradient is computed for it.
    ///
    /// # Panics
    /// If `data.len() != rows · cols`.
    #[track_caller]
    pub fn input(&mut self, data: &[T], rows: usize, cols: usize) -> Var {
        self.leaf(data, rows, cols, false)
    }

    /// Copies a matrix onto the tape whose gradient is wanted, as [`Tape::gradient`] gives it.
    ///
    /// # Panics
    /// If `data.len() != rows · cols`.
    #[track_caller]
    pub fn variable(&mut self, data: &[T], rows: usize, cols: usize) -> Var {
        self.leaf(data, rows, cols, true)
    }

    #[track_caller]
    fn leaf(&mut self, data: &[T], rows: usize, cols: usize, needs_gradient: bool) -> Var {
        let data = Mat::new(data, rows, cols).data();
        let out = self.fresh(Shape::new(rows, cols), needs_gradient);
        self.values[out.range()].copy_from_slice(data);
        self.nodes.push(Node {
            rule: None,
            inputs: [out; MAX_INPUTS],
            arity: 0,
            out,
            attributes: Attributes::default(),
            saved: 0..0,
        });
        out
    }

    /// Carries out an operation and records how to differentiate it.
    ///
    /// `forward` receives the inputs, the output to be written whole, and `saved` numbers to keep for
    /// the backward pass, to be written whole too.
    ///
    /// # Panics
    /// If an input is from an earlier pass. Operations check their shapes themselves.
    #[track_caller]
    pub fn record<const K: usize>(
        &mut self,
        rule: &'static dyn Rule<T>,
        inputs: [Var; K],
        out: Shape,
        saved: usize,
        forward: impl FnOnce([Mat<'_, T>; K], MatMut<'_, T>, &mut [T]),
    ) -> Var {
        self.record_with(rule, inputs, out, saved, Attributes::default(), |inputs, out, saved, _| {
            forward(inputs, out, saved)
        })
    }

    /// [`Tape::record`] for an operation that has attributes or needs a work area.
    ///
    /// The backward pass finds `attributes` at [`Pullback::attributes`]. `forward` is lent the tape's work
    /// area too, of any length and content, to be resized as needed and never shrunk: the operations of
    /// all passes share its memory. The backward pass finds it at [`Pullback::scratch`].
    ///
    /// # Panics
    /// As [`Tape::record`].
    #[track_caller]
    pub fn record_with<const K: usize>(
        &mut self,
        rule: &'static dyn Rule<T>,
        inputs: [Var; K],
        out: Shape,
        saved: usize,
        attributes: Attributes,
        forward: impl FnOnce([Mat<'_, T>; K], MatMut<'_, T>, &mut [T], &mut Vec<T>),
    ) -> Var {
        const { assert!(K <= MAX_INPUTS) };
        for input in &inputs {
            self.assert_current(input, rule.name());
        }
        let out = self.fresh(out, inputs.iter().any(|v| v.needs_gradient));
        let start = self.saved_used;
        self.saved_used += saved;
        if self.saved.len() < self.saved_used {
            self.saved.resize(self.saved_used, T::ZERO);
        }
        let kept = &mut self.saved[start..self.saved_used];
        // The output lies above every input: the order of creation keeps the borrows apart.
        let (below, above) = self.values.split_at_mut(out.at);
        let result = &mut above[..out.shape.len()];
        if cfg!(debug_assertions) {
            let nan = T::from_f64(f64::NAN);
            result.fill(nan);
            kept.fill(nan);
        }
        let operands = inputs.map(|v| Mat::new(&below[v.range()], v.rows(), v.cols()));
        forward(operands, MatMut::new(result, out.rows(), out.cols()), kept, &mut self.scratch);
        let mut padded = [out; MAX_INPUTS];
        padded[..K].copy_from_slice(&inputs);
        self.nodes.push(Node {
            rule: Some(rule),
            inputs: padded,
            arity: K,
            out,
            attributes,
            saved: start..self.saved_used,
        });
        out
    }

    /// The value of a variable.
    ///
    /// # Panics
    /// If it is from an earlier pass.
    #[track_caller]
    pub fn value(&self, v: Var) -> Mat<'_, T> {
        self.assert_current(&v, "value");
        Mat::new(&self.values[v.range()], v.rows(), v.cols())
    }

    /// Computes the gradient of `loss` with respect to every parameter and [`Tape::variable`] it depends on.
    ///
    /// # Panics
    /// If `loss` is not 1×1 or is from an earlier pass.
    #[track_caller]
    pub fn backward(&mut self, loss: Var) {
        self.assert_current(&loss, "backward");
        assert_eq!(loss.shape, Shape::new(1, 1), "backward starts from a 1×1 loss, not from {}", loss.shape);
        if self.gradients.len() < self.values.len() {
            self.gradients.resize(self.values.len(), T::ZERO);
        }
        self.gradients[..self.parameters].fill(T::ZERO);
        self.touched.clear();
        self.touched.resize(self.nodes.len(), false);
        self.gradients[loss.at] = T::ONE;
        let Some(last) = self.touched.get_mut(loss.node as usize) else { return };
        *last = true;
        for node in self.nodes[..=loss.node as usize].iter().rev() {
            let Some(rule) = node.rule else { continue };
            if !node.out.needs_gradient || !self.touched[node.out.node as usize] {
                continue;
            }
            let (below, above) = self.gradients.split_at_mut(node.out.at);
            rule.backward(&mut Pullback {
                node,
                values: &self.values,
                saved: &self.saved[node.saved.clone()],
                outgoing: &mut above[..node.out.shape.len()],
                below,
                touched: &mut self.touched,
                scratch: &mut self.scratch,
            });
        }
    }

    /// Gradient of the last [`Tape::backward`]'s loss with respect to the parameters, in their layout;
    /// zero for parameters that the loss does not depend on.
    pub fn parameter_gradients(&self) -> &[T] {
        &self.gradients[..self.parameters]
    }

    /// Gradient of the last [`Tape::backward`]'s loss with respect to a [`Tape::variable`] or parameter;
    /// `None` where the loss does not depend on it.
    ///
    /// # Panics
    /// If `v` is the result of an operation (rules may overwrite those gradients) or is from an earlier pass.
    #[track_caller]
    pub fn gradient(&self, v: Var) -> Option<Mat<'_, T>> {
        self.assert_current(&v, "gradient");
        let reached = match self.nodes.get(v.node as usize) {
            None => true,
            Some(node) => {
                assert!(
                    node.rule.is_none(),
                    "gradients of intermediate results are not kept ({})",
                    node.name()
                );
                v.needs_gradient && self.touched.get(v.node as usize).copied().unwrap_or(false)
            }
        };
        reached.then(|| Mat::new(&self.gradients[v.range()], v.rows(), v.cols()))
    }

    /// The operations of this pass and the shapes of their results, in order.
    pub fn trace(&self) -> impl fmt::Display + '_ {
        Trace(self)
    }

    /// The first result of this pass that holds a NaN or an infinity: its operation's name and its place
    /// in the order of creation.
    pub fn first_non_finite(&self) -> Option<(&'static str, usize)> {
        let bad = |v: &Var| self.values[v.range()].iter().any(|x| !x.is_finite());
        self.nodes.iter().enumerate().find(|(_, node)| bad(&node.out)).map(|(i, node)| (node.name(), i))
    }

    /// Numbers held in memory: values, gradients, saved state and the work area.
    pub fn capacity(&self) -> usize {
        self.values.capacity() + self.gradients.capacity() + self.saved.capacity() + self.scratch.capacity()
    }

    fn fresh(&mut self, shape: Shape, needs_gradient: bool) -> Var {
        let range = self.reserve(shape.len());
        let node = self.nodes.len() as u32;
        Var { at: range.start, shape, node, generation: self.generation, needs_gradient }
    }

    fn reserve(&mut self, len: usize) -> std::ops::Range<usize> {
        // Every matrix starts on a cache line of the buffer, so that tiles do not straddle lines.
        let line = 64 / size_of::<T>();
        let start = self.used.next_multiple_of(line);
        self.used = start + len;
        if self.values.len() < self.used {
            self.values.resize(self.used, T::ZERO);
        }
        start..self.used
    }

    #[track_caller]
    fn assert_current(&self, v: &Var, by: &str) {
        assert_eq!(
            v.generation, self.generation,
            "{by}: a variable of an earlier pass; begin() ended its life"
        );
    }
}

struct Trace<'t, T: 'static>(&'t Tape<T>);
impl<T: Scalar> fmt::Display for Trace<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for node in self.0.nodes.iter().filter(|node| node.rule.is_some()) {
            write!(f, "{separator}{}[{}]", node.name(), node.out.shape)?;
            separator = " ";
        }
        Ok(())
    }
}
