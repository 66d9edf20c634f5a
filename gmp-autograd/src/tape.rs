//! The tape: three flat memories and a list of nodes.

use crate::arena::Arena;
use crate::{Mat, MatMut, Phase, Rule, Shape, Var, Watch};
use gmp_math::Scalar;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

pub(crate) const MAX_INPUTS: usize = 6;

/// Sizes that wrap must not pass for small ones.
const TOO_LARGE: &str = "a tape with more numbers than a usize can count";

/// Small whole numbers that an operation stores with its node, such as the size of an image or a stride.
pub type Attributes = [u32; 12];

/// One operation that was carried out.
pub(crate) struct Node<T: 'static> {
    pub(crate) rule: Option<&'static dyn Rule<T>>,
    pub(crate) inputs: [Var; MAX_INPUTS],
    pub(crate) arity: usize,
    pub(crate) out: Var,
    pub(crate) attributes: Attributes,
    pub(crate) saved: std::ops::Range<usize>,
    /// Whether the next operation's result took its memory.
    pub(crate) is_overwritten: bool,
    /// Whether its result's gradient outlives the backward pass.
    pub(crate) keeps_gradient: bool,
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
/// ```
/// use gmp_autograd::Tape;
/// let mut tape = Tape::new();
/// tape.begin(&[3.0]); // the parameters
/// let x = tape.parameter(0, 1, 1);
/// let y = x.mul(&mut tape, x).add(&mut tape, x); // x² + x
/// tape.backward(y);
/// assert_eq!(tape.value(y).data(), [12.0]);
/// assert_eq!(tape.parameter_gradients(), [7.0]); // 2x + 1
/// ```
///
/// ```text
/// values    [ parameters | inputs and every result, in order of creation … ]
/// gradients [ parameters | variables and results, while they are needed …  ]
/// saved     [ what rules keep for their backward pass                      ]
/// scratch   [ lent to one operation at a time; keeps nothing               ]
/// ```
///
/// Memory only grows, to the largest pass seen so far; a pass with the same shapes as an earlier one allocates
/// nothing. Every operation must therefore write all of its output, which may contain numbers of the previous pass
/// (debug builds fill it with NaN, so that reading unwritten numbers becomes visible).
pub struct Tape<T: 'static> {
    pub(crate) values: Vec<T>,
    pub(crate) gradients: Vec<T>,
    pub(crate) saved: Vec<T>,
    pub(crate) scratch: Vec<T>,
    pub(crate) nodes: Vec<Node<T>>,
    pub(crate) touched: Vec<bool>,
    /// Where the gradients of the nodes begin, or `UNPLACED`.
    pub(crate) places: Vec<usize>,
    pub(crate) arena: Arena,
    pub(crate) parameters: usize,
    used: usize,
    saved_used: usize,
    /// Which tape this is and which pass: a variable knows both, and is refused elsewhere.
    id: u32,
    generation: u32,
    owner: Option<u64>,
    stop: Option<Arc<AtomicBool>>,
    is_stopped: bool,
    pub(crate) watch: Option<Box<dyn Watch>>,
}

/// `Tape { parameters: 3, operations: 5, capacity: 128 }`, whatever the numbers on it.
impl<T: Scalar> fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape")
            .field("parameters", &self.parameters)
            .field("operations", &self.nodes.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}

