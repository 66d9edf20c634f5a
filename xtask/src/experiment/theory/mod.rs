//! The theory, measured: each proposition of `gmp-math/docs/THEORY.md` is tested, drawn and judged.
//!
//! | file | question |
//! |---|---|
//! | [`turns`] | how far do random steps turn a boundary, and how tight are the bounds? |
//! | [`search`] | does any of very many cases, nasty ones among them, break a bound? |
//! | [`extremes`] | are the worst steps attained, and what does a pole do? |
//! | [`infinitesimal`] | what do finite steps add to the paper's theorem? |
//! | [`optimizers`] | what does one optimizer step really do as n grows, and how does the order of the inputs enter? |
//! | [`singularity`] | how much is each angle worth, before and after training? |
//! | [`order`] | what does the order of the inputs change in training? |
//! | [`networks`] | the networks trained for the last two |
//! | [`claims`] | the propositions and their outcomes |

pub mod claims;
pub mod extremes;
pub mod infinitesimal;
pub mod networks;
pub mod optimizers;
pub mod order;
pub mod search;
pub mod singularity;
pub mod turns;
pub mod unit;

use super::{Context, Experiment, Prepared, Profile, Study};
use crate::claim::Claim;
use crate::report::figure::Figure;
use crate::report::html::{Block, Section};
use crate::run::Run;
use crate::run::execute::Finished;
use crate::run::parallel;
use crate::run::results::Results;
use crate::run::stop::Stop;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Section 3 of the paper, and what this project adds to it.
pub struct Theory;

/// One line of `measurements.jsonl`; its key `kind` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Measurement {
    /// Random steps of one norm.
    Turn(turns::Turn),
    /// A share of the search for violations.
    Search(search::Search),
    /// A constructed step.
    Extreme(extremes::Extreme),
    /// The remainder of the paper's theorem.
    Remainder(infinitesimal::Remainder),
    /// One optimizer step.
    Step(optimizers::Step),
    /// How a step is spread over the inputs.
    Shares(optimizers::Shares),
    /// √g by position.
    Metric(singularity::Metric),
    /// Networks with their inputs in two orders.
    Order(order::Order),
}

/// A piece of measuring that takes a second or so, the same whenever and wherever it is done.
pub type Job = Box<dyn Fn() -> Vec<Measurement> + Send + Sync>;

/// All measurements, sorted by kind.
#[derive(Debug, Default)]
pub struct Measured {
    /// See [`turns::Turn`].
    pub turns: Vec<turns::Turn>,
    /// See [`search::Search`].
    pub searches: Vec<search::Search>,
    /// See [`extremes::Extreme`].
    pub extremes: Vec<extremes::Extreme>,
    /// See [`infinitesimal::Remainder`].
    pub remainders: Vec<infinitesimal::Remainder>,
    /// See [`optimizers::Step`].
    pub steps: Vec<optimizers::Step>,
    /// See [`optimizers::Shares`].
    pub shares: Vec<optimizers::Shares>,
    /// See [`singularity::Metric`].
    pub metrics: Vec<singularity::Metric>,
    /// See [`order::Order`].
    pub orders: Vec<order::Order>,
}

impl Measured {
    /// Sorts lines of `measurements.jsonl`; those of another kind are left out.
    #[must_use]
    pub fn of(lines: &[Value]) -> Self {
        let mut sorted = Self::default();
        for line in lines {
            match serde_json::from_value(line.clone()) {
                Ok(Measurement::Turn(x)) => sorted.turns.push(x),
                Ok(Measurement::Search(x)) => sorted.searches.push(x),
                Ok(Measurement::Extreme(x)) => sorted.extremes.push(x),
                Ok(Measurement::Remainder(x)) => sorted.remainders.push(x),
                Ok(Measurement::Step(x)) => sorted.steps.push(x),
                Ok(Measurement::Shares(x)) => sorted.shares.push(x),
                Ok(Measurement::Metric(x)) => sorted.metrics.push(x),
                Ok(Measurement::Order(x)) => sorted.orders.push(x),
                Err(_) => {}
            }
        }
        let drawn = |m: &singularity::Metric| m.what == singularity::Metric::DRAWN;
        sorted.metrics.sort_by_key(|m| if drawn(m) { (0, m.inputs) } else { (1, 0) });
        sorted
    }
}

