//! What several sections show in the same way: tables of methods and figures over learning rates.

use crate::method::MethodId;
use crate::report::figure::{Axis, Layer, Legend, Marker, Panel};
use crate::report::html::Table;
use crate::report::number::{number, rate};
use crate::run::Protocol;
use crate::run::results::{Cell, Results, SetId};
use crate::run::trace::Movement;
use crate::statistics::Summary;

/// At which learning rate a method is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// The authors' choice: 0.1 for GmP, 0.01 for the rest.
    Paper,
    /// The method's own best by held-out validation, chosen by the results of other seeds.
    Chosen,
    /// The one that the held-out samples of each seed choose for it: there is no one rate of a method.
    ChosenBySeed,
    /// The same for every method.
    Equal(f64),
}

impl Rate {
    /// The cell of a method at this rate; none where it was not run or nothing could choose.
    #[must_use]
    pub fn cell<'a>(
        self,
        results: &Results<'_>,
        set: SetId<'a>,
        method: MethodId,
        protocol: Protocol,
        larger_is_better: bool,
    ) -> Option<Cell<'a>> {
        let lr = match self {
            Self::Paper => method.paper_rate,
            Self::Chosen => results.chosen_rate(set, method, larger_is_better)?,
            Self::ChosenBySeed => return None,
            Self::Equal(lr) => lr,
        };
        let cell = Cell { set, method, lr, protocol };
        results.of(cell).next().is_some().then_some(cell)
    }

    /// How claims call it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Paper => "authors".to_owned(),
            Self::Chosen => "own best".to_owned(),
            Self::ChosenBySeed => "own best by seed".to_owned(),
            Self::Equal(lr) => format!("equal {}", rate(lr)),
        }
    }

    /// How a caption says it.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Paper => "at the authors' learning rates (GmP 0.1, the others 0.01)".to_owned(),
            Self::Chosen => "each at its own learning rate, chosen by held-out validation".to_owned(),
            Self::ChosenBySeed => {
                "each run at the learning rate that its own held-out samples choose".to_owned()
            }
            Self::Equal(lr) => format!("all at learning rate {}", rate(lr)),
        }
    }
}

