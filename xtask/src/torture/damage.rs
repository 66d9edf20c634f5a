//! Files of the output folder are damaged between two calls: the second one ends with the right results, or says which file
//! is wrong.

use super::budget::Budget;
use super::subject::{Subject, end, files, start};
use super::tally::Tally;
use super::{Setting, keep_or_remove};
use anyhow::{Context as _, Result, bail};
use gmp_nn::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Cut,
    Empty,
    FlippedBit,
    ChangedDigit,
    ZeroedPart,
    RepeatedPart,
    Appended,
    Deleted,
    Folder,
    Pipe,
    LinkToAFile,
    DanglingLink,
    LinkToItself,
    LinkToZeros,
    Sparse,
    Foreign,
}
use Damage::*;

const DAMAGES: [Damage; 16] = [
    Cut,
    Empty,
    FlippedBit,
    ChangedDigit,
    ZeroedPart,
    RepeatedPart,
    Appended,
    Deleted,
    Folder,
    Pipe,
    LinkToAFile,
    DanglingLink,
    LinkToItself,
    LinkToZeros,
    Sparse,
    Foreign,
];
/// Files that may be there, though the reproduction does not leave them.
const OTHERS: [&str; 3] = ["repro.lock", "vgg6/runs-damaged.jsonl", "fingerprints.json"];
/// Folders that are left half-way, to be damaged.
const INTERRUPTED: usize = 4;
/// Most things that are damaged in a case.
const MOST: usize = 3;
/// A file that is larger was damaged before.
const LARGEST: u64 = 1 << 22;
const VICTIM: &str = "somebody's file, which has nothing to do with this\n";

/// Carries the campaign out.
pub(super) fn run(setting: &Setting, budget: &Budget, tally: &mut Tally) -> Result<()> {
    let subject = Subject::prepare(&setting.program, &setting.work)?;
    let states = states(&subject, setting)?;
    let (mut number, mut refused) = (0, 0);
    while budget.begin() {
        let mut rng = Rng::new(setting.seed, &format!("damage {number}"));
        let case = subject.case(&number.to_string())?;
        copy(&states[rng.below(states.len())], &case.join("out"))?;
        fs::write(case.join("victim"), VICTIM)?;
        let mut damaged = Vec::new();
        for _ in 0..=rng.below(MOST) {
            damaged.extend(damage(&case.join("out"), &mut rng)?);
        }
        let said: Vec<String> = damaged.iter().map(|(name, damage)| format!("{name}: {damage:?}")).collect();
        let checked = check(&subject, &case, &damaged);
        refused += usize::from(checked == Ok(true));
        keep_or_remove(setting, &case, checked.is_err())?;
        let what = format!("{number} (seed {}): {}", setting.seed, said.join(", "));
        tally.count(budget, &what, checked.map(drop));
        number += 1;
    }
    tally.note(format!("{refused} times an error or a warning that names the file"));
    Ok(())
}

/// Output folders: a finished one, and some with checkpoints of runs that were killed.
fn states(subject: &Subject, setting: &Setting) -> Result<Vec<PathBuf>> {
    let finished = subject.case("finished")?;
    subject.finish(&finished)?;
    let mut states = vec![finished.join("out")];
    let mut rng = Rng::new(setting.seed, "half-way");
    for attempt in 0..20 * INTERRUPTED {
        let case = subject.case(&format!("half-way-{attempt}"))?;
        let child = start(&mut subject.command(&case), &case)?;
        std::thread::sleep(subject.duration.mul_f64(0.2 + 0.8 * rng.uniform()));
        kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGKILL)?;
        end(child, &case)?;
        if files(&case.join("out/vgg6/checkpoints")).is_empty() {
            fs::remove_dir_all(&case)?;
        } else {
            states.push(case.join("out"));
        }
        if states.len() > INTERRUPTED {
            return Ok(states);
        }
    }
    bail!("no process could be killed while it had checkpoints")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let to = to.join(path.file_name().unwrap_or_default());
        match path.is_dir() {
            true => copy(&path, &to)?,
            false => drop(fs::copy(&path, &to)?),
        }
    }
    Ok(())
}

/// Everything below a folder, folders too.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for file in files(folder) {
        let folders = file.ancestors().take_while(|path| *path != folder).map(Path::to_owned);
        all.extend(folders.filter(|path| !all.contains(path)).collect::<Vec<_>>());
    }
    all
}

