//! How operations are differentiated.

use crate::tape::{Attributes, MAX_INPUTS, Node};
use crate::{Mat, MatMut, Var};
use gmp_math::Scalar;

/// The backward pass of an operation: a stateless object, defined next to the forward function.
///
/// **A constant of the operation** (a slope, an ϵ) cannot be a field of the rule, which is a `static` shared by all
/// nodes of its kind: the forward pass writes it into `saved` and the backward pass reads it from
/// [`Pullback::saved`]. Whole numbers go to the [attributes](crate::Tape::record_with). The
/// [crate documentation](crate#adding-an-operation) has an example.
///
/// ```
/// use gmp_autograd::{Pullback, Rule, Tape, Var, check};
///
/// /// y = −x.
/// fn negate(tape: &mut Tape<f64>, x: Var) -> Var {
///     tape.record(&Negate, [x], x.shape(), 0, |[x], mut y, _saved| {
///         y.data_mut().iter_mut().zip(x.data()).for_each(|(y, x)| *y = -x);
///     })
/// }
/// struct Negate;
/// impl Rule<f64> for Negate {
///     fn name(&self) -> &'static str {
///         "negate"
///     }
///     fn backward(&self, pull: &mut Pullback<'_, f64>) {
///         if let Some((dy, dx)) = pull.wrt(0) {
///             dx.add_with(|i| -dy.data()[i]);
///         }
///     }
/// }
/// check::gradients(&[(1, 2, &[0.5, -2.0])], |tape, v| negate(tape, v[0]))?;
/// # Ok::<(), check::GradientMismatch>(())
/// ```
pub trait Rule<T: Scalar>: Sync {
    /// The operation's name, as users see it in panics and in [`Tape::trace`](crate::Tape::trace).
    fn name(&self) -> &'static str;
    /// Whether the backward pass reads the numbers of [`Pullback::output`]. If it does not, the next operation may
    /// overwrite them with its result ([`Tape::record_in_place`](crate::Tape::record_in_place)).
    fn reads_output(&self) -> bool {
        true
    }
    /// Adds the vector–Jacobian product with the output's gradient to the gradients of the inputs.
    fn backward(&self, pull: &mut Pullback<'_, T>);
}

/// Everything that a [`Rule`] may read and write during the backward pass through one node.
///
/// ```
/// use gmp_autograd::Pullback;
/// /// The backward pass of y = a·b, element by element: da = dy·b and db = dy·a.
/// fn backward(pull: &mut Pullback<'_, f64>) {
///     let (a, b) = (pull.value(0), pull.value(1));
///     if let Some((dy, da)) = pull.wrt(0) {
///         da.add_with(|i| dy.data()[i] * b.data()[i]);
///     }
///     if let Some((dy, db)) = pull.wrt(1) {
///         db.add_with(|i| dy.data()[i] * a.data()[i]);
///     }
/// }
/// ```
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
    /// The value that the operation computed; for a rule that does not [read it](Rule::reads_output), only its shape
    /// is valid.
    ///
    /// ```
    /// # use gmp_autograd::Pullback;
    /// /// The backward pass of y = eˣ, whose derivative is y itself.
    /// fn backward(pull: &mut Pullback<'_, f64>) {
    ///     let y = pull.output().data();
    ///     if let Some((dy, dx)) = pull.wrt(0) {
    ///         dx.add_with(|i| dy.data()[i] * y[i]);
    ///     }
    /// }
    /// ```
    pub fn output(&self) -> Mat<'t, T> {
        let out = &self.node.out;
        Mat::new(&self.values[out.range()], out.rows(), out.cols())
    }
    /// The numbers that the forward pass saved.
    ///
    /// ```
    /// # use gmp_autograd::Pullback;
    /// /// The backward pass of y = factor·x, whose forward pass kept the factor.
    /// fn backward(pull: &mut Pullback<'_, f64>) {
    ///     let factor = pull.saved()[0];
    ///     if let Some((dy, dx)) = pull.wrt(0) {
    ///         dx.add_with(|i| dy.data()[i] * factor);
    ///     }
    /// }
    /// ```
    pub fn saved(&self) -> &'t [T] {
        self.saved
    }
    /// The whole numbers that were recorded with the node.
    pub fn attributes(&self) -> Attributes {
        self.node.attributes
    }
    /// The tape's work area, of any length and content. A rule that needs it together with accumulators takes it out
    /// with `let mut scratch = std::mem::take(pull.scratch())` and puts it back.
    pub fn scratch(&mut self) -> &mut Vec<T> {
        self.scratch
    }
    /// Whether the gradient of input `i` is needed.
    pub fn needs(&self, i: usize) -> bool {
        self.node.inputs()[i].needs_gradient
    }
    /// The gradient of the output, which the rule may overwrite: it is not read afterwards. An operation that needs a
    /// work area of the size of its output can use it.
    pub fn gradient_mut(&mut self) -> MatMut<'_, T> {
        let out = &self.node.out;
        MatMut::new(&mut self.gradients[range(self.places, out)], out.rows(), out.cols())
    }
    /// The gradient of the output and the accumulator for input `i`; `None` if that gradient is not needed.
    pub fn wrt(&mut self, i: usize) -> Option<(Mat<'_, T>, Accumulator<'_, T>)> {
        let (gradient, [accumulator]) = self.wrt_each([i]);
        let (rows, cols) = (gradient.rows(), gradient.cols());
        accumulator.map(|accumulator| (Mat::new(gradient.into_data(), rows, cols), accumulator))
    }
    /// The gradient of the output, writable, and the accumulators of several inputs at once, for fused operations
    /// that fill all of them in one pass.
    ///
    /// ```
    /// # use gmp_autograd::Pullback;
    /// /// The backward pass of y = a − b, which fills both gradients in one go.
    /// fn backward(pull: &mut Pullback<'_, f64>) {
    ///     let (dy, [da, db]) = pull.wrt_each([0, 1]);
    ///     if let Some(da) = da {
    ///         da.add_each(dy.data().iter().copied());
    ///     }
    ///     if let Some(db) = db {
    ///         db.add_each(dy.data().iter().map(|dy| -dy));
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// If two of the inputs are the same variable; visit those one after the other with [`Pullback::wrt`].
    pub fn wrt_each<const K: usize>(
        &mut self,
        inputs: [usize; K],
    ) -> (MatMut<'_, T>, [Option<Accumulator<'_, T>>; K]) {
        let node = self.node;
        // Inputs whose gradient is not needed lend an empty range, which overlaps nothing.
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

/// Accumulates the gradient of one input. Rules add to it, since a variable may be used many times; the first
/// contribution assigns, which saves clearing the memory first.
///
/// [`add_each`](Accumulator::add_each), [`add_with`](Accumulator::add_with) and [`rows`](Accumulator::rows) assign or
/// add as appropriate. [`into_parts`](Accumulator::into_parts) leaves this to a kernel of your own.
///
/// ```
/// // x is both inputs of the product: the rule adds to the gradient of x twice.
/// let mut tape = gmp_autograd::Tape::new();
/// tape.begin(&[]);
/// let x = tape.variable(&[3.0], 1, 1);
/// let y = x.mul(&mut tape, x);
/// tape.backward(y);
/// assert_eq!(tape.gradient(x).unwrap().data(), [3.0 + 3.0]);
/// ```
pub struct Accumulator<'p, T> {
    grad: MatMut<'p, T>,
    is_fresh: bool,
}

