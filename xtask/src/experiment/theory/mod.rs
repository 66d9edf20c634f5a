//! The theory as something to look at: PAPER §3's propositions, each measured, drawn and judged.
//!
//! | file | question |
//! |---|---|
//! | [`turns`] | how far do random steps turn a boundary, and how tight are the bounds? |
//! | [`search`] | does any of very many cases, nasty ones among them, break a bound? |
//! | [`extremes`] | are the worst steps attained, and what does a pole do? |
//! | [`infinitesimal`] | what do finite steps add to the paper's theorem? |
//! | [`optimizers`] | what does one optimizer step really do as n grows, and how does the order of the inputs enter? |
//! | [`singularity`] | how much is each angle worth, before and after training? |
//! | [`networks`] | the networks trained for the last two |

pub mod claims;
pub mod extremes;
pub mod infinitesimal;
pub mod networks;
pub mod optimizers;
pub mod search;
pub mod singularity;
pub mod turns;
pub mod unit;

use super::{Context, Experiment, Prepared, Profile, Study};
use crate::report::figure::Figure;
use crate::report::html::{Block, Section};
use crate::run::Run;
use crate::run::execute::Finished;
use crate::run::parallel;
use crate::run::results::Results;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::atomic::AtomicBool;

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
    Order(networks::Order),
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
    /// See [`networks::Order`].
    pub orders: Vec<networks::Order>,
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
        sorted.metrics.sort_by_key(|m| {
            (
                m.what != singularity::Metric::DRAWN,
                if m.stage == singularity::Stage::Initial && m.what == singularity::Metric::DRAWN {
                    m.inputs
                } else {
                    0
                },
            )
        });
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
    fn needs(&self) -> &'static str {
        "nothing; DATA-DIR/banana.csv and DATA-DIR/uci/*.csv for the trained networks where they are there"
    }
    fn duration(&self) -> [&'static str; 2] {
        ["1 min", "5 min"]
    }
    fn prepare(&self, context: &Context) -> Result<Prepared> {
        let networks = networks::Networks::prepare(context)?;
        Ok(Prepared::Ready(Box::new(Prepare { networks, profile: context.profile })))
    }
}

struct Prepare {
    networks: networks::Networks,
    profile: Profile,
}

impl Prepare {
    fn jobs(&self) -> Vec<Job> {
        let (draws, cases) = match self.profile {
            Profile::Quick => (200, 100_000),
            Profile::Full => (1000, 1_000_000),
        };
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
}

impl Study for Prepare {
    fn runs(&self) -> Vec<Run> {
        self.networks.runs.clone()
    }

    fn cost(&self, run: &Run) -> f64 {
        self.networks.cost(run)
    }

    fn carry_out(&self, run: &Run, stop: &AtomicBool) -> Finished {
        self.networks.carry_out(run, stop)
    }

    fn measure(&self, results: &Results<'_>, threads: usize, stop: &AtomicBool) -> Option<Vec<Value>> {
        let mut found: Vec<Measurement> =
            parallel::map(Theory.id(), &self.jobs(), threads, stop, |job| job())?
                .into_iter()
                .flatten()
                .collect();
        found.extend(self.networks.metrics(results).into_iter().map(Measurement::Metric));
        found.extend(self.networks.orders(results).into_iter().map(Measurement::Order));
        // Plain structures of numbers and names are always JSON.
        Some(found.iter().filter_map(|m| serde_json::to_value(m).ok()).collect())
    }

    fn report(&self, results: &Results<'_>) -> Section {
        let measured = Measured::of(&results.measurements);
        let mut blocks = vec![Block::Paragraph(
            "Each proposition is measured in double precision on units in 2 to 4096 dimensions. ∠ is the angle between the directions \
             of a boundary before and after a step ε of the parameters, φ its spatial location. Every number below is in \
             theory/measurements.jsonl; the trained networks are in theory/runs.jsonl."
                .to_owned(),
        )];
        blocks.extend(self.networks.notes.iter().cloned().map(Block::Note));
        blocks.push(Block::Figure(turns::figure(&measured.turns)));
        blocks.push(Block::Figure(extremes::figure(&measured.extremes)));
        blocks.extend(claims::cartesian(&measured));
        blocks.push(Block::Note(
            "WN and BN have one more way to turn around: where ℓ or γ passes through zero, the active side changes to the other. \
             That is not counted here. For GmP it is not a turn, since r stands outside of the ReLU."
                .to_owned(),
        ));
        blocks.push(Block::Figure(infinitesimal::figure(&measured.remainders)));
        blocks.extend(claims::geometric(&measured));
        blocks.push(Block::Figure(turns::tightness_figure(&measured.turns)));
        blocks.push(Block::Table(turns::tightness_table(&measured.turns)));
        blocks.push(Block::Figure(singularity::figure(&measured.metrics)));
        blocks.push(Block::Note(
            "The Levy network has one input and the banana network two. A direction in one dimension is a sign and has no angles; in two it \
             has one, with g = 1 always. Neither can have a dead angle: the singularity begins with three inputs."
                .to_owned(),
        ));
        blocks.push(Block::Table(singularity::table(&measured.metrics)));
        blocks.extend(claims::singularity(&measured));
        blocks.push(Block::Figure(optimizers::figure(&measured.steps)));
        blocks.extend(claims::optimizers(&measured));
        blocks.push(Block::Figure(order_figure(&measured)));
        if !measured.orders.is_empty() {
            blocks.push(Block::Table(networks::table(&measured.orders)));
        }
        blocks.extend(claims::order(&measured));
        blocks.push(Block::Note(
            "What none of this says: that a network with stable boundaries generalizes better. The bound is on one step of the \
             parameters; the loss, the data and the sequence of steps do not enter it. It is in ‖ε‖₂ over n − 1 angles, so a step of \
             a fixed size in each of them is allowed to, and does, turn the direction further the more inputs there are."
                .to_owned(),
        ));
        Section {
            id: Theory.id().to_owned(),
            title: Theory.title().to_owned(),
            paper_claim: "Under an infinitesimal step ε the direction of a boundary can change without bound under SP, WN and BN, but \
                          under GmP by ∠ = √(Σ g_iε_i²) ≤ ‖ε‖₂. (That the bound holds for finite steps, what it costs and what it does \
                          not say is ours.)"
                .to_owned(),
            blocks,
        }
    }
}

fn order_figure(measured: &Measured) -> Figure {
    let caption = "(a) One Adam step of 10⁻⁵ on a random linear loss: how far each coordinate of the direction moves, over the root mean \
        square of all. The late inputs of a GmP unit move least; SP has no such order. (b) The same step with the inputs in the \
        opposite order: the angle between the two results (put back in order) over the turn itself, learning rate 0.01. 0 would be equivariance: SP, and GmP in the plane. \
        (c) Networks trained from the same function on the same data with the inputs in the given and the opposite order: |change| of \
        the test metric over its mean, a dot a seed; no change stands on the frame. What SP shows is rounding, grown in training.";
    let figure = Figure::new("theory-order", "What the order of the inputs changes").caption(caption);
    let figure = figure.row(200.0, optimizers::order_panels(&measured.steps, &measured.shares));
    if measured.orders.is_empty() {
        figure
    } else {
        figure.row(190.0, vec![networks::panel(&measured.orders)])
    }
}
