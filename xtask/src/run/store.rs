//! The records of an experiment on disk.

pub use super::line::{Damaged, parse};

use super::trace::Trace;
use super::{Record, Run, hex, line};
use anyhow::{Context as _, Result, bail};
use gmp_train::image::Digest;
use gmp_train::io::{open_regular, read_regular};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// A run of more seconds than these is not carried out again for its curves: they are said to be missing.
const SECONDS_FOR_CURVES: f64 = 600.0;
/// Where lines go that are no records.
const SET_ASIDE: &str = "runs-damaged.jsonl";
/// Lines that are no records are named, but no more than these.
const NAMED: usize = 5;
/// Most bytes of `runs.jsonl`, two million records; and of a file of curves. A file that claims more is none of ours.
const MOST: (u64, u64) = (1 << 30, 1 << 28);

/// `OUT/<experiment>/`: `runs.jsonl`, appended to as runs end, and `traces/`.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    records: Vec<Record>,
    /// Where the record of a run is, of those of our numerics.
    places: HashMap<Run, usize>,
    /// Runs that are carried out again although there is a record: their curves are gone.
    again: HashSet<Run>,
    file: File,
    /// Bytes of the file that are whole lines.
    length: u64,
    /// Lines that are not in the file yet: it could not be written to.
    unwritten: String,
    warnings: Vec<String>,
}

/// What [`Store::gather`] found.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Runs that are here now and were not before.
    pub runs: usize,
    /// One that had another result there.
    pub differs: Option<Run>,
}

/// The records of `experiment` in the output folder `out`, of programs of our numerics, for one who only reads: another process
/// may be adding to them. Lines that are no records are left out.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn read_records(out: &Path, experiment: &str) -> Result<Vec<Record>> {
    let path = out.join(experiment).join("runs.jsonl");
    let (mut records, _) = parse(&read_lines(&path)?);
    records.retain(|record| record.origin.is_of_our_numerics());
    Ok(records)
}

/// The bytes of a file of records; none where there is no file.
fn read_lines(path: &Path) -> Result<Vec<u8>> {
    match read_regular(path, MOST.0) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => bail!("{}: cannot be read: {error}", path.display()),
    }
}

/// Curves that should be there and cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CurvesError {
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is not the one that was written.
    #[error("{}: damaged: not the file that was written", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
}

impl Store {
    /// Opens the records of `experiment`, the finished ones of an interrupted call among them.
    ///
    /// A last line that was cut off by a kill is dropped: its run is carried out again. Any other line that is no record
    /// is moved to `runs-damaged.jsonl` and named in [`Store::warnings`].
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn open(out: &Path, experiment: &str) -> Result<Self> {
        let folder = out.join(experiment);
        fs::create_dir_all(&folder).with_context(|| {
            format!("{}: cannot be made; expected a folder that can be written to", folder.display())
        })?;
        let path = folder.join("runs.jsonl");
        let bytes = read_lines(&path)?;
        let (records, damaged) = parse(&bytes);
        let mut store = Self {
            file: append(&path)?,
            folder,
            records: Vec::new(),
            places: HashMap::new(),
            again: HashSet::new(),
            length: bytes.len() as u64,
            unwritten: String::new(),
            warnings: Vec::new(),
        };
        // A file that is new must not vanish from its folder with the power.
        let _ = File::open(&store.folder).and_then(|folder| folder.sync_all());
        records.into_iter().for_each(|record| store.keep(record));
        if !damaged.is_empty() {
            store.set_aside(&path, &damaged)?;
        }
        if !damaged.is_empty() || !bytes.is_empty() && !bytes.ends_with(b"\n") {
            store.rewrite(&[])?;
        }
        Ok(store)
    }

