//! Conversion of a checkpoint to bytes and back.
//!
//! | bytes | |
//! |---|---|
//! | 8 | [`MAGIC`] |
//! | 4 | format version, here [`VERSION`] |
//! | 4 | CRC-32 (IEEE) of all bytes that follow |
//! | 8 | length of the metadata |
//! | 8 | length of the tensors |
//! | … | metadata, laid out as `codec.rs` says |
//! | … | tensors, one after the other as the metadata list them, row-major |
//!
//! The state of the random numbers is not included: all of them come from streams that are identified by their
//! purpose and restarted from the seed, the epoch and the place (a shuffle, the crop of an image), so that
//! [`Trainer::seed`] and [`TrainState`](crate::TrainState) determine them.
//!
//! All numbers are little-endian. A version is frozen when it is released: any change makes a new version. Version 2
//! added the metrics at the end of the metadata, and version 3 added the description of the model after them.

use super::wire::{self, Metrics, Progress};
use super::{Checkpoint, IN_MEMORY, Problem, Tensor, codec};
use crate::{OptimizerState, Trainer, io};
use gmp_math::Scalar;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How a checkpoint begins.
pub(super) const MAGIC: [u8; 8] = *b"gmpckpt\n";
/// The version that is written, and the newest that is read.
pub(super) const VERSION: u32 = 3;
const HEADER: usize = 32;

#[derive(Serialize, Deserialize)]
struct Metadata<'a, M, D> {
    /// "f32" or "f64", of all tensors.
    scalar: &'a str,
    description: &'a str,
    /// JSON: a later release may add a setting with a default.
    trainer: &'a str,
    progress: Progress,
    optimizer: &'a str,
    optimizer_steps: u64,
    #[serde(borrow)]
    optimizer_settings: Vec<(&'a str, f64)>,
    /// Name, rows and columns.
    #[serde(borrow)]
    tensors: Vec<(&'a str, u64, u64)>,
    /// In version 1: nothing.
    metrics: M,
    /// Before version 3: nothing. JSON, or empty where the model does not say.
    model: D,
}

impl<'a, M, D> Metadata<'a, M, D> {
    /// That of the version that is written.
    fn with(
        self,
        metrics: impl FnOnce(&Progress, M) -> Metrics,
        model: &'a str,
    ) -> Metadata<'a, Metrics, &'a str> {
        let Self { scalar, description, trainer, progress, optimizer, optimizer_steps, .. } = self;
        let Self { optimizer_settings, tensors, .. } = self;
        let metrics = metrics(&progress, self.metrics);
        Metadata {
            scalar,
            description,
            trainer,
            progress,
            optimizer,
            optimizer_steps,
            optimizer_settings,
            tensors,
            metrics,
            model,
        }
    }
}

fn read_metadata(metadata: &[u8], version: u32) -> Result<Metadata<'_, Metrics, &str>, String> {
    Ok(match version {
        1 => {
            let old: Metadata<'_, (), ()> = codec::decode(metadata)?;
            old.with(|progress, ()| Metrics::none(progress.history.len()), "")
        }
        2 => {
            let old: Metadata<'_, Metrics, ()> = codec::decode(metadata)?;
            old.with(|_, metrics| metrics, "")
        }
        _ => codec::decode(metadata)?,
    })
}

const PARAMETERS: &str = "parameters/";
const BUFFERS: &str = "buffers/";
const OPTIMIZER: &str = "optimizer/";
const BEST_PARAMETERS: &str = "best/parameters";
const BEST_BUFFERS: &str = "best/buffers";

