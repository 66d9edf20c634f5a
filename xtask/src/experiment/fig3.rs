//! Figure 3: classification of the banana set in the plane with 10 ReLU units.

use super::tables::{Quantity, Rate, comparisons, curve, methods_table, movement_table, push_claim};
use super::training::{Problem, Watching, carry_out};
use super::{Context, Experiment, Grid, Prepared, Rates, Study};
use crate::data::notebook;
use crate::method::{self, Architecture, MethodId};
use crate::problem::banana::{self, Banana, EPOCHS, GENERATED, NOTEBOOK, SEEDED, SETUP};
use crate::report::color::{Color, ColorMap};
use crate::report::figure::{self, Axis, Figure, Layer, Legend, Marker, Panel};
use crate::report::html::{Block, Section, mark_generated};
use crate::report::number::{number, rate};
use crate::run::execute::{Finished, say};
use crate::run::results::{Cell, Results, SetId};
use crate::run::stop::Stop;
use crate::run::trace::Trace;
use crate::run::{Protocol, Record, Run};
use anyhow::{Result, bail};
use gmp_train::Standardizer;

/// Figure 3.
pub struct Fig3;

impl Experiment for Fig3 {
    fn id(&self) -> &'static str {
        "fig3"
    }
    fn title(&self) -> &'static str {
        "Figure 3: classification of the banana set"
    }
    fn methods(&self) -> Vec<MethodId> {
        method::of(Architecture::Dense)
    }
    fn options(&self) -> &'static [&'static str] {
        &["--seeds", "--protocol", "--method", "--lr"]
    }
    fn needs(&self) -> &'static str {
        "DATA-DIR/banana.csv (cargo xtask data fetch banana); without it a set of the same shape is generated"
    }
    fn duration(&self) -> [&'static str; 2] {
        ["10 s", "2 min"]
    }

    fn prepare(&self, context: &Context) -> Result<Prepared> {
        let (data, is_real) = Banana::load(&context.data_dir)?;
        let (train, test) = notebook::banana_split();
        let needed = train.into_iter().chain(test).max().map_or(0, |last| last + 1);
        if !is_real {
            say(&format!(
                "fig3: on generated data: there is no {}",
                banana::path(&context.data_dir).display()
            ));
        } else if data.table.rows < needed {
            let (path, rows) = (data.table.path.display(), data.table.rows);
            bail!(
                "{path}: {rows} rows; the authors' split is of the first {needed}, and more, of KEEL's set"
            );
        }
        let datasets = if is_real { vec![NOTEBOOK, SEEDED] } else { vec![GENERATED] };
        let methods = context.methods(&self.methods(), &self.methods());
        let grid = |dataset| Grid {
            experiment: self.id(),
            methods: &methods,
            dataset,
            data: &data.fingerprint,
            seeds: context.seeds(10, 20),
            epoch_limit: EPOCHS,
            protocols: &context.protocols,
            rates: Rates::Grid,
        };
        let runs: Vec<Run> = datasets.iter().flat_map(|dataset| context.plan(grid(dataset))).collect();
        Ok(Prepared::Ready(Box::new(Classification { data, datasets, runs })))
    }
}

struct Classification {
    data: Banana,
    datasets: Vec<&'static str>,
    runs: Vec<Run>,
}

impl Classification {
    fn sets(&self) -> Vec<SetId<'_>> {
        self.datasets.iter().map(|name| SetId { name, fingerprint: &self.data.fingerprint }).collect()
    }
}

impl Study for Classification {
    fn runs(&self) -> Vec<Run> {
        self.runs.clone()
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let (train, test) = self.data.samples(run)?;
        let picture = run.seed == 0 && run.protocol == Protocol::Paper;
        let problem = Problem { train, test, grid: plane(), watch: Watching::Curves, picture };
        carry_out(&SETUP, problem, run, stop)
    }

