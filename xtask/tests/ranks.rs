//! Real processes under a real `mpirun`: the same records and curves as in one process, whatever is killed on the way.
//!
//! `cargo test -p xtask --features mpi --test ranks`; `GMP_KILLS=200` kills more often than an ordinary test.
#![cfg(all(feature = "mpi", target_os = "linux"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What is run, and the folder of its runs.
#[derive(Clone, Copy)]
struct Study {
    options: &'static str,
    folder: &'static str,
}

/// Few images: two methods, of which one has statistics of the batch, in parts of four images, which the ranks share out.
const BATCHES: Study = Study {
    options: "table2 --dataset pictures --width 1/64 --batch 16 --micro-batch 4 --pictures 48 --epochs 16 \
              --method BN,GmP+IMN --seeds 1 --threads 1",
    folder: "vgg6",
};

/// A network whose gradients are several messages, in both directions at the same time.
const MESSAGES: Study = Study {
    options: "table2 --dataset pictures --width 1/4 --batch 16 --micro-batch 2 --pictures 32 --epochs 1 --method GmP --seeds 1 \
              --threads 1",
    folder: "vgg6",
};

/// Twelve runs of small networks, which the ranks share out.
const RUNS: Study = Study {
    options: "fig2 --seeds 1 --method SP,GmP,WN --lr 0.1,0.2 --protocol paper --threads 1",
    folder: "fig2",
};

/// Longer than anything here takes: a run that hangs is an error.
const LONGEST: Duration = Duration::from_secs(240);

fn has_mpirun() -> bool {
    let found = Command::new("mpirun").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: there is no mpirun");
    }
    found
}

fn arguments(study: Study, out: &Path) -> Vec<String> {
    let options = format!("repro {} --out", study.options);
    options.split_whitespace().map(str::to_owned).chain([out.display().to_string()]).collect()
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

/// As [`finish`], and whether `mpirun` was ended because it did not end by itself when none of its processes was left.
fn finish_killed(mut child: Child, what: &str) -> (Output, bool) {
    let (start, mut last_alive) = (Instant::now(), Instant::now());
    while child.try_wait().unwrap().is_none() {
        // Whom nobody has waited for yet has no program any more.
        if ranks_of(child.id()).iter().any(|rank| Path::new(&format!("/proc/{rank}/exe")).exists()) {
            last_alive = Instant::now();
        }
        if last_alive.elapsed() > Duration::from_secs(30) {
            let _ = child.kill();
            return (child.wait_with_output().unwrap(), true);
        }
        if start.elapsed() > LONGEST {
            return (finish(child, what), false);
        }
        sleep(Duration::from_millis(5));
    }
    (child.wait_with_output().unwrap(), false)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a single process leaves.
fn alone(study: Study, folder: &Path) -> Results {
    let out = folder.join("alone");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments(study, &out)).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    results(study, &out)
}

/// Records and curves.
type Results = (Vec<serde_json::Value>, Vec<(PathBuf, Vec<u8>)>);

/// The records in their order, without what differs from call to call, and the curves.
fn results(study: Study, out: &Path) -> Results {
    let store = out.join(study.folder);
    let text = fs::read_to_string(store.join("runs.jsonl")).unwrap_or_default();
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            record.as_object_mut().unwrap().remove("seconds");
            record
        })
        .collect();
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
    for (study, runs) in [(BATCHES, 2), (MESSAGES, 1), (RUNS, 12)] {
        let folder = tempfile::tempdir().unwrap();
        let expected = alone(study, folder.path());
        assert_eq!((expected.0.len(), expected.1.len()), (runs, runs));
        for ranks in [2, 3, 4] {
            let out = folder.path().join(ranks.to_string());
            let child = mpirun(ranks, &[arguments(study, &out)]).spawn().unwrap();
            let output = finish(child, "a whole study");
            assert!(output.status.success(), "{}", said(&output));
            assert!(results(study, &out) == expected, "another result on {ranks} processes");
            assert_eq!(
                said(&output).matches("report.html written").count(),
                1,
                "one of them speaks: {}",
                said(&output)
            );
            assert!(out.join("report.html").is_file());
        }
    }
}

/// The process of a rank, once it has begun.
fn process_of(rank: usize, mpirun: u32) -> u32 {
    let start = Instant::now();
    let name = format!("OMPI_COMM_WORLD_RANK={rank}");
    loop {
        let is_it = |process: &u32| {
            let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|variable| variable == name.as_bytes())
        };
        if let Some(process) = ranks_of(mpirun).into_iter().find(is_it) {
            return process;
        }
        assert!(start.elapsed() < LONGEST, "rank {rank} has not begun");
        sleep(Duration::from_millis(5));
    }
}

