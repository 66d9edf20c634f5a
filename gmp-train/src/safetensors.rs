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
use ::safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use gmp_math::Scalar;
use gmp_nn::{Element, Entry, Network, ParamStore, Role};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Writes all parameters and buffers, whole or not at all, with the metadata `{"format": "pt"}`.
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
/// If the file cannot be read, is no safetensors file, lacks a matrix, has one that the network has not, or one
/// of another shape or number type. The network is then as before.
pub fn import<T: Element>(network: &mut Network<T>, file: &Path) -> Result<(), CheckpointError> {
    let bytes = fs::read(file).map_err(|source| Problem::Io { action: "read", source });
    let read = bytes.and_then(|bytes| from_bytes(network, &bytes));
    read.map_err(|problem| CheckpointError { file: file.to_owned(), problem })
}

/// The content of the file that [`export`] writes.
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
/// # Errors
/// As [`import`].
pub fn from_bytes<T: Element>(network: &mut Network<T>, bytes: &[u8]) -> Result<(), Problem> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| Problem::Metadata(error.to_string()))?;
    let known = [&network.parameters, &network.buffers];
    let is_known = |name: &str| known.iter().any(|named| named.get(name).is_some());
    if let Some(name) = file.names().into_iter().find(|name| !is_known(name)) {
        return mismatch(name, "it".to_owned(), "no such matrix".to_owned());
    }
    let parameters = numbers(&file, &network.parameters)?;
    let buffers = numbers(&file, &network.buffers)?;
    network.parameters.values_mut().copy_from_slice(&parameters);
    network.buffers.values_mut().copy_from_slice(&buffers);
    Ok(())
}

fn numbers<T: Scalar>(file: &SafeTensors<'_>, named: &ParamStore<T>) -> Result<Vec<T>, Problem> {
    let mut numbers = Vec::with_capacity(named.values().len());
    for entry in named.entries() {
        let Ok(tensor) = file.tensor(&entry.name) else {
            return mismatch(&entry.name, "none".to_owned(), format!("shape {:?}", shape(entry)));
        };
        if tensor.shape() != shape(entry) {
            return mismatch(
                &entry.name,
                format!("shape {:?}", tensor.shape()),
                format!("{:?}", shape(entry)),
            );
        }
        match tensor.dtype() {
            Dtype::F32 => {
                numbers.extend(read_numbers::<f32>(tensor.data()).iter().map(|x| T::from_f64(x.to_f64())))
            }
            Dtype::F64 => numbers.extend(read_numbers::<f64>(tensor.data()).iter().map(|&x| T::from_f64(x))),
            other => return mismatch(&entry.name, format!("{other:?}"), "F32 or F64".to_owned()),
        }
    }
    Ok(numbers)
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
