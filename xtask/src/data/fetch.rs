//! Downloading and converting the public data sets into `DIR/uci/NAME.csv` and `DIR/banana.csv`.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{
    Table,
    address::{file_names, is_address, without_password},
    catalog::Dataset,
    download::{Client, Limits},
    error::DataError,
    original,
    table::read_file,
    values,
};

/// Where originals are taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Each from the addresses in the catalogue, the next one where one fails.
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
    pub fn parse(from: impl AsRef<OsStr>) -> Result<Source, DataError> {
        let from = from.as_ref();
        match from.to_str() {
            Some(text) if is_address(text) => Ok(Source::Address(text.trim_end_matches('/').to_string())),
            _ if Path::new(from).is_dir() => Ok(Source::Folder(PathBuf::from(from))),
            _ => Err(DataError::NoSource { from: without_password(&from.display().to_string()) }),
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
    accept: bool,
}

impl Fetcher {
    /// A fetcher with these bounds on size and time, which refuses values other than the published ones.
    pub fn new(source: Source, limits: Limits) -> Fetcher {
        Fetcher { source, client: Client::new(limits), limits, accept: false }
    }

    /// Takes other values too, where there are as many rows and columns as were published.
    pub fn accept_other_values(self, accept: bool) -> Fetcher {
        Fetcher { accept, ..self }
    }

    /// Puts `dataset` in place below `dir`, unless it is there already or `force` is set.
    ///
    /// What is there and is not this data set, half a file for instance, is replaced; a whole table of other values is
    /// not.
    ///
    /// # Errors
    ///
    /// Whatever kept the data set from being fetched, converted or written. The folder then holds what it held before.
    pub fn fetch(&self, dataset: &Dataset, dir: &Path, force: bool) -> Result<Outcome, DataError> {
        let path = dataset.path_in(dir);
        if !force {
            match state(dataset, &path) {
                State::Published => return Ok(Outcome::Kept),
                State::OtherValues(_) if self.accept => return Ok(Outcome::Kept),
                State::OtherValues(error) => {
                    return Err(DataError::OtherValues { different: Box::new(error) });
                }
                State::Missing | State::NotThis(_) => {}
            }
        }
        let (origin, table) = self.obtain(dataset)?;
        table.write_csv(&path)?;
        Ok(Outcome::Fetched(origin))
    }

    /// The table of `dataset` and where it came from.
    fn obtain(&self, dataset: &Dataset) -> Result<(String, Table), DataError> {
        match &self.source {
            Source::Publisher => self.from_publisher(dataset),
            Source::Address(_) | Source::Folder(_) => self.from_elsewhere(dataset),
        }
    }

    fn from_publisher(&self, dataset: &Dataset) -> Result<(String, Table), DataError> {
        let mut causes = Vec::new();
        for address in dataset.addresses {
            let bytes = self.client.get(dataset.name, address);
            let table = bytes
                .and_then(|bytes| original::convert(dataset, address, &bytes))
                .and_then(|table| self.accepted(dataset, table));
            match table {
                Ok(table) => return Ok((without_password(address), table)),
                Err(cause) => causes.push(cause),
            }
        }
        Err(if causes.len() == 1 { causes.remove(0) } else { DataError::Addresses { causes } })
    }

    fn from_elsewhere(&self, dataset: &Dataset) -> Result<(String, Table), DataError> {
        let from = match &self.source {
            Source::Folder(folder) => folder.display().to_string(),
            Source::Address(address) => without_password(address),
            Source::Publisher => String::new(),
        };
        let names = candidates(dataset);
        for name in &names {
            let (origin, bytes) = match &self.source {
                Source::Folder(folder) => {
                    let path = folder.join(name);
                    (path.display().to_string(), read_file(&path, self.limits.bytes))
                }
                Source::Address(address) => {
                    let name = name.replace(' ', "%20");
                    (format!("{from}/{name}"), self.client.get(dataset.name, &format!("{address}/{name}")))
                }
                Source::Publisher => continue,
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
            return Ok((origin, self.accepted(dataset, table)?));
        }
        Err(DataError::NotInSource { from, name: dataset.name.to_string(), tried: names.join(", ") })
    }

    fn accepted(&self, dataset: &Dataset, table: Table) -> Result<Table, DataError> {
        if !self.accept {
            values::check(dataset, &table)?;
        }
        Ok(table)
    }
}

/// What is where a data set is to be.
#[derive(Debug)]
pub enum State {
    /// Nothing.
    Missing,
    /// The data set as it was published.
    Published,
    /// A table of its rows and columns, but with other values.
    OtherValues(DataError),
    /// Something else.
    NotThis(DataError),
}

/// What is at `path`, where `dataset` is to be.
pub fn state(dataset: &Dataset, path: &Path) -> State {
    let table = Table::read_csv(path).and_then(|table| original::check(dataset, &table).map(|()| table));
    match table.map(|table| values::check(dataset, &table)) {
        Ok(Ok(())) => State::Published,
        Ok(Err(error)) => State::OtherValues(error),
        Err(DataError::Missing { .. }) => State::Missing,
        Err(error) => State::NotThis(error),
    }
}

/// File names a data set may have below `--from`: as published today or before, unpacked, zipped, or already converted.
fn candidates(dataset: &Dataset) -> Vec<String> {
    let archives = dataset.addresses.iter().flat_map(|address| file_names(address));
    let mut names: Vec<String> = Vec::new();
    for name in archives.filter(|name| name.ends_with(".zip")).chain([
        dataset.file.to_string(),
        format!("{}.zip", dataset.file),
        format!("{}.zip", dataset.name),
        converted_name(dataset),
    ]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn converted_name(dataset: &Dataset) -> String {
    format!("{}.csv", dataset.name)
}
