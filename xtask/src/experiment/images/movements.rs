//! How far the activation boundaries of a convolutional network's units move.
//!
//! A movement is that from the end of one epoch to the end of the next: the distance between two moments, not the length of
//! the path between them. It reads the weights once an epoch. To read them after every step would take about as long as the
//! optimizer, a few percent of a narrow network's step. The units of all convolutions are taken together; each one's boundary
//! is in the space of the numbers under its window.
//!
//! A checkpoint does not hold what observers know, so the boundaries at the end of an epoch and the movements so far are kept
//! in a file of their own, of the last two epochs: a run that goes on from a checkpoint comes to the same numbers. Where that file is
//! lost or damaged, the run starts again.

use crate::method::OUTPUT_LAYER;
use crate::report::write_atomically;
use crate::run::execute::say;
use crate::run::measures::{Convergence, Measures, Stability, Windows, reductions, tortuosity};
use crate::run::trace::EpochAccuracy;
use gmp_autograd::{Mat, Tape};
use gmp_math::boundary::angle_between;
use gmp_nn::{Boundaries, Network};
use gmp_train::{Change, Epoch, Model, Observer};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Training images whose statistics stand for those of a batch: each of them has a thousand pixels, and there is a
/// forward pass for every layer.
pub const BATCH_PICTURES: usize = 64;

/// Pictures as a network takes them: one row of `columns` numbers for each pixel.
pub struct Pixels {
    /// Row by row.
    pub rows: Vec<f32>,
    /// Numbers of a row.
    pub columns: usize,
}

/// Watches the boundaries of every convolution.
pub struct Movements {
    name: String,
    /// Where its state is kept; nowhere for a run that keeps no checkpoints.
    folder: Option<PathBuf>,
    /// In evaluation, and in training where that is another boundary.
    running: Moved,
    batch: Option<(Moved, Pixels)>,
    scratch: (Tape<f32>, Vec<f32>),
    is_warned: bool,
}

impl Movements {
    /// Of a network that has not been trained yet, called `name` in messages. Its state is kept in `folder`, where there is one. `pixels` are
    /// those of the images whose statistics make the boundaries of training; none where there is no normalization over
    /// the batch.
    #[must_use]
    pub fn of(name: &str, network: &Network<f32>, pixels: Option<Pixels>, folder: Option<&Path>) -> Self {
        let mut scratch = (Tape::new(), Vec::new());
        let running = Moved::of(network, None, &mut scratch);
        let batch = pixels.map(|pixels| (Moved::of(network, Some(&pixels), &mut scratch), pixels));
        let (name, folder) = (name.to_owned(), folder.map(Path::to_owned));
        Self { name, folder, running, batch, scratch, is_warned: false }
    }

    /// Goes on after the epochs that an earlier call carried out.
    ///
    /// # Errors
    /// Without the file of that epoch, whole and of this network, nothing could be said of the whole run.
    pub fn take_up(&mut self, epochs: usize) -> Result<(), String> {
        let Some(file) = self.file(epochs).filter(|_| epochs > 0) else { return Ok(()) };
        let read = std::fs::read(&file).map_err(|error| error.to_string());
        let states = read.and_then(|bytes| {
            serde_json::from_slice::<Vec<State>>(&bytes).map_err(|error| error.to_string())
        });
        let all: Vec<&mut Moved> = self.all().collect();
        let restored = states.and_then(|states| {
            if states.len() != all.len() {
                return Err(format!("{} states; expected {}", states.len(), all.len()));
            }
            all.into_iter().zip(states).try_for_each(|(moved, state)| moved.restore(state, epochs))
        });
        restored
            .map_err(|error| format!("the movement of the boundaries so far: {}: {error}", file.display()))
    }

