//! Activation functions, which a unit applies to w·x + b.
//!
//! | activation | g(z) | slope is computed from | kinks | homogeneous | piecewise linear |
//! |---|---|---|---|---|---|
//! | `identity` | z | output | | yes | yes |
//! | `relu` | max(z, 0) | output | 0 | yes | yes |
//! | `leaky_relu` | z where z > 0, else slope·z | input | 0 | yes | yes |
//! | `absolute_value` | \|z\| | input | 0 | yes | yes |
//! | `hard_tanh` | z, at least −1 and at most 1 | output | −1, 1 | | yes |
//! | `tanh` | tanh z | output | | | |
//! | `sigmoid` | 1/(1 + e⁻ᶻ) | output | | | |
//! | `softplus` | ln(1 + eᶻ) | output | | | |
//! | `gelu` | z Φ(z), exact: Φ is the normal distribution's, by the error function | input | | | |
//! | `silu` | z/(1 + e⁻ᶻ) | input | | | |
//!
//! An activation whose slope is computed from its output can reuse its input's memory
//! ([`Tape::record_in_place`](gmp_autograd::Tape::record_in_place)). Kinks are the points where the slope jumps: for
//! a piecewise linear activation, the boundaries of a unit's linear regions. Homogeneous means g(c·z) = c·g(z) for
//! every c > 0, so that a positive scale can be moved through the activation.
//!
//! Every function gives the same bits on every machine, returns NaN for NaN, and its limits at ±∞.
//!
//! [`Activation`] is the value that layers and operations take. An activation of your own implements [`Pointwise`]
//! and is used as [`Activation::Custom`]. To add one to this crate takes a file, and a line in each of the three
//! lists of [`Activation`]: variants, [`ALL`](Activation::ALL), and `resolve`.

mod absolute_value;
mod custom;
mod gelu;
mod hard_tanh;
mod identity;
mod leaky_relu;
mod relu;
mod sigmoid;
mod silu;
mod softplus;
mod tanh;
#[cfg(test)]
mod tests;

pub use absolute_value::AbsoluteValue;
pub use custom::CustomActivation;
pub(crate) use custom::record;
pub use gelu::Gelu;
pub use hard_tanh::HardTanh;
pub use identity::Identity;
pub use leaky_relu::LeakyRelu;
pub use relu::Relu;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use softplus::Softplus;
pub use tanh::Tanh;

use crate::Error;
use gmp_math::Scalar;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Debug};

/// A function of one number, with its slope.
///
/// Implement it for a type of your own and pass that to layers and operations as [`Activation::Custom`], which takes
/// a `'static` reference: to a constant, or by [`Box::leak`] to a value whose parameters are known only at run time.
/// Mark both functions `#[inline(always)]`: they are then compiled for the widest vectors of the machine.
///
/// ```
/// use gmp_math::Scalar;
/// use gmp_nn::activation::{Activation, Pointwise, Reads};
///
/// /// max(z, 0)².
/// #[derive(Debug, Clone, Copy, PartialEq)]
/// struct SquaredRelu;
///
/// impl Pointwise for SquaredRelu {
///     const NAME: &'static str = "squared_relu";
///     const READS: Reads = Reads::Input;
///     const HOMOGENEOUS: bool = false;
///     const KINKS: &'static [f64] = &[];
///     #[inline(always)]
///     fn value<T: Scalar>(self, z: T) -> T {
///         if z < T::ZERO { T::ZERO } else { z * z }
///     }
///     #[inline(always)]
///     fn slope<T: Scalar>(self, z: T) -> T {
///         if z < T::ZERO { T::ZERO } else { z + z }
///     }
/// }
///
/// let activation = Activation::Custom(&SquaredRelu);
/// assert_eq!((activation.value(3.0_f32), activation.slope(3.0_f32)), (9.0, 6.0));
/// assert_eq!(activation.to_string(), "squared_relu");
/// ```
pub trait Pointwise: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// Its name for users, which is also the name of its operation on a tape.
    const NAME: &'static str;
    /// The argument that [`slope`](Pointwise::slope) receives.
    const READS: Reads;
    /// Whether g(c·z) = c·g(z) for every c > 0.
    const HOMOGENEOUS: bool;
    /// Whether g is linear between its kinks. A homogeneous function always is, with at most one kink, at 0.
    const PIECEWISE_LINEAR: bool = Self::HOMOGENEOUS;
    /// Where the slope jumps, in ascending order.
    const KINKS: &'static [f64];
    /// g(z).
    fn value<T: Scalar>(self, z: T) -> T;
    /// dg/dz, from the number that [`READS`](Pointwise::READS) names: z itself, or g(z).
    fn slope<T: Scalar>(self, read: T) -> T;
}