    /// What the user should know of the file as it was found: a line each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Moves lines away before the file is written without them: nothing that somebody wrote is lost.
    fn set_aside(&mut self, path: &Path, damaged: &[Damaged<'_>]) -> Result<()> {
        let aside = self.folder.join(SET_ASIDE);
        let lines =
            damaged.iter().flat_map(|line| line.content.iter().chain(b"\n")).copied().collect::<Vec<_>>();
        let written = append(&aside)?.write_all(&lines);
        written.with_context(|| format!("{}: cannot be written", aside.display()))?;
        let named = damaged.iter().take(NAMED).map(|damaged| {
            let (line, problem) = (damaged.line, damaged.problem());
            format!(
                "WARNING: {}: line {line}: not a record of this program ({problem}): it is moved to {SET_ASIDE}",
                path.display()
            )
        });
        self.warnings.extend(named);
        if damaged.len() > NAMED {
            let more = damaged.len() - NAMED;
            self.warnings
                .push(format!("WARNING: {}: {more} more lines are moved to {SET_ASIDE}", path.display()));
        }
        Ok(())
    }

    /// The later record of a run takes the place of the earlier one.
    fn keep(&mut self, record: Record) {
        if !record.origin.is_of_our_numerics() {
            self.records.push(record);
        } else if let Some(&place) = self.places.get(&record.run) {
            self.records[place] = record;
        } else {
            self.places.insert(record.run.clone(), self.records.len());
            self.records.push(record);
        }
    }

    /// Copies the runs of `experiment` in another output folder that are not here, with their curves. A run whose curves are
    /// damaged there is left there.
    ///
    /// # Errors
    /// Records that cannot be read there or written here.
    pub fn gather(&mut self, from: &Path, experiment: &str) -> Result<Gathered> {
        let mut gathered = Gathered::default();
        let theirs = from.join(experiment).join("traces");
        for record in read_records(from, experiment)? {
            if let Some(ours) = self.find(&record.run) {
                if (ours.value, ours.epochs) != (record.value, record.epochs) {
                    gathered.differs.get_or_insert(record.run);
                }
                continue;
            }
            if record.has_curves() {
                let name = format!("{}.json", record.run.slug());
                let Ok(bytes) = read_regular(theirs.join(name), MOST.1) else { continue };
                if record.curves != Some(hex(Digest::default().bytes(&bytes))) {
                    continue;
                }
                crate::report::write_atomically(&self.trace_path(&record.run), &bytes)?;
            }
            self.note(record)?;
            gathered.runs += 1;
        }
        self.flush()?;
        Ok(gathered)
    }

    /// The record of `run`, if a program of our numerics carried it out and it need not be carried out again.
    #[must_use]
    pub fn find(&self, run: &Run) -> Option<&Record> {
        self.places.get(run).filter(|_| !self.again.contains(run)).map(|&place| &self.records[place])
    }

    /// Looks for the curves of the finished ones of `runs`: where they are missing or damaged, the run counts as not
    /// carried out, unless it took too long for that. Returns what is to be said of them: a line each.
    pub fn check_curves(&mut self, runs: &[Run]) -> Vec<String> {
        let (mut said, mut again) = (Vec::new(), Vec::new());
        for run in runs {
            let Some(record) = self.find(run) else { continue };
            let Err(error) = self.curves(record) else { continue };
            if record.seconds > SECONDS_FOR_CURVES {
                said.push(format!(
                    "curves of a finished run are missing ({error}); it took {:.0} s and is not repeated. To repeat it, remove its line from {}",
                    record.seconds,
                    self.folder.join("runs.jsonl").display()
                ));
            } else {
                again.push(error);
                self.again.insert(run.clone());
            }
        }
        if let Some(first) = again.first() {
            let count = again.len();
            said.push(format!(
                "finished runs that are repeated because their curves are missing: {count} ({first})"
            ));
        }
        said
    }

    /// Keeps a record, and all before it that could not be written: a process that is killed has them when it comes
    /// back, even after the power was cut.
    ///
    /// # Errors
    /// A disk that cannot be written to. The record is then kept in memory, and written with the next one or by
    /// [`Store::flush`].
    pub fn push(&mut self, record: Record) -> Result<()> {
        self.note(record)?;
        self.flush()
    }

    fn note(&mut self, record: Record) -> Result<()> {
        self.unwritten += &line::write(&record).context("a record as JSON")?;
        self.again.remove(&record.run);
        self.keep(record);
        Ok(())
    }

    /// Writes the records that could not be written before.
    ///
    /// # Errors
    /// A disk that still cannot be written to.
    pub fn flush(&mut self) -> Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let file = &mut self.file;
        if let Err(error) = file.write_all(self.unwritten.as_bytes()).and_then(|()| file.sync_data()) {
            // No part of a line must be before the next one.
            let _ = file.set_len(self.length);
            bail!("{}: cannot be written: {error}", self.folder.join("runs.jsonl").display());
        }
        self.length += self.unwritten.len() as u64;
        self.unwritten.clear();
        Ok(())
    }

