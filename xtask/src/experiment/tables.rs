//! What several sections show in the same way: tables of methods, learning-rate figures, comparisons and verdicts.

use crate::method::MethodId;
use crate::report::figure::{Axis, Layer, Legend, Marker, Panel};
use crate::report::html::{Block, Claim, Table};
use crate::report::number::{number, rate, signed};
use crate::run::results::{Cell, Results, SetId};
use crate::run::trace::Movement;
use crate::run::{Protocol, Record};
use crate::statistics::{PairedTest, Summary, Verdict, holm, pair_by_seed, paired_t_test};

/// At which learning rate a method is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// The authors' choice: 0.1 for GmP, 0.01 for the rest.
    Paper,
    /// The method's own best by held-out validation.
    Chosen,
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
            Self::Equal(lr) => lr,
        };
        let cell = Cell { set, method, lr, protocol };
        results.of(cell).next().is_some().then_some(cell)
    }

    /// How a caption says it.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Paper => "at the authors' learning rates (GmP 0.1, the others 0.01)".to_owned(),
            Self::Chosen => "each at its own learning rate, chosen by held-out validation".to_owned(),
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
                        Rate::Chosen => format!(" (lr {})", self::rate(cell.lr)),
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

/// One method against a baseline on one data set.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Which data.
    pub dataset: String,
    /// Which method.
    pub subject: MethodId,
    /// Against which.
    pub baseline: MethodId,
    /// Mean difference subject − baseline, in the metric, paired by seed.
    pub test: PairedTest,
    /// p-value corrected (Holm) over all comparisons made together.
    pub p: Option<f64>,
    /// Whether the mean difference favours the subject.
    pub favours: bool,
}

/// The level of every test in the report.
pub const LEVEL: f64 = 0.05;
/// Fewest seeds for which a test is worth its name.
pub const FEWEST_SEEDS: usize = 5;

impl Comparison {
    /// Whether the corrected test rejects equality.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.p.is_some_and(|p| p < LEVEL)
    }
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
        "Change of {what} from epoch to epoch on {}, {protocol} protocol: mean over seeds of the log₂ of the mean over \
         units (and of their median), averaged over epochs; the largest of all; the share of unit-epochs in which φ stood \
         still (units without a gradient).",
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

/// What is compared.
#[derive(Clone, Copy)]
pub struct Quantity {
    /// Taken from each record; none where training diverged.
    pub number: fn(&Record) -> Option<f64>,
    /// Which way it improves.
    pub larger_is_better: bool,
}

impl Quantity {
    /// Test RMSE.
    pub const RMSE: Self = Self { number: |record| record.value, larger_is_better: false };
    /// Test accuracy.
    pub const ACCURACY: Self = Self { number: |record| record.value, larger_is_better: true };
}

