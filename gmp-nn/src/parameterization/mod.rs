//! Parameterizations: how the weights of a layer of units are computed from the trained parameters.
//!
//! A unit computes `scale · g(w·x + b)`. A parameterization defines w, b and the scale, once as variables on a tape
//! ([`Weights::on_tape`]) and once as numbers ([`Weights::effective`]); activation boundaries, folding and export are
//! derived from the numbers. It works with dense layers and convolutions, any activation and any normalization.
//!
//! | | w | b | scale | trained |
//! |---|---|---|---|---|
//! | [`Standard`](Parameterization::Standard) | w | b | 1 | w, b |
//! | [`WeightNorm`](Parameterization::WeightNorm) | ℓ v/‖v‖ | b | 1 | v, ℓ, b |
//! | [`Geometric`](Parameterization::Geometric) | u(θ) | λ | r | θ, λ, r |
//!
//! To add one to this crate takes a file here, its `mod` and its line in the list below. A user-defined one
//! implements [`Parameterize`] and is used as [`Parameterization::Custom`].

mod geometric;
mod standard;
mod weight_norm;

pub use geometric::{DirectionInit, FanOut, GeometricOptions, RadiusPlacement};

use crate::{Declare, Element, Error, Forward, Linear};
use gmp_autograd::{Mat, Var};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::any::Any;
use std::fmt::{self, Debug};

/// How the weights of a layer are computed from parameters: declares the parameters, and returns the [`Weights`] that
/// read them.
///
/// ```
/// use gmp_autograd::{Mat, op};
/// use gmp_nn::parameterization::{EffectiveWeights, Parameterize, Unit, Weights};
/// use gmp_nn::{Declare, Element, Error, Forward, Mlp, Parameterization, Role, Slot};
///
/// /// Weights w = v ∘ v: none of them is ever negative.
/// #[derive(Debug)]
/// struct Squares;
///
/// impl<T: Element> Parameterize<T> for Squares {
///     fn name(&self) -> &'static str {
///         "squares"
///     }
///     fn declare(&self, initial: Mat<'_, T>, declare: &mut Declare<'_, T>) -> Result<Box<dyn Weights<T>>, Error> {
///         let roots: Vec<T> = initial.data().iter().map(|w| w.abs().sqrt()).collect();
///         let roots = Mat::new(&roots, initial.rows(), initial.cols());
///         let bias = declare.row("bias", Role::Bias, initial.cols(), T::ZERO)?;
///         Ok(Box::new(Roots { roots: declare.parameter("roots", Role::Weight, roots), bias }))
///     }
/// }
///
/// #[derive(Debug)]
/// struct Roots {
///     roots: Slot,
///     bias: Slot,
/// }
///
/// impl<T: Element> Weights<T> for Roots {
///     fn on_tape(&self, pass: &mut Forward<'_, T>) -> Unit {
///         let (v, bias) = (pass.parameter(self.roots), pass.parameter(self.bias));
///         Unit { weight: op::mul(pass.tape, v, v), bias, scale: None }
///     }
///     fn effective(&self, parameters: &[T], _buffers: &[T], into: &mut EffectiveWeights<T>) {
///         into.weights.extend(self.roots.of(parameters).iter().map(|&v| v * v));
///         into.bias.extend_from_slice(self.bias.of(parameters));
///     }
/// }
///
/// let network = Mlp::new(3, &[16], 1, Parameterization::Custom(&Squares)).build::<f64>(1)?;
/// assert_eq!(network.parameters.entries()[0].name, "hidden1.bias");
/// # Ok::<(), Error>(())
/// ```
pub trait Parameterize<T: Element>: Debug + Send + Sync {
    /// The name in tables, summaries and files.
    fn name(&self) -> &'static str;

    /// Declares the parameters of a layer whose initial weights are `initial`, inputs × units; biases start at 0.
    ///
    /// # Errors
    /// If the layer cannot have such parameters.
    fn declare(
        &self,
        initial: Mat<'_, T>,
        declare: &mut Declare<'_, T>,
    ) -> Result<Box<dyn Weights<T>>, Error>;

    /// The fan-out that is used to draw initial weights. By default it is that of Keras: the units of a dense layer
    /// and k·k·filters of a convolution.
    fn fan_out(&self, linear: Linear, units: usize) -> usize {
        linear.fan(units)
    }
}

/// The weights of one layer, computed from its parameters; [`Parameterize`] has an example.
pub trait Weights<T: Element>: Debug + Send + Sync {
    /// Weights, biases and scales as variables.
    fn on_tape(&self, pass: &mut Forward<'_, T>) -> Unit;

    /// The same as numbers. `into` is passed empty, and its memory is reused from call to call.
    fn effective(&self, parameters: &[T], buffers: &[T], into: &mut EffectiveWeights<T>);

    /// Projects the parameters back onto their constraints after an optimizer's step, for instance vectors to
    /// length 1.
    fn after_step(&self, _parameters: &mut [T]) {}
}

/// `scale · g(x·weight + bias)` as variables.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// Inputs × units.
    pub weight: Var,
    /// 1 × units.
    pub bias: Var,
    /// 1 × units, outside the activation; `None` if it is 1.
    pub scale: Option<Var>,
}