    fn report(&self, results: &Results<'_>) -> Section {
        let methods: Vec<MethodId> =
            method::all().into_iter().filter(|m| self.runs.iter().any(|r| r.method == *m)).collect();
        let mut blocks = vec![Block::Paragraph(
            "10 units and a logistic output on 1000 points of the set, 800 to train and 200 to test, standardized; \
             cross-entropy, Adam, batches of 128, at most 5000 epochs; the rate falls tenfold after 50 epochs without \
             improvement, training stops after 100. In the authors' protocol the accuracy on the test set decides; held \
             out, that on a fifth of the training points."
                .to_owned(),
        )];
        if self.datasets.contains(&GENERATED) {
            blocks.push(Block::Note(
                "banana.csv is not in the data folder. These results are of a GENERATED set of the same shape, not of the \
                 paper's: fetch the real one with `cargo xtask data fetch banana`."
                    .to_owned(),
            ));
        }
        if let Some(figure) = self.figure(results, &methods) {
            blocks.push(Block::Figure(figure));
        }
        let sets = self.sets();
        let shown: Vec<(SetId<'_>, usize)> = sets.iter().map(|set| (*set, 3)).collect();
        let protocols: Vec<Protocol> = [Protocol::Paper, Protocol::HeldOut]
            .into_iter()
            .filter(|p| self.runs.iter().any(|r| r.protocol == *p))
            .collect();
        for &protocol in &protocols {
            for rate in [Rate::Paper, Rate::Chosen] {
                let caption = format!("Test accuracy, {protocol} protocol, {}.", rate.words());
                blocks.push(Block::Table(methods_table(
                    results, &shown, &methods, protocol, rate, true, caption,
                )));
            }
        }
        blocks.push(Block::Note(
            "The authors' notebook, one seed on its own split: GmP 0.885, BN 0.875, WN 0.810, SP 0.800. The row \
             banana-notebook has the same split."
                .to_owned(),
        ));
        if protocols.contains(&Protocol::Paper) {
            let main = sets[sets.len() - 1];
            blocks.push(Block::Table(movement_table(
                results,
                main,
                &methods,
                Protocol::Paper,
                "direction (radians)",
                |m| [m.direction_mean, m.direction_median, m.direction_max],
            )));
            let turn =
                Quantity { number: |r| r.movement.map(|m| m.direction_mean.log2()), larger_is_better: false };
            let per_loss = Quantity {
                number: |r| r.movement.map(|m| (m.direction_mean * r.epochs as f64 / m.loss_decrease).log2()),
                larger_is_better: false,
            };
            for (rate, quantity, what, statement) in [
                (
                    Rate::Paper,
                    turn,
                    "log₂ of the mean turn per epoch",
                    "(i) Boundaries turn least per epoch under GmP, at ten times the learning rate.",
                ),
                (
                    Rate::Equal(0.1),
                    turn,
                    "log₂ of the mean turn per epoch",
                    "(i) They turn least under GmP with all methods at learning rate 0.1.",
                ),
                (
                    Rate::Paper,
                    per_loss,
                    "log₂ of the turn per unit of training loss",
                    "(i) They turn least under GmP for each unit by which the training loss falls (ours).",
                ),
            ] {
                let compared = comparisons(
                    results,
                    &sets,
                    method::GMP,
                    &method::baselines(),
                    Protocol::Paper,
                    rate,
                    quantity,
                );
                push_claim(&mut blocks, statement, &compared, what, rate);
            }
            let compared = comparisons(
                results,
                &sets,
                method::GMP,
                &method::baselines(),
                Protocol::Paper,
                Rate::Paper,
                Quantity::ACCURACY,
            );
            let statement = "(j)–(m) GmP classifies best (authors' protocol and learning rates).";
            push_claim(&mut blocks, statement, &compared, "test accuracy", Rate::Paper);
        }
        if protocols.contains(&Protocol::HeldOut) {
            let compared = comparisons(
                results,
                &sets,
                method::GMP,
                &method::baselines(),
                Protocol::HeldOut,
                Rate::Chosen,
                Quantity::ACCURACY,
            );
            let statement =
                "GmP classifies best with the test set read once and every method at its own best rate.";
            push_claim(&mut blocks, statement, &compared, "test accuracy", Rate::Chosen);
        }
        if self.datasets.contains(&GENERATED) {
            mark_generated(&mut blocks);
        }
        Section {
            id: Fig3.id().to_owned(),
            title: Fig3.title().to_owned(),
            paper_claim: "Spatial locations evolve smoothly and stably under GmP, so that a ten times larger learning rate can be \
                          used (a)–(h); directions change least under GmP (i); it classifies best, its units more evenly \
                          spread over the data (j)–(m)."
                .to_owned(),
            blocks,
        }
    }
}

/// Half the side of the square that the panels show, in standard deviations of the data.
const REACH: f64 = 3.0;
const NODES: usize = 61;

fn axis() -> Vec<f64> {
    (0..NODES).map(|i| REACH * (2.0 * i as f64 / (NODES - 1) as f64 - 1.0)).collect()
}

/// The nodes of the square, row by row from the bottom, as the network's inputs.
fn plane() -> Vec<f64> {
    axis().iter().flat_map(|&y| axis().into_iter().flat_map(move |x| [x, y])).collect()
}

impl Classification {
    fn figure(&self, results: &Results<'_>, methods: &[MethodId]) -> Option<Figure> {
        let sets = self.sets();
        let (first, seeded) = (sets[0], sets[sets.len() - 1]);
        let dataset = first.name;
        let mut turn = Panel::new(
            "(i) Mean turn of the boundaries per epoch, one line per seed",
            Axis::linear("epoch"),
            Axis::log2("mean over units, radians"),
        );
        let (mut own, mut others, mut regions) = (Vec::new(), Vec::new(), Vec::new());
        let methods = methods.iter().filter(|m| m.in_paper);
        for (k, &method) in methods.enumerate() {
            let Some(lr) = results.pictured_rate(first, method) else { continue };
            let cell = |set| Cell { set, method, lr, protocol: Protocol::Paper };
            for record in results.of(cell(seeded)) {
                let Some(trace) = results.trace(record) else { continue };
                let is_first = record.run.seed == 0;
                let line = curve(&trace.epochs, &trace.direction.mean);
                let layer = Layer::line(line, method.color).sized(if is_first { 1.8 } else { 0.8 });
                turn = turn.with(if is_first {
                    layer.stroked(method.dash).labelled(method.name)
                } else {
                    layer.faded(0.35)
                });
            }
            let Some(record) = results.of(cell(first)).find(|record| record.run.seed == 0) else {
                continue;
            };
            let Some(trace) = results.trace(record) else { continue };
            let letter = |row: u8| format!("({})", char::from(b'a' + 4 * row + k as u8));
            own.push(trajectories(format!("{} {method}, lr {}", letter(0), rate(record.run.lr)), &trace));
            // The other's rate: 0.1 for the baselines, 0.01 for GmP.
            let lr = if method.paper_rate == 0.1 { 0.01 } else { 0.1 };
            let swapped = results.of(Cell { lr, ..cell(first) }).find(|record| record.run.seed == 0);
            if let Some(trace) = swapped.and_then(|record| results.trace(record)) {
                others.push(trajectories(format!("{} {method}, lr {}", letter(1), rate(lr)), &trace));
            }
            let letter = format!("({})", char::from(b'j' + k as u8));
            regions.extend(self.region(&letter, record, &trace));
        }
        let which = if dataset == GENERATED { " (GENERATED set)" } else { "" };
        let caption = format!(
            "Data: {dataset}, seed 0{which}. (a)–(d) Paths of the spatial locations φ of the 10 units over training, a colour a \
             unit, from cross to dot, at the authors' learning rates; (e)–(h) at each other's, 0.1 for the baselines and 0.01 for GmP. (i) Mean over units of the change of the \
             normal's direction from epoch to epoch; our reading of the caption, since no code was released for it. (j)–(m) \
             The trained network: probability as colour, the line where it is one half, test points, and φ as red stars. \
             Axes are in standard deviations of the training points."
        );
        if own.is_empty() {
            return None;
        }
        let title = format!("Figure 3: classification of the banana set{which}");
        let mut figure = Figure::new("fig3", title).caption(caption).row(190.0, own);
        if !others.is_empty() {
            figure = figure.row(190.0, others);
        }
        Some(figure.row(150.0, vec![turn.legend(Legend::Above)]).row(190.0, regions))
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
            .with(Layer::Heat { grid: grid.clone(), range: (0.0, 1.0), map: ColorMap::Diverging })
            .with(Layer::points(class(0.0), Color::BLUE, Marker::Dot).sized(3.0))
            .with(Layer::points(class(1.0), Color::PURPLE, Marker::Dot).sized(3.0))
            .with(Layer::Contour { grid, level: 0.5, color: Color::INK, width: 2.4 })
            .with(Layer::points(stars, Color::INACTIVE, Marker::Star));
        Some(panel.aspect_equal())
    }
}

/// The paths of all units' φ over training.
fn trajectories(title: String, trace: &Trace) -> Panel {
    let mut panel = Panel::new(title, Axis::linear("φ₁"), Axis::linear("φ₂"));
    let units = trace.snapshots.first().map_or(0, |(_, phi)| phi.0.len() / 2);
    for j in 0..units {
        let at = |phi: &[f32]| (f64::from(phi[j]), f64::from(phi[units + j]));
        let path: Vec<(f64, f64)> = trace.snapshots.iter().map(|(_, phi)| at(&phi.0)).collect();
        let color = Color::of_unit(j);
        let ends = [path[0], path[path.len() - 1]];
        panel = panel
            .with(Layer::line(path, color).sized(1.0))
            .with(Layer::points([ends[0]], color, Marker::Cross))
            .with(Layer::points([ends[1]], color, Marker::Dot));
    }
    panel.aspect_equal()
}
