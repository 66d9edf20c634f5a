//! Files of every format that is read, damaged where their structure is.
//!
//! They are read by processes of their own, which have half a gigabyte of address space and say which case they begin: one
//! that panics, aborts or stays away too long ends, and its case is known.

mod anatomy;
mod change;
mod formats;

use super::Setting;
use super::budget::Budget;
use super::tally::Tally;
use anyhow::{Context as _, Result, bail};
use change::{Change, apply, changes, several};
use formats::{FORMATS, Format};
use gmp_nn::Rng;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// KiB of address space of a process that reads.
const MEMORY: usize = 1 << 19;
/// Cases are read in milliseconds; a machine may be busy.
const LIMIT: Duration = Duration::from_secs(20);
/// Cases of one process.
const BATCH: usize = 1000;
/// What a process says before it ends, with its peak of memory in KiB.
const PEAK: &str = "peak ";

/// The damaged files of a format: those that follow from its structure in a random order, and then as many as are wanted of
/// several changes together.
struct Cases {
    format: &'static Format,
    seed: u64,
    good: Vec<(Vec<u8>, Vec<Change>)>,
    /// Which file, which of its changes, and whether checksums are put right.
    single: Vec<(usize, usize, bool)>,
}

impl Cases {
    fn new(format: &'static Format, seed: u64) -> Self {
        let with_changes = |bytes: Vec<u8>| {
            let changes = changes(&bytes, &(format.anatomy)(&bytes));
            (bytes, changes)
        };
        let good: Vec<_> = (format.good)().into_iter().map(with_changes).collect();
        let repairs: &[bool] = if format.repair.is_some() { &[false, true] } else { &[false] };
        let mut single = Vec::new();
        for (file, (_, changes)) in good.iter().enumerate() {
            for change in 0..changes.len() {
                single.extend(repairs.iter().map(|&is_repaired| (file, change, is_repaired)));
            }
        }
        Rng::new(seed, format.name).shuffle(&mut single);
        Self { format, seed, good, single }
    }

    /// The content of a case.
    fn bytes(&self, case: usize) -> Vec<u8> {
        let (file, changes, is_repaired) = match self.single.get(case) {
            Some(&(file, change, is_repaired)) => {
                (file, vec![self.good[file].1[change].clone()], is_repaired)
            }
            None => {
                let mut rng = Rng::new(self.seed, &format!("{} {case}", self.format.name));
                let file = rng.below(self.good.len());
                let (bytes, changes) = &self.good[file];
                (file, several(bytes, changes, &mut rng), rng.below(2) == 0)
            }
        };
        let mut bytes = self.good[file].0.clone();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        if let Some(repair) = self.format.repair.filter(|_| is_repaired) {
            repair(&mut bytes);
        }
        bytes
    }
}

/// Carries the campaign out.
pub(super) fn run(setting: &Setting, budget: &Budget, tally: &mut Tally) -> Result<()> {
    let mut single = 0;
    for (i, format) in FORMATS.iter().enumerate() {
        let cases = Cases::new(format, setting.seed);
        single += cases.single.len();
        for (file, (bytes, _)) in cases.good.iter().enumerate() {
            if !(format.read)(bytes, &setting.work) {
                bail!("{}: good file {file} is refused", format.name);
            }
        }
        let budget = budget.part(FORMATS.len() - i);
        let mut next = 0;
        while budget.begin() {
            next = read_batch(setting, &cases, next, &budget, tally)?;
        }
    }
    tally.note(format!(
        "{} formats, {single} changes of their structure, the rest several changes together",
        FORMATS.len()
    ));
    Ok(())
}

/// Has a process read cases from `from` on; the first case that it did not come to.
fn read_batch(
    setting: &Setting,
    cases: &Cases,
    from: usize,
    budget: &Budget,
    tally: &mut Tally,
) -> Result<usize> {
    let name = cases.format.name;
    let said = setting.work.join("stderr");
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -c 0; ulimit -v {MEMORY}; exec \"$0\" \"$@\"")])
        .arg(&setting.program)
        .args(["torture", "--read", name, "--from", &from.to_string(), "--seed", &setting.seed.to_string()])
        .current_dir(&setting.work)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&said)?)
        .spawn()
        .context("a process that reads")?;
    let output = BufReader::new(child.stdout.take().context("its output")?);
    let (sender, receiver) = channel();
    std::thread::spawn(move || output.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
    let (mut current, mut is_done) = (None, false);
    let problem = loop {
        match receiver.recv_timeout(LIMIT) {
            Ok(line) if line.starts_with(PEAK) => is_done = true,
            Ok(line) => {
                current = line.parse().ok().or(current);
                // The first one was begun by the caller.
                if current.is_some_and(|case: usize| case > from) && !budget.begin() {
                    break None;
                }
            }
            Err(RecvTimeoutError::Timeout) => break Some(format!("no end after {} s", LIMIT.as_secs())),
            Err(RecvTimeoutError::Disconnected) => break (!is_done).then(String::new),
        }
    };
    child.kill()?;
    let status = child.wait()?;
    let Some(problem) = problem else {
        let next = if is_done { current.map_or(from, |case| case + 1) } else { current.unwrap_or(from) };
        tally.cases += next - from;
        tally.progress(budget);
        return Ok(next);
    };
    let case = current.unwrap_or(from);
    tally.cases += case - from;
    fs::create_dir_all(&setting.failing)?;
    let kept = setting.failing.join(format!("{name}-seed-{}-case-{case}", setting.seed));
    fs::write(&kept, cases.bytes(case))?;
    let said = fs::read(&said).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    // A library's panics are caught, and said too: the last one is it.
    let said = &said[said.rfind("panicked at").unwrap_or(0)..];
    let said = said.chars().take(300).collect::<String>().replace('\n', " ");
    tally.count(budget, &kept.display().to_string(), Err(format!("{status} {problem} {said}")));
    Ok(case + 1)
}

/// What the processes do: reads a batch of cases and says which one it begins.
pub(super) fn read_cases(format: &str, seed: u64, from: usize) -> Result<ExitCode> {
    let Some(format) = FORMATS.iter().find(|known| known.name == format) else {
        bail!("there is no format \"{format}\"");
    };
    let cases = Cases::new(format, seed);
    let mut out = std::io::stdout().lock();
    let folder = std::env::current_dir()?;
    for case in from..from + BATCH {
        writeln!(out, "{case}")?;
        let _ = (format.read)(&cases.bytes(case), &folder);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    writeln!(out, "{PEAK}{}", peak.trim())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same seed gives the same files, so that a case can be repeated; and damage is done.
    #[test]
    fn cases_are_those_of_their_seed_and_good_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        for format in &FORMATS {
            let (one, other) = (Cases::new(format, 1), Cases::new(format, 1));
            assert!(one.single.len() > 30, "{}: {} changes", format.name, one.single.len());
            for (bytes, _) in &one.good {
                assert!((format.read)(bytes, folder.path()), "{}", format.name);
            }
            let damaged = |case: &usize| one.good.iter().all(|(good, _)| one.bytes(*case) != *good);
            let cases = [0, 1, 2, one.single.len(), one.single.len() + 1];
            assert!(cases.iter().all(|&case| one.bytes(case) == other.bytes(case)));
            assert!((0..30).filter(damaged).count() > 15, "{}", format.name);
        }
    }
}
