//! Watching a run without touching it: what every unit's activation boundary does.

use crate::{Measured, Optimizer, TrainState, Trainer};
use gmp_math::boundary::angle_between;
use gmp_nn::{Boundaries, Element, Network};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What an observer sees after an epoch.
#[derive(Debug)]
pub struct Epoch<'a, T> {
    /// Epoch, from 0.
    pub index: usize,
    /// Mean loss over the epoch's batches.
    pub training_loss: f64,
    /// The monitored validation metric, where one is monitored.
    pub validation: Option<f64>,
    /// [`Trainer::metrics`], in their order.
    pub metrics: &'a [Measured],
    /// Learning rate of this epoch.
    pub learning_rate: f64,
    /// The network after the epoch.
    pub network: &'a Network<T>,
}

/// A run at a moment from which it can be continued: all that its future depends on, but for the data.
pub struct State<'a, T> {
    /// How it trains.
    pub trainer: &'a Trainer,
    /// What it trains.
    pub network: &'a Network<T>,
    /// What trains it.
    pub optimizer: &'a dyn Optimizer<T>,
    /// How far it is.
    pub progress: &'a TrainState<T>,
}

/// Sees every epoch of a run. `()` is the observer that looks away; a pair is two observers, and ends the run where one
/// of them does.
pub trait Observer<T> {
    /// Called after every epoch; `Break` ends the run.
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()>;

    /// Called after every step; after the last one of an epoch once `on_epoch` and the schedules are through.
    /// `Break` ends the run.
    fn on_step(&mut self, _: &State<'_, T>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Called when the run ends, unless by an error: before the weights of the best epoch come back.
    fn on_end(&mut self, _: &State<'_, T>) {}

    /// A flag that ends the run at whatever moment it is set, by a handler of Ctrl-C say: in the middle of a step or of
    /// a validation, which may take minutes. What the step had begun is undone, so that `on_end` sees the state after
    /// the step before it, from which the run can be continued to the same last bit. Asked for once, when the run
    /// begins; of a pair, the first observer's flag counts, or else the second's.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// use gmp_train::{Adam, Dataset, End, Epoch, Loss, Observer, Trainer};
    /// use std::ops::ControlFlow;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// struct UntilCtrlC(Arc<AtomicBool>);
    /// impl<T> Observer<T> for UntilCtrlC {
    ///     fn on_epoch(&mut self, _: &Epoch<'_, T>) -> ControlFlow<()> {
    ///         ControlFlow::Continue(())
    ///     }
    ///     fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
    ///         Some(Arc::clone(&self.0))
    ///     }
    /// }
    ///
    /// let flag = Arc::new(AtomicBool::new(false));
    /// flag.store(true, Ordering::Relaxed); // another thread does this at any moment
    /// let data = Dataset::new((0..20).map(f64::from).collect(), 1, vec![1.0; 20], 1)?;
    /// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?;
    /// let trainer = Trainer::new(Loss::MeanSquaredError, 8, 4, 0.01);
    /// let fit = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut UntilCtrlC(flag))?;
    /// assert_eq!((fit.end, fit.steps), (End::Observer, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        None
    }
}

impl<T> Observer<T> for () {
    fn on_epoch(&mut self, _: &Epoch<'_, T>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Both see everything, even where the first ends the run: what the second writes down has no hole.
impl<T, A: Observer<T>, B: Observer<T>> Observer<T> for (A, B) {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        let (first, second) = (self.0.on_epoch(epoch), self.1.on_epoch(epoch));
        first?;
        second
    }
    fn on_step(&mut self, state: &State<'_, T>) -> ControlFlow<()> {
        let (first, second) = (self.0.on_step(state), self.1.on_step(state));
        first?;
        second
    }
    fn on_end(&mut self, state: &State<'_, T>) {
        self.0.on_end(state);
        self.1.on_end(state);
    }
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        self.0.stop_flag().or_else(|| self.1.stop_flag())
    }
}

impl<T, O: Observer<T> + ?Sized> Observer<T> for &mut O {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        (**self).on_epoch(epoch)
    }
    fn on_step(&mut self, state: &State<'_, T>) -> ControlFlow<()> {
        (**self).on_step(state)
    }
    fn on_end(&mut self, state: &State<'_, T>) {
        (**self).on_end(state);
    }
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        (**self).stop_flag()
    }
}

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
    fn take(&mut self, network: &Network<T>, layer: &str) {
        network.boundaries(layer, &mut self.boundaries);
        self.locations.resize(self.boundaries.normals.len(), T::ZERO);
        self.boundaries.spatial_locations(&mut self.locations);
    }
}

impl<T: Element> BoundaryChanges<T> {
    /// Watches the layer of units called `layer` ([`Network::unit_layers`]) of a network that has not been trained
    /// yet: for a convolution, its filters' boundaries in the space of what is under their window.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn new(network: &Network<T>, layer: &str) -> Self {
        let mut before = Snapshot::default();
        before.take(network, layer);
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
        self.after.take(epoch.network, &self.layer);
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
    /// Watches the layer of units called `layer` ([`Network::unit_layers`]) of a network that has not been trained
    /// yet; keeps between `wanted` and 2·`wanted` epochs.
    ///
    /// # Panics
    /// If there is no such layer or `wanted` is 0.
    pub fn new(network: &Network<T>, layer: &str, wanted: usize) -> Self {
        assert!(wanted > 0, "at least one snapshot");
        let mut latest = Snapshot::default();
        latest.take(network, layer);
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
        self.latest_epoch = epoch.index + 1;
        self.latest.take(epoch.network, &self.layer);
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
