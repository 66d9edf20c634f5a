//! Stochastic gradient descent.

use super::{Optimizer, OptimizerState, elementwise};
use crate::Error;
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use gmp_nn::{Entry, ParamStore, Role};

/// Stochastic gradient descent with momentum, as in Keras: `v ← μ v − lr g`, `p ← p + v`.
///
/// With weight decay δ, `g + δ p` replaces g, as in PyTorch, for all parameters except angles, since for an angle 0
/// is no more natural than any other value.
///
/// Velocities below the smallest normal number are set to 0, as [`Adam`](super::Adam) does with its moments.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
/// use gmp_train::{Dataset, Loss, Sgd, Trainer};
///
/// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
/// let mut sgd = Sgd::new(0.9).with_nesterov().with_weight_decay(1e-4);
/// Trainer::new(Loss::MeanSquaredError, 2, 10, 0.01).fit(&mut network, &mut sgd, &data, None, &mut ())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, Eq. 1.
#[derive(Debug, Clone)]
pub struct Sgd<T> {
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
    velocity: Vec<T>,
}

impl<T: Scalar> Sgd<T> {
    /// SGD with the given momentum, 0 for none, and no weight decay.
    ///
    /// ```
    /// use gmp_train::{Optimizer, ParamStore, Role, Sgd};
    /// let mut parameters = ParamStore::default();
    /// parameters.push("line.slope".to_owned(), Role::Weight, &[1.0], 1, 1);
    /// let mut sgd = Sgd::new(0.5);
    /// sgd.step(&mut parameters, &[1.0], 0.25); // v = −0.25
    /// assert_eq!(parameters.values(), [0.75]);
    /// sgd.step(&mut parameters, &[1.0], 0.25); // v = 0.5·(−0.25) − 0.25
    /// assert_eq!(parameters.values(), [0.375]);
    /// ```
    ///
    /// # Panics
    /// If the momentum is outside [0, 1).
    pub fn new(momentum: f64) -> Self {
        Self::checked(momentum, 0.0).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Sets the weight decay.
    ///
    /// ```
    /// use gmp_train::{Optimizer, ParamStore, Role, Sgd};
    /// let mut parameters = ParamStore::default();
    /// parameters.push("hidden1.weights".to_owned(), Role::Weight, &[8.0], 1, 1);
    /// parameters.push("hidden1.angles".to_owned(), Role::Angle, &[8.0], 1, 1);
    /// Sgd::new(0.0).with_weight_decay(0.5).step(&mut parameters, &[0.0, 0.0], 0.25);
    /// assert_eq!(parameters.values(), [7.0, 8.0]); // 8 − 0.25·0.5·8; angles are spared
    /// ```
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    pub fn with_weight_decay(self, weight_decay: f64) -> Self {
        let checked = Self::checked(self.momentum, weight_decay);
        Self { nesterov: self.nesterov, ..checked.unwrap_or_else(|problem| panic!("{problem}")) }
    }

    /// Uses Nesterov momentum, as in Keras: `v ← μ v − lr g`, `p ← p + μ v − lr g`.
    #[must_use]
    pub fn with_nesterov(self) -> Self {
        Self { nesterov: true, ..self }
    }

    fn checked(momentum: f64, weight_decay: f64) -> Result<Self, String> {
        if !(0.0..1.0).contains(&momentum) {
            return Err(format!("momentum must be in [0, 1), got {momentum}"));
        }
        if !(weight_decay >= 0.0 && weight_decay.is_finite()) {
            return Err(format!("weight decay must be at least 0 and finite, got {weight_decay}"));
        }
        Ok(Self { momentum, weight_decay, nesterov: false, velocity: Vec::new() })
    }
}

impl<T: Scalar> Optimizer<T> for Sgd<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        assert_eq!(parameters.values().len(), gradients.len(), "Sgd: as many gradients as parameters");
        if self.velocity.is_empty() {
            self.velocity = vec![T::ZERO; gradients.len()];
        }
        assert_eq!(gradients.len(), self.velocity.len(), "Sgd: the parameters of the step before");
        let (momentum, rate) = (T::from_f64(self.momentum), T::from_f64(learning_rate));
        for i in 0..parameters.entries().len() {
            let Entry { role, slot, .. } = parameters.entries()[i];
            let decay = T::from_f64(if role == Role::Angle { 0.0 } else { self.weight_decay });
            let nesterov = self.nesterov;
            let numbers = [&mut parameters.values_mut()[slot.range()], &mut self.velocity[slot.range()]];
            elementwise::step(numbers, &gradients[slot.range()], &|[parameters, velocity], gradients| {
                let step = Step { parameters, gradients, velocity, momentum, rate, decay };
                if nesterov {
                    dispatch(Nesterov(step));
                } else {
                    dispatch(step);
                }
            });
        }
    }

    fn state(&self) -> OptimizerState<T> {
        let settings = [("momentum", self.momentum), ("weight_decay", self.weight_decay), ("nesterov", 1.0)];
        let settings = &settings[..if self.nesterov { 3 } else { 2 }];
        OptimizerState::new("sgd", 0, settings, &[("velocity", &self.velocity)])
    }

    fn restore(&mut self, mut state: OptimizerState<T>) -> Result<(), Error> {
        // Checkpoints of version 1 were written before there was weight decay, and where it is not Nesterov's momentum the
        // state says nothing of it.
        for (settings, name) in [(1, "weight_decay"), (2, "nesterov")] {
            if state.settings.len() == settings {
                state.settings.push((name.to_owned(), 0.0));
            }
        }
        let ([momentum, weight_decay, nesterov], [velocity]) =
            state.expect("sgd", ["momentum", "weight_decay", "nesterov"], ["velocity"])?;
        let problem = |problem| Error::OptimizerState { optimizer: "sgd", problem };
        if nesterov != 0.0 && nesterov != 1.0 {
            return Err(problem(format!("nesterov is {nesterov}, expected 0 or 1")));
        }
        let checked = Self::checked(momentum, weight_decay).map_err(problem)?;
        *self = Self { nesterov: nesterov == 1.0, velocity, ..checked };
        Ok(())
    }
}

