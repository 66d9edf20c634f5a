//! What a run measures beside its result: how far boundaries moved, how smoothly, how well they are spread, and how fast the
//! loss fell.

use super::number;
use crate::setting::kernel::OfKernel;
use crate::setting::layers::OfLayer;
use gmp_train::{BoundaryChanges, Change};
use serde::{Deserialize, Serialize};

/// Everything that is measured of a run. Of a network on images, all of its convolutions are one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The hidden units' boundaries in evaluation: under BN with its running statistics, which lag behind. `None` where
    /// they were not watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Stability>,
    /// The boundaries in training: under BN with the statistics of the training samples (of the first
    /// [`BATCH_ROWS`], where there are more) at that moment. `None` where there is no
    /// normalization over the batch, so that they are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Stability>,
    /// How fast the training loss fell.
    pub convergence: Convergence,
    /// Epochs carried out when the learning rate fell, each time.
    pub reductions: Vec<usize>,
    /// Every hidden layer on its own, in runs that vary the depth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<OfLayer>,
    /// The neural tangent kernel, in runs that vary the width of a network without normalization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<OfKernel>,
}

/// Most training samples whose statistics make BN's boundary.
pub const BATCH_ROWS: usize = 1024;

impl Measures {
    /// The boundaries of the network that was trained: with the batch's statistics where there are any.
    #[must_use]
    pub fn in_training(&self) -> Option<&Stability> {
        self.batch.as_ref().or(self.running.as_ref())
    }
}

/// How far the boundaries of a layer moved, how smoothly, and how they are spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Movement of the spatial location, ‖φ_t − φ_{t−1}‖ per epoch.
    pub location: Windows,
    /// Turn of the normal per epoch, in radians.
    pub direction: Windows,
    /// log₂ of the length of a unit's path over the distance between its ends, the median over the units that moved: 0 for
    /// straight paths, 1 for a path of twice the distance. NaN where none moved.
    #[serde(with = "number")]
    pub tortuosity: f64,
    /// Unit-epochs without a finite movement, which are left out of everything else.
    pub undefined: usize,
    /// How the spatial locations are spread over the range of the training inputs; `None` for more than two inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

/// A movement, in three windows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// In the epochs before the learning rate fell for the first time: at one rate.
    pub before_reduction: OverUnits,
    /// Over the whole run, each epoch's movement divided by its learning rate.
    pub per_rate: OverUnits,
    /// Over the whole run as it is, however its rate fell.
    pub whole: OverUnits,
}

/// Three ways to sum a movement up over the units of a layer. The theory bounds the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OverUnits {
    /// Of the largest movement of an epoch.
    pub max: OverEpochs,
    /// Of the mean over units.
    pub mean: OverEpochs,
    /// Of the median over units.
    pub median: OverEpochs,
}

/// Three ways to sum a movement up over epochs, each as a log₂, so that differences are bits.
///
/// Movements below 2⁻²⁰ count as 2⁻²⁰ ([`FLOOR`]): an epoch in which nothing moved has no logarithm, and movements that
/// are not seen must not decide. All are NaN where there was no epoch with a finite movement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OverEpochs {
    /// log₂ of the mean over epochs: of the length of the path, which a few jumps may make up.
    #[serde(with = "number")]
    pub log_of_mean: f64,
    /// Mean over epochs of log₂: what a logarithmic axis shows.
    #[serde(with = "number")]
    pub mean_of_log: f64,
    /// log₂ of the largest epoch.
    #[serde(with = "number")]
    pub largest: f64,
}

/// The least movement that counts.
pub const FLOOR: f64 = 1.0 / (1 << 20) as f64;

impl OverEpochs {
    fn of(movements: impl Iterator<Item = f64>) -> Self {
        let (mut count, mut sum, mut logs, mut largest) = (0.0, 0.0, 0.0, f64::NAN);
        for movement in movements.filter(|x| x.is_finite()) {
            count += 1.0;
            sum += movement;
            logs += movement.max(FLOOR).log2();
            largest = movement.max(largest);
        }
        let log = |x: f64| if x.is_nan() { x } else { x.max(FLOOR).log2() };
        Self { log_of_mean: log(sum / count), mean_of_log: logs / count, largest: log(largest) }
    }
}