/// A table of data sets by methods, the best mean of each row in bold.
#[must_use]
pub fn methods_table(
    results: &Results<'_>,
    sets: &[(SetId<'_>, usize)],
    methods: &[MethodId],
    protocol: Protocol,
    rate: Rate,
    larger_is_better: bool,
    caption: String,
) -> Table {
    let mut table = Table { caption, ..Table::default() };
    table.header =
        std::iter::once("data".to_owned()).chain(methods.iter().map(ToString::to_string)).collect();
    for &(set, decimals) in sets {
        let cells = methods.iter().map(|&m| rate.cell(results, set, m, protocol, larger_is_better));
        let cells: Vec<Option<Cell<'_>>> = cells.collect();
        let means =
            cells.iter().enumerate().filter_map(|(i, cell)| Some((i, results.summary((*cell)?).mean?)));
        let best =
            means.min_by(|a, b| if larger_is_better { b.1.total_cmp(&a.1) } else { a.1.total_cmp(&b.1) });
        if let Some((column, _)) = best {
            table.highlight.push((table.rows.len(), column + 1));
        }
        let shown = cells.iter().map(|cell| {
            cell.map_or_else(
                || "–".to_owned(),
                |cell| {
                    let suffix = match rate {
                        Rate::Chosen | Rate::ChosenBySeed => format!(" (lr {})", self::rate(cell.lr)),
                        _ => String::new(),
                    };
                    results.display(cell, decimals) + &suffix
                },
            )
        });
        table.rows.push(std::iter::once(set.name.to_owned()).chain(shown).collect());
    }
    table
}

/// How far boundaries move, for every method and learning rate, over the seeds.
#[must_use]
pub fn movement_table(
    results: &Results<'_>,
    set: SetId<'_>,
    methods: &[MethodId],
    protocol: Protocol,
    what: &str,
    of: fn(&Movement) -> [f64; 3],
) -> Table {
    let header = [
        "method",
        "lr",
        "log₂ of the mean",
        "log₂ of the median",
        "largest",
        "unit-epochs without movement of φ",
    ];
    let caption = format!(
        "Change of {what} from epoch to epoch on {}, {protocol} protocol: mean over seeds of the log₂ of the mean over units (and of their median), \
         averaged over epochs; the largest of all; the share of unit-epochs in which φ did not move (units without a gradient).",
        set.name
    );
    let mut table = Table { caption, header: header.map(str::to_owned).to_vec(), ..Table::default() };
    for &method in methods {
        for lr in results.rates(set, method) {
            let cell = Cell { set, method, lr, protocol };
            let movements: Vec<Movement> = results.of(cell).filter_map(|record| record.movement).collect();
            if movements.is_empty() {
                continue;
            }
            let logs = |k: usize| {
                Summary::of(&movements.iter().map(|m| of(m)[k].log2()).collect::<Vec<_>>()).display(2)
            };
            let largest = movements.iter().map(|m| of(m)[2]).fold(0.0, f64::max);
            let unmoved = movements.iter().map(|m| m.unmoved).sum::<f64>() / movements.len() as f64;
            table.rows.push(vec![
                method.to_string(),
                rate(lr),
                logs(0),
                logs(1),
                number(largest, 3),
                format!("{:.1}%", 100.0 * unmoved),
            ]);
        }
    }
    table
}

/// A binned curve as points.
#[must_use]
pub fn curve(x: &[f32], y: &[f32]) -> Vec<(f64, f64)> {
    x.iter().zip(y).map(|(&x, &y)| (f64::from(x), f64::from(y))).collect()
}

/// One data set's metric over the learning rates: one line per method through its means, with 95% intervals as bars.
#[must_use]
pub fn rates_panel(
    results: &Results<'_>,
    set: SetId<'_>,
    methods: &[MethodId],
    protocol: Protocol,
    metric: &str,
) -> Panel {
    let mut panel =
        Panel::new(set.name, Axis::log10("learning rate"), Axis::linear(metric)).legend(Legend::Above);
    for (k, &method) in methods.iter().enumerate() {
        // Beside each other, so that no bar hides another.
        let shift = 1.0 + 0.05 * (k as f64 - (methods.len() - 1) as f64 / 2.0);
        let mut line = Vec::new();
        for lr in results.rates(set, method) {
            let summary = results.summary(Cell { set, method, lr, protocol });
            line.extend(summary.mean.map(|mean| (lr * shift, mean)));
            if let Some(interval) = summary.interval {
                let bar = [(lr * shift, interval.low), (lr * shift, interval.high)];
                panel = panel.with(Layer::line(bar, method.color).sized(1.2).faded(0.7));
            }
        }
        panel = panel
            .with(Layer::line(line.clone(), method.color).stroked(method.dash).labelled(method.name))
            .with(Layer::points(line, method.color, Marker::Dot));
    }
    panel
}

/// The published values, where somebody has filled them in.
#[must_use]
pub fn published(table: &str, what: &str, names: &[&str], methods: &[MethodId]) -> Table {
    let mut reader = csv::Reader::from_reader(include_str!("../../data/published.csv").as_bytes());
    let rows: Vec<[String; 4]> = reader.deserialize().filter_map(Result::ok).collect();
    let value = |dataset: &str, method: MethodId| {
        let found = rows.iter().find(|[t, d, m, _]| t == table && d == dataset && m == method.name);
        found.map_or("–".to_owned(), |[.., value]| value.clone())
    };
    Table {
        caption: format!(
            "Published {what}. The paper's numbers were not available: enter them in xtask/data/published.csv."
        ),
        header: std::iter::once("data".to_owned()).chain(methods.iter().map(ToString::to_string)).collect(),
        rows: names
            .iter()
            .map(|&n| std::iter::once(n.to_owned()).chain(methods.iter().map(|&m| value(n, m))).collect())
            .collect(),
        highlight: Vec::new(),
    }
}
