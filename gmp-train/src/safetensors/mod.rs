//! Reading and writing networks as safetensors files, in this library's names and layouts and in
//! [those of PyTorch](pytorch).
//!
//! A file contains a description of its network, as the metadata `gmp.network`, so that [`load`] needs nothing else;
//! [`import`] reads a file into an existing network.
//!
//! In this module, names are those of [`Network::parameters`] and [`Network::buffers`]: `"hidden1.weights"`. Weights
//! and angles are inputs × units, while PyTorch's `Linear` has units × inputs. Parameters with one number per unit
//! are one-dimensional. Any parameterization can be written; `docs/load_in_pytorch.py` reads such files with PyTorch.
//!
//! ```
//! use gmp_train::{Mlp, Parameterization, safetensors};
//!
//! let network = Mlp::new(3, &[5], 1, Parameterization::Geometric).build::<f32>(1)?;
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("network.safetensors");
//! safetensors::export(&network, &file)?;
//!
//! let read = safetensors::load::<f32>(&file)?;
//! assert_eq!((read.spec(), &read.parameters), (network.spec(), &network.parameters));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod description;
mod file;
mod layout;
pub mod pytorch;

use crate::checkpoint::{CheckpointError, Problem, write_content};
use crate::io;
use file::Opened;
use gmp_nn::{Element, Network};
use layout::Layout;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// Writes all parameters and buffers, atomically. The metadata are `{"format": "pt"}` and, if the network has one,
/// its [description](Network::spec).
///
/// ```
/// use gmp_train::{Mlp, Parameterization, safetensors};
/// let folder = tempfile::tempdir()?;
/// let network = Mlp::new(3, &[5], 1, Parameterization::Standard).build::<f32>(1)?;
/// safetensors::export(&network, &folder.path().join("network.safetensors"))?;
/// let error = safetensors::export(&network, &folder.path().join("missing/network.safetensors")).unwrap_err();
/// assert!(error.to_string().contains("cannot create a file in the folder"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the operating system refuses.
pub fn export<T: Element>(network: &Network<T>, file: &Path) -> Result<(), CheckpointError> {
    write_content(file, to_bytes(network))
}

/// Reads all parameters and buffers of the network; single and double precision are converted to that of the network.
///
/// # Errors
/// If the file cannot be read, is not a regular file or not a safetensors file, lacks a matrix, has one twice or one
/// that the network does not have, has one of another shape or number type, has a number that is not finite in the
/// network's type, or has a header that is more than 1 MiB longer than the network's matrices need. The network is
/// then unchanged.
pub fn import<T: Element>(network: &mut Network<T>, file: &Path) -> Result<(), CheckpointError> {
    let layout = Layout::of(network);
    of_file(file, |open, length| {
        Opened::new(open, length, layout.longest_header())?.read_into(network, &layout)
    })
}

/// Loads a network from a file that describes it, as files of [`export`] and [`pytorch::export`] do. Single and
/// double precision are converted to `T`.
///
/// ```
/// use gmp_train::{Mlp, Parameterization, safetensors};
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("network.safetensors");
/// let network = Mlp::new(3, &[5], 1, Parameterization::WeightNorm).build::<f64>(1)?;
/// safetensors::export(&network, &file)?;
/// assert_eq!(safetensors::load::<f64>(&file)?.parameters, network.parameters);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`import`], and if the file does not describe its network (as files of other programs, or of networks with
/// user-defined layers), or describes a network with more numbers than the file has.
pub fn load<T: Element>(file: &Path) -> Result<Network<T>, CheckpointError> {
    of_file(file, description::read)
}

