//! `cargo xtask train`: from a CSV file to a network, a page and the network's file.

use super::compare;
use super::error::TableError;
use super::fit::{Job, Settings, Trained};
use super::options::TrainCommand;
use super::page::Page;
use super::samples::Samples;
use super::seeds::{LAYER, Seeds};
use super::table::TextTable;
use super::task::Task;
use crate::dashboard::{Curves, Dashboard};
use crate::method::{self, Architecture, MethodId};
use crate::report::html::{Block, Section, Table};
use crate::report::number::{number, rate};
use crate::repro::time::{now, utc};
use crate::run::Protocol;
use crate::run::execute::{Done, say};
use crate::run::lock::Lock;
use crate::run::origin::{REVISION, VERSION};
use crate::run::results::{Cell, Results};
use crate::run::stop::{Requests, STOPPED, Stop};
use crate::terminal::print;
use anyhow::{Context as _, Result, bail};
use gmp_train::{Epoch, Observer, State};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The learning rate where the user names none.
const RATE: f64 = 0.01;

/// Runs the command.
///
/// # Errors
/// A file that cannot be read or learned from, options that do not fit each other, and results that cannot be written: one
/// line each.
pub fn run(command: &TrainCommand) -> Result<ExitCode> {
    let chosen = Chosen::of(command)?;
    let table = TextTable::read(&command.file, command.format())?;
    let samples = Samples::read(&table, command.target.as_deref(), &command.drop, command.task)?;
    let (settings, name, out) = (command.settings(), command.name(), command.out());
    // Every part of every split has samples.
    let rows = samples.data.samples();
    if settings.split(rows, 0).is_err() {
        return Err(TableError::EmptyPart { file: table.file, rows }.into());
    }
    say(&understood(&table, &samples));
    drop(table);
    std::fs::create_dir_all(&out).with_context(|| {
        format!("{}: cannot be made; expected a folder that can be written to", out.display())
    })?;
    let lock = Lock::take(&out)?;
    let requests = Requests::watch(Some(&lock))?;
    let stop = requests.heed();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(command.threads()).build().context("threads")?;
    pool.install(|| train(command, &chosen, &samples, &settings, &name, &out, stop))
}

/// The methods, learning rates and seeds of a call.
struct Chosen {
    methods: Vec<MethodId>,
    rates: Vec<f64>,
    seeds: std::ops::Range<u64>,
}

impl Chosen {
    fn of(command: &TrainCommand) -> Result<Self> {
        let known = method::of(Architecture::Dense);
        if let Some(other) = command.methods.iter().find(|method| !known.contains(method)) {
            bail!(
                "--method {other}: is for convolutional networks; expected some of {}",
                method::names(&known)
            );
        }
        let mut rates = command.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        let mut methods: Vec<MethodId> =
            known.into_iter().filter(|method| command.methods.contains(method)).collect();
        if command.compare {
            if methods.is_empty() {
                methods = method::in_paper(Architecture::Dense);
            }
            if methods.len() < 2 || !methods.contains(&compare::SUBJECT) {
                bail!(
                    "--compare --method {}: expected {} and at least one other method",
                    method::names(&methods),
                    compare::SUBJECT
                );
            }
            if rates.is_empty() {
                rates = compare::RATES.to_vec();
            }
        } else {
            if methods.is_empty() {
                methods = vec![compare::SUBJECT];
            }
            if rates.is_empty() {
                rates = vec![RATE];
            }
            if methods.len() > 1 || rates.len() > 1 {
                bail!("several methods or learning rates are for --compare; expected one of each without it");
            }
        }
        let (first, usual) = (u64::from(command.seed), if command.compare { compare::SEEDS } else { 1 });
        let seeds = first..first + u64::from(command.seeds.unwrap_or(usual));
        Ok(Self { methods, rates, seeds })
    }
}

/// What became of the file in the eyes of the command.
fn understood(table: &TextTable, samples: &Samples) -> String {
    let columns = &samples.columns;
    let classes = match columns.task {
        Task::Regression => String::new(),
        _ if columns.classes.len() <= 10 => format!(": {}", columns.classes.join(", ")),
        _ => format!(": {} classes", columns.classes.len()),
    };
    format!(
        "{}: {} samples, {} inputs, {}; the target is {:?}: {}{classes}, since {}",
        table.file,
        samples.data.samples(),
        columns.inputs.len(),
        if table.has_header { "named by the header" } else { "without a header" },
        columns.target,
        columns.task,
        samples.reason
    )
}

