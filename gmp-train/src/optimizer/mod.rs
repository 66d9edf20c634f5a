//! Optimizers: one flat loop each over the parameters of a network.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::Error;
use gmp_math::Scalar;
use gmp_nn::ParamStore;

/// Changes parameters along their gradients.
pub trait Optimizer<T: Scalar> {
    /// One step at `learning_rate`. State is allocated at the first step and reused from then on.
    ///
    /// # Panics
    /// If the gradients are not those of the parameters, or the parameters are not those of the step before.
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64);

    /// Everything it is and remembers.
    fn state(&self) -> OptimizerState<T>;

    /// Becomes the optimizer that `state` was taken from: the steps that follow are the same to the last bit.
    ///
    /// # Errors
    /// If the state is that of another kind of optimizer, or makes no sense.
    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error>;
}

/// An optimizer's settings and memory, as a checkpoint keeps them.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerState<T> {
    /// The optimizer's name: `"adam"`.
    pub kind: String,
    /// Steps carried out, where the optimizer counts them.
    pub steps: u64,
    /// Its constants by name.
    pub settings: Vec<(String, f64)>,
    /// Its memory by name: every vector has one number a parameter, or none before the first step.
    pub vectors: Vec<(String, Vec<T>)>,
}

impl<T: Scalar> OptimizerState<T> {
    fn new(kind: &str, steps: u64, settings: &[(&str, f64)], vectors: &[(&str, &[T])]) -> Self {
        Self {
            kind: kind.to_owned(),
            steps,
            settings: settings.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
            vectors: vectors.iter().map(|&(name, vector)| (name.to_owned(), vector.to_vec())).collect(),
        }
    }

    /// The settings and vectors of these names, if that is what the state holds and the vectors have one length.
    fn expect<const S: usize, const V: usize>(
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
