//! Networks as the `state_dict` of a PyTorch module, with PyTorch's names and layouts.
//!
//! The tensors of PyTorch's `Linear`, `Conv2d`, `BatchNorm1d`, `BatchNorm2d` and `LayerNorm` are converted to dense
//! layers, convolutions and their normalizations, and back: weights `units × inputs` and
//! `filters × channels × rows × columns`, biases, running statistics. [`Naming`] chooses the names of the modules.
//! Convert networks in other parameterizations to standard weights with
//! [`fold::to_standard`](gmp_nn::fold::to_standard) first, and networks that were read to geometric ones with
//! [`fold::to_geometric`](gmp_nn::fold::to_geometric): the function stays the same.
//!
//! ```
//! use gmp_train::safetensors::pytorch::{self, Naming};
//! use gmp_train::{Mlp, Parameterization, fold, safetensors};
//!
//! // nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1))
//! let network = Mlp::new(3, &[5], 1, Parameterization::Geometric).build::<f32>(1)?;
//! let bytes = pytorch::to_bytes(&fold::to_standard(&network)?, Naming::Sequential)?;
//! // In Python: sequential.load_state_dict(safetensors.torch.load(bytes))
//!
//! let mut plain = Mlp::new(3, &[5], 1, Parameterization::Standard).build::<f32>(2)?;
//! pytorch::from_bytes(&mut plain, &bytes, Naming::Sequential)?;
//! let geometric = fold::to_geometric(&plain)?;
//! assert_eq!(geometric.unit_layers(), network.unit_layers());
//!
//! // A file that was written here says itself what it is.
//! assert_eq!(safetensors::network_from_bytes::<f32>(&bytes)?.parameters, plain.parameters);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::file::{self, Opened};
use super::layout::{Layout, Order, Presence, Store, Tensor};
use super::{description, of_file};
use crate::checkpoint::{CheckpointError, Problem, write_content};
use gmp_nn::layer::{Chain, NamedLayer};
use gmp_nn::{Activation, Element, LayerView, Linear, Network};
use std::collections::BTreeMap;
use std::path::Path;

/// The names of the modules of a PyTorch network.
#[derive(Clone, Copy)]
pub enum Naming<'a> {
    /// The names of the layers in this library: `hidden1` with `hidden1.weight` and `hidden1.bias`. A normalization
    /// inside a layer of units is called `hidden1_norm`.
    Layers,
    /// Their position in an `nn.Sequential`, from 0, in which every normalization, activation and pool is a separate
    /// module: `0.weight`, `2.weight`. Global average pooling is two modules, `nn.AdaptiveAvgPool2d(1)` and
    /// `nn.Flatten()`. Residual blocks are not supported.
    Sequential,
    /// The names of torchvision's VGGs: positions in `features` up to [`LayerSpec::Flatten`](gmp_nn::LayerSpec) and
    /// in `classifier` after it, where every dense layer is followed by a dropout: `features.0`, …, `classifier.0`,
    /// `classifier.3`, `classifier.6`. Their `avgpool` does nothing for images of 224×224 pixels, whose features are
    /// 7×7 there, and is left out.
    Vgg,
    /// The names of torchvision's ResNets with two convolutions per block, for
    /// [`zoo::resnet18`](gmp_nn::zoo::resnet18): `conv1`, `bn1`, `layer1.0.conv1`, …, `layer2.0.downsample.0`, …,
    /// `fc`.
    ResNet,
    /// Given by a function of the name of a layer and the part of it; `None` if there is no such module.
    Custom(&'a dyn Fn(&str, Part) -> Option<String>),
}

/// The parts of a layer of units in PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `Linear` or `Conv2d`.
    Linear,
    /// `BatchNorm1d`, `BatchNorm2d` or `LayerNorm`, inside a layer of units or as a separate layer.
    Normalization,
}

/// The modules of every layer: that of its weights, and that of its normalization.
pub(super) type Modules = BTreeMap<String, [Option<String>; 2]>;

