//! What one step of an optimizer really does to a direction as the dimension grows, and how its parts fall on the inputs.

use super::unit::{Spread, Weights, angles_of, direction_of, norm, normals, scaled};
use super::{Job, Measurement};
use crate::method::{self, MethodId};
use crate::report::color::Color;
use crate::report::figure::{Axis, Figure, Layer, Legend, Panel, Stroke};
use gmp_math::boundary::angle_between;
use gmp_math::sphere::{directions_saving, directions_vjp, saved_len};
use gmp_nn::{ParamStore, Rng, Role};
use gmp_train::{Adam, Optimizer, Sgd};
use serde::{Deserialize, Serialize};

/// Which optimizer takes its first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// Adam: lr in every parameter.
    Adam,
    /// Plain gradient descent.
    #[serde(rename = "SGD")]
    Sgd,
}

impl Rule {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Adam, Self::Sgd];

    /// The name in figures and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adam => "Adam",
            Self::Sgd => "SGD",
        }
    }
}

/// The turn by one optimizer step along the gradient of the loss c·w, c uniform with ‖c‖ = 1, w Glorot-uniform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which optimizer.
    pub rule: Rule,
    /// GmP: w = r u(θ), the step in θ. SP: the step in w.
    pub method: MethodId,
    /// Dimension n.
    pub inputs: usize,
    /// Learning rate.
    pub lr: f64,
    /// How many pairs of w and c.
    pub draws: usize,
    /// ∠ between the directions before and after, in radians.
    pub turn: Spread,
    /// Median norm of the parameter step.
    pub step: f64,
    /// With the inputs in the opposite order: the angle between the two results, over the turn.
    pub order_gap: Spread,
}

/// How one small Adam step is spread over the inputs: root mean square of the change of each coordinate of u over draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// GmP or SP.
    pub method: MethodId,
    /// Dimension n.
    pub inputs: usize,
    /// Positions of inputs, from 1.
    pub positions: Vec<usize>,
    /// Of those inputs: the change over the root mean square of all inputs' changes.
    pub shares: Vec<f64>,
}

/// Dimensions of the steps; 1152 = 3·3·128 is a convolution of the paper's VGG.
pub const INPUTS: [usize; 9] = [2, 3, 8, 32, 128, 512, 1152, 2048, 4096];
/// Learning rates of the steps.
pub const RATES: [f64; 2] = [0.1, 0.01];
const METHODS: [MethodId; 2] = [method::SP, method::GMP];
/// The learning rate of a small step.
const SMALL: f64 = 1e-5;
/// Dimensions in which shares are looked at.
const SHARED: [usize; 4] = [8, 128, 1152, 4096];

/// lr·√(n/2): the length of the first-order turn of a step of lr in every angle, since the mean of Σ g_i over uniform
/// directions is about n/2.
#[must_use]
pub fn predicted(inputs: usize, lr: f64) -> f64 {
    lr * (inputs as f64 / 2.0).sqrt()
}

/// The measurements, a job for each dimension and rule.
#[must_use]
pub fn jobs(draws: usize) -> Vec<Job> {
    let step = |(n, rule)| -> Job {
        Box::new(move || measure(n, rule, draws).into_iter().map(Measurement::Step).collect())
    };
    let shares =
        |n| -> Job { Box::new(move || METHODS.map(|m| Measurement::Shares(shares(m, n, draws))).into()) };
    let pairs = INPUTS.into_iter().rev().flat_map(|n| Rule::ALL.map(|rule| (n, rule)));
    SHARED.into_iter().rev().map(shares).chain(pairs.map(step)).collect()
}

/// The direction before and after one step on the loss c·w, and the norm of the step.
fn stepped(rule: Rule, method: MethodId, w: &[f64], c: &[f64], lr: f64) -> Option<(Vec<f64>, Vec<f64>, f64)> {
    let n = w.len();
    let size = norm(w);
    let (start, gradient) = if method == method::GMP {
        let angles = angles_of(w)?;
        let (mut u, mut saved) = (vec![0.0; n], vec![0.0; saved_len(n, 1)]);
        directions_saving(&angles, 1, &mut u, &mut saved);
        let mut gradient = vec![0.0; n - 1];
        let along = scaled(c, size * norm(c));
        directions_vjp(&angles, &saved, 1, &along, &mut gradient, true);
        (angles, gradient)
    } else {
        (w.to_vec(), c.to_vec())
    };
    let mut parameters = ParamStore::default();
    parameters.push("unit".to_owned(), Role::Weight, &start, start.len(), 1);
    match rule {
        Rule::Adam => Adam::default().step(&mut parameters, &gradient, lr),
        Rule::Sgd => Sgd::new(0.0).step(&mut parameters, &gradient, lr),
    }
    let end = parameters.values();
    let length = norm(&end.iter().zip(&start).map(|(a, b)| a - b).collect::<Vec<_>>());
    let direction = |p: &[f64]| if method == method::GMP { direction_of(p) } else { scaled(p, 1.0) };
    Some((direction(&start), direction(end), length))
}

