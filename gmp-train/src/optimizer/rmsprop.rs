//! RMSprop.

use super::{Optimizer, OptimizerState, elementwise};
use crate::Error;
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use gmp_nn::ParamStore;

/// RMSprop as in Keras: `v ← ρ v + (1 − ρ) g²`, `m ← μ m + lr g/√(v + ϵ)`, `p ← p − m`.
///
/// (PyTorch divides by √v + ϵ.) Numbers below the smallest normal number are set to 0, as in [`Adam`](super::Adam).
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
/// use gmp_train::{Dataset, Loss, RmsProp, Trainer};
///
/// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
/// let mut optimizer = RmsProp::new(0.9, 0.0, 1e-7);
/// Trainer::new(Loss::MeanSquaredError, 2, 10, 0.01).fit(&mut network, &mut optimizer, &data, None, &mut ())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: Tieleman & Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012.
#[derive(Debug, Clone)]
pub struct RmsProp<T> {
    rho: f64,
    momentum: f64,
    epsilon: f64,
    square: Vec<T>,
    velocity: Vec<T>,
}

impl<T: Scalar> Default for RmsProp<T> {
    /// ρ = 0.9, no momentum, ϵ = 1e-7: Keras' defaults.
    fn default() -> Self {
        Self::new(0.9, 0.0, 1e-7)
    }
}

const KIND: &str = "rmsprop";

impl<T: Scalar> RmsProp<T> {
    /// RMSprop with a decay ρ of the mean square, a momentum μ, 0 for none, and ϵ.
    ///
    /// ```
    /// use gmp_train::{Optimizer, ParamStore, RmsProp, Role};
    /// let mut parameters = ParamStore::default();
    /// parameters.push("line.slope".to_owned(), Role::Weight, &[1.0_f64], 1, 1);
    /// RmsProp::new(0.75, 0.0, 1e-7).step(&mut parameters, &[1234.5], 0.25);
    /// assert!((parameters.values()[0] - 0.5).abs() < 1e-9); // 1 − 0.25 g/√((1 − ρ) g²)
    /// ```
    ///
    /// # Panics
    /// If ρ or μ is outside [0, 1) or ϵ is not positive.
    pub fn new(rho: f64, momentum: f64, epsilon: f64) -> Self {
        Self::checked(rho, momentum, epsilon).unwrap_or_else(|problem| panic!("{problem}"))
    }

    fn checked(rho: f64, momentum: f64, epsilon: f64) -> Result<Self, String> {
        if !((0.0..1.0).contains(&rho) && (0.0..1.0).contains(&momentum)) {
            return Err(format!("ρ and momentum must be in [0, 1), got {rho} and {momentum}"));
        }
        if !(epsilon > 0.0 && epsilon.is_finite()) {
            return Err(format!("ϵ must be positive, got {epsilon}"));
        }
        Ok(Self { rho, momentum, epsilon, square: Vec::new(), velocity: Vec::new() })
    }
}

impl<T: Scalar> Optimizer<T> for RmsProp<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        let parameters = parameters.values_mut();
        assert_eq!(parameters.len(), gradients.len(), "RmsProp: as many gradients as parameters");
        if self.square.is_empty() {
            self.square = vec![T::ZERO; parameters.len()];
            self.velocity = vec![T::ZERO; parameters.len()];
        }
        assert_eq!(parameters.len(), self.square.len(), "RmsProp: the parameters of the step before");
        let (rho, momentum) = (T::from_f64(self.rho), T::from_f64(self.momentum));
        let (epsilon, rate) = (T::from_f64(self.epsilon), T::from_f64(learning_rate));
        let numbers = [parameters, &mut self.square, &mut self.velocity];
        elementwise::step(numbers, gradients, &|[parameters, square, velocity], gradients| {
            dispatch(Step { parameters, gradients, square, velocity, rho, momentum, epsilon, rate });
        });
    }

    fn state(&self) -> OptimizerState<T> {
        OptimizerState::new(
            KIND,
            0,
            &[("rho", self.rho), ("momentum", self.momentum), ("epsilon", self.epsilon)],
            &[("square", &self.square), ("velocity", &self.velocity)],
        )
    }

    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        let ([rho, momentum, epsilon], [square, velocity]) =
            state.expect(KIND, ["rho", "momentum", "epsilon"], ["square", "velocity"])?;
        let checked = Self::checked(rho, momentum, epsilon);
        *self = checked.map_err(|problem| Error::OptimizerState { optimizer: KIND, problem })?;
        (self.square, self.velocity) = (square, velocity);
        Ok(())
    }
}

