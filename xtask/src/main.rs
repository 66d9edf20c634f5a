//! The `cargo xtask` command line.

use std::process::ExitCode;

use clap::Parser;
use xtask::data::command::{self, DataCommand};

/// Regenerates every figure and table of the paper.
#[derive(Parser)]
#[command(name = "cargo xtask", version, arg_required_else_help = true)]
enum Cli {
    /// List and fetch the data sets
    #[command(subcommand)]
    Data(DataCommand),
}

fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli::Data(data) => command::run(&data),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
