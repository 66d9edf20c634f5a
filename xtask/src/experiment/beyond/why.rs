//! Whether stability is the cause: interventions on movement only, mediation, and the noise of the gradient.

use super::ask::{self, Asks};
use super::compare::Compared;
use super::data::{Kind, Loaded};
use super::mediation::{Point, direct, pseudo_values, slope_within};
use super::pictures::LIMITED_AT;
use super::show::{self, Shown};
use super::study::Asked;
use super::{Arm, Inquiry, in_paper, on_pictures};
use crate::claim::{Claim, Unit};
use crate::experiment::Profile;
use crate::experiment::question::Quantity;
use crate::method::{self, MethodId};
use crate::report::figure::{Axis, Layer, Legend, Marker, Panel, Row};
use crate::report::html::Block;
use crate::report::number::rate as shown_rate;
use crate::run::Record;
use crate::run::results::Results;
use crate::setting::{Intervention, Setting};
use crate::statistics::paired_effects;
use std::collections::BTreeMap;

/// Interventions, mediation, batch sizes and tolerances.
pub const WHY: Inquiry = Inquiry {
    id: "why",
    title: "Why: is stability the cause?",
    question: "The paper's explanation of why GmP helps is that boundaries are stable under it. Less movement of boundaries and better results may \
               both be effects of a method without one being the cause of the other. Four questions are asked. (a) Intervention: SP and WN with the \
               step of every unit shortened, so that its boundary moves no further than the boundaries of the same layer of GmP do in the same step \
               at the same learning rate, and GmP with its boundaries jittered until they move as far as those of SP. (b) Mediation: do runs whose \
               boundaries move less have better results, within a method, between methods, and between seeds; and is GmP better than another method \
               at equal movement? (c) Noise: does the advantage of GmP grow as the batch, from all samples to four, gets smaller? (d) Tolerance: at \
               which learning rates is a method within 5% of its best?",
    arms,
    methods: in_paper,
    rates: |_| vec![0.003, 0.01, 0.03, 0.1, 0.3],
    rates_on_pictures: |profile, setting| match (profile, setting.intervention) {
        (Profile::Quick, Some(_)) => &[LIMITED_AT],
        _ => on_pictures(profile, setting),
    },
    problems: |_| Kind::small().into_iter().chain([Kind::Pictures]).collect(),
    seeds: [10, 30],
    budget: 0.5,
    asks: &[Asks::Result("why.result"), Asks::Movement("why.movement"), Asks::Tolerance("why.tolerance")],
    across,
    show: blocks,
    advice: |tally| {
        format!(
            "Stability as the cause: {} (each at its own best learning rate, better test results: {}; faster learning: {}; with the limit and without it at \
             one learning rate, better test results: {}; faster learning: {}). Within a method, along its learning rates, less movement goes with smaller errors: \
             {}; with faster learning: {}. Between methods at one learning rate, it goes with smaller errors: {}; with faster learning: {}. GmP is better than \
             another method at equal movement: {}. GmP helps against the noise of small batches: {}.",
            tally.verdict(
                "why.limited",
                [
                    "in most comparisons SP and WN become better when the movement of their boundaries is limited to that of GmP, as the paper's \
                     explanation predicts",
                    "in most comparisons SP and WN become worse when the movement of their boundaries is limited to that of GmP, which the paper's \
                     explanation does not predict",
                    "in most comparisons it makes no difference that matters to limit the movement of the boundaries of SP and WN to that of GmP, \
                     which the paper's explanation does not predict",
                    "most comparisons do not settle whether SP and WN become better when the movement of their boundaries is limited to that of GmP",
                ]
            ),
            tally.words("why.limited"),
            tally.words("why.limited.epochs"),
            tally.words("why.limited.equal"),
            tally.words("why.limited.equal.epochs"),
            tally.words("why.within"),
            tally.words("why.within.epochs"),
            tally.words("why.between"),
            tally.words("why.between.epochs"),
            tally.words("why.direct"),
            tally.words("why.noise")
        )
    },
    notes: &[
        "As in the paper, a batch of levy and of the sets of Table 1 holds all training samples, and one of banana 128. The quick profile has other \
         batch sizes only on levy, banana and yacht, five seeds on VGG-6 and on the other sets of Table 1, and half as many epochs on the latter.",
        "VGG-6 is compared under SP, WN and GmP, where the direction of a filter depends on its own parameters only: BN and MBN, whose boundaries \
         change with the statistics of a batch, are left out, and SP, WN and GmP stand for SP+IMN, WN+IMN and GmP+IMN there. Interventions act on \
         every layer but the output, on each filter by the movement of its own layer in the same step, and the measured movement is that of all \
         filters together, from epoch to epoch. The batch size is 16, and the quick profile has interventions only at the learning rate 0.003. It is \
         a narrow network trained for a short time by Adam on few images: its results say nothing about the paper's network.",
        "With one input (levy) no direction can turn: there, the movement that is limited or added is that of the spatial location φ.",
        "A method with an intervention is compared with the same method without it twice: each at its own best learning rate, which says whether the \
         method becomes better, and both at one learning rate (0.1; VGG-6 0.003), where nothing but the intervention differs.",
        "A unit whose boundary would move too far takes a shorter step in all of its parameters, length and bias included. The optimizer's moments \
         are not changed. The limit for each step comes from a reference run of GmP with the same data, seed, learning rate and stopping rules.",
        "Jitter is random, while the movement of SP follows a gradient: harm done by jitter would not show that the movement of SP does harm.",
        "Slopes are those of the logarithm of the error against the log₂ of the movement: percent for each doubling of the movement. Intervals of \
         (b) are from the jackknife over seeds. Runs that diverged have no movement and are left out of (b).",
        "The learning rate changes both the movement and the result of a method; (b) between seeds, at one method and learning rate, is free of this effect.",
    ],
    duration: ["2 min", "4 h"],
};

