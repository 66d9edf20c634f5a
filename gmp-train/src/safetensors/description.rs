//! The description of a network in the metadata of a file.

use super::file::Opened;
use super::layout::Layout;
use super::pytorch::{self, Modules, Naming, Part};
use crate::checkpoint::Problem;
use gmp_nn::conv::{Geometry, Images, Window};
use gmp_nn::normalization::LayerNorm;
use gmp_nn::{Element, Features, LayerSpec, Network, NetworkSpec, Normalization};
use std::collections::BTreeMap;
use std::io::Read;

/// The network's [`NetworkSpec`] as JSON.
const NETWORK: &str = "gmp.network";
/// The modules that PyTorch's names belong to, as JSON, in a file with such names: of every layer the one of its weights
/// and the one of its normalization.
const MODULES: &str = "gmp.modules";
/// Most bytes of a header that may describe any network: ten thousand layers.
const LONGEST_HEADER: usize = 4 << 20;
/// What keys of this library begin with.
const OWN: &str = "gmp.";
/// The key by which readers of others take a file for one of PyTorch's.
const FORMAT: &str = "format";

/// The metadata of a file of the network: in names and layouts of its own, or in PyTorch's.
pub(super) fn of<T: Element>(network: &Network<T>, modules: Option<&Modules>) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::from([(FORMAT.to_owned(), "pt".to_owned())]);
    let json = |written: serde_json::Result<String>| written.expect("names and sizes can be written as JSON");
    if let Some(spec) = network.spec() {
        metadata.insert(NETWORK.to_owned(), json(serde_json::to_string(spec)));
    }
    if let Some(modules) = modules {
        metadata.insert(MODULES.to_owned(), json(serde_json::to_string(modules)));
    }
    metadata
}

/// Adds a user's metadata, whose keys must be no keys of this library.
pub(super) fn add(
    metadata: &mut BTreeMap<String, String>,
    users: &BTreeMap<String, String>,
) -> Result<(), Problem> {
    for (key, value) in users {
        if key.starts_with(OWN) || key == FORMAT {
            let text = format!(
                "the key {key:?} is taken: expected none that is \"{FORMAT}\" or begins with \"{OWN}\""
            );
            return Err(Problem::Metadata(text));
        }
        metadata.insert(key.clone(), value.clone());
    }
    Ok(())
}

/// The metadata of a file of `length` bytes, without those of this library.
pub(super) fn users(file: impl Read, length: u64) -> Result<BTreeMap<String, String>, Problem> {
    let metadata = Opened::new(file, length, LONGEST_HEADER)?.header()?.metadata;
    Ok(metadata.into_iter().filter(|(key, _)| !key.starts_with(OWN) && key != FORMAT).collect())
}

/// The network of a file of `length` bytes, by the file alone.
pub(super) fn read<T: Element>(file: impl Read, length: u64) -> Result<Network<T>, Problem> {
    let opened = Opened::new(file, length, LONGEST_HEADER)?;
    let metadata = opened.header()?.metadata;
    let text = metadata.get(NETWORK).ok_or(Problem::NoNetwork)?;
    let not_built = |error: String| Problem::Metadata(format!("network: {error}"));
    let spec: NetworkSpec = serde_json::from_str(text).map_err(|error| not_built(error.to_string()))?;
    // A few bytes may describe a network of any size: it is built only where the file has its numbers.
    let (needed, held) = (least_numbers(&spec), opened.rest() / size_of::<f32>() as u64);
    if needed > held {
        let text = format!("it has at least {needed} numbers, the file at most {held}");
        return Err(not_built(text));
    }
    let mut network = spec.build(0).map_err(|error| not_built(error.to_string()))?;
    let layout = match metadata.get(MODULES) {
        None => Layout::of(&network),
        Some(text) => {
            let modules: Modules =
                serde_json::from_str(text).map_err(|error| Problem::Metadata(format!("modules: {error}")))?;
            let name = |layer: &str, part: Part| modules.get(layer)?[part as usize].clone();
            pytorch::layout(&network, Naming::Custom(&name))?.0
        }
    };
    opened.read_into(&mut network, &layout)?;
    Ok(network)
}

