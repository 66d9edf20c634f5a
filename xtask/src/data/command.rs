//! `cargo xtask data`: listing and fetching the public data sets.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;

use super::{
    catalog::{self, DATASETS, Dataset, Group},
    check_folder,
    download::Limits,
    error::DataError,
    fetch::{self, Fetcher, Outcome, Source, State},
};
use crate::terminal::{complain, print};

/// The data directory where none is named.
const DEFAULT: &str = "data";

/// The data sets of the paper.
#[derive(Debug, clap::Subcommand)]
pub enum DataCommand {
    /// List the data sets with their publishers and their state in the data folder
    List {
        /// Look for them in this folder [default: data]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Download data sets and convert them to CSV files (header line, target in the last column)
    Fetch {
        /// Group of data sets to fetch
        group: Group,
        /// Data sets of the group, e.g. `boston yacht` [default: all]
        names: Vec<String>,
        /// Write DIR/uci/NAME.csv and DIR/banana.csv
        #[arg(long, value_name = "DIR", default_value = DEFAULT)]
        to: PathBuf,
        /// Read the originals from a folder or web address instead of their publishers
        #[arg(long, value_name = "FOLDER|URL")]
        from: Option<OsString>,
        /// Fetch data sets again even if they are there
        #[arg(long)]
        force: bool,
        /// Accept tables of the right shape with values other than the published ones
        #[arg(long)]
        accept: bool,
    },
}

/// Runs the command: results on standard output, errors on standard error, failure if any data set failed.
///
/// # Errors
///
/// A name or `--from` that makes no sense, or standard output that takes no more; the failure of a single data set does
/// not stop the others.
pub fn run(command: &DataCommand) -> Result<ExitCode> {
    match command {
        DataCommand::List { to } => list(to.as_deref()),
        DataCommand::Fetch { group, names, to, from, force, accept } => {
            let datasets = select(*group, names)?;
            let source = from.as_ref().map_or(Ok(Source::Publisher), Source::parse)?;
            let fetcher = Fetcher::new(source, Limits::default()).accept_other_values(*accept);
            fetch(&fetcher, &datasets, to, *force)
        }
    }
}

fn list(to: Option<&Path>) -> Result<ExitCode> {
    if let Some(to) = to {
        check_folder(to)?;
    }
    for dataset in DATASETS {
        let path = dataset.path_in(to.unwrap_or(Path::new(DEFAULT)));
        let shown = path.display();
        let state = match fetch::state(dataset, &path) {
            State::Missing => "not fetched".to_string(),
            State::Published => format!("in place, as published: {shown}"),
            State::OtherValues(error) => format!("differs from the published values: {error}"),
            State::NotThis(error) => format!("not as expected: {error}"),
        };
        let mut lines = vec![
            format!("{:<9} {:>5} × {:<2}  {state}", dataset.name, dataset.rows, dataset.inputs()),
            format!("          {}", dataset.about),
        ];
        lines.extend(dataset.addresses.iter().map(|address| format!("          {address}")));
        for line in lines {
            if print(&line)?.is_break() {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch(fetcher: &Fetcher, datasets: &[&Dataset], to: &Path, force: bool) -> Result<ExitCode> {
    let (mut fetched, mut kept, mut failed) = (0, 0, Vec::new());
    // Whoever reads may stop early; the data sets are what counts.
    for dataset in datasets {
        let path = dataset.path_in(to);
        let size = format!("{} rows × {} inputs", dataset.rows, dataset.inputs());
        match fetcher.fetch(dataset, to, force) {
            Ok(Outcome::Fetched(origin)) => {
                fetched += 1;
                let _ = print(&format!("{:<9} {}: {size}, from {origin}", dataset.name, path.display()))?;
            }
            Ok(Outcome::Kept) => {
                kept += 1;
                let _ = print(&format!("{:<9} {}: {size}, already there", dataset.name, path.display()))?;
            }
            Err(error) => {
                complain(&format!("{:<9} error: {error}", dataset.name));
                failed.push(dataset.name);
            }
        }
    }
    let outcome = format!("{fetched} fetched, {kept} already there");
    if failed.is_empty() {
        let _ = print(&outcome)?;
        return Ok(ExitCode::SUCCESS);
    }
    complain(&format!("{outcome}, {} failed: {}", failed.len(), failed.join(", ")));
    Ok(ExitCode::FAILURE)
}

/// The named data sets of a group, or all of them.
fn select(group: Group, names: &[String]) -> Result<Vec<&'static Dataset>, DataError> {
    let all = catalog::group(group);
    if let Some(name) = names.iter().find(|name| all.iter().all(|dataset| dataset.name != **name)) {
        let known: Vec<&str> = all.iter().map(|dataset| dataset.name).collect();
        return Err(DataError::UnknownName { name: name.clone(), known: known.join(", ") });
    }
    Ok(all
        .into_iter()
        .filter(|dataset| names.is_empty() || names.iter().any(|name| name == dataset.name))
        .collect())
}
