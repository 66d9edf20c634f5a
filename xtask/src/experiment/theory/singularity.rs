//! The coordinate singularity: √g_i, how far a step of the i-th angle alone moves the direction, by position.

use super::optimizers::positions;
use super::unit::{LAYER, Spread, Weights, angles_of};
use super::{Job, Measurement};
use crate::method;
use crate::report::color::Color;
use crate::report::figure::{Axis, Figure, Layer, Legend, Panel, Stroke};
use crate::report::html::Table;
use gmp_math::sphere::metric;
use gmp_nn::Rng;
use serde::{Deserialize, Serialize};

/// Below this g_i an angle is numerically dead: a radian of it turns the direction by less than 10⁻³.
pub const DEAD: f64 = 1e-6;
/// Below this g_i a radian of an angle turns the direction by less than 10⁻².
pub const FAINT: f64 = 1e-4;

/// Whether networks are looked at before or after training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Glorot-uniform weights, converted.
    Initial,
    /// The best epoch of training, or the last.
    Trained,
}

/// √g_i over units, by position, and how many angles hardly count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// `glorot` for units that were drawn and not trained, else the data set.
    pub what: String,
    /// Dimension n.
    pub inputs: usize,
    /// Before or after training.
    pub stage: Stage,
    /// How many units.
    pub units: usize,
    /// Positions i of angles, from 1.
    pub positions: Vec<usize>,
    /// At those positions: √g_i over units.
    pub roots: Vec<Spread>,
    /// How many angles there are in all.
    pub angles: usize,
    /// How many have g_i < [`DEAD`].
    pub dead: usize,
    /// How many have g_i < [`FAINT`].
    pub faint: usize,
    /// The smallest g_i.
    pub least: f64,
}

impl Metric {
    /// Of the angles of layers, each (n−1) × units; none where there are no angles.
    #[must_use]
    pub fn of(what: &str, stage: Stage, inputs: usize, layers: &[Vec<f64>]) -> Option<Self> {
        let count = inputs - 1;
        let units: usize = layers.iter().map(|angles| angles.len().checked_div(count).unwrap_or(0)).sum();
        if count == 0 || units == 0 {
            return None;
        }
        let positions = positions(count);
        let mut roots: Vec<Vec<f64>> = vec![Vec::with_capacity(units); positions.len()];
        let (mut dead, mut faint, mut least) = (0, 0, f64::INFINITY);
        for angles in layers {
            let columns = angles.len() / count;
            let mut metrics = vec![0.0; angles.len()];
            metric(angles, columns, &mut metrics);
            dead += metrics.iter().filter(|g| **g < DEAD).count();
            faint += metrics.iter().filter(|g| **g < FAINT).count();
            least = metrics.iter().copied().fold(least, f64::min);
            for (roots, position) in roots.iter_mut().zip(&positions) {
                roots.extend(metrics[(position - 1) * columns..][..columns].iter().map(|g| g.sqrt()));
            }
        }
        let roots = roots.into_iter().map(Spread::of).collect();
        let (what, angles) = (what.to_owned(), count * units);
        Some(Self { what, inputs, stage, units, positions, roots, angles, dead, faint, least })
    }

    /// The name of units that were drawn and not trained.
    pub const DRAWN: &'static str = "glorot";
}

/// √E g_i for a uniform direction: g_i = u_i² + … + u_n², so E g_i = (n−i+1)/n.
#[must_use]
pub fn expected_root(inputs: usize, position: usize) -> f64 {
    ((inputs + 1 - position) as f64 / inputs as f64).sqrt()
}

/// The dimensions at which initialization is looked at.
pub const INPUTS: [usize; 7] = [3, 8, 32, 128, 512, 2048, 4096];

/// Glorot-uniform units, a job a dimension.
#[must_use]
pub fn jobs(units: usize) -> Vec<Job> {
    let job = |n| -> Job { Box::new(move || drawn(n, units).map(Measurement::Metric).into_iter().collect()) };
    INPUTS.into_iter().rev().map(job).collect()
}

fn drawn(inputs: usize, units: usize) -> Option<Metric> {
    let mut rng = Rng::new(inputs as u64, "theory: metric at initialization");
    let unit = |_| angles_of(&Weights::Glorot.draw(inputs, &mut rng));
    let layers: Vec<Vec<f64>> = (0..units).filter_map(unit).collect();
    Metric::of(Metric::DRAWN, Stage::Initial, inputs, &layers)
}

