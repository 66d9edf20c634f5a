//! Optimizers: one flat loop each over the parameters of a model.
//!
//! | | step |
//! |---|---|
//! | [`Sgd`] | SGD with momentum, including Nesterov momentum, and weight decay |
//! | [`Adam`], [`AdamW`] | Adam; Adam with decoupled weight decay |
//! | [`RmsProp`] | RMSprop |
//! | [`ParamGroups`] | any of them, with other rates for some parameters |

mod adam;
mod adamw;
mod elementwise;
mod groups;
mod rmsprop;
mod sgd;

pub use adam::Adam;
pub use adamw::AdamW;
pub use groups::{ParamGroup, ParamGroups};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::Error;
use gmp_math::Scalar;
use gmp_nn::ParamStore;

/// Updates parameters from their gradients.
///
/// ```
/// use gmp_nn::ParamStore;
/// use gmp_train::{Error, Optimizer, OptimizerState};
///
/// /// p ← p − lr · sign(g), with nothing to remember.
/// struct SignDescent;
/// impl Optimizer<f64> for SignDescent {
///     fn step(&mut self, parameters: &mut ParamStore<f64>, gradients: &[f64], learning_rate: f64) {
///         for (p, g) in parameters.values_mut().iter_mut().zip(gradients) {
///             *p -= learning_rate * if *g == 0.0 { 0.0 } else { g.signum() };
///         }
///     }
///     fn state(&self) -> OptimizerState<f64> {
///         OptimizerState::new("sign_descent", 0, &[], &[])
///     }
///     fn restore(&mut self, state: OptimizerState<f64>) -> Result<(), Error> {
///         state.expect("sign_descent", [], []).map(drop)
///     }
/// }
/// ```
pub trait Optimizer<T: Scalar> {
    /// One step at `learning_rate`. State is allocated at the first step and reused from then on.
    ///
    /// # Panics
    /// If the gradients do not belong to the parameters, or the parameters are not those of the previous step.
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64);

    /// All of its settings and its memory.
    fn state(&self) -> OptimizerState<T>;

    /// Restores the optimizer that `state` was taken from: the following steps are the same to the last bit.
    ///
    /// # Errors
    /// If the state is that of another kind of optimizer, or is invalid.
    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error>;
}

impl<T: Scalar, O: Optimizer<T> + ?Sized> Optimizer<T> for Box<O> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        (**self).step(parameters, gradients, learning_rate);
    }
    fn state(&self) -> OptimizerState<T> {
        (**self).state()
    }
    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        (**self).restore(state)
    }
}

/// An optimizer's settings and memory, as stored in a checkpoint.
///
/// ```
/// use gmp_train::{Optimizer, Sgd};
/// let state = Sgd::<f64>::new(0.9).state();
/// assert_eq!(state.kind, "sgd");
/// assert_eq!(state.settings[0], ("momentum".to_owned(), 0.9));
/// assert!(state.vectors[0].1.is_empty()); // no velocities before the first step
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerState<T> {
    /// The optimizer's name: `"adam"`.
    pub kind: String,
    /// Steps carried out, if the optimizer counts them.
    pub steps: u64,
    /// Its constants by name.
    pub settings: Vec<(String, f64)>,
    /// Its memory by name: every vector has one number per parameter, or none before the first step.
    pub vectors: Vec<(String, Vec<T>)>,
}

impl<T: Scalar> OptimizerState<T> {
    /// A state with these constants and vectors.
    pub fn new(kind: &str, steps: u64, settings: &[(&str, f64)], vectors: &[(&str, &[T])]) -> Self {
        Self {
            kind: kind.to_owned(),
            steps,
            settings: settings.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
            vectors: vectors.iter().map(|&(name, vector)| (name.to_owned(), vector.to_vec())).collect(),
        }
    }

    /// The settings and vectors with these names, in this order.
    ///
    /// ```
    /// use gmp_train::{Adam, Optimizer, Sgd};
    /// let error = Adam::<f64>::default().restore(Sgd::new(0.9).state()).unwrap_err();
    /// assert_eq!(error.to_string(), "not a state of the optimizer \"adam\": it is that of \"sgd\"");
    /// ```
    ///
    /// # Errors
    /// If the state is that of another kind of optimizer, has other settings or vectors, or vectors of different
    /// lengths.
    pub fn expect<const S: usize, const V: usize>(
        self,
        kind: &'static str,
        settings: [&str; S],
        vectors: [&str; V],
    ) -> Result<([f64; S], [Vec<T>; V]), Error> {
        let problem = |problem| Err(Error::OptimizerState { optimizer: kind, problem });
        if self.kind != kind {
            return problem(format!("it is that of \"{}\"", self.kind));
        }
        if !self.settings.iter().map(|(name, _)| name).eq(&settings) {
            return problem(format!("expected the settings {settings:?}"));
        }
        let same_length = self.vectors.windows(2).all(|pair| pair[0].1.len() == pair[1].1.len());
        if !self.vectors.iter().map(|(name, _)| name).eq(&vectors) || !same_length {
            return problem(format!("expected vectors {vectors:?} of one length"));
        }
        let mut taken = self.vectors.into_iter().map(|(_, vector)| vector);
        let vectors = std::array::from_fn(|_| taken.next().unwrap_or_default());
        Ok((std::array::from_fn(|i| self.settings[i].1), vectors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmp_nn::Role;

    #[test]
    fn a_state_with_other_vectors_is_refused() {
        let state = |names: [&str; 2], lengths: [usize; 2]| {
            let vectors = lengths.map(|length| vec![0.5; length]);
            OptimizerState::new("own", 1, &[], &[(names[0], &vectors[0]), (names[1], &vectors[1])])
        };
        let read = |state: OptimizerState<f64>| state.expect("own", [], ["first", "second"]);
        assert_eq!(read(state(["first", "second"], [3, 3])), Ok(([], [vec![0.5; 3], vec![0.5; 3]])));
        assert!(read(state(["first", "third"], [3, 3])).is_err());
        assert!(read(state(["second", "first"], [3, 3])).is_err());
        assert!(read(state(["first", "second"], [3, 2])).is_err());
    }

    #[test]
    fn an_optimizer_in_a_box_takes_its_own_steps() {
        let mut store = ParamStore::default();
        store.push("p".to_owned(), Role::Weight, &[1.0], 1, 1);
        let boxed: Box<dyn Optimizer<f64>> = Box::new(Sgd::new(0.0));
        ParamGroups::new(boxed, []).step(&mut store, &[2.0], 0.25);
        assert_eq!(store.values(), [0.5]);
    }
}