impl<'p, T: Scalar> Accumulator<'p, T> {
    /// An accumulator over `gradient`, which has no contributions yet if `is_fresh`: for parts of the memory of
    /// [`into_parts`](Accumulator::into_parts) that are distributed over threads.
    ///
    /// ```
    /// use gmp_autograd::{Accumulator, MatMut};
    /// let mut gradient = [9.0, 1.0];
    /// let (left, right) = gradient.split_at_mut(1);
    /// Accumulator::new(MatMut::new(left, 1, 1), true).add_each([2.0].into_iter());
    /// Accumulator::new(MatMut::new(right, 1, 1), false).add_each([2.0].into_iter());
    /// assert_eq!(gradient, [2.0, 3.0]);
    /// ```
    pub fn new(gradient: MatMut<'p, T>, is_fresh: bool) -> Self {
        Self { grad: gradient, is_fresh }
    }
    /// Adds one number per element, in row-major order: the iterator must have enough of them.
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
    /// # use gmp_autograd::Pullback;
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
    /// Every row must be added to: if there are no contributions yet, a row that is left out keeps numbers of another
    /// pass.
    ///
    /// ```
    /// # use gmp_autograd::Pullback;
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
    /// The gradient so far, zero if there are no contributions yet, to be added to in place.
    ///
    /// ```
    /// # use gmp_autograd::Pullback;
    /// /// The backward pass of the first element of x: every other element has the gradient 0.
    /// fn backward(pull: &mut Pullback<'_, f64>) {
    ///     if let Some((dy, dx)) = pull.wrt(0) {
    ///         dx.into_zeroed().data_mut()[0] += dy.data()[0];
    ///     }
    /// }
    /// ```
    pub fn into_zeroed(mut self) -> MatMut<'p, T> {
        if self.is_fresh {
            self.grad.data_mut().fill(T::ZERO);
        }
        self.grad
    }
    /// The memory, and whether it is *fresh*, which means that it has no contributions yet and must be assigned, not
    /// added to. This is for kernels that can do either, such as matrix products.
    ///
    /// ```
    /// # use gmp_autograd::Pullback;
    /// /// The backward pass of y = 2x.
    /// fn backward(pull: &mut Pullback<'_, f64>) {
    ///     if let Some((dy, dx)) = pull.wrt(0) {
    ///         let (mut dx, is_fresh) = dx.into_parts();
    ///         for (dx, dy) in dx.data_mut().iter_mut().zip(dy.data()) {
    ///             *dx = 2.0 * dy + if is_fresh { 0.0 } else { *dx };
    ///         }
    ///     }
    /// }
    /// ```
    pub fn into_parts(self) -> (MatMut<'p, T>, bool) {
        (self.grad, self.is_fresh)
    }
}
