//! Figure 2: one-dimensional regression of the Levy function with 100 ReLU units.

use super::one_input::unit_panel;
use super::tables::{
    FEWEST_SEEDS, Quantity, Rate, comparisons, curve, methods_table, movement_table, push_claim,
};
use super::training::{Problem, Watching, carry_out};
use super::{Context, Experiment, Grid, Prepared, Rates, Study};
use crate::data::notebook;
use crate::method::{self, Architecture, MethodId};
use crate::problem::levy::{self, EPOCHS, NOTEBOOK, SEEDED, SETUP, points};
use crate::report::color::Color;
use crate::report::figure::{Axis, Figure, Layer, Legend, Marker, Panel, Stroke};
use crate::report::html::{Block, Claim, Section};
use crate::report::number::{number, rate};
use crate::run::execute::Finished;
use crate::run::results::{Cell, Results, SetId};
use crate::run::stop::Stop;
use crate::run::trace::Trace;
use crate::run::{Protocol, Record, Run, fingerprint};
use crate::statistics::Verdict;
use anyhow::Result;
use gmp_train::Dataset;

/// Figure 2.
pub struct Fig2;

impl Experiment for Fig2 {
    fn id(&self) -> &'static str {
        "fig2"
    }
    fn title(&self) -> &'static str {
        "Figure 2: regression of the Levy function"
    }
    /// One input has no angles: the two initializations of GmP are one.
    fn methods(&self) -> Vec<MethodId> {
        method::in_paper(Architecture::Dense)
    }
    fn options(&self) -> &'static [&'static str] {
        &["--seeds", "--protocol", "--method", "--lr"]
    }
    fn needs(&self) -> &'static str {
        "nothing"
    }
    fn duration(&self) -> [&'static str; 2] {
        ["20 s", "5 min"]
    }

    fn prepare(&self, context: &Context) -> Result<Prepared> {
        let (x, y) = notebook::levy_draw();
        let notebook = fingerprint(x.iter().chain(&y));
        let methods = context.methods(&self.methods(), &self.methods());
        let grid = |set: SetId<'_>| {
            context.plan(Grid {
                experiment: self.id(),
                methods: &methods,
                dataset: set.name,
                data: set.fingerprint,
                seeds: context.seeds(10, 20),
                epoch_limit: EPOCHS,
                protocols: &context.protocols,
                rates: Rates::Grid,
            })
        };
        let mut runs = grid(SetId { name: NOTEBOOK, fingerprint: &notebook });
        runs.extend(grid(SEEDED));
        Ok(Prepared::Ready(Box::new(Levy { runs, notebook })))
    }
}

struct Levy {
    runs: Vec<Run>,
    /// Fingerprint of the authors' points.
    notebook: String,
}

impl Study for Levy {
    fn runs(&self) -> Vec<Run> {
        self.runs.clone()
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let (x, y) = points(run);
        let (grid, truth) = levy::grid();
        let problem = Problem {
            train: Dataset::new(x, 1, y, 1)?,
            test: Dataset::new(grid.clone(), 1, truth, 1)?,
            grid,
            watch: Watching::Curves,
            picture: run.seed == 0 && run.protocol == Protocol::Paper,
        };
        carry_out(&SETUP, problem, run, stop)
    }

