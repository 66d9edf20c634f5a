//! VGG-6 and ResNet-18, with units of any parameterization, normalization and activation.

use crate::kernel::conv::{Padding, Window};
use crate::mlp::output_parameterization;
use crate::op::Activation;
use crate::{Convolution, Dense, GeometricOptions, LayerSpec, NetworkSpec, Normalization, Parameterization};
use serde::{Deserialize, Serialize};

/// The options of the units of a network.
///
/// ```
/// use gmp_nn::zoo::{Variant, vgg6};
/// use gmp_nn::{Normalization, Parameterization};
///
/// let variant = Variant::new(Parameterization::WeightNorm).normalization(Normalization::batch_mean());
/// let network = vgg6(&variant, 8, 10).build::<f32>(7)?;
/// assert!(network.buffers.get("conv1.mean_norm.running_mean").is_some());
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// The parameterization of the weights. The output layer is standard, but weight-normalized if the others are.
    pub parameterization: Parameterization,
    /// The normalization: it is before the activation, except for input mean normalization, whose place is
    /// `placement`.
    #[serde(default)]
    pub normalization: Normalization,
    /// The place of input mean normalization.
    #[serde(default)]
    pub placement: InputMeanPlacement,
    /// The activation of every unit but the last, and those before the sum of a residual block.
    pub activation: Activation,
    /// Choices of the geometric parameterization.
    #[serde(default)]
    pub geometric: GeometricOptions,
}

/// The place of input mean normalization.
///
/// ```
/// use gmp_nn::zoo::{InputMeanPlacement, Variant, vgg6};
/// use gmp_nn::{Normalization, Parameterization};
/// let variant = Variant {
///     placement: InputMeanPlacement::InsideUnits,
///     ..Variant::new(Parameterization::Geometric).normalization(Normalization::input_mean())
/// };
/// let network = vgg6(&variant, 8, 10).build::<f32>(1)?;
/// assert_eq!(network.buffers.get("conv1.running_mean"), Some(&[0.0; 3][..])); // of the colours
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputMeanPlacement {
    /// After every activation, as a separate layer: the next layer receives numbers with the mean subtracted.
    #[default]
    AfterActivation,
    /// Inside every layer of units, before its linear map: the network's input is normalized too, and the input of
    /// pools is not.
    InsideUnits,
}

impl Variant {
    /// Units with a ReLU, without a normalization.
    ///
    /// ```
    /// use gmp_nn::{Activation, Parameterization, zoo::Variant};
    /// let smooth = Variant { activation: Activation::Gelu, ..Variant::new(Parameterization::Geometric) };
    /// assert!(smooth.normalization.is_none());
    /// ```
    pub fn new(parameterization: Parameterization) -> Self {
        Self {
            parameterization,
            normalization: Normalization::None,
            placement: InputMeanPlacement::default(),
            activation: Activation::Relu,
            geometric: GeometricOptions::default(),
        }
    }

    /// Sets the normalization.
    #[must_use]
    pub fn normalization(self, normalization: impl Into<Normalization>) -> Self {
        Self { normalization: normalization.into(), ..self }
    }

    /// A convolution, with what normalizes before its activation: batch normalization and those from outside belong to
    /// the units, the others are layers of their own.
    fn convolution(&self, filters: usize, window: Window, activation: Activation) -> Vec<LayerSpec> {
        let units = Convolution::new(filters, window, self.parameterization).geometric(self.geometric);
        match self.normalization {
            Normalization::BatchMean(_) | Normalization::Layer(_) => {
                let normalization =
                    LayerSpec::Normalization { normalization: self.normalization, activation };
                vec![units.activation(Activation::Identity).into(), normalization]
            }
            Normalization::InputMean(_) if self.placement == InputMeanPlacement::AfterActivation => {
                vec![units.activation(activation).into()]
            }
            _ => vec![units.normalization(self.normalization).activation(activation).into()],
        }
    }

    /// What normalizes behind an activation, on the way to the next layer.
    fn after_activation(&self) -> Option<LayerSpec> {
        let is_there = matches!(self.normalization, Normalization::InputMean(_))
            && self.placement == InputMeanPlacement::AfterActivation;
        is_there.then(|| LayerSpec::normalization(self.normalization))
    }
}

/// VGG-6 on 32×32×3 images: pairs of 3×3 convolutions of `width`, 2·`width` and 4·`width` filters, each pair
/// followed by a 2×2 pool, then the mean over the image and a dense layer. The paper's has a width of 128.
///
/// ```
/// use gmp_nn::zoo::{Variant, vgg6};
/// use gmp_nn::{Features, Parameterization};
/// let network = vgg6(&Variant::new(Parameterization::Standard), 8, 10).build::<f32>(1)?;
/// assert_eq!((network.unit_layers().len(), network.output()), (7, Features::Vector(10)));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
pub fn vgg6(variant: &Variant, width: usize, classes: usize) -> NetworkSpec {
    let mut spec = NetworkSpec::image(32, 32, 3);
    for (pair, filters) in [width, 2 * width, 4 * width].into_iter().enumerate() {
        for half in 0..2 {
            let window = Window::new(3, 1, Padding::Same);
            let mut convolution = variant.convolution(filters, window, variant.activation);
            convolution.extend(variant.after_activation());
            spec = push(spec, &format!("conv{}", 2 * pair + half + 1), convolution);
        }
        spec = spec.max_pool(format!("pool{}", pair + 1), Window::new(2, 2, Padding::Valid));
    }
    finish(variant, spec, classes)
}

