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

/// What two calls on the same results agree on.
fn but_for_times(page: &str) -> String {
    let (page, _) = page.split_once("<details id=\"manifest\">").unwrap();
    page.lines().filter(|line| !line.contains("<dd class=\"time\">")).collect::<Vec<_>>().join("\n")
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
    for outside in ["src=", "href=\"http", "fetch(", "@import"] {
        assert!(!page.contains(outside), "the page asks for {outside}");
    }
    assert_eq!(page.matches("<script").count(), 1, "the page's own script and no other");
    let links: Vec<&str> = page.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let (inside, files): (Vec<&str>, Vec<&str>) = links.into_iter().partition(|link| link.starts_with('#'));
    for link in inside {
        assert!(page.contains(&format!("id=\"{}\"", &link[1..])), "{link} leads nowhere");
    }
    for file in &files {
        assert!(out.join(file).is_file(), "the page links to {file}, which is not there");
    }
    for file in
        ["fig2/fig2.svg", "fig2/fig2.png", "fig2/fig2.csv", "claims.csv", "vgg6/runs.jsonl", "claims.json"]
    {
        assert!(files.contains(&file), "the page does not link to {file}");
    }
    // Every section says by which command it is made again, from how many runs and seeds, and in what time.
    for expected in [
        "cargo xtask repro fig3 --profile quick --seeds 1",
        "<dt>Sample</dt><dd>16 runs: ",
        "seed 0, n = 1",
        "<dd class=\"time\">",
    ] {
        assert!(page.contains(expected), "the page does not say {expected}");
    }
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    for key in ["command", "seeds", "version", "numerics", "machine", "learning rates"] {
        assert!(manifest.get(key).is_some(), "the manifest has no {key}");
    }
    // Both are built into the program: it need not be run where its source is.
    assert!(manifest["source revision"].as_str().unwrap().contains("sources "), "{manifest}");
    assert!(manifest["compiler"].as_str().unwrap().starts_with("rustc "), "{manifest}");

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
            "version",
            "numerics",
            "revision",
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
        text(&again.stderr).contains("table1: 10 of 10 runs are already done"),
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
    assert!(message.contains("the same command continues from there"), "{message}");
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
        text(&again.stderr).contains(&format!("fig2: {} of 32 runs are already done", kept - 1)),
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
        "error: there is no experiment \"fig9\"; expected some of theory, fig1, fig2, fig3, fig4, fig5, table1, table2, table3, \
         why, optimizers, activations, normalizations, depth, width, dimensions, initializations, rivals, beyond\n"
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
        (&["--method", "GmP+IMN"], "it has none of them; its methods are SP, WN, BN, GmP, GmP-half-sphere"),
    ] {
        let mut all = vec!["repro", "table1", "--data-dir", path(&data), "--out", path(&out)];
        all.extend(arguments);
        let message = error_of(&all);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    // A file where the output folder should be.
    let message = error_of(&["repro", "fig1", "--out", path(&tiny)]);
    assert!(message.contains("tiny.csv") && message.contains("folder that can be written to"), "{message}");
    // Somebody else's lines are not lost.
    fs::create_dir_all(out.join("fig1")).unwrap();
    fs::write(out.join("fig1/runs.jsonl"), "{\"mine\":1}\n").unwrap();
    let output = xtask(&["repro", "fig1", "--out", path(&out)]);
    let message = text(&output.stderr);
    assert!(
        output.status.success() && message.contains("fig1/runs.jsonl: line 1: not a record"),
        "{message}"
    );
    assert_eq!(fs::read_to_string(out.join("fig1/runs-damaged.jsonl")).unwrap(), "{\"mine\":1}\n");
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

/// A set whose targets are `scale` times those of [`write_set`], under any name.
fn write_scaled(file: &Path, scale: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut csv = "a,b,y\n".to_owned();
    (0..30).for_each(|i| csv += &format!("{},{},{}{scale}\n", i, i * i % 7, 1 + i % 5));
    fs::write(file, csv).unwrap();
}

/// Two sets that a table could not tell apart, and sets that have one of our names: nothing is run.
#[test]
fn two_sets_of_one_name_are_refused_before_anything_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    let [lower, upper] = ["set.csv", "set.CSV"].map(|name| data.join("uci").join(name));
    write_scaled(&lower, "");
    write_scaled(&upper, "000");
    if fs::read(&lower).unwrap() == fs::read(&upper).unwrap() {
        println!("skipped: this file system does not tell set.csv from set.CSV");
        return;
    }
    for (experiment, named) in [("table1", &[][..]), ("theory", &[]), ("table1", &["--dataset", "set"])] {
        let all = ["repro", experiment, "--data-dir", path(&data), "--out", path(&out)];
        let message = error_of(&[&all[..], named].concat());
        assert!(message.contains(path(&lower)) && message.contains(path(&upper)), "{message}");
    }
    fs::remove_file(&upper).unwrap();
    for name in ["banana", "foo-reversed"] {
        let file = data.join("uci").join(format!("{name}.csv"));
        write_scaled(&file, "");
        for experiment in ["table1", "theory"] {
            let message = error_of(&["repro", experiment, "--data-dir", path(&data), "--out", path(&out)]);
            assert!(message.contains(path(&file)) && message.contains("rename it"), "{message}");
        }
        fs::remove_file(&file).unwrap();
    }
    assert!(fs::read_dir(&out).unwrap().next().is_none(), "something was run");
}