/// Waits until some runs are kept, but not all.
fn wait_for_records(study: Study, out: &Path) {
    let start = Instant::now();
    while fs::read_to_string(out.join(study.folder).join("runs.jsonl")).map_or(0, |text| text.lines().count())
        == 0
    {
        assert!(start.elapsed() < LONGEST, "no run ends");
        sleep(Duration::from_millis(2));
    }
}

/// `mpirun --enable-recovery` lets the others live.
#[test]
fn the_runs_of_a_process_that_is_killed_go_to_others() {
    if !has_mpirun() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let expected = alone(RUNS, folder.path());
    let out = folder.path().join("out");
    let mut command = mpirun(3, &[arguments(RUNS, &out)]);
    // Before all others.
    command.env("OMPI_MCA_orte_enable_recovery", "1");
    let child = command.spawn().unwrap();
    let victim = process_of(2, child.id());
    wait_for_records(RUNS, &out);
    signal("-KILL", victim);
    let (output, is_stuck) = finish_killed(child, "a sweep that loses a process");
    let said = said(&output);
    assert!(said.contains("rank 2: it has sent no message for"), "it was not at work: {said}");
    assert!(said.contains("report.html written") && (is_stuck || output.status.success()), "{said}");
    assert!(results(RUNS, &out) == expected, "another result without a process");
}

#[test]
fn a_signal_to_one_process_stops_all_with_what_is_finished() {
    if !has_mpirun() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let expected = alone(RUNS, folder.path());
    let out = folder.path().join("out");
    let child = mpirun(3, &[arguments(RUNS, &out)]).spawn().unwrap();
    let chosen = process_of(1, child.id());
    wait_for_records(RUNS, &out);
    signal("-TERM", chosen);
    let output = finish(child, "a sweep that is stopped");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("the same command continues from there"), "{}", said(&output));
    assert!((1..12).contains(&results(RUNS, &out).0.len()));
    let output = finish(mpirun(2, &[arguments(RUNS, &out)]).spawn().unwrap(), "a sweep that goes on");
    assert!(output.status.success() && results(RUNS, &out) == expected, "{}", said(&output));
}

#[test]
fn processes_that_do_not_agree_refuse_each_other_by_name() {
    if !has_mpirun() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let own = arguments(BATCHES, &folder.path().join("out"));
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

    let mut mixed = own.clone();
    mixed.insert(1, "fig2".to_owned());
    let output = finish(mpirun(2, &[mixed]).spawn().unwrap(), "no parts");
    assert!(said(&output).contains("batches of fig2 cannot be split"), "{}", said(&output));
}

/// A rank, `mpirun` or a signal to one of them, at any moment; and then another number of ranks, until it ends.
#[test]
fn a_study_that_is_killed_at_any_moment_goes_on_with_another_number_of_processes() {
    kill_and_go_on(BATCHES, 20);
}

/// The same where ranks share out whole runs.
#[test]
fn a_sweep_that_is_killed_at_any_moment_goes_on_with_another_number_of_processes() {
    kill_and_go_on(RUNS, 10);
}

fn kill_and_go_on(study: Study, usual: u64) {
    if !has_mpirun() {
        return;
    }
    let kills: u64 = std::env::var("GMP_KILLS").map_or(usual, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let expected = alone(study, folder.path());
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
        let output = finish(mpirun(2, &[arguments(study, &out)]).spawn().unwrap(), "a whole study");
        assert!(output.status.success(), "{}", said(&output));
        start.elapsed()
    };
    let (mut killed, mut ended, mut stuck, mut studies, mut slowest) = (0, 0, 0, 0, Duration::ZERO);
    while killed < kills {
        studies += 1;
        let out = folder.path().join(format!("study {studies}"));
        for attempt in 1.. {
            let ranks = 1 + below(4) as usize;
            let child = mpirun(ranks, &[arguments(study, &out)]).spawn().unwrap();
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
                let (output, is_stuck) = finish_killed(child, "a study that was killed");
                stuck += u64::from(is_stuck);
                if !is_stuck {
                    slowest = slowest.max(begin.elapsed());
                }
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
        assert!(results(study, &out) == expected, "study {studies} has another result after {killed} kills");
    }
    println!(
        "{}: {killed} kills ({ended} after the end, {stuck} with an mpirun that outlived its processes) in {studies} studies; the slowest end took {slowest:.1?}",
        study.folder
    );
}
