//! The numbers that the authors' notebooks show, beside runs of the same set-up: their data, their learning rates, their
//! protocol. A notebook shows one seed; here its place among many is seen.

use crate::method::{self, MethodId};
use crate::report::html::{Block, Table};
use crate::report::number::{number, rate};
use crate::run::results::{Cell, Results, SetId};
use crate::run::{Protocol, Record};
use crate::statistics::Summary;

/// What a notebook shows of its one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shown {
    /// The test metric.
    Result(f64),
    /// The epochs after which the learning rate fell, and the last epoch.
    Schedule(&'static [usize], usize),
}

/// One line of what the notebooks show.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The experiment: `fig2`.
    pub figure: &'static str,
    /// The method.
    pub method: MethodId,
    /// Its learning rate.
    pub lr: f64,
    /// What is shown.
    pub shown: Shown,
    /// Where in which notebook of the authors' repository.
    pub source: &'static str,
}

const LEVY: &str = "1d_levy.ipynb, title of the panel";
const LEVY_EQUAL: &str = "1d_levy_lr0.1_trajectory.ipynb (earlier version), title of the panel";
const CALLBACKS: &str = "standard-training.ipynb (earlier version), printed by its callbacks";
const BANANA: &str = "2d_banana.ipynb, printed accuracy";

/// All that the notebooks show and that runs here measure too. The title of WN's panel with all at 0.1 could not be read; training
/// accuracies, which 2d_banana.ipynb prints besides, are not kept of runs here.
pub const ENTRIES: [Entry; 14] = [
    entry("fig2", method::SP, 0.01, Shown::Result(1.104), LEVY),
    entry("fig2", method::WN, 0.01, Shown::Result(1.219), LEVY),
    entry("fig2", method::BN, 0.01, Shown::Result(1.244), LEVY),
    entry("fig2", method::GMP, 0.1, Shown::Result(0.496), LEVY),
    entry("fig2", method::SP, 0.1, Shown::Result(1.189), LEVY_EQUAL),
    entry("fig2", method::BN, 0.1, Shown::Result(0.819), LEVY_EQUAL),
    entry(
        "fig2",
        method::SP,
        0.01,
        Shown::Schedule(&[2045, 3024, 3870, 4370, 4870, 5370, 5870, 6370], 6472),
        CALLBACKS,
    ),
    entry(
        "fig2",
        method::WN,
        0.01,
        Shown::Schedule(&[3520, 5958, 6537, 7236, 7736, 8236, 8736, 9236], 9384),
        CALLBACKS,
    ),
    entry(
        "fig2",
        method::BN,
        0.01,
        Shown::Schedule(&[2551, 3406, 4104, 4604, 5104, 5604, 6104, 6604], 6759),
        CALLBACKS,
    ),
    entry("fig2", method::GMP, 0.1, Shown::Schedule(&[5280, 7425], 10_000), CALLBACKS),
    entry("fig3", method::SP, 0.01, Shown::Result(0.800), BANANA),
    entry("fig3", method::WN, 0.01, Shown::Result(0.810), BANANA),
    entry("fig3", method::BN, 0.01, Shown::Result(0.875), BANANA),
    entry("fig3", method::GMP, 0.1, Shown::Result(0.885), BANANA),
];

const fn entry(figure: &'static str, method: MethodId, lr: f64, shown: Shown, source: &'static str) -> Entry {
    Entry { figure, method, lr, shown, source }
}

/// So many of the falls of a learning rate are compared: later ones follow at fixed intervals.
const FALLS: usize = 3;