    /// Keeps the curves of a run, and notes in its record what they are; the record is to be pushed after this.
    ///
    /// # Errors
    /// A disk that cannot be written to.
    pub fn write_trace(&self, record: &mut Record, trace: &Trace) -> Result<()> {
        let bytes = serde_json::to_vec(trace).context("a trace as JSON")?;
        // Where they cannot be written, the record still says that there are some: they are missed, and made again.
        record.curves = Some(hex(Digest::default().bytes(&bytes)));
        Ok(crate::report::write_atomically(&self.trace_path(&record.run), &bytes)?)
    }

    /// The curves of a record; `None` where its run left none.
    ///
    /// # Errors
    /// A file that is missing, cannot be read, or is not the one that was written.
    pub fn curves(&self, record: &Record) -> Result<Option<Trace>, CurvesError> {
        if !record.has_curves() {
            return Ok(None);
        }
        let path = self.trace_path(&record.run);
        let bytes = match read_regular(&path, MOST.1) {
            Ok(bytes) => bytes,
            Err(source) => return Err(CurvesError::Unreadable { path, source }),
        };
        let is_whole = |known: &String| *known == hex(Digest::default().bytes(&bytes));
        match Trace::parse(&bytes) {
            Some(trace) if record.curves.as_ref().is_none_or(is_whole) => Ok(Some(trace)),
            _ => Err(CurvesError::Damaged { path }),
        }
    }

    /// Writes the file anew, the records of `order` first and in that order, all others after them: two finished
    /// calls give the same file whatever the order in which their runs ended.
    ///
    /// # Errors
    /// A disk that cannot be written to.
    pub fn rewrite(&mut self, order: &[Run]) -> Result<()> {
        let ranks: HashMap<&Run, usize> =
            order.iter().enumerate().rev().map(|(rank, run)| (run, rank)).collect();
        self.records.sort_by_cached_key(|record| ranks.get(&record.run).copied().unwrap_or(usize::MAX));
        let ours = self.records.iter().enumerate().filter(|(_, record)| record.origin.is_of_our_numerics());
        self.places = ours.map(|(place, record)| (record.run.clone(), place)).collect();
        let mut text = String::new();
        for record in &self.records {
            text += &line::write(record).context("a record as JSON")?;
        }
        let path = self.folder.join("runs.jsonl");
        crate::report::write_atomically(&path, text.as_bytes())?;
        self.length = text.len() as u64;
        self.unwritten.clear();
        self.file = append(&path)?;
        Ok(())
    }

    fn trace_path(&self, run: &Run) -> PathBuf {
        self.folder.join("traces").join(format!("{}.json", run.slug()))
    }
}

