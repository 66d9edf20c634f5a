//! What is kept of a run beside its result: curves over the epochs, and pictures of single runs.

use gmp_train::{BoundaryChanges, Change};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How far the activation boundaries moved in a run, over all units and epochs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Movement {
    /// Mean over epochs of the mean over units of ‖φ_t − φ_{t−1}‖.
    #[serde(with = "super::number")]
    pub location_mean: f64,
    /// Mean over epochs of the median over units.
    #[serde(with = "super::number")]
    pub location_median: f64,
    /// Largest ‖φ_t − φ_{t−1}‖.
    #[serde(with = "super::number")]
    pub location_max: f64,
    /// Mean over epochs of the mean over units of the change of direction, in radians.
    #[serde(with = "super::number")]
    pub direction_mean: f64,
    /// Mean over epochs of the median over units.
    #[serde(with = "super::number")]
    pub direction_median: f64,
    /// Largest change of direction in radians.
    #[serde(with = "super::number")]
    pub direction_max: f64,
    /// Share of unit-epochs in which φ did not move at all.
    #[serde(with = "super::number")]
    pub unmoved: f64,
    /// Training loss of the first epoch less that of the last.
    #[serde(with = "super::number")]
    pub loss_decrease: f64,
}

/// The curves of a run, and for some runs what its picture needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Middle of each bin of epochs.
    pub epochs: Vec<f32>,
    /// Per bin: mean over units of the movement of φ, averaged over the bin's epochs; the median likewise; the maximum.
    pub location: Curves,
    /// The same of the change of direction, in radians.
    pub direction: Curves,
    /// Training loss, averaged over the bin's epochs.
    #[serde(with = "nan_as_null")]
    pub loss: Vec<f32>,
    /// Epochs carried out and φ (inputs×units) after them.
    pub snapshots: Vec<(usize, Numbers)>,
    /// The network on the experiment's grid, before and after training.
    pub initial: Numbers,
    /// See `initial`.
    pub trained: Numbers,
    /// Learning rate in each bin, its mean over the bin's epochs.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "nan_as_null")]
    pub rates: Vec<f32>,
    /// `location` of the boundaries in training, with the statistics of the batch, where they are not those of evaluation:
    /// under BN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_location: Option<Curves>,
    /// `direction` likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_direction: Option<Curves>,
    /// `snapshots` likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batch_snapshots: Vec<(usize, Numbers)>,
    /// The network at a few moments, from the initial to the trained one; none of versions that did not keep them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// Every epoch of a classifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy: Vec<EpochAccuracy>,
    /// Angles of the first layer after training, (inputs−1)×units, where they were kept.
    #[serde(default)]
    pub angles: Numbers,
}

/// A network with one hidden layer at one moment of its training.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Epochs carried out.
    pub epochs: usize,
    /// Standard weights of its function in evaluation: those of the hidden layer (inputs×units), its biases, the weights of the
    /// output, its bias.
    pub network: Numbers,
    /// φ (inputs×units) of the boundaries in training, where they are not those of evaluation: under BN.
    #[serde(default, skip_serializing_if = "Numbers::is_empty")]
    pub batch: Numbers,
}

/// An epoch of a classifier: shares of the pictures, the top 1 and the top 5.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochAccuracy {
    /// Training pictures, as they were predicted on the way.
    pub training: [f64; 2],
    /// Validation pictures after the epoch.
    pub validation: [f64; 2],
    /// Mean training loss.
    pub loss: f64,
    /// Learning rate.
    pub lr: f64,
}

/// Three curves over the bins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Mean over units.
    #[serde(with = "nan_as_null")]
    pub mean: Vec<f32>,
    /// Median over units.
    #[serde(with = "nan_as_null")]
    pub median: Vec<f32>,
    /// Maximum over units.
    #[serde(with = "nan_as_null")]
    pub max: Vec<f32>,
}

/// Numbers that survive JSON, which has no NaN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbers(#[serde(with = "nan_as_null")] pub Vec<f32>);