/// Writes the network as a `state_dict`, atomically, with the metadata of [`export`](super::export).
///
/// No bias is written before a batch normalization, as in most networks of PyTorch (`bias=False`): it is absorbed by
/// the running mean.
///
/// # Errors
/// If a layer does not have standard weights, a normalization does not exist in PyTorch (only batch and layer
/// normalization do), a layer has no name, or if the operating system refuses.
pub fn export<T: Element>(
    network: &Network<T>,
    file: &Path,
    naming: Naming<'_>,
) -> Result<(), CheckpointError> {
    write_content(file, to_bytes(network, naming))
}

/// Reads the `state_dict` of a PyTorch module into a network of the same layers; single and double precision are
/// converted to its own. A `bias` that is not in the file is zero, and `num_batches_tracked` is skipped.
///
/// The constants of normalizations are not part of the file. PyTorch's are an ϵ of 1e-5 and, in this library's
/// convention, a momentum of 0.9:
///
/// ```
/// use gmp_train::normalization::BatchNorm;
/// use gmp_train::safetensors::pytorch::{self, Naming};
/// use gmp_train::zoo::{Variant, resnet18};
/// use gmp_train::Parameterization;
///
/// // torchvision.models.resnet18(num_classes=10)
/// let batch_norm = BatchNorm { epsilon: 1e-5, momentum: 0.9, affine: true };
/// let variant = Variant::new(Parameterization::Standard).normalization(batch_norm);
/// let mut network = resnet18(&variant, 10).build::<f32>(1)?;
/// let file = std::path::Path::new("resnet18.safetensors"); // safetensors.torch.save_file(model.state_dict(), …)
/// let result = pytorch::import(&mut network, file, Naming::ResNet);
/// assert!(result.unwrap_err().to_string().starts_with("resnet18.safetensors: cannot read")); // there is none here
/// # Ok::<(), gmp_train::gmp_nn::Error>(())
/// ```
///
/// # Errors
/// As [`import`](super::import) and [`export`]. The network is then unchanged.
pub fn import<T: Element>(
    network: &mut Network<T>,
    file: &Path,
    naming: Naming<'_>,
) -> Result<(), CheckpointError> {
    of_file(file, |open, length| {
        let layout = layout(network, naming)?.0;
        Opened::new(open, length, layout.longest_header())?.read_into(network, &layout)
    })
}

/// The content of the file that [`export`] writes.
///
/// # Errors
/// As [`export`].
pub fn to_bytes<T: Element>(network: &Network<T>, naming: Naming<'_>) -> Result<Vec<u8>, Problem> {
    let (layout, modules) = layout(network, naming)?;
    file::write(&without_biases(network, &layout), &layout, &description::of(network, Some(&modules)))
}

/// Reads the content of a file, as [`import`] does.
///
/// # Errors
/// As [`import`].
pub fn from_bytes<T: Element>(
    network: &mut Network<T>,
    bytes: &[u8],
    naming: Naming<'_>,
) -> Result<(), Problem> {
    let layout = layout(network, naming)?.0;
    Opened::new(bytes, bytes.len() as u64, layout.longest_header())?.read_into(network, &layout)
}

/// The same function with the biases that are not written as parts of running means: z + b less μ is z less μ − b.
fn without_biases<T: Element>(network: &Network<T>, layout: &Layout) -> Network<T> {
    let mut network = network.clone();
    for tensor in layout.tensors.iter().filter(|tensor| tensor.presence == Presence::NotWritten) {
        let entry = network.parameters.entries().iter().find(|entry| entry.slot == tensor.slot);
        let name =
            entry.and_then(|entry| entry.name.strip_suffix("bias")).expect("only biases are not written");
        let mean = format!("{name}running_mean");
        let bias = tensor.slot.of(network.parameters.values()).to_vec();
        let mean = network.buffers.get_mut(&mean).expect("a batch normalization has a running mean");
        mean.iter_mut().zip(&bias).for_each(|(mean, &bias)| *mean -= bias);
    }
    network
}

/// The tensors of the network's `state_dict`, and the modules that they belong to.
pub(super) fn layout<T: Element>(
    network: &Network<T>,
    naming: Naming<'_>,
) -> Result<(Layout, Modules), Problem> {
    let layout = Layout { tensors: Vec::new(), ignored: Vec::new() };
    let mut builder = Builder {
        network,
        naming,
        position: 0,
        is_flat: false,
        flattened: None,
        layout,
        modules: Modules::new(),
    };
    builder.layers(network.layers())?;
    Ok((builder.layout, builder.modules))
}

