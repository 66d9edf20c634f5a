//! Adam.

use super::{Optimizer, OptimizerState, elementwise};
use crate::Error;
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use gmp_nn::ParamStore;

/// Adam as in Keras: the step is `lr·√(1−β₂ᵗ)/(1−β₁ᵗ) · m/(√v + ϵ)`, with ϵ outside the bias correction.
///
/// Moments below the smallest normal number are set to 0: the moments of units that no longer receive a gradient
/// would decay into denormals, which slow some processors down by a large factor.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
/// use gmp_train::{Adam, Dataset, Loss, Trainer};
///
/// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
/// let mut adam = Adam::default();
/// Trainer::new(Loss::MeanSquaredError, 2, 10, 0.01).fit(&mut network, &mut adam, &data, None, &mut ())?;
/// assert_eq!(adam.steps(), 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: Kingma & Ba, "Adam", ICLR 2015, Algorithm 1 with the efficiency note of its section 2.
#[derive(Debug, Clone)]
pub struct Adam<T> {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    steps: i32,
    first: Vec<T>,
    second: Vec<T>,
}

impl<T: Scalar> Default for Adam<T> {
    /// β₁ = 0.9, β₂ = 0.999, ϵ = 1e-7: Keras' defaults.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, steps: 0, first: Vec::new(), second: Vec::new() }
    }
}

impl<T: Scalar> Adam<T> {
    /// Adam with other constants.
    ///
    /// ```
    /// use gmp_train::{Adam, Optimizer, ParamStore, Role};
    /// let mut parameters = ParamStore::default();
    /// parameters.push("line.slope".to_owned(), Role::Weight, &[1.0_f64], 1, 1);
    /// Adam::new(0.9, 0.99, 1e-8).step(&mut parameters, &[1234.5], 0.01);
    /// assert!((parameters.values()[0] - 0.99).abs() < 1e-9); // the first step is as long as the learning rate
    /// ```
    ///
    /// # Panics
    /// If a β is outside [0, 1) or ϵ is not positive.
    pub fn new(beta1: f64, beta2: f64, epsilon: f64) -> Self {
        if let Err(problem) = Self::check(beta1, beta2, epsilon) {
            panic!("{problem}");
        }
        Self { beta1, beta2, epsilon, ..Self::default() }
    }

    /// Steps carried out.
    pub fn steps(&self) -> u64 {
        self.steps as u64
    }

    /// The Adam of the state of an optimizer that is one, or has one inside.
    pub(super) fn from_state(
        optimizer: &'static str,
        steps: u64,
        [beta1, beta2, epsilon]: [f64; 3],
        [first, second]: [Vec<T>; 2],
    ) -> Result<Self, Error> {
        let problem = |problem| Error::OptimizerState { optimizer, problem };
        let steps = i32::try_from(steps).map_err(|_| problem(format!("{steps} steps")))?;
        Self::check(beta1, beta2, epsilon).map_err(problem)?;
        if (steps == 0) != first.is_empty() {
            return Err(problem(format!("{steps} steps and moments of {} parameters", first.len())));
        }
        Ok(Self { beta1, beta2, epsilon, steps, first, second })
    }

    fn check(beta1: f64, beta2: f64, epsilon: f64) -> Result<(), String> {
        if !((0.0..1.0).contains(&beta1) && (0.0..1.0).contains(&beta2)) {
            return Err(format!("β must be in [0, 1), got {beta1} and {beta2}"));
        }
        if epsilon > 0.0 { Ok(()) } else { Err(format!("ϵ must be positive, got {epsilon}")) }
    }
}

