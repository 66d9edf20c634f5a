//! Activations as trait objects, so that a user-defined activation can be part of a description.

use super::{Pointwise, Reads};
use crate::op;
use gmp_autograd::{Tape, Var};
use gmp_math::Scalar;
use std::any::Any;
use std::fmt::Debug;

/// A [`Pointwise`] function as an object, for [`Activation::Custom`](super::Activation::Custom).
///
/// Every [`Pointwise`] type implements it; there is no reason to implement it directly.
///
/// ```
/// use gmp_nn::Activation;
/// use gmp_nn::activation::{CustomActivation, Tanh};
///
/// let mine: &'static dyn CustomActivation = &Tanh;
/// let activation = Activation::Custom(mine);
/// assert_eq!((activation.name(), activation.value(0.0)), ("tanh", 0.0));
/// ```
pub trait CustomActivation: Any + Debug + Send + Sync {
    /// [`Pointwise::NAME`].
    fn name(&self) -> &'static str;
    /// [`Pointwise::HOMOGENEOUS`].
    fn is_homogeneous(&self) -> bool;
    /// [`Pointwise::PIECEWISE_LINEAR`].
    fn is_piecewise_linear(&self) -> bool;
    /// [`Pointwise::KINKS`].
    fn kinks(&self) -> &'static [f64];
    /// Whether the other is of the same type and has the same value.
    fn equals(&self, other: &dyn CustomActivation) -> bool;
    /// g(z) in single precision.
    fn value_f32(&self, z: f32) -> f32;
    /// g(z) in double precision.
    fn value_f64(&self, z: f64) -> f64;
    /// dg/dz at z in single precision.
    fn slope_f32(&self, z: f32) -> f32;
    /// dg/dz at z in double precision.
    fn slope_f64(&self, z: f64) -> f64;
    /// [`op::activation`] in single precision.
    fn record_f32(&'static self, tape: &mut Tape<f32>, x: Var) -> Var;
    /// [`op::activation`] in double precision.
    fn record_f64(&'static self, tape: &mut Tape<f64>, x: Var) -> Var;
}

impl<A: Pointwise> CustomActivation for A {
    fn name(&self) -> &'static str {
        A::NAME
    }
    fn is_homogeneous(&self) -> bool {
        A::HOMOGENEOUS
    }
    fn is_piecewise_linear(&self) -> bool {
        A::PIECEWISE_LINEAR
    }
    fn kinks(&self) -> &'static [f64] {
        A::KINKS
    }
    fn equals(&self, other: &dyn CustomActivation) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }
    fn value_f32(&self, z: f32) -> f32 {
        self.value(z)
    }
    fn value_f64(&self, z: f64) -> f64 {
        self.value(z)
    }
    fn slope_f32(&self, z: f32) -> f32 {
        slope_at(*self, z)
    }
    fn slope_f64(&self, z: f64) -> f64 {
        slope_at(*self, z)
    }
    fn record_f32(&'static self, tape: &mut Tape<f32>, x: Var) -> Var {
        op::pointwise(tape, x, self)
    }
    fn record_f64(&'static self, tape: &mut Tape<f64>, x: Var) -> Var {
        op::pointwise(tape, x, self)
    }
}

fn slope_at<A: Pointwise, T: Scalar>(activation: A, z: T) -> T {
    activation.slope(match A::READS {
        Reads::Input => z,
        Reads::Output => activation.value(z),
    })
}

/// A function of a number of either precision, whose two versions are known only apart.
pub(super) fn map<T: Scalar>(mut z: T, single: impl Fn(f32) -> f32, double: impl Fn(f64) -> f64) -> T {
    let any: &mut dyn Any = &mut z;
    if let Some(z) = any.downcast_mut() {
        *z = single(*z);
    } else if let Some(z) = any.downcast_mut() {
        *z = double(*z);
    }
    z
}

/// The tape of either precision, as [`map`].
pub(crate) fn record<T: Scalar>(
    activation: &'static dyn CustomActivation,
    tape: &mut Tape<T>,
    x: Var,
) -> Var {
    let any: &mut dyn Any = tape;
    if let Some(tape) = any.downcast_mut() {
        return activation.record_f32(tape, x);
    }
    activation.record_f64(any.downcast_mut().expect("a scalar is f32 or f64"), x)
}

/// A custom activation in a file: its name, which cannot be read back.
pub(super) mod by_name {
    use super::CustomActivation;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        activation: &&'static dyn CustomActivation,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(activation.name())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<&'static dyn CustomActivation, D::Error> {
        let name = String::deserialize(deserializer)?;
        Err(D::Error::custom(format_args!(
            "the custom activation {name:?} is code, which a file does not hold; expected {}",
            super::super::names()
        )))
    }
}