impl Experiment for Theory {
    fn id(&self) -> &'static str {
        "theory"
    }
    fn title(&self) -> &'static str {
        "The theory: what a parameter step can do to a boundary"
    }
    fn options(&self) -> &'static [&'static str] {
        &["--seeds", "--first-seed", "--dataset", "--method"]
    }
    fn needs(&self) -> &'static str {
        "nothing; DATA-DIR/banana.csv and DATA-DIR/uci/*.csv, where present, for the trained networks"
    }
    fn duration(&self) -> [&'static str; 2] {
        ["10 s", "2 min"]
    }
    fn prepare(&self, context: &Context) -> Result<Prepared> {
        let networks = networks::Networks::prepare(context)?;
        Ok(Prepared::Ready(Box::new(Prepare { networks, profile: context.profile })))
    }
    fn untested(&self, _: &Context, why: &str) -> Vec<Claim> {
        let claims = claims::all_of(&Measured::default()).into_iter();
        claims.map(|claim| Claim { reason: why.to_owned(), ..claim }).collect()
    }
}

struct Prepare {
    networks: networks::Networks,
    profile: Profile,
}

/// Everything that is measured without training, with the given numbers of draws and cases.
fn jobs(draws: usize, cases: usize) -> Vec<Job> {
    let lists = [
        turns::jobs(draws),
        optimizers::jobs(draws),
        singularity::jobs(draws),
        infinitesimal::jobs(draws),
        extremes::jobs(),
        search::jobs(cases),
    ];
    lists.into_iter().flatten().collect()
}

impl Study for Prepare {
    fn runs(&self) -> Vec<Run> {
        self.networks.runs.clone()
    }

    fn cost(&self, run: &Run) -> f64 {
        self.networks.cost(run)
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        self.networks.carry_out(run, stop)
    }

    fn measure(&self, results: &Results<'_>, threads: usize, stop: &Stop) -> Option<Vec<Value>> {
        let (draws, cases) = match self.profile {
            Profile::Quick => (200, 100_000),
            Profile::Full => (1000, 1_000_000),
        };
        let found = parallel::map(Theory.id(), &jobs(draws, cases), threads, stop, |job| job())?;
        let mut found: Vec<Measurement> = found.into_iter().flatten().collect();
        found.extend(self.networks.metrics(results).into_iter().map(Measurement::Metric));
        found.extend(self.networks.orders(results).into_iter().map(Measurement::Order));
        // Plain structures of numbers and names are always JSON.
        Some(found.iter().filter_map(|m| serde_json::to_value(m).ok()).collect())
    }

