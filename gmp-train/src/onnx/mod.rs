//! Networks as ONNX files, with the feature `onnx`, for ONNX Runtime and every other program that reads the format.
//!
//! Any network that [`fold::to_standard`] can convert can be written, in evaluation mode. The file uses operators of
//! opset 13 (`Gemm`, `Conv`, `MaxPool`, `GlobalAveragePool`, `Add`, and those of activations) with single precision.
//! The graph has one input, `input`, and one output, `output`, and the batch size is free. A vector is batch ×
//! features; an image is batch × channels × height × width, while this library stores channels last.
//!
//! ```
//! use gmp_train::{Mlp, Parameterization, onnx};
//! let network = Mlp::new(3, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
//! let folder = tempfile::tempdir()?;
//! onnx::export(&network, &folder.path().join("network.onnx"))?;
//! // In Python: onnxruntime.InferenceSession("network.onnx").run(None, {"input": x})
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod graph;
mod messages;

use crate::checkpoint::{CheckpointError, Problem, write_content};
use gmp_nn::{Element, Network, fold};
use prost::Message;
use std::path::Path;

/// Most bytes of a message of protocol buffers.
const LARGEST: usize = i32::MAX as usize;

/// Writes the network as an ONNX file, atomically.
///
/// # Errors
/// If the network cannot be folded (layer normalization, a user-defined layer), has a user-defined activation or a
/// number that is not finite in single precision, is larger than 2 GiB, or if the operating system refuses.
pub fn export<T: Element>(network: &Network<T>, file: &Path) -> Result<(), CheckpointError> {
    write_content(file, to_bytes(network))
}

/// The content of the file that [`export`] writes.
///
/// ```
/// use gmp_train::{Mlp, Normalization, Parameterization, onnx};
/// let mlp = Mlp::new(3, &[5], 1, Parameterization::Standard);
/// assert!(onnx::to_bytes(&mlp.build::<f32>(1)?).is_ok());
///
/// let normalized = mlp.normalization(Normalization::layer()).build::<f32>(1)?;
/// assert!(onnx::to_bytes(&normalized).unwrap_err().to_string().starts_with("hidden1"));
/// # Ok::<(), gmp_train::gmp_nn::Error>(())
/// ```
///
/// # Errors
/// As [`export`].
pub fn to_bytes<T: Element>(network: &Network<T>) -> Result<Vec<u8>, Problem> {
    let model = messages::Model {
        ir_version: messages::IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph::of(&fold::to_standard(network)?)?),
        opset_import: vec![messages::OperatorSet { domain: String::new(), version: messages::OPSET }],
    };
    match model.encoded_len() {
        ..=LARGEST => Ok(model.encode_to_vec()),
        found => {
            let (part, found, expected) = ("model, at most", found as u64, LARGEST as u64);
            Err(Problem::Length { part, found, expected })
        }
    }
}
