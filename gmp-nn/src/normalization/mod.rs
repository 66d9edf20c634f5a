//! Normalizations: inside a layer of units, or as separate layers.
//!
//! | | in training | in evaluation | trained |
//! |---|---|---|---|
//! | [`Batch`](Normalization::Batch) | γ (z − μ)/√(σ² + ϵ) + β over the batch | the same with running μ, σ² | γ, β |
//! | [`BatchMean`](Normalization::BatchMean) | z − μ over the batch | the same with the running μ | |
//! | [`InputMean`](Normalization::InputMean) | x − μ of the layer's inputs | the same with the running μ | |
//! | [`Layer`](Normalization::Layer) | γ (z − μ)/√(σ² + ϵ) + β over each row | the same | γ, β |
//!
//! In a layer of units a normalization is between the linear map and the activation, `g(N(x·w + b))`, except for
//! normalizations of the input ([`Placement::Input`]), `g(N(x)·w + b)`. It can be combined with any parameterization
//! and any activation.
//!
//! To add one to this crate takes a file here, its `mod` and its line in the list below. A user-defined one
//! implements [`Normalize`] and is used as [`Normalization::Custom`].

mod batch;
mod batch_mean;
mod input_mean;
mod layer;
mod running;

pub use batch::BatchNorm;
pub use batch_mean::BatchMean;
pub use input_mean::InputMean;
pub use layer::LayerNorm;
pub use running::Running;

use crate::op::Activation;
use crate::{Boundaries, Declare, Element, Error, Forward, Role, Slot};
use gmp_autograd::Var;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::any::Any;
use std::fmt::{self, Debug};

/// The momentum of running statistics: Keras' default, which the authors use.
pub const MOMENTUM: f64 = 0.99;
/// The number ϵ that is added to a variance before taking its square root: Keras' default.
pub const EPSILON: f64 = 1e-3;

/// A kind of normalization: declares its parameters and buffers, and returns a [`Normalizer`] that uses them.
///
/// ```
/// use gmp_autograd::{Var, op as basic};
/// use gmp_nn::normalization::{Normalize, Normalizer};
/// use gmp_nn::{Activation, Declare, Element, Error, Forward, Mlp, Normalization, Parameterization, Role, Slot, op};
///
/// /// Multiplies every unit by a gain, and that is all.
/// #[derive(Debug)]
/// struct Gain;
///
/// impl<T: Element> Normalize<T> for Gain {
///     fn name(&self) -> &'static str {
///         "gain"
///     }
///     fn declare(&self, columns: usize, declare: &mut Declare<'_, T>) -> Result<Box<dyn Normalizer<T>>, Error> {
///         Ok(Box::new(Gained { gain: declare.row("gain", Role::Gain, columns, T::ONE)? }))
///     }
/// }
///
/// #[derive(Debug)]
/// struct Gained {
///     gain: Slot,
/// }
///
/// impl<T: Element> Normalizer<T> for Gained {
///     fn on_tape(&self, pass: &mut Forward<'_, T>, z: Var, activation: Activation) -> Var {
///         let gain = pass.parameter(self.gain);
///         let y = basic::mul_row(pass.tape, z, gain);
///         op::activation(pass.tape, y, activation)
///     }
/// }
///
/// let mlp = Mlp::new(3, &[16], 1, Parameterization::Geometric).normalization(Normalization::Custom(&Gain));
/// assert!(mlp.build::<f64>(1)?.parameters.get("hidden1.gain").is_some());
/// # Ok::<(), Error>(())
/// ```
pub trait Normalize<T: Element>: Debug + Send + Sync {
    /// The name in summaries, errors and files.
    fn name(&self) -> &'static str;

    /// Its place in a layer of units.
    fn placement(&self) -> Placement {
        Placement::PreActivation
    }