    fn report(&self, _: &Context, results: &Results<'_>) -> Section {
        let measured = Measured::of(&results.measurements);
        let mut blocks = vec![Block::Paragraph(
            "The paper: under an infinitesimal step ε the direction of a boundary can change without bound under SP, WN and BN, but under GmP by ∠ = \
             √(Σ g_{i}ε_{i}²) ≤ ‖ε‖₂. That the bound holds for finite steps, what it costs and what it does not imply is our addition. Each \
             proposition is measured in double precision on units in 2 to 4096 dimensions. ∠ is the angle between the directions of a boundary \
             before and after a step ε of the parameters, φ its spatial location. Every number below is in theory/measurements.jsonl; the trained \
             networks are in theory/runs.jsonl."
                .to_owned(),
        )];
        blocks.extend(self.networks.notes.iter().cloned().map(Block::Note));
        blocks.push(Block::Figure(turns::figure(&measured.turns)));
        blocks.push(Block::Note(
            "Glorot-uniform weights of a layer of 100 units have norms near √(2n/(n + 100)), up to √2. In hundreds of dimensions and more a random \
             step of SP then turns the direction by about ‖ε‖/√2, just as under GmP. Until the weights shrink, the bound distinguishes the two in \
             few dimensions, not in many."
                .to_owned(),
        ));
        blocks.push(Block::Figure(extremes::figure(&measured.extremes)));
        blocks.push(Block::Note(
            "WN and BN can reverse in one more way: where ℓ or γ passes through zero, the active and the inactive side are exchanged. That is not \
             counted here. Under GmP it is not a turn, since r is outside of the ReLU."
                .to_owned(),
        ));
        blocks.push(Block::Figure(infinitesimal::figure(&measured.remainders)));
        blocks.push(Block::Figure(turns::tightness_figure(&measured.turns)));
        blocks.push(Block::Table(turns::tightness_table(&measured.turns)));
        blocks.push(Block::Figure(singularity::figure(&measured.metrics)));
        blocks.push(Block::Note(
            "The Levy network has one input and the banana network two. A direction in one dimension is a sign and has no angles; in two it \
             has one, with g = 1 always. Neither can have a dead angle: the singularity begins with three inputs."
                .to_owned(),
        ));
        blocks.push(Block::Table(singularity::table(&measured.metrics)));
        blocks.push(Block::Figure(optimizers::figure(&measured.steps)));
        blocks.push(Block::Figure(order_figure(&measured)));
        if !measured.orders.is_empty() {
            blocks.push(Block::Table(order::table(&measured.orders)));
        }
        blocks.push(Block::Note(
            "None of this says that a network with stable boundaries generalizes better. The bound is on one step of the parameters; the loss, the \
             data and the sequence of steps do not enter it. It is in ‖ε‖₂ over n − 1 angles, so a step of a fixed size in each of them may, and \
             does, turn the direction further the more inputs there are."
                .to_owned(),
        ));
        Section {
            id: Theory.id().to_owned(),
            title: Theory.title().to_owned(),
            caption: String::new(),
            claims: claims::all_of(&measured),
            blocks,
            ..Section::default()
        }
    }
}

