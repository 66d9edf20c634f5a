//! The n-th system call of a kind fails, or is the moment at which the process is killed: by `strace`.

use super::budget::Budget;
use super::subject::{Outcome, Subject, check_whole, run as run_process};
use super::tally::Tally;
use super::{Setting, keep_or_remove};
use anyhow::{Result, bail};
use gmp_nn::Rng;
use std::collections::HashMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

/// Calls by which files are read, written, made, renamed and removed, and how each may fail.
///
/// Not `close`: where it fails on a folder, the standard library panics by design.
const CALLS: [(&str, &[&str]); 16] = [
    ("openat", &["EIO", "EACCES", "ENOSPC", "EMFILE"]),
    ("read", &["EIO", "EINTR"]),
    ("write", &["ENOSPC", "EIO", "EINTR"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
    ("ftruncate", &["EIO", "EINTR"]),
    ("lseek", &["EIO"]),
    ("rename", &["EIO", "ENOSPC", "EACCES"]),
    ("renameat", &["EIO", "ENOSPC", "EACCES"]),
    ("renameat2", &["EIO", "ENOSPC", "EACCES"]),
    ("mkdir", &["EACCES", "ENOSPC"]),
    ("unlink", &["EIO", "EACCES"]),
    ("unlinkat", &["EIO", "EACCES"]),
    ("flock", &["ENOLCK", "EIO"]),
    ("getdents64", &["EIO"]),
    ("statx", &["EIO", "EACCES"]),
];
/// Instead of an error: the process is killed as it makes the call.
const KILL: &str = "SIGKILL";
/// The file that strace writes.
const LOG: &str = "strace";

/// One fault. `strace` counts the calls of each thread for itself, so every thread that gets so far meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    call: &'static str,
    error: &'static str,
    nth: usize,
    /// Of calls on this file only.
    path: Option<String>,
}

/// Carries the campaign out.
pub(super) fn run(setting: &Setting, budget: &Budget, tally: &mut Tally) -> Result<()> {
    let subject = Subject::prepare(&setting.program, &setting.work)?;
    let mut faults = match plan(&subject)? {
        Ok(faults) => faults,
        Err(reason) => {
            tally.skip(reason);
            return Ok(());
        }
    };
    Rng::new(setting.seed, "faults").shuffle(&mut faults);
    let (mut met, mut refused) = (0, 0);
    for (number, fault) in faults.iter().enumerate() {
        if !budget.begin() {
            break;
        }
        let case = subject.case(&number.to_string())?;
        let (outcome, log) = under(&subject, &case, Some(fault))?;
        let checked = check(&subject, &case, fault, &outcome);
        refused += usize::from(outcome.status.is_some_and(|status| status.code() == Some(1)));
        let injected: Vec<&str> =
            log.lines().filter(|line| line.contains("(INJECTED)") || line.contains("+++ killed")).collect();
        met += usize::from(!injected.is_empty());
        let checked = checked.map_err(|problem| format!("{problem}; {}", injected.join("; ")));
        keep_or_remove(setting, &case, checked.is_err())?;
        tally.count(budget, &format!("{number} (seed {}): {fault:?}", setting.seed), checked);
    }
    let done = tally.cases;
    tally.note(format!("{done} of {} faults, {met} of them met, {refused} times an error", faults.len()));
    Ok(())
}

/// Runs the reproduction under strace; what that wrote.
fn under(subject: &Subject, case: &Path, fault: Option<&Fault>) -> Result<(Outcome, String)> {
    let names: Vec<&str> = CALLS.iter().map(|(call, _)| *call).collect();
    let trace = format!("trace={}", fault.map_or_else(|| names.join(","), |fault| fault.call.to_owned()));
    let mut prefix = vec!["strace", "-f", "-y", "-s", "8", "-o", LOG, "-e", &trace];
    let inject = fault.map(|Fault { call, error, nth, .. }| {
        let what = if *error == KILL { format!("signal={error}") } else { format!("error={error}") };
        format!("inject={call}:{what}:when={nth}")
    });
    prefix.extend(inject.iter().flat_map(|inject| ["-e", inject]));
    prefix.extend(fault.and_then(|fault| fault.path.as_ref()).iter().flat_map(|path| ["-P", path]));
    let outcome = run_process(&mut subject.under(case, &prefix), case)?;
    Ok((
        outcome,
        fs::read(case.join(LOG)).map_or_else(|_| String::new(), |log| String::from_utf8_lossy(&log).into()),
    ))
}

/// All faults there are, or why none can be made here.
fn plan(subject: &Subject) -> Result<Result<Vec<Fault>, String>> {
    let case = subject.case("traced")?;
    let (outcome, log) = match under(subject, &case, None) {
        Ok(traced) => traced,
        Err(error) => return Ok(Err(format!("{error:#}"))),
    };
    if !outcome.status.is_some_and(|status| status.success()) {
        return Ok(Err(format!("strace cannot trace here: {}", outcome.describe())));
    }
    let calls = Calls::read(&log, &case.join("out").display().to_string());
    if calls.most.is_empty() {
        bail!("{}: no system call on the output folder was traced", case.join(LOG).display());
    }
    fs::remove_dir_all(&case)?;
    let mut faults = Vec::new();
    for (call, errors) in CALLS {
        let (first, last) = calls.range(call);
        let at = |path: Option<String>, nth| {
            errors.iter().chain([&KILL]).map(move |error| Fault { call, error, nth, path: path.clone() })
        };
        faults.extend((first..=last).flat_map(|nth| at(None, nth)));
        // What comes before that in the first thread starts the program. Other threads make such calls too, which are
        // met by the names of their files, as far as names are not random.
        let mut paths: Vec<_> = calls.paths.iter().filter(|((of, _), _)| *of == call && first > 1).collect();
        paths.sort();
        for ((_, path), count) in paths {
            // Every case has a folder of its own.
            let path = format!("out{path}");
            faults.extend((1..=*count).flat_map(|nth| at(Some(path.clone()), nth)));
        }
    }
    Ok(Ok(faults))
}

/// The calls of a traced run.
#[derive(Default)]
struct Calls {
    /// Of each kind, the most that one thread made.
    most: HashMap<String, usize>,
    /// Of each kind, those that the first thread made before the output folder was touched: the program's start.
    start: HashMap<String, usize>,
    /// Of each kind and file below the output folder, by the end of its path: the most that one thread made.
    paths: HashMap<(String, String), usize>,
}

impl Calls {
    /// Reads lines such as `1234 openat(AT_FDCWD</a>, "out/b", …`.
    fn read(log: &str, out: &str) -> Self {
        let mut calls = Self::default();
        let (mut counts, mut path_counts) = (HashMap::new(), HashMap::new());
        let (mut first_thread, mut has_begun) = (None, false);
        for line in log.lines() {
            let Some((thread, rest)) = line.split_once(char::is_whitespace) else { continue };
            let Some((call, arguments)) = rest.trim_start().split_once('(') else { continue };
            if !CALLS.iter().any(|(known, _)| *known == call) {
                continue;
            }
            let first_thread = *first_thread.get_or_insert(thread);
            let count: &mut usize = counts.entry((thread, call)).or_default();
            *count += 1;
            let path = path_below(arguments, out);
            has_begun |= path.is_some() || arguments.contains("\"out\"");
            if !has_begun && thread == first_thread {
                calls.start.insert(call.to_owned(), *count);
            }
            let most = calls.most.entry(call.to_owned()).or_default();
            *most = (*most).max(*count);
            if let Some(path) = path.filter(|path| !path.contains("/gmp-") && !path.contains("events.out")) {
                let count: &mut usize = path_counts.entry((thread, call, path)).or_default();
                *count += 1;
                let most = calls.paths.entry((call.to_owned(), path.to_owned())).or_default();
                *most = (*most).max(*count);
            }
        }
        calls
    }

    /// The first and the last call of a kind that is not of the program's start.
    fn range(&self, call: &str) -> (usize, usize) {
        let of = |counts: &HashMap<String, usize>| counts.get(call).copied().unwrap_or(0);
        (1 + of(&self.start), of(&self.most))
    }
}

/// The rest of the first path below the output folder that is named.
fn path_below<'a>(arguments: &'a str, out: &str) -> Option<&'a str> {
    let absolute = arguments.find(out).map(|at| at + out.len());
    let at = absolute.or_else(|| arguments.find("\"out/").map(|at| at + 4))?;
    let rest = &arguments[at..];
    let end = rest.find(['"', '>']).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|rest| rest.starts_with('/'))
}