    /// What was measured of a run of these epochs; `None` where there were none.
    #[must_use]
    pub fn finish(&self, epochs: &[EpochAccuracy]) -> Option<Measures> {
        let rates: Vec<f64> = epochs.iter().map(|epoch| epoch.lr).collect();
        let losses: Vec<f64> = epochs.iter().map(|epoch| epoch.loss).collect();
        if rates.is_empty() || self.running.state.location.len() != rates.len() {
            return None;
        }
        Some(Measures {
            running: Some(self.running.stability(&rates)),
            batch: self.batch.as_ref().map(|(moved, _)| moved.stability(&rates)),
            convergence: Convergence::of(&losses),
            reductions: reductions(&rates),
            layers: Vec::new(),
            kernel: None,
        })
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Moved> {
        std::iter::once(&mut self.running).chain(self.batch.as_mut().map(|(moved, _)| moved))
    }

    fn file(&self, epochs: usize) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("boundaries-{epochs}.json")))
    }

    /// Keeps the state after this number of epochs, and that of the epoch before.
    fn keep(&mut self, epochs: usize) {
        let (Some(folder), Some(file)) = (self.folder.clone(), self.file(epochs)) else { return };
        let states: Vec<State> = self.all().map(|moved| moved.state.clone()).collect();
        let written = serde_json::to_vec(&states).map_err(|error| error.to_string()).and_then(|bytes| {
            std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
            write_atomically(&file, &bytes).map_err(|error| error.to_string())
        });
        match written {
            Ok(()) => {
                let _ = self.file(epochs.saturating_sub(2)).map(std::fs::remove_file);
            }
            Err(error) if !self.is_warned => {
                self.is_warned = true;
                say(&format!("WARNING: {error}: training of {} continues without this file", self.name));
            }
            Err(_) => {}
        }
    }
}

impl Observer<f32> for Movements {
    fn on_epoch(&mut self, epoch: &Epoch<'_, f32>) -> ControlFlow<()> {
        self.running.step(epoch.model, None, &mut self.scratch);
        if let Some((moved, pixels)) = &mut self.batch {
            moved.step(epoch.model, Some(pixels), &mut self.scratch);
        }
        self.keep(epoch.record.epoch + 1);
        ControlFlow::Continue(())
    }
}

/// The boundaries of all convolutions, and how far they moved.
struct Moved {
    layers: Vec<String>,
    /// Spatial locations before training, layer by layer.
    start: Vec<Vec<f32>>,
    state: State,
}

/// What a run that goes on has to know. Numbers that are not finite are none.
#[derive(Clone, Default, Serialize, Deserialize)]
struct State {
    /// Mean, median and maximum over the units, of each epoch.
    location: Vec<[Option<f64>; 3]>,
    direction: Vec<[Option<f64>; 3]>,
    undefined: usize,
    /// Length of the path of each unit's location.
    path: Vec<f64>,
    /// Normals and offsets of each layer at the end of the last epoch.
    boundaries: Vec<[Vec<Option<f32>>; 2]>,
}

fn finite<T: Copy + Into<f64>>(numbers: &[T]) -> Vec<Option<T>> {
    numbers.iter().map(|&x| Some(x).filter(|x| (*x).into().is_finite())).collect()
}

fn plain(numbers: &[Option<f32>]) -> Vec<f32> {
    numbers.iter().map(|x| x.unwrap_or(f32::NAN)).collect()
}

impl Moved {
    fn of(network: &Network<f32>, pixels: Option<&Pixels>, scratch: &mut (Tape<f32>, Vec<f32>)) -> Self {
        let layers: Vec<String> =
            network.unit_layers().into_iter().filter(|name| name != OUTPUT_LAYER).collect();
        let (mut start, mut state) = (Vec::new(), State::default());
        for layer in &layers {
            let boundaries = read(network, layer, pixels, scratch);
            state.path.extend(std::iter::repeat_n(0.0, boundaries.units()));
            start.push(locations(&boundaries));
            state.boundaries.push([finite(&boundaries.normals), finite(&boundaries.offsets)]);
        }
        Self { layers, start, state }
    }

    fn restore(&mut self, state: State, epochs: usize) -> Result<(), String> {
        let sizes = |state: &State| -> Vec<[usize; 2]> {
            state.boundaries.iter().map(|of| [of[0].len(), of[1].len()]).collect()
        };
        let is_whole = [state.location.len(), state.direction.len()] == [epochs; 2];
        if !is_whole || sizes(&state) != sizes(&self.state) || state.path.len() != self.state.path.len() {
            return Err("the state of another network or epoch".to_owned());
        }
        self.state = state;
        Ok(())
    }