/// The content of the file that [`export`] writes.
///
/// ```
/// use gmp_train::{Mlp, Parameterization, safetensors};
/// let build = |seed| Mlp::new(3, &[5], 1, Parameterization::Geometric).build::<f32>(seed);
/// let (network, mut other) = (build(1)?, build(2)?);
/// safetensors::from_bytes(&mut other, &safetensors::to_bytes(&network)?)?;
/// assert_eq!(other.parameters, network.parameters);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If there are more than 100 MB of names.
pub fn to_bytes<T: Element>(network: &Network<T>) -> Result<Vec<u8>, Problem> {
    to_bytes_with_metadata(network, &BTreeMap::new())
}

/// The content of a file like that of [`to_bytes`], with metadata of your own in addition to those of this library:
/// whatever a program needs to use the network, such as the names of its inputs or a standardizer as JSON.
/// [`metadata_from_bytes`] reads them.
///
/// ```
/// use gmp_train::{Mlp, Parameterization, safetensors};
/// use std::collections::BTreeMap;
/// let network = Mlp::new(2, &[5], 1, Parameterization::Geometric).build::<f32>(1)?;
/// let metadata = BTreeMap::from([("inputs".to_owned(), "[\"length\",\"width\"]".to_owned())]);
/// let bytes = safetensors::to_bytes_with_metadata(&network, &metadata)?;
/// assert_eq!(safetensors::metadata_from_bytes(&bytes)?, metadata);
/// assert_eq!(safetensors::network_from_bytes::<f32>(&bytes)?.parameters, network.parameters);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`to_bytes`], and if a key is `format` or begins with `gmp.`, which are the keys of this library.
pub fn to_bytes_with_metadata<T: Element>(
    network: &Network<T>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Problem> {
    let mut all = description::of(network, None);
    description::add(&mut all, metadata)?;
    file::write(network, &Layout::of(network), &all)
}

/// The metadata in the content of a file, without those of this library.
///
/// # Errors
/// If it is not a safetensors file, or has a header of more than 4 MiB.
pub fn metadata_from_bytes(bytes: &[u8]) -> Result<BTreeMap<String, String>, Problem> {
    description::users(bytes, bytes.len() as u64)
}

/// Reads the content of a file, as [`import`] does.
///
/// ```
/// use gmp_train::{Mlp, Parameterization, safetensors};
/// let build = |units| Mlp::new(3, &[units], 1, Parameterization::Standard).build::<f32>(1);
/// let bytes = safetensors::to_bytes(&build(5)?)?;
/// let error = safetensors::from_bytes(&mut build(8)?, &bytes).unwrap_err();
/// assert_eq!(error.to_string(), "hidden1.weights: the file has shape [3, 5], expected [3, 8]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`import`].
pub fn from_bytes<T: Element>(network: &mut Network<T>, bytes: &[u8]) -> Result<(), Problem> {
    let layout = Layout::of(network);
    Opened::new(bytes, bytes.len() as u64, layout.longest_header())?.read_into(network, &layout)
}

/// The network in the content of a file, like [`load`].
///
/// # Errors
/// As [`load`].
pub fn network_from_bytes<T: Element>(bytes: &[u8]) -> Result<Network<T>, Problem> {
    description::read(bytes, bytes.len() as u64)
}

/// Writes the network like [`export`], with metadata of your own ([`to_bytes_with_metadata`]).
///
/// # Errors
/// As [`to_bytes_with_metadata`], and if the operating system refuses.
pub fn export_with_metadata<T: Element>(
    network: &Network<T>,
    metadata: &BTreeMap<String, String>,
    file: &Path,
) -> Result<(), CheckpointError> {
    write_content(file, to_bytes_with_metadata(network, metadata))
}

/// Calls `read` with an opened file and its length.
fn of_file<R>(file: &Path, read: impl FnOnce(File, u64) -> Result<R, Problem>) -> Result<R, CheckpointError> {
    let opened = io::open_regular(file).and_then(|open| Ok((open.metadata()?.len(), open)));
    let result = opened.map_err(file::failed).and_then(|(length, open)| read(open, length));
    result.map_err(|problem| CheckpointError { file: file.to_owned(), problem })
}
