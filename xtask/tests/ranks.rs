//! Real processes under a real `mpirun`: the same records and curves as in one process, whatever is killed on the way.
//!
//! `cargo test -p xtask --features mpi --test ranks`; `GMP_KILLS=200` kills more often than an ordinary test.
#![cfg(all(feature = "mpi", target_os = "linux"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A study of few images: two methods, of which one has statistics of the batch, in parts of four images.
const STUDY: &str = "table2 --dataset pictures --width 1/64 --batch 16 --micro-batch 4 --pictures 48 --epochs 16 \
                     --method BN,GmP+IMN --seeds 1 --threads 1";

/// Longer than anything here takes: a run that hangs is an error.
const LONGEST: Duration = Duration::from_secs(240);

fn has_mpirun() -> bool {
    let found = Command::new("mpirun").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: there is no mpirun");
    }
    found
}

fn arguments(out: &Path) -> Vec<String> {
    let study = format!("repro {STUDY} --out");
    study.split_whitespace().map(str::to_owned).chain([out.display().to_string()]).collect()
}

/// `mpirun` with as many ranks as there are lists of arguments, or as `ranks` says of the only one.
fn mpirun(ranks: usize, programs: &[Vec<String>]) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]);
    // A rank that is asked to end has this long to keep what it has.
    command.args(["--mca", "odls_base_sigkill_timeout", "2"]);
    for (i, program) in programs.iter().enumerate() {
        if i > 0 {
            command.arg(":");
        }
        let count = if programs.len() == 1 { ranks } else { 1 };
        command.args(["-n", &count.to_string(), env!("CARGO_BIN_EXE_xtask")]).args(program);
    }
    command.env("FONTCONFIG_FILE", "/dev/null").env("OMPI_MCA_rmaps_base_oversubscribe", "1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for it, or ends it where it hangs.
fn finish(mut child: Child, what: &str) -> Output {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LONGEST {
            let _ = child.kill();
            let output = child.wait_with_output().unwrap();
            panic!("{what}: it hangs: {}", String::from_utf8_lossy(&output.stderr));
        }
        sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn alone(out: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments(out)).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// The records without what differs from call to call, in the order of the methods, and the curves.
fn results(out: &Path) -> (Vec<serde_json::Value>, Vec<(PathBuf, Vec<u8>)>) {
    let store = out.join("vgg6");
    let text = fs::read_to_string(store.join("runs.jsonl")).unwrap_or_default();
    let mut records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            record.as_object_mut().unwrap().remove("seconds");
            record
        })
        .collect();
    records.sort_by_key(|record| record["method"].to_string());
    let entries = fs::read_dir(store.join("traces")).into_iter().flatten();
    let mut curves: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().into(), fs::read(&path).unwrap()))
        .collect();
    curves.sort();
    (records, curves)
}