    /// Adds the movement since the last time.
    fn step(&mut self, model: &dyn Model<f32>, pixels: Option<&Pixels>, scratch: &mut (Tape<f32>, Vec<f32>)) {
        let (mut moves, mut turns) = (Vec::new(), Vec::new());
        for (layer, kept) in self.layers.iter().zip(&mut self.state.boundaries) {
            let mut before = Boundaries::default();
            (before.normals, before.offsets) = (plain(&kept[0]), plain(&kept[1]));
            let after = read(model, layer, pixels, scratch);
            let [from, to] = [locations(&before), locations(&after)];
            let units = after.units();
            for unit in 0..units {
                moves.push(distance(&from, &to, unit, units));
                let [a, b] = [&before, &after].map(|of| column(&of.normals, unit, units));
                turns.push(angle_between(&a, &b));
            }
            *kept = [finite(&after.normals), finite(&after.offsets)];
        }
        for (path, moved) in self.state.path.iter_mut().zip(&moves) {
            if moved.is_finite() {
                *path += moved;
            }
        }
        let undefined = |of: &[f64]| of.iter().filter(|x| !x.is_finite()).count();
        self.state.undefined += undefined(&moves).max(undefined(&turns));
        let summed = |values: &mut Vec<f64>| {
            let Change { mean, median, max } = Change::of(values);
            [mean, median, max].map(|x| Some(x).filter(|x| x.is_finite()))
        };
        self.state.location.push(summed(&mut moves));
        self.state.direction.push(summed(&mut turns));
    }

    fn stability(&self, rates: &[f64]) -> Stability {
        let change = |of: &[Option<f64>; 3]| {
            let [mean, median, max] = of.map(|x| x.unwrap_or(f64::NAN));
            Change { mean, median, max }
        };
        let changes = |of: &[[Option<f64>; 3]]| of.iter().map(change).collect::<Vec<_>>();
        let end = self.state.boundaries.iter().map(|[normals, offsets]| {
            let mut boundaries = Boundaries::default();
            (boundaries.normals, boundaries.offsets) = (plain(normals), plain(offsets));
            locations(&boundaries)
        });
        let displacements = self.start.iter().zip(end).zip(&self.state.boundaries);
        let displacements = displacements.flat_map(|((start, end), [_, offsets])| {
            let units = offsets.len();
            (0..units).map(move |unit| distance(start, &end, unit, units)).collect::<Vec<_>>()
        });
        Stability {
            location: Windows::of(&changes(&self.state.location), rates),
            direction: Windows::of(&changes(&self.state.direction), rates),
            tortuosity: tortuosity(self.state.path.iter().copied().zip(displacements)),
            undefined: self.state.undefined,
            coverage: None,
        }
    }
}

fn read(
    model: &dyn Model<f32>,
    layer: &str,
    pixels: Option<&Pixels>,
    (tape, statistics): &mut (Tape<f32>, Vec<f32>),
) -> Boundaries<f32> {
    let mut boundaries = Boundaries::default();
    match pixels {
        None => model.boundaries(layer, &mut boundaries),
        Some(Pixels { rows, columns }) => {
            let x = Mat::new(rows, rows.len() / columns, *columns);
            model.batch_boundaries(layer, x, (tape, statistics), &mut boundaries)
        }
    };
    boundaries
}

fn locations(boundaries: &Boundaries<f32>) -> Vec<f32> {
    let mut locations = vec![0.0; boundaries.normals.len()];
    boundaries.spatial_locations(&mut locations);
    locations
}

fn column(numbers: &[f32], unit: usize, units: usize) -> Vec<f64> {
    numbers.iter().skip(unit).step_by(units).map(|&x| f64::from(x)).collect()
}

