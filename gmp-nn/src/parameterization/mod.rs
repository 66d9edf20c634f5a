//! The parameterizations of a ReLU unit: one choice, one file each.
//!
//! | | unit | trained | effective boundary (w, b) |
//! |---|---|---|---|
//! | `standard` | g(w·x + b) | w, b | (w, b) |
//! | `weight_norm` | g(ℓ (v/‖v‖)·x + b) | v, ℓ, b | (ℓ v/‖v‖, b) |
//! | `batch_norm` | g(γ (w·x + b − μ)/√(σ²+ϵ) + β) | w, b, γ, β | (w, b − μ + β√(σ²+ϵ)/γ) |
//! | `geometric` | r g(u(θ)·x + λ) | θ, λ, r | (u(θ), λ) |
//!
//! A new one is a file with a [`Layer`] and a `build`, and an entry in the list below.

mod batch_norm;
mod geometric;
mod standard;
mod weight_norm;

use crate::op::Activation;
use crate::{Element, Error, Layer, Linear, ParamStore};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Makes [`Parameterization`] of the list of its variants, short names and files.
macro_rules! parameterizations {
    ($($(#[$doc:meta])* $variant:ident = $name:literal in $file:ident,)*) => {
        /// How the weights of a layer are expressed in the numbers that are trained.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Parameterization {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Parameterization {
            /// All of them, in the paper's order.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The paper's short name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            pub(crate) fn build<T: Element>(self, init: Initial<'_, T>) -> Result<Box<dyn Layer<T>>, Error> {
                match self { $(Self::$variant => $file::build(init),)* }
            }
        }
    };
}

parameterizations! {
    /// SP: weights and biases themselves.
    Standard = "SP" in standard,
    /// WN: a direction vector of any length, and a length (Salimans & Kingma 2016).
    WeightNorm = "WN" in weight_norm,
    /// BN: standard, normalized over the batch before the activation (Ioffe & Szegedy 2015).
    BatchNorm = "BN" in batch_norm,
    /// GmP: hyperspherical angles, offset and radius (Chen & Ge 2024).
    Geometric = "GmP" in geometric,
}

impl Parameterization {
    /// What a unit's first weights are drawn for, beside its number of inputs: Keras' fan out, k·k·filters of a
    /// convolution; but the authors' geometric convolutions draw as a dense layer would.
    pub(crate) fn fan_out(self, linear: Linear, units: usize) -> usize {
        match self {
            Self::Geometric => units,
            _ => linear.fan(units),
        }
    }

    /// "SP, WN, BN or GmP".
    pub(crate) fn names() -> String {
        let [others @ .., last] = Self::ALL.map(Self::name);
        format!("{} or {last}", others.join(", "))
    }
}

impl fmt::Display for Parameterization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Parameterization {
    type Err = Error;
    /// Reads the paper's short name, in any case.
    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::UnknownParameterization { name: name.to_owned() })
    }
}

/// How geometric units take their first direction from the sampled weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectionInit {
    /// The direction of the weights.
    #[default]
    Exact,
    /// As the authors' code has it: the last coordinate loses its sign, so that directions cover half a sphere.
    HalfSphere,
}

/// The standard weights that a layer starts from, whatever its parameterization, and where it puts its numbers.
pub(crate) struct Initial<'a, T> {
    pub(crate) name: &'a str,
    /// n×units.
    pub(crate) weights: &'a [T],
    /// n: inputs of a unit.
    pub(crate) weight_rows: usize,
    pub(crate) units: usize,
    pub(crate) linear: Linear,
    pub(crate) activation: Activation,
    pub(crate) directions: DirectionInit,
    pub(crate) parameters: &'a mut ParamStore<T>,
    pub(crate) buffers: &'a mut ParamStore<T>,
}

impl<T: Element> Initial<'_, T> {
    /// Appends a parameter of one number a unit.
    fn row(&mut self, name: &str, role: crate::Role, value: T) -> crate::Slot {
        self.parameter(name, role, &vec![value; self.units], 1)
    }
    fn parameter(&mut self, name: &str, role: crate::Role, numbers: &[T], rows: usize) -> crate::Slot {
        self.parameters.push(format!("{}.{name}", self.name), role, numbers, rows, self.units)
    }
    fn buffer(&mut self, name: &str, numbers: &[T]) -> crate::Slot {
        self.buffers.push(format!("{}.{name}", self.name), crate::Role::Buffer, numbers, 1, self.units)
    }
}
