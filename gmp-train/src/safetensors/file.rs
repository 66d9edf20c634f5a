//! The bytes of a file: a length, a header in JSON, and the numbers.

use super::layout::{Layout, Presence, Store};
use crate::checkpoint::{Problem, read_numbers, write_numbers};
use crate::io;
use ::safetensors::tensor::{Dtype, SafeTensors, TensorInfo, TensorView, serialize};
use gmp_math::Scalar;
use gmp_nn::{Element, Network};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::io::Read;

/// Bytes of the header's length, with which a file begins.
const PREFIX: usize = 8;
/// Most bytes of a header, in this format.
const MOST: usize = 100_000_000;

/// The content of a file with these tensors: the same bytes for the same network.
pub(super) fn write<T: Element>(
    network: &Network<T>,
    layout: &Layout,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Problem> {
    let mut tensors = Vec::new();
    for tensor in layout.tensors.iter().filter(|tensor| tensor.presence != Presence::NotWritten) {
        let mut bytes = Vec::new();
        write_numbers(&tensor.read_matrix(tensor.store.of(network).values()), &mut bytes);
        tensors.push((&tensor.name, &tensor.shape, bytes));
    }
    let dtype = if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 };
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(dtype, (*shape).clone(), bytes)?)));
    let bytes = views.collect::<Result<Vec<_>, _>>().and_then(|views| serialize(views, None));
    with_metadata(&bytes.map_err(|error| Problem::Metadata(error.to_string()))?, metadata)
}

/// The file with metadata, in the order of their keys: as a map of the crate `safetensors` they would have another order in
/// every process.
fn with_metadata(bytes: &[u8], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, Problem> {
    let wrong = |error: String| Problem::Metadata(error);
    let text = serde_json::to_string(metadata).map_err(|error| wrong(error.to_string()))?;
    let (prefix, rest) = bytes.split_at(PREFIX);
    let length = prefix.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte));
    let (tensors, numbers) = rest.split_at(length);
    let tensors = &tensors.trim_ascii_end()[1..];
    let comma = if tensors == b"}" { "" } else { "," };
    let mut header = format!("{{\"__metadata__\":{text}{comma}").into_bytes();
    header.extend_from_slice(tensors);
    // Numbers begin where they can be read in place.
    header.resize(header.len().next_multiple_of(PREFIX), b' ');
    if header.len() > MOST {
        return Err(wrong(format!("a header of {} bytes, expected at most {MOST}", header.len())));
    }
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.reserve_exact(header.len() + numbers.len());
    file.extend(header);
    file.extend_from_slice(numbers);
    Ok(file)
}

/// A file of which the header was read.
pub(super) struct Opened<R> {
    file: R,
    /// Of what comes behind the header.
    rest: u64,
    /// The prefix and the header.
    bytes: Vec<u8>,
}

impl<R: Read> Opened<R> {
    /// Reads the header of a file of `length` bytes, if it has at most `longest` bytes.
    pub(super) fn new(mut file: R, length: u64, longest: usize) -> Result<Self, Problem> {
        let cut = |part, expected| Problem::Length { part, found: length, expected };
        if length < PREFIX as u64 {
            return Err(cut("file", PREFIX as u64));
        }
        let mut bytes = Vec::new();
        io::append(&mut bytes, &mut file, PREFIX).map_err(failed)?;
        let header = bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        if header > longest as u64 {
            let text = format!("a header of {header} bytes, expected at most {longest}");
            return Err(Problem::Metadata(text));
        }
        let rest = length - PREFIX as u64;
        if header > rest {
            return Err(cut("file", header + PREFIX as u64));
        }
        io::append(&mut bytes, &mut file, header as usize).map_err(failed)?;
        Ok(Self { file, rest: rest - header, bytes })
    }

    /// What the header lists.
    pub(super) fn header(&self) -> Result<Header, Problem> {
        serde_json::from_slice(&self.bytes[PREFIX..]).map_err(|e| Problem::Metadata(e.to_string()))
    }

    /// Bytes behind the header.
    pub(super) fn rest(&self) -> u64 {
        self.rest
    }

