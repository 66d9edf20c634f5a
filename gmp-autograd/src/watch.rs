//! Notification when operations begin and end, as a hook for profilers. This crate itself uses no clock.

use crate::Tape;
use gmp_math::Scalar;

/// A pass over the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// An operation computes its result.
    Forward,
    /// An operation's rule computes the gradients of its inputs.
    Backward,
}

/// Is notified of every operation of a tape: when it begins to compute and when it is done.
///
/// `index` is the operation's position in the order of creation, like [`Operation::index`](crate::Operation::index),
/// with which [`Tape::operations`] gives its name and its shapes after the pass.
///
/// ```
/// use gmp_autograd::{Phase, Tape, Watch};
/// use std::sync::{Arc, Mutex};
/// use std::time::Instant;
///
/// #[derive(Clone, Default)]
/// struct Stopwatch(Arc<Mutex<(Vec<(Phase, usize, f64)>, Option<Instant>)>>);
/// impl Watch for Stopwatch {
///     fn begins(&mut self, _: Phase, _: usize) {
///         self.0.lock().unwrap().1 = Some(Instant::now());
///     }
///     fn ends(&mut self, phase: Phase, index: usize) {
///         let (times, start) = &mut *self.0.lock().unwrap();
///         times.push((phase, index, start.unwrap().elapsed().as_secs_f64()));
///     }
/// }
///
/// let (mut tape, stopwatch) = (Tape::<f64>::new(), Stopwatch::default());
/// tape.set_watch(Some(Box::new(stopwatch.clone())));
/// tape.begin(&[3.0]);
/// let x = tape.parameter(0, 1, 1);
/// let y = x.exp(&mut tape);
/// tape.backward(y);
/// let times = &stopwatch.0.lock().unwrap().0;
/// let seen: Vec<_> = times.iter().map(|&(phase, index, _)| (phase, index)).collect();
/// assert_eq!(seen, [(Phase::Forward, 0), (Phase::Backward, 0)]);
/// assert_eq!(tape.operations().next().unwrap().name, "exp");
/// ```
pub trait Watch: Send {
    /// The operation is about to compute.
    fn begins(&mut self, phase: Phase, index: usize);
    /// The operation is done.
    fn ends(&mut self, phase: Phase, index: usize);
}

impl<T: Scalar> Tape<T> {
    /// Notifies `watch` of every operation from now on; `None` ends this, and costs nothing. A stopped pass
    /// ([`Tape::is_stopped`]) notifies it of the operations that it computed.
    pub fn set_watch(&mut self, watch: Option<Box<dyn Watch>>) {
        self.watch = watch;
    }

    #[inline]
    pub(crate) fn begins(&mut self, phase: Phase, index: usize) {
        if let Some(watch) = &mut self.watch {
            watch.begins(phase, index);
        }
    }

    #[inline]
    pub(crate) fn ends(&mut self, phase: Phase, index: usize) {
        if let Some(watch) = &mut self.watch {
            watch.ends(phase, index);
        }
    }
}
