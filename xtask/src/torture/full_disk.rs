//! An output folder on a disk that is too small, then the same command once there is space.

use super::budget::Budget;
use super::subject::{ARGUMENTS, Outcome, Subject, check_whole};
use super::tally::Tally;
use super::{Setting, keep_or_remove};
use anyhow::Result;
use gmp_nn::Rng;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// The largest disk that is tried, in KiB: the reproduction takes about a hundred.
const LARGEST: usize = 160;
/// What a tmpfs is made of.
const PAGE: usize = 4;

/// Both calls in a name space of their own, in which a tmpfs can be mounted and made larger. What is on it after each is
/// copied to where it can be looked at.
const SCRIPT: &str = r#"
set -e
size=$1 program=$2
shift 2
mount -t tmpfs -o "size=${size}k" none out
code=0
"$program" "$@" 2> said-full || code=$?
echo "$code" > code-full
cp -r out full
mount -o remount,size=64m out
code=0
"$program" "$@" 2> said-again || code=$?
echo "$code" > code-again
cp -r out again
"#;

/// Carries the campaign out.
pub(super) fn run(setting: &Setting, budget: &Budget, tally: &mut Tally) -> Result<()> {
    let subject = Subject::prepare(&setting.program, &setting.work)?;
    let mut sizes: Vec<usize> = (PAGE..=LARGEST).step_by(PAGE).collect();
    Rng::new(setting.seed, "full disk").shuffle(&mut sizes);
    let (count, mut done, mut refused) = (sizes.len(), 0, 0);
    for size in sizes {
        if !budget.begin() {
            break;
        }
        let case = subject.case(&format!("{size}k"))?;
        fs::create_dir(case.join("out"))?;
        let size_text = size.to_string();
        let output = Command::new("unshare")
            .args(["-r", "-m", "sh", "-c", SCRIPT, "sh", &size_text])
            .arg(&setting.program)
            .args(ARGUMENTS)
            .env("FONTCONFIG_FILE", "/dev/null")
            .current_dir(&case)
            .stdin(Stdio::null())
            .output();
        let problem = match &output {
            Ok(output) if case.join("code-full").exists() => {
                String::from_utf8_lossy(&output.stderr).into_owned()
            }
            Ok(output) => return no_disk(tally, &String::from_utf8_lossy(&output.stderr)),
            Err(error) => return no_disk(tally, &error.to_string()),
        };
        let checked = check(&subject, &case).map_err(|wrong| format!("{wrong} {}", problem.trim()));
        refused += usize::from(checked == Ok(true));
        keep_or_remove(setting, &case, checked.is_err())?;
        tally.count(budget, &format!("a disk of {size} KiB"), checked.map(drop));
        done += 1;
    }
    tally.note(format!("{done} of {count} sizes, on {refused} of which it did not fit"));
    Ok(())
}

fn no_disk(tally: &mut Tally, reason: &str) -> Result<()> {
    tally.skip(format!("no disk can be mounted here: {}", reason.trim()));
    Ok(())
}

/// Whether the disk was too small, if both calls ended as they should.
fn check(subject: &Subject, case: &Path) -> Result<bool, String> {
    let full = outcome(case, "full")?;
    full.is_clear()?;
    check_whole(&case.join("full"))?;
    let again = outcome(case, "again")?;
    // What was on the small disk is looked at where `check` expects it.
    fs::remove_dir(case.join("out"))
        .and_then(|()| fs::rename(case.join("again"), case.join("out")))
        .map_err(|error| error.to_string())?;
    subject.check(case, &again, &[])?;
    Ok(full.status.is_some_and(|status| !status.success()))
}

fn outcome(case: &Path, which: &str) -> Result<Outcome, String> {
    let read = |name: &str| {
        fs::read_to_string(case.join(format!("{name}-{which}")))
            .map_err(|error| format!("{name}-{which}: {error}"))
    };
    let code: i32 = read("code")?.trim().parse().map_err(|_| "no exit code".to_owned())?;
    // As a shell has it: from 128 on, it was a signal.
    let status = ExitStatus::from_raw(if code >= 128 { code - 128 } else { code << 8 });
    Ok(Outcome { status: Some(status), said: read("said")? })
}