fn distance(from: &[f32], to: &[f32], unit: usize, units: usize) -> f64 {
    let coordinates = (unit..from.len()).step_by(units);
    coordinates.fold(0.0, |norm: f64, i| norm.hypot(f64::from(to[i]) - f64::from(from[i])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use gmp_nn::zoo::vgg6;
    use gmp_train::{EpochRecord, Loss, Trainer};

    fn network() -> Network<f32> {
        vgg6(&method::GMP.variant(), 2, 3).build(1).unwrap()
    }

    /// An angle and a radius of the first layer move by what is said here.
    fn epoch(movements: &mut Movements, network: &Network<f32>, epoch: usize) {
        let trainer = Trainer::new(Loss::SoftmaxCrossEntropy, 1, 9, 0.1);
        let record = EpochRecord {
            epoch,
            training_loss: 1.0,
            training_metrics: Vec::new(),
            validation: None,
            validation_metrics: Vec::new(),
            learning_rate: 0.1,
        };
        let seen = Epoch { record: &record, steps: epoch, trainer: &trainer, model: network };
        assert!(movements.on_epoch(&seen).is_continue());
    }

    fn accuracies(count: usize) -> Vec<EpochAccuracy> {
        let epoch = EpochAccuracy { training: [0.0; 2], validation: [0.0; 2], loss: 1.0, lr: 0.1 };
        vec![epoch; count]
    }

    /// One unit turns by 0.25 in one epoch and by nothing in the next; the others stay.
    #[test]
    fn a_turn_of_one_unit_is_the_largest_and_a_radius_moves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut network = network();
        let mut movements = Movements::of("test", &network, None, Some(folder.path()));
        let mut angles = network.parameters.get("conv1.angles").unwrap().to_vec();
        // The last angle of unit 0: its turn is the step times the product of the sines of those before it.
        let units = 2;
        let last = angles.len() - units;
        let sines: f64 = (0..last / units).map(|k| f64::from(angles[k * units]).sin()).product();
        angles[last] += 0.25;
        network.parameters.set("conv1.angles", &angles).unwrap();
        epoch(&mut movements, &network, 0);
        let radii: Vec<f32> =
            network.parameters.get("conv2.radius").unwrap().iter().map(|r| 3.0 * r).collect();
        network.parameters.set("conv2.radius", &radii).unwrap();
        epoch(&mut movements, &network, 1);
        let measures = movements.finish(&accuracies(2)).unwrap();
        let turn = measures.running.unwrap().direction.whole;
        let expected = 2.0 * (0.125_f64.sin() * sines.abs()).asin();
        assert!((turn.max.largest - expected.log2()).abs() < 1e-3, "{turn:?} {expected}");
        // 2 + 2 + 4 + 4 + 8 + 8 units, of which one moved in one of two epochs.
        assert!((turn.mean.log_of_mean - (expected / 28.0 / 2.0).log2()).abs() < 1e-3, "{turn:?}");
        assert_eq!(turn.median.largest, -20.0, "of which the median did not move");
    }

    #[test]
    fn what_goes_on_comes_to_the_same_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let mut network = network();
        let start = network.clone();
        let mut whole = Movements::of("test", &network, None, None);
        let kept = folder.path().join("kept");
        let mut first = Movements::of("test", &network, None, Some(&kept));
        for k in 0..4 {
            let changed: Vec<f32> = network.parameters.values().iter().map(|x| 1.01 * x + 0.01).collect();
            network.parameters.values_mut().copy_from_slice(&changed);
            epoch(&mut whole, &network, k);
            if k == 2 {
                // Another process takes it up.
                first = Movements::of("test", &start, None, Some(&kept));
                first.take_up(2).unwrap();
            }
            epoch(&mut first, &network, k);
        }
        let measures = whole.finish(&accuracies(4)).unwrap();
        assert_eq!(first.finish(&accuracies(4)), Some(measures));
        // Those of the last two epochs are kept, so that either of two checkpoints can go on.
        let mut files: Vec<_> =
            std::fs::read_dir(&kept).unwrap().map(|file| file.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["boundaries-3.json", "boundaries-4.json"]);
        // A file that is lost or damaged is an error that names it.
        let mut lost = Movements::of("test", &start, None, Some(&kept));
        assert!(lost.take_up(2).unwrap_err().contains("boundaries-2.json"));
        std::fs::write(kept.join("boundaries-3.json"), [0; 100]).unwrap();
        assert!(lost.take_up(3).unwrap_err().contains("boundaries-3.json"));
        assert!(lost.take_up(4).is_ok());
    }
}
