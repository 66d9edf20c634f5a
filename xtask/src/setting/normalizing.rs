//! Normalizations by the short names of the paper.

use crate::method::OUTPUT_LAYER;
use gmp_nn::{LayerSpec, NetworkSpec, Normalization};
use serde::{Deserialize, Serialize};

/// What is normalized in the hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Normalizing {
    /// Nothing.
    #[serde(rename = "none")]
    None,
    /// Batch normalization.
    #[serde(rename = "BN")]
    Batch,
    /// Mean-only batch normalization.
    #[serde(rename = "MBN")]
    BatchMean,
    /// Input mean normalization.
    #[serde(rename = "IMN")]
    InputMean,
    /// Layer normalization.
    #[serde(rename = "LN")]
    Layer,
}

impl Normalizing {
    /// All of them, nothing first.
    pub const ALL: [Self; 5] = [Self::None, Self::Batch, Self::BatchMean, Self::InputMean, Self::Layer];

    /// The short name, `no normalization` for none.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "no normalization",
            Self::Batch => "BN",
            Self::BatchMean => "MBN",
            Self::InputMean => "IMN",
            Self::Layer => "LN",
        }
    }

    /// With Keras' constants.
    #[must_use]
    pub fn normalization(self) -> Normalization {
        match self {
            Self::None => Normalization::None,
            Self::Batch => Normalization::batch(),
            Self::BatchMean => Normalization::batch_mean(),
            Self::InputMean => Normalization::input_mean(),
            Self::Layer => Normalization::layer(),
        }
    }
}

/// The network with this normalization behind the activations of every layer of units but the output, as layers of their own.
#[must_use]
pub fn behind_activations(spec: NetworkSpec, normalization: Normalization) -> NetworkSpec {
    let with_norm = |(name, layer): (String, LayerSpec)| {
        let is_hidden =
            name != OUTPUT_LAYER && matches!(layer, LayerSpec::Dense(_) | LayerSpec::Convolution(_));
        let norm = is_hidden.then(|| (format!("{name}.norm"), LayerSpec::normalization(normalization)));
        std::iter::once((name, layer)).chain(norm)
    };
    NetworkSpec { layers: spec.layers.into_iter().flat_map(with_norm).collect(), ..spec }
}
