//! Figures and tables over the arms of an inquiry.

use super::Arm;
use super::ask;
use super::data::Loaded;
use super::kernel;
use super::study::Asked;
use super::tolerance::Range;
use crate::method::MethodId;
use crate::report::figure::{Axis, Figure, Layer, Legend, Marker, Panel};
use crate::report::html::Table;
use crate::report::number::{number, rate};
use crate::run::results::{Cell, Results};
use crate::run::{Protocol, Record};
use crate::statistics::{Summary, mean};
use std::collections::BTreeMap;

/// What is shown of the runs of a method in an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The test result at its own best learning rate.
    Result,
    /// Epochs until the training loss has fallen by a given factor, at that rate.
    Epochs,
    /// Movement of its boundaries per epoch at that rate, as a log₂.
    Movement,
    /// How wide the range of learning rates is that it tolerates, as a log₂.
    Tolerance,
    /// The best learning rate of each seed.
    Rate,
    /// How far training moved the neural tangent kernel at the method's own best rate.
    Kernel,
    /// The cosine between that kernel before and after training.
    Alignment,
}

impl Shown {
    fn label(self, problem: &Loaded) -> String {
        match self {
            Self::Result if problem.kind().larger_is_better() => "test accuracy".to_owned(),
            Self::Result => "test RMSE".to_owned(),
            Self::Epochs => problem.kind().learned_in_short().to_owned(),
            Self::Movement => problem.kind().movement().name.to_owned(),
            Self::Tolerance => "tolerated learning rates, log₂".to_owned(),
            Self::Rate => "best learning rate".to_owned(),
            Self::Kernel => "‖K − K₀‖/‖K₀‖ of the trained network".to_owned(),
            Self::Alignment => "alignment of the kernels".to_owned(),
        }
    }

    /// Whether its numbers are summed up and drawn as logarithms.
    fn is_log(self, problem: &Loaded) -> bool {
        match self {
            Self::Result => !problem.kind().larger_is_better(),
            Self::Epochs | Self::Rate | Self::Kernel => true,
            Self::Movement | Self::Tolerance | Self::Alignment => false,
        }
    }

    /// The number of every seed, of the results of one arm; NaN where there is none.
    #[must_use]
    pub fn by_seed(self, results: &Results<'_>, problem: &Loaded, method: MethodId) -> BTreeMap<u64, f64> {
        let (set, kind) = (problem.id(), problem.kind());
        let at_best = |number| ask::by_seed(results, problem, method, None, number);
        match self {
            Self::Result => at_best(kind.result().number),
            Self::Epochs => at_best(kind.learned().number),
            Self::Movement => at_best(kind.movement().number),
            // At one rate there is no range.
            Self::Tolerance if results.rates(set, method).len() < 2 => BTreeMap::new(),
            Self::Tolerance => ask::tolerance_of(results, set, kind, method),
            Self::Rate => ask::best_rates(results, problem, method),
            Self::Kernel => at_best(kernel::change),
            Self::Alignment => at_best(kernel::alignment),
        }
    }

    /// Mean over seeds and its 95% interval, on the axis; `None` where a seed has no number.
    fn point(self, results: &Results<'_>, problem: &Loaded, method: MethodId) -> Option<(f64, [f64; 2])> {
        let is_log = self.is_log(problem);
        let to = |x: f64| if is_log { x.ln() } else { x };
        let from = |x: f64| if is_log { x.exp() } else { x };
        let numbers: Vec<f64> = self.by_seed(results, problem, method).into_values().map(to).collect();
        let summary = Summary::of(&numbers);
        let mean = summary.mean?;
        let ends = summary.interval.map_or([mean; 2], |interval| [interval.low, interval.high]);
        Some((from(mean), ends.map(from)))
    }

    fn axis(self, problem: &Loaded) -> Axis {
        let label = self.label(problem);
        if self.is_log(problem) { Axis::log10(label) } else { Axis::linear(label) }
    }
}

const MARKERS: [Marker; 4] = [Marker::Dot, Marker::Diamond, Marker::Cross, Marker::Star];

/// The marker of a method in these figures, for readers who see no colours.
fn marker(place: usize) -> Marker {
    MARKERS[place % MARKERS.len()]
}

/// A row of panels for each thing shown and a column for each problem: arms from top to bottom, methods beside each other, means
/// and 95% intervals over seeds.
#[must_use]
pub fn figure(asked: &Asked, results: &Results<'_>, shown: &[Shown], caption: &str) -> Figure {
    let arms: Vec<Results<'_>> = asked.arms.iter().map(|arm| results.with(&arm.setting)).collect();
    let mut figure = Figure::new(asked.inquiry.id, asked.inquiry.title).caption(format!(
        "{caption} Means and 95% intervals over {} seeds{}, geometric means of RMSE and of epochs; nothing is drawn where a run diverged or never \
         reached the target.",
        asked.seeds.end - asked.seeds.start,
        asked.fewer()
    ));
    let height = 40.0 + (arms.len() * (10 + 7 * asked.methods.len())) as f64;
    for chunk in in_rows(&asked.problems) {
        for (row, &what) in shown.iter().enumerate() {
            let panels = chunk.iter().map(|problem| {
                let legend = if row == 0 { Legend::Above } else { Legend::Hidden };
                arms_panel(asked, &arms, problem, what).legend(legend)
            });
            figure = figure.row(height, panels.collect());
        }
    }
    figure
}