fn unchanged() -> Setting {
    Setting::default()
}

fn batch(size: usize) -> Setting {
    Setting { batch_size: Some(size), ..Setting::default() }
}

fn intervened(intervention: Intervention) -> Setting {
    Setting { intervention: Some(intervention), ..Setting::default() }
}

/// More samples than any of the problems has.
const ALL: usize = 1 << 20;
const NOISIEST: usize = 4;

fn arms(profile: Profile) -> Vec<Arm> {
    let is_limited = |_: Kind, method: MethodId| [method::SP, method::WN].contains(&method);
    // An epoch of a larger set has hundreds of steps in small batches. One of pictures has batches of 16 as it is.
    type On = fn(Kind, MethodId) -> bool;
    let (in_batches, in_small_batches): (On, On) = match profile {
        Profile::Quick => (|kind, _| !kind.is_larger(), |kind, _| !kind.is_larger()),
        Profile::Full => (|kind, _| kind != Kind::Pictures, Kind::is_for),
    };
    vec![
        Arm { on: Kind::is_for, ..Arm::named("as in the paper", unchanged()) },
        Arm { on: |kind, _| kind == Kind::Banana, ..Arm::named("full batch", batch(ALL)) },
        Arm { on: in_batches, ..Arm::named("batch 16", batch(16)) },
        Arm { on: in_small_batches, ..Arm::named("batch 4", batch(NOISIEST)) },
        Arm { on: is_limited, ..Arm::named("limited: largest", intervened(Intervention::LimitedToLargest)) },
        Arm { on: is_limited, ..Arm::named("limited: mean", intervened(Intervention::LimitedToMean)) },
        Arm {
            on: |_, method| method == method::GMP,
            ..Arm::named("jittered", intervened(Intervention::Jittered))
        },
    ]
}

/// The error of a result: of an accuracy, what is missing to 1, and no less than half a sample.
fn error(problem: &Loaded, record: &Record) -> Option<f64> {
    let value = record.value?;
    let is_share = problem.kind().larger_is_better();
    let least = 0.5 / problem.samples()[1] as f64;
    Some(if is_share { (1.0 - value).max(least) } else { value })
}

/// A run by its method and the bits of its learning rate.
type Of = (MethodId, u64);

