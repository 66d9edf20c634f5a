//! The movement of the activation boundaries of a layer's units during a run.

use super::{Epoch, Observer};
use crate::Model;
use gmp_autograd::{Mat, Tape};
use gmp_math::Scalar;
use gmp_math::boundary::turns_into;
use gmp_math::simd::{Kernel, dispatch};
use gmp_nn::{Boundaries, Element};
use std::f64::consts::PI;
use std::ops::ControlFlow;

/// Mean, median and maximum over the units of one quantity at one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Mean over units.
    pub mean: f64,
    /// Median over units (the upper one of an even number).
    pub median: f64,
    /// Maximum over units.
    pub max: f64,
}

impl Change {
    /// Computes them from the finite values; the others are removed. NaN if there are none.
    ///
    /// ```
    /// use gmp_train::Change;
    /// let change = Change::of(&mut vec![1.0, 5.0, f64::NAN, 3.0]);
    /// assert_eq!((change.mean, change.median, change.max), (3.0, 3.0, 5.0));
    /// ```
    pub fn of(values: &mut Vec<f64>) -> Self {
        values.retain(|x| x.is_finite());
        if values.is_empty() {
            return Self { mean: f64::NAN, median: f64::NAN, max: f64::NAN };
        }
        let middle = values.len() / 2;
        let median = *values.select_nth_unstable_by(middle, f64::total_cmp).1;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self { mean, median, max: values.iter().copied().fold(0.0, f64::max) }
    }
}

/// Records how far every unit's boundary of one layer moves from epoch to epoch.
///
/// `location` is ‖φ_t − φ_{t−1}‖ of the spatial location φ = −b w/‖w‖²; `direction` is the angle between the
/// normals before and after, in radians. Values that are not finite (a unit whose weights are zero) are left out of both,
/// and counted in `undefined`.
///
/// ```
/// use gmp_nn::{Mlp, Normalization, Parameterization};
/// use gmp_train::{Adam, BoundaryChanges, Dataset, Loss, Trainer};
///
/// let x = vec![1.0, 2.0, 6.0, 8.0];
/// let data = Dataset::new(x.clone(), 1, vec![1.0, 0.0, 1.0, 0.0], 1)?;
/// let mlp = Mlp::new(1, &[10], 1, Parameterization::Standard).normalization(Normalization::batch());
/// let mut network = mlp.build::<f64>(7)?;
/// // The boundaries of evaluation, and those of training, where BN has the statistics of the batch.
/// let mut changes = (
///     BoundaryChanges::new(&network, "hidden1"),
///     BoundaryChanges::in_batch(&network, "hidden1", x, 1),
/// );
/// let trainer = Trainer::new(Loss::MeanSquaredError, 4, 20, 0.01);
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut changes)?;
/// assert_eq!((changes.0.location.len(), changes.1.location.len()), (20, 20));
/// // The running statistics lag behind.
/// assert!(changes.0.location[19].mean > changes.1.location[19].mean);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BoundaryChanges<T: Element> {
    /// Movement of the spatial location, per epoch.
    pub location: Vec<Change>,
    /// Turn of the normal, per epoch, in radians.
    pub direction: Vec<Change>,
    /// Learning rate of each epoch's last step.
    pub rates: Vec<f64>,
    /// Number of pairs of a unit and an epoch for which the location did not move at all.
    pub unmoved: usize,
    /// Number of pairs of a unit and an epoch for which the location or the normal was not finite, before or after.
    pub undefined: usize,
    /// Length of the path of every unit's location: the sum of its movements, leaving out those that are not finite.
    pub path: Vec<f64>,
    watched: Watched<T>,
    start: Vec<T>,
    before: Snapshot<T>,
    after: Snapshot<T>,
    values: Vec<f64>,
}

/// Where boundaries are read.
#[derive(Debug)]
struct Watched<T: Element> {
    layer: String,
    /// The batch whose statistics they have: inputs, row by row, and the number of columns.
    batch: Option<(Vec<T>, usize)>,
    tape: Tape<T>,
    statistics: Vec<T>,
}

#[derive(Debug, Default)]
struct Snapshot<T> {
    boundaries: Boundaries<T>,
    locations: Vec<T>,
}

