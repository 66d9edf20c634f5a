//! The options of `cargo xtask repro`, and what they ask for.

use super::shard::Shard;
use super::time::{now, utc};
use crate::experiment::{Context, Experiment, Profile, images};
use crate::method::{self, Architecture, MethodId};
use crate::ranks::{Ranks, Shared};
use crate::run::Protocol;
use crate::run::origin::{COMPILER, NUMERICS, REVISION, VERSION};
use crate::statistics::SmallestEffects;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Run experiments and write figures, tables and report.html
#[derive(Debug, Clone, Args)]
#[command(allow_negative_numbers = true, after_help = after_help())]
pub struct ReproCommand {
    /// Experiments to run; `beyond` names all that go beyond the paper [default: all of the paper's]
    pub(super) experiments: Vec<String>,
    /// List experiments with their inputs and estimated run time, then exit
    #[arg(long)]
    pub(super) list: bool,
    /// Choose the scale of the runs
    #[arg(long, value_enum, default_value_t = Profile::Quick)]
    profile: Profile,
    /// Fix the number of seeds [default: a pilot, then as many as its spread requires, up to the profile's limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    seeds: Option<u16>,
    /// Set the first seed [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32))]
    first_seed: Option<u32>,
    /// Set the smallest effects that matter: fractions of RMSE, of samples and of epochs, bits of movement, coverage
    /// [default: rmse=0.05,accuracy=0.01,movement=1,epochs=0.1,coverage=0.05]
    #[arg(long, value_name = "NAME=X", value_parser = smallest_effects)]
    smallest: Option<SmallestEffects>,
    /// Choose the samples that decide the learning-rate schedule and early stopping [default: both]
    #[arg(long, value_enum)]
    protocol: Option<Protocols>,
    /// Select data sets by name or path (see below); may be repeated
    #[arg(long = "dataset", value_name = "NAME|PATH", value_parser = dataset)]
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
    pub(super) data_dir: Option<PathBuf>,
    /// Write results to this folder
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(super) out: PathBuf,
    /// Print what would be run, how much of it is done and how long the rest takes on this machine, then exit
    #[arg(long, conflicts_with = "shard")]
    pub(super) plan: bool,
    /// Run the share of job K of N, in OUT/shards/K-of-N; the same command without it gathers the runs of all jobs
    #[arg(long, value_name = "K/N")]
    pub(super) shard: Option<Shard>,
    /// Choose what is distributed over the processes of mpirun or srun [default: batches with --micro-batch, else runs]
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with = "shard")]
    share: Option<Shared>,
    /// Import the finished runs of another output folder first; may be repeated
    #[arg(long, value_name = "DIR")]
    pub(super) gather: Vec<PathBuf>,
    /// Set the number of threads, of which at most four per core are used [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// What the options take, from the tables that they are read by.
fn after_help() -> String {
    let known = |architecture| method::names(&method::of(architecture));
    format!(
        "Data sets:\n  table1, theory  the name of a file in DATA-DIR/uci, or the path of a CSV file\n  fig4, table2    cifar10, imagenet32, \
         pictures (generated images), or the folder of a set\n  table3          the folder of ILSVRC; cifar10, imagenet32, pictures, or the folder \
         of a set of 32×32 images\n  why             levy, banana, yacht, boston, energy, concrete, wine; for VGG-6: cifar10, pictures\n  rivals          levy, banana, yacht, boston, energy, concrete; for VGG-6: cifar10, pictures\n  other \
         questions beyond the paper: those of levy, banana, yacht, boston, energy, concrete and ridge that they use\n\nMethods:\n  fig2            \
         {}\n  fig3, table1    {}\n  fig4, table2    {}\n  table3          {}\n\nFinished runs are kept in the output folder: after Ctrl-C, SIGTERM \
         or SIGHUP the same command continues from them. Networks on images log every run in OUT/vgg6/logs and OUT/table3/logs: epochs.jsonl and a \
         TensorBoard event file (tensorboard --logdir OUT/vgg6/logs). xtask/docs/EXPERIMENTS.md describes every set-up.",
        method::names(&method::in_paper(Architecture::Dense)),
        known(Architecture::Dense),
        known(Architecture::Vgg),
        known(Architecture::ResNet),
    )
}