/// Movement and a logarithm of every run that changes nothing.
fn points(results: &Results<'_>, problem: &Loaded, y: impl Fn(&Record) -> Option<f64>) -> Vec<Point<Of>> {
    let movement = problem.kind().movement().number;
    let of_problem = results.records.iter().filter(|record| record.set() == problem.id());
    of_problem
        .filter(|record| record.run.setting.is_none())
        .map(|record| Point {
            seed: record.run.seed,
            group: (record.run.method, record.run.lr.to_bits()),
            x: movement(record).unwrap_or(f64::NAN),
            y: y(record).map_or(f64::NAN, f64::ln),
        })
        .collect()
}

fn regrouped<G>(points: &[Point<Of>], group: impl Fn(&Point<Of>) -> G) -> Vec<Point<G>> {
    points.iter().map(|p| Point { seed: p.seed, group: group(p), x: p.x, y: p.y }).collect()
}

/// The slope along the learning rates of a method, within a seed.
fn within_methods(points: &[Point<Of>]) -> Option<f64> {
    slope_within(&regrouped(points, |p| (p.group.0, p.seed)))
}

/// The slope between methods, at one rate and seed.
fn between_methods(points: &[Point<Of>]) -> Option<f64> {
    slope_within(&regrouped(points, |p| (p.group.1, p.seed)))
}

/// The slope between seeds, at one method and rate.
fn between_seeds(points: &[Point<Of>]) -> Option<f64> {
    slope_within(points)
}

/// What is left of the difference between a method and GmP at equal movement, along the slope within methods; the rates and seeds
/// of both are the same.
fn at_equal_movement(points: &[Point<Of>], baseline: MethodId) -> Option<f64> {
    let slope = within_methods(points)?;
    let both: Vec<Point<Of>> =
        points.iter().filter(|p| [method::GMP, baseline].contains(&p.group.0)).copied().collect();
    direct(&regrouped(&both, |p| (p.group.0 == method::GMP, (p.group.1, p.seed))), slope)
}

fn across(asked: &Asked, results: Option<&Results<'_>>) -> Vec<Claim> {
    let mut claims = Vec::new();
    for problem in &asked.problems {
        if let Some(results) = results {
            claims.extend(interventions(asked, results, problem));
            claims.extend(mediation(asked, results, problem));
            claims.extend(noise(asked, results, problem));
        }
    }
    claims
}

/// A method with limited or jittered boundaries, against itself.
fn interventions(asked: &Asked, results: &Results<'_>, problem: &Loaded) -> Vec<Claim> {
    let (mut claims, kind) = (Vec::new(), problem.kind());
    let equal = if kind == Kind::Pictures { LIMITED_AT } else { 0.1 };
    let own = results.with(&unchanged());
    let limits = [Intervention::LimitedToLargest, Intervention::LimitedToMean];
    let limited = limits.into_iter().flat_map(|limit| [method::SP, method::WN].map(|method| (method, limit)));
    for (method, intervention) in limited.chain([(method::GMP, Intervention::Jittered)]) {
        let is_limit = intervention != Intervention::Jittered;
        if !asked.methods.contains(&method) {
            continue;
        }
        let setting = intervened(intervention);
        let rates = asked.rates_in(&setting, kind);
        let changed = results.with(&setting);
        let speed = kind.has_speed().then_some((kind.learned(), true));
        for (quantity, is_speed) in std::iter::once((kind.result(), false)).chain(speed) {
            let is_run = |lr: &Option<f64>| match lr {
                // Each at its own best rate, of the same rates.
                None => rates == asked.rates_on(kind),
                Some(lr) => rates.contains(lr),
            };
            for lr in [None, Some(equal)].into_iter().filter(is_run) {
                let is_equal = lr.is_some();
                let question = match (is_limit, is_speed, is_equal) {
                    (true, false, false) => "why.limited",
                    (true, false, true) => "why.limited.equal",
                    (true, true, false) => "why.limited.epochs",
                    (true, true, true) => "why.limited.equal.epochs",
                    (false, false, false) => "why.jittered",
                    (false, false, true) => "why.jittered.equal",
                    (false, true, false) => "why.jittered.epochs",
                    (false, true, true) => "why.jittered.equal.epochs",
                };
                let of = |results: &Results<'_>| ask::by_seed(results, problem, method, lr, quantity.number);
                let (with, without) = (of(&changed), of(&own));
                // What the paper's reason foretells: less movement is better, and more is worse.
                let effects = match is_limit {
                    true => paired_effects(quantity.scale, &with, &without),
                    false => paired_effects(quantity.scale, &without, &with),
                };
                let (subject, baseline) = match is_limit {
                    true => (format!("{method}, {}", intervention.name()), method.to_string()),
                    false => (method.to_string(), "GmP, jittered".to_owned()),
                };
                let better = if is_speed { "learns faster" } else { "has better test results" };
                let at =
                    if is_equal { "both at one learning rate" } else { "each at its own best learning rate" };
                let tested = match is_limit {
                    true => format!(
                        "A method {better} if the movement of its boundaries is limited to that of GmP, {at}"
                    ),
                    false => format!(
                        "GmP {better} than with its boundaries jittered until they move as far as those of SP, {at}"
                    ),
                };
                let rates = lr.map_or("own best".to_owned(), |lr| format!("equal {}", shown_rate(lr)));
                let compared = Compared {
                    question,
                    statement: "Stability of boundaries is the cause: less movement makes results better, and more movement makes them worse.",
                    tested: &tested,
                    quantity: quantity.name,
                    unit: quantity.unit(),
                    smallest: (quantity.smallest)(&asked.smallest),
                    subject: &subject,
                    baseline: &baseline,
                    rates: &rates,
                };
                claims.push(compared.claim(
                    asked,
                    problem,
                    &effects,
                    &[(method, setting), (method, unchanged())],
                ));
            }
        }
    }
    claims
}

