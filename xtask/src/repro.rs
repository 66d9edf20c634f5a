//! `cargo xtask repro`: runs experiments and writes the report.

use crate::data::check_folder;
use crate::experiment::{Context, Experiment, Prepared, Profile, REGISTRY, Study, images};
use crate::method::{self, Architecture, MethodId};
use crate::report::html::{Block, Report, Section};
use crate::run::Protocol;
use crate::run::execute::{Done, attempt, execute, say};
use crate::run::lock::Lock;
use crate::run::origin::{COMPILER, NUMERICS, REVISION, VERSION};
use crate::run::results::Results;
use crate::run::stop::{Requests, STOPPED, Stop};
use crate::run::store::Store;
use crate::terminal::print;
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

/// Run experiments and write figures, tables and report.html
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true, after_help = after_help())]
pub struct ReproCommand {
    /// Experiments to run [default: all]
    experiments: Vec<String>,
    /// List experiments with their inputs and estimated run time, then exit
    #[arg(long)]
    list: bool,
    /// Choose the scale of the runs
    #[arg(long, value_enum, default_value_t = Profile::Quick)]
    profile: Profile,
    /// Set the number of seeds, counted from 0 [default: the profile's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    seeds: Option<u16>,
    /// Choose the samples that decide the learning-rate schedule and early stopping [default: both]
    #[arg(long, value_enum)]
    protocol: Option<Protocols>,
    /// Select data sets by name or path (see below); may be repeated
    #[arg(long = "dataset", value_name = "NAME|PATH")]
    datasets: Vec<String>,
    /// Select methods, separated by commas (see below) [default: the experiment's]
    #[arg(long = "method", value_name = "METHOD", value_delimiter = ',')]
    methods: Vec<MethodId>,
    /// Set the learning rates, separated by commas [default: the profile's grid]
    #[arg(long = "lr", value_name = "X", value_parser = learning_rate, value_delimiter = ',')]
    rates: Vec<f64>,
    #[command(flatten)]
    pictures: images::Options,
    /// Read data sets from this folder [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Write results to this folder
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Set the number of threads, of which at most four per core are used [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// What the options take, from the tables that they are read by.
fn after_help() -> String {
    let known = |architecture| method::names(&method::of(architecture));
    format!(
        "Data sets:\n  \
         table1, theory  the name of a file in DATA-DIR/uci, or the path of a CSV file\n  \
         fig4, table2    cifar10, imagenet32, pictures (generated images), or the folder of a set\n  \
         table3          the folder of ILSVRC\n\n\
         Methods:\n  \
         fig2            {}\n  \
         fig3, table1    {}\n  \
         fig4, table2    {}\n  \
         table3          {}\n\n\
         Finished runs are kept in the output folder: after Ctrl-C, SIGTERM or SIGHUP the same command continues from them. \
         Networks on images log every run in OUT/vgg6/logs and OUT/table3/logs: epochs.jsonl and a TensorBoard event file \
         (tensorboard --logdir OUT/vgg6/logs). xtask/docs/EXPERIMENTS.md describes every set-up.",
        method::names(&method::in_paper(Architecture::Dense)),
        known(Architecture::Dense),
        known(Architecture::Vgg),
        known(Architecture::ResNet),
    )
}

/// More threads than this per core only wait for each other: a run at 1,024 threads took 28 times as long on two cores. No
/// result depends on the number of threads.
const MOST_THREADS_A_CORE: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocols {
    /// The test set, as in the paper
    Paper,
    /// A fifth of the training samples; the test set is read once
    HeldOut,
    /// Each in turn (fig4, table2 and table3 have the paper's alone)
    Both,
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected a positive number, such as 0.01".to_owned()),
    }
}

/// Runs the command. What fails in one experiment costs that one: the others are run, and the page is written after each.
///
/// # Errors
/// Bad input, before anything is run; the experiments that failed, and a page that could not be written, when all are
/// through. One line each.
pub fn run(command: &ReproCommand) -> Result<ExitCode> {
    let chosen = choose(&command.experiments)?;
    if command.list {
        return list();
    }
    refuse_unheeded(&command.given(), &chosen)?;
    if let Some(named) = &command.data_dir {
        check_folder(named)?;
    }
    let start = Instant::now();
    let context = command.context();
    std::fs::create_dir_all(&command.out).with_context(|| {
        format!("{}: cannot be made; expected a folder that can be written to", command.out.display())
    })?;
    check_methods(&context, &chosen, command.experiments.is_empty())?;
    let lock = Lock::take(&command.out)?;
    let requests = Requests::watch(&lock)?;
    remove_unfinished(&command.out, &chosen);
    // All data and records are read and checked before the first run: a typo shows at once, not after an hour.
    let mut prepared = Vec::new();
    let mut stores = BTreeMap::new();
    for &experiment in &chosen {
        let this = experiment.prepare(&context)?;
        if let (Prepared::Ready(_), Entry::Vacant(place)) = (&this, stores.entry(experiment.store())) {
            let store = place.insert(Store::open(&command.out, experiment.store())?);
            store.warnings().iter().for_each(|warning| say(warning));
        }
        prepared.push((experiment, this));
    }
    let stop = requests.heed();

    let mut page = Page { command, context: &context, chosen: &chosen, start, manifest: None };
    let (mut sections, mut failures) = (Vec::new(), Vec::new());
    let mut left: Vec<&str> = chosen.iter().map(|experiment| experiment.id()).collect();
    for (experiment, prepared) in prepared {
        let id = experiment.id();
        left.remove(0);
        let done = match (prepared, stores.get_mut(experiment.store())) {
            (Prepared::Ready(study), Some(store)) => {
                attempt(|| carry_out(command, &context, experiment, &*study, store, stop))
            }
            (Prepared::Skipped(section), _) => {
                notes(&section).for_each(|why| say(&format!("{id}: {why}")));
                let written = section.write_figures(&command.out.join(id));
                written.map(|()| Outcome::Shown(section)).map_err(Into::into)
            }
            (Prepared::Ready(_), None) => continue,
        };
        match done {
            Ok(Outcome::Shown(section)) => sections.push(section),
            Ok(Outcome::Nothing) => {}
            Ok(Outcome::Stopped) => return Ok(ExitCode::from(STOPPED)),
            Err(error) => {
                say(&format!("{id}: FAILED: {error:#}"));
                failures.push(format!("{id}: {error:#}"));
                let section = failed(experiment, &error);
                // Figures of an earlier call are not of this one. What cannot be removed is said by the failure.
                let _ = section.write_figures(&command.out.join(id));
                sections.push(section);
            }
        }
        // What comes after it may fail, or take days.
        if !left.is_empty()
            && let Err(error) = page.write(&sections, &left)
        {
            say(&format!("WARNING: {error:#}: the page is tried again after the next experiment"));
        }
    }
    summarize(&sections);
    match page.write(&sections, &[]) {
        Ok(path) => {
            say(&format!("{} written in {:.0} s", path.display(), start.elapsed().as_secs_f64()));
        }
        Err(error) => failures.push(format!("{error:#}")),
    }
    match &failures[..] {
        [] => Ok(ExitCode::SUCCESS),
        [error] => bail!("{error}"),
        all => bail!("{} failures: {}", all.len(), all.join("; ")),
    }
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
enum Outcome {
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
    store: &mut Store,
    stop: &Stop,
) -> Result<Outcome> {
    let (id, threads) = (experiment.id(), context.threads);
    let runs = study.runs();
    if runs.is_empty() && !experiment.methods().is_empty() {
        let known = method::names(&experiment.methods());
        say(&format!("{id}: nothing to run: its methods are {known}"));
        return Ok(Outcome::Nothing);
    }
    for line in store.check_curves(&runs) {
        say(&format!("WARNING: {id}: {line}"));
    }
    let done = execute(
        id,
        &runs,
        |run| study.cost(run),
        |run| study.carry_out(run, stop),
        |record| study.kept(record),
        store,
        study.at_a_time(threads),
        stop,
    )?;
    if let Done::Stopped { done, left } = done {
        say(&format!(
            "stopped: {done} runs of {id} are kept in {}, {left} are left; the same command goes on from there",
            command.out.display()
        ));
        return Ok(Outcome::Stopped);
    }
    if !runs.is_empty() {
        store.rewrite(&runs)?;
    }
    let mut results = Results::new(runs.iter().filter_map(|run| store.find(run)).collect(), store);
    let Some(measurements) = study.measure(&results, threads, stop) else {
        say(&format!("stopped: the runs of {id} are kept, its measurements are not"));
        return Ok(Outcome::Stopped);
    };
    results.measurements = measurements;
    if !results.measurements.is_empty() {
        let lines: String = results.measurements.iter().map(|line| format!("{line}\n")).collect();
        let path = command.out.join(id).join("measurements.jsonl");
        crate::report::write_atomically(&path, lines.as_bytes())?;
    }
    let mut section = study.report(&results);
    for problem in results.problems() {
        let note = format!("Curves of a finished run are missing here: {problem}");
        say(&format!("WARNING: {id}: {note}"));
        section.blocks.push(Block::Note(note));
    }
    section.write_figures(&command.out.join(id))?;
    Ok(Outcome::Shown(section))
}

/// What the page says of an experiment that could not be carried out. What a part of its runs says is not what it asks,
/// so there are no results.
fn failed(experiment: &dyn Experiment, error: &anyhow::Error) -> Section {
    let why = format!(
        "Failed: {error:#}. There are no results here until all of its runs are done. Those that are were kept: once the cause \
         is mended, the same command goes on from them."
    );
    Section {
        id: experiment.id().to_owned(),
        title: experiment.title().to_owned(),
        paper_claim: String::new(),
        blocks: vec![Block::Note(why)],
    }
}

fn notes(section: &Section) -> impl Iterator<Item = &str> {
    section
        .blocks
        .iter()
        .filter_map(|block| if let Block::Note(text) = block { Some(&text[..]) } else { None })
}

/// The page and the manifest of one call, written again after each experiment.
struct Page<'a> {
    command: &'a ReproCommand,
    context: &'a Context,
    chosen: &'a [&'static dyn Experiment],
    start: Instant,
    manifest: Option<serde_json::Value>,
}