struct Builder<'a, T> {
    network: &'a Network<T>,
    naming: Naming<'a>,
    /// Of the next module, in an `nn.Sequential`.
    position: usize,
    /// Whether images became vectors.
    is_flat: bool,
    /// Pixels of the images whose flattened numbers flow into the next layer: PyTorch has them in another order.
    flattened: Option<usize>,
    layout: Layout,
    modules: Modules,
}

const FLATTENED: &str = "PyTorch has the numbers of a flattened image in another order, so that only dense units may come behind it";
const NO_STANDARD_WEIGHTS: &str =
    "it has parameters that no module of PyTorch has; gmp_nn::fold::to_standard makes standard weights";

impl<T: Element> Builder<'_, T> {
    fn layers(&mut self, layers: &[NamedLayer<T>]) -> Result<(), Problem> {
        for NamedLayer { name, layer, .. } in layers {
            let view = layer.view();
            if self.flattened.is_some() && !matches!(view, LayerView::Units(_)) {
                return no_module(name, FLATTENED);
            }
            match view {
                LayerView::Flatten { pixels } => {
                    self.skip(1);
                    self.flattened = Some(pixels);
                    if matches!(self.naming, Naming::Vgg) {
                        self.position = 0;
                    }
                    self.is_flat = true;
                }
                LayerView::Units(units) => {
                    self.linear(name, units.linear(), units.is_batch_normalized())?;
                    if units.is_normalized() {
                        self.normalization(name)?;
                    }
                    self.skip(usize::from(units.activation() != Activation::Identity));
                    // Behind each but the last of its dense layers, torchvision has a dropout.
                    self.skip(usize::from(matches!(self.naming, Naming::Vgg) && self.is_flat));
                }
                LayerView::Normalization(normalization) => {
                    self.normalization(name)?;
                    self.skip(usize::from(normalization.activation() != Activation::Identity));
                }
                LayerView::MaxPool(_) => self.skip(1),
                LayerView::GlobalAveragePool => self.skip(2),
                LayerView::Residual { .. } if matches!(self.naming, Naming::Sequential | Naming::Vgg) => {
                    return no_module(name, "a residual block is no module of an nn.Sequential");
                }
                LayerView::Residual { main, shortcut } => {
                    [main, shortcut]
                        .into_iter()
                        .try_for_each(|branch: &Chain<T>| self.layers(branch.layers()))?;
                }
                _ => return no_module(name, "it is a layer from outside gmp-nn"),
            }
            self.check(name)?;
        }
        match layers.last() {
            Some(last) if self.flattened.is_some() => no_module(&last.name, FLATTENED),
            _ => Ok(()),
        }
    }

    fn skip(&mut self, modules: usize) {
        self.position += modules;
    }

    /// The name of the next module.
    fn module(&mut self, layer: &str, part: Part) -> Result<String, Problem> {
        let name = match self.naming {
            Naming::Layers if part == Part::Normalization && self.modules.contains_key(layer) => {
                Some(format!("{layer}_norm"))
            }
            Naming::Layers => Some(layer.to_owned()),
            Naming::Sequential => Some(self.position.to_string()),
            Naming::Vgg => {
                Some(format!("{}.{}", if self.is_flat { "classifier" } else { "features" }, self.position))
            }
            Naming::ResNet => of_resnet(layer, part),
            Naming::Custom(name) => name(layer, part),
        };
        self.position += 1;
        let Some(name) = name else { return no_module(layer, "the naming has no module for it") };
        if self.modules.values().flatten().flatten().any(|taken| *taken == name) {
            return no_module(layer, &format!("its module {name} is that of another layer"));
        }
        self.modules.entry(layer.to_owned()).or_default()[part as usize] = Some(name.clone());
        Ok(name)
    }

    fn linear(&mut self, layer: &str, linear: Linear, is_batch_normalized: bool) -> Result<(), Problem> {
        let module = self.module(layer, Part::Linear)?;
        let Some(weights) = self.network.parameters.entry(&format!("{layer}.weights")) else {
            return no_module(layer, NO_STANDARD_WEIGHTS);
        };
        let (order, shape) = match linear {
            Linear::Dense => {
                let order = match self.flattened.take() {
                    Some(pixels) => Order::ChannelsFirst { pixels, channels: weights.slot.rows / pixels },
                    None => Order::Transposed,
                };
                (order, vec![weights.slot.cols, weights.slot.rows])
            }
            Linear::Convolution { input, window } => {
                let (size, channels) = (window.size, input.channels);
                let order = Order::ChannelsFirst { pixels: size * size, channels };
                (order, vec![weights.slot.cols, channels, size, size])
            }
        };
        self.layout.tensors.push(Tensor {
            name: format!("{module}.weight"),
            shape,
            order,
            store: Store::Parameters,
            slot: weights.slot,
            presence: Presence::Always,
        });
        let presence = if is_batch_normalized { Presence::NotWritten } else { Presence::ZerosWithout };
        self.row(layer, "bias", format!("{module}.bias"), presence);
        Ok(())
    }

    fn normalization(&mut self, layer: &str) -> Result<(), Problem> {
        let module = self.module(layer, Part::Normalization)?;
        let rows = [
            ("gain", "weight"),
            ("shift", "bias"),
            ("running_mean", "running_mean"),
            ("running_variance", "running_var"),
        ];
        for (own, of_pytorch) in rows {
            self.row(layer, own, format!("{module}.{of_pytorch}"), Presence::Always);
        }
        let has = |row: &str| self.network.buffers.entry(&format!("{layer}.{row}")).is_some();
        match (has("running_mean"), has("running_variance")) {
            (true, true) => self.layout.ignored.push(format!("{module}.num_batches_tracked")),
            (false, false) => {}
            _ => {
                return no_module(
                    layer,
                    "its normalization takes the mean away and no more, for which PyTorch has no module",
                );
            }
        }
        Ok(())
    }

    /// A matrix of one row, if the layer has it.
    fn row(&mut self, layer: &str, own: &str, name: String, presence: Presence) {
        let own = format!("{layer}.{own}");
        for store in [Store::Parameters, Store::Buffers] {
            if let Some(entry) = store.of(self.network).entry(&own) {
                let shape = vec![entry.slot.cols];
                let (order, slot) = (Order::AsMatrix, entry.slot);
                self.layout.tensors.push(Tensor { name: name.clone(), shape, order, store, slot, presence });
            }
        }
    }

    /// Everything that the layer has is in a tensor.
    fn check(&self, layer: &str) -> Result<(), Problem> {
        for store in [Store::Parameters, Store::Buffers] {
            for entry in store.of(self.network).entries() {
                let own = entry.name.strip_prefix(layer).and_then(|rest| rest.strip_prefix('.'));
                let is_known =
                    || self.layout.tensors.iter().any(|t| t.store == store && t.slot == entry.slot);
                if own.is_some_and(|own| !own.contains('.')) && !is_known() {
                    return no_module(layer, NO_STANDARD_WEIGHTS);
                }
            }
        }
        Ok(())
    }
}

fn no_module<R>(layer: &str, reason: &str) -> Result<R, Problem> {
    Err(Problem::NoModule { layer: layer.to_owned(), reason: reason.to_owned() })
}

/// What torchvision calls a layer of `zoo::resnet18`.
fn of_resnet(layer: &str, part: Part) -> Option<String> {
    let is_linear = part == Part::Linear;
    match layer {
        "stem" => return Some(if is_linear { "conv1" } else { "bn1" }.to_owned()),
        "output" => return is_linear.then(|| "fc".to_owned()),
        _ => {}
    }
    let (stage, rest) = layer.strip_prefix("stage")?.split_once(".block")?;
    let (block, unit) = rest.split_once('.')?;
    let (stage, block): (usize, usize) = (stage.parse().ok()?, block.parse().ok()?);
    let module = match (unit.strip_prefix("main"), unit) {
        (Some(number), _) => {
            format!("{}{}", if is_linear { "conv" } else { "bn" }, number.parse::<usize>().ok()?)
        }
        (None, "shortcut1") => format!("downsample.{}", part as usize),
        _ => return None,
    };
    Some(format!("layer{stage}.{}.{module}", block.checked_sub(1)?))
}