impl<T: Element> Watched<T> {
    fn new(layer: &str, batch: Option<(Vec<T>, usize)>) -> Self {
        if let Some((inputs, columns)) = &batch {
            let (numbers, columns) = (inputs.len(), *columns);
            assert!(
                columns > 0 && numbers > 0 && numbers.is_multiple_of(columns),
                "a batch of {numbers} numbers in {columns} columns; expected at least one whole row"
            );
        }
        Self { layer: layer.to_owned(), batch, tape: Tape::new(), statistics: Vec::new() }
    }

    fn take(&mut self, model: &dyn Model<T>, into: &mut Snapshot<T>) {
        let Self { layer, batch, tape, statistics } = self;
        let has_units = match batch {
            None => model.boundaries(layer, &mut into.boundaries),
            Some((inputs, columns)) => {
                let x = Mat::new(inputs, inputs.len() / *columns, *columns);
                model.batch_boundaries(layer, x, (tape, statistics), &mut into.boundaries)
            }
        };
        assert!(has_units, "{layer:?}: this model has no layers of units");
        into.locations.resize(into.boundaries.normals.len(), T::ZERO);
        into.boundaries.spatial_locations(&mut into.locations);
    }
}

impl<T: Element> BoundaryChanges<T> {
    /// Watches the layer of units called `layer` ([`Network::unit_layers`](gmp_nn::Network::unit_layers)) of a network that has not been trained
    /// yet: for a convolution, its filters' boundaries in the space of the inputs in their window. Normalizations
    /// over the batch use their running statistics, as in evaluation mode.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn new(model: &dyn Model<T>, layer: &str) -> Self {
        Self::watching(model, Watched::new(layer, None))
    }

    /// The same with the statistics of one batch in place of the running ones: these are the boundaries of the
    /// network in training mode. `inputs` has one row per sample and `columns` numbers in each; usually it is the
    /// training set. It costs one forward pass per epoch.
    ///
    /// # Panics
    /// If there is no such layer, or the batch is empty or has a row that is not whole.
    pub fn in_batch(model: &dyn Model<T>, layer: &str, inputs: Vec<T>, columns: usize) -> Self {
        Self::watching(model, Watched::new(layer, Some((inputs, columns))))
    }

    fn watching(model: &dyn Model<T>, mut watched: Watched<T>) -> Self {
        let mut before = Snapshot::default();
        watched.take(model, &mut before);
        Self {
            location: Vec::new(),
            direction: Vec::new(),
            rates: Vec::new(),
            unmoved: 0,
            undefined: 0,
            path: vec![0.0; before.boundaries.units()],
            watched,
            start: before.locations.clone(),
            before,
            after: Snapshot::default(),
            values: Vec::new(),
        }
    }

    /// The spatial locations φ (inputs×units) before training.
    pub fn start(&self) -> &[T] {
        &self.start
    }

    /// The spatial locations after the last epoch.
    pub fn end(&self) -> &[T] {
        &self.before.locations
    }

    /// The distance of every unit's spatial location from its initial one.
    pub fn displacement(&self) -> impl Iterator<Item = f64> + '_ {
        let mut moved = vec![0.0; self.path.len()];
        dispatch(Moved { before: &self.start, after: self.end(), moved: &mut moved });
        moved.into_iter()
    }
}

/// Adds up how far every column of a matrix moved: one hypotenuse after another, all columns side by side.
struct Moved<'a, T> {
    before: &'a [T],
    after: &'a [T],
    moved: &'a mut [f64],
}

impl<T: Element> Kernel for Moved<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let units = self.moved.len();
        for (before, after) in self.before.chunks_exact(units).zip(self.after.chunks_exact(units)) {
            for ((moved, before), after) in self.moved.iter_mut().zip(before).zip(after) {
                *moved = Scalar::hypot(*moved, after.to_f64() - before.to_f64());
            }
        }
    }
}

