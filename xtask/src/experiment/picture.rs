//! Which run is pictured: the one of the median result, of the first few seeds, whose pictures are kept.

use crate::run::results::{Cell, Results};
use crate::run::trace::Trace;
use crate::run::{Protocol, Record, Run};

/// So many seeds have their pictures kept.
const PICTURED: u64 = 9;

/// Whether the picture of a run is kept, where the seeds begin with `first_seed`.
#[must_use]
pub fn is_kept(run: &Run, first_seed: u64) -> bool {
    run.protocol == Protocol::Paper && (first_seed..first_seed + PICTURED).contains(&run.seed)
}

/// The run of a cell with the median result, of those whose pictures were kept; of two in the middle the one with the
/// smaller number.
#[must_use]
pub fn median<'a>(results: &Results<'a>, cell: Cell<'_>) -> Option<(&'a Record, Trace)> {
    let first = results.of(cell).map(|record| record.run.seed).min()?;
    let mut kept: Vec<&'a Record> = results.of(cell).filter(|record| is_kept(&record.run, first)).collect();
    kept.sort_by(|a, b| {
        let value = |record: &Record| record.value.unwrap_or(f64::INFINITY);
        value(a).total_cmp(&value(b)).then(a.run.seed.cmp(&b.run.seed))
    });
    // Records of an earlier version kept the picture of one seed alone.
    let mut pictured: Vec<(&'a Record, Trace)> = kept
        .into_iter()
        .filter_map(|record| Some((record, results.trace(record)?)))
        .filter(|(_, trace)| !trace.snapshots.is_empty())
        .collect();
    let middle = pictured.len().checked_sub(1)? / 2;
    Some(pictured.swap_remove(middle))
}

/// The runs whose curves are drawn: one line a seed, and no more lines than a reader can follow.
pub fn drawn<'a>(results: &Results<'a>, cell: Cell<'_>) -> Vec<&'a Record> {
    results.of(cell).take(PICTURED as usize).collect()
}
