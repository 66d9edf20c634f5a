//! How many seeds, and which learning rates: a plan in stages.
//!
//! 1. A pilot: every method at every learning rate of the grid under the first seeds.
//! 2. Where the grid grows: a rate is added at an end of it, for every method, as long as some method's best rate is at that
//!    end.
//! 3. Of every comparison that a question makes, the pilot's spread says how many seeds make the 95% interval narrower than
//!    the smallest effect that matters (Stein), up to a cap. A comparison that the pilot decides at level 0.001 needs no
//!    more (Haybittle and Peto). A method's runs have the seeds that its most demanding comparison asks for.
//! 4. Where a caption speaks of cross-validation, the seeds of the pilot on the other four folds of their training samples.
//!
//! Every stage is computed from the pilot's records alone, so that the same command comes to the same plan whenever it is
//! given, and an interrupted one goes on.
//!
//! Source of the early end: J. L. Haybittle, "Repeated assessment of results in clinical trials of cancer treatment", Br. J.
//! Radiol. 44 (1971).

use super::ask::Asker;
use super::question::{Data, Question};
use super::tables::Rate;
use super::{Context, Grid, Profile, Rates};
use crate::claim::Claim;
use crate::method::{self, MethodId};
use crate::run::results::{Cell, Results, SetId};
use crate::run::{Protocol, Run};
use crate::setting::Setting;
use crate::statistics::{ALPHA, Edge, Population, SmallestEffects, edge, mean, plan};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The level at which a pilot alone decides.
const EARLY: f64 = 0.001;
/// The grid grows by the rates of this list: two a power of ten.
const LADDER: [f64; 10] = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

/// The plan of a data set.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The data set's name.
    pub name: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Seeds of the pilot, and the most seeds.
    pub seeds: [u64; 2],
    /// The maximum number of epochs.
    pub epoch_limit: usize,
    /// At which learning rates, where the user named none.
    pub rates: Rates,
}

impl Planned {
    /// The set in records.
    #[must_use]
    pub fn id(&self) -> SetId<'_> {
        SetId { name: &self.name, fingerprint: &self.fingerprint }
    }
}

/// The plan of an experiment on small networks.
pub struct Design {
    /// The experiment's name.
    pub experiment: &'static str,
    /// What is asked.
    pub questions: Vec<Question>,
    /// Of which data.
    pub sets: Vec<Planned>,
    /// Which methods are run.
    pub methods: Vec<MethodId>,
    /// Which protocols.
    pub protocols: Vec<Protocol>,
    /// Whether the larger one of two validation results is the better one.
    pub larger_is_better: bool,
    /// The learning rates that the user named, or the profile's.
    pub grid: Vec<f64>,
    /// Whether the grid grows.
    pub grows: bool,
    /// The first seed.
    pub first_seed: u64,
    /// Whether the user fixed the number of seeds.
    pub is_fixed: bool,
    /// Whether the seeds of the pilot are run on all five folds, by which each chooses its learning rate, where there is a choice.
    pub cross_validates: bool,
    /// The smallest effects that matter.
    pub smallest: SmallestEffects,
    /// The learning rates that the user named.
    named: Option<Vec<f64>>,
}

impl Design {
    /// A plan, of what the user asked for.
    #[must_use]
    pub fn new(
        context: &Context,
        experiment: &'static str,
        questions: Vec<Question>,
        sets: Vec<Planned>,
        methods: Vec<MethodId>,
        larger_is_better: bool,
    ) -> Self {
        Self {
            experiment,
            questions,
            sets,
            methods,
            protocols: context.protocols.clone(),
            larger_is_better,
            grid: context.rates(),
            grows: context.profile == Profile::Full && context.rates.is_none(),
            first_seed: context.first_seed,
            is_fixed: context.seeds.is_some(),
            cross_validates: false,
            smallest: context.smallest,
            named: context.rates.clone(),
        }
    }

    /// The first stage.
    #[must_use]
    pub fn pilot(&self) -> Vec<Run> {
        self.sets.iter().flat_map(|set| self.runs(set, &self.grid, |_| set.seeds[0])).collect()
    }

