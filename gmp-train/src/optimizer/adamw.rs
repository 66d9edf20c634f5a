//! Adam with decoupled weight decay.

use super::{Adam, Optimizer, OptimizerState, elementwise};
use crate::Error;
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};
use gmp_nn::{Entry, ParamStore, Role};

/// Adam with decoupled weight decay, as in Keras: `p ← p − lr δ p`, and then the step of [`Adam`].
///
/// Angles are not decayed, since for an angle 0 is no more natural than any other value.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
/// use gmp_train::{AdamW, Dataset, Loss, Trainer};
///
/// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
/// Trainer::new(Loss::MeanSquaredError, 2, 10, 0.01).fit(&mut network, &mut AdamW::new(0.004), &data, None, &mut ())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, Algorithm 2, whose schedule
/// multiplier is part of lr.
#[derive(Debug, Clone)]
pub struct AdamW<T> {
    adam: Adam<T>,
    weight_decay: f64,
}

impl<T: Scalar> AdamW<T> {
    /// AdamW with Keras' constants and a weight decay δ, for which Keras' default is 0.004.
    ///
    /// ```
    /// use gmp_train::{AdamW, Optimizer, ParamStore, Role};
    /// let mut parameters = ParamStore::default();
    /// parameters.push("line.slope".to_owned(), Role::Weight, &[8.0], 1, 1);
    /// AdamW::new(0.5).step(&mut parameters, &[0.0], 0.25); // without a gradient there is the decay alone
    /// assert_eq!(parameters.values(), [7.0]); // 8 − 0.25·0.5·8
    /// ```
    ///
    /// # Panics
    /// If it is negative or not finite.
    pub fn new(weight_decay: f64) -> Self {
        Self::with(Adam::default(), weight_decay)
    }

    /// AdamW with the given constants of Adam.
    ///
    /// ```
    /// use gmp_train::{Adam, AdamW, Optimizer};
    /// let adamw = AdamW::<f64>::with(Adam::new(0.9, 0.95, 1e-8), 0.1);
    /// assert_eq!(adamw.state().settings[1], ("beta2".to_owned(), 0.95));
    /// ```
    ///
    /// # Panics
    /// If the weight decay is negative or not finite.
    pub fn with(adam: Adam<T>, weight_decay: f64) -> Self {
        if let Err(problem) = check(weight_decay) {
            panic!("{problem}");
        }
        Self { adam, weight_decay }
    }

    /// Steps carried out.
    pub fn steps(&self) -> u64 {
        self.adam.steps()
    }
}

fn check(weight_decay: f64) -> Result<(), String> {
    match weight_decay >= 0.0 && weight_decay.is_finite() {
        true => Ok(()),
        false => Err(format!("weight decay must be at least 0 and finite, got {weight_decay}")),
    }
}

impl<T: Scalar> Optimizer<T> for AdamW<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        assert_eq!(parameters.values().len(), gradients.len(), "AdamW: as many gradients as parameters");
        let keep = T::from_f64(1.0 - learning_rate * self.weight_decay);
        for i in 0..parameters.entries().len() {
            let Entry { role, slot, .. } = parameters.entries()[i];
            if role != Role::Angle {
                let parameters = &mut parameters.values_mut()[slot.range()];
                let gradients = &gradients[slot.range()];
                elementwise::step([parameters], gradients, &|[parameters], _| {
                    dispatch(Decay { parameters, keep })
                });
            }
        }
        self.adam.step(parameters, gradients, learning_rate);
    }

    fn state(&self) -> OptimizerState<T> {
        let mut state = self.adam.state();
        state.kind = KIND.to_owned();
        state.settings.push(("weight_decay".to_owned(), self.weight_decay));
        state
    }

    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        let steps = state.steps;
        let ([beta1, beta2, epsilon, weight_decay], moments) =
            state.expect(KIND, ["beta1", "beta2", "epsilon", "weight_decay"], ["first", "second"])?;
        check(weight_decay).map_err(|problem| Error::OptimizerState { optimizer: KIND, problem })?;
        *self = Self { adam: Adam::from_state(KIND, steps, [beta1, beta2, epsilon], moments)?, weight_decay };
        Ok(())
    }
}