/// Damages something in an output folder: what, by its path there, and how. Nothing, where that cannot be done to it.
fn damage(out: &Path, rng: &mut Rng) -> Result<Option<(String, Damage)>> {
    let mut all = everything(out);
    all.extend(OTHERS.iter().map(|name| out.join(name)));
    // Records decide most, and are few beside figures and logs.
    let records: Vec<PathBuf> = all.iter().filter(|path| path.ends_with("runs.jsonl")).cloned().collect();
    let of = if rng.below(3) == 0 && !records.is_empty() { &records } else { &all };
    let path = &of[rng.below(of.len())];
    let damage = DAMAGES[rng.below(DAMAGES.len())];
    // The folder may have been damaged before.
    if !path.parent().is_some_and(Path::is_dir) {
        return Ok(None);
    }
    let shown = path.strip_prefix(out).unwrap_or(path).display().to_string();
    let before = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() && found.len() < LARGEST => fs::read(path).ok(),
        _ => None,
    };
    let of_content = [Cut, FlippedBit, ChangedDigit, ZeroedPart, RepeatedPart, Appended];
    let bytes = match (before, of_content.contains(&damage)) {
        (Some(bytes), _) if !bytes.is_empty() => bytes,
        (_, true) => return Ok(None),
        _ => Vec::new(),
    };
    if let Some(bytes) = changed(&bytes, damage, rng) {
        fs::write(path, bytes)?;
        return Ok(Some((shown, damage)));
    }
    let other = all.iter().filter(|other| {
        fs::symlink_metadata(other).is_ok_and(|found| found.is_file() && found.len() < LARGEST)
            && *other != path
    });
    let others: Vec<_> = other.collect();
    let other = others.get(rng.below(others.len().max(1))).map(|other| fs::read(other).unwrap_or_default());
    let removed = match path.is_dir() && !path.is_symlink() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    let is_there = removed.is_ok();
    let victim = out.with_file_name("victim");
    match damage {
        Deleted if !is_there => return Ok(None),
        Deleted => {}
        Empty => drop(File::create(path)?),
        Folder => fs::create_dir(path)?,
        Pipe => {
            let made = Command::new("mkfifo").arg(path).status().context("mkfifo")?;
            anyhow::ensure!(made.success(), "mkfifo {}", path.display());
        }
        LinkToAFile => symlink(victim, path)?,
        DanglingLink => symlink(victim.with_file_name("nothing"), path)?,
        LinkToItself => symlink(path, path)?,
        LinkToZeros => symlink("/dev/zero", path)?,
        Sparse => {
            let mut options = OpenOptions::new();
            let mut file = options.create(true).truncate(true).write(true).open(path)?;
            file.write_all(&bytes)?;
            // As large as the file system has it.
            [1 << 42, 1 << 38].iter().find(|&&size| file.set_len(size).is_ok());
        }
        Foreign => fs::write(path, other.unwrap_or_default())?,
        Cut | FlippedBit | ChangedDigit | ZeroedPart | RepeatedPart | Appended => {}
    }
    Ok(Some((shown, damage)))
}

/// Other content, for the damages that are some.
fn changed(bytes: &[u8], damage: Damage, rng: &mut Rng) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let at = rng.below(bytes.len().max(1));
    let part = at..(at + 1 + rng.below(100)).min(bytes.len());
    match damage {
        Cut => bytes.truncate(at),
        FlippedBit => bytes[at] ^= 1 << rng.below(8),
        ChangedDigit => {
            let digits: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()).collect();
            let at = *digits.get(rng.below(digits.len().max(1)))?;
            bytes[at] = b'0' + (bytes[at] - b'0' + 1 + rng.below(9) as u8) % 10;
        }
        ZeroedPart => bytes[part].fill(0),
        RepeatedPart => {
            let copy = bytes[part].to_vec();
            bytes.splice(at..at, copy);
        }
        Appended => bytes.extend((0..1 + rng.below(200)).map(|_| rng.bits() as u8)),
        _ => return None,
    }
    Some(bytes)
}

/// Whether it was refused or warned of by name, if the outcome was that or the right results. A warning may cost
/// figures, until what is in the way is removed, and never a record.
fn check(subject: &Subject, case: &Path, damaged: &[(String, Damage)]) -> Result<bool, String> {
    // Logs are for other tools: what is foreign in them is left alone, and so is what was put in the place of checkpoints
    // that is no longer needed.
    let besides: Vec<String> =
        damaged.iter().map(|(name, _)| name.clone()).filter(|name| is_beside(name)).collect();
    let finish = || subject.finish(case).map_err(|error| format!("{error:#}"));
    let first = finish()?;
    first.is_clear()?;
    let is_named = |start: &str| {
        let mut lines = first.said.lines().filter(|line| line.starts_with(start));
        lines.any(|line| damaged.iter().any(|(name, _)| line.contains(&format!("out/{name}"))))
    };
    let is_refused = first.status.is_some_and(|status| status.code() == Some(1));
    let checked = if is_refused { Ok(()) } else { subject.check(case, &first, &besides) };
    let is_said = if is_refused { is_named("error: ") } else { checked.is_err() && is_named("WARNING: ") };
    if is_refused && !is_said {
        return Err(format!("the error does not name what is damaged: {}", first.describe()));
    }
    if is_said {
        if !is_refused {
            subject.check_records(case)?;
        }
        for (name, _) in damaged {
            let path = case.join("out").join(name);
            let is_folder = path.is_dir() && !path.is_symlink();
            let _ = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        subject.check(case, &finish()?, &besides)?;
    } else {
        checked?;
    }
    match fs::read_to_string(case.join("victim")) {
        Ok(victim) if victim == VICTIM => Ok(is_said),
        _ => Err("a file that a link points to was written to".to_owned()),
    }
}

fn is_beside(name: &str) -> bool {
    ["vgg6/logs", "vgg6/checkpoints"].iter().any(|begin| name.starts_with(begin))
        || ["runs-damaged.jsonl", "fingerprints.json"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_damage_can_be_done() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let mut seen = Vec::new();
        for seed in 0..400 {
            fs::create_dir_all(out.join("vgg6/traces")).unwrap();
            fs::write(out.join("vgg6/runs.jsonl"), "{\"value\":1}\n").unwrap();
            fs::write(out.join("vgg6/traces/a.json"), "[1]").unwrap();
            seen.extend(damage(&out, &mut Rng::new(seed, "test")).unwrap().map(|(_, damage)| damage));
            fs::remove_dir_all(&out).unwrap();
        }
        assert!(DAMAGES.iter().all(|damage| seen.contains(damage)), "{seen:?}");
    }
}