impl<T: Element> Observer<T> for BoundaryChanges<T> {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        self.watched.take(epoch.model, &mut self.after);
        self.rates.push(epoch.record.learning_rate);
        let (before, after) = (&self.before, &self.after);
        let (units, inputs) = (after.boundaries.units(), after.boundaries.inputs());
        self.values.clear();
        self.values.resize(units, 0.0);
        let moved = &mut self.values[..];
        dispatch(Moved { before: &before.locations, after: &after.locations, moved });
        self.unmoved += self.values.iter().filter(|x| **x == 0.0).count();
        for (path, moved) in self.path.iter_mut().zip(&self.values) {
            if moved.is_finite() {
                *path += moved;
            }
        }
        let undefined = self.values.iter().filter(|x| !x.is_finite()).count();
        self.location.push(Change::of(&mut self.values));
        self.values.clear();
        self.values.resize(units, 0.0);
        let (from, to) = (&before.boundaries.normals[..], &after.boundaries.normals[..]);
        if inputs == 1 {
            for ((turn, from), to) in self.values.iter_mut().zip(from).zip(to) {
                *turn = if from.to_f64() * to.to_f64() < 0.0 { PI } else { 0.0 };
            }
        } else {
            turns_into(Mat::new(from, inputs, units), Mat::new(to, inputs, units), &mut self.values);
        }
        self.undefined += undefined.max(self.values.iter().filter(|x| !x.is_finite()).count());
        self.direction.push(Change::of(&mut self.values));
        std::mem::swap(&mut self.before, &mut self.after);
        ControlFlow::Continue(())
    }
}

/// Keeps the spatial locations of a layer's units at evenly spaced epochs, whatever the length of the run.
///
/// When there are twice as many as wanted, every other one is dropped and the spacing doubles. The initial
/// ones are always the first.
///
/// ```
/// use gmp_train::{Adam, BoundarySnapshots, Dataset, Loss, Mlp, Parameterization, Trainer};
/// let data = Dataset::new(vec![0.0, 1.0, 1.0, 0.0], 2, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(2, &[8], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let mut snapshots = BoundarySnapshots::new(&network, "hidden1", 2);
/// let trainer = Trainer::new(Loss::MeanSquaredError, 2, 9, 0.01);
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut snapshots)?;
/// let epochs: Vec<usize> = snapshots.finish().into_iter().map(|(epochs, _locations)| epochs).collect();
/// assert_eq!(epochs, [0, 4, 8, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BoundarySnapshots<T: Element> {
    watched: Watched<T>,
    wanted: usize,
    spacing: usize,
    /// Epochs carried out and spatial locations φ (inputs×units) after them; 0 epochs is the start.
    pub locations: Vec<(usize, Vec<T>)>,
    latest: Snapshot<T>,
    latest_epoch: usize,
}

impl<T: Element> BoundarySnapshots<T> {
    /// Watches the layer of units called `layer` ([`Network::unit_layers`](gmp_nn::Network::unit_layers)) of a network that has not been trained
    /// yet; keeps between `wanted` and 2·`wanted` epochs.
    ///
    /// # Panics
    /// If there is no such layer or `wanted` is 0.
    pub fn new(model: &dyn Model<T>, layer: &str, wanted: usize) -> Self {
        Self::watching(model, Watched::new(layer, None), wanted)
    }

    /// The same with the statistics of one batch in place of the running ones, like [`BoundaryChanges::in_batch`].
    ///
    /// # Panics
    /// If there is no such layer, the batch is empty or has a row that is not whole, or `wanted` is 0.
    pub fn in_batch(
        model: &dyn Model<T>,
        layer: &str,
        inputs: Vec<T>,
        columns: usize,
        wanted: usize,
    ) -> Self {
        Self::watching(model, Watched::new(layer, Some((inputs, columns))), wanted)
    }

    fn watching(model: &dyn Model<T>, mut watched: Watched<T>, wanted: usize) -> Self {
        assert!(wanted > 0, "at least one snapshot");
        let mut latest = Snapshot::default();
        watched.take(model, &mut latest);
        let locations = vec![(0, latest.locations.clone())];
        Self { watched, wanted, spacing: 1, locations, latest, latest_epoch: 0 }
    }

    /// The kept epochs, including the last one of the run.
    pub fn finish(mut self) -> Vec<(usize, Vec<T>)> {
        if self.locations.last().is_some_and(|(epoch, _)| *epoch != self.latest_epoch) {
            self.locations.push((self.latest_epoch, self.latest.locations));
        }
        self.locations
    }
}

impl<T: Element> Observer<T> for BoundarySnapshots<T> {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        self.latest_epoch = epoch.record.epoch + 1;
        self.watched.take(epoch.model, &mut self.latest);
        if self.latest_epoch.is_multiple_of(self.spacing) {
            self.locations.push((self.latest_epoch, self.latest.locations.clone()));
        }
        if self.locations.len() > 2 * self.wanted {
            self.spacing *= 2;
            let spacing = self.spacing;
            self.locations.retain(|(epoch, _)| epoch.is_multiple_of(spacing));
        }
        ControlFlow::Continue(())
    }
}
