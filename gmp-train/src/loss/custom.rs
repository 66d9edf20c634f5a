//! User-defined losses.

use super::Targets;
use gmp_autograd::{Tape, Var};
use gmp_math::Scalar;
use std::any::Any;
use std::fmt::Debug;

/// A user-defined loss, in both precisions: [`Loss::Custom`](super::Loss::Custom) takes a reference to one.
///
/// ```
/// use gmp_autograd::{Tape, Var, op};
/// use gmp_math::Scalar;
/// use gmp_nn::{Mlp, Parameterization};
/// use gmp_train::{Adam, Dataset, Loss, LossFunction, Trainer};
///
/// /// Mean (p − t)⁴.
/// #[derive(Debug)]
/// struct Quartic;
/// impl LossFunction for Quartic {
///     fn name(&self) -> &str {
///         "quartic"
///     }
///     fn apply<T: Scalar>(&self, tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
///         let difference = op::sub(tape, prediction, target);
///         let square = op::mul(tape, difference, difference);
///         let fourth = op::mul(tape, square, square);
///         op::mean(tape, fourth)
///     }
/// }
///
/// let data = Dataset::new(vec![0.0, 1.0], 1, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
/// let trainer = Trainer::new(Loss::Custom(&Quartic), 2, 10, 0.01);
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A loss with settings that are known only at run time must be kept for the rest of the process:
/// `Loss::Custom(Box::leak(Box::new(loss)))`.
pub trait LossFunction: Debug + Send + Sync + 'static {
    /// Its name in logs and files. Losses with the same name count as equal.
    fn name(&self) -> &str;

    /// Appends the mean loss over the samples to the tape, as a 1×1 matrix. `target` is a constant.
    fn apply<T: Scalar>(&self, tape: &mut Tape<T>, prediction: Var, target: Var) -> Var;

    /// Which targets it accepts: others are an error before the run. The default is one finite number per output.
    fn targets(&self) -> Targets {
        Targets::Values
    }

    /// The same with the loss of every sample multiplied by its weight, a samples×1 constant; `None` if the loss does
    /// not support weights.
    fn apply_weighted<T: Scalar>(
        &self,
        _tape: &mut Tape<T>,
        _prediction: Var,
        _target: Var,
        _weights: Var,
    ) -> Option<Var> {
        None
    }
}

/// A [`LossFunction`] as a trait object. Implement [`LossFunction`] instead of this trait.
pub trait CustomLoss: Debug + Send + Sync {
    /// See [`LossFunction::name`].
    fn name(&self) -> &str;
    /// See [`LossFunction::targets`].
    fn targets(&self) -> Targets;
    /// See [`LossFunction::apply`]; `weights` as in [`LossFunction::apply_weighted`].
    fn apply_f32(&self, tape: &mut Tape<f32>, inputs: [Var; 2], weights: Option<Var>) -> Option<Var>;
    /// The same in double precision.
    fn apply_f64(&self, tape: &mut Tape<f64>, inputs: [Var; 2], weights: Option<Var>) -> Option<Var>;
    /// Whether it only stands for the loss of a trainer that was read from a file.
    fn is_placeholder(&self) -> bool {
        false
    }
}

impl<L: LossFunction> CustomLoss for L {
    fn name(&self) -> &str {
        LossFunction::name(self)
    }
    fn targets(&self) -> Targets {
        LossFunction::targets(self)
    }
    fn apply_f32(&self, tape: &mut Tape<f32>, inputs: [Var; 2], weights: Option<Var>) -> Option<Var> {
        either(self, tape, inputs, weights)
    }
    fn apply_f64(&self, tape: &mut Tape<f64>, inputs: [Var; 2], weights: Option<Var>) -> Option<Var> {
        either(self, tape, inputs, weights)
    }
}

fn either<T: Scalar, L: LossFunction>(
    loss: &L,
    tape: &mut Tape<T>,
    [prediction, target]: [Var; 2],
    weights: Option<Var>,
) -> Option<Var> {
    match weights {
        None => Some(loss.apply(tape, prediction, target)),
        Some(weights) => loss.apply_weighted(tape, prediction, target, weights),
    }
}

impl PartialEq for dyn CustomLoss {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

#[track_caller]
pub(super) fn apply<T: Scalar>(
    loss: &dyn CustomLoss,
    tape: &mut Tape<T>,
    prediction: Var,
    target: Var,
) -> Var {
    dispatch(loss, tape, [prediction, target], None).expect("a loss without weights")
}

pub(super) fn apply_weighted<T: Scalar>(
    loss: &dyn CustomLoss,
    tape: &mut Tape<T>,
    [prediction, target, weights]: [Var; 3],
) -> Option<Var> {
    dispatch(loss, tape, [prediction, target], Some(weights))
}

fn dispatch<T: Scalar>(
    loss: &dyn CustomLoss,
    tape: &mut Tape<T>,
    inputs: [Var; 2],
    weights: Option<Var>,
) -> Option<Var> {
    let tape: &mut dyn Any = tape;
    if tape.is::<Tape<f32>>() {
        loss.apply_f32(tape.downcast_mut()?, inputs, weights)
    } else {
        loss.apply_f64(tape.downcast_mut()?, inputs, weights)
    }
}

/// Stands for the own loss of a trainer that was read from a file.
#[derive(Debug)]
struct Placeholder;
impl CustomLoss for Placeholder {
    fn name(&self) -> &str {
        "custom"
    }
    fn targets(&self) -> Targets {
        Targets::Any
    }
    fn apply_f32(&self, _: &mut Tape<f32>, _: [Var; 2], _: Option<Var>) -> Option<Var> {
        None
    }
    fn apply_f64(&self, _: &mut Tape<f64>, _: [Var; 2], _: Option<Var>) -> Option<Var> {
        None
    }
    fn is_placeholder(&self) -> bool {
        true
    }
}

/// An own loss in a file: its name, of which none can be made again.
pub(super) mod by_name {
    use super::{CustomLoss, Placeholder};
    use serde::de::IgnoredAny;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::loss) fn serialize<S: Serializer>(
        loss: &&'static dyn CustomLoss,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(loss.name())
    }

    pub(in crate::loss) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<&'static dyn CustomLoss, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Ok(&Placeholder)
    }
}
