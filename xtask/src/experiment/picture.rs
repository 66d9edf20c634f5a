//! Which run is pictured: the one of the median result, of the first few seeds, whose pictures are kept.

use super::tables::curve;
use crate::report::figure::{Layer, Panel};
use crate::run::results::{Cell, Results};
use crate::run::trace::Trace;
use crate::run::{Protocol, Record, Run};

/// How many seeds have their pictures kept.
const PICTURED: u64 = 9;

/// Whether the picture of a run is kept, where the seeds begin with `first_seed`.
#[must_use]
pub fn is_kept(run: &Run, first_seed: u64) -> bool {
    run.protocol == Protocol::Paper && (first_seed..first_seed + PICTURED).contains(&run.seed)
}

/// The median run's name among [`PLACES`].
pub const MEDIAN: &str = "median";
/// Which of the pictured runs a reader can choose.
pub const PLACES: [&str; 3] = [MEDIAN, "best", "worst"];

/// The run of a cell with the median result, of those whose pictures were kept; of two in the middle the one with the
/// smaller number.
#[must_use]
pub fn median<'a>(results: &Results<'a>, cell: Cell<'_>) -> Option<(&'a Record, Trace)> {
    let mut pictured = pictured(results, cell);
    let middle = pictured.len().checked_sub(1)? / 2;
    Some(pictured.swap_remove(middle))
}

/// The same run, and with it the best and the worst of them.
#[must_use]
pub fn places<'a>(
    results: &Results<'a>,
    cell: Cell<'_>,
    larger_is_better: bool,
) -> Vec<(&'static str, &'a Record, Trace)> {
    let pictured = pictured(results, cell);
    let Some(last) = pictured.len().checked_sub(1) else { return Vec::new() };
    let [best, worst] = if larger_is_better { [last, 0] } else { [0, last] };
    let at = PLACES.into_iter().zip([last / 2, best, worst]);
    at.map(|(place, k)| (place, pictured[k].0, pictured[k].1.clone())).collect()
}

/// The runs of a cell whose pictures were kept, from the smallest to the largest number.
fn pictured<'a>(results: &Results<'a>, cell: Cell<'_>) -> Vec<(&'a Record, Trace)> {
    let Some(first) = results.of(cell).map(|record| record.run.seed).min() else { return Vec::new() };
    let mut kept: Vec<&'a Record> = results.of(cell).filter(|record| is_kept(&record.run, first)).collect();
    kept.sort_by(|a, b| {
        let value = |record: &Record| record.value.unwrap_or(f64::INFINITY);
        value(a).total_cmp(&value(b)).then(a.run.seed.cmp(&b.run.seed))
    });
    // Records of an earlier version kept the picture of one seed alone.
    kept.into_iter()
        .filter_map(|record| Some((record, results.trace(record)?)))
        .filter(|(_, trace)| !trace.snapshots.is_empty())
        .collect()
}

/// The curves of a cell: one line per seed, the first of them strong, and no more lines than a reader can follow.
#[must_use]
pub fn curves(mut panel: Panel, results: &Results<'_>, cell: Cell<'_>, of: fn(&Trace) -> &Vec<f32>) -> Panel {
    let method = cell.method;
    for (k, record) in results.of(cell).take(PICTURED as usize).enumerate() {
        let Some(trace) = results.trace(record) else { continue };
        let layer = Layer::line(curve(&trace.epochs, of(&trace)), method.color);
        panel = panel.with(if k == 0 {
            layer.sized(1.8).stroked(method.dash).labelled(method.name)
        } else {
            layer.sized(0.8).faded(0.35)
        });
    }
    panel
}
