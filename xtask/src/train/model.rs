//! A network together with what it needs to read a table and to answer in the units of the data: one safetensors file.

use super::error::TableError;
use super::samples::Columns;
use super::task::Task;
use gmp_nn::{Features, Network};
use gmp_train::checkpoint::{CheckpointError, Problem};
use gmp_train::io::read_regular;
use gmp_train::{Mat, Standardizer, Tape, safetensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The key of the description in the metadata of the file.
const KEY: &str = "table";
/// Its version, raised where a reader of the version before would misunderstand it.
const VERSION: u32 = 1;
/// Largest file that is read: 1 GiB.
const FILE_LIMIT: u64 = 1 << 30;
/// Rows that go through the network at a time. Always as many, so that the answer to a row does not depend on how many others
/// stand in its file, to the last bit.
const BLOCK: usize = 256;

/// A network for tables.
#[derive(Debug, Clone)]
pub struct TableModel {
    /// What the columns of its tables are.
    pub columns: Columns,
    /// The network, on standardized inputs.
    pub network: Network<f64>,
    /// What is done to the inputs.
    pub inputs: Standardizer<f64>,
    /// What is undone of its outputs; `None` for classes, whose outputs are logits.
    pub targets: Option<Standardizer<f64>>,
}

/// What the file says beside the network.
#[derive(Serialize, Deserialize)]
struct Description {
    version: u32,
    #[serde(flatten)]
    columns: Columns,
    input_standardizer: Standardizer<f64>,
    target_standardizer: Option<Standardizer<f64>>,
}

impl TableModel {
    /// The outputs for rows of inputs, in the units of the data: a prediction for each row, or the logits of its classes.
    ///
    /// # Panics
    /// If the numbers are no whole rows.
    #[must_use]
    pub fn outputs(&self, rows: &[f64]) -> Vec<f64> {
        let (inputs, outputs) = (self.columns.inputs.len(), self.columns.outputs());
        assert!(rows.len().is_multiple_of(inputs), "{} numbers are no rows of {inputs} inputs", rows.len());
        let (mut tape, mut all) = (Tape::new(), Vec::with_capacity(rows.len() / inputs * outputs));
        let mut block = vec![0.0; BLOCK * inputs];
        for part in rows.chunks(BLOCK * inputs) {
            let (filled, rest) = block.split_at_mut(part.len());
            filled.copy_from_slice(part);
            self.inputs.apply_to(filled);
            rest.fill(0.0);
            let answers = self.network.predict_with(&mut tape, Mat::new(&block, BLOCK, inputs));
            all.extend_from_slice(&answers.data()[..part.len() / inputs * outputs]);
        }
        if let Some(targets) = &self.targets {
            targets.inverse(&mut all);
        }
        all
    }

    /// Writes the network with its description, whole or not at all.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn write(&self, file: &Path) -> Result<(), TableError> {
        let description = Description {
            version: VERSION,
            columns: self.columns.clone(),
            input_standardizer: self.inputs.clone(),
            target_standardizer: self.targets.clone(),
        };
        let text = serde_json::to_string(&description).unwrap_or_else(|error| unreachable!("{error}"));
        let metadata = BTreeMap::from([(KEY.to_owned(), text)]);
        Ok(safetensors::export_with_metadata(&self.network, &metadata, file)?)
    }

    /// Reads what [`TableModel::write`] wrote.
    ///
    /// # Errors
    /// A file that cannot be read, is none of these, or whose description does not fit its network.
    pub fn read(file: &Path) -> Result<Self, TableError> {
        let failed = |source| CheckpointError {
            file: file.to_owned(),
            problem: Problem::Io { action: "read", source },
        };
        Self::from_bytes(file, &read_regular(file, FILE_LIMIT).map_err(failed)?)
    }

    /// The same from bytes in memory; `file` is what errors call them.
    ///
    /// # Errors
    /// As [`TableModel::read`].
    pub fn from_bytes(file: &Path, bytes: &[u8]) -> Result<Self, TableError> {
        let failed = |problem| CheckpointError { file: file.to_owned(), problem };
        let metadata = safetensors::metadata_from_bytes(bytes).map_err(failed)?;
        let name = || file.display().to_string();
        let text = metadata.get(KEY).ok_or_else(|| TableError::NotOfATable { file: name() })?;
        let wrong = |reason: String| TableError::Description { file: name(), reason };
        let description: Description =
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if description.version != VERSION {
            let found = description.version;
            return Err(wrong(format!("version {found}, but this release reads version {VERSION}")));
        }
        let network = safetensors::network_from_bytes(bytes).map_err(failed)?;
        let Description { columns, input_standardizer: inputs, target_standardizer: targets, .. } =
            description;
        let model = Self { columns, network, inputs, targets };
        model.check().map_err(wrong)?;
        Ok(model)
    }

    /// Whether all parts fit each other.
    fn check(&self) -> Result<(), String> {
        let Self { columns, network, inputs, targets } = self;
        let (names, classes) = (columns.inputs.len(), columns.classes.len());
        let shapes = (network.input(), network.output());
        if shapes != (Features::Vector(names), Features::Vector(columns.outputs())) {
            return Err(format!(
                "{names} input columns and {classes} classes, for a network from {:?} to {:?}",
                shapes.0, shapes.1
            ));
        }
        if inputs.mean().len() != names {
            return Err(format!("{names} input columns, and a standardizer of {}", inputs.mean().len()));
        }
        let is_regression = columns.task == Task::Regression;
        let has_targets = targets.as_ref().map_or(0, |targets| targets.mean().len());
        let fits = match columns.task {
            Task::Regression => classes == 0,
            Task::Binary => classes == 2,
            Task::MultiClass => classes >= 2,
        };
        if !fits || has_targets != usize::from(is_regression) {
            return Err(format!(
                "{classes} classes and a standardizer of {has_targets} targets, for {}",
                columns.task
            ));
        }
        Ok(())
    }
}
