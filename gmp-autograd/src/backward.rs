//! The backward pass, and where its gradients are stored.

use crate::rule::Pullback;
use crate::tape::line_up;
use crate::{Mat, Phase, Shape, Tape, Var};
use gmp_math::Scalar;

/// No place.
pub(crate) const UNPLACED: usize = usize::MAX;

impl<T: Scalar> Tape<T> {
    /// Computes the gradient of `loss` with respect to every parameter and [`Tape::variable`] it depends on.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[3.0]);
    /// let x = tape.parameter(0, 1, 1);
    /// let square = x.mul(&mut tape, x);
    /// tape.backward(square);
    /// assert_eq!(tape.parameter_gradients(), [6.0]);
    /// ```
    ///
    /// # Panics
    /// If `loss` is not 1×1, or is from another tape or an earlier pass.
    #[track_caller]
    pub fn backward(&mut self, loss: Var) {
        self.backward_until(loss, |_| false);
    }

    /// The vector–Jacobian product: computes the gradient of `Σ cotangent ∘ y` with respect to every parameter and
    /// [`Tape::variable`] that `y` depends on, for a matrix `y` of any shape.
    ///
    /// ```
    /// use gmp_autograd::{Mat, Tape};
    /// let mut tape = Tape::new();
    /// tape.begin(&[]);
    /// let x = tape.variable(&[1.0, 2.0, 3.0], 1, 3);
    /// let y = x.mul(&mut tape, x);
    /// // The second row of the Jacobian.
    /// tape.backward_with(y, Mat::new(&[0.0, 1.0, 0.0], 1, 3));
    /// assert_eq!(tape.gradient(x).unwrap().data(), [0.0, 4.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If the cotangent does not have the shape of `y` or is not [contiguous](Mat::is_contiguous), or `y` is from
    /// another tape or an earlier pass.
    #[track_caller]
    pub fn backward_with(&mut self, y: Var, cotangent: Mat<'_, T>) {
        self.assert_current(&y, "backward_with");
        let shape = Shape::new(cotangent.rows(), cotangent.cols());
        assert!(shape == y.shape, "backward_with: a cotangent of {shape} for a result of {}", y.shape);
        self.differentiate(y, cotangent.data(), |_| false);
    }

    /// Keeps the gradient of an intermediate result through the backward passes that follow, for [`Tape::gradient`].
    /// The gradients of parameters and [variables](Tape::variable) are always kept.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[3.0]);
    /// let x = tape.parameter(0, 1, 1);
    /// let hidden = x.scale(&mut tape, 2.0);
    /// tape.keep_gradient(hidden);
    /// let y = hidden.mul(&mut tape, hidden);
    /// tape.backward(y);
    /// assert_eq!(tape.gradient(hidden).unwrap().data(), [12.0]);
    /// ```
    ///
    /// # Panics
    /// If `v` is from another tape or an earlier pass.
    #[track_caller]
    pub fn keep_gradient(&mut self, v: Var) {
        self.assert_alive(&v, "keep_gradient");
        if let Some(node) = self.nodes.get_mut(v.node as usize) {
            node.keeps_gradient = true;
        }
    }

    /// [`Tape::backward`], up to the first operation that gives one of its inputs a gradient that `stop` says yes to:
    /// its place in the order of creation.
    #[track_caller]
    pub(crate) fn backward_until(&mut self, loss: Var, stop: impl Fn(&[T]) -> bool) -> Option<usize> {
        self.assert_current(&loss, "backward");
        assert!(
            loss.shape == Shape::new(1, 1),
            "backward starts from a 1×1 loss, not from {}; backward_with takes a cotangent of that shape",
            loss.shape
        );
        self.differentiate(loss, &[T::ONE], stop)
    }

    fn differentiate(&mut self, y: Var, cotangent: &[T], stop: impl Fn(&[T]) -> bool) -> Option<usize> {
        if self.gradients.len() < self.parameters {
            self.gradients.resize(self.parameters, T::ZERO);
        }
        self.gradients[..self.parameters].fill(T::ZERO);
        self.touched.clear();
        self.touched.resize(self.nodes.len(), false);
        self.places.clear();
        self.places.resize(self.nodes.len(), UNPLACED);
        self.arena.clear(line_up::<T>(self.parameters));
        if !y.needs_gradient {
            return None; // of constants alone
        }
        let at = self.place(y);
        self.gradients[at..][..cotangent.len()].copy_from_slice(cotangent);
        *self.touched.get_mut(y.node as usize)? = true;
        for index in (0..=y.node as usize).rev() {
            if self.stops() {
                return None;
            }
            let Some(rule) = self.nodes[index].rule else { continue };
            let out = self.nodes[index].out;
            let mut kept = UNPLACED;
            if out.needs_gradient && self.touched[index] {
                for i in 0..self.nodes[index].arity {
                    self.place(self.nodes[index].inputs[i]);
                }
                if self.nodes[index].keeps_gradient {
                    // Rules may overwrite the gradient that they read.
                    kept = self.take(out.shape);
                    let at = self.places[index];
                    self.gradients.copy_within(at..at + out.shape.len(), kept);
                }
                self.begins(Phase::Backward, index);
                let node = &self.nodes[index];
                rule.backward(&mut Pullback {
                    node,
                    values: &self.values,
                    saved: &self.saved[node.saved.clone()],
                    gradients: &mut self.gradients,
                    places: &self.places,
                    touched: &mut self.touched,
                    scratch: &mut self.scratch,
                });
                self.ends(Phase::Backward, index);
                let node = &self.nodes[index];
                // What no gradient reached holds numbers of another pass.
                let is_reached =
                    |v: &Var| v.needs_gradient && self.touched.get(v.node as usize).copied().unwrap_or(true);
                let gradient = |v: &Var| {
                    let at = self.places.get(v.node as usize).copied().unwrap_or(v.at);
                    &self.gradients[at..][..v.shape.len()]
                };
                if node.inputs().iter().any(|v| is_reached(v) && stop(gradient(v))) {
                    return Some(index);
                }
            }
            if self.places[index] != UNPLACED {
                self.arena.give(self.places[index], line_up::<T>(out.shape.len()));
                self.places[index] = kept;
            }
        }
        None
    }

