//! What ends the program, and what goes wrong on the way, costs no finished run: the real program, in folders of its own.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

fn xtask(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("repro").args(arguments).arg("--out").arg(out);
    command.env("FONTCONFIG_FILE", "/dev/null");
    command
}

/// Exit code and what was said.
fn run(out: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = xtask(out, arguments).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A program that is under way, ended with the test.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStderr>>,
    said: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines, said: String::new() }
    }

    /// Waits until it has said `word`.
    fn until(&mut self, word: &str) {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            self.said += &format!("{line}\n");
            if line.contains(word) {
                return;
            }
        }
        panic!("it ended without {word:?}: {}", self.said);
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
    }

    /// Exit code and all that was said.
    fn end(mut self) -> (Option<i32>, String) {
        for line in self.lines.by_ref() {
            self.said += &(line.unwrap() + "\n");
        }
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The records without what differs from call to call.
fn records(out: &Path, store: &str) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(out.join(store).join("runs.jsonl")).expect("runs.jsonl");
    let record = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        record.as_object_mut().unwrap().remove("seconds");
        record
    };
    text.lines().map(record).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Pictures in the layout of CIFAR-10: random bytes under labels in turn.
fn write_cifar10(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let mut state = 1_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let files = (1..=5).map(|k| format!("data_batch_{k}.bin")).chain(["test_batch.bin".to_owned()]);
    for file in files {
        let mut bytes = Vec::new();
        for label in 0..10 {
            bytes.push(label);
            bytes.extend((0..3072).map(|_| byte()));
        }
        fs::write(folder.join(file), bytes).unwrap();
    }
}

const LONG: [&str; 12] = [
    "table2",
    "--dataset",
    "pictures",
    "--pictures",
    "320",
    "--width",
    "1/32",
    "--batch",
    "16",
    "--epochs",
    "4000",
    "--threads=1",
];

/// Two in one folder would garble each other's logs and take each other's checkpoints.
#[cfg(unix)]
#[test]
fn a_folder_is_one_process_s_at_a_time_and_a_killed_one_s_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let mut first = Running::start(xtask(out, &LONG));
    first.until("runs to carry out");
    let (code, said) = run(out, &["fig5"]);
    let owner = format!("process {} on ", first.child.id());
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains(&owner) && said.contains("--out"), "{said}");
    // Another folder is another matter.
    let (code, said) = run(&out.join("another"), &["fig5"]);
    assert_eq!(code, Some(0), "{said}");

    first.signal("-KILL");
    assert_eq!(first.end().0, None);
    assert!(out.join("repro.lock").exists());
    let (code, said) = run(out, &["fig5"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&owner) && said.contains("is taken over"), "{said}");
    assert!(!out.join("repro.lock").exists());

    // Whatever asks for the end gives the folder back.
    let mut stopped = Running::start(xtask(out, &LONG));
    stopped.until("runs to carry out");
    stopped.signal("-TERM");
    let (code, said) = stopped.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(
        !out.join("repro.lock").exists()
            && !out.join("vgg6/runs.jsonl").metadata().is_ok_and(|m| m.len() > 0)
    );
}

/// `nohup`: a terminal that is closed is of no concern then; Ctrl-C still is.
#[cfg(unix)]
#[test]
fn a_hang_up_that_is_ignored_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" repro \"$@\"", env!("CARGO_BIN_EXE_xtask")]);
    let out = folder.path().to_str().unwrap();
    command.args(LONG).args(["--method", "SP", "--out", out]);
    let mut running = Running::start(command);
    running.until("epoch 1 of");
    running.signal("-HUP");
    running.until("epoch 3 of");
    running.signal("-INT");
    let (code, said) = running.end();
    assert_eq!(code, Some(130), "{said}");
}

/// A name as long as file systems take, a rate with three hundred zeros, and a place for curves that is taken.
#[test]
fn a_finished_run_is_kept_whatever_its_files_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let (out, pictures) = (folder.path().join("out"), folder.path().join("p".repeat(250)));
    write_cifar10(&pictures);
    fs::create_dir_all(out.join("vgg6")).unwrap();
    let arguments = [
        &["table2", "--dataset", pictures.to_str().unwrap(), "--width", "1/64", "--epochs", "1"][..],
        &["--batch", "16", "--method", "SP", "--lr", "1e-300"],
    ]
    .concat();
    let (code, said) = run(&out, &arguments);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("WARNING"), "{said}");
    assert_eq!(records(&out, "vgg6").len(), 1);
    let (logs, traces) = (names(&out.join("vgg6/logs")), names(&out.join("vgg6/traces")));
    assert_eq!((logs.len(), traces.len(), names(&out.join("vgg6/checkpoints")).len()), (1, 1, 0));
    assert!(traces[0] == format!("{}.json", logs[0]) && logs[0].len() <= 120, "{logs:?} {traces:?}");
    // The same run is found again.
    let (code, said) = run(&out, &arguments);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 of 1 runs are already done"), "{said}");

    let other = folder.path().join("other");
    fs::create_dir_all(other.join("vgg6")).unwrap();
    fs::write(other.join("vgg6/traces"), "").unwrap();
    let (code, said) = run(&other, &arguments);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("WARNING") && said.contains("vgg6/traces"), "{said}");
    assert_eq!(records(&other, "vgg6"), records(&out, "vgg6"));
}