/// ResNet-18 on 224×224×3 images.
///
/// Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, Table 1, projection shortcuts
/// where sizes change. The authors of the geometric parameterization released no code for theirs: where its
/// units have no activation (before the sum of a block, in a shortcut) they are r (u·x + λ), and the mean of a
/// block's output is subtracted after its ReLU.
///
/// ```
/// use gmp_nn::zoo::{Variant, resnet18};
/// use gmp_nn::{Normalization, Parameterization};
/// let variant = Variant::new(Parameterization::Standard).normalization(Normalization::batch());
/// let network = resnet18(&variant, 1000).build::<f32>(1)?;
/// assert_eq!(network.parameters.matrix("output.weights").map(|w| (w.rows(), w.cols())), Some((512, 1000)));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
pub fn resnet18(variant: &Variant, classes: usize) -> NetworkSpec {
    ResNet18::default().spec(variant, classes)
}

/// A ResNet-18 of any size: the default is that of [`resnet18`].
///
/// ```
/// use gmp_nn::zoo::{ResNet18, Stem, Variant};
/// use gmp_nn::{Normalization, Parameterization};
/// // For the pictures of CIFAR-10: an eighth of the filters, and no stem that makes 8×8 pixels of 32×32.
/// let small = ResNet18 { side: 32, width: 8, stem: Stem::Small, ..ResNet18::default() };
/// let variant = Variant::new(Parameterization::Standard).normalization(Normalization::batch());
/// let network = small.spec(&variant, 10).build::<f32>(1)?;
/// assert_eq!(network.parameters.matrix("output.weights").map(|w| (w.rows(), w.cols())), Some((64, 10)));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResNet18 {
    /// Rows and columns of an image.
    pub side: usize,
    /// Filters of the stem and of the first stage; every later stage has twice as many as the one before.
    pub width: usize,
    /// The layers before the stages.
    pub stem: Stem,
    /// Whether windows are padded as Keras does ([`Padding::Same`], and none around the pool) and not as PyTorch does (as
    /// many pixels on every side).
    pub keras_padding: bool,
}

/// The first layers of a ResNet.
///
/// ```
/// use gmp_nn::zoo::{ResNet18, Stem};
/// assert_eq!(ResNet18::default().stem, Stem::Large);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stem {
    /// Windows of 7×7 pixels with stride 2 and a 3×3 pool with stride 2: a quarter of the rows and of the columns
    /// remains.
    #[default]
    Large,
    /// Windows of 3×3 pixels with stride 1 and no pool, as is usual for pictures of 32×32 pixels: all rows and
    /// columns remain.
    Small,
}

impl Default for ResNet18 {
    fn default() -> Self {
        Self { side: 224, width: 64, stem: Stem::Large, keras_padding: false }
    }
}

impl ResNet18 {
    /// The network with units of this kind.
    ///
    /// ```
    /// use gmp_nn::Parameterization;
    /// use gmp_nn::zoo::{ResNet18, Variant, resnet18};
    /// let variant = Variant::new(Parameterization::Geometric);
    /// assert_eq!(ResNet18::default().spec(&variant, 10), resnet18(&variant, 10));
    /// ```
    pub fn spec(&self, variant: &Variant, classes: usize) -> NetworkSpec {
        let padding = |pixels| if self.keras_padding { Padding::Same } else { Padding::Symmetric(pixels) };
        let spec = NetworkSpec::image(self.side, self.side, 3);
        let window = match self.stem {
            Stem::Large => Window::new(7, 2, padding(3)),
            Stem::Small => Window::new(3, 1, padding(1)),
        };
        let mut stem = variant.convolution(self.width, window, variant.activation);
        stem.extend(variant.after_activation());
        let mut spec = push(spec, "stem", stem);
        if self.stem == Stem::Large {
            let around = if self.keras_padding { Padding::Valid } else { Padding::Symmetric(1) };
            spec = spec.max_pool("pool", Window::new(3, 2, around));
        }
        for stage in 0..4 {
            let filters = self.width << stage;
            for block in 0..2 {
                let shrinks = stage > 0 && block == 0;
                let window = |stride| Window::new(3, stride, padding(1));
                let mut main =
                    variant.convolution(filters, window(if shrinks { 2 } else { 1 }), variant.activation);
                main.extend(variant.after_activation());
                main.extend(variant.convolution(filters, window(1), Activation::Identity));
                let mut shortcut = Vec::new();
                if shrinks {
                    shortcut =
                        variant.convolution(filters, Window::new(1, 2, Padding::Valid), Activation::Identity);
                }
                let mut layers = vec![LayerSpec::Residual { main, shortcut }];
                layers.extend(variant.after_activation());
                spec = push(spec, &format!("stage{}.block{}", stage + 1, block + 1), layers);
            }
        }
        finish(variant, spec, classes)
    }
}

/// Appends layers under one name: the first as it is, the others with what they do.
fn push(spec: NetworkSpec, name: &str, layers: Vec<LayerSpec>) -> NetworkSpec {
    layers.into_iter().fold(spec, |spec, layer| {
        let suffix = match &layer {
            LayerSpec::Normalization { normalization: Normalization::Layer(_), .. } => ".layer_norm",
            LayerSpec::Normalization { .. } => ".mean_norm",
            _ => "",
        };
        spec.layer(format!("{name}{suffix}"), layer)
    })
}

fn finish(variant: &Variant, spec: NetworkSpec, classes: usize) -> NetworkSpec {
    let output = Dense::new(classes, output_parameterization(variant.parameterization));
    spec.global_average_pool("average").layer("output", output.activation(Activation::Identity))
}
