//! Layers: immutable descriptions that read their numbers through slots.

mod flatten;
mod normalization;
mod pool;
mod residual;
mod units;

pub(crate) use flatten::Flatten;
pub use normalization::NormalizationLayer;
pub(crate) use pool::{GlobalAveragePool, MaxPool};
pub(crate) use residual::Residual;
pub use units::UnitLayer;

use crate::kernel::conv::Window;
use crate::{Element, Features, Forward};
use gmp_autograd::Var;
use std::fmt::Debug;
use std::ops::Range;

/// One layer of a network.
///
/// A layer of your own declares its parameters through [`NetworkBuilder::own`](crate::NetworkBuilder::own), which
/// adds it to a network:
///
/// ```
/// use gmp_autograd::{Var, op};
/// use gmp_nn::{Dense, Element, Features, Forward, Layer, Network, Parameterization, Role, Slot};
///
/// /// Multiplies every feature by a factor that is learned.
/// #[derive(Debug)]
/// struct Gate {
///     factor: Slot,
/// }
///
/// impl<T: Element> Layer<T> for Gate {
///     fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
///         let factor = pass.parameter(self.factor);
///         op::mul_row(pass.tape, x, factor)
///     }
/// }
///
/// let network = Network::<f64>::builder(Features::Vector(4))
///     .seed(1)
///     .own("gate", |declare| Ok(Gate { factor: declare.row("factor", Role::Other, 4, 1.0)? }))?
///     .layer("output", Dense::new(1, Parameterization::Standard))?
///     .build();
/// assert_eq!(network.parameters.get("gate.factor").unwrap(), [1.0; 4]);
/// # Ok::<(), gmp_nn::Error>(())
/// ```
pub trait Layer<T: Element>: Debug + Send + Sync {
    /// Maps samples×inputs to samples×outputs, or images, as (batch·height·width)×channels, to images. A layer that
    /// uses x more than once must make it [shared](Var::shared) first.
    ///
    /// # Panics
    /// If x does not have the shape that the layer was built for.
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var;

    /// The features of the output for those of the `input`; by default the same.
    fn output(&self, input: Features) -> Features {
        input
    }

    /// Projects parameters back onto their constraints after an optimizer's step, for instance vectors to length 1.
    fn after_step(&self, _parameters: &mut [T]) {}

    /// Multiplications, each with its addition, of its linear map for one sample `input`, for summaries; the default
    /// is `None`, for unknown.
    fn multiply_adds(&self, _input: Features) -> Option<u64> {
        None
    }

    /// The kind of layer and its options, for summaries; by default the name of the type.
    fn summary(&self) -> String {
        let debug = format!("{self:?}");
        let end = debug.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(debug.len());
        debug[..end].to_owned()
    }

    /// Which layer of this crate it is, for code that inspects a network: activation boundaries, folding.
    fn view(&self) -> LayerView<'_, T> {
        LayerView::Other
    }
}

/// The layers of this crate, for code that inspects a network.
///
/// ```
/// use gmp_nn::{LayerView, Mlp, Parameterization};
/// let network = Mlp::new(2, &[8], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let LayerView::Units(units) = network.layers()[0].layer.view() else { panic!("hidden1 has units") };
/// assert_eq!(units.activation().name(), "relu");
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum LayerView<'a, T> {
    /// Dense units or a convolution.
    Units(&'a UnitLayer<T>),
    /// A normalization as a separate layer.
    Normalization(&'a NormalizationLayer<T>),
    /// The maximum over a window.
    MaxPool(Window),
    /// The mean of every channel.
    GlobalAveragePool,
    /// All numbers of an image as a vector, in the order (row, column, channel).
    Flatten {
        /// Pixels of an image.
        pixels: usize,
    },
    /// `relu(main(x) + shortcut(x))`.
    Residual {
        /// One branch.
        main: &'a Chain<T>,
        /// The other; empty for the identity.
        shortcut: &'a Chain<T>,
    },
    /// A user-defined layer.
    Other,
}

/// A sequence of layers, with their names.
///
/// ```
/// use gmp_nn::{Dense, LayerView, NetworkSpec, Parameterization::Standard};
/// let spec = NetworkSpec::vector(4).residual("block", vec![Dense::new(4, Standard).into()], vec![]);
/// let network = spec.build::<f64>(1)?;
/// let LayerView::Residual { main, shortcut } = network.layers()[0].layer.view() else { panic!("a block") };
/// assert_eq!(main.layers()[0].name, "block.main1");
/// assert!(shortcut.layers().is_empty()); // the identity
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct Chain<T>(pub(crate) Vec<NamedLayer<T>>);

/// A layer in a network.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
/// let network = Mlp::new(2, &[8], 1, Parameterization::Standard).build::<f64>(1)?;
/// let output = &network.layers()[1];
/// assert_eq!((output.name.as_str(), output.layer.summary()), ("output", "dense, SP".to_owned()));
/// assert_eq!(output.parameters, 24..33); // behind the 24 of hidden1
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct NamedLayer<T> {
    /// Its name, unique in the network.
    pub name: String,
    /// The layer itself.
    pub layer: Box<dyn Layer<T>>,
    /// The range of its numbers in the network's parameters.
    pub parameters: Range<usize>,
}

impl<T: Element> Chain<T> {
    /// The layers in order.
    pub fn layers(&self) -> &[NamedLayer<T>] {
        &self.0
    }

    /// What one layer hands to the next has no other use, unless someone watches; x may have.
    pub(crate) fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let mut x = x.shared();
        for NamedLayer { name, layer, .. } in &self.0 {
            let y = layer.forward(pass, x);
            x = match &mut pass.watch {
                Some(watch) => {
                    watch(name, y);
                    y.shared()
                }
                None => y.last_use(),
            };
        }
        x.shared()
    }

    pub(crate) fn output(&self, input: Features) -> Features {
        self.0.iter().fold(input, |features, named| named.layer.output(features))
    }

    pub(crate) fn multiply_adds(&self, mut input: Features) -> Option<u64> {
        self.0.iter().try_fold(0_u64, |sum, NamedLayer { layer, .. }| {
            let own = layer.multiply_adds(input);
            input = layer.output(input);
            Some(sum.saturating_add(own?))
        })
    }

    pub(crate) fn after_step(&self, parameters: &mut [T]) {
        self.0.iter().for_each(|named| named.layer.after_step(parameters));
    }

    /// Calls `f` with every layer of units, and with the layer that its output goes to in the same chain.
    pub(crate) fn each_units<'a>(
        &'a self,
        f: &mut dyn FnMut(&'a str, &'a UnitLayer<T>, Option<&'a NormalizationLayer<T>>),
    ) {
        for (i, named) in self.0.iter().enumerate() {
            match named.layer.view() {
                LayerView::Units(units) => {
                    let behind = match self.0.get(i + 1).map(|next| next.layer.view()) {
                        Some(LayerView::Normalization(normalization)) => Some(normalization),
                        _ => None,
                    };
                    f(&named.name, units, behind);
                }
                LayerView::Residual { main, shortcut } => {
                    main.each_units(f);
                    shortcut.each_units(f);
                }
                _ => {}
            }
        }
    }
}