/// The fault must be coped with or said, and leave no half-written file; then the same command gives the same results.
fn check(subject: &Subject, case: &Path, fault: &Fault, outcome: &Outcome) -> Result<(), String> {
    let is_killed =
        outcome.status.is_some_and(|status| status.signal() == Some(9) || status.code() == Some(137));
    match is_killed && fault.error == KILL {
        true => outcome.no_panic()?,
        false => outcome.is_clear()?,
    }
    check_whole(&case.join("out"))?;
    if outcome.status.is_some_and(|status| status.success()) {
        // It coped with it: what it left must be right as it is, except for what it warned of. What cannot be
        // removed (checkpoints, the lock, an unfinished file) is removed by the next call.
        match outcome.said.contains("WARNING") {
            true => subject.check_records(case)?,
            false => subject.check_results(case, outcome, &["vgg6/checkpoints".to_owned()])?,
        }
    }
    let again = subject.finish(case).map_err(|error| format!("{error:#}"))?;
    subject.check(case, &again, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_thread_and_without_the_program_s_start() {
        let log = "\
            10 openat(AT_FDCWD</c>, \"/etc/ld.so.cache\", O_RDONLY) = 3\n\
            10 mkdir(\"out\", 0777) = 0\n\
            10 openat(AT_FDCWD</c>, \"out/repro.lock\", O_RDWR) = 3</c/out/repro.lock>\n\
            11 openat(AT_FDCWD</c>, \"out/a\", O_RDWR <unfinished ...>\n\
            11 <... openat resumed>) = 4</c/out/a>\n\
            10 write(3</c/out/repro.lock>, \"{\"..., 10) = 10\n\
            11 write(4</c/out/gmp-abc.partial>, \"{\"..., 10) = 10\n\
            11 write(4</c/out/a>, \"{\"..., 10) = 10\n\
            11 futex(0x1, FUTEX_WAIT) = 0\n";
        let calls = Calls::read(log, "/c/out");
        assert_eq!(calls.range("openat"), (2, 2));
        assert_eq!(calls.range("write"), (1, 2));
        assert_eq!(calls.range("mkdir"), (1, 1));
        assert_eq!(calls.range("fsync"), (1, 0));
        let key = |call: &str, path: &str| (call.to_owned(), path.to_owned());
        assert_eq!(calls.paths.get(&key("openat", "/a")), Some(&1));
        assert_eq!(calls.paths.len(), 4);
    }
}
