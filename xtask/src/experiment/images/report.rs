//! Curves, tables and claims of networks for pictures.

use crate::claim::{Claim, Origin};
use crate::experiment::Context;
use crate::experiment::ask::Asker;
use crate::experiment::question::{Data, Quantity, Question};
use crate::experiment::tables::{Rate, published};
use crate::method::{self, Architecture, MethodId};
use crate::problem::images::Set;
use crate::report::figure::{Axis, Figure, Layer, Legend, Panel};
use crate::report::html::{Block, Table};
use crate::run::results::{Cell, Results, SetId};
use crate::run::trace::EpochAccuracy;
use crate::run::{Protocol, Record};
use crate::statistics::{Population, Summary};

/// One row of a table: a set of images at one batch size.
pub struct Row<'a> {
    /// What records call it.
    pub id: SetId<'a>,
    /// The pictures.
    pub set: &'a Set,
}

/// The method that the paper's claims are about.
pub const SUBJECT: MethodId = method::GMP_IMN;

const TOP1: Quantity = Quantity::share("validation top-1 accuracy", |record| record.value);
const TOP5: Quantity = Quantity::share("validation top-5 accuracy", |record| record.accuracy.map(|a| a.top5));
const SPEED: Quantity =
    Quantity::share("mean validation top-1 accuracy over the first 25 epochs", |record| {
        record.accuracy.map(|a| a.mean)
    });

/// What the captions of a figure or a table say, and the networks that they say it of.
pub struct Caption {
    /// `fig4`.
    pub id: &'static str,
    /// `Figure 4`.
    pub figure: &'static str,
    /// The caption.
    pub text: &'static str,
    /// The networks.
    pub network: Architecture,
    /// Whether the authors' learning rates are known.
    pub at_authors_rates: bool,
}

