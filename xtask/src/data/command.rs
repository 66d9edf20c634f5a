//! `cargo xtask data`: listing and fetching the public data sets.

use std::{path::PathBuf, process::ExitCode};

use super::{
    catalog::{self, DATASETS, Dataset, Group},
    download::Limits,
    error::DataError,
    fetch::{self, Fetcher, Outcome, Source},
};

/// The data sets of the paper.
#[derive(Debug, clap::Subcommand)]
pub enum DataCommand {
    /// List the data sets, where they are published, and which are in place
    List {
        /// Data directory
        #[arg(long, value_name = "DIR", default_value = "data")]
        to: PathBuf,
    },
    /// Download data sets and convert them to CSV files with a header line, the target in the last column
    Fetch {
        /// Which group to fetch
        group: Group,
        /// Only these data sets of the group, e.g. `boston yacht`
        names: Vec<String>,
        /// Data directory: writes DIR/uci/NAME.csv and DIR/banana.csv
        #[arg(long, value_name = "DIR", default_value = "data")]
        to: PathBuf,
        /// Folder or web address that holds the originals under their published names, instead of the publishers
        #[arg(long, value_name = "FOLDER|URL")]
        from: Option<String>,
        /// Fetch again what is already there
        #[arg(long)]
        force: bool,
    },
}

/// Runs the command: results on standard output, errors on standard error, failure if any data set failed.
///
/// # Errors
///
/// A name or `--from` that makes no sense; the failure of a single data set does not stop the others.
pub fn run(command: &DataCommand) -> Result<ExitCode, DataError> {
    match command {
        DataCommand::List { to } => {
            for dataset in DATASETS {
                let path = dataset.path_in(to);
                let state = match (fetch::is_in_place(dataset, &path), path.exists()) {
                    (true, _) => format!("in place: {}", path.display()),
                    (false, true) => format!("not as expected: {}", path.display()),
                    (false, false) => "not fetched".to_string(),
                };
                println!("{:<9} {:>5} × {:<2}  {state}", dataset.name, dataset.rows, dataset.inputs());
                println!("          {}", dataset.about);
                println!("          {}", dataset.url);
            }
            Ok(ExitCode::SUCCESS)
        }
        DataCommand::Fetch { group, names, to, from, force } => {
            let datasets = select(*group, names)?;
            let source = from.as_deref().map_or(Ok(Source::Publisher), Source::parse)?;
            let fetcher = Fetcher::new(source, Limits::default());
            let (mut fetched, mut kept, mut failed) = (0, 0, Vec::new());
            for dataset in datasets {
                let path = dataset.path_in(to);
                let size = format!("{} rows × {} inputs", dataset.rows, dataset.inputs());
                match fetcher.fetch(dataset, to, *force) {
                    Ok(Outcome::Fetched(origin)) => {
                        println!("{:<9} {}: {size}, from {origin}", dataset.name, path.display());
                        fetched += 1;
                    }
                    Ok(Outcome::Kept) => {
                        println!("{:<9} {}: {size}, already there", dataset.name, path.display());
                        kept += 1;
                    }
                    Err(error) => {
                        eprintln!("{:<9} error: {error}", dataset.name);
                        failed.push(dataset.name);
                    }
                }
            }
            let outcome = format!("{fetched} fetched, {kept} already there");
            if failed.is_empty() {
                println!("{outcome}");
                return Ok(ExitCode::SUCCESS);
            }
            eprintln!("{outcome}, {} failed: {}", failed.len(), failed.join(", "));
            Ok(ExitCode::FAILURE)
        }
    }
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