    /// Where the gradient of `v` begins; a place is found where it has none yet and is wanted.
    fn place(&mut self, v: Var) -> usize {
        let Some(place) = self.places.get_mut(v.node as usize) else { return v.at };
        if *place != UNPLACED || !v.needs_gradient {
            return *place;
        }
        let place = self.take(v.shape);
        self.places[v.node as usize] = place;
        place
    }

    fn take(&mut self, shape: Shape) -> usize {
        let place = self.arena.take(line_up::<T>(shape.len()));
        if self.gradients.len() < self.arena.end() {
            self.gradients.resize(self.arena.end(), T::ZERO);
        }
        place
    }

    /// Gradient of the last [`Tape::backward`]'s loss with respect to the parameters, in their layout;
    /// zero for parameters that the loss does not depend on.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[3.0, 4.0]);
    /// let x = tape.parameter(0, 1, 1); // the 4 is not used
    /// let y = x.scale(&mut tape, 10.0);
    /// tape.backward(y);
    /// assert_eq!(tape.parameter_gradients(), [10.0, 0.0]);
    /// ```
    pub fn parameter_gradients(&self) -> &[T] {
        &self.gradients[..self.parameters]
    }

    /// Gradient of the last [`Tape::backward`]'s loss with respect to a parameter, a [`Tape::variable`] or a result whose
    /// gradient was [kept](Tape::keep_gradient); `None` where the loss does not depend on it.
    ///
    /// ```
    /// let mut tape = gmp_autograd::Tape::new();
    /// tape.begin(&[]);
    /// let (x, unused) = (tape.variable(&[2.0, 3.0], 1, 2), tape.variable(&[1.0], 1, 1));
    /// let sum_of_squares = x.mul(&mut tape, x).sum(&mut tape);
    /// tape.backward(sum_of_squares);
    /// assert_eq!(tape.gradient(x).unwrap().data(), [4.0, 6.0]);
    /// assert!(tape.gradient(unused).is_none());
    /// ```
    ///
    /// # Panics
    /// If `v` is another result of an operation (rules may overwrite those gradients), or is from another tape or an earlier
    /// pass.
    #[track_caller]
    pub fn gradient(&self, v: Var) -> Option<Mat<'_, T>> {
        self.assert_alive(&v, "gradient");
        let start = self.places.get(v.node as usize).copied().unwrap_or(v.at);
        let reached = match self.nodes.get(v.node as usize) {
            None => true,
            Some(node) => {
                let reached = v.needs_gradient && self.touched.get(v.node as usize).copied().unwrap_or(false);
                // Asked for after the backward pass, its place was given away.
                let is_kept = node.keeps_gradient && (start != UNPLACED || !reached);
                assert!(
                    node.rule.is_none() || is_kept,
                    "gradients of intermediate results are not kept ({}); call keep_gradient before backward",
                    node.name()
                );
                reached
            }
        };
        reached.then(|| Mat::new(&self.gradients[start..][..v.shape.len()], v.rows(), v.cols()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Forwards and backwards, wherever the flag is set; the next pass is whole.
    #[test]
    fn a_pass_that_is_stopped_computes_nothing_more() {
        let flag = Arc::new(AtomicBool::new(false));
        let mut tape = Tape::<f64>::new();
        tape.set_stop_flag(Some(Arc::clone(&flag)));
        for moment in 0..4 {
            flag.store(moment == 0, Ordering::Relaxed);
            tape.begin(&[3.0]);
            let x = tape.parameter(0, 1, 1);
            let y = op::mul(&mut tape, x, x);
            flag.store(moment <= 1, Ordering::Relaxed);
            let z = op::scale(&mut tape, y, 2.0);
            let (y, z) = (tape.value(y).data()[0], (tape.value(z).data()[0], z));
            assert_eq!(y == 9.0, moment > 0, "{moment}");
            assert_eq!(z.0 == 18.0, moment > 1, "{moment}");
            flag.store(moment == 2, Ordering::Relaxed);
            tape.backward(z.1);
            assert_eq!(tape.is_stopped(), moment < 3);
            assert_eq!(tape.parameter_gradients() == [12.0], moment == 3, "{moment}");
        }
    }

    #[test]
    fn gradients_of_a_chain_take_the_memory_of_two() {
        let mut tape = Tape::<f64>::new();
        for _ in 0..2 {
            tape.begin(&[2.0]);
            let gain = tape.parameter(0, 1, 1);
            let x = tape.variable(&[1.0; 1000], 1000, 1);
            let mut y = x;
            for _ in 0..20 {
                y = op::mul_row(&mut tape, y, gain);
            }
            let sum = op::sum(&mut tape, y);
            tape.backward(sum);
            assert!(tape.gradients.len() < 2100, "{}", tape.gradients.len());
            let power = 2.0_f64.powi(20);
            assert_eq!(tape.gradient(x).unwrap().data(), [power; 1000]);
            assert_eq!(tape.parameter_gradients(), [1000.0 * 20.0 * power / 2.0]);
        }
    }
}