fn measure(inputs: usize, rule: Rule, draws: usize) -> Vec<Step> {
    let mut rng = Rng::new(inputs as u64, "theory: optimizer steps");
    let pairs: Vec<(Vec<f64>, Vec<f64>)> = (0..draws)
        .map(|_| (Weights::Glorot.draw(inputs, &mut rng), scaled(&normals(inputs, &mut rng), 1.0)))
        .collect();
    let reversed = |x: &[f64]| x.iter().rev().copied().collect::<Vec<_>>();
    let one = |(method, lr)| {
        let (mut turns, mut steps, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
        for (w, c) in &pairs {
            let Some((before, after, length)) = stepped(rule, method, w, c, lr) else { continue };
            let Some((_, other, _)) = stepped(rule, method, &reversed(w), &reversed(c), lr) else { continue };
            let turn = angle_between(&before, &after);
            turns.push(turn);
            steps.push(length);
            gaps.push(angle_between(&after, &reversed(&other)) / turn);
        }
        let (turn, step, order_gap) = (Spread::of(turns), Spread::of(steps).median, Spread::of(gaps));
        Step { rule, method, inputs, lr, draws, turn, step, order_gap }
    };
    METHODS.into_iter().flat_map(|m| RATES.map(|lr| (m, lr))).map(one).collect()
}

fn shares(method: MethodId, inputs: usize, draws: usize) -> Shares {
    let mut rng = Rng::new(inputs as u64, "theory: shares of a step");
    let mut squares = vec![0.0; inputs];
    for _ in 0..draws {
        let w = Weights::Glorot.draw(inputs, &mut rng);
        let c = normals(inputs, &mut rng);
        let Some((before, after, _)) = stepped(Rule::Adam, method, &w, &c, SMALL) else { continue };
        for ((square, a), b) in squares.iter_mut().zip(&after).zip(&before) {
            *square += (a - b) * (a - b);
        }
    }
    let mean = squares.iter().sum::<f64>() / inputs as f64;
    let positions = positions(inputs);
    let shares = positions.iter().map(|p| (squares[p - 1] / mean).sqrt()).collect();
    Shares { method, inputs, positions, shares }
}

/// At most about 70 positions from 1 to `count`: evenly spaced, and all of the last eight.
#[must_use]
pub fn positions(count: usize) -> Vec<usize> {
    let spaced = (0..64).map(|k| 1 + k * (count - 1) / 63);
    let mut all: Vec<usize> = spaced.chain(count.saturating_sub(7).max(1)..=count).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Turns of single steps over the dimension.
#[must_use]
pub fn figure(steps: &[Step]) -> Figure {
    let caption = "Turn of the direction by the first step of an optimizer on the loss c·w, c a random direction, w \
        Glorot-uniform (layer of 100 units): median and 5–95% band over draws. Dashed: lr·√(n/2), the prediction for a step \
        of lr in every angle. Adam's first step has that length whatever the gradient; plain gradient descent steps by lr times \
        the gradient, whose norm here is at most ‖w‖ for GmP and is 1 for SP, at any n.";
    let mut figure =
        Figure::new("theory-optimizers", "What one optimizer step does to a direction").caption(caption);
    for rule in Rule::ALL {
        let panel = |lr: f64| {
            let mut panel = Panel::new(
                format!("{}, lr {lr}", rule.name()),
                Axis::log2("n"),
                Axis::log10("turn (radians)"),
            );
            for method in METHODS {
                let rows: Vec<&Step> =
                    steps.iter().filter(|s| s.rule == rule && s.method == method && s.lr == lr).collect();
                let rows = sorted(rows);
                let column = |of: fn(&Step) -> f64| rows.iter().map(|s| of(s)).collect::<Vec<_>>();
                let band = Layer::Band {
                    x: column(|s| s.inputs as f64),
                    low: column(|s| s.turn.low),
                    high: column(|s| s.turn.high),
                    color: method.color,
                };
                let line = rows.iter().map(|s| (s.inputs as f64, s.turn.median));
                panel = panel.with(band).with(Layer::line(line, method.color).labelled(method.name));
            }
            if rule == Rule::Adam {
                let line = INPUTS.map(|n| (n as f64, predicted(n, lr)));
                let line = Layer::line(line, Color::INK).stroked(Stroke::Dashed).sized(1.0);
                panel = panel.with(line.labelled("lr·√(n/2)"));
            }
            panel.legend(Legend::Above)
        };
        figure = figure.row(180.0, RATES.map(panel).into());
    }
    figure
}

fn sorted(mut rows: Vec<&Step>) -> Vec<&Step> {
    rows.sort_by_key(|s| s.inputs);
    rows
}

/// What the order of the inputs does to single steps: how a step is spread over the inputs, and how far apart the results
/// in the two orders are.
#[must_use]
pub fn order_panels(steps: &[Step], shares: &[Shares]) -> Vec<Panel> {
    let mut spread = Panel::new(
        "(a) Movement of u_{i} by a small Adam step",
        Axis::linear("position i/n").between(0.0, 1.0),
        Axis::linear("over that of all inputs (rms)"),
    );
    for (k, shares) in shares.iter().filter(|s| s.method == method::GMP).enumerate() {
        let points = shares.positions.iter().zip(&shares.shares);
        let points = points.map(|(&p, &s)| (p as f64 / shares.inputs as f64, s));
        let line = Layer::line(points, Color::of_unit(k)).labelled(format!("GmP, n = {}", shares.inputs));
        spread = spread.with(line);
    }
    if let Some(shares) = shares.iter().find(|s| s.method == method::SP && s.inputs == 1152) {
        let points = shares.positions.iter().zip(&shares.shares);
        let points = points.map(|(&p, &s)| (p as f64 / shares.inputs as f64, s));
        spread = spread.with(Layer::line(points, method::SP.color).sized(2.5).labelled("SP, n = 1152"));
    }
    let mut gap = Panel::new(
        "(b) Inputs reversed: angle between the results",
        Axis::log2("n"),
        Axis::linear("over the turn itself (median)"),
    );
    for (rule, stroke) in [(Rule::Adam, Stroke::Solid), (Rule::Sgd, Stroke::Dashed)] {
        for method in METHODS {
            let rows = steps.iter().filter(|s| s.rule == rule && s.method == method && s.lr == 0.01);
            let rows = sorted(rows.collect());
            let line = rows.iter().map(|s| (s.inputs as f64, s.order_gap.median));
            let line = Layer::line(line, method.color)
                .stroked(stroke)
                .labelled(format!("{method}, {}", rule.name()));
            gap = gap.with(line);
        }
    }
    vec![spread.legend(Legend::Above), gap.legend(Legend::Above)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adam's first step is lr in every angle, so its norm is lr√(n−1), and the turn is near lr√(n/2) while that is small.
    #[test]
    fn adam_steps_by_the_rate_in_every_angle() {
        for step in measure(128, Rule::Adam, 100) {
            let parameters = if step.method == method::GMP { 127.0 } else { 128.0_f64 };
            assert!((step.step / (step.lr * parameters.sqrt()) - 1.0).abs() < 1e-3, "{step:?}");
            if step.method == method::GMP && step.lr == 0.01 {
                assert!((step.turn.median / predicted(128, 0.01) - 1.0).abs() < 0.1, "{step:?}");
            }
        }
    }

    /// SP does not know the order of its inputs; GmP does from three inputs on, not in the plane.
    #[test]
    fn geometric_steps_depend_on_the_order_of_the_inputs() {
        for (inputs, depends) in [(2, false), (3, true), (32, true)] {
            for rule in Rule::ALL {
                for step in measure(inputs, rule, 60) {
                    let gap = step.order_gap.median;
                    let expected = depends && step.method == method::GMP;
                    assert!(if expected { gap > 0.05 } else { gap < 1e-6 }, "{step:?}");
                }
            }
        }
    }

    /// Late inputs move less under GmP, all equally under SP.
    #[test]
    fn shares_fall_along_the_inputs() {
        let [standard, geometric] = METHODS.map(|m| shares(m, 128, 200));
        assert!(standard.shares.iter().all(|s| (s - 1.0).abs() < 0.2), "{standard:?}");
        assert!(geometric.shares[0] > 1.2 && geometric.shares[geometric.shares.len() - 1] < 0.4);
        assert_eq!((positions(3), positions(4096).last()), (vec![1, 2, 3], Some(&4096)));
        assert!(order_panels(&measure(8, Rule::Adam, 20), &[geometric]).len() == 2);
    }
}