impl<T: Scalar> Optimizer<T> for Adam<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        let parameters = parameters.values_mut();
        assert_eq!(parameters.len(), gradients.len(), "Adam: as many gradients as parameters");
        if self.steps == 0 {
            self.first = vec![T::ZERO; parameters.len()];
            self.second = vec![T::ZERO; parameters.len()];
        }
        assert_eq!(parameters.len(), self.first.len(), "Adam: the parameters of the step before");
        self.steps = self.steps.saturating_add(1);
        let correction = (1.0 - self.beta2.powi(self.steps)).sqrt() / (1.0 - self.beta1.powi(self.steps));
        let (beta1, beta2) = (T::from_f64(self.beta1), T::from_f64(self.beta2));
        let (epsilon, rate) = (T::from_f64(self.epsilon), T::from_f64(learning_rate * correction));
        let numbers = [parameters, &mut self.first, &mut self.second];
        elementwise::step(numbers, gradients, &|[parameters, first, second], gradients| {
            dispatch(Step { parameters, gradients, first, second, beta1, beta2, epsilon, rate });
        });
    }

    fn state(&self) -> OptimizerState<T> {
        OptimizerState::new(
            "adam",
            self.steps as u64,
            &[("beta1", self.beta1), ("beta2", self.beta2), ("epsilon", self.epsilon)],
            &[("first", &self.first), ("second", &self.second)],
        )
    }

    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        let steps = state.steps;
        let (constants, moments) =
            state.expect("adam", ["beta1", "beta2", "epsilon"], ["first", "second"])?;
        *self = Self::from_state("adam", steps, constants, moments)?;
        Ok(())
    }
}

struct Step<'a, T> {
    parameters: &'a mut [T],
    gradients: &'a [T],
    first: &'a mut [T],
    second: &'a mut [T],
    beta1: T,
    beta2: T,
    epsilon: T,
    rate: T,
}

impl<T: Scalar> Kernel for Step<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.parameters.len();
        let (p, g) = (&mut self.parameters[..n], &self.gradients[..n]);
        let (m, v) = (&mut self.first[..n], &mut self.second[..n]);
        let (keep1, keep2) = (T::ONE - self.beta1, T::ONE - self.beta2);
        let normal = |x: T| if x.abs() < T::MIN_POSITIVE { T::ZERO } else { x };
        for i in 0..n {
            m[i] = normal(self.beta1 * m[i] + keep1 * g[i]);
            v[i] = normal(self.beta2 * v[i] + keep2 * g[i] * g[i]);
            p[i] -= self.rate * m[i] / (v[i].sqrt() + self.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmp_nn::Role;

    fn one(value: f64) -> ParamStore<f64> {
        let mut named = ParamStore::default();
        named.push("p".to_owned(), Role::Weight, &[value], 1, 1);
        named
    }

    #[test]
    fn follows_the_published_formula() {
        let mut parameters = one(1.0);
        let mut adam = Adam::default();
        let (mut p, mut m, mut v) = (1.0_f64, 0.0_f64, 0.0_f64);
        for t in 1..=50 {
            let g = (f64::from(t)).sin() + p;
            adam.step(&mut parameters, &[g], 0.01);
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            p -= 0.01 * (1.0 - 0.999_f64.powi(t)).sqrt() / (1.0 - 0.9_f64.powi(t)) * m / (v.sqrt() + 1e-7);
            assert!(
                (parameters.values()[0] - p).abs() < 1e-12,
                "step {t}: {} for {p}",
                parameters.values()[0]
            );
        }
    }

    #[test]
    fn moments_without_gradient_end_at_zero_and_not_among_denormals() {
        let (mut parameters, mut adam) = (one(1.0), Adam::default());
        adam.step(&mut parameters, &[1.0], 0.1);
        for _ in 0..10_000 {
            adam.step(&mut parameters, &[0.0], 0.1);
        }
        assert_eq!(adam.first[0], 0.0);
        assert!(adam.second[0].is_normal());
        assert_eq!(adam.steps(), 10_001);
        // The smallest normal number is no denormal.
        let mut adam = Adam::new(0.0, 0.0, 1.0);
        adam.step(&mut parameters, &[f64::MIN_POSITIVE], 0.1);
        assert_eq!(adam.first[0], f64::MIN_POSITIVE);
    }

    #[test]
    fn a_state_with_constants_out_of_range_is_refused() {
        let mut adam = Adam::<f64>::default();
        for (constant, wrong) in [(0, -0.1), (0, 1.0), (1, 1.0), (1, f64::NAN), (2, 0.0), (2, -1.0)] {
            let mut state = adam.state();
            state.settings[constant].1 = wrong;
            let error = adam.restore(state).unwrap_err().to_string();
            assert!(
                error.contains(&format!("got {wrong}")) || error.contains(&format!("and {wrong}")),
                "{error}"
            );
        }
    }
}
