//! What the activation boundaries of a layer's units do during a run.

use super::{Epoch, Observer};
use crate::Model;
use gmp_math::boundary::angle_between;
use gmp_nn::{Boundaries, Element};
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
    /// NaN where there are no finite values.
    fn of(values: &mut Vec<f64>) -> Self {
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
/// normals before and after, in radians. Values that are not finite (a unit whose weights are zero) are left out.
///
/// ```
/// use gmp_train::{Adam, BoundaryChanges, Dataset, Loss, Mlp, Parameterization, Trainer};
/// let data = Dataset::new(vec![0.0, 1.0, 1.0, 0.0], 2, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(2, &[8], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let mut changes = BoundaryChanges::new(&network, "hidden1");
/// let trainer = Trainer::new(Loss::MeanSquaredError, 2, 5, 0.01);
/// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut changes)?;
/// assert_eq!((changes.location.len(), changes.direction.len()), (5, 5)); // one per epoch
/// assert!(changes.direction[0].max < 0.02); // Adam's first step changes an angle by 0.01 at most
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BoundaryChanges<T> {
    layer: String,
    /// Movement of the spatial location, per epoch.
    pub location: Vec<Change>,
    /// Turn of the normal, per epoch, in radians.
    pub direction: Vec<Change>,
    /// Unit-epochs whose location did not move at all.
    pub unmoved: usize,
    before: Snapshot<T>,
    after: Snapshot<T>,
    values: Vec<f64>,
}

#[derive(Debug, Default)]
struct Snapshot<T> {
    boundaries: Boundaries<T>,
    locations: Vec<T>,
}

impl<T: Element> Snapshot<T> {
    fn take(&mut self, model: &dyn Model<T>, layer: &str) {
        assert!(
            model.boundaries(layer, &mut self.boundaries),
            "{layer:?}: this model has no layers of units"
        );
        self.locations.resize(self.boundaries.normals.len(), T::ZERO);
        self.boundaries.spatial_locations(&mut self.locations);
    }
}

impl<T: Element> BoundaryChanges<T> {
    /// Watches the layer of units called `layer` ([`Network::unit_layers`](gmp_nn::Network::unit_layers)) of a network that has not been trained
    /// yet: for a convolution, its filters' boundaries in the space of what is under their window.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn new(model: &dyn Model<T>, layer: &str) -> Self {
        let mut before = Snapshot::default();
        before.take(model, layer);
        let (location, direction) = (Vec::new(), Vec::new());
        Self {
            layer: layer.to_owned(),
            location,
            direction,
            unmoved: 0,
            before,
            after: Snapshot::default(),
            values: Vec::new(),
        }
    }
}

impl<T: Element> Observer<T> for BoundaryChanges<T> {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        self.after.take(epoch.model, &self.layer);
        let (before, after) = (&self.before, &self.after);
        let (units, inputs) = (after.boundaries.units(), after.boundaries.inputs());
        let column = |numbers: &[T], j: usize, i: usize| numbers[i * units + j].to_f64();
        self.values.clear();
        self.values.extend((0..units).map(|j| {
            let moved = |i| column(&after.locations, j, i) - column(&before.locations, j, i);
            (0..inputs).fold(0.0, |norm: f64, i| norm.hypot(moved(i)))
        }));
        self.unmoved += self.values.iter().filter(|x| **x == 0.0).count();
        self.location.push(Change::of(&mut self.values));
        self.values.clear();
        self.values.extend((0..units).map(|j| {
            let of = |numbers, i| column(numbers, j, i);
            let (a, b) = (&before.boundaries.normals, &after.boundaries.normals);
            match inputs {
                1 => {
                    if of(a, 0) * of(b, 0) < 0.0 {
                        std::f64::consts::PI
                    } else {
                        0.0
                    }
                }
                2 => angle_between(&[of(a, 0), of(a, 1)], &[of(b, 0), of(b, 1)]),
                _ => {
                    let gather = |numbers| (0..inputs).map(|i| of(numbers, i)).collect::<Vec<_>>();
                    angle_between(&gather(a), &gather(b))
                }
            }
        }));
        self.direction.push(Change::of(&mut self.values));
        std::mem::swap(&mut self.before, &mut self.after);
        ControlFlow::Continue(())
    }
}

/// Keeps the spatial locations of a layer's units at evenly spaced epochs, however long the run turns out.
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
pub struct BoundarySnapshots<T> {
    layer: String,
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
        assert!(wanted > 0, "at least one snapshot");
        let mut latest = Snapshot::default();
        latest.take(model, layer);
        let locations = vec![(0, latest.locations.clone())];
        Self { layer: layer.to_owned(), wanted, spacing: 1, locations, latest, latest_epoch: 0 }
    }

    /// The kept epochs, the last one of the run included.
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
        self.latest.take(epoch.model, &self.layer);
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
