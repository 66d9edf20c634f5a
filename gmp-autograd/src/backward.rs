//! The backward pass, and where its gradients lie.

use crate::rule::Pullback;
use crate::tape::line_up;
use crate::{Mat, Shape, Tape, Var};
use gmp_math::Scalar;

/// No place.
pub(crate) const UNPLACED: usize = usize::MAX;

impl<T: Scalar> Tape<T> {
    /// Computes the gradient of `loss` with respect to every parameter and [`Tape::variable`] it depends on.
    ///
    /// # Panics
    /// If `loss` is not 1×1 or is from an earlier pass.
    #[track_caller]
    pub fn backward(&mut self, loss: Var) {
        self.backward_until(loss, |_| false);
    }

    /// [`Tape::backward`], up to the first operation that gives one of its inputs a gradient that `stop` says yes to:
    /// its place in the order of creation.
    #[track_caller]
    pub(crate) fn backward_until(&mut self, loss: Var, stop: impl Fn(&[T]) -> bool) -> Option<usize> {
        self.assert_current(&loss, "backward");
        assert_eq!(loss.shape, Shape::new(1, 1), "backward starts from a 1×1 loss, not from {}", loss.shape);
        if self.gradients.len() < self.parameters {
            self.gradients.resize(self.parameters, T::ZERO);
        }
        self.gradients[..self.parameters].fill(T::ZERO);
        self.touched.clear();
        self.touched.resize(self.nodes.len(), false);
        self.places.clear();
        self.places.resize(self.nodes.len(), UNPLACED);
        self.arena.clear(line_up::<T>(self.parameters));
        let Some(last) = self.touched.get_mut(loss.node as usize) else {
            self.gradients[loss.at] = T::ONE;
            return None;
        };
        *last = true;
        let at = self.place(loss);
        self.gradients[at] = T::ONE;
        for index in (0..=loss.node as usize).rev() {
            if self.stops() {
                return None;
            }
            let Some(rule) = self.nodes[index].rule else { continue };
            let out = self.nodes[index].out;
            if out.needs_gradient && self.touched[index] {
                for i in 0..self.nodes[index].arity {
                    self.place(self.nodes[index].inputs[i]);
                }
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
            }
        }
        None
    }

    /// Where the gradient of `v` begins; a place is found where it has none yet and is wanted.
    fn place(&mut self, v: Var) -> usize {
        let Some(place) = self.places.get_mut(v.node as usize) else { return v.at };
        if *place == UNPLACED && v.needs_gradient {
            *place = self.arena.take(line_up::<T>(v.shape.len()));
            if self.gradients.len() < self.arena.end() {
                self.gradients.resize(self.arena.end(), T::ZERO);
            }
        }
        *place
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
        let start = self.places.get(v.node as usize).copied().unwrap_or(v.at);
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
