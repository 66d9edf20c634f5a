//! One grid of runs as several jobs (`--shard 2/8`), in a job array of a cluster for instance, without any connection
//! between them.
//!
//! Job K of N works in a folder of its own, `OUT/shards/K-of-N`, so that all may share `OUT`. The runs of a stage are dealt by
//! their place in one order, which all jobs know: no two jobs have the same run, and none is left out. `repro` without
//! `--shard` gathers what the jobs have done, carries out the rest and writes the report.

use super::Ended;
use super::sweep::Places;
use crate::experiment::Study;
use crate::run::execute::{Done, execute, say};
use crate::run::results::Results;
use crate::run::stop::Stop;
use crate::run::store::{Store, read_records};
use crate::run::{Record, Run};
use anyhow::{Context as _, Result};
use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The folder of the jobs' folders.
const FOLDER: &str = "shards";

/// Job `number`, from 1, of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    number: usize,
    of: usize,
}

impl FromStr for Shard {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => {
                Err("expected K/N, the number of the job, from 1, and the number of jobs, such as 2/8"
                    .to_owned())
            }
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Shard {
    /// Where this job writes.
    pub(super) fn folder(self, out: &Path) -> PathBuf {
        out.join(FOLDER).join(format!("{}-of-{}", self.number, self.of))
    }

    /// The runs of this job: dealt from the most expensive on, forth and back, so that all jobs take about as long.
    fn of(self, stage: &[Run], cost: impl Fn(&Run) -> f64) -> Vec<&Run> {
        let mut order: Vec<(f64, &Run)> = stage.iter().map(|run| (cost(run), run)).collect();
        // Stable: runs of one cost stay in the order of the plan.
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let dealt = order.into_iter().enumerate().filter(|(place, _)| {
            let (round, place) = (place / self.of, place % self.of);
            let to = if round % 2 == 0 { place } else { self.of - 1 - place };
            to + 1 == self.number
        });
        dealt.map(|(_, (_, run))| run).collect()
    }
}

/// The folders that jobs have written to in `out`.
pub(super) fn folders(out: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(out.join(FOLDER)).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Copies into `store` the runs of other output folders, and of the jobs that shared them, that it does not have. Repeating
/// it changes nothing.
///
/// # Errors
/// Records that cannot be read or written. A run whose curves cannot be had is left where it is, to be carried out again.
pub(super) fn gather(store: &mut Store, experiment: &str, from: &[PathBuf]) -> Result<()> {
    for folder in from.iter().flat_map(|folder| std::iter::once(folder.clone()).chain(folders(folder))) {
        let gathered = store.gather(&folder, experiment)?;
        if gathered.runs > 0 {
            say(&format!("{experiment}: {} runs gathered from {}", gathered.runs, folder.display()));
        }
        if let Some(run) = gathered.differs {
            say(&format!(
                "WARNING: {experiment}: {} has another result of {}: the first one is kept",
                folder.display(),
                run.slug()
            ));
        }
    }
    Ok(())
}

/// What the others have done: the output folder itself, and the jobs that share it.
fn of_others(out: &Path, this: &Path, experiment: &str) -> Result<HashMap<Run, Record>> {
    let mut found = HashMap::new();
    let others = std::iter::once(out.to_owned()).chain(folders(out)).filter(|folder| folder != this);
    for folder in others {
        let records = read_records(&folder, experiment)
            .with_context(|| format!("{}: the runs of another job", folder.display()))?;
        found.extend(records.into_iter().map(|record| (record.run.clone(), record)));
    }
    Ok(found)
}

/// The part of a stage that one call carries out: all of it, or a job's share of what the others have not done.
pub(super) struct Share {
    job: Option<Shard>,
    others: HashMap<Run, Record>,
}

impl Share {
    /// Everything.
    pub(super) fn all() -> Self {
        Self { job: None, others: HashMap::new() }
    }

    /// That of a job, which works in `this`, a folder of the shared folder `out`.
    ///
    /// # Errors
    /// Runs of another job that cannot be read.
    pub(super) fn of(job: Shard, out: &Path, this: &Path, experiment: &str) -> Result<Self> {
        Ok(Self { job: Some(job), others: of_others(out, this, experiment)? })
    }

    fn runs(&self, stage: &[Run], cost: impl Fn(&Run) -> f64) -> Vec<Run> {
        let Some(job) = self.job else { return stage.to_vec() };
        let share = job.of(stage, cost).into_iter();
        share.filter(|run| !self.others.contains_key(run)).cloned().collect()
    }

    fn find<'a>(&'a self, run: &Run, store: &'a Store) -> Option<&'a Record> {
        store.find(run).or_else(|| self.others.get(run))
    }

    /// Carries out the runs of a study, stage by stage as far as all runs of a stage are there, and returns all of them; or
    /// how it ended before.
    ///
    /// # Errors
    /// Runs that could not be carried out.
    pub(super) fn carry_out(
        &self,
        id: &str,
        threads: usize,
        study: &dyn Study,
        store: &mut Store,
        out: &Path,
        stop: &Stop,
        places: Places<'_>,
    ) -> Result<ControlFlow<Ended, Vec<Run>>> {
        let (mut stage, mut runs) = (study.runs(), Vec::new());
        let mut finished = 0;
        loop {
            let share = self.runs(&stage, |run| study.cost(run));
            for line in store.check_curves(&share) {
                say(&format!("WARNING: {id}: {line}"));
            }
            let done = execute(
                id,
                &share,
                |run| study.cost(run),
                |run| places.carry_out(study, run, stop),
                |record| study.kept(record),
                store,
                places.count(study, threads),
                stop,
            )?;
            if let Done::Stopped { done, left } = done {
                say(&format!(
                    "stopped: {} runs of {id} are kept in {}, {left} are left; the same command continues from there",
                    finished + done,
                    out.display()
                ));
                return Ok(ControlFlow::Break(Ended::Stopped));
            }
            finished += share.len();
            let missing = stage.iter().filter(|run| self.find(run, store).is_none()).count();
            if let Some(job) = self.job
                && missing > 0
            {
                say(&format!(
                    "{id}: the {finished} runs of job {job} are done; other jobs have {missing} of {} left",
                    stage.len()
                ));
                return Ok(ControlFlow::Break(Ended::Nothing));
            }
            runs.append(&mut stage);
            let records = runs.iter().filter_map(|run| self.find(run, store)).collect();
            stage = study.more(&Results::new(records, store));
            if stage.is_empty() {
                return Ok(ControlFlow::Continue(runs));
            }
            say(&format!("{id}: the results so far require {} more runs", stage.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::execute::tests::{record, runs as stage};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn every_run_is_one_jobs_and_the_shares_weigh_about_the_same(
            runs in 0_u64..60,
            of in 1_usize..12,
            costs in prop::collection::vec(0_u32..5, 60),
        ) {
            let stage = stage(runs);
            let cost = |run: &Run| f64::from(costs[run.seed as usize]);
            let shares: Vec<Vec<&Run>> =
                (1..=of).map(|number| Shard { number, of }.of(&stage, cost)).collect();
            let mut seeds: Vec<u64> = shares.iter().flatten().map(|run| run.seed).collect();
            seeds.sort_unstable();
            prop_assert_eq!(seeds, (0..runs).collect::<Vec<_>>());
            let weigh = |share: &Vec<&Run>| share.iter().map(|run| cost(run)).sum::<f64>();
            let lightest = shares.iter().map(weigh).fold(f64::INFINITY, f64::min);
            let heaviest = shares.iter().map(weigh).fold(0.0, f64::max);
            // No two shares differ by more than the most expensive run.
            prop_assert!(heaviest - lightest <= 4.0, "{lightest} and {heaviest}");
        }
    }

    /// Two stages: the second one's runs depend on the results of all of the first.
    struct TwoStages {
        carried_out: std::sync::Mutex<Vec<u64>>,
    }

    impl Study for TwoStages {
        fn runs(&self) -> Vec<Run> {
            stage(7)
        }
        fn more(&self, results: &Results<'_>) -> Vec<Run> {
            let sum: f64 = results.records.iter().filter_map(|record| record.value).sum();
            if results.records.len() == 7 { stage(7 + sum as u64).split_off(7) } else { Vec::new() }
        }
        fn carry_out(&self, run: &Run, _: &Stop) -> crate::run::execute::Finished {
            self.carried_out.lock().unwrap().push(run.seed);
            let record = Record { value: Some(run.seed as f64 / 3.0), ..record(run) };
            Ok(Some((record, Some(crate::run::trace::Trace::default()))))
        }
        fn report(&self, _: &crate::experiment::Context, _: &Results<'_>) -> crate::report::html::Section {
            crate::report::html::Section::default()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(15))]
        /// Jobs in any order, called again until nothing is left: every run is carried out once, and all of them are gathered.
        #[test]
        fn jobs_in_any_order_carry_out_every_run_once(of in 1_usize..5, order in prop::collection::vec(0_usize..60, 12)) {
            let out = tempfile::tempdir().unwrap();
            let study = TwoStages { carried_out: Vec::new().into() };
            // Whatever the order was, twice each in the end: the first time may leave the second stage to the others.
            let jobs = order.into_iter().map(|job| job % of + 1).chain(1..=of).chain(1..=of);
            for number in jobs {
                let shard = Shard { number, of };
                let folder = shard.folder(out.path());
                let mut store = Store::open(&folder, "test").unwrap();
                let share = Share::of(shard, out.path(), &folder, "test").unwrap();
                let (stop, here) = (Stop::default(), Places::HERE);
                let ended = share.carry_out("test", 1, &study, &mut store, &folder, &stop, here);
                prop_assert!(!matches!(ended.unwrap(), ControlFlow::Break(Ended::Stopped)));
            }
            // 0 + 1 + … + 6 thirds are 7.
            let mut seeds = study.carried_out.into_inner().unwrap();
            seeds.sort_unstable();
            prop_assert_eq!(seeds, (0..14).collect::<Vec<_>>());
            let mut store = Store::open(out.path(), "test").unwrap();
            for gathered in [14, 0] {
                let before = stage(14).iter().filter(|run| store.find(run).is_none()).count();
                gather(&mut store, "test", &folders(out.path())).unwrap();
                prop_assert_eq!(before, gathered);
                for run in stage(14) {
                    prop_assert!(store.curves(store.find(&run).unwrap()).unwrap().is_some());
                }
            }
        }
    }

    #[test]
    fn a_job_is_named_by_its_number_and_how_many_there_are() {
        assert_eq!("2/8".parse(), Ok(Shard { number: 2, of: 8 }));
        assert_eq!(Shard { number: 2, of: 8 }.to_string(), "2/8");
        for wrong in ["", "2", "0/8", "9/8", "1/0", "-1/8", "a/b", "1/2/3", "1 /2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