fn order_figure(measured: &Measured) -> Figure {
    let caption = "(a) One Adam step of 10⁻⁵ on a random linear loss: how far each coordinate of the direction moves, divided by the root mean \
        square of all. The late inputs of a GmP unit move least; SP has no such order. (b) The same step with the inputs in the opposite order: the \
        angle between the two results (put back in order) divided by the turn itself, learning rate 0.01. 0 means equivariance: SP, and GmP in the \
        plane. (c) Networks trained from the same function on the same data with the inputs in the given and the opposite order: |change| of the \
        test metric divided by its mean, one dot per seed; no change is drawn on the frame. The changes of SP are rounding, and so are those of GmP \
        in the plane (banana).";
    let figure = Figure::new("theory-order", "What the order of the inputs changes").caption(caption);
    let figure = figure.row(200.0, optimizers::order_panels(&measured.steps, &measured.shares));
    if measured.orders.is_empty() { figure } else { figure.row(190.0, vec![order::panel(&measured.orders)]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use crate::statistics::Outcome;

    #[test]
    fn the_same_bits_at_any_number_of_threads_and_on_every_run() {
        let measure = |threads| {
            let stop = Stop::default();
            let found = parallel::map("theory", &jobs(3, 200), threads, &stop, |job| job()).unwrap();
            format!("{found:?}")
        };
        let once = measure(1);
        for threads in 1..=4 {
            assert_eq!(measure(threads), once, "{threads} threads");
        }
    }

    fn outcomes(measured: &Measured) -> Vec<(String, Outcome)> {
        claims::all_of(measured).into_iter().map(|claim| (claim.statement, claim.outcome)).collect()
    }

    fn outcome(measured: &Measured, number: &str) -> Outcome {
        outcomes(measured).into_iter().find(|(statement, _)| statement.starts_with(number)).unwrap().1
    }

    /// The whole way on a small scale: measured, written, read again, judged; then every outcome is made to fall by
    /// numbers that contradict it.
    #[test]
    fn every_proposition_is_judged_by_its_numbers() {
        let found: Vec<Measurement> = jobs(40, 5000).iter().flat_map(|job| job()).collect();
        let lines: Vec<String> = found.iter().map(|m| serde_json::to_string(m).unwrap()).collect();
        let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (value, measurement) in values.iter().zip(&found) {
            let read: Measurement = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(read, *measurement);
        }
        let measured = Measured::of(&values);
        for (statement, outcome) in outcomes(&measured) {
            let needs_networks = ["7b", "7e"].iter().any(|number| statement.starts_with(number));
            let expected = if needs_networks { Outcome::NotTested } else { Outcome::Supported };
            assert_eq!(outcome, expected, "{statement}");
        }
        assert!(outcomes(&Measured::default()).iter().all(|(_, outcome)| *outcome == Outcome::NotTested));

        type Mutation = fn(&mut Measured);
        let mutants: [(&str, Mutation); 9] = [
            ("1.", |m| m.turns[0].violations = 1),
            ("1.", |m| m.extremes[0].turn *= 0.99),
            ("3.", |m| m.remainders.iter_mut().for_each(|r| r.remainder = 0.001 * r.step)),
            ("4.", |m| m.searches.iter_mut().for_each(|s| s.violations += 1)),
            ("5.", |m| m.searches.iter_mut().for_each(|s| s.violations += 1)),
            ("6.", |m| m.extremes.iter_mut().for_each(|e| e.expected *= 1.01)),
            ("7a", |m| m.metrics.iter_mut().for_each(|m| m.roots.iter_mut().for_each(|r| r.median = 1.0))),
            ("7c", |m| m.steps.iter_mut().for_each(|s| s.turn.median *= 1.3)),
            ("7d", |m| m.steps.iter_mut().for_each(|s| s.order_gap.median = 0.0)),
        ];
        for (number, mutate) in mutants {
            let mut mutated = Measured::of(&values);
            mutate(&mut mutated);
            assert_ne!(outcome(&mutated, number), Outcome::Supported, "{number}");
        }
        let mut wrong = Measured::of(&values);
        let is_wn = |t: &&mut turns::Turn| t.method == method::WN;
        wrong.turns.iter_mut().filter(is_wn).for_each(|t| t.violations = 1);
        assert_eq!(
            (outcome(&wrong, "1."), outcome(&wrong, "2.")),
            (Outcome::Supported, Outcome::Contradicted)
        );

        // What only trained networks show.
        let mut networks = Measured::default();
        for (stage, angle) in [(singularity::Stage::Initial, 0.5), (singularity::Stage::Trained, 1e-4)] {
            let layers = [vec![angle, 1.0, 1.0]];
            networks.metrics.extend(singularity::Metric::of("yacht", stage, 4, &layers));
        }
        for (method, change) in [(method::GMP, 0.2), (method::SP, 1e-9)] {
            let given = vec![1.0, 2.0, 3.0];
            let reversed = given.iter().map(|x| x + change).collect();
            let (dataset, metric) = ("yacht".to_owned(), "rmse".to_owned());
            networks.orders.push(order::Order {
                dataset,
                inputs: 4,
                method,
                lr: 0.1,
                metric,
                given,
                reversed,
            });
        }
        assert_eq!(outcome(&networks, "7b"), Outcome::Supported);
        assert_eq!(outcome(&networks, "7e"), Outcome::Supported);
        networks.metrics.iter_mut().for_each(|metric| metric.dead = 2 - metric.dead);
        networks.orders.iter_mut().for_each(|order| order.reversed.clone_from(&order.given));
        assert_eq!(outcome(&networks, "7b"), Outcome::Contradicted);
        assert_eq!(outcome(&networks, "7e"), Outcome::Contradicted);

        for figure in [
            turns::figure(&measured.turns),
            extremes::figure(&measured.extremes),
            infinitesimal::figure(&measured.remainders),
            turns::tightness_figure(&measured.turns),
            singularity::figure(&measured.metrics),
            optimizers::figure(&measured.steps),
            order_figure(&measured),
        ] {
            assert!(figure.svg().matches("<path").count() > 5, "{} is all but empty", figure.name);
        }
    }
}