fn write_csv(folder: &Path, name: &str, rows: usize) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let row = |i: usize| format!("{},{},{}\n", i, i * i % 7, i % 5);
    let file = folder.join(name);
    fs::write(&file, "a,b,y\n".to_owned() + &(0..rows).map(row).collect::<String>()).unwrap();
    file
}

#[test]
fn what_can_be_known_to_fail_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("out"), folder.path().join("data"));
    fs::create_dir(&data).unwrap();
    let refused = |arguments: &[&str], expected: &[&str]| {
        let (code, said) = run(&out, &[&["--data-dir", data.to_str().unwrap()], arguments].concat());
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
        for expected in expected {
            assert!(said.contains(expected), "{said}");
        }
        assert!(!out.join("fig2/traces").exists() && !out.join("report.html").exists());
    };
    // Two rows are enough where the test set decides.
    let two = write_csv(folder.path(), "two.csv", 2);
    let two = two.to_str().unwrap();
    refused(&["fig2", "table1", "--dataset", two], &[two, "2 rows are too few", "--protocol paper"]);
    let paper =
        ["table1", "--dataset", two, "--protocol", "paper", "--method", "SP", "--seeds", "1", "--lr", "0.1"];
    let (code, said) = run(&folder.path().join("paper"), &paper);
    assert_eq!(code, Some(0), "{said}");
    write_csv(&data.join("uci"), "three.csv", 3);
    let three =
        ["table1", "--method", "SP", "--seeds", "2", "--lr", "0.1", "--data-dir", data.to_str().unwrap()];
    let (code, said) = run(&folder.path().join("three"), &three);
    assert_eq!(code, Some(0), "{said}");

    fs::create_dir_all(out.join("table1/runs.jsonl")).unwrap();
    refused(&["fig2", "table1"], &["table1/runs.jsonl: cannot be read"]);

    common::write_ilsvrc(&data.join("ilsvrc"), 2);
    for class in ["a", "b"] {
        fs::write(data.join("ilsvrc/val").join(class).join("0.JPEG"), "no picture").unwrap();
    }
    refused(&["fig2", "table3"], &["none of the 2 validation images can be read", "val/a/0.JPEG"]);

    fs::write(data.join("banana.csv"), "x,y,class\n1,2,1\n3,4,-1\n2,2,1\n").unwrap();
    refused(&["fig2", "fig3"], &["banana.csv: 3 rows", "KEEL"]);
}

/// A figure that cannot be written, where nobody could know.
#[test]
fn an_experiment_that_fails_costs_the_others_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("out"), folder.path().join("data"));
    write_csv(&data.join("uci"), "thirty.csv", 30);
    fs::create_dir_all(out.join("fig5/fig5.svg/taken")).unwrap();
    let arguments = [
        "fig5",
        "table1",
        "--method",
        "SP",
        "--seeds",
        "1",
        "--lr",
        "0.1",
        "--data-dir",
        data.to_str().unwrap(),
    ];
    let (code, said) = run(&out, &arguments);
    assert_eq!(code, Some(1), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("error: fig5: ") && last.contains("fig5/fig5.svg"), "{said}");
    assert_eq!(records(&out, "table1").len(), 2);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Failed: ") && page.contains("Test RMSE") && !page.contains("Unfinished"));

    fs::remove_dir_all(out.join("fig5")).unwrap();
    let (code, said) = run(&out, &arguments);
    assert_eq!(code, Some(0), "{said}");
    assert!(!fs::read_to_string(out.join("report.html")).unwrap().contains("Failed: "));
}

/// The page is there before the last experiment ends.
#[cfg(unix)]
#[test]
fn the_page_is_written_after_each_experiment() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let arguments = [&["fig5"][..], &LONG].concat();
    let mut running = Running::start(xtask(out, &arguments));
    running.until("runs to carry out");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(
        page.contains("Figure 5")
            && page.contains("Unfinished: ")
            && page.contains("had not been run yet: ")
            && page.contains("table2.")
    );
    running.signal("-INT");
    assert_eq!(running.end().0, Some(130));
}