impl Page<'_> {
    /// `left` are the experiments that are still to come.
    fn write(&mut self, sections: &[Section], left: &[&str]) -> Result<PathBuf> {
        let Self { command, context, start, .. } = *self;
        let manifest = self
            .manifest
            .get_or_insert_with(|| command.manifest(context, self.chosen, context.threads, start));
        (manifest["seconds"], manifest["date"]) = (start.elapsed().as_secs().into(), utc(now()).into());
        let bytes = serde_json::to_vec_pretty(manifest).context("the manifest as JSON")?;
        crate::report::write_atomically(&command.out.join("manifest.json"), &bytes)?;
        let mut page = report(sections.to_vec(), context.profile, manifest);
        if !left.is_empty() {
            page.summary +=
                &format!("\n\nUnfinished: when this page was written, {} were to come.", left.join(", "));
        }
        Ok(page.write(&command.out)?)
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

fn choose(names: &[String]) -> Result<Vec<&'static dyn Experiment>> {
    if let Some(unknown) = names.iter().find(|name| REGISTRY.iter().all(|e| e.id() != name.as_str())) {
        let known: Vec<&str> = REGISTRY.iter().map(|e| e.id()).collect();
        bail!("there is no experiment \"{unknown}\"; expected some of {}", known.join(", "));
    }
    let wanted = |e: &&&dyn Experiment| names.is_empty() || names.iter().any(|name| name == e.id());
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

/// An option that none of the experiments heeds would be a promise that is not kept.
fn refuse_unheeded(given: &[&str], chosen: &[&dyn Experiment]) -> Result<()> {
    let unheeded =
        given.iter().filter(|option| chosen.iter().all(|experiment| !experiment.options().contains(option)));
    let said: Vec<String> = unheeded
        .map(|option| {
            let heeding = REGISTRY.iter().filter(|experiment| experiment.options().contains(option));
            format!("{option} is for {}", heeding.map(|e| e.id()).collect::<Vec<_>>().join(", "))
        })
        .collect();
    if said.is_empty() {
        return Ok(());
    }
    let named: Vec<&str> = chosen.iter().map(|experiment| experiment.id()).collect();
    bail!("nothing of {} heeds these options: {}", named.join(", "), said.join("; "))
}

/// The claims and their verdicts, for those who read no further than the terminal.
fn summarize(sections: &[Section]) {
    for section in sections {
        for block in &section.blocks {
            if let Block::Claim(claim) = block {
                say(&format!("{:8} {:17} {}", section.id, claim.verdict.to_string(), claim.statement));
            }
        }
    }
}

fn report(sections: Vec<Section>, profile: Profile, manifest: &serde_json::Value) -> Report {
    let summary = match profile {
        Profile::Quick => {
            "A quick look: ten seeds, the two learning rates of the released code, and large sets in brief. For the whole grid: --profile full.\n\nEvery number on \
             this page was measured by the runs named at its end."
        }
        Profile::Full => "Every number on this page was measured by the runs named at its end.",
    };
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let entries = manifest.as_object().into_iter().flatten();
    Report {
        title: "Geometric Parameterization for ReLU Networks: what reproduces".to_owned(),
        summary: summary.to_owned(),
        sections,
        manifest: entries.map(|(key, value)| (key.clone(), text(value))).collect(),
    }
}

impl ReproCommand {
    /// The options that not every experiment heeds, of those that the user gave.
    fn given(&self) -> Vec<&'static str> {
        let given = [
            ("--seeds", self.seeds.is_some()),
            ("--protocol", self.protocol.is_some()),
            ("--dataset", !self.datasets.is_empty()),
            ("--method", !self.methods.is_empty()),
            ("--lr", !self.rates.is_empty()),
        ];
        let given = given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name);
        given.chain(self.pictures.given()).collect()
    }

    fn context(&self) -> Context {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Context {
            profile: self.profile,
            seeds: self.seeds.map(u64::from),
            protocols: match self.protocol.unwrap_or(Protocols::Both) {
                Protocols::Paper => vec![Protocol::Paper],
                Protocols::HeldOut => vec![Protocol::HeldOut],
                Protocols::Both => vec![Protocol::Paper, Protocol::HeldOut],
            },
            datasets: self.datasets.clone(),
            methods: (!self.methods.is_empty()).then(|| self.methods.clone()),
            rates: (!rates.is_empty()).then_some(rates),
            data_dir: self.data_dir.clone().unwrap_or_else(|| "data".into()),
            out: self.out.clone(),
            threads: self
                .threads
                .map_or(cores, |wanted| usize::from(wanted).min(MOST_THREADS_A_CORE * cores)),
            pictures: self.pictures.clone(),
            small_sets: OnceLock::new(),
        }
    }

    fn manifest(
        &self,
        context: &Context,
        chosen: &[&dyn Experiment],
        threads: usize,
        start: Instant,
    ) -> serde_json::Value {
        let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split(':').nth(1)?.trim().to_owned())
        });
        json!({
            "command": std::env::args_os().skip(1).map(|a| a.display().to_string()).collect::<Vec<_>>().join(" "),
            "experiments": chosen.iter().map(|e| e.id()).collect::<Vec<_>>(),
            "profile": format!("{:?}", context.profile).to_lowercase(),
            "seeds": context.seeds,
            "protocols": context.protocols,
            "methods": context.methods,
            "learning rates": context.rates(),
            "pictures": context.pictures,
            "data folder": context.data_dir.display().to_string(),
            "threads": threads,
            "version": VERSION,
            "numerics": NUMERICS,
            "source revision": REVISION,
            "compiler": COMPILER,
            "machine": format!(
                "{} {}, {}, {} cores",
                std::env::consts::OS,
                std::env::consts::ARCH,
                processor.unwrap_or_else(|| "unknown processor".to_owned()),
                std::thread::available_parallelism().map_or(0, usize::from)
            ),
            "date": utc(now()),
            "seconds": start.elapsed().as_secs(),
        })
    }
}

/// Seconds since 1970 as `2026-11-23 16:07 UTC`.
pub(crate) fn utc(seconds: u64) -> String {
    // Days to a date: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let days = (seconds / 86_400) as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `date -u -d @SECONDS`.
    #[test]
    fn dates() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(utc(1_795_449_900), "2026-11-23 16:05 UTC");
    }
}
