//! The experiments with pictures as a user meets them: the real program, in folders of its own.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn xtask(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("repro").args(arguments).arg("--out").arg(out);
    command
}

/// Exit code and what was said.
fn run(out: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = xtask(out, arguments).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
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

fn traces(out: &Path, store: &str) -> Vec<(std::ffi::OsString, String)> {
    let files = fs::read_dir(out.join(store).join("traces")).unwrap().map(|file| file.unwrap().path());
    let mut traces: Vec<_> =
        files.map(|path| (path.file_name().unwrap().to_owned(), fs::read_to_string(path).unwrap())).collect();
    traces.sort();
    traces
}

const TINY: [&str; 10] =
    ["--dataset", "pictures", "--pictures", "48", "--width", "1/64", "--batch", "16", "--epochs", "2"];

#[test]
fn figure_4_and_table_2_share_their_runs_under_every_method() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let (code, said) = run(out, &[&["fig4", "table2"][..], &TINY].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("table2: 6 of 6 runs are there already"), "{said}");
    assert!(said.contains("epoch 2 of 2: loss ") && said.contains(" pictures/s"), "{said}");
    let records = records(out, "vgg6");
    let methods: Vec<&str> = records.iter().map(|record| record["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["SP", "WN", "WN+MBN", "BN", "GmP", "GmP+IMN"]);
    for record in &records {
        let (top1, top5) = (record["value"].as_f64().unwrap(), record["accuracy"]["top5"].as_f64().unwrap());
        assert!((0.0..=1.0).contains(&top1) && top1 <= top5 && top5 <= 1.0, "{record}");
        let rate = if record["method"].as_str().unwrap().starts_with("GmP") { 0.1 } else { 0.01 };
        assert_eq!(record["lr"], rate);
    }
    assert_eq!(traces(out, "vgg6").len(), 6);
    assert!(fs::metadata(out.join("fig4/fig4.png")).unwrap().len() > 2_000);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for expected in
        ["Figure 4", "Table 2", "GENERATED", "48 training and 12 validation pictures", "not tested"]
    {
        assert!(page.contains(expected), "the page does not say {expected}");
    }
    let logs: Vec<_> = fs::read_dir(out.join("vgg6/logs")).unwrap().map(|log| log.unwrap().path()).collect();
    assert_eq!(logs.len(), 6);
    for log in logs {
        let epochs = fs::read_to_string(log.join("epochs.jsonl")).unwrap();
        assert_eq!(
            epochs.lines().filter(|line| line.contains("\"validation/top_5_accuracy\"")).count(),
            2,
            "{epochs}"
        );
        assert!(fs::read_dir(&log).unwrap().count() > 1, "no event file in {}", log.display());
    }
}

/// The same numbers to the last bit at any number of threads, and after an interruption.
#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_goes_on_to_the_same_result_at_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = [
        &["table2", "--dataset", "pictures", "--pictures", "640", "--width", "1/32", "--batch", "16"][..],
        &["--epochs", "3", "--method", "GmP+IMN"],
    ]
    .concat();
    let whole = folder.path().join("whole");
    let (code, said) = run(&whole, &[&arguments[..], &["--threads", "1"]].concat());
    assert_eq!(code, Some(0), "{said}");

    let broken = folder.path().join("broken");
    let mut interruptions = 0;
    for threads in ["1", "2", "3", "4", "2", "2", "2", "2"] {
        let mut command = xtask(&broken, &[&arguments[..], &["--threads", threads]].concat());
        let child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        if interruptions < 4 {
            std::thread::sleep(std::time::Duration::from_millis(150 + 170 * interruptions));
            let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("WARNING") && !said.contains("anew"), "{said}");
        if output.status.success() {
            break;
        }
        // 130: it stopped and kept its state; a signal before it listened leaves none.
        assert!(matches!(output.status.code(), Some(130) | None), "{:?}: {said}", output.status);
        interruptions += 1;
    }
    eprintln!("interrupted {interruptions} times");
    assert_eq!(records(&broken, "vgg6"), records(&whole, "vgg6"));
    assert_eq!(traces(&broken, "vgg6"), traces(&whole, "vgg6"));
    let left = fs::read_dir(broken.join("vgg6/checkpoints")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "checkpoints of a finished run are left");
}

#[test]
fn table_3_is_skipped_without_pictures_and_runs_with_some() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("nothing");
    let (code, said) = run(folder.path(), &["table3", "--data-dir", data.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("table3: Skipped: there is no "), "{said}");

    common::write_ilsvrc(&data.join("ilsvrc"), 2);
    let arguments = [
        "table3",
        "--data-dir",
        data.to_str().unwrap(),
        "--epochs",
        "1",
        "--batch",
        "2",
        "--method",
        "GmP+IMN",
    ];
    let (code, said) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{said}");
    let records = records(folder.path(), "table3");
    assert_eq!(records.len(), 1);
    assert!(records[0]["value"].is_number(), "{}", records[0]);
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("this shows that everything runs and measures nothing"));
}

#[test]
fn what_makes_no_sense_is_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (arguments, expected) in [
        (&["fig4", "--width", "1/3"][..], "expected 1, 1/2, 1/4"),
        (&["fig4", "--batch", "0"], "expected a whole number from 1"),
        (&["table2", "--dataset", "mnist"], "there is no set of pictures \"mnist\""),
        (&["table2", "--dataset", empty.to_str().unwrap()], "no pictures of a known layout"),
        (&["table2", "--method", "nGPT"], "unknown method"),
    ] {
        let (code, said) = run(folder.path(), arguments);
        assert!(code.is_some_and(|code| code > 0), "{arguments:?}: {code:?}");
        assert!(said.contains(expected) && !said.contains("panicked"), "{said}");
    }
    let (code, said) = run(folder.path(), &["table1", "--method", "GmP+IMN"]);
    assert_eq!(code, Some(0), "{said}");
}