/// The problems in rows of at most four panels, as even as can be.
pub fn in_rows(problems: &[Loaded]) -> std::slice::Chunks<'_, Loaded> {
    const MOST: usize = 4;
    let rows = problems.len().div_ceil(MOST).max(1);
    problems.chunks(problems.len().div_ceil(rows).max(1))
}

/// Of the arms that are run on the problem.
fn arms_panel(asked: &Asked, arms: &[Results<'_>], problem: &Loaded, what: Shown) -> Panel {
    let is_run = |arm: &Arm| asked.methods.iter().any(|method| (arm.on)(problem.kind(), *method));
    let arms: Vec<(&Arm, &Results<'_>)> =
        asked.arms.iter().zip(arms).filter(|(arm, _)| is_run(arm)).collect();
    let count = arms.len();
    let place = |arm: usize| (count - 1 - arm) as f64;
    let ticks = arms.iter().enumerate().map(|(k, (arm, _))| (place(k), arm.label.clone())).collect();
    let y = Axis { ticks: Some(ticks), ..Axis::linear("").between(-0.6, count as f64 - 0.4) };
    let mut panel = Panel::new(problem.id().name, what.axis(problem), y);
    let mut is_empty = true;
    let methods = asked.methods_on(problem.kind());
    let of_problem = asked.methods.iter().enumerate().filter(|(_, method)| methods.contains(method));
    for (k, &method) in of_problem {
        let shift = 0.64 * (0.5 - (k as f64 + 0.5) / asked.methods.len() as f64);
        let mut means = Vec::new();
        for (arm, (_, results)) in arms.iter().enumerate() {
            let Some((mean, [low, high])) = what.point(results, problem, method) else { continue };
            let y = place(arm) + shift;
            is_empty = false;
            means.push((mean, y));
            panel = panel.with(Layer::line([(low, y), (high, y)], method.color).sized(1.4));
        }
        panel = panel.with(Layer::points(means, method.color, marker(k)).labelled(method.name));
    }
    if is_empty {
        let why = match what {
            Shown::Tolerance => "there is no range of learning rates",
            _ => "no method reached it with all seeds",
        };
        panel.title = format!("{}: {why}", panel.title);
    }
    panel
}

/// The same over arms that are numbers, as lines over a log₂ axis.
#[must_use]
pub fn curves(
    asked: &Asked,
    results: &Results<'_>,
    shown: &[Shown],
    [name, caption]: [&str; 2],
    at: fn(&Arm) -> f64,
) -> Figure {
    let arms: Vec<Results<'_>> = asked.arms.iter().map(|arm| results.with(&arm.setting)).collect();
    let mut figure = Figure::new(asked.inquiry.id, asked.inquiry.title).caption(format!(
        "{caption} Means and 95% intervals over {} seeds{}, geometric means of RMSE, epochs, rates and changes; nothing is drawn where a run \
         diverged or never reached the target.",
        asked.seeds.end - asked.seeds.start,
        asked.fewer()
    ));
    for chunk in in_rows(&asked.problems) {
        for (row, &what) in shown.iter().enumerate() {
            let panels = chunk.iter().map(|problem| {
                let points = |method| {
                    let of = |(arm, results): (&Arm, &Results<'_>)| {
                        Some((at(arm), what.point(results, problem, method)?))
                    };
                    asked.arms.iter().zip(&arms).filter_map(of).collect()
                };
                let title = problem.id().name;
                let panel = Panel::new(title, Axis::log2(name), what.axis(problem));
                let legend = if row == 0 { Legend::Above } else { Legend::Hidden };
                lines(panel, &asked.methods, points).legend(legend)
            });
            figure = figure.row(170.0, panels.collect());
        }
    }
    figure
}

/// A point on the axes with the ends of its interval.
pub type Interval = (f64, (f64, [f64; 2]));

/// One line per method through its means, with intervals as bars.
#[must_use]
pub fn lines(mut panel: Panel, methods: &[MethodId], points: impl Fn(MethodId) -> Vec<Interval>) -> Panel {
    for (k, &method) in methods.iter().enumerate() {
        // Beside each other, so that no bar hides another.
        let shift = 1.0 + 0.05 * (k as f64 - (methods.len() - 1) as f64 / 2.0);
        let points = points(method);
        for (x, (_, [low, high])) in &points {
            let bar = [(x * shift, *low), (x * shift, *high)];
            panel = panel.with(Layer::line(bar, method.color).sized(1.2).faded(0.7));
        }
        let means: Vec<(f64, f64)> = points.iter().map(|(x, (mean, _))| (x * shift, *mean)).collect();
        panel = panel
            .with(Layer::line(means.clone(), method.color).stroked(method.dash).labelled(method.name))
            .with(Layer::points(means, method.color, marker(k)).labelled(method.name));
    }
    panel
}

/// The numbers of every arm and method on one problem.
#[must_use]
pub fn table(asked: &Asked, results: &Results<'_>, problem: &Loaded) -> Table {
    let (set, kind) = (problem.id(), problem.kind());
    let larger = kind.larger_is_better();
    let header = [
        "setting",
        "method",
        "own learning rate",
        &Shown::Result.label(problem),
        &Shown::Epochs.label(problem),
        "seconds to that epoch",
        "movement, log₂",
        "tolerated learning rates",
    ];
    let caption = format!(
        "{}: each method at its own learning rate, chosen by held-out samples: mean ± half of the 95% interval over seeds; medians of epochs and \
         seconds, which were measured while every core was training. The tolerated learning rates are those whose mean result is within 5% of the \
         best; ≤ and ≥ mark a range that reaches the end of the grid.",
        set.name
    );
    let mut table = Table { caption, header: header.map(str::to_owned).to_vec(), ..Table::default() };
    for arm in &asked.arms {
        let results = results.with(&arm.setting);
        let first = table.rows.len();
        let mut best: Option<(f64, usize)> = None;
        for &method in asked.methods.iter().filter(|method| (arm.on)(kind, **method)) {
            let mut row = vec![arm.label.clone(), method.to_string()];
            if let Some(lr) = results.chosen_rate(set, method, larger) {
                let cell = Cell { set, method, lr, protocol: Protocol::HeldOut };
                let result = results.summary(cell).mean.map(|mean| if larger { -mean } else { mean });
                if let Some(result) = result.filter(|result| best.is_none_or(|(least, _)| *result < least)) {
                    best = Some((result, table.rows.len()));
                }
                row.push(rate(lr));
                row.push(results.display(cell, 3));
                let medians = medians(&results, cell, kind.learned().number);
                row.extend(
                    medians.map(|(text, decimals)| text.map_or("never".to_owned(), |x| number(x, decimals))),
                );
                let movement: Vec<f64> =
                    Shown::Movement.by_seed(&results, problem, method).into_values().collect();
                row.push(Summary::of(&movement).display(2));
            } else {
                let seeds = asked.seeds_on(kind);
                let all = seeds.end - seeds.start;
                row.extend(["–".to_owned(), format!("at every rate some of {all} seeds diverged")]);
                row.extend(["–", "–", "–"].map(str::to_owned));
            }
            row.push(tolerated(&results, problem, method));
            table.rows.push(row);
        }
        if let Some((_, row)) = best.filter(|_| table.rows.len() - first > 1) {
            table.highlight.push((row, 3));
        }
    }
    table
}

/// Medians over seeds of the epochs until the loss has fallen by the problem's factor and of the seconds, with their decimals; none where
/// more than half of the seeds never reached it.
fn medians(
    results: &Results<'_>,
    cell: Cell<'_>,
    number: fn(&Record) -> Option<f64>,
) -> [(Option<f64>, usize); 2] {
    let mut both = [Vec::new(), Vec::new()];
    for record in results.of(cell) {
        let epochs = number(record).unwrap_or(f64::INFINITY);
        both[0].push(epochs);
        both[1].push(epochs * record.seconds / record.epochs.max(1) as f64);
    }
    let middle = |numbers: &mut Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied().filter(|x| x.is_finite())
    };
    let [epochs, seconds] = &mut both;
    [(middle(epochs), 0), (middle(seconds), 4)]
}

/// The range of learning rates whose mean result is close to the best one: `0.01 to ≥ 1`.
fn tolerated(results: &Results<'_>, problem: &Loaded, method: MethodId) -> String {
    let set = problem.id();
    let rates = results.rates(set, method);
    if rates.len() < 2 {
        return "–".to_owned();
    }
    let at = |&lr: &f64| {
        let values: Vec<f64> =
            results.values(Cell { set, method, lr, protocol: Protocol::HeldOut }).into_values().collect();
        (lr, mean(&values).unwrap_or(f64::NAN))
    };
    let curve: Vec<(f64, f64)> = rates.iter().map(at).collect();
    let Some(range) = Range::around_best(&curve, problem.kind().larger_is_better()) else {
        return "–".to_owned();
    };
    let is = |end: f64, of: Option<&f64>| range.is_cut && of == Some(&end);
    let (low, high) = (is(range.low, rates.first()), is(range.high, rates.last()));
    let shown = |end: f64, is_cut: bool, sign: &str| {
        let digits = number(end, if end < 0.1 { 4 } else { 2 });
        if is_cut { format!("{sign} {digits}") } else { digits }
    };
    format!("{} to {}", shown(range.low, low, "≤"), shown(range.high, high, "≥"))
}