struct Step<'a, T> {
    parameters: &'a mut [T],
    gradients: &'a [T],
    square: &'a mut [T],
    velocity: &'a mut [T],
    rho: T,
    momentum: T,
    epsilon: T,
    rate: T,
}

impl<T: Scalar> Kernel for Step<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.parameters.len();
        let (p, g) = (&mut self.parameters[..n], &self.gradients[..n]);
        let (v, m) = (&mut self.square[..n], &mut self.velocity[..n]);
        let keep = T::ONE - self.rho;
        let normal = |x: T| if x.abs() < T::MIN_POSITIVE { T::ZERO } else { x };
        for i in 0..n {
            v[i] = normal(self.rho * v[i] + keep * g[i] * g[i]);
            m[i] = normal(self.momentum * m[i] + self.rate * g[i] / (v[i] + self.epsilon).sqrt());
            p[i] -= m[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmp_nn::Role;

    /// Keras' `update_step`: `increment = lr · g · rsqrt(v + ϵ)`, `momentum = μ · momentum + increment`.
    #[test]
    fn follows_the_published_formula() {
        for momentum in [0.0, 0.8] {
            let mut parameters = ParamStore::default();
            parameters.push("p".to_owned(), Role::Weight, &[1.0], 1, 1);
            let mut optimizer = RmsProp::new(0.9, momentum, 1e-7);
            let (mut p, mut v, mut m) = (1.0_f64, 0.0_f64, 0.0_f64);
            for t in 1..=50 {
                let g = f64::from(t).sin() + p;
                optimizer.step(&mut parameters, &[g], 0.01);
                v = 0.9 * v + 0.1 * g * g;
                m = momentum * m + 0.01 * g / (v + 1e-7).sqrt();
                p -= m;
                assert!((parameters.values()[0] - p).abs() < 1e-12, "step {t}");
            }
        }
    }

    #[test]
    fn what_no_gradient_feeds_ends_at_zero() {
        let mut parameters = ParamStore::default();
        parameters.push("p".to_owned(), Role::Weight, &[1.0_f32], 1, 1);
        let mut optimizer = RmsProp::new(0.9, 0.9, 1e-7);
        optimizer.step(&mut parameters, &[1.0], 0.1);
        (0..2000).for_each(|_| optimizer.step(&mut parameters, &[0.0], 0.1));
        assert_eq!((optimizer.square[0], optimizer.velocity[0]), (0.0, 0.0));
        // The smallest normal number is no denormal: here the velocity is the rate times the gradient.
        let mut optimizer = RmsProp::new(0.0, 0.0, 1.0);
        optimizer.step(&mut parameters, &[f32::MIN_POSITIVE], 1.0);
        assert_eq!(optimizer.velocity[0], f32::MIN_POSITIVE);
    }

    #[test]
    fn a_state_with_constants_out_of_range_is_refused() {
        let mut optimizer = RmsProp::<f64>::default();
        for (constant, wrong) in
            [(0, 1.0), (0, -0.1), (1, 1.0), (1, -0.1), (2, 0.0), (2, f64::INFINITY), (2, f64::NAN)]
        {
            let mut state = optimizer.state();
            state.settings[constant].1 = wrong;
            let error = optimizer.restore(state).unwrap_err().to_string();
            assert!(error.contains(&wrong.to_string()), "{error}");
        }
    }
}