struct Step<'a, T> {
    parameters: &'a mut [T],
    gradients: &'a [T],
    velocity: &'a mut [T],
    momentum: T,
    rate: T,
    decay: T,
}

impl<T: Scalar> Kernel for Step<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((p, &g), v) in self.parameters.iter_mut().zip(self.gradients).zip(self.velocity) {
            let velocity = self.momentum * *v - self.rate * (g + self.decay * *p);
            *v = if velocity.abs() < T::MIN_POSITIVE { T::ZERO } else { velocity };
            *p += *v;
        }
    }
}

struct Nesterov<'a, T>(Step<'a, T>);

impl<T: Scalar> Kernel for Nesterov<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Step { parameters, gradients, velocity, momentum, rate, decay } = self.0;
        for ((p, &g), v) in parameters.iter_mut().zip(gradients).zip(velocity) {
            let descent = rate * (g + decay * *p);
            let next = momentum * *v - descent;
            *v = if next.abs() < T::MIN_POSITIVE { T::ZERO } else { next };
            *p += momentum * *v - descent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keras' `update_step` with `nesterov=True`.
    #[test]
    fn nesterov_follows_the_published_formula() {
        let mut parameters = ParamStore::default();
        parameters.push("p".to_owned(), Role::Weight, &[1.0], 1, 1);
        let mut sgd = Sgd::new(0.9).with_nesterov().with_weight_decay(0.01);
        let (mut p, mut v) = (1.0_f64, 0.0_f64);
        for t in 1..=50 {
            let g = f64::from(t).sin() + p;
            sgd.step(&mut parameters, &[g], 0.01);
            let g = g + 0.01 * p;
            v = 0.9 * v - 0.01 * g;
            p += 0.9 * v - 0.01 * g;
            assert!((parameters.values()[0] - p).abs() < 1e-12, "step {t}");
        }
        assert_eq!(sgd.state().settings[2], ("nesterov".to_owned(), 1.0));
        let mut again = Sgd::new(0.0);
        again.restore(sgd.state()).unwrap();
        assert_eq!(again.state(), sgd.state());
        let mut wrong = sgd.state();
        wrong.settings[2].1 = 0.5;
        assert!(again.restore(wrong).is_err());
    }

    #[test]
    fn two_steps_by_hand() {
        let mut parameters = ParamStore::default();
        parameters.push("p".to_owned(), Role::Weight, &[1.0], 1, 1);
        let mut sgd = Sgd::new(0.5);
        sgd.step(&mut parameters, &[2.0], 0.1); // v = -0.2
        assert_eq!(parameters.values(), [0.8]);
        sgd.step(&mut parameters, &[4.0], 0.1); // v = -0.1 - 0.4
        assert!((parameters.values()[0] - 0.3_f64).abs() < 1e-15);
    }

    /// A velocity below the smallest normal number becomes 0, and that number stays.
    #[test]
    fn velocities_are_no_denormals() {
        for (nesterov, gradient, velocity) in [
            (false, -f64::MIN_POSITIVE, f64::MIN_POSITIVE),
            (false, -f64::MIN_POSITIVE / 2.0, 0.0),
            (true, -f64::MIN_POSITIVE, f64::MIN_POSITIVE),
            (true, -f64::MIN_POSITIVE / 2.0, 0.0),
        ] {
            let mut parameters = ParamStore::default();
            parameters.push("p".to_owned(), Role::Weight, &[0.0], 1, 1);
            let mut sgd = if nesterov { Sgd::new(0.5).with_nesterov() } else { Sgd::new(0.5) };
            sgd.step(&mut parameters, &[gradient], 1.0);
            assert_eq!(sgd.velocity, [velocity], "nesterov: {nesterov}");
        }
    }

    #[test]
    fn a_state_with_constants_out_of_range_is_refused() {
        let mut sgd = Sgd::<f64>::new(0.9);
        for (constant, wrong) in [(0, 1.0), (0, -0.1), (1, -0.1), (1, f64::INFINITY), (1, f64::NAN)] {
            let mut state = sgd.state();
            state.settings[constant].1 = wrong;
            let error = sgd.restore(state).unwrap_err().to_string();
            assert!(error.contains(&format!("got {wrong}")), "{error}");
        }
    }

    #[test]
    fn weight_decay_spares_angles() {
        let mut parameters = ParamStore::default();
        parameters.push("weights".to_owned(), Role::Weight, &[2.0], 1, 1);
        parameters.push("angles".to_owned(), Role::Angle, &[2.0], 1, 1);
        Sgd::new(0.9).with_weight_decay(0.5).step(&mut parameters, &[0.0, 0.0], 0.1);
        assert_eq!(parameters.values(), [1.9_f64, 2.0]);
    }
}