    /// Reads the numbers of the network. What it cannot use is refused by the header alone, before there is memory for
    /// the rest; the network is then as before.
    pub(super) fn read_into<T: Element>(
        mut self,
        network: &mut Network<T>,
        layout: &Layout,
    ) -> Result<(), Problem> {
        check_header(layout, &self.header()?)?;
        // Both types of numbers and no more of them than the network has: what is left is in proportion to it.
        let numbers =
            network.parameters.values().len() + network.buffers.values().len() + layout.ignored.len();
        let (found, expected) = (self.rest, (size_of::<f64>() * numbers) as u64);
        if found > expected {
            return Err(Problem::Length { part: "tensors, in double precision at most", found, expected });
        }
        io::append(&mut self.bytes, self.file, found as usize).map_err(failed)?;

        let file =
            SafeTensors::deserialize(&self.bytes).map_err(|error| Problem::Metadata(error.to_string()))?;
        let mut parameters = network.parameters.values().to_vec();
        let mut buffers = network.buffers.values().to_vec();
        let is_there: HashSet<&str> = file.names().into_iter().collect();
        for tensor in &layout.tensors {
            let numbers = match is_there.contains(&tensor.name[..]) {
                true => values(&file, &tensor.name)?,
                false => vec![T::ZERO; tensor.slot.rows * tensor.slot.cols],
            };
            let values = match tensor.store {
                Store::Parameters => &mut parameters,
                Store::Buffers => &mut buffers,
            };
            tensor.write_matrix(&numbers, values);
        }
        network.parameters.values_mut().copy_from_slice(&parameters);
        network.buffers.values_mut().copy_from_slice(&buffers);
        Ok(())
    }
}

pub(super) fn failed(source: std::io::Error) -> Problem {
    Problem::Io { action: "read", source }
}

/// The header lists the layout's tensors, each once, with their shapes and a type that is read, and nothing else.
fn check_header(layout: &Layout, header: &Header) -> Result<(), Problem> {
    let mut tensors = HashMap::new();
    for (name, tensor) in &header.tensors {
        if tensors.insert(&name[..], tensor).is_some() {
            return mismatch(name, "it twice".to_owned(), "it once".to_owned());
        }
    }
    let known = layout.tensors.iter().map(|tensor| &tensor.name).chain(&layout.ignored);
    let known: HashSet<&str> = known.map(|name| &name[..]).collect();
    if let Some((name, _)) = header.tensors.iter().find(|(name, _)| !known.contains(&name[..])) {
        return mismatch(name, "it".to_owned(), "no such matrix".to_owned());
    }
    for tensor in &layout.tensors {
        let (name, expected) = (&tensor.name, &tensor.shape);
        match tensors.get(&name[..]) {
            None if tensor.presence != Presence::Always => {}
            None => return mismatch(name, "none".to_owned(), format!("shape {expected:?}")),
            Some(found) if found.shape != *expected => {
                let found = match found.shape.len() {
                    ..=8 => format!("shape {:?}", found.shape),
                    dimensions => format!("{dimensions} dimensions"),
                };
                return mismatch(name, found, format!("{expected:?}"));
            }
            Some(found) if !matches!(found.dtype, Dtype::F32 | Dtype::F64) => {
                return mismatch(name, format!("{:?}", found.dtype), "F32 or F64".to_owned());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The tensors of a header as they stand there: a map would keep the last of those with one name. And the metadata.
pub(super) struct Header {
    tensors: Vec<(String, TensorInfo)>,
    pub(super) metadata: HashMap<String, String>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Header;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with an entry for every tensor")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header { tensors: Vec::new(), metadata: HashMap::new() };
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        header.metadata = map.next_value::<Option<_>>()?.unwrap_or_default();
                    } else {
                        header.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The numbers of a tensor; [`check_header`] has seen that it is there.
fn values<T: Scalar>(file: &SafeTensors<'_>, name: &str) -> Result<Vec<T>, Problem> {
    let tensor = file.tensor(name).map_err(|error| Problem::Metadata(error.to_string()))?;
    let read: Vec<f64> = if tensor.dtype() == Dtype::F32 {
        read_numbers::<f32>(tensor.data()).into_iter().map(f64::from).collect()
    } else {
        read_numbers(tensor.data())
    };
    let mut values = Vec::with_capacity(read.len());
    for (index, value) in read.into_iter().enumerate() {
        let number = T::from_f64(value);
        if !number.to_f64().is_finite() {
            return Err(Problem::BrokenNumber { tensor: name.to_owned(), index, value, scalar: T::NAME });
        }
        values.push(number);
    }
    Ok(values)
}

fn mismatch<R>(matrix: &str, found: String, expected: String) -> Result<R, Problem> {
    Err(Problem::Mismatch { what: matrix.to_owned(), found, expected })
}
