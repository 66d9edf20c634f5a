//! Curves, tables and verdicts of networks for pictures.

use crate::experiment::tables::{Quantity, Rate, comparisons, comparisons_table, published, verdict};
use crate::method::{self, MethodId};
use crate::problem::images::Set;
use crate::report::figure::{Axis, Figure, Layer, Legend, Panel};
use crate::report::html::{Block, Claim, Table};
use crate::run::results::{Cell, Results, SetId};
use crate::run::trace::EpochAccuracy;
use crate::run::{Protocol, Record};
use crate::statistics::Summary;

/// One row of a table: a set of pictures at one batch size.
pub struct Row<'a> {
    /// What records call it.
    pub id: SetId<'a>,
    /// The pictures.
    pub set: &'a Set,
}

/// The method that the paper's claims are about.
const SUBJECT: MethodId = method::GMP_IMN;

const TOP1: Quantity = Quantity::ACCURACY;
const TOP5: Quantity = Quantity { number: |record| record.accuracy.map(|a| a.top5), larger_is_better: true };
const SPEED: Quantity = Quantity { number: |record| record.accuracy.map(|a| a.mean), larger_is_better: true };

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

/// The curves of every row, and what they say of speed.
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
        let statement = format!("GmP+IMN learns fastest, {}.", rate.words());
        claim(
            &mut blocks,
            results,
            rows,
            methods,
            rate,
            SPEED,
            &statement,
            "mean validation top-1 over the first 25 epochs",
        );
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
        "Accuracy of {} over the epochs, {}: the mean over the seeds, and thin lines for each. Training accuracy is that of \
         the batches as they were learned from, before their step; validation accuracy that of the network after the epoch.",
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

/// The accuracies of every row at the end, and the verdicts on them.
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
            let statement = format!("GmP+IMN has the highest validation {words} accuracy, {}.", rate.words());
            let what = format!("validation {words}");
            claim(&mut blocks, results, rows, methods, rate, quantity, &statement, &what);
        }
        let caption = format!(
            "Top-1 accuracy in percent on the training pictures in the last epoch, {}: what is left to the validation \
             accuracy is generalization.",
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
                "{}: {training} training and {validation} validation pictures of {classes} classes",
                row.id.name
            )
        })
        .collect();
    blocks.push(Block::Paragraph(format!("{}.", pictures.join("; "))));
    let skipped =
        results.records.iter().filter_map(|record| Some(record.accuracy?.skipped)).max().unwrap_or(0);
    if skipped > 0 {
        blocks.push(Block::Note(format!(
            "{skipped} pictures could not be read and were left out; the terminal named the first of them."
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

/// The subject against every other method, where both were run: those of the paper, then those beyond it.
fn claim(
    blocks: &mut Vec<Block>,
    results: &Results<'_>,
    rows: &[Row<'_>],
    methods: &[MethodId],
    rate: Rate,
    quantity: Quantity,
    statement: &str,
    what: &str,
) {
    let sets: Vec<SetId<'_>> = rows.iter().map(|row| row.id).collect();
    let (paper, beyond): (Vec<MethodId>, Vec<MethodId>) =
        methods.iter().filter(|method| **method != SUBJECT).partition(|method| method.in_paper);
    let beyond_statement = format!("Beyond the paper, against {}: {statement}", method::names(&beyond));
    for (others, statement) in [(paper, statement), (beyond, &beyond_statement)] {
        if others.is_empty() {
            continue;
        }
        let compared = comparisons(results, &sets, SUBJECT, &others, Protocol::Paper, rate, quantity);
        let (verdict, evidence) = verdict(&compared);
        blocks.push(Block::Claim(Claim { statement: statement.to_owned(), verdict, evidence }));
        if !compared.is_empty() {
            let caption = format!("Paired differences of {what} (a share of 1), {}.", rate.words());
            blocks.push(Block::Table(comparisons_table(&compared, |_| 4, caption)));
        }
    }
}