/// The number that the slope of an activation is computed from.
///
/// ```
/// use gmp_nn::activation::{Gelu, Pointwise, Reads, Relu};
/// assert_eq!(Relu::READS, Reads::Output); // the output is positive exactly where the input is
/// assert_eq!(Gelu::READS, Reads::Input);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The activation's input z. The backward pass then needs both the input and the output in memory.
    Input,
    /// The activation's output g(z), which can then reuse the memory of the input.
    Output,
}

/// The function applied after the linear map of a layer.
///
/// Its names in files, in [`Display`](fmt::Display) and in [`FromStr`](std::str::FromStr) are those of the table in
/// the [module's documentation](self). A leaky ReLU is written with its slope: `{"leaky_relu":{"slope":0.01}}` in
/// files, `leaky_relu(0.01)` as text. A custom one is written as `{"custom":"name"}` and cannot be read back, since
/// the name does not contain its code.
///
/// ```
/// use gmp_nn::Activation;
///
/// assert_eq!(Activation::HardTanh.value(3.0), 1.0);
/// assert_eq!(Activation::HardTanh.slope(0.5), 1.0);
/// assert_eq!(Activation::HardTanh.kinks(), [-1.0, 1.0]);
/// assert_eq!("leaky_relu(0.1)".parse(), Ok(Activation::LeakyRelu { slope: 0.1 }));
/// assert_eq!(serde_json::to_string(&Activation::Relu)?, "\"relu\"");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Activation {
    /// z.
    Identity,
    /// max(z, 0), with slope 0 at 0.
    Relu,
    /// z where z > 0, else slope·z.
    LeakyRelu {
        /// The factor of negative numbers, also the slope at 0.
        slope: f64,
    },
    /// |z|, with slope 0 at 0.
    AbsoluteValue,
    /// z, at least −1 and at most 1, with slope 0 at both.
    HardTanh,
    /// tanh z.
    Tanh,
    /// 1/(1 + e⁻ᶻ).
    Sigmoid,
    /// ln(1 + eᶻ).
    Softplus,
    /// z Φ(z) with the distribution function Φ of the standard normal distribution; not the approximation by tanh.
    Gelu,
    /// z/(1 + e⁻ᶻ), also called swish.
    Silu,
    /// A user-defined one: a reference to any [`Pointwise`].
    #[serde(with = "custom::by_name")]
    Custom(&'static dyn CustomActivation),
}

/// An activation as an object.
#[derive(Clone, Copy)]
pub(crate) enum Resolved {
    /// One that lives as long as the program, as the rules on a tape do.
    Static(&'static dyn CustomActivation),
    /// The one whose number is not known when the program is compiled.
    Leaky(LeakyRelu),
}

impl std::ops::Deref for Resolved {
    type Target = dyn CustomActivation;
    fn deref(&self) -> &Self::Target {
        match self {
            Self::Static(activation) => *activation,
            Self::Leaky(activation) => activation,
        }
    }
}

impl Activation {
    /// All activations of this crate; the leaky ReLU has PyTorch's default slope, 0.01.
    pub const ALL: [Self; 10] = [
        Self::Identity,
        Self::Relu,
        Self::LeakyRelu { slope: 0.01 },
        Self::AbsoluteValue,
        Self::HardTanh,
        Self::Tanh,
        Self::Sigmoid,
        Self::Softplus,
        Self::Gelu,
        Self::Silu,
    ];

    /// The implementation of each variant.
    pub(crate) fn resolve(self) -> Resolved {
        Resolved::Static(match self {
            Self::Identity => &Identity,
            Self::Relu => &Relu,
            Self::LeakyRelu { slope } => return Resolved::Leaky(LeakyRelu { slope }),
            Self::AbsoluteValue => &AbsoluteValue,
            Self::HardTanh => &HardTanh,
            Self::Tanh => &Tanh,
            Self::Sigmoid => &Sigmoid,
            Self::Softplus => &Softplus,
            Self::Gelu => &Gelu,
            Self::Silu => &Silu,
            Self::Custom(activation) => activation,
        })
    }

