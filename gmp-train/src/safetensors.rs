//! Networks to and from safetensors files, matrix by matrix: the way to PyTorch and back.
//!
//! Names are those of [`Network::parameters`] and [`Network::buffers`]: `"hidden1.weights"`. Weights and angles are
//! inputs × units, where PyTorch's `Linear` has units × inputs: it takes the transpose. What has one number a unit
//! is one-dimensional. `docs/load_in_pytorch.py` reads and writes such files; it wants plain weights, which
//! [`gmp_nn::fold::to_standard`] makes of any network.
//!
//! ```
//! use gmp_nn::{Mlp, Parameterization, fold};
//! use gmp_train::safetensors;
//!
//! let network = Mlp::new(3, &[5], 1, Parameterization::Geometric).build::<f32>(1)?;
//! let plain = fold::to_standard(&network)?;
//! let file = std::env::temp_dir().join(format!("network {}.safetensors", std::process::id()));
//! safetensors::export(&plain, &file)?;
//!
//! let mut read = Mlp::new(3, &[5], 1, Parameterization::Standard).build::<f32>(2)?;
//! safetensors::import(&mut read, &file)?;
//! assert_eq!(read.parameters, plain.parameters);
//! # std::fs::remove_file(&file)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::checkpoint::{CheckpointError, Problem, read_numbers, write_atomic, write_numbers};
use crate::io;
use ::safetensors::tensor::{Dtype, SafeTensors, TensorInfo, TensorView, serialize};
use gmp_math::Scalar;
use gmp_nn::{Element, Entry, Network, ParamStore, Role};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::path::Path;

/// Bytes of the header's length, with which a file begins.
const PREFIX: usize = 8;
/// Most bytes of a header besides the description of the network's matrices: blanks and the metadata of others.
const MOST_BESIDES: usize = 1 << 20;
/// Most bytes of a matrix's description besides its name.
const MOST_A_MATRIX: usize = 256;

/// Writes all parameters and buffers, whole or not at all, with the metadata `{"format": "pt"}`.
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
    let written = to_bytes(network).and_then(|bytes| write_atomic(file, &bytes));
    written.map_err(|problem| CheckpointError { file: file.to_owned(), problem })
}

/// Reads all parameters and buffers of the network; single and double precision are converted to its own.
///
/// # Errors
/// If the file cannot be read, is no regular file, is no safetensors file, lacks a matrix, has one twice or one that the
/// network has not, has one of another shape or number type, or a number that is not finite in the network's type. So
/// is a header that is more than 1 MiB longer than the network's matrices need. The network is then as before.
pub fn import<T: Element>(network: &mut Network<T>, file: &Path) -> Result<(), CheckpointError> {
    let opened = io::open_regular(file).and_then(|open| Ok((open.metadata()?.len(), open))).map_err(failed);
    let read = opened.and_then(|(length, open)| read(network, open, length));
    read.map_err(|problem| CheckpointError { file: file.to_owned(), problem })
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
    let mut matrices = Vec::new();
    for named in [&network.parameters, &network.buffers] {
        for entry in named.entries() {
            let mut bytes = Vec::new();
            write_numbers(&named.values()[entry.slot.range()], &mut bytes);
            matrices.push((&entry.name, shape(entry), bytes));
        }
    }
    let dtype = if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 };
    let views = matrices
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(dtype, shape.clone(), bytes)?)));
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = views.collect::<Result<Vec<_>, _>>().and_then(|views| serialize(views, Some(metadata)));
    bytes.map_err(|error| Problem::Metadata(error.to_string()))
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
    read(network, bytes, bytes.len() as u64)
}

