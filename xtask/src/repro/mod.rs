//! `cargo xtask repro`: runs experiments and writes the report.

mod options;
mod page;
mod plan;
mod provenance;
mod shard;
mod spread;
mod sweep;
pub mod time;

pub use options::ReproCommand;

use crate::claim::Claim;
use crate::data::check_folder;
use crate::experiment::beyond::chapter;
use crate::experiment::{Chapter, Context, Experiment, Prepared, REGISTRY, Study};
use crate::method;
use crate::ranks::Ranks;
use crate::report::html::{Block, Section};
use crate::run::execute::{attempt, be_quiet, say};
use crate::run::lock::Lock;
use crate::run::results::Results;
use crate::run::stop::{Requests, STOPPED, Stop};
use crate::run::store::Store;
use crate::terminal::print;
use anyhow::{Context as _, Result, bail};
use page::Page;
use shard::Share;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use sweep::{Places, Sweep};

/// What a command works with, once everything is read and checked.
struct Begun {
    chosen: Vec<&'static dyn Experiment>,
    context: Context,
    /// On the first rank, which writes.
    _lock: Option<Lock>,
    requests: Requests,
    prepared: Vec<(&'static dyn Experiment, Prepared)>,
    stores: BTreeMap<&'static str, Store>,
}

/// Runs the command. What fails in one experiment costs that one: the others are run, and the page is written after each.
///
/// # Errors
/// Bad input, before anything is run; the experiments that failed, and a page that could not be written, when all are
/// through. One line each.
pub fn run(command: &ReproCommand) -> Result<ExitCode> {
    // A job works in a folder of its own.
    let shared = &command.out;
    let command = &match command.shard {
        Some(shard) => command.in_folder(shard.folder(shared)),
        None => command.clone(),
    };
    if command.list {
        choose(&command.experiments)?;
        return list();
    }
    let start = Instant::now();
    let ranks = if command.shard.is_some() { Ranks::alone() } else { Ranks::begin(command.shared())? };
    if !ranks.is_first() {
        be_quiet();
    }
    let begun = ranks.agree(begin(command, &ranks), spread::identity)?;
    let mut begun = match begun {
        Ok(begun) => begun,
        Err(code) => return Ok(code),
    };
    let stop = Stop::clone(begun.requests.heed());
    if ranks.is_sweep() {
        return sweep::share_runs(command, shared, &mut begun, start, &stop, &ranks);
    }
    if !ranks.is_first() {
        return spread::follow(&ranks, &begun.prepared, &stop);
    }
    let done = lead(command, shared, &mut begun, start, &stop, None);
    ranks.end(spread::code(&done))?;
    done
}

/// Reads and checks everything: a typo shows at once, not after an hour.
fn begin(command: &ReproCommand, ranks: &Arc<Ranks>) -> Result<Begun> {
    let chosen = choose(&command.experiments)?;
    refuse_unheeded(&command.given(), &chosen)?;
    for named in command.data_dir.iter().chain(&command.gather) {
        check_folder(named)?;
    }
    spread::check(command, &chosen, ranks)?;
    let context = command.context(&ranks.of_a_run());
    std::fs::create_dir_all(&command.out).with_context(|| {
        format!("{}: cannot be made; expected a folder that can be written to", command.out.display())
    })?;
    check_methods(&context, &chosen, command.experiments.is_empty())?;
    let is_first = ranks.is_first();
    let lock = is_first.then(|| Lock::take(&command.out)).transpose()?;
    let requests = Requests::watch(lock.as_ref())?;
    if is_first {
        remove_unfinished(&command.out, &chosen);
    }
    let mut prepared = Vec::new();
    let mut stores = BTreeMap::new();
    for &experiment in &chosen {
        let this = experiment.prepare(&context)?;
        if is_first
            && let (Prepared::Ready(_), Entry::Vacant(place)) = (&this, stores.entry(experiment.store()))
        {
            let store = place.insert(Store::open(&command.out, experiment.store())?);
            store.warnings().iter().for_each(|warning| say(warning));
            let sources = command.gather.iter().cloned().chain(shard::folders(&command.out));
            shard::gather(store, experiment.store(), &sources.collect::<Vec<_>>())?;
        }
        prepared.push((experiment, this));
    }
    Ok(Begun { chosen, context, _lock: lock, requests, prepared, stores })
}

/// Carries out everything, keeps it and writes the page.
fn lead(
    command: &ReproCommand,
    shared: &Path,
    begun: &mut Begun,
    start: Instant,
    stop: &Stop,
    sweep: Option<&Sweep>,
) -> Result<ExitCode> {
    let Begun { chosen, context, prepared, stores, .. } = begun;
    let (chosen, context) = (&**chosen, &*context);
    if command.plan {
        return plan(prepared, stores, context.threads, stop);
    }

    let mut page = Page::new(command, context, chosen, start);
    let (mut sections, mut failures) = (Vec::new(), Vec::new());
    let mut left: Vec<&str> = chosen.iter().map(|experiment| experiment.id()).collect();
    for (number, (experiment, prepared)) in std::mem::take(prepared).into_iter().enumerate() {
        let places = sweep.map_or(Places::HERE, |sweep| Places::on(sweep, number));
        let id = experiment.id();
        left.remove(0);
        let done = match (prepared, stores.get_mut(experiment.store())) {
            (Prepared::Ready(study), Some(store)) => attempt(|| {
                let share = match command.shard {
                    Some(job) => Share::of(job, shared, &command.out, experiment.store())?,
                    None => Share::all(),
                };
                carry_out(command, context, experiment, &*study, &share, store, stop, places)
            }),
            (Prepared::Skipped(mut section), _) => {
                notes(&section).for_each(|why| say(&format!("{id}: {why}")));
                let written = section.write_figures(&provenance::folder(command, experiment));
                written.map(|()| Ended::Shown(section)).map_err(Into::into)
            }
            (Prepared::Ready(_), None) => continue,
        };
        match done {
            Ok(Ended::Shown(section)) => sections.push(section),
            Ok(Ended::Nothing) => {}
            Ok(Ended::Stopped) => return Ok(ExitCode::from(STOPPED)),
            Err(error) => {
                say(&format!("{id}: FAILED: {error:#}"));
                failures.push(format!("{id}: {error:#}"));
                let mut section = failed(experiment, context, &error);
                // Figures of an earlier call are not of this one. What cannot be removed is said by the failure.
                let _ = section.write_figures(&provenance::folder(command, experiment));
                sections.push(section);
            }
        }
        // What comes after it may fail, or take days.
        if !left.is_empty()
            && command.shard.is_none()
            && let Err(error) = page.write(&sections, &left)
        {
            say(&format!("WARNING: {error:#}: writing the page is tried again after the next experiment"));
        }
    }
    match command.shard.is_none().then(|| page.write(&sections, &[])) {
        None => {}
        Some(Ok((path, claims))) => {
            summarize(&claims);
            say(&format!("{} written in {:.0} s", path.display(), start.elapsed().as_secs_f64()));
        }
        Some(Err(error)) => failures.push(format!("{error:#}")),
    }
    match &failures[..] {
        [] => Ok(ExitCode::SUCCESS),
        [error] => bail!("{error}"),
        all => bail!("{} failures: {}", all.len(), all.join("; ")),
    }
}

/// Prints the plan of every experiment that can be run.
fn plan(
    prepared: &[(&dyn Experiment, Prepared)],
    stores: &BTreeMap<&str, Store>,
    threads: usize,
    stop: &Stop,
) -> Result<ExitCode> {
    for (experiment, prepared) in prepared {
        let lines = match (prepared, stores.get(experiment.store())) {
            (Prepared::Ready(study), Some(store)) => {
                plan::lines(experiment.id(), &**study, store, threads, stop)
            }
            _ => vec![format!("{:8} cannot be run: it needs {}", experiment.id(), experiment.needs())],
        };
        for line in lines {
            if print(&line)?.is_break() {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes files that killed processes did not finish. What cannot be removed is of no harm.
fn remove_unfinished(out: &Path, chosen: &[&dyn Experiment]) {
    let folders = chosen.iter().flat_map(|experiment| {
        let store = out.join(experiment.store());
        [out.join(experiment.id()), store.join("traces"), store]
    });
    for folder in folders.chain([out.to_owned()]) {
        let _ = gmp_train::checkpoint::remove_unfinished(&folder);
    }
}

/// What became of an experiment.
enum Ended {
    /// This is to be shown.
    Shown(Section),
    /// It has nothing to run.
    Nothing,
    /// The user stopped it, and was told what is kept.
    Stopped,
}

fn carry_out(
    command: &ReproCommand,
    context: &Context,
    experiment: &dyn Experiment,
    study: &dyn Study,
    share: &Share,
    store: &mut Store,
    stop: &Stop,
    places: Places<'_>,
) -> Result<Ended> {
    let start = Instant::now();
    let (id, threads) = (experiment.id(), context.threads);
    if !experiment.methods().is_empty() && study.runs().is_empty() {
        let known = method::names(&experiment.methods());
        say(&format!("{id}: nothing to run: its methods are {known}"));
        return Ok(Ended::Nothing);
    }
    let runs = match share.carry_out(id, threads, study, store, &command.out, stop, places)? {
        ControlFlow::Continue(runs) => runs,
        ControlFlow::Break(ended) => return Ok(ended),
    };
    if command.shard.is_some() {
        let all = runs.len();
        say(&format!(
            "{id}: all {all} runs are done; the command without --shard gathers them and writes the report"
        ));
        return Ok(Ended::Nothing);
    }
    if !runs.is_empty() {
        store.rewrite(&runs)?;
    }
    let mut results = Results::new(runs.iter().filter_map(|run| store.find(run)).collect(), store);
    let Some(measurements) = study.measure(&results, threads, stop) else {
        say(&format!("stopped: the runs of {id} are kept, but not its measurements"));
        return Ok(Ended::Stopped);
    };
    results.measurements = measurements;
    if !results.measurements.is_empty() {
        let lines: String = results.measurements.iter().map(|line| format!("{line}\n")).collect();
        let path = command.out.join(id).join("measurements.jsonl");
        crate::report::write_atomically(&path, lines.as_bytes())?;
    }
    let mut section = study.report(context, &results);
    for problem in results.problems() {
        let note = format!("Curves of a finished run are missing here: {problem}");
        say(&format!("WARNING: {id}: {note}"));
        section.blocks.push(Block::Note(note));
    }
    section.write_figures(&provenance::folder(command, experiment))?;
    provenance::complete(&mut section, command, experiment, &results.records, start.elapsed());
    Ok(Ended::Shown(section))
}

/// What the page says of an experiment that could not be carried out. What a part of its runs says is not what it asks,
/// so there are no results.
fn failed(experiment: &dyn Experiment, context: &Context, error: &anyhow::Error) -> Section {
    let why = format!(
        "Failed: {error:#}. There are no results here until all of its runs are done. The finished runs are kept: once the cause is fixed, the same \
         command continues from them."
    );
    Section {
        id: experiment.id().to_owned(),
        title: experiment.title().to_owned(),
        claims: experiment.untested(context, "The experiment failed."),
        blocks: vec![Block::Note(why)],
        ..Section::default()
    }
}

fn notes(section: &Section) -> impl Iterator<Item = &str> {
    section
        .blocks
        .iter()
        .filter_map(|block| if let Block::Note(text) = block { Some(&text[..]) } else { None })
}

fn choose(names: &[String]) -> Result<Vec<&'static dyn Experiment>> {
    let known: Vec<&str> = REGISTRY.iter().map(|e| e.id()).chain([chapter::ID]).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no experiment \"{unknown}\"; expected some of {}", known.join(", "));
    }
    let is_named = |name: &str| names.iter().any(|named| named == name);
    let wanted = |e: &&&dyn Experiment| match e.chapter() {
        Chapter::Paper => names.is_empty() || is_named(e.id()),
        Chapter::Beyond => is_named(e.id()) || is_named(chapter::ID),
    };
    Ok(REGISTRY.iter().filter(wanted).copied().collect())
}

/// Refuses methods that an experiment does not have: of those that the user named every one must have some of them, of all
/// experiments any one.
fn check_methods(context: &Context, chosen: &[&dyn Experiment], are_all: bool) -> Result<()> {
    let Some(named) = &context.methods else { return Ok(()) };
    let mut without = chosen.iter().filter(|experiment| {
        let known = experiment.methods();
        !known.is_empty() && !named.iter().any(|method| known.contains(method))
    });
    match without.next() {
        Some(experiment) if !are_all => bail!(
            "{}: --method {}: it has none of them; its methods are {}",
            experiment.id(),
            method::names(named),
            method::names(&experiment.methods())
        ),
        _ => Ok(()),
    }
}

fn list() -> Result<ExitCode> {
    for experiment in REGISTRY {
        let [quick, full] = experiment.duration();
        let lines = [
            format!("{:8} {}", experiment.id(), experiment.title()),
            format!("         needs {}", experiment.needs()),
            format!("         takes about {quick} (--profile quick), {full} (full) on two cores"),
        ];
        for line in lines {
            if print(&line)?.is_break() {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An option that none of the experiments uses would be a promise that is not kept.
fn refuse_unheeded(given: &[&str], chosen: &[&dyn Experiment]) -> Result<()> {
    let unheeded =
        given.iter().filter(|option| chosen.iter().all(|experiment| !experiment.options().contains(option)));
    let said: Vec<String> = unheeded
        .map(|option| {
            let using = REGISTRY.iter().filter(|experiment| experiment.options().contains(option));
            format!("{option} is for {}", using.map(|e| e.id()).collect::<Vec<_>>().join(", "))
        })
        .collect();
    if said.is_empty() {
        return Ok(());
    }
    let named: Vec<&str> = chosen.iter().map(|experiment| experiment.id()).collect();
    bail!("none of {} uses these options: {}", named.join(", "), said.join("; "))
}

/// What holds and what does not, for those who read no further than the terminal: the claims that the page stands on, against
/// all baselines together where all were run, and those of the theory.
fn summarize(claims: &[Claim]) {
    let stem = |claim: &Claim| claim.id.rsplit_once('/').map(|(stem, _)| stem.to_owned());
    let together: BTreeSet<String> =
        claims.iter().filter(|claim| claim.each && claim.n > 0).filter_map(stem).collect();
    let is_told = |claim: &&Claim| {
        let is_alone = || stem(claim).is_some_and(|stem| !together.contains(&stem));
        claim.n > 0 && (claim.subject.is_empty() || claim.headline && (claim.each || is_alone()))
    };
    for claim in claims.iter().filter(is_told) {
        let told = if claim.tested.is_empty() { &claim.statement } else { &claim.tested };
        let mut line = format!("{:13} {}: {told}", claim.outcome.to_string(), claim.figure);
        for part in
            [&claim.dataset, &claim.protocol, &claim.rates].into_iter().filter(|part| !part.is_empty())
        {
            line += &format!(" · {part}");
        }
        if !claim.baseline.is_empty() && !claim.each {
            line += &format!(" · against {}", claim.baseline);
        }
        if claim.generated {
            line += " (on generated data)";
        }
        say(&line);
    }
}
