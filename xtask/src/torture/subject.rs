//! The small reproduction that the campaigns do harm to, and how its results are compared.

use anyhow::{Context as _, Result, bail};
use gmp_train::Checkpoint;
use gmp_train::io::read_regular;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A table of a generated set, and networks on generated pictures with checkpoints, curves and logs: less than a second.
pub(crate) const ARGUMENTS: &[&str] = &[
    "repro",
    "table1",
    "table2",
    "--seeds=2",
    "--lr=0.1",
    "--method=SP",
    "--pictures=48",
    "--width=1/64",
    "--batch=16",
    "--epochs=6",
    "--threads=2",
    "--data-dir=../data",
    "--out=out",
];
/// Most bytes of a file of results.
const LARGEST: u64 = 1 << 26;
/// It is done in one; a machine may be busy.
const LIMIT: Duration = Duration::from_secs(60);

/// The reproduction, its data, and its results where nothing happens.
pub(crate) struct Subject {
    program: PathBuf,
    folder: PathBuf,
    expected: Snapshot,
    /// How long it takes.
    pub(crate) duration: Duration,
}

/// The content of every file of results, by its path in the output folder, without dates, durations and the processor.
type Snapshot = BTreeMap<String, String>;

/// How a process ended.
pub(crate) struct Outcome {
    /// None where it did not end in time.
    pub(crate) status: Option<ExitStatus>,
    /// Its standard error.
    pub(crate) said: String,
}

impl Subject {
    /// Writes the data to `folder` and carries it out twice.
    ///
    /// # Errors
    /// Two results that differ, and what the system refuses.
    pub(crate) fn prepare(program: &Path, folder: &Path) -> Result<Self> {
        let data = folder.join("data/uci");
        fs::create_dir_all(&data).with_context(|| data.display().to_string())?;
        let row = |i: usize| format!("{},{},{}\n", i, i * i % 7, i % 5);
        fs::write(data.join("tiny.csv"), "a,b,y\n".to_owned() + &(0..24).map(row).collect::<String>())?;
        let (program, folder) = (program.to_owned(), folder.to_owned());
        let mut subject = Self { program, folder, expected: Snapshot::new(), duration: Duration::ZERO };
        let mut snapshots = Vec::new();
        for name in ["reference", "reference-again"] {
            let case = subject.case(name)?;
            let start = Instant::now();
            let outcome = run(&mut subject.command(&case), &case)?;
            subject.duration = start.elapsed();
            if !outcome.status.is_some_and(|status| status.success()) {
                bail!("the reproduction fails when nothing interferes with it: {}", outcome.said);
            }
            snapshots.push(snapshot(&case.join("out"))?);
            fs::remove_dir_all(&case)?;
        }
        if let Some(difference) = difference(&snapshots[0], &snapshots[1], &|_| true) {
            bail!("two runs of the reproduction differ when nothing interferes with them: {difference}");
        }
        subject.expected = snapshots.remove(0);
        Ok(subject)
    }

    /// A new folder for a case.
    pub(crate) fn case(&self, name: &str) -> Result<PathBuf> {
        let case = self.folder.join(name);
        fs::create_dir(&case).with_context(|| case.display().to_string())?;
        Ok(case)
    }

    /// The reproduction in the folder of a case.
    pub(crate) fn command(&self, case: &Path) -> Command {
        self.under(case, &["sh", "-c", "ulimit -c 0; exec \"$@\"", "sh"])
    }

    /// The same, by another program that runs it.
    pub(crate) fn under(&self, case: &Path, prefix: &[&str]) -> Command {
        let mut command = Command::new(prefix[0]);
        command.args(&prefix[1..]).arg(&self.program).args(ARGUMENTS).current_dir(case);
        command
    }

    /// Carries it out to the end in the folder of a case.
    pub(crate) fn finish(&self, case: &Path) -> Result<Outcome> {
        run(&mut self.command(case), case)
    }

