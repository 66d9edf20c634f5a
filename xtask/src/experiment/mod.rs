//! The figures and tables of the paper, and open questions beyond it, one file each: what is run, and what the reader is shown.
//!
//! A new experiment is a file with an [`Experiment`] and one line in [`REGISTRY`]. The data are in [`crate::problem`], the
//! methods in [`mod@crate::method`]; `xtask/docs/EXPERIMENTS.md` describes the set-ups.

pub mod ask;
pub mod beyond;
pub mod design;
pub mod fig1;
pub mod fig2;
pub mod fig3;
pub mod fig4;
pub mod fig5;
pub mod frames;
pub mod images;
pub mod measured;
pub mod notebooks;
pub mod one_input;
pub mod picture;
pub mod question;
pub mod table1;
pub mod table2;
pub mod table3;
pub mod tables;
pub mod theory;
pub mod training;

use self::beyond::chapter::Tally;
use self::images::size::Size;
use crate::claim::Claim;
use crate::method::{self, MethodId};
use crate::problem::images::{Set, small};
use crate::ranks::Ranks;
use crate::report::html::Section;
use crate::run::execute::{Finished, attempt};
use crate::run::results::Results;
use crate::run::stop::{Stop, until};
use crate::run::{Protocol, Record, Run};
use crate::setting::Setting;
use crate::statistics::SmallestEffects;
use anyhow::Result;
use clap::ValueEnum;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// All experiments: the paper's in its order, the theory first, then those beyond it.
pub const REGISTRY: &[&dyn Experiment] = &[
    &theory::Theory,
    &fig1::Fig1,
    &fig2::Fig2,
    &fig3::Fig3,
    &fig4::Fig4,
    &fig5::Fig5,
    &table1::Table1,
    &table2::Table2,
    &table3::Table3,
    &beyond::why::WHY,
    &beyond::optimizers::OPTIMIZERS,
    &beyond::activations::ACTIVATIONS,
    &beyond::normalizations::NORMALIZATIONS,
    &beyond::depth::DEPTH,
    &beyond::width::WIDTH,
    &beyond::dimensions::DIMENSIONS,
    &beyond::initializations::INITIALIZATIONS,
    &beyond::rivals::RIVALS,
];

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chapter {
    /// The paper's theory, figures and tables: what a call without names runs.
    Paper,
    /// Open questions beyond the paper, which are run where they are named.
    Beyond,
}

/// One figure, table or question.
pub trait Experiment: Sync {
    /// Its name on the command line.
    fn id(&self) -> &'static str;
    /// What it is, in a few words.
    fn title(&self) -> &'static str;
    /// The part of the page that it belongs to.
    fn chapter(&self) -> Chapter {
        Chapter::Paper
    }
    /// The methods that it can run; none where there is nothing to choose.
    fn methods(&self) -> Vec<MethodId> {
        Vec::new()
    }
    /// The options that it takes, of those that not every experiment takes.
    fn options(&self) -> &'static [&'static str];
    /// The folder of its runs: experiments that show the same runs share one.
    fn store(&self) -> &'static str {
        self.id()
    }
    /// What it needs of the data folder.
    fn needs(&self) -> &'static str;
    /// About how long it takes on two cores, in the quick and in the full profile.
    fn duration(&self) -> [&'static str; 2];
    /// Reads and checks its data and plans its runs. Without data, the result is a section that says so.
    ///
    /// # Errors
    /// Data that cannot be read or make no sense.
    fn prepare(&self, context: &Context) -> Result<Prepared>;
    /// What it would tell the paper's authors, by the outcomes of its claims; nothing of the paper's own.
    fn advice(&self, _tally: &Tally<'_>) -> Option<String> {
        None
    }
    /// Its claims where it is not run at all, and why it is not; none where it makes no claims.
    fn untested(&self, context: &Context, why: &str) -> Vec<Claim>;
}

/// What became of preparing an experiment.
pub enum Prepared {
    /// It can be run.
    Ready(Box<dyn Study>),
    /// It cannot, and the report says why.
    Skipped(Section),
}

/// Seconds that a run takes, if it ends until `end`.
fn by_carrying_out<S: Study + ?Sized>(study: &S, run: &Run, end: Instant, stop: &Stop) -> Option<f64> {
    let start = Instant::now();
    // A run that cannot be carried out, or panics, does not tell the time; the command itself says why.
    let done = until(end, stop, |stop| attempt(|| study.carry_out(run, stop)));
    matches!(done, Ok(Some(_))).then(|| start.elapsed().as_secs_f64())
}

