//! The paper's convolutional networks, under every form of their units.

use crate::kernel::conv::{Padding, Window};
use crate::op::Activation;
use crate::{DirectionInit, Features, LayerSpec, NetworkSpec, Parameterization};
use serde::{Deserialize, Serialize};

/// A row of the paper's Tables 2 and 3, and two that its reviewers asked for: a parameterization and what
/// normalizes beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Form {
    /// Standard.
    #[serde(rename = "SP")]
    Standard,
    /// Weight normalization.
    #[serde(rename = "WN")]
    WeightNorm,
    /// Weight normalization, mean-only batch normalization before the rectifier.
    #[serde(rename = "WN+MBN")]
    WeightNormMeanNorm,
    /// Batch normalization.
    #[serde(rename = "BN")]
    BatchNorm,
    /// Geometric.
    #[serde(rename = "GmP")]
    Geometric,
    /// Geometric, the mean of every layer's input taken away.
    #[serde(rename = "GmP+IMN")]
    GeometricInputNorm,
    /// Weight normalization, the mean of every layer's input taken away: not in the paper.
    #[serde(rename = "WN+IMN")]
    WeightNormInputNorm,
    /// Standard with layer normalization before the rectifier: not in the paper.
    #[serde(rename = "LN")]
    LayerNorm,
}

impl Form {
    /// The six of the paper, in its order.
    pub const PAPER: [Self; 6] = [
        Self::Standard,
        Self::WeightNorm,
        Self::WeightNormMeanNorm,
        Self::BatchNorm,
        Self::Geometric,
        Self::GeometricInputNorm,
    ];

    /// How the weights are expressed.
    pub const fn parameterization(self) -> Parameterization {
        match self {
            Self::Standard | Self::LayerNorm => Parameterization::Standard,
            Self::WeightNorm | Self::WeightNormMeanNorm | Self::WeightNormInputNorm => {
                Parameterization::WeightNorm
            }
            Self::BatchNorm => Parameterization::BatchNorm,
            Self::Geometric | Self::GeometricInputNorm => Parameterization::Geometric,
        }
    }

    /// A convolution of this form, with what normalizes before its rectifier.
    fn convolution(self, filters: usize, window: Window, activation: Activation) -> Vec<LayerSpec> {
        let convolution = |activation| LayerSpec::Convolution {
            filters,
            window,
            parameterization: self.parameterization(),
            activation,
        };
        match self {
            Self::WeightNormMeanNorm => {
                vec![convolution(Activation::Identity), LayerSpec::MeanNorm { activation }]
            }
            Self::LayerNorm => vec![convolution(Activation::Identity), LayerSpec::LayerNorm { activation }],
            _ => vec![convolution(activation)],
        }
    }

    /// What normalizes after a rectifier, on the way to the next layer.
    fn after_rectifier(self) -> Option<LayerSpec> {
        let is_input_norm = matches!(self, Self::GeometricInputNorm | Self::WeightNormInputNorm);
        is_input_norm.then_some(LayerSpec::MeanNorm { activation: Activation::Identity })
    }

    /// The output layer: standard, but weight-normalized where the others are.
    fn head(self, classes: usize) -> LayerSpec {
        let parameterization = match self.parameterization() {
            Parameterization::WeightNorm => Parameterization::WeightNorm,
            _ => Parameterization::Standard,
        };
        LayerSpec::Dense { units: classes, parameterization, activation: Activation::Identity }
    }
}

/// VGG-6 on 32×32×3 images: pairs of 3×3 convolutions of `width`, 2·`width` and 4·`width` filters, each pair
/// followed by a 2×2 pool, then the mean over the image and a dense layer. The paper's has a width of 128.
pub fn vgg6(form: Form, width: usize, classes: usize) -> NetworkSpec {
    let mut layers = Vec::new();
    for (pair, filters) in [width, 2 * width, 4 * width].into_iter().enumerate() {
        for half in 0..2 {
            let window = Window::new(3, 1, Padding::Same);
            let mut convolution = form.convolution(filters, window, Activation::Relu);
            convolution.extend(form.after_rectifier());
            push(&mut layers, &format!("conv{}", 2 * pair + half + 1), convolution);
        }
        push(
            &mut layers,
            &format!("pool{}", pair + 1),
            vec![LayerSpec::MaxPool { window: Window::new(2, 2, Padding::Valid) }],
        );
    }
    finish(form, layers, 32, classes)
}

/// ResNet-18 on 224×224×3 images.
///
/// Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, Table 1, projection shortcuts
/// where sizes change. The authors of the geometric parameterization released no code for theirs: where its
/// units have no rectifier (before the sum of a block, in a shortcut) they are r (u·x + λ), and the mean of a
/// block's output is taken away after its rectifier.
pub fn resnet18(form: Form, classes: usize) -> NetworkSpec {
    let mut layers = Vec::new();
    let mut stem = form.convolution(64, Window::new(7, 2, Padding::Symmetric(3)), Activation::Relu);
    stem.extend(form.after_rectifier());
    push(&mut layers, "stem", stem);
    push(&mut layers, "pool", vec![LayerSpec::MaxPool { window: Window::new(3, 2, Padding::Symmetric(1)) }]);
    for (stage, filters) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let shrinks = stage > 0 && block == 0;
            let stride = if shrinks { 2 } else { 1 };
            let mut main =
                form.convolution(filters, Window::new(3, stride, Padding::Symmetric(1)), Activation::Relu);
            main.extend(form.after_rectifier());
            main.extend(form.convolution(
                filters,
                Window::new(3, 1, Padding::Symmetric(1)),
                Activation::Identity,
            ));
            let mut shortcut = Vec::new();
            if shrinks {
                shortcut = form.convolution(filters, Window::new(1, 2, Padding::Valid), Activation::Identity);
            }
            let mut specs = vec![LayerSpec::Residual { main, shortcut }];
            specs.extend(form.after_rectifier());
            push(&mut layers, &format!("stage{}.block{}", stage + 1, block + 1), specs);
        }
    }
    finish(form, layers, 224, classes)
}

/// Appends layers under one name: the first as it is, the others with what they do.
fn push(layers: &mut Vec<(String, LayerSpec)>, name: &str, specs: Vec<LayerSpec>) {
    for spec in specs {
        let suffix = match spec {
            LayerSpec::MeanNorm { .. } => ".mean_norm",
            LayerSpec::LayerNorm { .. } => ".layer_norm",
            _ => "",
        };
        layers.push((format!("{name}{suffix}"), spec));
    }
}

fn finish(form: Form, mut layers: Vec<(String, LayerSpec)>, side: usize, classes: usize) -> NetworkSpec {
    layers.push(("average".to_owned(), LayerSpec::GlobalAveragePool));
    layers.push(("output".to_owned(), form.head(classes)));
    NetworkSpec {
        input: Features::Image { height: side, width: side, channels: 3 },
        layers,
        directions: DirectionInit::Exact,
    }
}
