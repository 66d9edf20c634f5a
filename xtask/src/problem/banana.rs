//! The banana set: two classes of points in the plane.

use super::{Setup, Watched};
use crate::data::table::Table;
use crate::data::{banana, notebook};
use crate::run::{Run, fingerprint};
use anyhow::Result;
use gmp_nn::Rng;
use gmp_train::{Dataset, Loss, Metric, split};
use std::path::{Path, PathBuf};

/// Of every network.
pub const SETUP: Setup = Setup {
    units: 10,
    loss: Loss::BinaryCrossEntropy,
    metric: Metric::BinaryAccuracy,
    monitor: Metric::BinaryAccuracy,
    watched: Watched::TestSet,
    batch_size: 128,
    patience: (50, 100),
    standardize: true,
};
/// Maximum number of epochs.
pub const EPOCHS: usize = 5000;
/// Points taken of the whole set.
const SUBSET: usize = 1000;
/// Points of them that train and that test.
pub const TRAIN: usize = 800;
/// See [`TRAIN`].
pub const TEST: usize = 200;

/// Another subset and split for every seed.
pub const SEEDED: &str = "banana";
/// The set that is drawn where the real one is not at hand.
pub const GENERATED: &str = "banana-generated";
/// The authors' subset and split; the seed draws the initial weights and shuffles only.
pub const NOTEBOOK: &str = "banana-notebook";

/// Where the real set is looked for.
#[must_use]
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("banana.csv")
}

/// All points, real or generated.
pub struct Banana {
    /// Two coordinates and the class.
    pub table: Table,
    /// What tells these points from others.
    pub fingerprint: String,
}

impl Banana {
    /// The whole set, or a generated one where it is not in the data folder, and whether it is the real one.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn load(data_dir: &Path) -> Result<(Self, bool)> {
        let found = banana::load(data_dir)?;
        let is_real = found.is_some();
        let generated = || {
            let mut rng = Rng::new(0, "generated banana set");
            banana::synthetic(5300, &mut || rng.uniform())
        };
        let table = found.unwrap_or_else(generated);
        let fingerprint = fingerprint(table.values.iter());
        Ok((Self { table, fingerprint }, is_real))
    }

    /// Training and test samples of a run, classes as 0 and 1.
    ///
    /// # Errors
    /// A part without samples.
    pub fn samples(&self, run: &Run) -> Result<(Dataset<f64>, Dataset<f64>)> {
        let (train, test) = if run.dataset == NOTEBOOK {
            notebook::banana_split()
        } else {
            let mut rows: Vec<usize> = (0..self.table.rows).collect();
            Rng::new(run.seed, "banana subset").shuffle(&mut rows);
            rows.truncate(SUBSET);
            let (train, test) = split(rows.len(), 0.2, &mut Rng::new(run.seed, "test split"))?;
            (train.iter().map(|&i| rows[i]).collect(), test.iter().map(|&i| rows[i]).collect())
        };
        let targets = self.table.target().iter().map(|&class| f64::from(class > 0.0)).collect();
        let all = Dataset::new(self.table.inputs(), 2, targets, 1)?;
        Ok((all.subset(&train)?, all.subset(&test)?))
    }
}
