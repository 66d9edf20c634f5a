//! What becomes of GmP as the number of inputs grows, and whether its steps can be repaired.

use super::ask::Asks;
use super::data::Kind;
use super::show::{self, Shown};
use super::study::Asked;
use super::width::transfer_of;
use super::{Arm, Inquiry, RATES, on_pictures};
use crate::claim::Claim;
use crate::experiment::Profile;
use crate::method::{self, MethodId};
use crate::report::color::Color;
use crate::report::figure::{Axis, Layer, Legend, Panel, Row, Stroke};
use crate::report::html::Block;
use crate::run::results::Results;
use crate::setting::Setting;
use gmp_math::boundary::angle_between;
use gmp_math::sphere::{directions, metric, to_spherical};
use gmp_math::uniform::uniform_directions;
use gmp_nn::Rng;

/// From 2 inputs on.
pub const DIMENSIONS: Inquiry = Inquiry {
    id: "dimensions",
    title: "Dimensions: how do angles behave with many inputs?",
    question: "A step of Adam of size lr in every angle turns a boundary by about lr √(n/2), and the later an angle, the less it turns the boundary: \
               √g falls from 1 to about √(2/n). So the best learning rate should fall with the number of inputs n. Three remedies are tried: \
               dividing the learning rate of every angle by √(n − 1); dividing every angle's step by the square root of its metric (natural); and new \
               coordinates for every unit, reflected so that its direction is where all √g are 1, whenever one of them is below 1/2 (recentred). The \
               problem in n dimensions is a ridge y = sin(2 a·x) + noise along a random direction a, x ~ N(0, I).",
    arms: |profile| {
        let inputs: &[usize] = match profile {
            Profile::Quick => &[2, 8, 32, 128],
            Profile::Full => &[2, 4, 8, 16, 32, 64, 128, 256, 512],
        };
        let arm = |&inputs: &usize| {
            Arm::named(format!("{inputs}"), Setting { inputs: Some(inputs), ..Setting::default() })
        };
        inputs.iter().map(arm).collect()
    },
    methods: || {
        vec![
            method::SP,
            method::WN,
            method::GMP,
            method::SCALED,
            method::NATURAL,
            method::RECENTRED,
            method::GEODESIC,
        ]
    },
    rates: |_| RATES.to_vec(),
    rates_on_pictures: on_pictures,
    problems: |_| vec![Kind::Ridge],
    seeds: [10, 30],
    budget: 1.0,
    asks: &[
        Asks::Result("dimensions.result"),
        Asks::Movement("dimensions.movement"),
        Asks::Tolerance("dimensions.tolerance"),
    ],
    across,
    show: blocks,
    advice: |tally| {
        format!(
            "Dimensions: a step of Adam in all angles turns a boundary by about lr √(n/2), so the bound in ‖ε‖ says little for many inputs; dividing \
             the steps of angles by √(n − 1) makes the turn independent of n. Plain GmP is better than all remedies and baselines: {}; its best \
             learning rate depends least on n: {}.",
            tally.words("dimensions.result"),
            tally.words("dimensions.transfer")
        )
    },
    notes: &[
        "Single angles, √g and the order of the inputs are studied in the section on the theory; here the turn of a step is measured for up to \
         100,000 inputs.",
        "Natural steps divide by the square root of the metric or by 0.05, whichever is larger, so beyond a few hundred inputs late angles are \
         corrected only in part.",
        "Recentred units have all √g between 1/2 and 1, so that a step of lr in every angle turns them by about lr √n, more than under GmP. When a unit \
         gets new coordinates, the mean gradient of Adam is expressed in them, and the mean squares are made equal with their sum unchanged. \
         With two inputs the method is GmP.",
        "400 samples are too few for any method to learn a ridge in many dimensions: there, the comparison is of how well the training samples are \
         fitted and how far boundaries move.",
    ],
    duration: ["1 min", "1 h"],
};

fn inputs(arm: &Arm) -> f64 {
    arm.setting.inputs.unwrap_or(0) as f64
}

fn across(asked: &Asked, results: Option<&Results<'_>>) -> Vec<Claim> {
    transfer_of(
        asked,
        results,
        "dimensions.transfer",
        ["The best learning rate of GmP depends least on the number of inputs", "number of inputs"],
        inputs,
    )
}

fn blocks(asked: &Asked, results: &Results<'_>, _: &[Claim]) -> Vec<Block> {
    let caption = "Top: the median turn by one step of length 0.01 in every trained parameter, with random signs, from a uniformly distributed \
                   direction: of angles (GmP), of angles divided by √(n − 1), of natural angles, of recentred angles, and of Glorot's weights in \
                   a layer of 100 units (SP); dotted, 0.01 √(n/2). Right: the square root of the metric at the first, the middle and the last angle. Below, over the \
                   number of inputs of the ridge: best learning rates, test results, movement, and tolerance.";
    let shown = [Shown::Rate, Shown::Result, Shown::Movement, Shown::Tolerance];
    let mut figure = show::curves(asked, results, &shown, ["inputs", caption], inputs);
    figure.rows.insert(0, Row { height: 190.0, panels: geometry().to_vec() });
    vec![Block::Figure(figure)]
}

/// Numbers of inputs of the geometry, up to 100,000.
const INPUTS: [usize; 8] = [2, 8, 32, 128, 1024, 8192, 32_768, 100_000];
const STEP: f64 = 0.01;
const DRAWS: u64 = 9;

/// How a unit takes a step of [`STEP`] in every trained number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Angles,
    Scaled,
    Natural,
    Recentred,
    Weights,
}