    /// Checks that `outcome` is a success with the expected results, and that nothing else is left behind; files named in
    /// `besides`, and what is below folders named there, may differ.
    pub(crate) fn check(&self, case: &Path, outcome: &Outcome, besides: &[String]) -> Result<(), String> {
        self.check_results(case, outcome, besides)?;
        let is_left = |path: &PathBuf| {
            // Folders are set aside as they were.
            let is_set_aside = path.to_string_lossy().contains("-set-aside/");
            let is_file = !path.is_symlink() && path.is_file() && !is_set_aside;
            is_file && (is_unfinished(path) || name(path) == "repro.lock")
        };
        match files(&case.join("out")).iter().find(|path| is_left(path)) {
            Some(path) => Err(format!("{} is left behind", path.display())),
            None => Ok(()),
        }
    }

    /// The same, whatever else is left behind.
    pub(crate) fn check_results(
        &self,
        case: &Path,
        outcome: &Outcome,
        besides: &[String],
    ) -> Result<(), String> {
        outcome.no_panic()?;
        match outcome.status {
            Some(status) if status.success() => {}
            _ => {
                return Err(format!(
                    "the same command fails when nothing interferes with it: {}",
                    outcome.describe()
                ));
            }
        }
        self.compare(&case.join("out"), &|name| !besides.iter().any(|other| name.starts_with(other)))
    }

    /// Checks that the records in the folder of a case are the expected ones, whatever else may be missing.
    pub(crate) fn check_records(&self, case: &Path) -> Result<(), String> {
        self.compare(&case.join("out"), &|name| name.ends_with("runs.jsonl"))
    }

    fn compare(&self, out: &Path, is_compared: &dyn Fn(&str) -> bool) -> Result<(), String> {
        let found = snapshot(out).map_err(|error| format!("{error:#}"))?;
        match difference(&self.expected, &found, is_compared) {
            Some(difference) => Err(format!("other results: {difference}")),
            None => Ok(()),
        }
    }
}

impl Outcome {
    /// How it ended, in words.
    pub(crate) fn describe(&self) -> String {
        let end = self.status.map_or_else(|| "it did not end".to_owned(), |status| status.to_string());
        let start = self.said.len().saturating_sub(2000);
        let start = (start..self.said.len()).find(|&at| self.said.is_char_boundary(at)).unwrap_or(0);
        format!("{end}: {}", self.said[start..].trim())
    }

    /// Whether the program made no mistake of its own, whatever was done to it.
    pub(crate) fn no_panic(&self) -> Result<(), String> {
        match self.said.contains("panicked at") || self.said.contains("a mistake in this program") {
            true => Err(format!("a panic: {}", self.describe())),
            false => Ok(()),
        }
    }

    /// Whether it ended with success, or with an error in words.
    pub(crate) fn is_clear(&self) -> Result<(), String> {
        self.no_panic()?;
        match self.status.map(|status| status.code()) {
            Some(Some(0)) => Ok(()),
            Some(Some(1)) if self.said.lines().any(|line| line.starts_with("error: ")) => Ok(()),
            _ => Err(format!("neither success nor an error: {}", self.describe())),
        }
    }
}

/// Starts a command of its own process group, with its standard error in the folder of the case.
pub(crate) fn start(command: &mut Command, case: &Path) -> Result<Child> {
    let said = File::create(case.join("stderr")).context("a file for standard error")?;
    command
        .process_group(0)
        .env("FONTCONFIG_FILE", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said);
    command.spawn().with_context(|| format!("{} cannot be started", command.get_program().display()))
}

/// Waits for its end; a process that takes too long is ended, with all that it started.
pub(crate) fn end(mut child: Child, case: &Path) -> Result<Outcome> {
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if begin.elapsed() > LIMIT {
            killpg(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGKILL)?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let said = fs::read(case.join("stderr")).unwrap_or_default();
    Ok(Outcome { status, said: String::from_utf8_lossy(&said).into_owned() })
}

/// Starts it and waits for its end.
pub(crate) fn run(command: &mut Command, case: &Path) -> Result<Outcome> {
    end(start(command, case)?, case)
}

/// All files below a folder, in order; links are not followed.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    entries.sort();
    let below = |path: PathBuf| match path.is_dir() && !path.is_symlink() {
        true => files(&path),
        false => vec![path],
    };
    entries.into_iter().flat_map(below).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Whether a file's name is one that only a killed process leaves.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    name(path).starts_with("gmp-") && name(path).ends_with(".partial")
}