/// Numbers that a network of this description has at least, whatever its parameterizations: its weights, and what
/// normalization layers keep.
fn least_numbers(spec: &NetworkSpec) -> u64 {
    count(spec.layers.iter().map(|(_, layer)| layer), spec.input).0
}

/// The numbers of layers into which `features` flow, and what comes out. What cannot be built counts as nothing: the builder
/// refuses it before it has memory for it.
fn count<'a>(layers: impl Iterator<Item = &'a LayerSpec>, mut features: Features) -> (u64, Features) {
    let mut numbers = 0_u64;
    for layer in layers {
        let columns = features.columns();
        let own = match layer {
            LayerSpec::Dense(dense) => {
                features = Features::Vector(dense.units);
                product([columns, dense.units])
            }
            LayerSpec::Convolution(convolution) => {
                let (size, filters) = (convolution.window.size, convolution.filters);
                features = slide(features, convolution.window, filters);
                product([size, size, columns, filters])
            }
            LayerSpec::Normalization { normalization, .. } => match normalization {
                Normalization::None | Normalization::Layer(LayerNorm { affine: false, .. }) => 0,
                _ => columns as u64,
            },
            LayerSpec::MaxPool { window } => {
                features = slide(features, *window, columns);
                0
            }
            LayerSpec::GlobalAveragePool => {
                features = Features::Vector(columns);
                0
            }
            LayerSpec::Flatten => {
                features = Features::Vector(features.rows().saturating_mul(columns));
                0
            }
            LayerSpec::Residual { main, shortcut } => {
                let (in_main, out) = count(main.iter(), features);
                let in_shortcut = count(shortcut.iter(), features).0;
                features = out;
                in_main.saturating_add(in_shortcut)
            }
        };
        numbers = numbers.saturating_add(own);
    }
    (numbers, features)
}

fn product<const N: usize>(factors: [usize; N]) -> u64 {
    factors.into_iter().fold(1, |product, factor| product.saturating_mul(factor as u64))
}

/// What comes out of a window on images.
fn slide(features: Features, window: Window, channels: usize) -> Features {
    let Features::Image { height, width, channels: inputs } = features else {
        return Features::Vector(channels);
    };
    match Geometry::new(Images { batch: 1, height, width, channels: inputs }, window, channels) {
        Ok(geometry) => {
            let Images { height, width, channels, .. } = geometry.output();
            Features::Image { height, width, channels }
        }
        Err(_) => Features::Image { height: 1, width: 1, channels },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmp_nn::zoo::{Variant, resnet18, vgg6};
    use gmp_nn::{Dense, Parameterization};

    /// The bound holds for every parameterization and normalization, and is not far below.
    #[test]
    fn networks_have_the_numbers_that_are_counted() {
        for parameterization in Parameterization::ALL {
            for normalization in [
                Normalization::None,
                Normalization::batch(),
                Normalization::batch_mean(),
                Normalization::input_mean(),
                Normalization::layer(),
            ] {
                let variant = Variant::new(parameterization).normalization(normalization);
                let dense = Dense::new(5, parameterization).normalization(normalization);
                let perceptron = NetworkSpec::vector(1).layer("hidden1", dense).output(1);
                for spec in [vgg6(&variant, 4, 3), resnet18(&variant, 3), perceptron] {
                    let network = spec.build::<f32>(1).unwrap();
                    let numbers = network.parameters.values().len() + network.buffers.values().len();
                    let least = least_numbers(&spec);
                    assert!(least <= numbers as u64, "{least} numbers of {numbers}: {spec:?}");
                    assert!(5 * least > numbers as u64, "{least} numbers of {numbers}: {spec:?}");
                }
            }
        }
    }
}