    fn report(&self, results: &Results<'_>) -> Section {
        let methods: Vec<MethodId> = method::in_paper(Architecture::Dense)
            .into_iter()
            .filter(|m| self.runs.iter().any(|r| r.method == *m))
            .collect();
        let mut blocks = vec![Block::Paragraph(
            "100 units on 50 points with noise of deviation 0.1, MAE loss, full batch, Adam, at most 10,000 epochs; the \
             rate falls tenfold after 500 epochs without improvement, training stops after 1000. RMSE is that of the \
             noise-free function on the grid −10, −9.9, …, 10. In the authors' protocol the training loss decides; held \
             out, ten of the fifty points do."
                .to_owned(),
        )];
        if let Some(figure) = self.figure(results, &methods) {
            blocks.push(Block::Figure(figure));
        }
        let protocols: Vec<Protocol> = [Protocol::Paper, Protocol::HeldOut]
            .into_iter()
            .filter(|p| self.runs.iter().any(|r| r.protocol == *p))
            .collect();
        for &protocol in &protocols {
            for rate in [Rate::Paper, Rate::Chosen] {
                let caption = format!("Test RMSE, {protocol} protocol, {}.", rate.words());
                let sets = [(self.notebook(), 3), (SEEDED, 3)];
                let table = methods_table(results, &sets, &methods, protocol, rate, false, caption);
                blocks.push(Block::Table(table));
            }
        }
        blocks.push(Block::Note(
            "The authors' notebook, one seed on its own fifty points: GmP 0.496, SP 1.104, BN 1.244, WN 1.219. The row \
             levy-notebook has the same points."
                .to_owned(),
        ));
        let sets = [self.notebook(), SEEDED];
        if protocols.contains(&Protocol::Paper) {
            blocks.push(Block::Table(movement_table(
                results,
                SEEDED,
                &methods,
                Protocol::Paper,
                "φ",
                |m| [m.location_mean, m.location_median, m.location_max],
            )));
            let stability =
                Quantity { number: |r| r.movement.map(|m| m.location_mean.log2()), larger_is_better: false };
            for (rate, statement) in [
                (
                    Rate::Paper,
                    "(c) The boundaries move least per step under GmP, at ten times the learning rate.",
                ),
                (Rate::Equal(0.1), "(c) They move least under GmP with all methods at learning rate 0.1."),
            ] {
                let compared = comparisons(
                    results,
                    &sets,
                    method::GMP,
                    &method::baselines(),
                    Protocol::Paper,
                    rate,
                    stability,
                );
                push_claim(
                    &mut blocks,
                    statement,
                    &compared,
                    "log₂ of the mean movement of φ per step",
                    rate,
                );
            }
            let statement = "(d)–(g) GmP predicts the function best (authors' protocol and learning rates).";
            let compared = comparisons(
                results,
                &sets,
                method::GMP,
                &method::baselines(),
                Protocol::Paper,
                Rate::Paper,
                Quantity::RMSE,
            );
            push_claim(&mut blocks, statement, &compared, "test RMSE", Rate::Paper);
        }
        if protocols.contains(&Protocol::HeldOut) {
            let statement = "GmP predicts the function best with every method at its own learning rate, chosen by held-out points.";
            let compared = comparisons(
                results,
                &sets,
                method::GMP,
                &method::baselines(),
                Protocol::HeldOut,
                Rate::Chosen,
                Quantity::RMSE,
            );
            push_claim(&mut blocks, statement, &compared, "test RMSE", Rate::Chosen);
            blocks.push(Block::Claim(chosen_rates_claim(results)));
        }
        Section {
            id: Fig2.id().to_owned(),
            title: Fig2.title().to_owned(),
            paper_claim: "Activation points of GmP evolve most stably (c), spread over the data and give the lowest RMSE \
                          (d)–(g). Learning rates are selected by cross-validation; the best rate for SP, WN and BN is \
                          lower than that for GmP, since their training becomes unstable at higher ones."
                .to_owned(),
            blocks,
        }
    }
}

/// "The optimal learning rate for SP, WN and BN is lower than that for GmP."
fn chosen_rates_claim(results: &Results<'_>) -> Claim {
    let statement = "The best learning rate of SP, WN and BN is lower than that of GmP.".to_owned();
    let chosen = |method| results.chosen_rate(SEEDED, method, false);
    let rates: Option<Vec<f64>> = method::in_paper(Architecture::Dense).into_iter().map(chosen).collect();
    let grid: Vec<f64> = results.rates(SEEDED, method::GMP);
    let seeds = results.records.iter().map(|r| r.run.seed).max().map_or(0, |s| s + 1);
    let Some(rates) = rates.filter(|_| grid.len() >= 2 && seeds >= FEWEST_SEEDS as u64) else {
        let evidence =
            "Needs all four methods, held-out runs, several learning rates and five seeds.".to_owned();
        return Claim { statement, verdict: Verdict::NotTested, evidence };
    };
    let lower = rates[..3].iter().filter(|rate| **rate < rates[3]).count();
    let verdict = match lower {
        3 => Verdict::Replicated,
        0 => Verdict::NotReplicated,
        _ => Verdict::Partly,
    };
    let evidence = format!(
        "Best by held-out validation, of {grid:?}: SP {}, WN {}, BN {}, GmP {}. Rule: replicated if all three are lower.",
        rates[0], rates[1], rates[2], rates[3]
    );
    Claim { statement, verdict, evidence }
}