/// The results in an output folder. Event files are named by the time, and what was set aside is no result.
fn snapshot(out: &Path) -> Result<Snapshot> {
    let mut all = Snapshot::new();
    for path in files(out) {
        let shown = path.strip_prefix(out).unwrap_or(&path).display().to_string();
        let is_none = is_unfinished(&path)
            || name(&path) == "repro.lock"
            || name(&path).starts_with("events.out.")
            || name(&path) == "runs-damaged.jsonl"
            || shown.contains("-set-aside");
        if is_none {
            continue;
        }
        // What was put in a file's place is not waited for, and not read without end.
        let bytes = match path.is_symlink() {
            true => b"(a link)".to_vec(),
            false => read_regular(&path, LARGEST).unwrap_or_else(|error| format!("({error})").into_bytes()),
        };
        let content = match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl") => without_seconds(&bytes, &shown),
            Some("html") => String::from_utf8_lossy(&bytes)
                .lines()
                .filter(|line| {
                    !["date", "seconds", "machine", "Time"]
                        .iter()
                        .any(|n| line.starts_with(&format!("<dt>{n}<")))
                })
                .map(|line| line.to_owned() + "\n")
                .collect(),
            Some("json") if name(&path) == "manifest.json" => {
                let mut all: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                ["date", "seconds", "machine"].iter().for_each(|name| all[*name] = Value::Null);
                all.to_string()
            }
            _ => bytes.iter().map(|&byte| char::from(byte)).collect(),
        };
        all.insert(shown, content);
    }
    Ok(all)
}

/// Lines of JSON without how long something took. Records of another experiment, which somebody put there, are kept by
/// the program and are no results of this one.
fn without_seconds(bytes: &[u8], shown: &str) -> String {
    let line = |line: &str| match serde_json::from_str::<Value>(line) {
        Ok(mut value) => {
            let is_foreign = value["experiment"].as_str().is_some_and(|of| !shown.starts_with(of));
            value.as_object_mut().map(|object| object.remove("seconds"));
            if is_foreign { String::new() } else { value.to_string() + "\n" }
        }
        Err(_) => line.to_owned() + " (no JSON)\n",
    };
    String::from_utf8_lossy(bytes).lines().map(line).collect()
}

/// The first difference of two results in the files that are compared.
fn difference(expected: &Snapshot, found: &Snapshot, is_compared: &dyn Fn(&str) -> bool) -> Option<String> {
    let mut names = expected.keys().chain(found.keys());
    let name = names.find(|name| is_compared(name) && expected.get(*name) != found.get(*name))?;
    Some(match (expected.get(name), found.get(name)) {
        (Some(_), None) => format!("{name} is missing"),
        (None, _) => format!("{name} should not be there"),
        (Some(expected), Some(found)) => {
            let at = expected.bytes().zip(found.bytes()).take_while(|(a, b)| a == b).count();
            let part = |text: &str| {
                text.chars().skip(at.saturating_sub(60)).take(160).collect::<String>().replace('\n', "⏎")
            };
            format!("{name} from byte {at}: found …{}…, expected …{}…", part(found), part(expected))
        }
    })
}

/// Checks that every file of an output folder is whole, or has the name of an unfinished one.
pub(crate) fn check_whole(out: &Path) -> Result<(), String> {
    for path in files(out) {
        let Ok(bytes) = fs::read(&path) else { continue };
        let is_json = || serde_json::from_slice::<Value>(&bytes).is_ok();
        let is_whole = match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => bytes.ends_with(b"</svg>\n"),
            Some("png") => bytes.ends_with(b"IEND\xaeB`\x82"),
            Some("html") => bytes.ends_with(b"</html>\n"),
            Some("json") => is_json(),
            Some("md") => bytes.ends_with(b"|\n"),
            Some("csv") => bytes.ends_with(b"\n"),
            Some("checkpoint") => Checkpoint::<f32>::from_bytes(&bytes).is_ok(),
            Some("jsonl") => bytes.is_empty() || bytes.ends_with(b"\n"),
            // Appended to, or empty until its owner is written.
            _ => {
                is_unfinished(&path) || name(&path).starts_with("events.out.") || name(&path) == "repro.lock"
            }
        };
        if !is_whole {
            return Err(format!("{} is incomplete ({} bytes)", path.display(), bytes.len()));
        }
    }
    Ok(())
}
