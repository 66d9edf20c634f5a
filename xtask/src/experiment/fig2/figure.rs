//! The panels of Figure 2.

use crate::experiment::design::Design;
use crate::experiment::frames::{self, Shallow, Shown};
use crate::experiment::one_input::unit_panel;
use crate::experiment::picture;
use crate::experiment::tables::Rate;
use crate::method::MethodId;
use crate::problem::levy::{self, SEEDED, points};
use crate::report::color::Color;
use crate::report::figure::{Axis, Figure, Layer, Legend, Marker, Panel, Stroke};
use crate::report::number::{number, rate};
use crate::run::results::{Cell, Results, SetId};
use crate::run::trace::{Frame, Trace};
use crate::run::{Protocol, Record};

/// The figure, and what moves it; none without runs of the authors' points.
pub(super) fn figure(
    design: &Design,
    notebook: SetId<'_>,
    results: &Results<'_>,
) -> Option<(Figure, Option<serde_json::Value>)> {
    let axes = |title: &str, what: &str| {
        let y = Axis::log2(format!("{what} |φ_{{t}} − φ_{{t−1}}|")).between(LEAST, MOST);
        Panel::new(title, Axis::linear("epoch (= step)"), y)
    };
    let movement = |panel: Panel, of: fn(&Trace) -> &Vec<f32>, rate: Rate| {
        design.methods.iter().fold(panel, |panel, &method| {
            let cell = rate.cell(results, SEEDED, method, Protocol::Paper, false);
            cell.map_or(panel.clone(), |cell| picture::curves(panel, results, cell, of))
        })
    };
    let mut largest = axes("(c) All at 0.1, as in the authors' notebook", "largest");
    largest.weight = 2.0;
    let largest = movement(largest, |trace| &trace.location.max, Rate::Equal(0.1)).legend(Legend::Above);
    let authors = axes("(c2) GmP at 0.1, the others at 0.01", "largest");
    let authors = movement(authors, |trace| &trace.location_in_training().max, Rate::Paper);
    let mean = axes("(c3) All at 0.1", "mean");
    let mean = movement(mean, |trace| &trace.location_in_training().mean, Rate::Equal(0.1));
    let (mut fits, mut strips, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    let letters = ["(d)", "(e)", "(f)", "(g)"];
    for (&method, letter) in design.methods.iter().zip(letters) {
        let Some(lr) = results.pictured_rate(notebook, method) else { continue };
        let cell = Cell { set: notebook, method, lr, protocol: Protocol::Paper };
        let Some((record, trace)) = picture::median(results, cell) else { continue };
        shown.push(Shown { method, lr, letter: letter.to_owned(), panels: Vec::new() });
        fits.push(fit_panel(letter, record, &trace));
        strips.push(strips_panel(&trace, method));
    }
    let [a, b] = [unit_panel("(a)", 1.0, -0.8), unit_panel("(b)", -1.0, -0.8)];
    let caption = "(a)–(b) A unit with one input, as in Figure 5. (c) The largest |φ_{t} − φ_{t−1}| of the 100 units at each step, with every method \
                   at learning rate 0.1, as in an older version of the authors' notebook, BN by its running statistics; of each bin of epochs the \
                   largest value is drawn; levy, one line per seed for the first nine seeds. (c2) The same at the learning rates of the other \
                   panels, and BN by batch statistics. (c3) The mean over the units instead of the largest. After the learning rate has fallen many \
                   times, nothing moves: the axes end at 2^{−20}. (d)–(g) The authors' fifty points, for each method the seed with the median test \
                   RMSE of the first nine: the function (grey), the points, the network before (dashed) and after training. Below, the spatial \
                   locations φ of all 100 units, from the start (bottom) to the end (top) of training; those of BN by batch statistics.";
    if fits.is_empty() {
        return None;
    }
    let [first, second] = [vec![a, b, largest], vec![authors, mean]];
    for (k, one) in shown.iter_mut().enumerate() {
        let above = first.len() + second.len();
        one.panels = vec![above + k, above + fits.len() + k];
    }
    let data = frames::data("line", results, notebook, &shown, false, described).map(|mut data| {
        (data["metric"], data["units"]) = ("test RMSE".into(), levy::SETUP.units.into());
        data["points"] = levy::grid().0.len().div_ceil(EVERY).into();
        data
    });
    let figure = Figure::new("fig2", "Figure 2: regression of the Levy function")
        .caption(caption)
        .row(170.0, first)
        .row(150.0, second)
        .row(170.0, fits)
        .row(200.0, strips);
    Some((figure, data))
}

/// Every second point of the grid is enough for a line that a reader moves.
const EVERY: usize = 2;

/// The test RMSE of each frame; and of each frame φ of the units, the function at every second point of the grid, and φ in
/// training, where that is another.
fn described(_: &Record, frames: &[Frame]) -> Option<(Vec<f64>, String)> {
    let (grid, truth) = levy::grid();
    let (mut values, mut numbers) = (Vec::new(), Vec::new());
    for frame in frames {
        let network = Shallow::of(frame, 1)?;
        let y: Vec<f64> = grid.iter().map(|&x| network.value(&[x])).collect();
        let squares: f64 = y.iter().zip(&truth).map(|(y, truth)| (y - truth).powi(2)).sum();
        values.push((squares / truth.len() as f64).sqrt());
        numbers.extend(network.locations());
        numbers.extend(y.into_iter().step_by(EVERY));
        numbers.extend(frame.batch.0.iter().map(|&x| f64::from(x)));
    }
    (!values.is_empty()).then(|| (values, frames::packed_i16(numbers)))
}

/// The range of movements that is drawn.
const LEAST: f64 = 1.0 / 1_048_576.0;
const MOST: f64 = 65_536.0;

fn fit_panel(letter: &str, record: &Record, trace: &Trace) -> Panel {
    let (grid, truth) = levy::grid();
    let (x, y) = points(&record.run);
    let method = record.run.method;
    let function =
        |values: &[f32]| grid.iter().zip(values).map(|(&x, &y)| (x, f64::from(y))).collect::<Vec<_>>();
    let rmse = record.value.map_or("diverged".to_owned(), |rmse| number(rmse, 3));
    Panel::new(
        format!("{letter} {method}, {}: RMSE {rmse}", rate(record.run.lr)),
        Axis::linear("x").between(-10.0, 10.0),
        Axis::linear("y").between(-3.0, 11.0),
    )
    .with(Layer::line(grid.iter().copied().zip(truth), Color::GREY).sized(1.4).labelled("Levy"))
    .with(Layer::line(function(&trace.initial.0), method.color).stroked(Stroke::Dashed).faded(0.6))
    .with_end(Layer::line(function(&trace.trained.0), method.color).sized(2.0).labelled(method.name))
    .with(Layer::points(x.into_iter().zip(y), Color::INK, Marker::Dot).sized(3.5))
}

/// Eleven strips, evenly spaced over training.
fn strips_panel(trace: &Trace, method: MethodId) -> Panel {
    const STRIPS: usize = 11;
    let snapshots = trace.snapshots_in_training();
    let last = snapshots.len().saturating_sub(1);
    let strips = (0..STRIPS)
        .filter_map(|k| snapshots.get(k * last / (STRIPS - 1)))
        .map(|(epoch, phi)| (epoch.to_string(), phi.0.iter().map(|&p| f64::from(p)).collect()))
        .collect();
    Panel::new("", Axis::linear("φ of 100 units").between(-10.0, 10.0), Axis::linear("epoch"))
        .with_end(Layer::Strips { strips, color: method.color })
}
