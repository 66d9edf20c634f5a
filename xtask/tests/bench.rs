//! The bench command: what it prints, never how fast.

use std::collections::BTreeSet;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("bench").args(arguments).output().expect("xtask starts")
}

/// Other implementations print the same cases in the same form; the lines are joined by all but `impl` and `value`. What
/// only we have are the range of the rounds and what computed them.
#[test]
fn json_lines_name_every_case_as_the_other_implementations_do() {
    let output = bench(&["mlp", "--json", "--rounds", "1", "--round-milliseconds", "0", "--threads", "2"]);
    let lines = lines(&output);
    for line in &lines {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = vec!["workload", "case", "impl", "threads", "metric", "value", "unit"];
        expected.extend(["fastest", "slowest", "simd", "processor"]);
        expected.sort_unstable();
        assert_eq!(keys.iter().copied().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(
            ["workload", "impl", "metric", "unit"].map(|key| line[key].as_str().unwrap()),
            ["mlp", "gmp", "us/step", "us"]
        );
        assert_eq!(line["threads"], 2);
        assert!(line["value"].as_f64().unwrap() > 0.0);
    }
    let cases: BTreeSet<_> = lines.iter().map(|line| line["case"].as_str().unwrap().to_owned()).collect();
    let mut expected = BTreeSet::new();
    for method in ["SP", "WN", "BN", "GmP"] {
        for batch in [404, 1024] {
            for number in ["float64", "float32"] {
                expected.insert(format!("{method}-b{batch}-{number}"));
            }
        }
    }
    assert_eq!(cases, expected);
    assert_eq!(lines.len(), expected.len(), "a case was measured twice");
}

fn lines(output: &Output) -> Vec<serde_json::Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// A process a case: the peak memory is its own.
#[test]
fn networks_print_their_peak_memory() {
    for (workload, batch) in [("vgg6", 32), ("resnet18", 8)] {
        let output =
            bench(&[workload, "--json", "--rounds", "1", "--round-milliseconds", "0", "--threads", "2"]);
        let lines = lines(&output);
        let cases: Vec<_> = lines.iter().map(|line| line["case"].as_str().unwrap()).collect();
        let forms = ["SP", "WN", "WN+MBN", "BN", "GmP", "GmP+IMN"];
        assert_eq!(cases, forms.map(|form| format!("{form}-b{batch}-nhwc")));
        for line in &lines {
            assert_eq!(
                ["workload", "impl", "metric", "unit"].map(|key| line[key].as_str().unwrap()),
                [workload, "gmp", "images/s", "img/s"]
            );
            assert!(line["value"].as_f64().unwrap() > 0.0);
            if cfg!(target_os = "linux") {
                // The tape alone holds more than 100 MiB. At most what the leanest other implementation takes for
                // VGG-6: 335 MiB for SP and 390 MiB for GmP+IMN.
                let most = match (workload, line["case"].as_str().unwrap()) {
                    ("vgg6", "SP-b32-nhwc") => 335.0,
                    ("vgg6", _) => 390.0,
                    _ => 1000.0,
                };
                assert!((100.0..most).contains(&line["rss_mb"].as_f64().unwrap()), "{line}");
            }
        }
    }
}

#[test]
fn every_size_of_convolution_is_measured_once_a_pass() {
    let output = bench(&["conv", "--json", "--rounds", "1", "--round-milliseconds", "0", "--threads", "2"]);
    let lines = lines(&output);
    let cases: BTreeSet<_> =
        lines.iter().map(|line| (line["case"].to_string(), line["metric"].to_string())).collect();
    assert_eq!(cases.len(), lines.len(), "a case was measured twice");
    // Six sizes in VGG-6 and eleven in ResNet-18; of the first of each, no gradient of the pictures.
    assert_eq!(lines.len(), 3 * 17 - 2, "{cases:?}");
    assert!(lines.iter().all(|line| line["unit"] == "GFLOP/s" && line["value"].as_f64().unwrap() > 0.0));
}

#[test]
fn the_table_shows_every_figure_beside_its_limit() {
    let output = bench(&["levy", "--rounds", "1", "--round-milliseconds", "0"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    for case in ["SP-float64", "GmP-float64"] {
        let row = table.lines().find(|line| line.contains(case)).unwrap_or_else(|| panic!("{case}: {table}"));
        assert!(row.contains("s/10000 steps") && row.contains("% of FMA peak"), "{row}");
    }
}

/// One command judges a change: every case beside the same case of an earlier run, on every number of threads.
#[test]
fn a_run_is_compared_with_an_earlier_one_and_over_threads() {
    let quick = ["levy", "--json", "--rounds", "1", "--round-milliseconds", "0"];
    let before = bench(&quick);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &before.stdout).unwrap();
    let file = file.path().to_str().unwrap();
    let after = lines(&bench(&[&quick[..], &["--scaling", "2", "--pin", "--against", file]].concat()));
    assert_eq!(after.len(), 4, "two cases on one and on two threads");
    for line in &after {
        assert!(line["slowest"].as_f64() >= line["value"].as_f64(), "{line}");
        if line["threads"] == 1 {
            let ratio = &line["against"][0];
            assert_eq!(ratio["impl"], "gmp");
            assert!(ratio["low"].as_f64() <= ratio["ratio"].as_f64(), "{line}");
            assert!(line.get("speed_up").is_none());
        } else {
            assert!(line.get("against").is_none() && line["speed_up"].as_f64().unwrap() > 0.0, "{line}");
        }
    }
    let table = bench(&["levy", "--rounds", "1", "--round-milliseconds", "0", "--against", file]);
    assert!(String::from_utf8(table.stdout).unwrap().contains("× gmp ["));
}

#[test]
fn the_profile_of_a_step_names_its_operations_and_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let profile = ["--profile-step", "vgg6", "--method", "SP", "--rounds", "1", "--round-milliseconds", "0"];
    let output = bench(&[&profile[..], &["--threads", "2", "--out", out]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    for phase in ["forward", "backward"] {
        let convolutions =
            table.lines().filter(|line| line.starts_with(phase) && line.contains("conv2d")).count();
        assert_eq!(convolutions, 6, "{phase}: {table}");
    }
    let shares = table.lines().filter(|line| line.contains("/s ")).filter_map(|line| {
        let share = line.split_whitespace().find(|word| word.ends_with('%'))?;
        share.trim_end_matches('%').parse::<f64>().ok()
    });
    assert!((shares.sum::<f64>() - 100.0).abs() < 3.0, "{table}");
    for file in ["profile-vgg6-SP.svg", "profile-vgg6-SP.png"] {
        assert!(folder.path().join(file).exists(), "{table}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_named() {
    for (arguments, wrong) in [
        (&["mpl"][..], "'mpl'"),
        (&["--threads", "0"], "'0' for '--threads"),
        (&["--rounds", "none"], "'none' for '--rounds"),
        (&["vgg6", "--method", "GMPP"], "'GMPP' for '--method"),
        (&["--scaling", "2", "--threads", "2"], "cannot be used with"),
    ] {
        let output = bench(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.lines().next().unwrap().contains(wrong), "{message}");
        assert!(output.stdout.is_empty());
    }
}
