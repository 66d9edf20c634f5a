//! Descriptions as they are read from files, those of earlier versions too.
//!
//! There, batch normalization was a parameterization, mean-only and layer normalization were kinds of layers, and the
//! start of geometric units was one choice for the whole network.

use super::Features;
use crate::kernel::conv::Window;
use crate::parameterization::{DirectionInit, GeometricOptions};
use crate::{Activation, Normalization, Parameterization};
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum LayerSpec {
    Dense {
        units: usize,
        parameterization: Written,
        #[serde(default)]
        normalization: Normalization,
        activation: Activation,
        #[serde(default)]
        geometric: GeometricOptions,
    },
    Convolution {
        filters: usize,
        window: Window,
        parameterization: Written,
        #[serde(default)]
        normalization: Normalization,
        activation: Activation,
        #[serde(default)]
        geometric: GeometricOptions,
    },
    Normalization {
        normalization: Normalization,
        activation: Activation,
    },
    MeanNorm {
        activation: Activation,
    },
    LayerNorm {
        activation: Activation,
    },
    MaxPool {
        window: Window,
    },
    GlobalAveragePool,
    Flatten,
    Residual {
        main: Vec<super::LayerSpec>,
        shortcut: Vec<super::LayerSpec>,
    },
}

/// The name of a parameterization, or `BN`: batch normalization under the standard one.
pub(crate) struct Written {
    parameterization: Parameterization,
    is_batch_normalized: bool,
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let is_batch_normalized = name == "BN";
        let parameterization = match is_batch_normalized {
            true => Parameterization::Standard,
            false => name.parse().map_err(serde::de::Error::custom)?,
        };
        Ok(Self { parameterization, is_batch_normalized })
    }
}

impl Written {
    pub(crate) fn with(self, normalization: Normalization) -> (Parameterization, Normalization) {
        let batch = self.is_batch_normalized && normalization.is_none();
        (self.parameterization, if batch { Normalization::batch() } else { normalization })
    }
}

impl From<LayerSpec> for super::LayerSpec {
    fn from(written: LayerSpec) -> Self {
        let normalization = |normalization, activation| Self::Normalization { normalization, activation };
        match written {
            LayerSpec::Dense { units, parameterization, normalization, activation, geometric } => {
                let (parameterization, normalization) = parameterization.with(normalization);
                super::Dense { units, parameterization, normalization, activation, geometric }.into()
            }
            LayerSpec::Convolution {
                filters,
                window,
                parameterization,
                normalization,
                activation,
                geometric,
            } => {
                let (parameterization, normalization) = parameterization.with(normalization);
                super::Convolution { filters, window, parameterization, normalization, activation, geometric }
                    .into()
            }
            LayerSpec::Normalization { normalization: kind, activation } => normalization(kind, activation),
            LayerSpec::MeanNorm { activation } => normalization(Normalization::batch_mean(), activation),
            LayerSpec::LayerNorm { activation } => normalization(Normalization::layer(), activation),
            LayerSpec::MaxPool { window } => Self::MaxPool { window },
            LayerSpec::GlobalAveragePool => Self::GlobalAveragePool,
            LayerSpec::Flatten => Self::Flatten,
            LayerSpec::Residual { main, shortcut } => Self::Residual { main, shortcut },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkSpec {
    input: Features,
    layers: Vec<(String, super::LayerSpec)>,
    #[serde(default)]
    directions: DirectionInit,
}

impl From<NetworkSpec> for super::NetworkSpec {
    fn from(written: NetworkSpec) -> Self {
        let NetworkSpec { input, mut layers, directions } = written;
        if directions != DirectionInit::default() {
            layers.iter_mut().for_each(|(_, layer)| start(layer, directions));
        }
        Self { input, layers }
    }
}

fn start(layer: &mut super::LayerSpec, directions: DirectionInit) {
    match layer {
        super::LayerSpec::Dense(dense) => dense.geometric.directions = directions,
        super::LayerSpec::Convolution(convolution) => convolution.geometric.directions = directions,
        super::LayerSpec::Residual { main, shortcut } => {
            main.iter_mut().chain(shortcut).for_each(|layer| start(layer, directions));
        }
        _ => {}
    }
}
