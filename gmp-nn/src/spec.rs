//! Descriptions of networks: plain data, checked when a network is built from them.

use crate::kernel::conv::{Geometry, Images, Window};
use crate::layer::{GlobalAveragePool, LayerNorm, MaxPool, MeanNorm, Residual};
use crate::op::Activation;
use crate::parameterization::{DirectionInit, Initial, Parameterization};
use crate::{Element, Error, Layer, Linear, Network, ParamStore, Rng, Role, init};
use gmp_autograd::Var;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What flows into a network or between its layers, for one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Features {
    /// So many numbers: a row a sample.
    Vector(usize),
    /// An image: a row a pixel, a column a channel.
    Image {
        /// Pixels from top to bottom.
        height: usize,
        /// Pixels from left to right.
        width: usize,
        /// Numbers a pixel.
        channels: usize,
    },
}

impl Features {
    /// Asserts that x is a batch of this.
    #[track_caller]
    pub(crate) fn check(self, x: Var) {
        let (rows, columns) = match self {
            Self::Vector(columns) => (1, columns),
            Self::Image { height, width, channels } => (height.saturating_mul(width), channels),
        };
        assert!(
            x.cols() == columns && x.rows().is_multiple_of(rows),
            "{} is no batch of {self:?}: {columns} columns and a multiple of {rows} rows",
            x.shape()
        );
    }
}

/// One layer of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSpec {
    /// Units that see all of a vector.
    Dense {
        /// How many.
        units: usize,
        /// How their weights are expressed.
        parameterization: Parameterization,
        /// What follows.
        activation: Activation,
    },
    /// Units that slide over an image.
    Convolution {
        /// How many.
        filters: usize,
        /// What they see.
        window: Window,
        /// How their weights are expressed.
        parameterization: Parameterization,
        /// What follows.
        activation: Activation,
    },
    /// Every channel less its mean over the batch: MBN with a rectifier after it, IMN without.
    MeanNorm {
        /// What follows.
        activation: Activation,
    },
    /// Every row to mean 0 and variance 1.
    LayerNorm {
        /// What follows.
        activation: Activation,
    },
    /// The largest number under a window.
    MaxPool {
        /// The window.
        window: Window,
    },
    /// The mean of every channel: from an image to a vector.
    GlobalAveragePool,
    /// `relu(main(x) + shortcut(x))`; an empty shortcut is the identity.
    Residual {
        /// The one way.
        main: Vec<LayerSpec>,
        /// The other.
        shortcut: Vec<LayerSpec>,
    },
}

/// A layer of units where it stands in a network.
pub(crate) struct Units<'a, T> {
    pub(crate) name: &'a str,
    pub(crate) layer: &'a dyn Layer<T>,
    pub(crate) activation: Activation,
    /// The layer that its output goes to, in the same chain.
    pub(crate) behind: Option<&'a dyn Layer<T>>,
}

