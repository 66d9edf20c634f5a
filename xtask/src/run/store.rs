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
        let mut store = Self { file: append(&path)?, folder, records };
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

    /// Keeps a record: a killed process has it when it comes back, its curves even after the power was cut.
    ///
    /// # Errors
    /// A disk that cannot be written to.
    pub fn push(&mut self, record: Record, trace: Option<&Trace>) -> Result<()> {
        if let Some(trace) = trace {
            let path = self.trace_path(&record.run);
            let bytes = serde_json::to_vec(trace).context("a trace as JSON")?;
            crate::report::write_atomically(&path, &bytes)?;
        }
        let mut line = serde_json::to_string(&record).context("a record as JSON")?;
        line.push('\n');
        let write = self.file.write_all(line.as_bytes());
        write.with_context(|| format!("{}: cannot be written", self.folder.join("runs.jsonl").display()))?;
        self.records.push(record);
        Ok(())
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