pub(super) fn encode<T: Scalar>(checkpoint: &Checkpoint<T>) -> Result<Vec<u8>, Problem> {
    let Checkpoint { description, model, trainer, progress: state, optimizer, parameters, buffers, .. } =
        checkpoint;
    let (progress, metrics) = wire::split(state);
    let matrices = |prefix: &'static str, tensors: &'_ [Tensor<T>]| -> Vec<(String, u64, u64)> {
        let line = |t: &Tensor<T>| (format!("{prefix}{}", t.name), t.rows as u64, t.cols as u64);
        tensors.iter().map(line).collect()
    };
    let mut names = matrices(PARAMETERS, parameters);
    names.extend(matrices(BUFFERS, buffers));
    let mut numbers: Vec<&[T]> = parameters.iter().chain(buffers).map(|t| &t.numbers[..]).collect();
    for (name, vector) in &optimizer.vectors {
        names.push((format!("{OPTIMIZER}{name}"), 1, vector.len() as u64));
        numbers.push(vector);
    }
    for (name, vector) in [(BEST_PARAMETERS, &state.best.parameters), (BEST_BUFFERS, &state.best.buffers)] {
        names.push((name.to_owned(), 1, vector.len() as u64));
        numbers.push(vector);
    }
    let metadata = codec::encode(&Metadata {
        scalar: T::NAME,
        description,
        trainer: &serde_json::to_string(trainer).map_err(|error| Problem::Metadata(error.to_string()))?,
        progress,
        optimizer: &optimizer.kind,
        optimizer_steps: optimizer.steps,
        optimizer_settings: optimizer.settings.iter().map(|(name, value)| (&name[..], *value)).collect(),
        tensors: names.iter().map(|(name, rows, cols)| (&name[..], *rows, *cols)).collect(),
        metrics,
        model: model.as_deref().unwrap_or_default(),
    })
    .map_err(Problem::Metadata)?;
    let tensor_bytes = numbers.iter().map(|numbers| numbers.len()).sum::<usize>() * size_of::<T>();
    let mut bytes = Vec::with_capacity(HEADER + metadata.len() + tensor_bytes);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend((metadata.len() as u64).to_le_bytes());
    bytes.extend((tensor_bytes as u64).to_le_bytes());
    bytes.extend(metadata);
    numbers.into_iter().for_each(|numbers| write_numbers(numbers, &mut bytes));
    let checksum = crc32fast::hash(&bytes[16..]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// The content of a file that begins as a checkpoint of its size does. No more than its header is read before that is
/// known.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Problem> {
    let failed = |source| Problem::Io { action: "read", source };
    let mut open = io::open_regular(file).map_err(failed)?;
    let length = open.metadata().map_err(failed)?.len();
    let mut bytes = Vec::new();
    io::append(&mut bytes, &mut open, length.min(HEADER as u64) as usize).map_err(failed)?;
    check_header(&bytes, length)?;
    io::append(&mut bytes, open, length as usize - HEADER).map_err(failed)?;
    Ok(bytes)
}

/// Lengths of the metadata and the tensors in a file of `length` bytes that begins with these.
fn check_header(bytes: &[u8], length: u64) -> Result<(u64, u64), Problem> {
    if !bytes.starts_with(&MAGIC) {
        let found = bytes[..bytes.len().min(8)].to_vec();
        return Err(Problem::Magic { found, expected: MAGIC });
    }
    let cut = |part, expected| Err(Problem::Length { part, found: length, expected });
    if bytes.len() < 12 {
        return cut("header", HEADER as u64);
    }
    let version = u32_at(bytes, 8);
    if version == 0 || version > VERSION {
        return Err(Problem::Version { found: version, known: VERSION });
    }
    if bytes.len() < HEADER {
        return cut("header", HEADER as u64);
    }
    let (metadata_bytes, tensor_bytes) = (u64_at(bytes, 16), u64_at(bytes, 24));
    let expected = metadata_bytes.saturating_add(tensor_bytes).saturating_add(HEADER as u64);
    if expected != length {
        return cut("file", expected);
    }
    Ok((metadata_bytes, tensor_bytes))
}

pub(super) fn decode<T: Scalar>(bytes: &[u8]) -> Result<Checkpoint<T>, Problem> {
    let (metadata_bytes, tensor_bytes) = check_header(bytes, bytes.len() as u64)?;
    let (found, expected) = (crc32fast::hash(&bytes[16..]), u32_at(bytes, 12));
    if found != expected {
        return Err(Problem::Checksum { found, expected });
    }
    let (metadata, mut numbers) = bytes[HEADER..].split_at(metadata_bytes as usize);
    let metadata = read_metadata(metadata, u32_at(bytes, 8)).map_err(Problem::Metadata)?;
    if metadata.scalar != T::NAME {
        let (found, expected) = (metadata.scalar.to_owned(), T::NAME.to_owned());
        return Err(Problem::Mismatch { what: "type of the numbers".to_owned(), found, expected });
    }
    let trainer: Trainer =
        serde_json::from_str(metadata.trainer).map_err(|e| Problem::Metadata(format!("trainer: {e}")))?;
    let Progress { batches, samples, .. } = metadata.progress;
    // All of them are, of an epoch that was left in its validation.
    if batches != 0 && (batches - 1).saturating_mul(trainer.batch_size) >= samples {
        let size = trainer.batch_size;
        let problem = format!("{batches} batches of {size} are done of an epoch of {samples} samples");
        return Err(Problem::Metadata(problem));
    }
    // Everything is allocated from here on: the list's sizes must be those of the bytes that are there.
    let size =
        |&(_, rows, cols): &(&str, u64, u64)| rows.checked_mul(cols)?.checked_mul(size_of::<T>() as u64);
    let listed = metadata.tensors.iter().try_fold(0_u64, |sum, tensor| sum.checked_add(size(tensor)?));
    if listed != Some(tensor_bytes) {
        let (found, expected) = (numbers.len() as u64, listed.unwrap_or(u64::MAX));
        return Err(Problem::Length { part: "tensors", found, expected });
    }
    let mut checkpoint = Checkpoint {
        description: metadata.description.to_owned(),
        model: (!metadata.model.is_empty()).then(|| metadata.model.to_owned()),
        progress: wire::join(metadata.progress, metadata.metrics, trainer.batch_size)
            .map_err(Problem::Metadata)?,
        trainer,
        optimizer: OptimizerState {
            kind: metadata.optimizer.to_owned(),
            steps: metadata.optimizer_steps,
            settings: metadata.optimizer_settings.iter().map(|&(name, x)| (name.to_owned(), x)).collect(),
            vectors: Vec::new(),
        },
        parameters: Vec::new(),
        buffers: Vec::new(),
        file: IN_MEMORY.into(),
    };
    for &(name, rows, cols) in &metadata.tensors {
        let (own, rest) = numbers.split_at((rows * cols) as usize * size_of::<T>());
        numbers = rest;
        let own = read_numbers(own);
        let tensor = |name: &str, numbers| Tensor {
            name: name.to_owned(),
            rows: rows as usize,
            cols: cols as usize,
            numbers,
        };
        if let Some(name) = name.strip_prefix(PARAMETERS) {
            checkpoint.parameters.push(tensor(name, own));
        } else if let Some(name) = name.strip_prefix(BUFFERS) {
            checkpoint.buffers.push(tensor(name, own));
        } else if let Some(name) = name.strip_prefix(OPTIMIZER) {
            checkpoint.optimizer.vectors.push((name.to_owned(), own));
        } else {
            match name {
                BEST_PARAMETERS => checkpoint.progress.best.parameters = own,
                BEST_BUFFERS => checkpoint.progress.best.buffers = own,
                _ => return Err(Problem::Metadata(format!("unknown tensor \"{name}\""))),
            }
        }
    }
    Ok(checkpoint)
}

/// Appends the numbers' little-endian bytes.
pub(crate) fn write_numbers<T: Scalar>(numbers: &[T], bytes: &mut Vec<u8>) {
    if size_of::<T>() == 4 {
        numbers.iter().for_each(|x| bytes.extend((x.to_f64() as f32).to_le_bytes()));
    } else {
        numbers.iter().for_each(|x| bytes.extend(x.to_f64().to_le_bytes()));
    }
}

/// The numbers of which these are the little-endian bytes.
pub(crate) fn read_numbers<T: Scalar>(bytes: &[u8]) -> Vec<T> {
    if size_of::<T>() == 4 {
        let numbers = bytes.as_chunks().0.iter().map(|&x| f64::from(f32::from_le_bytes(x)));
        numbers.map(T::from_f64).collect()
    } else {
        bytes.as_chunks().0.iter().map(|&x| T::from_f64(f64::from_le_bytes(x))).collect()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EpochRecord, Loss, TrainState};

    #[test]
    fn a_version_is_read_as_soon_as_it_is_there() {
        let mut header = MAGIC.to_vec();
        header.extend((VERSION + 1).to_le_bytes());
        assert!(matches!(check_header(&header[..11], 11), Err(Problem::Length { part: "header", .. })));
        assert!(matches!(check_header(&header, 12), Err(Problem::Version { .. })));
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        assert!(matches!(check_header(&header, 12), Err(Problem::Length { part: "header", .. })));
    }

    /// 1.2 million epochs, which are more than 64 MiB of history.
    #[test]
    fn the_history_may_be_long() {
        const EPOCHS: usize = 1_200_000;
        let trainer = Trainer::new(Loss::MeanSquaredError, 8, EPOCHS, 0.5);
        let mut progress = TrainState::<f32>::start(&trainer);
        progress.fit.epochs = EPOCHS;
        progress.batch_size = 8;
        let record = |epoch: usize| EpochRecord {
            epoch,
            training_loss: epoch as f64,
            validation: Some(0.25),
            learning_rate: 1.0 / (epoch + 1) as f64,
            training_metrics: vec![epoch as f64; 2],
            validation_metrics: vec![-1.0; 2],
        };
        progress.history = (0..EPOCHS).map(record).collect();
        let optimizer =
            OptimizerState { kind: "sgd".to_owned(), steps: 0, settings: Vec::new(), vectors: Vec::new() };
        let description = String::new();
        let (parameters, buffers) = (Vec::new(), Vec::new());
        let file = IN_MEMORY.into();
        let model = None;
        let whole =
            Checkpoint { description, model, trainer, progress, optimizer, parameters, buffers, file };
        let bytes = encode(&whole).unwrap();
        assert!(bytes.len() > 64 << 20, "{} bytes", bytes.len());
        assert!(decode::<f32>(&bytes).unwrap() == whole);
    }
}