/// A name or a path. It may hold commas, as names of files do, so that they do not separate data sets as they do methods.
fn dataset(text: &str) -> Result<String, String> {
    if text.contains(',') && !Path::new(text).exists() {
        let each = text.split(',').map(|name| format!("--dataset {}", name.trim())).collect::<Vec<_>>();
        return Err(format!("there is no such file; for several data sets write {}", each.join(" ")));
    }
    Ok(text.to_owned())
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
    /// Each in turn (fig4, table2 and table3 have only the paper's)
    Both,
}

/// Reads `rmse=0.1,movement=2`; what is not named keeps its default.
fn smallest_effects(text: &str) -> Result<SmallestEffects, String> {
    let mut smallest = SmallestEffects::default();
    for part in text.split(',') {
        let expected = || {
            format!(
                "\"{part}\": expected one of rmse, accuracy, movement, epochs, coverage, \"=\" and a positive number, such as rmse=0.05"
            )
        };
        let (name, value) = part.split_once('=').ok_or_else(expected)?;
        let place = match name.trim() {
            "rmse" => &mut smallest.rmse,
            "accuracy" => &mut smallest.accuracy,
            "movement" => &mut smallest.movement,
            "epochs" => &mut smallest.epochs,
            "coverage" => &mut smallest.coverage,
            _ => return Err(expected()),
        };
        *place = learning_rate(value.trim()).map_err(|_| expected())?;
    }
    Ok(smallest)
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected a positive number, such as 0.01".to_owned()),
    }
}

impl ReproCommand {
    /// The options that not every experiment uses, of those that the user gave.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let given = [
            ("--seeds", self.seeds.is_some()),
            ("--first-seed", self.first_seed.is_some()),
            ("--protocol", self.protocol.is_some()),
            ("--dataset", !self.datasets.is_empty()),
            ("--method", !self.methods.is_empty()),
            ("--lr", !self.rates.is_empty()),
        ];
        let given = given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name);
        given.chain(self.pictures.given()).collect()
    }

    /// The parts that batches of images are split into.
    pub(super) fn micro_batch(&self) -> Option<usize> {
        self.pictures.micro_batch
    }

    /// What several ranks share out: the parts of batches where there are some, unless the user says otherwise.
    pub(super) fn shared(&self) -> Shared {
        let usual = if self.micro_batch().is_some() { Shared::Batches } else { Shared::Runs };
        self.share.unwrap_or(usual)
    }

    /// The same command with another output folder.
    pub(super) fn in_folder(&self, out: PathBuf) -> Self {
        Self { out, ..self.clone() }
    }

    /// The same command for one experiment.
    pub(super) fn alone(&self, id: &str) -> String {
        let mut rest: Vec<String> =
            std::env::args_os().skip(1).map(|argument| argument.display().to_string()).collect();
        for name in std::iter::once("repro").chain(self.experiments.iter().map(String::as_str)) {
            if let Some(place) = rest.iter().position(|argument| argument == name) {
                rest.remove(place);
            }
        }
        let options = rest.iter().map(|argument| format!(" {argument}")).collect::<String>();
        format!("cargo xtask repro {id}{options}")
    }

    pub(super) fn context(&self, ranks: &Arc<Ranks>) -> Context {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Context {
            profile: self.profile,
            seeds: self.seeds.map(u64::from),
            first_seed: self.first_seed.map_or(0, u64::from),
            smallest: self.smallest.unwrap_or_default(),
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
            ranks: Arc::clone(ranks),
        }
    }

    pub(super) fn manifest(
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
            "first seed": context.first_seed,
            "smallest effects that matter": context.smallest,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smallest_effects_are_read_by_name() {
        let read = smallest_effects("rmse=0.1, movement=2").unwrap();
        assert_eq!(read, SmallestEffects { rmse: 0.1, movement: 2.0, ..SmallestEffects::default() });
        for wrong in ["", "rmse", "rmse=", "rmse=0", "rmse=-1", "rmse=NaN", "loss=1", "rmse=0.1,"] {
            let error = smallest_effects(wrong).unwrap_err();
            assert!(error.contains("such as rmse=0.05"), "{wrong}: {error}");
        }
    }

    #[test]
    fn several_data_sets_in_one_option_are_refused_with_the_options_to_write_and_a_file_with_a_comma_is_read()
    {
        assert_eq!(dataset("yacht").unwrap(), "yacht");
        let error = dataset("yacht, energy").unwrap_err();
        assert!(error.ends_with("--dataset yacht --dataset energy"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a,b.csv");
        std::fs::write(&file, "1,2\n").unwrap();
        assert_eq!(dataset(file.to_str().unwrap()).unwrap(), file.to_str().unwrap());
    }
}
