//! Numbers of a record that questions are about.

use crate::run::Record;
use crate::run::measures::Stability;

/// A number of the boundaries of the network that was trained: under BN by the statistics of the batch.
#[must_use]
pub fn in_training(record: &Record, of: fn(&Stability) -> f64) -> Option<f64> {
    record.measures.as_ref()?.in_training().map(of)
}

/// A number of the boundaries in evaluation: under BN by its running statistics, as in the authors' code.
#[must_use]
pub fn in_evaluation(record: &Record, of: fn(&Stability) -> f64) -> Option<f64> {
    record.measures.as_ref()?.running.as_ref().map(of)
}

/// Share of the cells of the data's range that hold a spatial location at the end of training.
#[must_use]
pub fn covered(record: &Record) -> Option<f64> {
    Some(record.measures.as_ref()?.in_training()?.coverage?.end.cells)
}

/// Epochs until the training loss is one over two to this power of the first epoch's; none where it never is. The ladder of
/// [`Convergence`](crate::run::measures::Convergence) has eight steps to a factor of two.
#[must_use]
pub fn epochs_of_halvings(record: &Record, halvings: usize) -> Option<f64> {
    record.measures.as_ref()?.convergence.epochs.get(8 * halvings).map(|&epochs| epochs as f64)
}
