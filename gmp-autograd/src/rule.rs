//! How an operation is differentiated.

use crate::tape::{Attributes, MAX_INPUTS, Node};
use crate::{Mat, MatMut, Var};
use gmp_math::Scalar;

/// The backward half of an operation: a stateless object that stands next to the forward function.
///
/// **A constant of the operation** (a slope, an ϵ) is no field of the rule, which is a `static` shared by every node of the kind:
/// the forward pass writes it into `saved` and the backward pass reads it at [`Pullback::saved`]. Whole numbers go to the
/// [attributes](crate::Tape::record_with). The [crate's page](crate#adding-an-operation) has an example.
pub trait Rule<T: Scalar>: Sync {
    /// The operation's name, as users see it in panics and in [`Tape::trace`](crate::Tape::trace).
    fn name(&self) -> &'static str;
    /// Whether the backward pass reads the numbers of [`Pullback::output`]. Where it does not, the next operation may
    /// put its result in their place ([`Tape::record_in_place`](crate::Tape::record_in_place)).
    fn reads_output(&self) -> bool {
        true
    }
    /// Adds the vector–Jacobian product with the output's gradient to the gradients of the inputs.
    fn backward(&self, pull: &mut Pullback<'_, T>);
}

/// Everything that a [`Rule`] may read and write while gradients flow through one node.
pub struct Pullback<'t, T: 'static> {
    pub(crate) node: &'t Node<T>,
    pub(crate) values: &'t [T],
    pub(crate) saved: &'t [T],
    pub(crate) gradients: &'t mut [T],
    /// Where the gradients of the nodes begin.
    pub(crate) places: &'t [usize],
    pub(crate) touched: &'t mut [bool],
    pub(crate) scratch: &'t mut Vec<T>,
}

impl<'t, T: Scalar> Pullback<'t, T> {
    /// Number of inputs.
    pub fn arity(&self) -> usize {
        self.node.inputs().len()
    }
    /// The value of input `i`.
    pub fn value(&self, i: usize) -> Mat<'t, T> {
        let input = &self.node.inputs()[i];
        Mat::new(&self.values[input.range()], input.rows(), input.cols())
    }
    /// The value that the operation computed; for a rule that does not [read it](Rule::reads_output), its shape alone.
    pub fn output(&self) -> Mat<'t, T> {
        let out = &self.node.out;
        Mat::new(&self.values[out.range()], out.rows(), out.cols())
    }
    /// What the forward pass kept.
    pub fn saved(&self) -> &'t [T] {
        self.saved
    }
    /// The whole numbers that were recorded with the node.
    pub fn attributes(&self) -> Attributes {
        self.node.attributes
    }
    /// The tape's work area, of any length and content. A rule that needs it beside accumulators takes it
    /// out and puts it back: `let mut scratch = std::mem::take(pull.scratch())`.
    pub fn scratch(&mut self) -> &mut Vec<T> {
        self.scratch
    }
    /// Whether anyone wants the gradient of input `i`.
    pub fn needs(&self, i: usize) -> bool {
        self.node.inputs()[i].needs_gradient
    }
    /// The gradient of the output, which the rule may overwrite: nobody reads it afterwards. An operation
    /// that needs a work area of its output's size has one here.
    pub fn gradient_mut(&mut self) -> MatMut<'_, T> {
        let out = &self.node.out;
        MatMut::new(&mut self.gradients[range(self.places, out)], out.rows(), out.cols())
    }
    /// The gradient of the output beside the accumulator for input `i`; nothing where nobody wants it.
    pub fn wrt(&mut self, i: usize) -> Option<(Mat<'_, T>, Accumulator<'_, T>)> {
        let (gradient, [accumulator]) = self.wrt_each([i]);
        let (rows, cols) = (gradient.rows(), gradient.cols());
        accumulator.map(|accumulator| (Mat::new(gradient.into_data(), rows, cols), accumulator))
    }
    /// The gradient of the output, writable, beside the accumulators of several inputs at once: for
    /// fused operations that fill all of them in one pass.
    ///
    /// # Panics
    /// If two of the inputs are the same variable; visit those one after the other with [`Pullback::wrt`].
    pub fn wrt_each<const K: usize>(
        &mut self,
        inputs: [usize; K],
    ) -> (MatMut<'_, T>, [Option<Accumulator<'_, T>>; K]) {
        let node = self.node;
        // Inputs that nobody wants lend an empty range, which overlaps nothing.
        const { assert!(K <= MAX_INPUTS) };
        let mut ranges: [_; MAX_INPUTS + 1] = std::array::from_fn(|_| 0..0);
        for (k, i) in inputs.into_iter().enumerate() {
            if self.needs(i) {
                ranges[k] = range(self.places, &node.inputs()[i]);
            }
        }
        ranges[MAX_INPUTS] = range(self.places, &node.out);
        let fresh = inputs.map(|i| {
            let index = node.inputs()[i].node as usize;
            match self.touched.get_mut(index) {
                Some(touched) => !std::mem::replace(touched, true),
                _ => false, // parameters, whose gradients were cleared before the pass
            }
        });
        let Ok(slices) = self.gradients.get_disjoint_mut(ranges) else {
            panic!("{}: one variable is used as two inputs; differentiate them one at a time", node.name())
        };
        let [slices @ .., outgoing] = slices;
        let gradient = MatMut::new(outgoing, node.out.rows(), node.out.cols());
        let mut slices = slices.into_iter();
        let accumulators = std::array::from_fn(|k| {
            let data = slices.next().expect("as many slices as inputs");
            let input = &node.inputs()[inputs[k]];
            input.needs_gradient.then(|| Accumulator {
                grad: MatMut::new(data, input.rows(), input.cols()),
                is_fresh: fresh[k],
            })
        });
        (gradient, accumulators)
    }
}