fn mediation(asked: &Asked, results: &Results<'_>, problem: &Loaded) -> Vec<Claim> {
    type Slope = fn(&[Point<Of>]) -> Option<f64>;
    let learned = problem.kind().learned();
    let errors = points(results, problem, |record| error(problem, record));
    let epochs = points(results, problem, learned.number);
    let of = |quantity: Quantity, rmse: f64| (quantity.smallest)(&asked.smallest).max(rmse);
    let smallest = [asked.smallest.rmse(), of(learned, 0.0)];
    let methods = asked.methods_on(problem.kind());
    let all: Vec<(MethodId, Setting)> = methods.iter().map(|method| (*method, unchanged())).collect();
    let mut claims = Vec::new();
    let of_speed = problem.kind().has_speed().then_some(("epochs", &epochs, smallest[1]));
    for (what, points, smallest) in std::iter::once(("test error", &errors, smallest[0])).chain(of_speed) {
        let slopes: [(&'static str, &str, Slope); 3] = [
            ("within a method, along its learning rates", "all", within_methods),
            ("between methods, at one learning rate", "equal", between_methods),
            ("between seeds, at one method and rate", "each", between_seeds),
        ];
        let questions = match what {
            "epochs" => ["why.within.epochs", "why.between.epochs", "why.seeds.epochs"],
            _ => ["why.within", "why.between", "why.seeds"],
        };
        for ((words, rates, slope), question) in slopes.into_iter().zip(questions) {
            let compared = Compared {
                question,
                statement: "Runs whose boundaries move less have better results.",
                tested: &format!("Runs whose boundaries move less do better in {what} {words}"),
                quantity: &format!("slope of ln {what} over the log₂ of the movement, {words}"),
                unit: Unit::LogRatio,
                smallest,
                subject: "less movement",
                baseline: "more movement",
                rates,
            };
            claims.push(compared.claim(asked, problem, &pseudo_values(points, slope), &all));
        }
        for &baseline in methods.iter().filter(|method| **method != method::GMP) {
            if !methods.contains(&method::GMP) {
                continue;
            }
            let compared = Compared {
                question: if what == "epochs" { "why.direct.epochs" } else { "why.direct" },
                statement: "The advantage of GmP is not explained by how far boundaries move.",
                tested: &format!("GmP does better in {what} than another method at equal movement"),
                quantity: &format!(
                    "difference of ln {what} less the slope within methods times that of the movement"
                ),
                unit: Unit::LogRatio,
                smallest,
                subject: "GmP",
                baseline: baseline.name,
                rates: "equal",
            };
            let effects = pseudo_values(points, |points| at_equal_movement(points, baseline));
            claims.push(compared.claim(asked, problem, &effects, &all));
        }
    }
    claims
}

/// Whether the advantage of GmP over each other method is larger in the smallest batches than in the largest ones.
fn noise(asked: &Asked, results: &Results<'_>, problem: &Loaded) -> Vec<Claim> {
    let calm = if problem.kind() == Kind::Banana { batch(ALL) } else { unchanged() };
    let settings = [batch(NOISIEST), calm];
    let tested = match problem.kind() {
        Kind::Pictures => {
            "The advantage of GmP over another method is larger at batch size 4 than at batch size 16"
        }
        _ => "The advantage of GmP over another method is larger at batch size 4 than with full batches",
    };
    let is_noisy = |arm: &Arm| arm.setting == settings[0] && (arm.on)(problem.kind(), method::GMP);
    if !asked.arms.iter().any(is_noisy) {
        return Vec::new();
    }
    let arms = settings.map(|setting| results.with(&setting));
    let quantity = problem.kind().result();
    let mut claims = Vec::new();
    let methods = asked.methods_on(problem.kind());
    for &baseline in methods.iter().filter(|method| **method != method::GMP) {
        let advantage = arms.each_ref().map(|arm| -> BTreeMap<u64, f64> {
            let of = |method| ask::by_seed(arm, problem, method, None, quantity.number);
            let (ours, theirs) = (of(method::GMP), of(baseline));
            let both = ours.iter().filter_map(|(seed, ours)| Some((*seed, *ours, *theirs.get(seed)?)));
            both.map(|(seed, ours, theirs)| (seed, quantity.scale.effect(ours, theirs))).collect()
        });
        let effects: Vec<f64> = advantage[0]
            .iter()
            .filter_map(|(seed, noisy)| Some(noisy - advantage[1].get(seed)?))
            // Where neither run of an arm has a number, or both arms were lost.
            .filter(|effect| !effect.is_nan())
            .collect();
        let compared = Compared {
            question: "why.noise",
            statement: "GmP helps against gradient noise.",
            tested,
            quantity: &format!("difference of two effects on {}", quantity.name),
            unit: quantity.unit(),
            smallest: (quantity.smallest)(&asked.smallest),
            subject: "GmP",
            baseline: baseline.name,
            rates: "own best",
        };
        let runs: Vec<(MethodId, Setting)> = settings
            .into_iter()
            .flat_map(|setting| [method::GMP, baseline].map(|method| (method, setting)))
            .collect();
        claims.push(compared.claim(asked, problem, &effects, &runs));
    }
    claims
}

fn blocks(asked: &Asked, results: &Results<'_>, _: &[Claim]) -> Vec<Block> {
    let caption = "Top: test error against the movement of the boundaries, for every run as in the paper, at every learning rate. Below, over batch \
                   sizes and interventions: test results at each method's own best learning rate, movement of the boundaries at that rate, and the \
                   range of learning rates that each method tolerates.";
    let shown = [Shown::Result, Shown::Movement, Shown::Tolerance];
    let mut figure = show::figure(asked, results, &shown, caption);
    let scatters: Vec<Row> = show::in_rows(&asked.problems)
        .map(|chunk| Row {
            height: 220.0,
            panels: chunk.iter().map(|problem| scatter(asked, results, problem)).collect(),
        })
        .collect();
    figure.rows.splice(0..0, scatters);
    vec![Block::Figure(figure)]
}

fn scatter(asked: &Asked, results: &Results<'_>, problem: &Loaded) -> Panel {
    let points = points(results, problem, |record| error(problem, record));
    let label = if problem.kind().larger_is_better() { "error rate" } else { "test RMSE" };
    let axes = (Axis::linear(problem.kind().movement().name), Axis::log10(label));
    let panel = Panel::new(problem.id().name, axes.0, axes.1).legend(Legend::Above);
    let is_run = |(_, method): &(usize, &MethodId)| problem.kind().is_for(**method);
    asked.methods.iter().enumerate().filter(is_run).fold(panel, |panel, (k, &method)| {
        let of = points.iter().filter(|point| point.group.0 == method).map(|point| (point.x, point.y.exp()));
        let marker = [Marker::Dot, Marker::Diamond, Marker::Cross, Marker::Star][k % 4];
        let size = if marker == Marker::Star { 9.0 } else { 5.0 };
        panel.with(Layer::points(of, method.color, marker).sized(size).faded(0.6).labelled(method.name))
    })
}