impl<T: Scalar> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Scalar> Tape<T> {
    /// An empty tape.
    ///
    /// ```
    /// # use gmp_autograd::Tape;
    /// let mut tape = Tape::<f32>::new(); // f32 or f64
    /// tape.begin(&[]);
    /// let x = tape.input(&[1.0, 2.0], 1, 2);
    /// assert_eq!(tape.value(x).data(), [1.0, 2.0]);
    /// ```
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self {
            values: Vec::new(),
            gradients: Vec::new(),
            saved: Vec::new(),
            scratch: Vec::new(),
            nodes: Vec::new(),
            touched: Vec::new(),
            places: Vec::new(),
            arena: Arena::default(),
            parameters: 0,
            used: 0,
            saved_used: 0,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            generation: 0,
            owner: None,
            stop: None,
            is_stopped: false,
            watch: None,
        }
    }

    /// Lets another thread end a pass early, since a pass may take seconds: once `flag` is set, the operations that
    /// follow are recorded but not computed, in the forward and the backward pass. [`Tape::is_stopped`] then says
    /// that the results of the pass are invalid.
    ///
    /// ```
    /// use gmp_autograd::{Tape, op};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let (mut tape, flag) = (Tape::<f64>::new(), Arc::new(AtomicBool::new(false)));
    /// tape.set_stop_flag(Some(Arc::clone(&flag)));
    /// tape.begin(&[2.0]);
    /// let x = tape.parameter(0, 1, 1);
    /// let y = op::mul(&mut tape, x, x);
    /// assert!(!tape.is_stopped());
    /// flag.store(true, Ordering::Relaxed); // by a handler of Ctrl-C, say
    /// tape.backward(y);
    /// assert!(tape.is_stopped());
    /// ```
    pub fn set_stop_flag(&mut self, flag: Option<Arc<AtomicBool>>) {
        self.stop = flag;
    }

    /// Whether some operations of this pass were not computed because the flag of [`Tape::set_stop_flag`] was set.
    /// Results and gradients are then meaningless until [`Tape::begin`] starts another pass.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Asked before every operation.
    pub(crate) fn stops(&mut self) -> bool {
        self.is_stopped |= self.stop.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
        self.is_stopped
    }

    /// Starts a pass: forgets every variable and takes a snapshot of the parameters.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// for rate in [1.0, 2.0] {
    ///     tape.begin(&[rate, 5.0]);
    ///     let x = tape.parameter(0, 1, 2);
    ///     assert_eq!(tape.value(x).data(), [rate, 5.0]);
    /// }
    /// ```
    pub fn begin(&mut self, parameters: &[T]) {
        self.start(parameters, None);
    }

    /// [`Tape::begin`] with parameters that belong to `owner`, any number that identifies a set of parameters: code
    /// that reads parameters from the tape can then refuse those of another owner, see [`Tape::owner`].
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin_for(7, &[1.0, 2.0]);
    /// assert_eq!((tape.owner(), tape.parameter_count()), (Some(7), 2));
    /// tape.begin(&[1.0]);
    /// assert_eq!((tape.owner(), tape.parameter_count()), (None, 1));
    /// ```
    pub fn begin_for(&mut self, owner: u64, parameters: &[T]) {
        self.start(parameters, Some(owner));
    }

    /// The owner of the parameters that this pass began with; `None` if it began with [`Tape::begin`].
    pub fn owner(&self) -> Option<u64> {
        self.owner
    }

    /// Length of this pass's snapshot of parameters.
    pub fn parameter_count(&self) -> usize {
        self.parameters
    }

    fn start(&mut self, parameters: &[T], owner: Option<u64>) {
        self.owner = owner;
        self.generation = self.generation.wrapping_add(1);
        self.is_stopped = false;
        self.nodes.clear();
        self.parameters = parameters.len();
        (self.used, self.saved_used) = (0, 0);
        let range = self.reserve(parameters.len());
        self.values[range].copy_from_slice(parameters);
    }

    /// The parameters `offset .. offset + rows · cols` as a matrix whose gradient is computed.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[9.0, 1.0, 2.0, 3.0, 4.0]);
    /// let w = tape.parameter(1, 2, 2);
    /// let y = w.sum(&mut tape);
    /// tape.backward(y);
    /// assert_eq!(tape.parameter_gradients(), [0.0, 1.0, 1.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the snapshot is shorter than that.
    #[track_caller]
    pub fn parameter(&self, offset: usize, rows: usize, cols: usize) -> Var {
        let shape = Shape::new(rows, cols);
        assert!(
            offset.checked_add(shape.len()).is_some_and(|end| end <= self.parameters),
            "parameter of {shape} at {offset} is outside the snapshot of {} numbers",
            self.parameters
        );
        Var {
            at: offset,
            shape,
            node: Var::PARAMETER,
            tape: self.id,
            generation: self.generation,
            needs_gradient: true,
            is_last_use: false,
        }
    }

    /// Copies a constant onto the tape; no gradient is computed for it.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[]);
    /// let x = tape.input(&[1.0, 2.0, 3.0, 4.0], 2, 2); // row after row
    /// assert_eq!(tape.value(x).row(1), [3.0, 4.0]);
    /// assert!(!x.needs_gradient());
    /// ```
    ///
    /// # Panics
    /// If `data.len() != rows · cols`.
    #[track_caller]
    pub fn input(&mut self, data: &[T], rows: usize, cols: usize) -> Var {
        self.leaf(data, rows, cols, false)
    }

    /// Copies a matrix onto the tape whose gradient is computed, for [`Tape::gradient`].
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[]);
    /// let x = tape.variable(&[1.0, -2.0], 1, 2);
    /// let y = x.abs(&mut tape).sum(&mut tape);
    /// tape.backward(y);
    /// assert_eq!(tape.gradient(x).unwrap().data(), [1.0, -1.0]);
    /// ```
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
        self.push(None, &[], out, Attributes::default(), 0..0)
    }

    /// Carries out an operation and records how to differentiate it.
    ///
    /// `forward` receives the inputs, the output, and a slice of `saved` numbers for the backward pass. It must write
    /// all of the output and of the slice. [`Rule`] has an example.
    ///
    /// # Panics
    /// If an input is from another tape or an earlier pass, or came after its [last use](Var::last_use). Operations check
    /// their shapes themselves.
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
    /// The backward pass finds `attributes` at [`Pullback::attributes`](crate::Pullback::attributes). `forward` also
    /// receives the tape's work area, of any length and content, which it may enlarge as needed but must not shrink:
    /// the operations of all passes share its memory. The backward pass finds it at
    /// [`Pullback::scratch`](crate::Pullback::scratch).
    ///
    /// ```
    /// use gmp_autograd::{Attributes, Pullback, Rule, Tape, Var, check};
    ///
    /// /// y = xⁿ, element by element, for n ≥ 1.
    /// fn power(tape: &mut Tape<f64>, x: Var, n: u32) -> Var {
    ///     let mut attributes = Attributes::default();
    ///     attributes[0] = n;
    ///     tape.record_with(&Power, [x], x.shape(), 0, attributes, |[x], mut y, _saved, _scratch| {
    ///         y.data_mut().iter_mut().zip(x.data()).for_each(|(y, x)| *y = x.powi(n as i32));
    ///     })
    /// }
    /// struct Power;
    /// impl Rule<f64> for Power {
    ///     fn name(&self) -> &'static str {
    ///         "power"
    ///     }
    ///     fn backward(&self, pull: &mut Pullback<'_, f64>) {
    ///         let (x, n) = (pull.value(0).data(), pull.attributes()[0]);
    ///         if let Some((dy, dx)) = pull.wrt(0) {
    ///             dx.add_with(|i| dy.data()[i] * f64::from(n) * x[i].powi(n as i32 - 1));
    ///         }
    ///     }
    /// }
    /// check::gradients(&[(1, 3, &[0.3, -1.2, 2.0])], |tape, v| power(tape, v[0], 3))?;
    /// # Ok::<(), check::GradientMismatch>(())
    /// ```
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
        let is_stopped = self.stops();
        let out = self.fresh(out, inputs.iter().any(|v| v.needs_gradient));
        if !is_stopped {
            self.begins(Phase::Forward, self.nodes.len());
        }
        let start = self.saved_used;
        self.saved_used = start.checked_add(saved).expect(TOO_LARGE);
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
        if !is_stopped {
            forward(operands, MatMut::new(result, out.rows(), out.cols()), kept, &mut self.scratch);
            self.ends(Phase::Forward, self.nodes.len());
        }
        self.push(Some(rule), &inputs, out, attributes, start..self.saved_used)
    }

    /// Carries out an operation whose result has the shape of its only input, in the input's own memory if that is
    /// free. It is free if the caller marked this as the input's [last use](Var::last_use), nothing was recorded
    /// since the input was computed, and the rule that computed it does not [read it](Rule::reads_output) in the
    /// backward pass.
    ///
    /// `forward` receives the input, or nothing if the output already contains it; the output; and the work area of
    /// [`Tape::record_with`]. The rule must not read its input's value.
    ///
    /// # Panics
    /// As [`Tape::record`].
    #[track_caller]
    pub fn record_in_place(
        &mut self,
        rule: &'static dyn Rule<T>,
        input: Var,
        forward: impl FnOnce(Option<Mat<'_, T>>, MatMut<'_, T>, &mut Vec<T>),
    ) -> Var {
        self.assert_current(&input, rule.name());
        let is_stopped = self.stops();
        let node = self.nodes.len();
        let is_newest = Some(input.node as usize) == node.checked_sub(1);
        let free = self.nodes.last_mut().filter(|before| {
            is_newest && input.is_last_use && before.rule.is_some_and(|rule| !rule.reads_output())
        });
        let Some(before) = free else {
            let attributes = Attributes::default();
            return self.record_with(rule, [input], input.shape, 0, attributes, |[x], y, _, scratch| {
                forward(Some(x), y, scratch)
            });
        };
        before.is_overwritten = true;
        if !is_stopped {
            self.begins(Phase::Forward, node);
            let result = &mut self.values[input.range()];
            forward(None, MatMut::new(result, input.rows(), input.cols()), &mut self.scratch);
            self.ends(Phase::Forward, node);
        }
        let out = Var { node: node as u32, is_last_use: false, ..input };
        self.push(Some(rule), &[input], out, Attributes::default(), 0..0)
    }

    fn push(
        &mut self,
        rule: Option<&'static dyn Rule<T>>,
        inputs: &[Var],
        out: Var,
        attributes: Attributes,
        saved: std::ops::Range<usize>,
    ) -> Var {
        let mut padded = [out; MAX_INPUTS];
        padded[..inputs.len()].copy_from_slice(inputs);
        let arity = inputs.len();
        self.nodes.push(Node {
            rule,
            inputs: padded,
            arity,
            out,
            attributes,
            saved,
            is_overwritten: false,
            keeps_gradient: false,
        });
        out
    }

    /// The value of a variable.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[]);
    /// let x = tape.input(&[1.0, 2.0, 3.0, 4.0], 2, 2);
    /// let y = x.scale(&mut tape, 10.0);
    /// assert_eq!(tape.value(y).at(1, 0), 30.0); // row 1, column 0
    /// assert_eq!(tape.value(y).to_vec(), [10.0, 20.0, 30.0, 40.0]);
    /// ```
    ///
    /// # Panics
    /// If it is from another tape or an earlier pass, or an operation reused its memory at its
    /// [last use](Var::last_use).
    #[track_caller]
    pub fn value(&self, v: Var) -> Mat<'_, T> {
        self.assert_current(&v, "value");
        Mat::new(&self.values[v.range()], v.rows(), v.cols())
    }

    /// Numbers held in memory: values, gradients, saved state and the work area.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// let mut pass = |samples: usize| {
    ///     tape.begin(&[]);
    ///     tape.input(&vec![1.0; samples], samples, 1).exp(&mut tape);
    ///     tape.capacity()
    /// };
    /// let large = pass(1000);
    /// assert_eq!([pass(10), pass(1000)], [large; 2]); // memory is kept and used again
    /// ```
    pub fn capacity(&self) -> usize {
        self.values.capacity() + self.gradients.capacity() + self.saved.capacity() + self.scratch.capacity()
    }

    fn fresh(&mut self, shape: Shape, needs_gradient: bool) -> Var {
        let range = self.reserve(shape.len());
        let node = self.nodes.len() as u32;
        let (tape, generation) = (self.id, self.generation);
        Var { at: range.start, shape, node, tape, generation, needs_gradient, is_last_use: false }
    }

    fn reserve(&mut self, len: usize) -> std::ops::Range<usize> {
        // Every matrix starts on a cache line of the buffer, so that tiles do not straddle lines.
        let start = line_up::<T>(self.used);
        self.used = start.checked_add(len).expect(TOO_LARGE);
        if self.values.len() < self.used {
            self.values.resize(self.used, T::ZERO);
        }
        start..self.used
    }

    #[track_caller]
    pub(crate) fn assert_current(&self, v: &Var, by: &str) {
        self.assert_alive(v, by);
        assert!(
            !self.nodes.get(v.node as usize).is_some_and(|node| node.is_overwritten),
            "{by}: a variable after its last use; the operation there took its memory"
        );
    }

    /// Panics unless the variable belongs to this pass of this tape; its value may be gone.
    #[track_caller]
    pub(crate) fn assert_alive(&self, v: &Var, by: &str) {
        assert!(v.tape == self.id, "{by}: a variable of another tape");
        assert!(
            v.generation == self.generation,
            "{by}: a variable of an earlier pass; begin() ended its life"
        );
    }
}

/// The next start of a cache line.
pub(crate) fn line_up<T>(len: usize) -> usize {
    len.next_multiple_of(64 / size_of::<T>())
}
