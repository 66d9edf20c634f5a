//! The `cargo xtask` command line.

use std::process::ExitCode;

use clap::Parser;
use xtask::bench::{self, BenchArguments};
use xtask::data::command::{self, DataCommand};
use xtask::repro::{self, ReproCommand};
use xtask::terminal;
#[cfg(unix)]
use xtask::torture::{self, TortureCommand};
use xtask::train::{self, PredictCommand, TrainCommand};

/// Regenerates every figure and table of the paper, and trains networks on tables of your own.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true)]
enum Cli {
    /// Run experiments and write figures, tables and report.html
    Repro(Box<ReproCommand>),
    /// Train a network on your own CSV file, and write a page with the results and the network
    Train(Box<TrainCommand>),
    /// Predict the rows of a CSV file with a network that `train` wrote
    Predict(PredictCommand),
    /// List and fetch the data sets
    #[command(subcommand)]
    Data(DataCommand),
    /// Benchmark the engine against the limits of this machine
    Bench(BenchArguments),
    /// Test a small reproduction under interruptions, full disks and damaged files
    #[cfg(unix)]
    Torture(TortureCommand),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => return explain(&message),
    };
    let done = match cli {
        Cli::Repro(repro) => repro::run(&repro),
        Cli::Train(arguments) => train::run(&arguments),
        Cli::Predict(arguments) => train::predict::run(&arguments),
        Cli::Data(data) => command::run(&data),
        Cli::Bench(arguments) => bench::run(&arguments),
        #[cfg(unix)]
        Cli::Torture(torture) => torture::run(&torture),
    };
    done.unwrap_or_else(|error| fail(&error))
}

/// Help and version go where results go, usage errors where errors go.
fn explain(message: &clap::Error) -> ExitCode {
    let outcome = message.print();
    if message.use_stderr() {
        return ExitCode::from(USAGE);
    }
    terminal::written(outcome).map_or_else(|error| fail(&error), |_| ExitCode::SUCCESS)
}

/// The exit code for a command line that makes no sense.
const USAGE: u8 = 2;

fn fail(error: &anyhow::Error) -> ExitCode {
    terminal::complain(&format!("error: {error:#}"));
    ExitCode::FAILURE
}