fn train(
    command: &TrainCommand,
    chosen: &Chosen,
    samples: &Samples,
    settings: &Settings,
    name: &str,
    out: &Path,
    stop: &Stop,
) -> Result<ExitCode> {
    let Chosen { methods, rates, seeds } = chosen;
    let mut method = methods[0];
    let (mut lr, mut sections) = (rates[0], Vec::new());
    if seeds.clone().count() > 1 || command.compare {
        let plan = Seeds::new(name, samples, settings, methods.clone(), rates.clone(), seeds.clone());
        let (done, store) = plan.carry_out(out, command.threads(), stop)?;
        if let Done::Stopped { done, left } = done {
            say(&format!(
                "stopped: {done} runs are kept, {left} are left; the same command continues from them"
            ));
            return Ok(ExitCode::from(STOPPED));
        }
        let runs = plan.runs();
        let results = Results::new(runs.iter().filter_map(|run| store.find(run)).collect(), &store);
        if command.compare {
            method = compare::SUBJECT;
            lr = compare::best_rate(&plan, &results, method).unwrap_or(lr);
            let section = compare::section(&plan, &results, command.threads());
            for line in compare::lines(&section.claims) {
                if print(&line)?.is_break() {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            sections.push(section);
        } else {
            let (section, line) = over_seeds(&plan, &results);
            if print(&line)?.is_break() {
                return Ok(ExitCode::SUCCESS);
            }
            sections.push(section);
        }
    }
    let job = Job { samples, settings, method, lr, seed: seeds.start };
    let (trained, curves) = one(&job, name, stop)?;
    let Some(trained) = trained else {
        say("stopped: the network is not written");
        return Ok(ExitCode::from(STOPPED));
    };
    for [what, value] in trained.test.rows(&samples.columns.target) {
        if print(&format!("test {what}: {value}"))?.is_break() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let model = out.join("model.safetensors");
    trained.model.write(&model)?;
    let manifest = manifest(command, &job);
    let page =
        Page { name, job, trained: &trained, curves: &curves, compared: methods, seeds: sections, manifest };
    let path = page.report().write(out)?;
    say(&format!("{} and {} written", path.display(), model.display()));
    say(&format!("predictions for other rows: cargo xtask predict {} NEW.csv", model.display()));
    Ok(ExitCode::SUCCESS)
}

/// Trains one network before the reader's eyes.
fn one(job: &Job<'_>, name: &str, stop: &Stop) -> Result<(Option<Trained>, Curves<f64>), TableError> {
    let title = format!("{name}, {}, lr {}, seed {}", job.method, rate(job.lr), job.seed);
    let (trained, observer) = job.train(|network, train, unit| {
        // What is trained: under BN with the statistics of a batch.
        let curves = Curves::of(network, LAYER, job.batch(train));
        let dashboard = Dashboard::new(title, curves).metric(job.samples.columns.task.metric_name(), unit);
        Watched { dashboard, stop: Arc::clone(stop) }
    })?;
    Ok((trained, observer.dashboard.curves))
}

/// A dashboard that the user can stop.
struct Watched {
    dashboard: Dashboard<f64>,
    stop: Stop,
}

impl Observer<f64> for Watched {
    fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
        self.dashboard.on_epoch(epoch)
    }
    fn on_end(&mut self, state: &State<'_, f64>) {
        self.dashboard.on_end(state);
    }
    fn stop_flag(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.stop))
    }
}

/// The results of one method over seeds, for the page and in one line.
fn over_seeds(plan: &Seeds<'_>, results: &Results<'_>) -> (Section, String) {
    let (method, lr) = (plan.methods[0], plan.rates[0]);
    let is_regression = plan.samples.columns.task == Task::Regression;
    let cell = Cell { set: plan.id(), method, lr, protocol: Protocol::HeldOut };
    let (shown, count) =
        (results.display(cell, compare::decimals(plan, results)), plan.seeds.clone().count());
    let metric = if is_regression { "RMSE" } else { "accuracy, as a fraction," };
    let line = format!("test {metric} over {count} seeds: {shown} (mean ± half of the 95% interval)");
    let rows = results.of(cell).map(|record| {
        let value =
            |value: Option<f64>| value.map_or_else(|| "diverged".to_owned(), |value| number(value, 6));
        vec![
            record.run.seed.to_string(),
            value(record.value),
            value(record.validation),
            record.epochs.to_string(),
        ]
    });
    let table = Table {
        caption: format!("Test {metric} of every seed."),
        header: ["seed", "test", "validation", "epochs"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        highlight: Vec::new(),
    };
    let text = format!("Every seed has its own split, initial weights and order of the samples. The {line}.");
    let section = Section {
        id: "seeds".to_owned(),
        title: "Other seeds".to_owned(),
        blocks: vec![Block::Paragraph(text), Block::Table(table)],
        ..Section::default()
    };
    (section, line)
}

/// How the page was made.
fn manifest(command: &TrainCommand, job: &Job<'_>) -> Vec<(String, String)> {
    let arguments: Vec<String> = std::env::args_os().skip(1).map(|a| a.display().to_string()).collect();
    let settings = job.settings;
    let hidden: Vec<String> = settings.hidden.iter().map(ToString::to_string).collect();
    [
        ("command", format!("cargo xtask {}", arguments.join(" "))),
        ("file", command.file.display().to_string()),
        ("samples", job.samples.data.samples().to_string()),
        ("hidden layers", hidden.join(", ")),
        ("method", job.method.to_string()),
        ("activation", settings.activation.to_string()),
        ("loss", job.samples.columns.task.loss(settings.loss).to_string()),
        ("learning rate", rate(job.lr)),
        ("batch size", settings.batch_size.to_string()),
        ("maximum number of epochs", settings.epochs.to_string()),
        ("patience", settings.patience.to_string()),
        (
            "test and validation fractions",
            format!("{} and {} of the others", settings.test, settings.validation),
        ),
        ("seed", job.seed.to_string()),
        ("version", VERSION.to_owned()),
        ("source revision", REVISION.to_owned()),
        ("date", utc(now())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