/// √g by position at initialization, and before and after training.
#[must_use]
pub fn figure(metrics: &[Metric]) -> Figure {
    let caption = format!(
        "√g_i, the angle by which a radian of θ_i alone turns the direction to first order. First row, Glorot-uniform units: median and 5–95% band \
         by position; dashed √((n−i+1)/n), from E g_i of a uniform direction. To the right the last angles of each, counted from the end: only there \
         does the coordinate singularity matter. Other rows: GmP networks of {LAYER} units (banana 10) before (grey) and after (green) training at \
         learning rate 0.1: median and 5–95% band over units and seeds, the band leaves the frame where 5% of the units fall below 10⁻⁴. The red \
         line is √g = 10⁻³, below which an angle counts as dead."
    );
    let mut by_position = Panel::new(
        "Initialization",
        Axis::linear("position i/(n−1)").between(0.0, 1.0),
        Axis::linear("√g_{i}").between(0.0, 1.15),
    );
    let mut from_end = Panel::new(
        "The last angles",
        Axis::log2("i counted from the last").between(1.0, 4096.0),
        Axis::log10("√g_{i}").between(1e-3, 1.5),
    );
    for (k, n) in [8, 128, 4096].into_iter().enumerate() {
        let Some(m) = metrics.iter().find(|m| m.what == Metric::DRAWN && m.inputs == n) else { continue };
        let shade = Color::of_unit(2 * k);
        let share = |p: usize| p as f64 / (n - 1) as f64;
        let last = |p: usize| (n - p) as f64;
        for (panel, x) in [(&mut by_position, &share as &dyn Fn(usize) -> f64), (&mut from_end, &last)] {
            panel.layers.push(Layer::Band {
                x: m.positions.iter().map(|p| x(*p)).collect(),
                low: m.roots.iter().map(|r| r.low).collect(),
                high: m.roots.iter().map(|r| r.high).collect(),
                color: shade,
            });
            let line = m.positions.iter().zip(&m.roots).map(|(&p, r)| (x(p), r.median));
            panel.layers.push(Layer::line(line, shade).labelled(format!("n = {n}")));
            let law = m.positions.iter().map(|&p| (x(p), expected_root(n, p)));
            panel.layers.push(Layer::line(law, Color::INK).stroked(Stroke::Dashed).sized(1.0));
        }
    }
    let mut figure =
        Figure::new("theory-singularity", "The coordinate singularity: the effect of each angle")
            .caption(caption)
            .row(190.0, vec![by_position.legend(Legend::Above), from_end.legend(Legend::Above)]);
    let trained: Vec<&Metric> =
        metrics.iter().filter(|m| m.stage == Stage::Trained && m.inputs > 2).collect();
    for row in trained.chunks(4) {
        let panels = row.iter().map(|trained| network_panel(metrics, trained)).collect();
        figure = figure.row(150.0, panels);
    }
    figure
}

fn network_panel(metrics: &[Metric], trained: &Metric) -> Panel {
    let initial = metrics.iter().find(|m| m.what == trained.what && m.stage == Stage::Initial);
    let count = trained.inputs - 1;
    let ticks = (1..=count).step_by(count.div_ceil(6)).map(|i| (i as f64, i.to_string())).collect();
    let x = Axis { ticks: Some(ticks), ..Axis::linear("angle i") };
    let y = Axis::log10("√g_{i}").between(1e-4, 1.5);
    let mut panel = Panel::new(format!("{}, n = {}", trained.what, trained.inputs), x, y);
    for (m, shade) in initial.map(|m| (m, Color::GREY)).into_iter().chain([(trained, method::GMP.color)]) {
        let of = |number: fn(&Spread) -> f64| m.roots.iter().map(number).collect::<Vec<_>>();
        let x: Vec<f64> = m.positions.iter().map(|p| *p as f64).collect();
        let line = |values: Vec<f64>| x.iter().copied().zip(values).collect::<Vec<_>>();
        panel = panel
            .with(Layer::Band { x: x.clone(), low: of(|r| r.low), high: of(|r| r.high), color: shade })
            .with(Layer::line(line(of(|r| r.median)), shade));
    }
    panel.with(Layer::line([(1.0, 1e-3), (count as f64, 1e-3)], Color::INACTIVE).sized(1.0))
}

/// How many angles are dead, by dimension or data set.
#[must_use]
pub fn table(metrics: &[Metric]) -> Table {
    let header =
        ["units", "n", "angles", "g < 10⁻⁶ (dead)", "g < 10⁻⁴", "smallest g", "median √g of the last angle"];
    let row = |m: &Metric| {
        let share = |count: usize| format!("{:.4}% ({count})", 100.0 * count as f64 / m.angles as f64);
        let what = match (m.what.as_str(), m.stage) {
            (Metric::DRAWN, _) => "Glorot-uniform".to_owned(),
            (what, Stage::Initial) => format!("{what}, initial"),
            (what, Stage::Trained) => format!("{what}, trained"),
        };
        let last = m.roots.last().map_or(f64::NAN, |r| r.median);
        let numbers = [m.inputs.to_string(), m.angles.to_string(), share(m.dead), share(m.faint)];
        let tail = [format!("{:.1e}", m.least), format!("{last:.3}")];
        std::iter::once(what).chain(numbers).chain(tail).collect()
    };
    Table {
        caption: "Numerically dead angles. A dead angle is not an error: the direction does not depend on it until an earlier angle leaves its pole."
            .to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows: metrics.iter().map(row).collect(),
        highlight: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::FRAC_PI_2;

    #[test]
    fn roots_follow_the_expected_law_at_initialization() {
        let found = drawn(512, 200).unwrap();
        for (&position, root) in found.positions.iter().zip(&found.roots).take(60) {
            let law = expected_root(512, position);
            assert!((root.median / law - 1.0).abs() < 0.15, "{position}: {} for {law}", root.median);
        }
        assert_eq!((found.units, found.angles, found.dead), (200, 200 * 511, 0));
    }

    /// Two units, four inputs: the first has θ₁ at its pole, so that two of its three angles are dead.
    #[test]
    fn dead_angles_are_counted() {
        let angles = vec![1e-4, FRAC_PI_2, 1.0, FRAC_PI_2, 1.0, FRAC_PI_2];
        let found = Metric::of("x", Stage::Trained, 4, &[angles.clone(), angles]).unwrap();
        assert_eq!((found.units, found.angles, found.dead, found.faint), (4, 12, 4, 4));
        assert!((found.least / (1e-4_f64.sin() * 1.0_f64.sin()).powi(2) - 1.0).abs() < 1e-9);
        assert_eq!(found.roots[0].max, 1.0);
        assert!(Metric::of("levy", Stage::Trained, 1, &[Vec::new()]).is_none(), "one input has no angles");
        assert!(figure(std::slice::from_ref(&found)).svg().contains("x, n = 4"));
        assert!(table(&[found]).rows[0][3].starts_with("33.3333% (4)"));
    }
}
