//! Downloading and converting the public data sets into `DIR/uci/NAME.csv` and `DIR/banana.csv`.

use std::path::{Path, PathBuf};

use super::{
    Table,
    catalog::Dataset,
    download::{Client, Limits},
    error::DataError,
    original,
    table::read_file,
};

/// Where originals are taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Each from the address of its publisher.
    Publisher,
    /// All from below one web address, without a `/` at the end.
    Address(String),
    /// All from one folder.
    Folder(PathBuf),
}

impl Source {
    /// Understands the value of `--from`: a web address or an existing folder.
    ///
    /// # Errors
    ///
    /// [`DataError::NoSource`] for anything else.
    pub fn parse(from: &str) -> Result<Source, DataError> {
        if from.starts_with("http://") || from.starts_with("https://") {
            Ok(Source::Address(from.trim_end_matches('/').to_string()))
        } else if Path::new(from).is_dir() {
            Ok(Source::Folder(PathBuf::from(from)))
        } else {
            Err(DataError::NoSource { from: from.to_string() })
        }
    }
}

/// How one data set came to be in place.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Taken from this file or address.
    Fetched(String),
    /// It was there already, whole and right.
    Kept,
}

/// Takes originals from one source into one data directory.
pub struct Fetcher {
    source: Source,
    client: Client,
    limits: Limits,
}

impl Fetcher {
    /// A fetcher with these bounds on size and time.
    pub fn new(source: Source, limits: Limits) -> Fetcher {
        Fetcher { source, client: Client::new(limits), limits }
    }

    /// Puts `dataset` in place below `dir`, unless it is there already or `force` is set.
    ///
    /// # Errors
    ///
    /// Whatever kept the data set from being fetched, converted or written. The folder then holds what it held before.
    pub fn fetch(&self, dataset: &Dataset, dir: &Path, force: bool) -> Result<Outcome, DataError> {
        let path = dataset.path_in(dir);
        if !force && is_in_place(dataset, &path) {
            return Ok(Outcome::Kept);
        }
        let (origin, table) = self.obtain(dataset)?;
        table.write_csv(&path)?;
        Ok(Outcome::Fetched(origin))
    }

    /// The table of `dataset` and where it came from.
    fn obtain(&self, dataset: &Dataset) -> Result<(String, Table), DataError> {
        let from = match &self.source {
            Source::Publisher => {
                let bytes = self.client.get(dataset.name, dataset.url)?;
                return Ok((dataset.url.to_string(), original::convert(dataset, dataset.url, &bytes)?));
            }
            Source::Address(address) => address.clone(),
            Source::Folder(folder) => folder.display().to_string(),
        };
        let names = candidates(dataset);
        for name in &names {
            let (origin, bytes) = match &self.source {
                Source::Folder(folder) => {
                    let path = folder.join(name);
                    (path.display().to_string(), read_file(&path, self.limits.bytes))
                }
                _ => {
                    let url = format!("{from}/{}", name.replace(' ', "%20"));
                    let bytes = self.client.get(dataset.name, &url);
                    (url, bytes)
                }
            };
            let bytes = match bytes {
                Err(DataError::Missing { .. }) => continue,
                Err(DataError::Status { status, .. }) if status.starts_with("404") => continue,
                other => other?,
            };
            let table = if *name == converted_name(dataset) {
                let table = Table::parse_csv(&origin, &bytes)?;
                original::check(dataset, &table)?;
                table
            } else {
                original::convert(dataset, &origin, &bytes)?
            };
            return Ok((origin, table));
        }
        Err(DataError::NotInSource { from, name: dataset.name.to_string(), tried: names.join(", ") })
    }
}

/// Whether `path` is the whole, converted data set.
pub fn is_in_place(dataset: &Dataset, path: &Path) -> bool {
    Table::read_csv(path).and_then(|table| original::check(dataset, &table)).is_ok()
}

/// File names a data set may have below `--from`: as published, unpacked, zipped, or already converted.
fn candidates(dataset: &Dataset) -> Vec<String> {
    let mut names = vec![dataset.published_file()];
    for name in [
        dataset.file.to_string(),
        format!("{}.zip", dataset.file),
        format!("{}.zip", dataset.name),
        converted_name(dataset),
    ] {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn converted_name(dataset: &Dataset) -> String {
    format!("{}.csv", dataset.name)
}