fn append(path: &Path) -> Result<File> {
    // A named pipe would be waited for without end.
    if let Err(error) = open_regular(path)
        && error.kind() != ErrorKind::NotFound
    {
        bail!("{}: cannot be written: {error}", path.display());
    }
    OpenOptions::new().create(true).append(true).open(path).with_context(|| {
        format!("{}: cannot be written; expected a folder that can be written to", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use crate::run::results::Results;
    use crate::run::{Origin, Protocol};

    fn record(seed: u64, value: Option<f64>) -> Record {
        Record {
            run: Run {
                experiment: "table1".to_owned(),
                dataset: "boston".to_owned(),
                method: method::GMP,
                lr: 0.1,
                protocol: Protocol::Paper,
                seed,
                epoch_limit: 10,
                data: "0123456789abcdef".to_owned(),
                setting: Default::default(),
            },
            metric: "rmse".to_owned(),
            value,
            validation: value,
            epochs: 10,
            end: "epochs".to_owned(),
            seconds: 1.0,
            movement: None,
            measures: None,
            accuracy: None,
            origin: Origin::here(),
            curves: None,
        }
    }

    fn store(out: &Path, records: impl IntoIterator<Item = Record>) -> Store {
        let mut store = Store::open(out, "table1").unwrap();
        records.into_iter().for_each(|record| store.push(record).unwrap());
        store
    }

    fn push_with(store: &mut Store, mut record: Record, trace: &Trace) {
        store.write_trace(&mut record, trace).unwrap();
        store.push(record).unwrap();
    }

    #[test]
    fn a_damaged_line_costs_that_line() {
        let folder = tempfile::tempdir().unwrap();
        drop(store(folder.path(), (0..5).map(|seed| record(seed, Some(1.0)))));
        let path = folder.path().join("table1/runs.jsonl");
        let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        lines[2].truncate(40);
        let torn = lines[2].clone();
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        let store = Store::open(folder.path(), "table1").unwrap();
        let found: Vec<bool> = (0..5).map(|seed| store.find(&record(seed, None).run).is_some()).collect();
        assert_eq!(found, [true, true, false, true, true]);
        let [warning] = store.warnings() else { panic!("{:?}", store.warnings()) };
        assert!(warning.contains("table1/runs.jsonl: line 3: not a record"), "{warning}");
        assert_eq!(fs::read_to_string(folder.path().join("table1/runs-damaged.jsonl")).unwrap(), torn + "\n");
        assert!(Store::open(folder.path(), "table1").unwrap().warnings().is_empty(), "it is said once");
    }

    /// A pipe would be waited for without end, and a file that claims a terabyte would be read into memory.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_of_ours_is_refused_by_name() {
        use std::process::Command;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join("table1").join(name);
        let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        let refused = |words: &str| {
            let error = format!("{:#}", Store::open(folder.path(), "table1").unwrap_err());
            assert!(error.contains(words), "{error}");
        };
        fs::create_dir(folder.path().join("table1")).unwrap();
        pipe(&at("runs.jsonl"));
        refused("table1/runs.jsonl: cannot be read: a named pipe, expected a regular file");
        fs::remove_file(at("runs.jsonl")).unwrap();
        File::create(at("runs.jsonl")).unwrap().set_len(1 << 36).unwrap();
        refused("table1/runs.jsonl: cannot be read: larger than");
        // The place for lines that are no records.
        fs::write(at("runs.jsonl"), "no record\n").unwrap();
        pipe(&at("runs-damaged.jsonl"));
        refused("table1/runs-damaged.jsonl: cannot be written: a named pipe, expected a regular file");
        assert_eq!(fs::read_to_string(at("runs.jsonl")).unwrap(), "no record\n");
        fs::remove_file(at("runs-damaged.jsonl")).unwrap();
        // A place for curves.
        let mut store = Store::open(folder.path(), "table1").unwrap();
        push_with(&mut store, record(0, Some(1.0)), &Trace::default());
        let curves = store.trace_path(&record(0, None).run);
        fs::remove_file(&curves).unwrap();
        pipe(&curves);
        let error = store.curves(&store.records[0]).unwrap_err().to_string();
        assert!(error.contains("a named pipe, expected a regular file"), "{error}");
    }

    /// What overflowed is read back as what it was, and not as a run that broke down.
    #[test]
    fn records_are_read_as_they_were_written() {
        let values = [Some(0.1), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(f64::NAN), None];
        for value in values {
            let text = serde_json::to_string(&record(0, value)).unwrap();
            let read: Record = serde_json::from_str(&text).unwrap();
            assert_eq!(format!("{:?}", read), format!("{:?}", record(0, value)), "{text}");
        }
        let text = serde_json::to_string(&record(0, Some(1.5))).unwrap().replace("1.5", "\"much\"");
        assert!(serde_json::from_str::<Record>(&text).is_err());
    }

    #[test]
    fn records_of_other_numerics_are_kept_and_not_reused() {
        let written_by = |version: &str, numerics| {
            let folder = tempfile::tempdir().unwrap();
            let origin = Origin { version: version.to_owned(), numerics, revision: None };
            let mut store = store(folder.path(), [Record { origin, ..record(0, Some(1.0)) }]);
            let is_found = store.find(&record(0, None).run).is_some();
            store.push(record(0, Some(2.0))).unwrap();
            assert_eq!(store.find(&record(0, None).run).unwrap().value, Some(2.0));
            store.rewrite(&[record(0, None).run]).unwrap();
            let text = fs::read_to_string(folder.path().join("table1/runs.jsonl")).unwrap();
            assert_eq!(text.lines().count(), if is_found { 1 } else { 2 }, "{text}");
            is_found
        };
        let ours = Origin::here().numerics.unwrap();
        assert!(written_by("9.9.9", Some(ours)), "the numerics decide, not the version");
        assert!(!written_by("0.2.0", Some(ours + 1)) && !written_by("0.1.0", None));
        assert_eq!(
            written_by("0.2.0", None),
            ours == 1,
            "version 0.2.0 did not say its numerics, which are 1"
        );
    }

    #[test]
    fn curves_that_are_missing_or_changed_are_made_again_or_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), "table1").unwrap();
        let trace = Trace { epochs: vec![0.5, 1.5], ..Trace::default() };
        for seed in 0..3 {
            let seconds = if seed == 2 { 1e5 } else { 1.0 };
            push_with(&mut store, Record { seconds, ..record(seed, Some(1.0)) }, &trace);
        }
        store.push(record(3, None)).unwrap();
        let runs: Vec<Run> = (0..4).map(|seed| record(seed, None).run).collect();
        assert!(store.check_curves(&runs).is_empty());
        let damage = |seed: usize, damage: &dyn Fn(&Path)| damage(&store.trace_path(&runs[seed]));
        damage(0, &|path| fs::remove_file(path).unwrap());
        // Still curves, but not those that were written.
        damage(1, &|path| fs::write(path, fs::read_to_string(path).unwrap().replace("0.5", "0.25")).unwrap());
        damage(2, &|path| fs::write(path, "").unwrap());
        let said = store.check_curves(&runs);
        let words = ["is not repeated", "that are repeated because their curves are missing: 2 ("];
        assert!(
            said.len() == 2 && said.iter().zip(words).all(|(said, word)| said.contains(word)),
            "{said:?}"
        );
        let found: Vec<bool> = runs.iter().map(|run| store.find(run).is_some()).collect();
        assert_eq!(found, [false, false, true, true]);
        push_with(&mut store, record(0, Some(1.0)), &trace);
        assert_eq!(store.curves(store.find(&runs[0]).unwrap()).unwrap(), Some(trace));
        assert!(store.curves(store.find(&runs[3]).unwrap()).unwrap().is_none());
        // What a report asks for in vain is named in it.
        let results = Results::new(vec![&store.records[2], &store.records[3]], &store);
        assert!(results.trace(results.records[1]).is_none() && results.problems().is_empty());
        assert!(results.trace(results.records[0]).is_none() && results.trace(results.records[0]).is_none());
        assert!(results.problems().len() == 1 && results.problems()[0].contains("damaged"));
    }

    /// Ten thousand seeds of everything: the time of a look-up does not grow with the records.
    #[test]
    fn many_records_are_found_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), "table1").unwrap();
        let count = 180_000;
        (0..count).for_each(|seed| store.keep(record(seed, Some(1.0))));
        let runs: Vec<Run> = (0..count).rev().map(|seed| record(seed, None).run).collect();
        let start = std::time::Instant::now();
        assert!(runs.iter().all(|run| store.find(run).is_some_and(|record| record.run == *run)));
        // One look-up after the other took a minute.
        assert!(start.elapsed().as_secs_f64() < 5.0, "{:?}", start.elapsed());
    }

    /// A record that cannot be written is written with the next one that can.
    #[cfg(unix)]
    #[test]
    fn a_disk_that_is_full_for_a_while_loses_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), "table1").unwrap();
        store.push(record(0, Some(1.0))).unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let file = std::mem::replace(&mut store.file, full);
        let error = store.push(record(1, Some(1.0))).unwrap_err().to_string();
        assert!(error.contains("table1/runs.jsonl: cannot be written: "), "{error}");
        assert!(store.flush().is_err());
        store.file = file;
        store.push(record(2, Some(1.0))).unwrap();
        store.flush().unwrap();
        drop(store);
        let store = Store::open(folder.path(), "table1").unwrap();
        assert_eq!(store.records, [record(0, Some(1.0)), record(1, Some(1.0)), record(2, Some(1.0))]);
    }
}