impl LayerSpec {
    /// Calls `f` with this layer, the first of `layers`, if it is made of units, or with those inside it.
    pub(crate) fn each_units<T: Element>(
        &self,
        name: &str,
        layers: &[Box<dyn Layer<T>>],
        f: &mut dyn FnMut(Units<'_, T>),
    ) {
        match self {
            &Self::Dense { activation, .. } | &Self::Convolution { activation, .. } => {
                f(Units {
                    name,
                    layer: &*layers[0],
                    activation,
                    behind: layers.get(1).map(|layer| &**layer),
                });
            }
            Self::Residual { main, shortcut } => {
                let branches = [("main", main), ("shortcut", shortcut)];
                for ((branch, specs), layers) in branches.into_iter().zip(layers[0].branches()) {
                    for (i, (name, spec)) in NetworkSpec::branch(name, branch, specs).enumerate() {
                        spec.each_units(&name, &layers[i..], f);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A network: what flows in, and its layers with their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// What flows in.
    pub input: Features,
    /// Names, unique, and layers in order.
    pub layers: Vec<(String, LayerSpec)>,
    /// How geometric units start.
    #[serde(default)]
    pub directions: DirectionInit,
}

impl NetworkSpec {
    /// Draws Glorot-uniform weights from the streams of `seed` and expresses them in each layer's parameterization.
    ///
    /// A unit's fans are those of Keras: its inputs, and for a dense layer the number of units; for a convolution
    /// k·k·channels and k·k·filters. The authors' geometric convolutions have k·k·channels and filters, so that they
    /// start as the others times a number greater than 1.
    ///
    /// # Errors
    /// A layer without inputs or units, one that does not fit what flows into it or into memory, or the second of a
    /// name, named.
    pub fn build<T: Element>(&self, seed: u64) -> Result<Network<T>, Error> {
        self.build_from(&mut |name, [inputs, units], weights| {
            let mut rng = Rng::new(seed, &format!("initial weights of {name}"));
            init::glorot_uniform(&mut rng, inputs, units, weights);
        })
    }

    /// The same with other initial weights: `weights` is given every layer of units by name, its fans and the n×units
    /// matrix to fill, in the order of the layers.
    pub(crate) fn build_from<T: Element>(&self, weights: InitialWeights<'_, T>) -> Result<Network<T>, Error> {
        let mut builder = Builder {
            weights,
            directions: self.directions,
            features: self.input,
            names: BTreeSet::new(),
            parameters: ParamStore::default(),
            buffers: ParamStore::default(),
        };
        let layers =
            self.layers.iter().map(|(name, spec)| builder.layer(name, spec)).collect::<Result<_, _>>()?;
        Ok(Network { spec: self.clone(), layers, parameters: builder.parameters, buffers: builder.buffers })
    }

    /// The layers of a branch of the residual block `block`, `"main"` or `"shortcut"`, with their names.
    pub(crate) fn branch<'a>(
        block: &str,
        branch: &str,
        layers: &'a [LayerSpec],
    ) -> impl Iterator<Item = (String, &'a LayerSpec)> {
        layers.iter().enumerate().map(move |(i, spec)| (format!("{block}.{branch}{}", i + 1), spec))
    }
}

type InitialWeights<'a, T> = &'a mut dyn FnMut(&str, [usize; 2], &mut [T]);

struct Builder<'a, T> {
    weights: InitialWeights<'a, T>,
    directions: DirectionInit,
    /// What flows into the next layer.
    features: Features,
    /// Of the layers so far, those in blocks included.
    names: BTreeSet<String>,
    parameters: ParamStore<T>,
    buffers: ParamStore<T>,
}

impl<T: Element> Builder<'_, T> {
    fn layer(&mut self, name: &str, spec: &LayerSpec) -> Result<Box<dyn Layer<T>>, Error> {
        if !self.names.insert(name.to_owned()) {
            return Err(Error::DuplicateName { layer: name.to_owned() });
        }
        Ok(match *spec {
            LayerSpec::Dense { units, parameterization, activation } => {
                let Features::Vector(inputs) = self.features else {
                    return Err(self.misfit(name, "a vector"));
                };
                self.features = Features::Vector(units);
                self.units(name, Linear::Dense, inputs, units, parameterization, activation)?
            }
            LayerSpec::Convolution { filters, window, parameterization, activation } => {
                let input = self.image(name)?;
                self.slide(name, input, window, filters)?;
                let linear = Linear::Convolution { input, window };
                self.units(name, linear, input.channels, filters, parameterization, activation)?
            }
            LayerSpec::MeanNorm { activation } => {
                let columns = match self.features {
                    Features::Vector(columns) | Features::Image { channels: columns, .. } => columns,
                };
                let zeros = zeros(name, 1, columns)?;
                let mean =
                    self.buffers.push(format!("{name}.running_mean"), Role::Buffer, &zeros, 1, columns);
                Box::new(MeanNorm { mean, activation })
            }
            LayerSpec::LayerNorm { activation } => Box::new(LayerNorm { activation }),
            LayerSpec::MaxPool { window } => {
                let input = self.image(name)?;
                self.slide(name, input, window, input.channels)?;
                Box::new(MaxPool { input, window })
            }
            LayerSpec::GlobalAveragePool => {
                let Images { height, width, channels, .. } = self.image(name)?;
                self.features = Features::Vector(channels);
                let too_large = || Error::TooLarge { layer: name.to_owned(), rows: height, columns: width };
                Box::new(GlobalAveragePool { pixels: height.checked_mul(width).ok_or_else(too_large)? })
            }
            LayerSpec::Residual { ref main, ref shortcut } => {
                let input = self.features;
                let main = self.branch(NetworkSpec::branch(name, "main", main))?;
                let after_main = std::mem::replace(&mut self.features, input);
                let shortcut = self.branch(NetworkSpec::branch(name, "shortcut", shortcut))?;
                if self.features != after_main {
                    let (found, expected) = (self.features, format!("the main branch's {after_main:?}"));
                    return Err(Error::Misfit { layer: format!("{name}.shortcut"), found, expected });
                }
                Box::new(Residual { main, shortcut })
            }
        })
    }

    fn branch<'a>(
        &mut self,
        layers: impl Iterator<Item = (String, &'a LayerSpec)>,
    ) -> Result<Vec<Box<dyn Layer<T>>>, Error> {
        layers.map(|(name, spec)| self.layer(&name, spec)).collect()
    }

    fn units(
        &mut self,
        name: &str,
        linear: Linear,
        inputs: usize,
        units: usize,
        parameterization: Parameterization,
        activation: Activation,
    ) -> Result<Box<dyn Layer<T>>, Error> {
        if inputs == 0 || units == 0 {
            return Err(Error::EmptyLayer { layer: name.to_owned(), inputs, units });
        }
        let weight_rows = linear.fan(inputs);
        let mut weights = zeros(name, weight_rows, units)?;
        (self.weights)(name, [weight_rows, parameterization.fan_out(linear, units)], &mut weights);
        parameterization.build(Initial {
            name,
            weights: &weights,
            weight_rows,
            units,
            linear,
            activation,
            directions: self.directions,
            parameters: &mut self.parameters,
            buffers: &mut self.buffers,
        })
    }

    /// One image of what flows in.
    fn image(&self, name: &str) -> Result<Images, Error> {
        match self.features {
            Features::Image { height, width, channels } => Ok(Images { batch: 1, height, width, channels }),
            Features::Vector(_) => Err(self.misfit(name, "an image")),
        }
    }

    fn slide(&mut self, name: &str, input: Images, window: Window, channels: usize) -> Result<(), Error> {
        let geometry = Geometry::new(input, window, channels)
            .map_err(|source| Error::Window { layer: name.to_owned(), source })?;
        let Images { height, width, channels, .. } = geometry.output();
        self.features = Features::Image { height, width, channels };
        Ok(())
    }

    fn misfit(&self, name: &str, expected: &str) -> Error {
        Error::Misfit { layer: name.to_owned(), found: self.features, expected: expected.to_owned() }
    }
}

/// Zeros for a matrix of the layer `name`. Sizes may come from a file: too large ones are an error, not an abort.
fn zeros<T: Element>(name: &str, rows: usize, columns: usize) -> Result<Vec<T>, Error> {
    let mut zeros = Vec::new();
    let fits = rows.checked_mul(columns).is_some_and(|n| zeros.try_reserve_exact(n).is_ok());
    if !fits {
        return Err(Error::TooLarge { layer: name.to_owned(), rows, columns });
    }
    zeros.resize(rows * columns, T::ZERO);
    Ok(zeros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_layers_of_one_name_are_an_error_that_names_it() {
        let dense = LayerSpec::Dense {
            units: 2,
            parameterization: Parameterization::BatchNorm,
            activation: Activation::Relu,
        };
        let block = LayerSpec::Residual { main: vec![dense.clone(), dense.clone()], shortcut: Vec::new() };
        let norm = LayerSpec::MeanNorm { activation: Activation::Identity };
        let build = |layers: [(&str, &LayerSpec); 3]| {
            let layers = layers.map(|(name, layer)| (name.to_owned(), layer.clone())).to_vec();
            let spec = NetworkSpec { input: Features::Vector(2), layers, directions: DirectionInit::Exact };
            spec.build::<f64>(1).map(drop)
        };
        assert_eq!(build([("a", &dense), ("b", &block), ("c", &norm)]), Ok(()));
        for (layers, name) in [
            ([("a", &dense), ("b", &dense), ("a", &dense)], "a"),
            ([("a", &dense), ("b", &block), ("b", &norm)], "b"),
            ([("a", &dense), ("b", &block), ("b.main2", &dense)], "b.main2"),
            ([("b.main1", &norm), ("b", &block), ("c", &dense)], "b.main1"),
        ] {
            assert_eq!(build(layers), Err(Error::DuplicateName { layer: name.to_owned() }));
        }
    }
}