impl Levy {
    fn notebook(&self) -> SetId<'_> {
        SetId { name: NOTEBOOK, fingerprint: &self.notebook }
    }

    fn figure(&self, results: &Results<'_>, methods: &[MethodId]) -> Option<Figure> {
        let mut change = Panel::new(
            "(c) Mean movement of φ per step, one line per seed",
            Axis::linear("epoch (= step)"),
            Axis::log2("mean over units of |φ_{t} − φ_{t−1}|"),
        );
        change.weight = 2.0;
        let (mut fits, mut strips) = (Vec::new(), Vec::new());
        let letters = ["(d)", "(e)", "(f)", "(g)"];
        for (&method, letter) in methods.iter().zip(letters) {
            let Some(lr) = results.pictured_rate(self.notebook(), method) else { continue };
            let cell = |set| Cell { set, method, lr, protocol: Protocol::Paper };
            for record in results.of(cell(SEEDED)) {
                let Some(trace) = results.trace(record) else { continue };
                let line = curve(&trace.epochs, &trace.location.mean);
                let first = record.run.seed == 0;
                let layer = Layer::line(line, method.color).sized(if first { 1.8 } else { 0.8 });
                change = change.with(if first {
                    layer.stroked(method.dash).labelled(method.name)
                } else {
                    layer.faded(0.35)
                });
            }
            let Some(record) = results.of(cell(self.notebook())).find(|record| record.run.seed == 0) else {
                continue;
            };
            let Some(trace) = results.trace(record) else { continue };
            fits.push(fit_panel(letter, record, &trace));
            strips.push(strips_panel(&trace, method));
        }
        let [a, b] = [unit_panel("(a)", 1.0, -0.8), unit_panel("(b)", -1.0, -0.8)];
        let caption = "(a)–(b) A unit with one input, as in Figure 5. (c) Mean over the 100 units of |φ_t − φ_{t−1}| at each \
                       step, averaged in bins of epochs; our reading of the caption, since no code was released for it. \
                       (d)–(g) The authors' fifty points, seed 0, with the test RMSE: the function, the points, the network before (dashed) \
                       and after training. Below, the spatial locations φ of all 100 units, from the start (bottom) to the \
                       end (top) of training.";
        (!fits.is_empty()).then(|| {
            Figure::new("fig2", "Figure 2: regression of the Levy function")
                .caption(caption)
                .row(170.0, vec![a, b, change.legend(Legend::Above)])
                .row(170.0, fits)
                .row(200.0, strips)
        })
    }
}

fn fit_panel(letter: &str, record: &Record, trace: &Trace) -> Panel {
    let (grid, truth) = levy::grid();
    let (x, y) = points(&record.run);
    let method = record.run.method;
    let function =
        |values: &[f32]| grid.iter().zip(values).map(|(&x, &y)| (x, f64::from(y))).collect::<Vec<_>>();
    let rmse = record.value.map_or("diverged".to_owned(), |rmse| number(rmse, 3));
    Panel::new(
        format!("{letter} {method}, lr {}: {rmse}", rate(record.run.lr)),
        Axis::linear("x").between(-10.0, 10.0),
        Axis::linear("y").between(-3.0, 11.0),
    )
    .with(Layer::line(grid.iter().copied().zip(truth), Color::GREY).sized(1.4).labelled("Levy"))
    .with(Layer::line(function(&trace.initial.0), method.color).stroked(Stroke::Dashed).faded(0.6))
    .with(Layer::line(function(&trace.trained.0), method.color).sized(2.0).labelled(method.name))
    .with(Layer::points(x.into_iter().zip(y), Color::INK, Marker::Dot).sized(3.5))
}

/// Eleven strips, evenly spaced over training.
fn strips_panel(trace: &Trace, method: MethodId) -> Panel {
    const STRIPS: usize = 11;
    let last = trace.snapshots.len().saturating_sub(1);
    let strips = (0..STRIPS)
        .filter_map(|k| trace.snapshots.get(k * last / (STRIPS - 1)))
        .map(|(epoch, phi)| (epoch.to_string(), phi.0.iter().map(|&p| f64::from(p)).collect()))
        .collect();
    Panel::new("", Axis::linear("φ of 100 units").between(-10.0, 10.0), Axis::linear("epoch"))
        .with(Layer::Strips { strips, color: method.color })
}