/// Reads a file of `length` bytes. What the network cannot use is refused by the header alone, before there is memory
/// for the rest.
fn read<T: Element>(network: &mut Network<T>, mut file: impl Read, length: u64) -> Result<(), Problem> {
    let cut = |part, expected| Problem::Length { part, found: length, expected };
    if length < PREFIX as u64 {
        return Err(cut("file", PREFIX as u64));
    }
    let mut bytes = Vec::new();
    io::append(&mut bytes, &mut file, PREFIX).map_err(failed)?;
    let header = bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
    let entries = || network.parameters.entries().iter().chain(network.buffers.entries());
    // A character of a name may be written with six, as \u0061.
    let most = entries().map(|entry| MOST_A_MATRIX + 6 * entry.name.len()).sum::<usize>() + MOST_BESIDES;
    if header > most as u64 {
        return Err(Problem::Metadata(format!("a header of {header} bytes, expected at most {most}")));
    }
    let rest = length - PREFIX as u64;
    if header > rest {
        return Err(cut("file", header + PREFIX as u64));
    }
    io::append(&mut bytes, &mut file, header as usize).map_err(failed)?;
    check_header(network, &bytes[PREFIX..])?;
    // Both types of numbers and no more of them than the network has: what is left is in proportion to it.
    let numbers = network.parameters.values().len() + network.buffers.values().len();
    let (found, expected) = (rest - header, (size_of::<f64>() * numbers) as u64);
    if found > expected {
        return Err(Problem::Length { part: "tensors, in double precision at most", found, expected });
    }
    io::append(&mut bytes, file, found as usize).map_err(failed)?;

    let file = SafeTensors::deserialize(&bytes).map_err(|error| Problem::Metadata(error.to_string()))?;
    let parameters = values(&file, &network.parameters)?;
    let buffers = values(&file, &network.buffers)?;
    network.parameters.values_mut().copy_from_slice(&parameters);
    network.buffers.values_mut().copy_from_slice(&buffers);
    Ok(())
}

fn failed(source: std::io::Error) -> Problem {
    Problem::Io { action: "read", source }
}

/// The header lists the network's matrices, each once, with their shapes and a type that is read, and nothing else.
fn check_header<T: Element>(network: &Network<T>, header: &[u8]) -> Result<(), Problem> {
    let header: Header = serde_json::from_slice(header).map_err(|e| Problem::Metadata(e.to_string()))?;
    let mut tensors = HashMap::new();
    for (name, tensor) in &header.0 {
        if tensors.insert(&name[..], tensor).is_some() {
            return mismatch(name, "it twice".to_owned(), "it once".to_owned());
        }
    }
    let known = [&network.parameters, &network.buffers];
    let is_known = |name: &str| known.iter().any(|named| named.get(name).is_some());
    if let Some((name, _)) = header.0.iter().find(|(name, _)| !is_known(name)) {
        return mismatch(name, "it".to_owned(), "no such matrix".to_owned());
    }
    for entry in known.into_iter().flat_map(|named| named.entries()) {
        let (name, expected) = (&entry.name, shape(entry));
        match tensors.get(&name[..]) {
            None => return mismatch(name, "none".to_owned(), format!("shape {expected:?}")),
            Some(tensor) if tensor.shape != expected => {
                let found = match tensor.shape.len() {
                    ..=8 => format!("shape {:?}", tensor.shape),
                    dimensions => format!("{dimensions} dimensions"),
                };
                return mismatch(name, found, format!("{expected:?}"));
            }
            Some(tensor) if !matches!(tensor.dtype, Dtype::F32 | Dtype::F64) => {
                return mismatch(name, format!("{:?}", tensor.dtype), "F32 or F64".to_owned());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The tensors of a header as they stand there: a map would keep the last of those with one name.
struct Header(Vec<(String, TensorInfo)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Header;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with an entry for every tensor")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut tensors = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        tensors.push((name, map.next_value()?));
                    }
                }
                Ok(Header(tensors))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The numbers of all matrices of `named`, one after the other; [`check_header`] has seen that they are there.
fn values<T: Scalar>(file: &SafeTensors<'_>, named: &ParamStore<T>) -> Result<Vec<T>, Problem> {
    let mut values = Vec::with_capacity(named.values().len());
    for entry in named.entries() {
        let tensor = file.tensor(&entry.name).map_err(|error| Problem::Metadata(error.to_string()))?;
        let read: Vec<f64> = if tensor.dtype() == Dtype::F32 {
            read_numbers::<f32>(tensor.data()).into_iter().map(f64::from).collect()
        } else {
            read_numbers(tensor.data())
        };
        for (index, value) in read.into_iter().enumerate() {
            let number = T::from_f64(value);
            if !number.to_f64().is_finite() {
                let (tensor, scalar) = (entry.name.clone(), T::NAME);
                return Err(Problem::BrokenNumber { tensor, index, value, scalar });
            }
            values.push(number);
        }
    }
    Ok(values)
}

fn shape(entry: &Entry) -> Vec<usize> {
    match entry.role {
        Role::Weight | Role::Angle => vec![entry.slot.rows, entry.slot.cols],
        _ if entry.slot.rows == 1 => vec![entry.slot.cols],
        _ => vec![entry.slot.rows, entry.slot.cols],
    }
}

fn mismatch<R>(matrix: &str, found: String, expected: String) -> Result<R, Problem> {
    Err(Problem::Mismatch { what: matrix.to_owned(), found, expected })
}