impl Windows {
    /// Sums up the changes of every epoch, which had these learning rates.
    ///
    /// # Panics
    /// If there are not as many rates as changes.
    #[must_use]
    pub fn of(changes: &[Change], rates: &[f64]) -> Self {
        assert_eq!(changes.len(), rates.len(), "one learning rate per epoch");
        let first = rates.iter().take_while(|rate| **rate == rates[0]).count();
        let over_units = |epochs: usize, per_rate: bool| {
            let of = |number: fn(&Change) -> f64| {
                let pairs = changes[..epochs].iter().zip(rates);
                OverEpochs::of(pairs.map(|(c, rate)| number(c) / if per_rate { *rate } else { 1.0 }))
            };
            OverUnits { max: of(|c| c.max), mean: of(|c| c.mean), median: of(|c| c.median) }
        };
        Self {
            before_reduction: over_units(first, false),
            per_rate: over_units(changes.len(), true),
            whole: over_units(changes.len(), false),
        }
    }
}

impl Stability {
    /// Sums up what was watched; `ranges` are the least and the largest training input of each coordinate.
    #[must_use]
    pub fn of(changes: &BoundaryChanges<f64>, ranges: &[(f64, f64)]) -> Self {
        let units = changes.path.len();
        let spread = |locations: &[f64]| Spread::of(locations, units, ranges);
        Self {
            location: Windows::of(&changes.location, &changes.rates),
            direction: Windows::of(&changes.direction, &changes.rates),
            tortuosity: tortuosity(changes.path.iter().copied().zip(changes.displacement())),
            undefined: changes.undefined,
            coverage: spread(changes.start())
                .zip(spread(changes.end()))
                .map(|(start, end)| Coverage { start, end }),
        }
    }
}

/// [`Stability::tortuosity`] of units whose paths have these lengths and these distances between their ends.
#[must_use]
pub fn tortuosity(paths: impl Iterator<Item = (f64, f64)>) -> f64 {
    let mut ratios: Vec<f64> = paths.filter(|(path, _)| *path > 0.0).map(|(path, d)| path / d).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).map_or(f64::NAN, |ratio| ratio.max(1.0).log2())
}

/// How the spatial locations of a layer are spread, before training and after its last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Before training.
    pub start: Spread,
    /// After the last epoch.
    pub end: Spread,
}

/// How points are spread over a range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Share of equal cells of the range that hold at least one point: of [`CELLS`] intervals in one dimension, of
    /// squares in two.
    pub cells: f64,
    /// Star discrepancy: the largest difference, over boxes with a corner at the range's lower ends, between the share of
    /// points in the box and the share of the range that it is. 0 for points that are spread evenly, 1 for points all
    /// outside.
    pub discrepancy: f64,
}

/// Cells along each axis, in one dimension and in two.
pub const CELLS: [usize; 2] = [40, 5];