/// A prepared experiment.
pub trait Study: Sync {
    /// What is to be trained, if anything.
    fn runs(&self) -> Vec<Run> {
        Vec::new()
    }
    /// What else is to be trained, given these results; empty when all is done. Asked after every stage.
    fn more(&self, _results: &Results<'_>) -> Vec<Run> {
        Vec::new()
    }
    /// The cost of a run in any unit, for the order of runs and the remaining time.
    fn cost(&self, _run: &Run) -> f64 {
        1.0
    }
    /// What a run takes, of images.
    fn size(&self, _run: &Run) -> Option<Size> {
        None
    }
    /// The number of simultaneous runs: fewer than `threads` where a run uses several threads itself.
    fn at_a_time(&self, threads: usize) -> usize {
        threads
    }
    /// Carries out one of the runs; `None` where it was stopped.
    ///
    /// # Errors
    /// Where that is impossible.
    fn carry_out(&self, _run: &Run, _stop: &Stop) -> Finished {
        Ok(None)
    }
    /// Seconds that a run takes on this machine, by as much of it as can be carried out until `end`; nothing of it is kept.
    /// `None` where that does not tell.
    fn seconds(&self, run: &Run, end: Instant, stop: &Stop) -> Option<f64> {
        by_carrying_out(self, run, end, stop)
    }
    /// Removes the temporary files of a run whose record is on the disk.
    fn kept(&self, _record: &Record) {}
    /// Measurements that need no training, once all runs are done: lines of `<experiment>/measurements.jsonl`, which
    /// the report finds in `results.measurements`. `None` where it was stopped.
    fn measure(&self, _results: &Results<'_>, _threads: usize, _stop: &Stop) -> Option<Vec<Value>> {
        Some(Vec::new())
    }
    /// What the reader is shown of the results.
    fn report(&self, context: &Context, results: &Results<'_>) -> Section;
}

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// As many seeds as the results require, the two learning rates of the released code, small networks on images: minutes
    /// on two cores
    Quick,
    /// The paper's set-up with more seeds, at five or more learning rates: hours, and months for networks on images
    Full,
}

/// What the user asked for.
pub struct Context {
    /// How much is run where nothing else is said.
    pub profile: Profile,
    /// How many seeds, where the user said.
    pub seeds: Option<u64>,
    /// The first seed.
    pub first_seed: u64,
    /// The smallest effects that matter.
    pub smallest: SmallestEffects,
    /// Which protocols.
    pub protocols: Vec<Protocol>,
    /// Which data sets, by name or path, where the user said.
    pub datasets: Vec<String>,
    /// Which methods, where the user said.
    pub methods: Option<Vec<MethodId>>,
    /// Which learning rates, where the user said.
    pub rates: Option<Vec<f64>>,
    /// Where data sets are.
    pub data_dir: PathBuf,
    /// Where results go.
    pub out: PathBuf,
    /// Threads for everything together.
    pub threads: usize,
    /// The options of the experiments on images.
    pub pictures: images::Options,
    /// The sets of 32×32 images, once they are read.
    pub small_sets: OnceLock<Vec<Set>>,
    /// The processes that share out a run.
    pub ranks: Arc<Ranks>,
}

/// The quick profile in this process, on one thread, where nothing was said: what a part of it is changed of.
impl Default for Context {
    fn default() -> Self {
        Self {
            profile: Profile::Quick,
            seeds: None,
            first_seed: 0,
            smallest: SmallestEffects::default(),
            protocols: vec![Protocol::Paper, Protocol::HeldOut],
            datasets: Vec::new(),
            methods: None,
            rates: None,
            data_dir: "data".into(),
            out: "out".into(),
            threads: 1,
            pictures: images::Options::default(),
            small_sets: OnceLock::new(),
            ranks: Ranks::alone(),
        }
    }
}

impl Context {
    /// The seeds, where their number does not depend on results.
    #[must_use]
    pub fn seeds(&self, quick: u64, full: u64) -> std::ops::Range<u64> {
        let [count, _] = self.pilot_and_most([quick; 2], [full; 2]);
        self.first_seed..self.first_seed + count
    }

    /// The seeds of a pilot and the most seeds, for each profile; both are the user's number where there is one.
    #[must_use]
    pub fn pilot_and_most(&self, quick: [u64; 2], full: [u64; 2]) -> [u64; 2] {
        let usual = match self.profile {
            Profile::Quick => quick,
            Profile::Full => full,
        };
        self.seeds.map_or(usual, |seeds| [seeds; 2])
    }

    /// The user's choice among the methods that an experiment can run; `default` where there was none.
    #[must_use]
    pub fn methods(&self, all: &[MethodId], default: &[MethodId]) -> Vec<MethodId> {
        let chosen = |named: &Vec<MethodId>| all.iter().copied().filter(|m| named.contains(m)).collect();
        self.methods.as_ref().map_or_else(|| default.to_vec(), chosen)
    }

