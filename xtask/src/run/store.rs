//! The records of an experiment on disk.

use super::trace::Trace;
use super::{Record, Run, VERSION};
use anyhow::{Context as _, Result, bail};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// `OUT/<experiment>/`: `runs.jsonl`, appended to as runs end, and `traces/`.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    records: Vec<Record>,
    file: File,
    /// Bytes of the file that are whole lines.
    length: u64,
    /// The last so many records are not in the file: it could not be written to.
    unwritten: usize,
}

impl Store {
    /// Opens the records of `experiment`, the finished ones of an interrupted call among them.
    ///
    /// # Errors
    /// A folder that cannot be written to, or a file in its place that is not one of records. A last line that was
    /// cut off by a kill is dropped: its run is carried out again.
    pub fn open(out: &Path, experiment: &str) -> Result<Self> {
        let folder = out.join(experiment);
        fs::create_dir_all(&folder).with_context(|| {
            format!("{}: cannot be made; expected a folder that can be written to", folder.display())
        })?;
        let path = folder.join("runs.jsonl");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => bail!("{}: cannot be read: {error}", path.display()),
        };
        let records = parse(&path, &bytes)?;
        let length = bytes.len() as u64;
        let mut store = Self { file: append(&path)?, folder, records, length, unwritten: 0 };
        // A file that is new must not vanish from its folder with the power.
        let _ = File::open(&store.folder).and_then(|folder| folder.sync_all());
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            store.rewrite(&[])?;
        }
        Ok(store)
    }

    /// The record of `run`, if this version carried it out.
    #[must_use]
    pub fn find(&self, run: &Run) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.run == *run && record.version == VERSION)
    }

    /// Keeps a record, and all before it that could not be written: a process that is killed has them when it comes
    /// back, even after the power was cut.
    ///
    /// # Errors
    /// A disk that cannot be written to. The record is then kept in memory, and written with the next one or by
    /// [`Store::flush`].
    pub fn push(&mut self, record: Record) -> Result<()> {
        self.records.push(record);
        self.unwritten += 1;
        self.flush()
    }

    /// Writes the records that could not be written before.
    ///
    /// # Errors
    /// A disk that still cannot be written to.
    pub fn flush(&mut self) -> Result<()> {
        if self.unwritten == 0 {
            return Ok(());
        }
        let mut text = String::new();
        for record in &self.records[self.records.len() - self.unwritten..] {
            text.push_str(&serde_json::to_string(record).context("a record as JSON")?);
            text.push('\n');
        }
        let file = &mut self.file;
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()) {
            // No part of a line must be before the next one.
            let _ = file.set_len(self.length);
            bail!("{}: cannot be written: {error}", self.folder.join("runs.jsonl").display());
        }
        self.length += text.len() as u64;
        self.unwritten = 0;
        Ok(())
    }

    /// Keeps the curves of a run.
    ///
    /// # Errors
    /// A disk that cannot be written to.
    pub fn write_trace(&self, run: &Run, trace: &Trace) -> Result<()> {
        let bytes = serde_json::to_vec(trace).context("a trace as JSON")?;
        Ok(crate::report::write_atomically(&self.trace_path(run), &bytes)?)
    }

    /// The curves of `run`, where they were kept and are whole.
    #[must_use]
    pub fn trace(&self, run: &Run) -> Option<Trace> {
        Trace::parse(&fs::read(self.trace_path(run)).ok()?)
    }

    /// Writes the file anew, the records of `order` first and in that order, all others after them: two finished
    /// calls give the same file whatever the order in which their runs ended.
    ///
    /// # Errors
    /// A disk that cannot be written to.
    pub fn rewrite(&mut self, order: &[Run]) -> Result<()> {
        let rank = |record: &Record| order.iter().position(|run| *run == record.run).unwrap_or(usize::MAX);
        self.records.sort_by_cached_key(rank);
        let mut text = String::new();
        for record in &self.records {
            text.push_str(&serde_json::to_string(record).context("a record as JSON")?);
            text.push('\n');
        }
        let path = self.folder.join("runs.jsonl");
        crate::report::write_atomically(&path, text.as_bytes())?;
        (self.length, self.unwritten) = (text.len() as u64, 0);
        self.file = append(&path)?;
        Ok(())
    }

    fn trace_path(&self, run: &Run) -> PathBuf {
        self.folder.join("traces").join(format!("{}.json", run.slug()))
    }
}

/// The records in the content of a `runs.jsonl`, a line each; `path` is what messages call it. A last line without an
/// end is dropped if it is no record.
///
/// # Errors
/// Any other line that is no record.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for (i, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        match serde_json::from_slice(line) {
            Ok(record) => records.push(record),
            Err(_) if !line.ends_with(b"\n") => {}
            Err(error) => bail!(
                "{}: line {}: not a record of this program ({error}); move the file away to start anew",
                path.display(),
                i + 1
            ),
        }
    }
    Ok(records)
}

fn append(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).with_context(|| {
        format!("{}: cannot be written; expected a folder that can be written to", path.display())
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::run::{Method, Protocol};

    fn record(seed: u64) -> Record {
        let run = Run {
            experiment: "test".to_owned(),
            dataset: "none".to_owned(),
            method: Method::Standard,
            lr: 0.1,
            protocol: Protocol::Paper,
            seed,
            epoch_limit: 1,
            data: String::new(),
        };
        let (metric, end, version) = ("rmse".to_owned(), "epochs".to_owned(), VERSION.to_owned());
        let (value, validation, movement, accuracy) = (Some(1.0), None, None, None);
        Record { run, metric, value, validation, epochs: 1, end, seconds: 0.0, movement, accuracy, version }
    }

    /// A record that cannot be written is written with the next one that can.
    #[test]
    fn a_disk_that_is_full_for_a_while_loses_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), "test").unwrap();
        store.push(record(0)).unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let file = std::mem::replace(&mut store.file, full);
        let error = store.push(record(1)).unwrap_err().to_string();
        assert!(error.contains("test/runs.jsonl: cannot be written: "), "{error}");
        assert!(store.flush().is_err());
        store.file = file;
        store.push(record(2)).unwrap();
        store.flush().unwrap();
        drop(store);
        let store = Store::open(folder.path(), "test").unwrap();
        assert_eq!(store.records, [record(0), record(1), record(2)]);
    }
}
