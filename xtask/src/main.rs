//! The `cargo xtask` command line.

use std::process::ExitCode;

use clap::Parser;
use xtask::bench::{self, BenchArguments};
use xtask::data::command::{self, DataCommand};
use xtask::repro::{self, ReproCommand};

/// Regenerates every figure and table of the paper.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true)]
enum Cli {
    /// Run experiments and write figures, tables and report.html
    Repro(ReproCommand),
    /// List and fetch the data sets
    #[command(subcommand)]
    Data(DataCommand),
    /// Time the engine beside the limits of this machine
    Bench(BenchArguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli::Repro(repro) => repro::run(&repro),
        Cli::Data(data) => command::run(&data).map_err(anyhow::Error::from),
        Cli::Bench(arguments) => bench::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