impl Spread {
    /// Of `points`, one column per point and one row per coordinate. `None` unless there are one or two coordinates and
    /// points, and every range has a length. A point that is not finite is outside.
    #[must_use]
    pub fn of(points: &[f64], count: usize, ranges: &[(f64, f64)]) -> Option<Self> {
        let cells = *CELLS.get(ranges.len().checked_sub(1)?)?;
        if count == 0 || !ranges.iter().all(|(low, high)| high > low) {
            return None;
        }
        // Shares of the range; a second coordinate of 0 where there is one only.
        let place = |axis: usize, j: usize| {
            ranges.get(axis).map_or(0.0, |(low, high)| (points[axis * count + j] - low) / (high - low))
        };
        let places: Vec<[f64; 2]> = (0..count).map(|j| [place(0, j), place(1, j)]).collect();
        let inside = places.iter().filter(|place| place.iter().all(|x| (0.0..=1.0).contains(x)));
        let cell = |x: f64| ((x * cells as f64) as usize).min(cells - 1);
        let mut occupied: Vec<[usize; 2]> = inside.map(|place| place.map(cell)).collect();
        occupied.sort_unstable();
        occupied.dedup();
        let corners = |axis: usize| -> Vec<f64> {
            let ends = places.iter().map(move |place| place[axis]).filter(|x| (0.0..=1.0).contains(x));
            ends.chain([1.0]).collect()
        };
        let right = corners(0);
        let upper = if ranges.len() == 2 { corners(1) } else { vec![1.0] };
        let mut discrepancy: f64 = 0.0;
        for &x in &right {
            for &y in &upper {
                let held = |is_below: fn(f64, f64) -> bool| {
                    let is_held = |place: &&[f64; 2]| {
                        let is_in = |axis: usize, corner| place[axis] >= 0.0 && is_below(place[axis], corner);
                        is_in(0, x) && (ranges.len() == 1 || is_in(1, y))
                    };
                    places.iter().filter(is_held).count() as f64 / count as f64
                };
                for share in [held(|a, b| a <= b), held(|a, b| a < b)] {
                    discrepancy = discrepancy.max((share - x * y).abs());
                }
            }
        }
        Some(Self { cells: occupied.len() as f64 / cells.pow(ranges.len() as u32) as f64, discrepancy })
    }
}

/// The least and the largest number of each column of a row-major matrix.
#[must_use]
pub fn ranges(inputs: &[f64], columns: usize) -> Vec<(f64, f64)> {
    let column = |i: usize| inputs.iter().skip(i).step_by(columns);
    let range =
        |i| column(i).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (x.min(low), x.max(high)));
    (0..columns).map(range).collect()
}

/// When the training loss first reached each of a ladder of targets, which are the same for all runs: 2^(k/8), so that
/// each is 8% below the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Convergence {
    /// The k of the first target: the lowest that the first epoch's loss reached.
    pub first: i32,
    /// Epochs carried out when the loss reached that target, and those below it, one after the other, as far as it fell.
    pub epochs: Vec<usize>,
}

/// Steps of the ladder in a factor of two.
const STEPS: i32 = 8;
/// The lowest target: a loss of 0 reaches them all.
const LOWEST: i32 = -50 * STEPS;

impl Convergence {
    /// Of the mean training losses of every epoch. A loss that is not finite reaches nothing.
    #[must_use]
    pub fn of(losses: &[f64]) -> Self {
        let mut found = Self::default();
        for (epoch, &loss) in losses.iter().enumerate().filter(|(_, loss)| loss.is_finite()) {
            if found.epochs.is_empty() {
                found.first = Self::step(loss);
                found.epochs.push(epoch + 1);
            }
            // The next target is the one below all that were reached.
            while loss <= target(found.first - found.epochs.len() as i32)
                && found.first - found.epochs.len() as i32 >= LOWEST
            {
                found.epochs.push(epoch + 1);
            }
        }
        found
    }

    /// The lowest target that a run with this loss reached.
    #[must_use]
    pub fn target(loss: f64) -> f64 {
        target(Self::step(loss))
    }

    /// Epochs until the training loss first was at most `target`, of the ladder of [`Convergence::target`]; another number
    /// is taken for the next target below it. `None` where it never was: a censored run.
    #[must_use]
    pub fn epochs_to(&self, target: f64) -> Option<usize> {
        // A target of the ladder must be its own step, whatever the logarithm is rounded to.
        let step = (f64::from(STEPS) * target.log2() + 1e-6).floor() as i32;
        self.epochs.get(usize::try_from(self.first - step).unwrap_or(0)).copied()
    }

    fn step(loss: f64) -> i32 {
        ((f64::from(STEPS) * loss.log2() - 1e-6).ceil() as i32).max(LOWEST)
    }
}

fn target(step: i32) -> f64 {
    (f64::from(step) / f64::from(STEPS)).exp2()
}

/// Epochs carried out when the learning rate of the next one was lower.
#[must_use]
pub fn reductions(rates: &[f64]) -> Vec<usize> {
    (1..rates.len()).filter(|&epoch| rates[epoch] < rates[epoch - 1]).collect()
}

#[cfg(test)]
mod tests;