impl Caption {
    fn question(
        &self,
        [id, beyond]: [&'static str; 2],
        quantity: Quantity,
        tested: &'static str,
    ) -> [Question; 2] {
        let (paper, others): (Vec<MethodId>, Vec<MethodId>) =
            method::of(self.network).into_iter().filter(|m| *m != SUBJECT).partition(|m| m.in_paper);
        let of = |id, origin, statement, baselines, headline| Question {
            id,
            origin,
            figure: self.figure,
            statement,
            tested,
            quantity,
            subject: SUBJECT,
            baselines,
            protocols: &[Protocol::Paper],
            at_authors_rates: self.at_authors_rates,
            at_equal_rates: true,
            at_best_rate: false,
            headline,
            asks_for_seeds: false,
        };
        [of(id, Origin::Paper, self.text, paper, true), of(beyond, Origin::Ours, BEYOND, others, false)]
    }

    /// The questions about the speed of learning.
    #[must_use]
    pub fn speed(&self) -> Vec<Question> {
        let ids = match self.network {
            Architecture::ResNet => ["table3.speed", "table3.speed.beyond"],
            _ => ["fig4.speed", "fig4.speed.beyond"],
        };
        self.question(ids, SPEED, "GmP+IMN learns fastest").into()
    }

    /// The questions about the accuracy at the end.
    #[must_use]
    pub fn accuracy(&self) -> Vec<Question> {
        let [top1, top5] = match self.network {
            Architecture::ResNet => {
                [["table3.top1", "table3.top1.beyond"], ["table3.top5", "table3.top5.beyond"]]
            }
            _ => [["table2.top1", "table2.top1.beyond"], ["table2.top5", "table2.top5.beyond"]],
        };
        let mut questions = Vec::from(self.question(top1, TOP1, "GmP+IMN has the highest top-1 accuracy"));
        questions.extend(self.question(top5, TOP5, "GmP+IMN has the highest top-5 accuracy"));
        questions
    }

    /// The claims on the results.
    #[must_use]
    pub fn claims(
        &self,
        context: &Context,
        questions: &[Question],
        results: &Results<'_>,
        rows: &[Row<'_>],
        methods: &[MethodId],
        usual: Rate,
    ) -> Vec<Claim> {
        let shown = rates(results, rows, methods, usual).into_iter();
        let mut equal: Vec<f64> =
            shown.filter_map(|rate| if let Rate::Equal(lr) = rate { Some(lr) } else { None }).collect();
        equal.dedup();
        let data: Vec<Data<'_>> = rows
            .iter()
            .map(|row| Data {
                id: row.id,
                population: Population::Initialisations,
                generated: row.set.is_generated(),
                headline: true,
                limits: None,
            })
            .collect();
        let store = if self.network == Architecture::ResNet { "table3" } else { super::vgg::STORE };
        let asker = Asker { context, methods, equal: &equal, store, pools: false };
        asker.ask(questions, &data, Some(results))
    }

    /// The claims on data that are not run.
    #[must_use]
    pub fn untested(
        &self,
        context: &Context,
        questions: &[Question],
        names: &[&str],
        equal: &[f64],
        why: &str,
    ) -> Vec<Claim> {
        let data: Vec<Data<'_>> = names
            .iter()
            .map(|name| Data {
                id: SetId { name, fingerprint: "" },
                population: Population::Initialisations,
                generated: false,
                headline: true,
                limits: Some(why.to_owned()),
            })
            .collect();
        let methods = method::of(self.network);
        Asker { context, methods: &methods, equal, store: self.id, pools: false }.ask(questions, &data, None)
    }
}

const BEYOND: &str = "GmP+IMN is better than methods that the paper does not compare with: weight normalization with the same input \
                      mean normalization, and layer normalization.";

/// At which learning rates there is something to show: the `usual` ones where every method was run at them, and every
/// one that the subject shares with a method whose usual one is another.
fn rates(results: &Results<'_>, rows: &[Row<'_>], methods: &[MethodId], usual: Rate) -> Vec<Rate> {
    let has = |rate: Rate, method| {
        rows.iter().any(|row| rate.cell(results, row.id, method, Protocol::Paper, true).is_some())
    };
    let mut shown: Vec<Rate> =
        methods.iter().all(|&method| has(usual, method)).then_some(usual).into_iter().collect();
    let mut equal: Vec<f64> = results.records.iter().map(|record| record.run.lr).collect();
    equal.sort_by(f64::total_cmp);
    equal.dedup();
    // At the authors' rates the subject meets methods of its own rate already.
    let is_news = |method: MethodId| usual != Rate::Paper || method.paper_rate != SUBJECT.paper_rate;
    let others: Vec<MethodId> = methods.iter().copied().filter(|&m| m != SUBJECT && is_news(m)).collect();
    shown.extend(equal.into_iter().map(Rate::Equal).filter(|&rate| {
        rate != usual && has(rate, SUBJECT) && others.iter().any(|&method| has(rate, method))
    }));
    if shown.is_empty() {
        shown.extend(results.records.first().map(|record| Rate::Equal(record.run.lr)));
    }
    shown
}

/// The curves of every row.
pub fn curves(
    name: &str,
    results: &Results<'_>,
    rows: &[Row<'_>],
    methods: &[MethodId],
    usual: Rate,
) -> Vec<Block> {
    let mut blocks = Vec::new();
    for rate in rates(results, rows, methods, usual) {
        for row in rows {
            let figures = blocks.iter().filter(|block| matches!(block, Block::Figure(_))).count();
            let name = if figures == 0 { name.to_owned() } else { format!("{name}-{}", figures + 1) };
            blocks.extend(figure(&name, results, row, methods, rate).map(Block::Figure));
        }
    }
    blocks
}

fn figure(
    name: &str,
    results: &Results<'_>,
    row: &Row<'_>,
    methods: &[MethodId],
    rate: Rate,
) -> Option<Figure> {
    // Half and rank: training or validation, top 1 or top 5.
    let kinds = [
        ("training, top 1", 0, 0),
        ("validation, top 1", 1, 0),
        ("training, top 5", 0, 1),
        ("validation, top 5", 1, 1),
    ];
    let mut panels = kinds.map(|(title, ..)| {
        Panel::new(title, Axis::linear("epoch"), Axis::linear("accuracy (%)")).legend(Legend::Above)
    });
    let mut is_empty = true;
    for &method in methods {
        let Some(cell) = rate.cell(results, row.id, method, Protocol::Paper, true) else { continue };
        let traces = results.of(cell).filter_map(|record| results.trace(record));
        let seeds: Vec<Vec<EpochAccuracy>> =
            traces.map(|trace| trace.accuracy).filter(|epochs| !epochs.is_empty()).collect();
        is_empty &= seeds.is_empty();
        for (panel, (_, half, rank)) in panels.iter_mut().zip(kinds) {
            let percent = |epoch: &EpochAccuracy| 100.0 * [epoch.training, epoch.validation][half][rank];
            let longest = seeds.iter().map(Vec::len).max().unwrap_or(0);
            let mean = (0..longest).map(|k| {
                let there: Vec<f64> = seeds.iter().filter_map(|epochs| epochs.get(k)).map(percent).collect();
                ((k + 1) as f64, there.iter().sum::<f64>() / there.len() as f64)
            });
            let mean: Vec<(f64, f64)> = mean.collect();
            if seeds.len() > 1 {
                for epochs in &seeds {
                    let line = epochs.iter().enumerate().map(|(k, epoch)| ((k + 1) as f64, percent(epoch)));
                    panel.layers.push(Layer::line(line, method.color).sized(0.8).faded(0.35));
                }
            }
            let line = Layer::line(mean, method.color).stroked(method.dash).sized(2.0);
            panel.layers.push(line.labelled(method.name));
        }
    }
    let caption = format!(
        "Accuracy of {} over the epochs, {}: the mean over the seeds, and thin lines for each. Training accuracy is that of each batch before its \
         step; validation accuracy is that of the network after the epoch.",
        row.id.name,
        rate.words()
    );
    let [a, b, c, d] = panels;
    (!is_empty).then(|| {
        Figure::new(name, format!("{}, {}", row.id.name, rate.words()))
            .caption(caption)
            .row(230.0, vec![a, b])
            .row(230.0, vec![c, d])
    })
}

/// The accuracies of every row at the end.
pub fn table(
    name: &str,
    results: &Results<'_>,
    rows: &[Row<'_>],
    methods: &[MethodId],
    usual: Rate,
) -> Vec<Block> {
    let mut blocks = Vec::new();
    for rate in rates(results, rows, methods, usual) {
        for (words, quantity) in [("top-1", TOP1), ("top-5", TOP5)] {
            let caption = format!("Validation {words} accuracy in percent, {}.", rate.words());
            blocks.push(Block::Table(accuracies(results, rows, methods, rate, quantity.number, caption)));
        }
        let caption = format!(
            "Top-1 accuracy in percent on the training images in the last epoch, {}: its difference to the validation accuracy is the generalization gap.",
            rate.words()
        );
        let training = |record: &Record| record.accuracy.map(|a| a.training);
        blocks.push(Block::Table(accuracies(results, rows, methods, rate, training, caption)));
    }
    let pictures: Vec<String> = rows
        .iter()
        .map(|row| {
            let Set { training, validation, .. } = row.set;
            let (training, validation, classes) = (training.len(), validation.len(), training.classes());
            format!(
                "{}: {training} training and {validation} validation images of {classes} classes",
                row.id.name
            )
        })
        .collect();
    blocks.push(Block::Paragraph(format!("{}.", pictures.join("; "))));
    let skipped =
        results.records.iter().filter_map(|record| Some(record.accuracy?.skipped)).max().unwrap_or(0);
    if skipped > 0 {
        blocks.push(Block::Note(format!(
            "{skipped} images could not be read and were left out; the first of them was named on the terminal."
        )));
    }
    let names: Vec<&str> = if name == "table2" {
        vec![
            "batch 256 top-1",
            "batch 256 top-5",
            "batch 512 top-1",
            "batch 512 top-5",
            "batch 1024 top-1",
            "batch 1024 top-5",
        ]
    } else {
        vec!["top-1", "top-5"]
    };
    blocks.push(Block::Table(published(name, "validation accuracy", &names, methods)));
    blocks
}

fn accuracies(
    results: &Results<'_>,
    rows: &[Row<'_>],
    methods: &[MethodId],
    rate: Rate,
    number: impl Fn(&Record) -> Option<f64>,
    caption: String,
) -> Table {
    let mut table = Table { caption, ..Table::default() };
    table.header =
        std::iter::once("data".to_owned()).chain(methods.iter().map(ToString::to_string)).collect();
    for row in rows {
        let cell = |method| rate.cell(results, row.id, method, Protocol::Paper, true);
        let values = |cell: Cell<'_>| {
            let percent = results.by_seed(cell, |record| number(record).map(|share| 100.0 * share));
            percent.into_values().collect::<Vec<f64>>()
        };
        let mut shown = vec![row.id.name.to_owned()];
        let mut best: Option<(usize, f64)> = None;
        for (k, &method) in methods.iter().enumerate() {
            let Some(values) = cell(method).map(values) else {
                shown.push("–".to_owned());
                continue;
            };
            let diverged = values.iter().filter(|value| value.is_nan()).count();
            let summary = Summary::of(&values);
            if diverged > 0 {
                shown.push(format!("{diverged} of {} diverged", values.len()));
                continue;
            }
            shown.push(summary.display(2));
            if let Some(mean) = summary.mean
                && best.is_none_or(|(_, highest)| mean > highest)
            {
                best = Some((k, mean));
            }
        }
        table.highlight.extend(best.map(|(k, _)| (table.rows.len(), k + 1)));
        table.rows.push(shown);
    }
    table
}