/// The numbers of `scale · g(x·weights + bias)`: a layer in plain weights, whatever its parameterization.
///
/// ```
/// use gmp_nn::{LayerView, Mlp, Parameterization};
/// let mut network = Mlp::new(2, &[1], 1, Parameterization::Geometric).build::<f64>(1)?;
/// network.parameters.set("hidden1.angles", &[0.0])?;
/// network.parameters.set("hidden1.offset", &[-2.0])?;
/// network.parameters.set("hidden1.radius", &[7.0])?;
///
/// let LayerView::Units(units) = network.layers()[0].layer.view() else { panic!("hidden1 has units") };
/// let effective = units.effective(network.parameters.values(), network.buffers.values());
/// assert_eq!(effective.weights, [1.0, 0.0]); // u(θ): the unit is 7·relu(x₁ − 2)
/// assert_eq!((&effective.bias[..], &effective.scale[..]), (&[-2.0][..], &[7.0][..]));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EffectiveWeights<T> {
    /// Inputs × units, row-major.
    pub weights: Vec<T>,
    /// One per unit.
    pub bias: Vec<T>,
    /// One per unit, outside the activation; empty if all are 1.
    pub scale: Vec<T>,
}

impl<T: Element> EffectiveWeights<T> {
    pub(crate) fn read(&mut self, weights: &dyn Weights<T>, parameters: &[T], buffers: &[T]) {
        self.weights.clear();
        self.bias.clear();
        self.scale.clear();
        weights.effective(parameters, buffers, self);
    }
    /// Multiplies the pre-activation of a unit.
    pub(crate) fn scale_unit(&mut self, unit: usize, factor: T) {
        let units = self.bias.len();
        self.weights.iter_mut().skip(unit).step_by(units).for_each(|w| *w *= factor);
        self.bias[unit] *= factor;
    }
}

/// A user-defined parameterization, for networks in single and in double precision: any type that implements
/// [`Parameterize`] for both.
pub trait CustomParameterization: Parameterize<f32> + Parameterize<f64> + Any {}
impl<P: Parameterize<f32> + Parameterize<f64> + Any> CustomParameterization for P {}

/// The parameterization as an object for one precision.
fn for_precision<T: Element>(custom: &'static dyn CustomParameterization) -> &'static dyn Parameterize<T> {
    let single: &'static dyn Parameterize<f32> = custom;
    let double: &'static dyn Parameterize<f64> = custom;
    let both: [&dyn Any; 2] = [&single, &double];
    let found = both.into_iter().find_map(|p| p.downcast_ref::<&'static dyn Parameterize<T>>());
    *found.expect("elements are f32 and f64")
}

/// Makes [`Parameterization`] of the list of its variants, their names, and what implements them.
macro_rules! parameterizations {
    ($($(#[$doc:meta])* $variant:ident = $name:literal as $implementation:expr,)*) => {
        /// How the weights of a layer are computed from the trained parameters.
        ///
        /// ```
        /// use gmp_nn::{Mlp, Parameterization};
        /// let network = Mlp::new(2, &[8], 1, Parameterization::Geometric).build::<f64>(1)?;
        /// assert!(network.parameters.get("hidden1.angles").is_some()); // and no weights
        /// assert_eq!("WN".parse(), Ok(Parameterization::WeightNorm));
        /// assert_eq!(Parameterization::Standard.to_string(), "SP");
        /// # Ok::<(), gmp_nn::Error>(())
        /// ```
        #[derive(Debug, Clone, Copy)]
        pub enum Parameterization {
            $($(#[$doc])* $variant,)*
            /// A user-defined one: a reference to any [`Parameterize`]. It is written by its name, and cannot be read
            /// back, since the name does not contain its code.
            Custom(&'static dyn CustomParameterization),
        }

        impl Parameterization {
            /// All parameterizations of this crate, in the paper's order.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The paper's short name.
            ///
            /// ```
            /// # use gmp_nn::Parameterization;
            /// assert_eq!(Parameterization::ALL.map(Parameterization::name), ["SP", "WN", "GmP"]);
            /// ```
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Custom(custom) => Parameterize::<f64>::name(custom),
                }
            }

            /// What implements it, with the options that geometric layers have.
            pub(crate) fn with<T: Element>(self, options: &GeometricOptions) -> &dyn Parameterize<T> {
                match self {
                    $(Self::$variant => {
                        let implementation: fn(&GeometricOptions) -> &dyn Parameterize<T> = $implementation;
                        implementation(options)
                    })*
                    Self::Custom(custom) => for_precision(custom),
                }
            }
        }
    };
}

parameterizations! {
    /// SP: the weights and biases themselves.
    Standard = "SP" as |_| &standard::Standard,
    /// WN: a direction vector of any length, and a length (Salimans & Kingma 2016).
    WeightNorm = "WN" as |_| &weight_norm::WeightNorm,
    /// GmP: hyperspherical angles, offset and radius (Chen & Ge 2024).
    Geometric = "GmP" as |options| options,
}

impl Parameterization {
    /// "SP, WN or GmP".
    pub(crate) fn names() -> String {
        let [others @ .., last] = Self::ALL.map(Self::name);
        format!("{} or {last}", others.join(", "))
    }
}

/// Custom parameterizations are equal if their `Debug` outputs are: the same type with the same options.
impl PartialEq for Parameterization {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Custom(a), Self::Custom(b)) => format!("{a:?}") == format!("{b:?}"),
            _ => {
                self.name() == other.name()
                    && !matches!((self, other), (Self::Custom(_), _) | (_, Self::Custom(_)))
            }
        }
    }
}
impl Eq for Parameterization {}

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

impl Serialize for Parameterization {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Parameterization {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
