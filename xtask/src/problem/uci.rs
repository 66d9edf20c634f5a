//! The UCI regression sets, and other CSV files of the same form.

use super::{Setup, Watched, hold_out};
use crate::data::numpy::train_test_split;
use crate::data::table::Table;
use crate::run::results::SetId;
use crate::run::{Protocol, fingerprint};
use anyhow::{Context as _, Result, bail};
use gmp_train::{Dataset, Loss, Metric};
use std::path::Path;

/// Of every network.
pub const SETUP: Setup = Setup {
    units: 100,
    loss: Loss::MeanAbsoluteError,
    metric: Metric::RootMeanSquaredError,
    monitor: Metric::MeanSquaredError,
    watched: Watched::TestSet,
    batch_size: 1024,
    patience: (50, 100),
    standardize: true,
};
/// Maximum number of epochs.
pub const EPOCHS: usize = 5000;

/// The sets of the paper.
pub const NAMES: [&str; 7] = ["boston", "concrete", "energy", "naval", "power", "wine", "yacht"];

/// A run of a set with this many samples takes half a minute; the quick profile gives it one seed, the authors' rates
/// and fewer epochs.
pub const LARGE: usize = 5000;
/// Maximum number of epochs of a large set in the quick profile.
pub const QUICK_EPOCHS: usize = 300;

/// Makes sure that every part of a run's split has samples, whatever the seed.
///
/// # Errors
/// Too few rows.
pub fn check_rows(rows: usize, protocols: &[Protocol]) -> Result<()> {
    let (train, _) = train_test_split(rows, 0.2, 0)?;
    if protocols.contains(&Protocol::HeldOut) && hold_out(train.len(), 0).is_err() {
        bail!(
            "{rows} rows are too few to hold out some of the training samples; --protocol paper needs no more than 2"
        );
    }
    Ok(())
}

/// A set of samples with one target.
pub struct Set {
    /// What records and tables call it.
    pub name: String,
    /// All samples.
    pub data: Dataset<f64>,
    /// The names of the columns that are constant.
    pub constant: Vec<String>,
    /// What tells these samples from others.
    pub fingerprint: String,
}

impl Set {
    /// Reads a CSV file: a header, and the target in the last column.
    ///
    /// # Errors
    /// A file that is not of that form.
    pub fn read(name: String, path: &Path) -> Result<Self> {
        let table = Table::read_csv(path)?;
        let constant = table.constant_columns().into_iter().map(|j| table.columns[j].clone()).collect();
        let fingerprint = fingerprint(table.values.iter());
        let data = Dataset::new(table.inputs(), table.cols - 1, table.target(), 1)
            .with_context(|| path.display().to_string())?;
        Ok(Self { name, data, constant, fingerprint })
    }

    /// The set in records.
    #[must_use]
    pub fn id(&self) -> SetId<'_> {
        SetId { name: &self.name, fingerprint: &self.fingerprint }
    }

    /// Training and test samples as the authors' code splits them for a seed: every method of a seed sees the same ones.
    ///
    /// # Errors
    /// Too few samples.
    pub fn split(&self, seed: u64) -> Result<(Dataset<f64>, Dataset<f64>)> {
        let (train, test) = train_test_split(self.data.samples(), 0.2, seed)?;
        Ok((self.data.subset(&train)?, self.data.subset(&test)?))
    }
}