/// A method against some others on every data set, with one Holm correction over all of them.
#[must_use]
pub fn comparisons(
    results: &Results<'_>,
    sets: &[SetId<'_>],
    subject: MethodId,
    against: &[MethodId],
    protocol: Protocol,
    rate: Rate,
    quantity: Quantity,
) -> Vec<Comparison> {
    let larger_is_better = quantity.larger_is_better;
    let mut all = Vec::new();
    for &set in sets {
        let Some(own) = rate.cell(results, set, subject, protocol, larger_is_better) else { continue };
        for &baseline in against {
            let Some(other) = rate.cell(results, set, baseline, protocol, larger_is_better) else {
                continue;
            };
            let of = |cell| results.by_seed(cell, quantity.number);
            if let Some(test) = paired_t_test(&pair_by_seed(&of(own), &of(other))) {
                let favours = (test.mean_difference > 0.0) == larger_is_better && test.mean_difference != 0.0;
                let dataset = set.name.to_owned();
                all.push(Comparison { dataset, subject, baseline, test, p: None, favours });
            }
        }
    }
    let corrected = holm(&all.iter().map(|c| c.test.p).collect::<Vec<_>>());
    all.iter_mut().zip(corrected).for_each(|(comparison, p)| comparison.p = p);
    all
}

/// The comparisons as a table.
#[must_use]
pub fn comparisons_table(
    comparisons: &[Comparison],
    decimals: impl Fn(&str) -> usize,
    caption: String,
) -> Table {
    let header = ["data", "methods", "mean difference [95% interval]", "seeds", "p", "p (Holm)", ""];
    let mut table = Table { caption, header: header.map(str::to_owned).to_vec(), ..Table::default() };
    for c in comparisons {
        let d = decimals(&c.dataset);
        let p = |p: Option<f64>| {
            p.map_or("–".to_owned(), |p| if p < 1e-4 { "< 0.0001".to_owned() } else { format!("{p:.4}") })
        };
        let words = match (c.is_significant(), c.favours) {
            (true, true) => format!("{} better", c.subject),
            (true, false) => format!("{} worse", c.subject),
            (false, _) => "no difference shown".to_owned(),
        };
        table.rows.push(vec![
            c.dataset.clone(),
            format!("{} − {}", c.subject, c.baseline),
            format!(
                "{} [{}, {}]",
                signed(c.test.mean_difference, d),
                signed(c.test.interval.low, d),
                signed(c.test.interval.high, d)
            ),
            c.test.count.to_string(),
            p(c.test.p),
            p(c.p),
            words,
        ]);
    }
    table
}

/// The verdict on "the method is better than the others", by a rule that is stated with it.
///
/// Replicated: more than half of the comparisons favour it significantly and none goes against it significantly.
/// Partly: some favour it significantly and more do than go against it. Not replicated: otherwise. Not tested: no
/// comparison has at least [`FEWEST_SEEDS`] seeds.
#[must_use]
pub fn verdict(comparisons: &[Comparison]) -> (Verdict, String) {
    let tested: Vec<&Comparison> = comparisons.iter().filter(|c| c.test.count >= FEWEST_SEEDS).collect();
    let count = |favours| tested.iter().filter(|c| c.is_significant() && c.favours == favours).count();
    let (better, worse, all) = (count(true), count(false), tested.len());
    if all == 0 {
        let evidence =
            format!("Fewer than {FEWEST_SEEDS} seeds a method: run more (--seeds {FEWEST_SEEDS}).");
        return (Verdict::NotTested, evidence);
    }
    let verdict = if 2 * better > all && worse == 0 {
        Verdict::Replicated
    } else if better > worse {
        Verdict::Partly
    } else {
        Verdict::NotReplicated
    };
    let mut others: Vec<&str> = Vec::new();
    for comparison in &tested {
        if !others.contains(&comparison.baseline.name) {
            others.push(comparison.baseline.name);
        }
    }
    let (subject, others) = (tested[0].subject, others.join(", "));
    let evidence = format!(
        "Of {all} paired comparisons of {subject} with {others} (t-test over seeds, Holm-corrected at {LEVEL}), {better} show \
         it better, {worse} show it worse, {} show no difference. Rule: replicated if more than half show it better and \
         none worse, partly if more show it better than worse.",
        all - better - worse
    );
    (verdict, evidence)
}

/// A claim with its test and the table behind it.
pub fn push_claim(
    blocks: &mut Vec<Block>,
    statement: &str,
    compared: &[Comparison],
    quantity: &str,
    rate: Rate,
) {
    if compared.is_empty() {
        return;
    }
    let (verdict, evidence) = verdict(compared);
    blocks.push(Block::Claim(Claim { statement: statement.to_owned(), verdict, evidence }));
    let caption = format!("Paired differences of {quantity}, {}.", rate.words());
    blocks.push(Block::Table(comparisons_table(compared, |_| 3, caption)));
}

/// A binned curve as points.
#[must_use]
pub fn curve(x: &[f32], y: &[f32]) -> Vec<(f64, f64)> {
    x.iter().zip(y).map(|(&x, &y)| (f64::from(x), f64::from(y))).collect()
}

/// One data set's metric over the learning rates: a line a method through its means, with 95% intervals as bars.
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
            "Published {what}. The paper's cells were not at hand: enter them in xtask/data/published.csv."
        ),
        header: std::iter::once("data".to_owned()).chain(methods.iter().map(ToString::to_string)).collect(),
        rows: names
            .iter()
            .map(|&n| std::iter::once(n.to_owned()).chain(methods.iter().map(|&m| value(n, m))).collect())
            .collect(),
        highlight: Vec::new(),
    }
}
