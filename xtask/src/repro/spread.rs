//! The command on several ranks: what they must agree on, and what those do that rank 0 leads through every run.

use super::{Begun, ReproCommand};
use crate::experiment::{Experiment, Prepared, Study};
use crate::ranks::{self, Order, Ranks};
use crate::run::execute::attempt;
use crate::run::stop::{STOPPED, Stop};
use crate::run::{NUMERICS, Run, origin::REVISION};
use anyhow::{Result, anyhow};
use std::process::ExitCode;

/// Refuses what ranks cannot share out.
pub(super) fn check(command: &ReproCommand, chosen: &[&dyn Experiment], ranks: &Ranks) -> Result<()> {
    let has_parts = |experiment: &dyn Experiment| experiment.options().contains(&"--micro-batch");
    let experiments: Vec<(&str, bool)> =
        chosen.iter().map(|&experiment| (experiment.id(), has_parts(experiment))).collect();
    ranks::check(ranks, &experiments, command.micro_batch(), command.plan)
}

/// What must be the same on all ranks: the program, and every run with the fingerprint of its data.
pub(super) fn identity(begun: &Begun) -> Vec<(&'static str, String)> {
    let mut all = vec![("program", format!("{REVISION}, numerics {NUMERICS}"))];
    for (experiment, prepared) in &begun.prepared {
        let Prepared::Ready(study) = prepared else {
            all.push((experiment.id(), "skipped".to_owned()));
            continue;
        };
        let runs = study.runs();
        let mut data: Vec<String> = runs.iter().map(|run| format!("{}: {}", run.dataset, run.data)).collect();
        data.dedup();
        all.push(("data of the runs", data.join("; ")));
        all.push(("list of runs", runs.iter().map(Run::slug).collect::<Vec<_>>().join(", ")));
    }
    all
}

/// Takes part in every run that rank 0 leads, until it ends.
pub(super) fn follow(
    ranks: &Ranks,
    prepared: &[(&'static dyn Experiment, Prepared)],
    stop: &Stop,
) -> Result<ExitCode> {
    loop {
        let run = match ranks.next_order()? {
            Order::End(code) => return Ok(ExitCode::from(code)),
            Order::Run(run) => run,
        };
        let study = prepared.iter().find_map(|(_, prepared)| match prepared {
            Prepared::Ready(study) => has_data_of(&**study, &run).then_some(study),
            Prepared::Skipped(_) => None,
        });
        let study = study.ok_or_else(|| anyhow!("a run that this rank has not prepared: {}", run.slug()));
        let study = ranks.exchange().or_abort(study)?;
        // What went wrong is known to rank 0, which speaks for all, or has ended all ranks.
        let _ = attempt(|| study.carry_out(&run, stop));
    }
}

fn has_data_of(study: &dyn Study, run: &Run) -> bool {
    let of = |run: &Run| (run.experiment.clone(), run.dataset.clone(), run.data.clone());
    study.runs().iter().any(|planned| of(planned) == of(run))
}

/// How the other ranks end: as the first does.
pub(super) fn code(done: &Result<ExitCode>) -> u8 {
    match done {
        Ok(code) if *code == ExitCode::SUCCESS => 0,
        Ok(_) => STOPPED,
        Err(_) => 1,
    }
}