/// Where the gradient of a variable is stored: parameters as in their snapshot, all else where it was placed.
fn range(places: &[usize], v: &Var) -> std::ops::Range<usize> {
    let start = places.get(v.node as usize).copied().unwrap_or(v.at);
    start..start + v.shape.len()
}

/// Where the gradient of one input is collected. Rules add, since a variable may be used many times;
/// the first to arrive assigns, which saves clearing the memory first.
///
/// [`add_each`](Accumulator::add_each), [`add_with`](Accumulator::add_with) and [`rows`](Accumulator::rows) do the right one of
/// the two. [`into_parts`](Accumulator::into_parts) leaves it to a kernel of your own.
pub struct Accumulator<'p, T> {
    grad: MatMut<'p, T>,
    is_fresh: bool,
}

impl<'p, T: Scalar> Accumulator<'p, T> {
    /// Adds one number per element, in row-major order: there must be enough of them.
    #[inline(always)]
    pub fn add_each(mut self, numbers: impl Iterator<Item = T>) {
        let data = self.grad.data_mut();
        if self.is_fresh {
            for (d, x) in data.iter_mut().zip(numbers) {
                *d = x;
            }
        } else {
            for (d, x) in data.iter_mut().zip(numbers) {
                *d += x;
            }
        }
    }
    /// Adds `number(i)` to element i, counted in row-major order.
    ///
    /// ```
    /// # use gmp_autograd::{Pullback, Rule};
    /// # use gmp_math::Scalar;
    /// /// The backward pass of y = −x.
    /// fn backward<T: Scalar>(pull: &mut Pullback<'_, T>) {
    ///     if let Some((dy, dx)) = pull.wrt(0) {
    ///         dx.add_with(|i| -dy.data()[i]);
    ///     }
    /// }
    /// ```
    #[inline(always)]
    pub fn add_with(self, number: impl FnMut(usize) -> T) {
        let len = self.grad.data().len();
        self.add_each((0..len).map(number));
    }
    /// One accumulator per row of the input, to be added to in turn.
    ///
    /// Every row must be added to: where nothing arrived yet, a row that is left out keeps numbers of another pass.
    ///
    /// ```
    /// # use gmp_autograd::{Pullback, Rule};
    /// # use gmp_math::Scalar;
    /// /// The backward pass of the sum of every row, a column.
    /// fn backward<T: Scalar>(pull: &mut Pullback<'_, T>) {
    ///     if let Some((dy, dx)) = pull.wrt(0) {
    ///         for (row, &dy) in dx.rows().zip(dy.data()) {
    ///             row.add_with(|_| dy);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn rows(self) -> impl ExactSizeIterator<Item = Accumulator<'p, T>> {
        let (rows, cols, is_fresh) = (self.grad.rows(), self.grad.cols(), self.is_fresh);
        let mut data = self.grad.into_data();
        (0..rows).map(move |_| {
            let (row, rest) = std::mem::take(&mut data).split_at_mut(cols);
            data = rest;
            Accumulator { grad: MatMut::new(row, 1, cols), is_fresh }
        })
    }
    /// The gradient so far, zero where nothing arrived yet, to be added to in place.
    pub fn into_zeroed(mut self) -> MatMut<'p, T> {
        if self.is_fresh {
            self.grad.data_mut().fill(T::ZERO);
        }
        self.grad
    }
    /// The memory, and whether it is *fresh*: holds nothing yet and must be assigned, not added to. For kernels that do
    /// either, as matrix products do.
    pub fn into_parts(self) -> (MatMut<'p, T>, bool) {
        (self.grad, self.is_fresh)
    }
}
