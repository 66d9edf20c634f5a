//! The panels of Figure 3.

use super::Classification;
use crate::experiment::frames::{self, Shallow, Shown};
use crate::experiment::picture;
use crate::experiment::tables::Rate;
use crate::problem::banana::{GENERATED, SETUP};
use crate::report::color::{Color, ColorMap};
use crate::report::figure::{self, Axis, Figure, Layer, Legend, Marker, Panel};
use crate::report::number::{number, rate};
use crate::run::results::{Cell, Results, SetId};
use crate::run::trace::{Frame, Trace};
use crate::run::{Protocol, Record};
use gmp_train::Standardizer;

/// Half the side of the square that the panels show, in standard deviations of the data.
const REACH: f64 = 3.0;
const NODES: usize = 61;

fn axis() -> Vec<f64> {
    (0..NODES).map(|i| REACH * (2.0 * i as f64 / (NODES - 1) as f64 - 1.0)).collect()
}

/// The nodes of the square, row by row from the bottom, as the network's inputs.
pub(super) fn plane() -> Vec<f64> {
    axis().iter().flat_map(|&y| axis().into_iter().flat_map(move |x| [x, y])).collect()
}

impl Classification {
    /// The figure, and what moves it.
    pub(super) fn figure(&self, results: &Results<'_>) -> Option<(Figure, Option<serde_json::Value>)> {
        let sets = self.sets();
        let (first, seeded) = (sets[0], sets[sets.len() - 1]);
        let turn = |title: &str, what: &str, of: fn(&Trace) -> &Vec<f32>, rate: Rate| {
            let y = Axis::log2(format!("{what} over units, radians")).between(LEAST_TURN, 4.0);
            let mut panel = Panel::new(title, Axis::linear("epoch"), y).legend(Legend::Above);
            for &method in self.design.methods.iter().filter(|method| method.in_paper) {
                if let Some(cell) = rate.cell(results, seeded, method, Protocol::Paper, true) {
                    panel = picture::curves(panel, results, cell, of);
                }
            }
            panel
        };
        let largest: fn(&Trace) -> &Vec<f32> = |trace| &trace.direction_in_training().max;
        let mean: fn(&Trace) -> &Vec<f32> = |trace| &trace.direction_in_training().mean;
        let turns = vec![
            turn("(i) Largest turn, the authors' rates", "largest", largest, Rate::Paper),
            turn("(i2) Mean turn, the authors' rates", "mean", mean, Rate::Paper),
            turn("(i3) Largest turn, all at 0.1", "largest", largest, Rate::Equal(0.1)),
        ];
        let (mut own, mut others, mut regions, mut seeds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut shown = Vec::new();
        for (k, &method) in self.design.methods.iter().filter(|method| method.in_paper).enumerate() {
            let Some(lr) = results.pictured_rate(first, method) else { continue };
            let cell = Cell { set: first, method, lr, protocol: Protocol::Paper };
            let Some((record, trace)) = picture::median(results, cell) else { continue };
            seeds.push(format!("{method} {}", record.run.seed));
            let letter = |row: u8| format!("({})", char::from(b'a' + 4 * row + k as u8));
            own.push((format!("{} {method}, lr {}", letter(0), rate(lr)), paths(&trace)));
            let region = format!("({})", char::from(b'j' + k as u8));
            if let Some(panel) = self.region(&region, record, &trace) {
                // Behind the paths of all methods at both rates, and the turns.
                shown.push(Shown { method, lr, letter: region, panels: vec![own.len() - 1, regions.len()] });
                regions.push(panel);
            }
            // The other's rate: 0.1 for the baselines, 0.01 for GmP.
            let lr = if method.paper_rate == 0.1 { 0.01 } else { 0.1 };
            if let Some((_, trace)) = picture::median(results, Cell { lr, ..cell }) {
                others.push((format!("{} {method}, lr {}", letter(1), rate(lr)), paths(&trace)));
            }
        }
        if own.is_empty() {
            return None;
        }
        let which = if first.name == GENERATED { " (GENERATED set)" } else { "" };
        let caption = format!(
            "Data: {}{which}; for each method and learning rate the seed with the median test accuracy of the first nine (at the authors' rates: \
             {}). (a)–(d) Paths of the spatial locations φ of the 10 units over training, one colour per unit, from cross to dot, at the authors' \
             learning rates; (e)–(h) with the rates exchanged, 0.1 for the baselines and 0.01 for GmP. All eight have the same axes, so that \
             smoothness can be compared; paths that leave them are cut off. (i) The largest change of a normal's direction from epoch to epoch, (i2) \
             the mean over the 10 units, (i3) the largest with every method at 0.1; {}, one line per seed. No version of the authors' code has this \
             panel: it is our interpretation of the caption. In (a)–(i) BN's boundaries are those by batch statistics. (j)–(m) The trained network: \
             probability as colour, the line where it is one half, test points (white and black by class), and φ as red stars. Axes are in standard \
             deviations of the training points.",
            first.name,
            seeds.join(", "),
            seeded.name
        );
        let mut figure = Figure::new("fig3", "Figure 3: classification of the banana set").caption(caption);
        shown.iter_mut().for_each(|one| one.panels[1] += own.len() + others.len() + turns.len());
        let data = self.moving(results, first, &shown);
        for row in [own, others].into_iter().filter(|row| !row.is_empty()) {
            figure =
                figure.row(190.0, row.into_iter().map(|(title, paths)| trajectories(title, paths)).collect());
        }
        Some((figure.row(190.0, turns).row(190.0, regions), data))
    }

    fn moving(&self, results: &Results<'_>, set: SetId<'_>, shown: &[Shown]) -> Option<serde_json::Value> {
        // The test accuracy of each frame; and of each frame its weights, and φ of its units.
        let described = |record: &Record, frames: &[Frame]| {
            let (train, mut test) = self.data.samples(&record.run).ok()?;
            Standardizer::fit(&train).apply(&mut test);
            let (mut values, mut numbers) = (Vec::new(), Vec::new());
            for frame in frames {
                let network = Shallow::of(frame, 2)?;
                let points = || test.inputs().chunks(2).zip(test.targets());
                let right = points().filter(|(x, class)| (network.value(x) > 0.0) == (**class > 0.5)).count();
                values.push(right as f64 / points().count() as f64);
                numbers.extend(frame.network.0.iter().map(|&x| f64::from(x)));
                match &frame.batch.0[..] {
                    [] => numbers.extend(network.locations()),
                    batch => numbers.extend(batch.iter().map(|&x| f64::from(x))),
                }
            }
            (!values.is_empty()).then(|| (values, frames::packed_f32(numbers)))
        };
        let mut data = frames::data("plane", results, set, shown, true, described)?;
        data["metric"] = "test accuracy".into();
        data["units"] = SETUP.units.into();
        data["nodes"] = axis().into();
        data["colors"] = (0..SETUP.units).map(|j| Color::of_unit(j).to_string()).collect();
        data["shades"] = ColorMap::Diverging.shades().map(|color| color.to_string()).to_vec().into();
        Some(data)
    }

    fn region(&self, letter: &str, record: &Record, trace: &Trace) -> Option<Panel> {
        let (train, mut test) = self.data.samples(&record.run).ok()?;
        Standardizer::fit(&train).apply(&mut test);
        let probability = |z: &f32| 1.0 / (1.0 + (-f64::from(*z)).exp());
        let grid =
            figure::Grid { x: axis(), y: axis(), values: trace.trained.0.iter().map(probability).collect() };
        let class = |wanted: f64| {
            let points = test.inputs().chunks(2).zip(test.targets());
            points.filter(move |(_, t)| **t == wanted).map(|(x, _)| (x[0], x[1])).collect::<Vec<_>>()
        };
        let (_, phi) = trace.snapshots.last()?;
        let units = phi.0.len() / 2;
        let stars = (0..units).map(|j| (f64::from(phi.0[j]), f64::from(phi.0[units + j])));
        let accuracy = record.value.map_or("diverged".to_owned(), |a| format!("accuracy {}", number(a, 3)));
        let axes = || (Axis::linear("x₁").between(-REACH, REACH), Axis::linear("x₂").between(-REACH, REACH));
        let (x, y) = axes();
        let panel = Panel::new(format!("{letter} {}: {accuracy}", record.run.method), x, y)
            .with_end(Layer::Heat { grid: grid.clone(), range: (0.0, 1.0), map: ColorMap::Diverging })
            .with(Layer::points(class(0.0), Color::INK, Marker::Dot).sized(4.6))
            .with(Layer::points(class(0.0), Color::WHITE, Marker::Dot).sized(3.2))
            .with(Layer::points(class(1.0), Color::INK, Marker::Dot).sized(3.6))
            .with_end(Layer::Contour { grid, level: 0.5, color: Color::INK, width: 2.4 })
            .with_end(Layer::points(stars, Color::INACTIVE, Marker::Star));
        Some(panel.aspect_equal())
    }
}

/// Turns below this are not drawn.
const LEAST_TURN: f64 = 1.0 / 1_048_576.0;
/// Half the side of the square in which paths are drawn, in standard deviations of the data.
const PATHS: f64 = 3.0;

/// The path of each unit's φ over training.
fn paths(trace: &Trace) -> Vec<Vec<(f64, f64)>> {
    let snapshots = trace.snapshots_in_training();
    let units = snapshots.first().map_or(0, |(_, phi)| phi.0.len() / 2);
    let at = |phi: &[f32], j: usize| (f64::from(phi[j]), f64::from(phi[units + j]));
    (0..units).map(|j| snapshots.iter().map(|(_, phi)| at(&phi.0, j)).collect()).collect()
}

fn trajectories(title: String, paths: Vec<Vec<(f64, f64)>>) -> Panel {
    let axis = |name: &str| Axis::linear(name).between(-PATHS, PATHS);
    let mut panel = Panel::new(title, axis("φ₁"), axis("φ₂"));
    for (j, path) in paths.into_iter().enumerate() {
        let (Some(&start), Some(&end)) = (path.first(), path.last()) else { continue };
        let color = Color::of_unit(j);
        panel = panel
            .with_end(Layer::line(path, color).sized(1.0))
            .with_end(Layer::points([start], color, Marker::Cross))
            .with_end(Layer::points([end], color, Marker::Dot));
    }
    panel.aspect_equal()
}