/// The processes of the ranks, which `mpirun` started itself.
fn ranks_of(mpirun: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{mpirun}/task/{mpirun}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

fn signal(name: &str, process: u32) {
    // It may have ended by itself.
    let _ = Command::new("kill").args([name, &process.to_string()]).stderr(Stdio::null()).status();
}

#[test]
fn a_study_has_the_same_records_and_curves_on_any_number_of_processes() {
    if !has_mpirun() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("alone");
    alone(&expected);
    let expected = results(&expected);
    assert_eq!((expected.0.len(), expected.1.len()), (2, 2));
    for ranks in [2, 3] {
        let out = folder.path().join(ranks.to_string());
        let child = mpirun(ranks, &[arguments(&out)]).spawn().unwrap();
        let output = finish(child, "a whole study");
        assert!(output.status.success(), "{}", said(&output));
        assert!(results(&out) == expected, "another result on {ranks} processes");
        assert_eq!(
            said(&output).matches("report.html written").count(),
            1,
            "one of them speaks: {}",
            said(&output)
        );
        assert!(out.join("report.html").is_file());
    }
}

#[test]
fn processes_that_do_not_agree_refuse_each_other_by_name() {
    if !has_mpirun() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let own = arguments(&folder.path().join("out"));
    let refused = |change: &[(&str, &str)]| {
        let mut other = own.clone();
        for (option, value) in change {
            match other.iter().position(|argument| argument == option) {
                Some(at) => other[at + 1] = (*value).to_owned(),
                None => other.extend([(*option).to_owned(), (*value).to_owned()]),
            }
        }
        let output = finish(mpirun(2, &[own.clone(), other]).spawn().unwrap(), "ranks that differ");
        assert!(!output.status.success());
        let said = said(&output);
        assert_eq!(said.matches("error: ").count(), 1, "one message: {said}");
        said
    };
    let found = refused(&[("--lr", "0.5")]);
    assert!(found.contains("error: rank 1: the list of runs is "), "{found}");
    let found = refused(&[("--pictures", "40")]);
    assert!(found.contains("error: rank 1: the data of the runs is "), "{found}");
    let nowhere = folder.path().join("nowhere").display().to_string();
    let found = refused(&[("--dataset", &nowhere)]);
    assert!(found.contains("error: rank 1: ") && found.contains("nowhere"), "{found}");

    let mut without = own.clone();
    let at = without.iter().position(|argument| argument == "--micro-batch").unwrap();
    without.drain(at..at + 2);
    let output = finish(mpirun(2, &[without]).spawn().unwrap(), "no parts");
    assert!(said(&output).contains("--micro-batch"), "{}", said(&output));
}

/// A rank, `mpirun` or a signal to one of them, at any moment; and then another number of ranks, until it ends.
#[test]
fn a_study_that_is_killed_at_any_moment_goes_on_with_another_number_of_processes() {
    if !has_mpirun() {
        return;
    }
    let kills: u64 = std::env::var("GMP_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("alone");
    alone(&expected);
    let expected = results(&expected);
    let mut draws = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = move |end: u64| {
        draws ^= draws << 13;
        draws ^= draws >> 7;
        draws ^= draws << 17;
        draws % end
    };
    // How long a whole study takes here.
    let whole = {
        let start = Instant::now();
        let out = folder.path().join("whole");
        let output = finish(mpirun(2, &[arguments(&out)]).spawn().unwrap(), "a whole study");
        assert!(output.status.success(), "{}", said(&output));
        start.elapsed()
    };
    let (mut killed, mut ended, mut studies, mut slowest) = (0, 0, 0, Duration::ZERO);
    while killed < kills {
        studies += 1;
        let out = folder.path().join(format!("study {studies}"));
        for attempt in 1.. {
            let ranks = 1 + below(4) as usize;
            let child = mpirun(ranks, &[arguments(&out)]).spawn().unwrap();
            let mpirun = child.id();
            // The last attempt of a study is left alone.
            if attempt <= 3 && killed < kills {
                sleep(whole.mul_f64(below(800) as f64 / 1000.0));
                let chosen = ranks_of(mpirun);
                let rank = chosen.get(below(chosen.len().max(1) as u64) as usize).copied();
                let begin = Instant::now();
                match below(6) {
                    0 => signal("-KILL", mpirun),
                    1 => signal("-TERM", mpirun),
                    2 => signal("-INT", mpirun),
                    3 => rank.into_iter().for_each(|rank| signal("-TERM", rank)),
                    4 => rank.into_iter().for_each(|rank| signal("-INT", rank)),
                    _ => rank.into_iter().for_each(|rank| signal("-KILL", rank)),
                }
                let output = finish(child, "a study that was killed");
                slowest = slowest.max(begin.elapsed());
                // Where mpirun itself was killed, the ranks end when they notice.
                for rank in chosen {
                    let start = Instant::now();
                    while Path::new(&format!("/proc/{rank}/exe")).exists() {
                        assert!(start.elapsed() < LONGEST, "rank {rank} outlived mpirun: {}", said(&output));
                        sleep(Duration::from_millis(5));
                    }
                }
                killed += 1;
                ended += u64::from(output.status.success());
                if output.status.success() {
                    break;
                }
            } else {
                let output = finish(child, "a study that goes on");
                assert!(output.status.success(), "{}", said(&output));
                break;
            }
        }
        assert!(results(&out) == expected, "study {studies} has another result after {killed} kills");
    }
    println!(
        "{killed} kills ({ended} after the end) in {studies} studies; the slowest end took {slowest:.1?}"
    );
}