    /// Declares a normalizer for matrices with `columns` columns: features, units or channels.
    ///
    /// # Errors
    /// If that is not possible, for instance for lack of memory.
    fn declare(&self, columns: usize, declare: &mut Declare<'_, T>) -> Result<Box<dyn Normalizer<T>>, Error>;
}

/// The place of a normalization in a layer of units.
///
/// ```
/// use gmp_nn::normalization::{BatchNorm, InputMean, Normalize, Placement};
/// let placement = |normalization: &dyn Normalize<f64>| normalization.placement();
/// assert_eq!(placement(&BatchNorm::default()), Placement::PreActivation);
/// assert_eq!(placement(&InputMean::default()), Placement::Input);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Between the linear map and the activation.
    PreActivation,
    /// Before the linear map.
    Input,
}

/// A normalization of one layer, with its parameters and buffers; [`Normalize`] has an example.
pub trait Normalizer<T: Element>: Debug + Send + Sync {
    /// `g(N(z))` with the statistics of this batch. A normalizer with running statistics updates them here, through
    /// [`Forward::split`], and names them in [`Normalizer::running`].
    fn on_tape(&self, pass: &mut Forward<'_, T>, z: Var, activation: Activation) -> Var;

    /// The map in evaluation mode, for a normalizer with running statistics: the same affine map for every sample. If
    /// there is none, [`Normalizer::on_tape`] is used in evaluation too.
    fn running(&self) -> Option<Running> {
        None
    }

    /// Replaces the (w, b) of units, whose outputs w·x + b it normalizes, by those of the hyperplanes where the input
    /// of its activation is `value`, as far as there are such hyperplanes.
    fn place_boundaries(&self, parameters: &[T], buffers: &[T], value: T, boundaries: &mut Boundaries<T>) {
        match self.running() {
            Some(running) => running.place_boundaries(parameters, buffers, value, boundaries),
            None => boundaries.offsets.iter_mut().for_each(|offset| *offset -= value),
        }
    }
}

/// `g(N(z))`: the one place that decides between the batch's statistics and the running ones.
pub(crate) fn apply<T: Element>(
    normalizer: &dyn Normalizer<T>,
    pass: &mut Forward<'_, T>,
    z: Var,
    activation: Activation,
) -> Var {
    match normalizer.running() {
        Some(running) if !pass.is_training() => running.on_tape(pass, z, activation),
        _ => normalizer.on_tape(pass, z, activation),
    }
}

/// A user-defined normalization, for networks in single and in double precision: any type that implements
/// [`Normalize`] for both.
pub trait CustomNormalization: Normalize<f32> + Normalize<f64> + Any {}
impl<N: Normalize<f32> + Normalize<f64> + Any> CustomNormalization for N {}

/// The normalization as an object for one precision.
fn for_precision<T: Element>(custom: &'static dyn CustomNormalization) -> &'static dyn Normalize<T> {
    let single: &'static dyn Normalize<f32> = custom;
    let double: &'static dyn Normalize<f64> = custom;
    let both: [&dyn Any; 2] = [&single, &double];
    let found = both.into_iter().find_map(|n| n.downcast_ref::<&'static dyn Normalize<T>>());
    *found.expect("elements are f32 and f64")
}

/// Makes [`Normalization`] of the list of its variants and their options.
macro_rules! normalizations {
    ($($(#[$doc:meta])* $variant:ident($options:ident),)*) => {
        /// The normalization in a layer of units, or in a separate layer.
        ///
        /// ```
        /// use gmp_nn::normalization::{BatchNorm, Normalization};
        /// let normalization = Normalization::Batch(BatchNorm { momentum: 0.9, ..Default::default() });
        /// let json = serde_json::to_string(&normalization)?;
        /// assert_eq!(json, r#"{"batch":{"epsilon":0.001,"momentum":0.9,"affine":true}}"#);
        /// assert_eq!(serde_json::from_str::<Normalization>(r#"{"batch":{"momentum":0.9}}"#)?, normalization);
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Normalization {
            /// No normalization.
            #[default]
            None,
            $($(#[$doc])* $variant($options),)*
            /// A user-defined one: a reference to any [`Normalize`]. It is written by its name, and cannot be read
            /// back, since the name does not contain its code.
            #[serde(serialize_with = "write_name", deserialize_with = "refuse")]
            Custom(&'static dyn CustomNormalization),
        }

        impl Normalization {
            /// What implements it; `None` for none.
            pub(crate) fn implementation<T: Element>(&self) -> Option<&dyn Normalize<T>> {
                match self {
                    Self::None => None,
                    $(Self::$variant(options) => Some(options),)*
                    Self::Custom(custom) => Some(for_precision(*custom)),
                }
            }
        }

        $(impl From<$options> for Normalization {
            fn from(options: $options) -> Self {
                Self::$variant(options)
            }
        })*
    };
}

normalizations! {
    /// BN: normalizes every column to mean 0 and variance 1 over the batch, then applies a gain and a shift (Ioffe &
    /// Szegedy 2015).
    Batch(BatchNorm),
    /// MBN: subtracts from every column its mean over the batch (Salimans & Kingma 2016).
    BatchMean(BatchMean),
    /// IMN: subtracts from every column of the layer's input its mean over the batch (Chen & Ge 2024).
    InputMean(InputMean),
    /// LN: normalizes every row to mean 0 and variance 1 (Ba, Kiros & Hinton 2016).
    Layer(LayerNorm),
}

impl Normalization {
    /// Batch normalization with Keras' defaults.
    ///
    /// ```
    /// # use gmp_nn::normalization::{BatchNorm, Normalization};
    /// let keras = BatchNorm { epsilon: 1e-3, momentum: 0.99, affine: true };
    /// assert_eq!(Normalization::batch(), Normalization::Batch(keras));
    /// ```
    pub fn batch() -> Self {
        BatchNorm::default().into()
    }
    /// Mean-only batch normalization with Keras' momentum.
    pub fn batch_mean() -> Self {
        BatchMean::default().into()
    }
    /// Input mean normalization with Keras' momentum.
    pub fn input_mean() -> Self {
        InputMean::default().into()
    }
    /// Layer normalization with Keras' ϵ, without gain and shift.
    ///
    /// ```
    /// # use gmp_nn::normalization::{LayerNorm, Normalization};
    /// assert_eq!(Normalization::layer(), Normalization::Layer(LayerNorm { epsilon: 1e-3, affine: false }));
    /// ```
    pub fn layer() -> Self {
        LayerNorm::default().into()
    }
    /// The name in summaries and errors: `"batch_norm"`.
    ///
    /// ```
    /// # use gmp_nn::Normalization;
    /// let all = [Normalization::None, Normalization::batch(), Normalization::batch_mean()];
    /// assert_eq!(all.map(|normalization| normalization.name()), ["none", "batch_norm", "batch_mean"]);
    /// ```
    pub fn name(&self) -> &'static str {
        self.implementation::<f64>().map_or("none", |n| n.name())
    }
    /// Whether there is no normalization.
    ///
    /// ```
    /// # use gmp_nn::{Dense, Normalization, Parameterization};
    /// let dense = Dense::new(8, Parameterization::Standard);
    /// assert!(dense.normalization.is_none()); // the default
    /// assert!(!dense.normalization(Normalization::batch()).normalization.is_none());
    /// ```
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// Normalizations are equal if their `Debug` outputs are: the same kind with the same options.
impl PartialEq for Normalization {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn write_name<S: Serializer>(custom: &&'static dyn CustomNormalization, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(Normalize::<f64>::name(*custom))
}

fn refuse<'de, D: Deserializer<'de>>(from: D) -> Result<&'static dyn CustomNormalization, D::Error> {
    let name = String::deserialize(from)?;
    Err(serde::de::Error::custom(format!(
        "the normalization {name:?} is from outside gmp-nn and cannot be read: build the network in code"
    )))
}

/// Declares a gain of 1 and a shift of 0 per column, where a normalization has them.
fn gain_and_shift<T: Element>(
    are_wanted: bool,
    columns: usize,
    declare: &mut Declare<'_, T>,
) -> Result<Option<(Slot, Slot)>, Error> {
    if !are_wanted {
        return Ok(None);
    }
    let gain = declare.row("gain", Role::Gain, columns, T::ONE)?;
    Ok(Some((gain, declare.row("shift", Role::Shift, columns, T::ZERO)?)))
}