    /// The learning rates of `method`: what the user said, or the profile's grid. It is the same for every method and
    /// holds the rates that the authors fixed, so that each method is seen at the others' rates too.
    #[must_use]
    pub fn rates(&self) -> Vec<f64> {
        self.rates.clone().unwrap_or_else(|| self.default_rates())
    }

    /// The profile's grid of learning rates.
    #[must_use]
    pub fn default_rates(&self) -> Vec<f64> {
        match self.profile {
            Profile::Quick => vec![0.01, 0.1],
            Profile::Full => vec![0.003, 0.01, 0.03, 0.1, 0.3],
        }
    }

    /// The sets of 32×32 images that the user asked for. They are read once, whatever the number of experiments and batch
    /// sizes: ImageNet32 is 3.7 GiB in memory.
    ///
    /// # Errors
    /// An unknown name, or files that cannot be read.
    pub fn small_sets(&self) -> Result<Vec<Set>> {
        if let Some(sets) = self.small_sets.get() {
            return Ok(sets.clone());
        }
        let sets = small(&self.data_dir, &self.datasets, self.profile == Profile::Full)?;
        Ok(self.small_sets.get_or_init(|| sets).clone())
    }

    /// The runs of one data set: every seed under every protocol, method and learning rate.
    ///
    /// The authors' initialization is of interest at their learning rate, and is run there alone unless the user
    /// named rates.
    #[must_use]
    pub fn plan(&self, grid: Grid<'_>) -> Vec<Run> {
        let (mut runs, usual) = (Vec::new(), self.rates());
        let rates_of = Grid::rates_of(self.rates.as_deref(), grid.rates, &usual);
        for seed in grid.seeds.clone() {
            for &protocol in grid.protocols {
                for &method in grid.methods {
                    let rates = rates_of(method);
                    runs.extend(rates.into_iter().map(|lr| Run {
                        experiment: grid.experiment.to_owned(),
                        dataset: grid.dataset.to_owned(),
                        method,
                        lr,
                        protocol,
                        seed,
                        epoch_limit: grid.epoch_limit,
                        data: grid.data.to_owned(),
                        setting: Setting::default(),
                    }));
                }
            }
        }
        runs
    }
}

/// The learning rates of an experiment where the user names none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rates {
    /// Every method at every rate of the profile's grid.
    Grid,
    /// Each method at the one that the authors fixed for it.
    Authors,
    /// The same for every method.
    Equal(f64),
}

/// What is run of one data set.
#[derive(Debug, Clone)]
pub struct Grid<'a> {
    /// The experiment's name.
    pub experiment: &'a str,
    /// The data set's name.
    pub dataset: &'a str,
    /// The data's fingerprint.
    pub data: &'a str,
    /// Which methods.
    pub methods: &'a [MethodId],
    /// Which seeds.
    pub seeds: std::ops::Range<u64>,
    /// The maximum number of epochs.
    pub epoch_limit: usize,
    /// Under which protocols.
    pub protocols: &'a [Protocol],
    /// At which learning rates, where the user named none.
    pub rates: Rates,
}

impl<'g> Grid<'g> {
    /// The learning rates of a method: those that the user named, or the experiment's.
    pub fn rates_of(
        named: Option<&'g [f64]>,
        rates: Rates,
        usual: &'g [f64],
    ) -> impl Fn(MethodId) -> Vec<f64> + use<'g> {
        move |method| match (named, rates) {
            (Some(named), _) => named.to_vec(),
            (None, Rates::Equal(lr)) => vec![lr],
            (None, Rates::Grid) if method != method::GMP_HALF_SPHERE => usual.to_vec(),
            (None, _) => vec![method.paper_rate],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_the_user_s_or_the_experiment_s() {
        let context = |rates: Option<Vec<f64>>| Context { rates, ..Context::default() };
        let methods = [method::BN, method::GMP, method::GMP_HALF_SPHERE];
        let planned = |context: &Context, rates| {
            let runs = context.plan(Grid {
                experiment: "",
                dataset: "",
                data: "",
                methods: &methods,
                seeds: 0..1,
                epoch_limit: 1,
                protocols: &[Protocol::Paper],
                rates,
            });
            methods.map(|m| runs.iter().filter(|r| r.method == m).map(|r| r.lr).collect::<Vec<f64>>())
        };
        let silent = context(None);
        assert_eq!(planned(&silent, Rates::Grid), [vec![0.01, 0.1], vec![0.01, 0.1], vec![0.1]]);
        assert_eq!(planned(&silent, Rates::Authors), [[0.01], [0.1], [0.1]]);
        assert_eq!(planned(&silent, Rates::Equal(0.3)), [[0.3]; 3]);
        let said = context(Some(vec![0.5, 0.6]));
        for rates in [Rates::Grid, Rates::Authors, Rates::Equal(0.3)] {
            assert_eq!(planned(&said, rates), [[0.5, 0.6]; 3]);
        }
    }
}
