//! `cargo xtask repro` as a user meets it: the real program, in folders of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn xtask(arguments: &[&str]) -> Output {
    // No fonts and no home: a bare machine.
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).env("FONTCONFIG_FILE", "/dev/null").env_remove("HOME");
    command.output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The only line of an error, its exit code checked.
fn error_of(arguments: &[&str]) -> String {
    let output = xtask(arguments);
    let message = text(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert!(!message.contains("panicked"), "{message}");
    message
}

fn path(folder: &Path) -> &str {
    folder.to_str().expect("a temporary folder with a plain name")
}

/// Thirty rows of y = a − 2b + a², with a constant column.
fn write_set(data: &Path, name: &str) -> PathBuf {
    let folder = data.join("uci");
    fs::create_dir_all(&folder).unwrap();
    let mut csv = "a,always,b,y\n".to_owned();
    for i in 0..30 {
        let (a, b) = (f64::from(i) / 10.0, f64::from(i * i % 7));
        csv += &format!("{a},5,{b},{}\n", a - 2.0 * b + a * a);
    }
    let path = folder.join(format!("{name}.csv"));
    fs::write(&path, csv).unwrap();
    path
}

fn records(out: &Path, experiment: &str) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(out.join(experiment).join("runs.jsonl")).expect("runs.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn every_experiment_ends_with_its_figures_and_a_page_that_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    write_set(&data, "tiny");
    let arguments = [
        "repro",
        "--profile",
        "quick",
        "--seeds",
        "1",
        "--data-dir",
        path(&data),
        "--out",
        path(&out),
        "--lr",
        "0.1",
        "--pictures",
        "32",
        "--width",
        "1/64",
    ];
    let output = xtask(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));

    // The theory's part on trained networks: angles before and after training, and the inputs in both orders.
    let measurements = fs::read_to_string(out.join("theory/measurements.jsonl")).unwrap();
    let of_the_set =
        |word: &str| measurements.lines().filter(|line| line.contains("tiny") && line.contains(word)).count();
    assert_eq!((of_the_set("\"stage\":\"initial\""), of_the_set("\"stage\":\"trained\"")), (1, 1));
    assert_eq!(of_the_set("\"kind\":\"order\""), 2);

    for figure in
        ["fig1/fig1", "fig2/fig2", "fig3/fig3", "fig4/fig4", "fig5/fig5", "table1/table1-learning-rates"]
    {
        for kind in ["svg", "png"] {
            let size = fs::metadata(out.join(format!("{figure}.{kind}"))).expect(figure).len();
            assert!(size > 2_000, "{figure}.{kind} has {size} bytes");
        }
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for expected in
        ["Figure 1", "Figure 2", "Figure 3", "Figure 5", "Table 1", "always", "GENERATED", "not tested"]
    {
        assert!(page.contains(expected), "the page does not say {expected}");
    }
    for outside in ["src=\"http", "href=\"http", "<script", "@import"] {
        assert!(!page.contains(outside), "the page asks for {outside}");
    }
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    for key in ["command", "seeds", "version", "machine", "compiler", "learning rates"] {
        assert!(manifest.get(key).is_some(), "the manifest has no {key}");
    }

    let table1 = records(&out, "table1");
    assert_eq!(table1.len(), 5 * 2, "methods × protocols");
    for record in &table1 {
        for key in [
            "experiment",
            "dataset",
            "method",
            "lr",
            "protocol",
            "seed",
            "metric",
            "value",
            "epochs",
            "seconds",
        ] {
            assert!(record.get(key).is_some(), "{record} has no {key}");
        }
        assert_eq!(record["metric"], "rmse");
        assert!(record["value"].as_f64().unwrap() > 0.0);
    }
    assert!(records(&out, "fig3").iter().all(|r| r["metric"] == "accuracy"));

    // The same command finds all runs done, and leaves the same results.
    let before: Vec<_> =
        ["fig2", "fig3", "table1"].map(|e| fs::read(out.join(e).join("runs.jsonl")).unwrap()).into();
    let again = xtask(&arguments);
    assert!(again.status.success());
    assert!(
        text(&again.stderr).contains("table1: 10 of 10 runs are there already"),
        "{}",
        text(&again.stderr)
    );
    let after: Vec<_> =
        ["fig2", "fig3", "table1"].map(|e| fs::read(out.join(e).join("runs.jsonl")).unwrap()).into();
    assert!(before == after, "records changed");
}

/// The same seeds give the same numbers to the last bit, at any number of threads.
#[test]
fn results_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_set(&data, "tiny");
    let values = |threads: &str| {
        let out = folder.path().join(threads);
        let output = xtask(&[
            "repro",
            "table1",
            "fig3",
            "--seeds",
            "2",
            "--data-dir",
            path(&data),
            "--out",
            path(&out),
            "--lr",
            "0.1",
            "--threads",
            threads,
        ]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        ["table1", "fig3"].map(|experiment| {
            let strip = |mut record: serde_json::Value| {
                record.as_object_mut().unwrap().remove("seconds");
                record.to_string()
            };
            records(&out, experiment).into_iter().map(strip).collect::<Vec<_>>()
        })
    };
    let one = values("1");
    assert_eq!(one[0].len(), 20);
    for threads in ["2", "3", "4"] {
        assert_eq!(values(threads), one, "{threads} threads");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_finished_runs_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments =
        ["repro", "fig2", "--profile", "quick", "--seeds", "1", "--out", path(&out), "--threads", "1"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let runs = out.join("fig2/runs.jsonl");
    let lines = || fs::read_to_string(&runs).map_or(0, |text| text.lines().count());
    while lines() < 2 {
        assert!(Instant::now() < deadline, "no run ends");
        std::thread::sleep(Duration::from_millis(5));
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let status = child.wait().unwrap();
    let mut message = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut message).unwrap();
    if status.code() == Some(0) {
        println!("skipped: the runs ended before the interrupt arrived");
        return;
    }
    assert_eq!(status.code(), Some(130), "{message}");
    assert!(message.contains("the same command goes on from there"), "{message}");
    let kept = lines();
    assert!(kept >= 2);
    assert!(!out.join("report.html").exists());

    // A kill in the middle of a line: that run is carried out again, the others are not.
    let mut cut = fs::read(&runs).unwrap();
    cut.truncate(cut.len() - 20);
    fs::write(&runs, cut).unwrap();
    let again = xtask(&arguments);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(
        text(&again.stderr).contains(&format!("fig2: {} of 32 runs are there already", kept - 1)),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(records(&out, "fig2").len(), 32);
}

#[test]
fn bad_input_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    let tiny = write_set(&data, "tiny");
    let table1 = |file: &Path| error_of(&["repro", "table1", "--dataset", path(file), "--out", path(&out)]);
    let csv = |content: &str| {
        let file = folder.path().join("bad.csv");
        fs::write(&file, content).unwrap();
        let message = table1(&file);
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.starts_with("error: ") && message.contains("bad.csv"), "{message}");
        message
    };
    assert!(table1(&folder.path().join("absent.csv")).contains("absent.csv: no such file"));
    for (content, expected) in [
        ("a,y\n1,2\n3,four\n", ["line 3", "\"y\""]),
        ("a,y\n1,2\n3\n", ["line 3", "2"]),
        ("a,y\n1,2\nNaN,4\n", ["line 3", "finite"]),
        ("a,y\n1,2\n", ["the only row", "line 2"]),
        ("y\n1\n2\n", ["input", "column"]),
        ("", ["header", ""]),
    ] {
        let message = csv(content);
        for expected in expected {
            assert!(message.contains(expected), "{content:?}: {message}");
        }
    }
    let message = error_of(&["repro", "fig9", "--out", path(&out)]);
    assert_eq!(
        message,
        "error: there is no experiment \"fig9\"; expected some of theory, fig1, fig2, fig3, fig4, fig5, table1, table2, table3\n"
    );
    for (arguments, expected) in [
        (&["--lr", "-1"][..], "positive number"),
        (&["--lr", "NaN"], "positive number"),
        (&["--lr", "much"], "positive number"),
        (&["--seeds", "0"], "0 is not in 1..=10000"),
        (&["--seeds", "-3"], "--seeds"),
        (&["--threads", "0"], "0 is not in 1..=1024"),
        (&["--method", "GMPP"], "expected one of SP, WN, WN+MBN, BN, GmP"),
        (&["--protocol", "mine"], "held-out"),
        (&["--dataset", "nowhere"], "nowhere"),
    ] {
        let mut all = vec!["repro", "table1", "--data-dir", path(&data), "--out", path(&out)];
        all.extend(arguments);
        let message = error_of(&all);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    // A file where the output folder should be.
    let message = error_of(&["repro", "fig1", "--out", path(&tiny)]);
    assert!(message.contains("tiny.csv") && message.contains("folder that can be written to"), "{message}");
    // Somebody else's runs.jsonl is not overwritten.
    fs::create_dir_all(out.join("fig1")).unwrap();
    fs::write(out.join("fig1/runs.jsonl"), "{\"mine\":1}\n").unwrap();
    let message = error_of(&["repro", "fig1", "--out", path(&out)]);
    assert!(message.contains("line 1: not a record of this program"), "{message}");
    assert_eq!(fs::read_to_string(out.join("fig1/runs.jsonl")).unwrap(), "{\"mine\":1}\n");
}

#[test]
fn without_data_table1_says_how_to_get_them_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = xtask(&["repro", "table1", "fig5", "--data-dir", path(folder.path()), "--out", path(&out)]);
    assert!(output.status.success());
    let message = text(&output.stderr);
    assert!(message.contains("cargo xtask data fetch uci"), "{message}");
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("cargo xtask data fetch uci"));
    assert!(out.join("fig5/fig5.png").exists());
}

#[test]
fn the_list_names_every_experiment_and_survives_a_closed_pipe() {
    let output = xtask(&["repro", "--list"]);
    assert!(output.status.success());
    let list = text(&output.stdout);
    for id in ["fig1", "fig2", "fig3", "fig4", "fig5", "table1", "table2", "table3"] {
        assert!(list.lines().any(|line| line.starts_with(id)), "{list}");
    }
    assert!(list.contains("needs DATA-DIR/uci") && list.contains("on two cores"));
}