/// The notebooks' numbers of a figure beside ours on `set`, and what they are; nothing where no such run was made.
#[must_use]
pub fn table(figure: &str, results: &Results<'_>, set: SetId<'_>) -> Vec<Block> {
    let mut rows = Vec::new();
    for Entry { method, lr, shown, source, .. } in ENTRIES.iter().filter(|entry| entry.figure == figure) {
        let cell = Cell { set, method: *method, lr: *lr, protocol: Protocol::Paper };
        let records: Vec<&Record> = results.of(cell).collect();
        let Some(first) = records.first() else { continue };
        let mut row = |what: &str, theirs: f64, decimals: usize, ours: &dyn Fn(&Record) -> Option<f64>| {
            let values: Vec<f64> =
                records.iter().filter_map(|record| ours(record)).filter(|value| value.is_finite()).collect();
            let mut cells = vec![what.to_owned(), method.to_string(), rate(*lr), number(theirs, decimals)];
            cells.extend(beside(theirs, &values, decimals));
            let n = match values.len() {
                all if all == records.len() => all.to_string(),
                some => format!("{some} of {}", records.len()),
            };
            cells.extend([n, (*source).to_owned()]);
            rows.push(cells);
        };
        match shown {
            Shown::Result(value) => {
                let name = if first.metric == "rmse" { "test RMSE" } else { "test accuracy" };
                row(name, *value, 3, &|record| record.value);
            }
            Shown::Schedule(falls, last) => {
                let names = ["1st drop of lr", "2nd drop of lr", "3rd drop of lr"];
                for (k, (name, epoch)) in names.iter().zip(*falls).take(FALLS).enumerate() {
                    row(name, *epoch as f64, 0, &|record| {
                        record.measures.as_ref()?.reductions.get(k).map(|epoch| *epoch as f64)
                    });
                }
                row("last epoch", *last as f64, 0, &|record| Some(record.epochs as f64));
            }
        }
    }
    let header = [
        "quantity",
        "method",
        "lr",
        "authors",
        "here",
        "smallest to largest",
        "their number among ours",
        "seeds",
        "source",
    ];
    if rows.is_empty() {
        return Vec::new();
    }
    let table = Table {
        caption: "Beside the authors' notebooks.".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows,
        highlight: Vec::new(),
    };
    vec![Block::Paragraph(EXPLAINED.to_owned()), Block::Table(table)]
}

const EXPLAINED: &str = "The authors' notebooks show one seed. Below, their numbers are compared with runs on the same data, at the same learning \
    rates and under the same protocol, in which every seed draws other initial weights: the mean ± half of its 95% interval, the range, and where \
    their number falls among ours. The percentile is the share of our seeds below it, counting half of the ties. A drop of the learning rate is \
    given by its epoch; the number of seeds beside it counts those that had one.";

/// Our mean and interval, our range, and their place among ours.
fn beside(theirs: f64, ours: &[f64], decimals: usize) -> [String; 3] {
    if ours.is_empty() {
        return ["–", "–", "–"].map(str::to_owned);
    }
    let shown = |value: f64| number(value, decimals);
    let least = ours.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ours.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    [Summary::of(ours).display(decimals), format!("{} to {}", shown(least), shown(most)), place(theirs, ours)]
}

/// `within, 35th percentile (7 of 20 below)`.
fn place(theirs: f64, ours: &[f64]) -> String {
    // Theirs is printed with three digits at most.
    let equal = ours.iter().filter(|value| (*value - theirs).abs() < 5e-4).count();
    let below = ours.iter().filter(|value| **value <= theirs - 5e-4).count();
    match (below, equal, ours.len()) {
        (0, 0, n) => format!("below all {n}"),
        (below, 0, n) if below == n => format!("above all {n}"),
        (below, equal, n) => {
            let percentile = 100.0 * (below as f64 + 0.5 * equal as f64) / n as f64;
            let equal = if equal > 0 { format!(", {equal} equal") } else { String::new() };
            format!("within, {} ({below} of {n} below{equal})", ordinal(percentile.round() as usize))
        }
    }
}

fn ordinal(percentile: usize) -> String {
    let ending = match (percentile % 100, percentile % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{percentile}{ending} percentile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_number_among_others() {
        let ours = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(place(0.9, &ours), "below all 4");
        assert_eq!(place(4.1, &ours), "above all 4");
        assert_eq!(place(2.5, &ours), "within, 50th percentile (2 of 4 below)");
        assert_eq!(place(3.0002, &ours), "within, 63rd percentile (2 of 4 below, 1 equal)");
        assert_eq!(beside(1.0, &[], 3), ["–"; 3]);
        let [mean, range, _] = beside(1.0, &[1.0, 2.0, 3.0], 2);
        assert_eq!((&mean[..], &range[..]), ("2.00 ± 2.48", "1.00 to 3.00"));
        let ordinals = [1, 2, 3, 4, 11, 12, 13, 21, 100]
            .map(|n| ordinal(n).split(' ').next().unwrap_or_default().to_owned());
        assert_eq!(ordinals, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "100th"]);
    }

    /// Rates fall in order, training ends behind them, and every entry is of a method at its own rate or at one for all.
    #[test]
    fn the_notebooks_numbers_make_sense() {
        for entry in ENTRIES {
            assert!(entry.lr == entry.method.paper_rate || entry.lr == 0.1, "{entry:?}");
            match entry.shown {
                Shown::Schedule(falls, last) => {
                    assert!(falls.is_sorted() && falls.last() < Some(&last), "{entry:?}")
                }
                Shown::Result(value) if entry.figure == "fig3" => {
                    assert!(
                        (200.0 * value - (200.0 * value).round()).abs() < 1e-9,
                        "{value} is no share of 200 points"
                    );
                }
                Shown::Result(value) => assert!((0.0..2.0).contains(&value)),
            }
        }
    }
}