impl Numbers {
    /// Rounds to single precision: enough for a picture.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Self {
        Self(numbers.iter().map(|&x| x as f32).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Most bins of a curve.
const BINS: usize = 250;

impl Trace {
    /// Movement of φ of the network that is trained: under BN by the statistics of the batch.
    #[must_use]
    pub fn location_in_training(&self) -> &Curves {
        self.batch_location.as_ref().unwrap_or(&self.location)
    }

    /// Its change of direction.
    #[must_use]
    pub fn direction_in_training(&self) -> &Curves {
        self.batch_direction.as_ref().unwrap_or(&self.direction)
    }

    /// Its φ over training.
    #[must_use]
    pub fn snapshots_in_training(&self) -> &[(usize, Numbers)] {
        if self.batch_snapshots.is_empty() { &self.snapshots } else { &self.batch_snapshots }
    }

    /// The content of a file of curves; none if it is not one, or the snapshots or frames are not of the same units.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let trace: Self = serde_json::from_slice(bytes).ok()?;
        let are_alike = |snapshots: &[(usize, Numbers)]| {
            snapshots.windows(2).all(|pair| pair[0].1.0.len() == pair[1].1.0.len())
        };
        let size = |frame: &Frame| (frame.network.0.len(), frame.batch.0.len());
        let frames_are_alike = trace.frames.windows(2).all(|pair| size(&pair[0]) == size(&pair[1]));
        (frames_are_alike && are_alike(&trace.snapshots) && are_alike(&trace.batch_snapshots))
            .then_some(trace)
    }

    /// Bins the changes of every epoch and the losses beside them.
    #[must_use]
    pub fn of(changes: &BoundaryChanges<f64>, losses: &[f64]) -> Self {
        let epochs = losses.len();
        let average = |values: &[f64]| average(values.iter().copied());
        let binned = |values: &[f64]| bins(epochs).map(|b| average(&values[b])).collect();
        Self {
            epochs: bins(epochs).map(|b| (b.start + b.end) as f32 / 2.0).collect(),
            location: Curves::of(&changes.location),
            direction: Curves::of(&changes.direction),
            loss: binned(losses),
            rates: binned(&changes.rates),
            ..Self::default()
        }
    }

    /// Adds the changes of the boundaries in training.
    pub fn in_batch(&mut self, changes: &BoundaryChanges<f64>) {
        self.batch_location = Some(Curves::of(&changes.location));
        self.batch_direction = Some(Curves::of(&changes.direction));
    }
}

impl Curves {
    fn of(changes: &[Change]) -> Self {
        let bins = || bins(changes.len());
        Self {
            mean: bins().map(|b| average(changes[b].iter().map(|c| c.mean))).collect(),
            median: bins().map(|b| average(changes[b].iter().map(|c| c.median))).collect(),
            max: bins().map(|b| changes[b].iter().map(|c| c.max).fold(f64::NAN, f64::max) as f32).collect(),
        }
    }
}

/// The bins of a number of epochs.
fn bins(epochs: usize) -> impl Iterator<Item = Range<usize>> {
    let width = epochs.div_ceil(BINS).max(1);
    (0..epochs).step_by(width).map(move |start| start..epochs.min(start + width))
}

/// Mean of the finite values.
fn average(values: impl Iterator<Item = f64>) -> f32 {
    let (sum, count) = values.filter(|x| x.is_finite()).fold((0.0, 0), |(s, n), x| (s + x, n + 1));
    (sum / f64::from(count)) as f32
}

impl Movement {
    /// Sums up the changes of every epoch.
    #[must_use]
    pub fn of(changes: &BoundaryChanges<f64>, units: usize, losses: &[f64]) -> Self {
        let mean = |changes: &[Change], of: fn(&Change) -> f64| {
            let finite: Vec<f64> = changes.iter().map(of).filter(|x| x.is_finite()).collect();
            finite.iter().sum::<f64>() / finite.len().max(1) as f64
        };
        let max = |changes: &[Change]| changes.iter().map(|c| c.max).fold(0.0, f64::max);
        Self {
            location_mean: mean(&changes.location, |c| c.mean),
            location_median: mean(&changes.location, |c| c.median),
            location_max: max(&changes.location),
            direction_mean: mean(&changes.direction, |c| c.mean),
            direction_median: mean(&changes.direction, |c| c.median),
            direction_max: max(&changes.direction),
            unmoved: changes.unmoved as f64 / (changes.location.len() * units).max(1) as f64,
            loss_decrease: losses.first().zip(losses.last()).map_or(0.0, |(first, last)| first - last),
        }
    }
}

mod nan_as_null {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(numbers: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(numbers.iter().map(|x| x.is_finite().then_some(x)))
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        let numbers = Vec::<Option<f32>>::deserialize(deserializer)?;
        Ok(numbers.into_iter().map(|x| x.unwrap_or(f32::NAN)).collect())
    }
}