    /// What else is to be run, given these results; empty when all is done.
    #[must_use]
    pub fn more(&self, results: &Results<'_>) -> Vec<Run> {
        let there: HashSet<&Run> = results.records.iter().map(|record| &record.run).collect();
        let mut wanted = Vec::new();
        for set in &self.sets {
            let grid = self.grown(set, results);
            let pilot = self.runs(set, &grid, |_| set.seeds[0]);
            let is_complete = pilot.iter().all(|run| there.contains(run));
            if is_complete && self.cross_validates {
                wanted.extend(self.folds(&pilot));
            }
            wanted.extend(pilot);
            if !self.is_fixed && is_complete {
                let seeds = self.seeds(set, &grid, results);
                wanted.extend(self.runs(set, &grid, |key| seeds.get(&key).copied().unwrap_or(set.seeds[0])));
            }
        }
        let mut seen = HashSet::new();
        wanted.retain(|run| !there.contains(run) && seen.insert(run.clone()));
        wanted
    }

    /// The runs of a set with `count` seeds of each method, learning rate and protocol.
    fn runs(&self, set: &Planned, grid: &[f64], count: impl Fn(Key) -> u64) -> Vec<Run> {
        let cells = self.cells(set, grid);
        let most = cells.iter().map(|key| count(*key)).max().unwrap_or(0);
        let mut runs = Vec::new();
        for seed in 0..most {
            for &key in cells.iter().filter(|key| seed < count(**key)) {
                let (method, lr, protocol) = key;
                runs.push(Run {
                    experiment: self.experiment.to_owned(),
                    dataset: set.name.clone(),
                    method,
                    lr: f64::from_bits(lr),
                    protocol,
                    seed: self.first_seed + seed,
                    epoch_limit: set.epoch_limit,
                    data: set.fingerprint.clone(),
                    setting: Setting::default(),
                });
            }
        }
        runs
    }

    /// The other folds of the held-out runs of a pilot, of the methods that the questions compare.
    fn folds(&self, pilot: &[Run]) -> Vec<Run> {
        let asked = self.questions.iter().filter(|q| q.rates(&[]).contains(&Rate::ChosenBySeed));
        let compared: HashSet<MethodId> =
            asked.flat_map(|q| q.baselines.iter().copied().chain([q.subject])).collect();
        let held_out = pilot.iter().filter(|run| run.protocol == Protocol::HeldOut);
        held_out
            .filter(|run| compared.contains(&run.method))
            .flat_map(|run| Protocol::FOLDS.map(|protocol| Run { protocol, ..run.clone() }))
            .collect()
    }

    fn cells(&self, set: &Planned, grid: &[f64]) -> Vec<Key> {
        let rates = Grid::rates_of(self.named.as_deref(), set.rates, grid);
        let mut cells = Vec::new();
        for &protocol in &self.protocols {
            for &method in &self.methods {
                cells.extend(rates(method).into_iter().map(|lr| (method, lr.to_bits(), protocol)));
            }
        }
        cells
    }

    /// The grid of a set, with the rates that its pilot asks for.
    fn grown(&self, set: &Planned, results: &Results<'_>) -> Vec<f64> {
        let mut grid = self.grid.clone();
        if !self.grows || set.rates != Rates::Grid || !self.protocols.contains(&Protocol::HeldOut) {
            return grid;
        }
        loop {
            let next = self.methods.iter().filter(|m| m.in_paper).find_map(|&method| {
                let best = self.best(set, method, &grid, results)?;
                let side = edge(&grid, best)?;
                next_rate(best, side)
            });
            let Some(next) = next else { return grid };
            grid.push(next);
            grid.sort_by(f64::total_cmp);
        }
    }

    /// The rate of the grid with the best mean validation result of the pilot; none where one of them was not run yet.
    fn best(&self, set: &Planned, method: MethodId, grid: &[f64], results: &Results<'_>) -> Option<f64> {
        let mut scored = Vec::new();
        for &lr in grid {
            let cell = Cell { set: set.id(), method, lr, protocol: Protocol::HeldOut };
            let mut validation = results.by_seed(cell, |record| record.validation);
            validation.retain(|seed, _| *seed < self.first_seed + set.seeds[0]);
            if validation.is_empty() {
                return None;
            }
            let finite: Vec<f64> = validation.values().copied().filter(|v| v.is_finite()).collect();
            let Some(score) = mean(&finite) else { continue };
            let score = if self.larger_is_better { -score } else { score };
            scored.push((validation.len() - finite.len(), score, lr));
        }
        scored.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        scored.first().map(|(.., lr)| *lr)
    }