    /// Its name, without parameters.
    ///
    /// ```
    /// # use gmp_nn::Activation;
    /// assert_eq!(Activation::Relu.name(), "relu");
    /// assert_eq!(Activation::LeakyRelu { slope: 0.1 }.name(), "leaky_relu");
    /// ```
    pub fn name(self) -> &'static str {
        self.resolve().name()
    }

    /// g(z).
    ///
    /// ```
    /// # use gmp_nn::Activation;
    /// assert_eq!(Activation::Relu.value(-3.0_f32), 0.0); // in the precision of its argument
    /// assert_eq!(Activation::Sigmoid.value(0.0_f64), 0.5);
    /// ```
    pub fn value<T: Scalar>(self, z: T) -> T {
        custom::map(z, |z| self.resolve().value_f32(z), |z| self.resolve().value_f64(z))
    }

    /// dg/dz at z; at a kink, the slope that the backward pass takes there.
    pub fn slope<T: Scalar>(self, z: T) -> T {
        custom::map(z, |z| self.resolve().slope_f32(z), |z| self.resolve().slope_f64(z))
    }

    /// The points where the slope jumps, in ascending order, which are those where a unit switches between its linear
    /// pieces. Empty for smooth activations.
    ///
    /// ```
    /// # use gmp_nn::Activation;
    /// assert_eq!(Activation::Relu.kinks(), [0.0]);
    /// assert_eq!(Activation::HardTanh.kinks(), [-1.0, 1.0]);
    /// assert!(Activation::Tanh.kinks().is_empty());
    /// ```
    pub fn kinks(self) -> &'static [f64] {
        self.resolve().kinks()
    }

    /// Whether g(c·z) = c·g(z) for every c > 0, so that a positive scale can be moved through it.
    ///
    /// ```
    /// # use gmp_nn::Activation;
    /// assert_eq!(Activation::Relu.value(2.0 * 3.0), 2.0 * Activation::Relu.value(3.0));
    /// assert!(Activation::Relu.is_homogeneous());
    /// assert!(!Activation::Tanh.is_homogeneous());
    /// ```
    pub fn is_homogeneous(self) -> bool {
        self.resolve().is_homogeneous()
    }

    /// Whether it is linear between its kinks.
    ///
    /// ```
    /// # use gmp_nn::Activation;
    /// let linear = Activation::ALL.into_iter().filter(|activation| activation.is_piecewise_linear());
    /// let names: Vec<_> = linear.map(Activation::name).collect();
    /// assert_eq!(names, ["identity", "relu", "leaky_relu", "absolute_value", "hard_tanh"]);
    /// ```
    pub fn is_piecewise_linear(self) -> bool {
        self.resolve().is_piecewise_linear()
    }
}

/// Custom activations are equal if their types and values are.
impl PartialEq for Activation {
    fn eq(&self, other: &Self) -> bool {
        self.resolve().equals(&*other.resolve())
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeakyRelu { slope } => f.pad(&format!("{}({slope})", self.name())),
            _ => f.pad(self.name()),
        }
    }
}

impl std::str::FromStr for Activation {
    type Err = Error;

    /// Reads what [`Display`](fmt::Display) writes; a leaky ReLU without a slope has that of [`Activation::ALL`].
    fn from_str(text: &str) -> Result<Self, Error> {
        let slope = text.strip_prefix("leaky_relu(").and_then(|rest| rest.strip_suffix(')'));
        if let Some(slope) =
            slope.and_then(|slope| slope.parse().ok()).filter(|slope: &f64| slope.is_finite())
        {
            return Ok(Self::LeakyRelu { slope });
        }
        let found = Self::ALL.into_iter().find(|activation| activation.name() == text);
        found.ok_or_else(|| Error::UnknownActivation { name: text.to_owned() })
    }
}

/// "identity, relu, … or silu".
pub(crate) fn names() -> String {
    let [others @ .., last] = Activation::ALL.map(Activation::name);
    format!("{} or {last}", others.join(", "))
}