const KIND: &str = "adamw";

struct Decay<'a, T> {
    parameters: &'a mut [T],
    keep: T,
}

impl<T: Scalar> Kernel for Decay<'_, T> {
    type Output = ();
    /// What decays for long ends at 0 and not among denormals.
    #[inline(always)]
    fn run(self) {
        for p in self.parameters {
            let decayed = self.keep * *p;
            *p = if decayed.abs() < T::MIN_POSITIVE { T::ZERO } else { decayed };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keras: `variable.assign(variable - variable * weight_decay * lr)`, then Adam's update.
    #[test]
    fn follows_the_published_formula_and_spares_angles() {
        let mut parameters = ParamStore::default();
        parameters.push("weights".to_owned(), Role::Weight, &[1.0], 1, 1);
        parameters.push("angles".to_owned(), Role::Angle, &[1.0], 1, 1);
        let mut optimizer = AdamW::new(0.1);
        let (mut p, mut m, mut v) = ([1.0_f64, 1.0], [0.0_f64; 2], [0.0_f64; 2]);
        for t in 1..=50 {
            let g = p.map(|p| f64::from(t).sin() + p);
            optimizer.step(&mut parameters, &g, 0.01);
            for i in 0..2 {
                p[i] -= if i == 0 { 0.01 * 0.1 * p[i] } else { 0.0 };
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                let correction = (1.0 - 0.999_f64.powi(t)).sqrt() / (1.0 - 0.9_f64.powi(t));
                p[i] -= 0.01 * correction * m[i] / (v[i].sqrt() + 1e-7);
                assert!((parameters.values()[i] - p[i]).abs() < 1e-12, "step {t}: {:?}", parameters.values());
            }
        }
        assert!(p[0] < p[1]);
    }

    #[test]
    fn without_decay_it_is_adam() {
        let mut stores = [ParamStore::default(), ParamStore::default()];
        for store in &mut stores {
            store.push("p".to_owned(), Role::Weight, &[0.3_f32, -2.0], 1, 2);
        }
        let (mut adam, mut adamw) = (Adam::default(), AdamW::new(0.0));
        for t in 0..20 {
            let g = [(t as f32).sin(), 0.1];
            adam.step(&mut stores[0], &g, 0.01);
            adamw.step(&mut stores[1], &g, 0.01);
        }
        assert_eq!(stores[0], stores[1]);
        assert_eq!(adamw.steps(), 20);
    }

    #[test]
    fn a_decay_that_is_negative_or_infinite_is_refused() {
        let mut optimizer = AdamW::<f64>::new(0.1);
        for wrong in [-0.1, f64::INFINITY, f64::NAN] {
            let mut state = optimizer.state();
            state.settings[3].1 = wrong;
            let error = optimizer.restore(state).unwrap_err().to_string();
            assert!(
                error.contains(&format!("weight decay must be at least 0 and finite, got {wrong}")),
                "{error}"
            );
        }
    }

    #[test]
    fn weights_that_decay_for_long_end_at_zero() {
        let mut parameters = ParamStore::default();
        parameters.push("p".to_owned(), Role::Weight, &[1e-30_f32], 1, 1);
        let mut optimizer = AdamW::new(1.0);
        (0..500).for_each(|_| optimizer.step(&mut parameters, &[0.0], 0.1));
        assert_eq!(parameters.values(), [0.0]);
        // The smallest normal number is no denormal.
        let mut parameters = ParamStore::default();
        parameters.push("p".to_owned(), Role::Weight, &[f32::MIN_POSITIVE], 1, 1);
        AdamW::new(0.0).step(&mut parameters, &[0.0], 0.1);
        assert_eq!(parameters.values(), [f32::MIN_POSITIVE]);
    }
}