/// The same name in two calls: the second set is trained, and its record is its own.
#[test]
fn another_set_of_the_same_name_is_another_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let run = |scale: &str| {
        let file = folder.path().join(format!("data{scale}/set.csv"));
        write_scaled(&file, scale);
        let arguments = ["--method", "SP", "--seeds", "1", "--lr", "0.01", "--protocol", "paper"];
        let output = xtask(
            &[&["repro", "table1", "--dataset", path(&file), "--out", path(&out)][..], &arguments].concat(),
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("are already done"), "{}", text(&output.stderr));
        records(&out, "table1")[0]["value"].as_f64().unwrap()
    };
    let (small, large) = (run(""), run("000"));
    assert!(large > 100.0 * small, "{small} and {large}");
    assert_eq!(records(&out, "table1").len(), 2);
}

/// Curves that are gone are made again, figures of an earlier report do not stay, and methods that an experiment does not
/// have are an error.
#[test]
fn missing_curves_are_made_again_and_old_figures_removed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments = ["repro", "fig2", "--method", "SP", "--seeds", "1", "--lr", "0.1", "--protocol", "paper"];
    let run = || {
        let output = xtask(&[&arguments[..], &["--out", path(&out)]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    run();
    let page = || but_for_times(&fs::read_to_string(out.join("report.html")).unwrap());
    let (whole, figure) = (page(), fs::read(out.join("fig2/fig2.svg")).unwrap());
    let traces: Vec<PathBuf> =
        fs::read_dir(out.join("fig2/traces")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(traces.len(), 2);
    fs::remove_file(&traces[0]).unwrap();
    fs::write(&traces[1], &fs::read(&traces[1]).unwrap()[..500]).unwrap();
    fs::write(out.join("fig2/fig2-old.png"), "").unwrap();
    let said = run();
    assert!(said.contains("repeated because their curves are missing: 2 ("), "{said}");
    assert!(page() == whole && fs::read(out.join("fig2/fig2.svg")).unwrap() == figure);
    assert!(!out.join("fig2/fig2-old.png").exists());
    assert_eq!(records(&out, "fig2").len(), 2, "each run has one record");
    assert!(run().contains("2 of 2 runs are already done"));

    let message = error_of(&["repro", "fig2", "--method", "GmP-half-sphere", "--out", path(&out)]);
    assert!(message.contains("its methods are SP, WN, BN, GmP\n"), "{message}");
}

/// Numbers that overflow: the report from stored records is the first one, in numbers that a reader can take in.
#[test]
fn overflow_is_the_same_in_a_second_report() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("huge.csv"), folder.path().join("out"));
    write_scaled(&file, "e154");
    let arguments = ["--method", "SP,BN", "--seeds", "2", "--lr", "0.1", "--protocol", "paper"];
    let page = |file: &Path| {
        let output = xtask(
            &[&["repro", "table1", "--dataset", path(file), "--out", path(&out)][..], &arguments].concat(),
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        but_for_times(&fs::read_to_string(out.join("report.html")).unwrap())
    };
    let first = page(&file);
    assert!(first.contains("2 of 2 overflowed"), "{first}");
    assert!(page(&file) == first, "the second report is another");
    let large = folder.path().join("large.csv");
    write_scaled(&large, "e29");
    let page = page(&large);
    assert!(page.contains("e29 ± "), "{page}");
    let digits = page.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
    assert!(digits < Some(10), "{digits:?} digits in a row");
}
