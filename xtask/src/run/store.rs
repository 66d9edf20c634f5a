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
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => bail!("{}: cannot be read: {error}", path.display()),
        };
        let mut records = Vec::new();
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            match serde_json::from_str(line) {
                Ok(record) => records.push(record),
                Err(_) if i + 1 == lines.len() && !text.ends_with('\n') => {}
                Err(error) => bail!(
                    "{}: line {}: not a record of this program ({error}); move the file away to start anew",
                    path.display(),
                    i + 1
                ),
            }
        }
        let mut store = Self { file: append(&path)?, folder, records };
        if !text.is_empty() && !text.ends_with('\n') {
            store.rewrite(&[])?;
        }
        Ok(store)
    }

    /// The record of `run`, if this version carried it out.
    #[must_use]
    pub fn find(&self, run: &Run) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.run == *run && record.version == VERSION)
    }

    /// Keeps a record, on disk before this returns.
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

    /// The curves of `run`, where they were kept.
    #[must_use]
    pub fn trace(&self, run: &Run) -> Option<Trace> {
        serde_json::from_slice(&fs::read(self.trace_path(run)).ok()?).ok()
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

fn append(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).with_context(|| {
        format!("{}: cannot be written; expected a folder that can be written to", path.display())
    })
}