/// The median turn over a few draws.
fn turn(unit: Unit, inputs: usize) -> f64 {
    let mut turns: Vec<f64> = (0..DRAWS)
        .map(|draw| {
            let mut rng = Rng::new(draw, "turns in many dimensions");
            let mut u = vec![0.0; inputs];
            uniform_directions(1, &mut u, || rng.normal());
            let mut sign = || if rng.uniform() < 0.5 { -STEP } else { STEP };
            if unit == Unit::Weights {
                let length = (2.0 * inputs as f64 / (inputs + 100) as f64).sqrt();
                let moved: Vec<f64> = u.iter().map(|u| length * u + sign()).collect();
                return angle_between(&u, &moved);
            }
            let (mut angles, mut roots) = (vec![0.0; inputs - 1], vec![0.0; inputs - 1]);
            if to_spherical(&u, 1, &mut angles, &mut [0.0]).is_err() {
                return f64::NAN;
            }
            metric(&angles, 1, &mut roots);
            let least = roots.last().map_or(1.0, |g| g.sqrt());
            if unit == Unit::Recentred && least < crate::rival::recentred::LEAST {
                // The centre of its chart; the turn does not depend on where that is.
                angles.fill(std::f64::consts::FRAC_PI_2);
                directions(&angles, 1, &mut u);
            }
            for (angle, g) in angles.iter_mut().zip(&roots) {
                *angle += match unit {
                    Unit::Scaled => sign() / (inputs as f64 - 1.0).sqrt(),
                    Unit::Natural => sign() / g.sqrt().max(crate::rival::natural::LEAST),
                    _ => sign(),
                };
            }
            let mut moved = vec![0.0; inputs];
            directions(&angles, 1, &mut moved);
            angle_between(&u, &moved)
        })
        .collect();
    turns.sort_by(f64::total_cmp);
    turns[turns.len() / 2]
}

/// Medians of √g of the first, the middle and the last angle of uniform directions.
fn roots(inputs: usize) -> [f64; 3] {
    let mut of = [const { Vec::new() }; 3];
    for draw in 0..DRAWS {
        let mut rng = Rng::new(draw, "metrics in many dimensions");
        let mut u = vec![0.0; inputs];
        uniform_directions(1, &mut u, || rng.normal());
        let (mut angles, mut g) = (vec![0.0_f64; inputs - 1], vec![0.0_f64; inputs - 1]);
        if to_spherical(&u, 1, &mut angles, &mut [0.0]).is_ok() {
            metric(&angles, 1, &mut g);
            for (of, at) in of.iter_mut().zip([0, (inputs - 2) / 2, inputs - 2]) {
                of.push(g[at].sqrt());
            }
        }
    }
    of.map(|mut roots| {
        roots.sort_by(f64::total_cmp);
        roots.get(roots.len() / 2).copied().unwrap_or(f64::NAN)
    })
}

fn geometry() -> [Panel; 2] {
    let units = [
        (Unit::Weights, method::SP),
        (Unit::Angles, method::GMP),
        (Unit::Scaled, method::SCALED),
        (Unit::Natural, method::NATURAL),
        (Unit::Recentred, method::RECENTRED),
    ];
    let x = || Axis::log10("inputs n");
    let turns =
        Panel::new("Turn of a step of 0.01", x(), Axis::log10("median turn, radians")).legend(Legend::Above);
    let law = INPUTS.map(|n| (n as f64, (STEP * (n as f64 / 2.0).sqrt()).min(std::f64::consts::FRAC_PI_2)));
    let law = Layer::line(law, Color::GREY).stroked(Stroke::Dotted);
    let turns = units.into_iter().fold(turns.with(law), |panel, (unit, method): (Unit, MethodId)| {
        let points = INPUTS.map(|n| (n as f64, turn(unit, n)));
        panel.with(Layer::line(points, method.color).stroked(method.dash).labelled(method.name))
    });
    let metrics = Panel::new("Root of the metric, √g", x(), Axis::log10("median √g")).legend(Legend::Above);
    let names = [
        ("first angle", Color::BLUE, Stroke::Solid),
        ("middle", Color::ORANGE, Stroke::Dashes(&[6, 2])),
        ("last", Color::PURPLE, Stroke::Dashes(&[2, 2])),
    ];
    let all = INPUTS.map(|n| (n as f64, roots(n)));
    let metrics = names.into_iter().enumerate().fold(metrics, |panel, (k, (name, color, stroke))| {
        let points = all.map(|(n, roots)| (n, roots[k]));
        panel.with(Layer::line(points, color).stroked(stroke).labelled(name))
    });
    [turns, metrics]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// THEORY.md §5: a step of lr in every angle turns by lr √(n/2) to first order, and √g ends at about √(2/n).
    #[test]
    fn turns_follow_the_law_and_repairs_remove_it() {
        for n in [128, 1024] {
            let law = STEP * (n as f64 / 2.0).sqrt();
            let ratio = turn(Unit::Angles, n) / law;
            assert!((0.6..1.4).contains(&ratio), "{n}: {ratio}");
            let scaled = turn(Unit::Scaled, n) / STEP;
            assert!((0.4..1.1).contains(&scaled), "{n}: {scaled}");
            let last = roots(n)[2] / (2.0 / n as f64).sqrt();
            assert!((0.3..3.0).contains(&last), "{n}: {last}");
            assert_eq!(roots(n)[0], 1.0);
        }
        // Of 127 steps at the centre of a chart, the cosine of the turn is the product of the cosines.
        let recentred = turn(Unit::Recentred, 128);
        assert!((recentred - STEP.cos().powi(127).acos()).abs() < 1e-9, "{recentred}");
        assert_eq!(turn(Unit::Recentred, 2), turn(Unit::Angles, 2));
        let natural = turn(Unit::Natural, 128) / (STEP * 127f64.sqrt());
        assert!((0.7..1.2).contains(&natural), "{natural}");
    }
}