    /// How many seeds each cell of a set needs, by the comparisons that the questions make.
    fn seeds(&self, set: &Planned, grid: &[f64], results: &Results<'_>) -> HashMap<Key, u64> {
        let [pilot, cap] = set.seeds;
        let before = self.first_seed + pilot;
        let mut needed: HashMap<Key, u64> = HashMap::new();
        for question in self.questions.iter().filter(|question| question.asks_for_seeds) {
            let smallest = (question.quantity.smallest)(&self.smallest);
            for &protocol in question.protocols {
                // A choice within a seed is judged on what the other comparisons ask for.
                for rate in question.rates(grid).into_iter().filter(|rate| *rate != Rate::ChosenBySeed) {
                    for &baseline in &question.baselines {
                        let sides = question.sides(results, set.id(), baseline, protocol, rate, before);
                        let Some(sides) = sides else { continue };
                        let scale = question.quantity.scale;
                        let early = sides.judge(scale, smallest, EARLY, Population::Draws);
                        if early.outcome.is_decided() {
                            continue;
                        }
                        // The whole interval, not its half, is to be narrower than the smallest effect; that of a choice is
                        // wider than its effects alone say.
                        let half_width = smallest / (2.0 * early.widening);
                        let pilot = sides.effects(scale);
                        let seeds = plan(&pilot, half_width, ALPHA, cap as usize).seeds as u64;
                        for key in behind(question.subject, baseline, protocol, rate, grid) {
                            let most = needed.entry(key).or_insert(seeds);
                            *most = seeds.max(*most);
                        }
                    }
                }
            }
        }
        needed
    }

    /// The claims on the results.
    #[must_use]
    pub fn claims(
        &self,
        context: &Context,
        data: &[Data<'_>],
        results: &Results<'_>,
        pools: bool,
    ) -> Vec<Claim> {
        let mut equal = context.default_rates();
        for set in &self.sets {
            for &method in &self.methods {
                equal.extend(results.rates(set.id(), method));
            }
        }
        equal.sort_by(f64::total_cmp);
        equal.dedup();
        let asker = Asker { context, methods: &self.methods, equal: &equal, store: self.experiment, pools };
        asker.ask(&self.questions, data, Some(results))
    }

    /// How many seeds each set has, in words.
    #[must_use]
    pub fn seeds_in_words(&self, results: &Results<'_>) -> String {
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for set in &self.sets {
            for key in self.cells(set, &results.rates(set.id(), method::GMP)) {
                let cell = Cell { set: set.id(), method: key.0, lr: f64::from_bits(key.1), protocol: key.2 };
                let count = results.of(cell).count();
                if count > 0 {
                    let range = counts.entry(&set.name).or_insert((count, count));
                    *range = (range.0.min(count), range.1.max(count));
                }
            }
        }
        let shown = counts.iter().map(|(name, (least, most))| {
            if least == most { format!("{name} {least}") } else { format!("{name} {least} to {most}") }
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}

/// A method, a learning rate by its bits, and a protocol.
type Key = (MethodId, u64, Protocol);

/// The cells whose runs a comparison is made of.
fn behind(subject: MethodId, baseline: MethodId, protocol: Protocol, rate: Rate, grid: &[f64]) -> Vec<Key> {
    let sides = [subject, baseline];
    match rate {
        Rate::Paper => sides.map(|method| (method, method.paper_rate.to_bits(), protocol)).to_vec(),
        Rate::Equal(lr) => sides.map(|method| (method, lr.to_bits(), protocol)).to_vec(),
        // What chooses, at every rate, and what is shown.
        Rate::Chosen | Rate::ChosenBySeed => grid
            .iter()
            .flat_map(|lr| sides.map(|method| (method, lr.to_bits())))
            .flat_map(|(method, lr)| [Protocol::HeldOut, protocol].map(|protocol| (method, lr, protocol)))
            .collect(),
    }
}

/// The rate beyond an end of the grid, as far as the ladder goes.
fn next_rate(best: f64, side: Edge) -> Option<f64> {
    match side {
        Edge::Largest => LADDER.into_iter().find(|rate| *rate > best),
        Edge::Smallest => LADDER.into_iter().rev().find(|rate| *rate < best),
    }
}
