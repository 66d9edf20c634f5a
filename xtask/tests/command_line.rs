//! The command line: options that nothing uses, folders that are not there, arguments of any bytes, and what is said of
//! generated data.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().unwrap()
}

/// The exit code and all that is said.
fn said(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.into_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn options_that_no_named_experiment_heeds_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = |arguments: &[&str]| {
        let (code, message) = said(&[&["repro", "--out", text(&out)], arguments].concat());
        assert_eq!(code, Some(1), "{arguments:?}: {message}");
        assert!(!out.exists(), "{arguments:?} has begun");
        message
    };
    assert_eq!(
        refused(&["fig2", "--epochs", "5", "--dataset", "nosuch", "--width", "1/8"]),
        "error: none of fig2 uses these options: --dataset is for theory, fig4, table1, table2, table3, why, optimizers, \
         activations, normalizations, depth, width, dimensions, initializations, rivals; --width is for fig4, table2, table3, why, normalizations, \
         initializations, rivals; --epochs is for fig4, table2, table3, why, normalizations, initializations, rivals\n"
    );
    for option in [["--seeds", "2"], ["--protocol", "paper"], ["--method", "SP"], ["--lr", "1"]] {
        assert!(refused(&["fig1", "fig5", option[0], option[1]]).contains(option[0]), "{option:?}");
    }
    for option in [["--batch", "2"], ["--pictures", "9"], ["--micro-batch", "1"], ["--lr", "1"]] {
        assert!(refused(&["theory", option[0], option[1]]).contains(option[0]), "{option:?}");
    }
    // One of those that are named uses it, and without names all are named.
    let (code, message) = said(&["repro", "fig5", "table3", "--epochs", "5", "--out", text(&out)]);
    assert_eq!(code, Some(0), "{message}");
    let (_, message) = said(&["repro", "--list", "--epochs", "5"]);
    assert!(message.contains("fig5"), "{message}");
}

#[test]
fn folders_that_are_named_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let (out, typo) = (folder.path().join("out"), folder.path().join("typo"));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for named in [&typo, &file] {
        for arguments in
            [&["repro", "fig3", "--out", text(&out), "--data-dir"][..], &["data", "list", "--to"]]
        {
            let (code, message) = said(&[arguments, &[text(named)]].concat());
            assert_eq!(code, Some(1), "{message}");
            let start = format!("error: {}: ", named.display());
            assert!(
                message.starts_with(&start) && message.ends_with("expected a folder that can be read\n"),
                "{message}"
            );
        }
    }
    assert!(!out.exists());
    // A file where the folder of CSV files should be; a folder without permission is refused in the same place.
    fs::write(folder.path().join("uci"), "").unwrap();
    for experiment in ["table1", "theory"] {
        let (code, message) =
            said(&["repro", experiment, "--data-dir", text(folder.path()), "--out", text(&out)]);
        assert_eq!(code, Some(1), "{message}");
        assert!(message.contains("uci: Not a directory") && !message.contains("no CSV files"), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let folder = tempfile::tempdir().unwrap();
    let uci = folder.path().join("uci");
    fs::create_dir(&uci).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(&uci, fs::Permissions::from_mode(0o300)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["repro", "table1", "--data-dir", text(folder.path()), "--out"])
        .arg(folder.path().join("out"));
    if fs::read_dir(&uci).is_ok() {
        // Who may do anything becomes nobody, who must be able to start this program.
        command.uid(65534).gid(65534);
    }
    let Ok(output) = command.output() else {
        return println!("skipped: a user without permissions cannot start the program");
    };
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("uci: Permission denied") && message.contains("that can be read"), "{message}");
}

/// Any bytes may be a path on Unix.
#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf8_do_not_panic() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(OsStr::from_bytes(b"o\xff\xfed"));
    let data = odd.join("data");
    fs::create_dir_all(data.join("uci")).unwrap();
    fs::write(
        data.join("uci").join(OsStr::from_bytes(b"s\xffet.csv")),
        "a,y\n1,2\n2,3\n3,4\n4,5\n5,6\n6,1\n",
    )
    .unwrap();
    let out = odd.join("out");
    let status = |command: &mut Command| {
        let output = command.output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!message.contains("panicked"), "{message}");
        (output.status.code(), message)
    };
    let xtask = || Command::new(env!("CARGO_BIN_EXE_xtask"));
    let (code, message) = status(
        xtask()
            .args(["repro", "fig5", "table1", "--seeds", "1", "--lr", "0.1", "--method", "SP", "--data-dir"])
            .args([&data, Path::new("--out"), &out].map(|path| path.as_os_str())),
    );
    assert_eq!(code, Some(0), "{message}");
    let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
    assert!(manifest.contains("o\u{fffd}\u{fffd}d/data"), "{manifest}");
    assert!(out.join("report.html").exists());
    for arguments in [["data", "list", "--to"], ["data", "fetch", "--to"]] {
        let (code, message) = status(xtask().args(arguments).arg(&odd));
        assert_eq!(code, Some(if arguments[1] == "list" { 0 } else { 2 }), "{message}");
    }
    let mut fetch = xtask();
    fetch.args(["data", "fetch", "banana", "--to"]).arg(&odd).arg("--from").arg(&data);
    let (code, message) = status(&mut fetch);
    assert_eq!(code, Some(1));
    assert!(message.contains("no file of banana"), "{message}");
    for option in
        ["--seeds", "--dataset", "--method", "--lr", "--width", "--protocol", "--threads", "--nosuch"]
    {
        let (code, message) = status(xtask().args(["repro", "fig5", option]).arg(OsStr::from_bytes(b"\xff")));
        assert_eq!(code, Some(2), "{option}: {message}");
    }
    assert_ne!(status(xtask().arg(OsStr::from_bytes(b"\xff"))).0, Some(0));
}

#[test]
fn negative_numbers_are_values_out_of_range() {
    for (arguments, expected) in [
        (&["bench", "--rounds", "-1"][..], "-1 is not in 1..=1000"),
        (&["bench", "--threads", "-1"], "-1 is not in 1..=1024"),
        (&["repro", "--threads", "-1"], "-1 is not in 1..=1024"),
        (&["repro", "--seeds", "-1"], "-1 is not in 1..=10000"),
        (&["repro", "--lr", "-0.5"], "expected a positive number"),
        (&["repro", "--batch", "-8"], "expected a whole number from 1"),
        (&["repro", "--epochs", "-8"], "expected a whole number from 1"),
        (&["repro", "--pictures", "-8"], "expected a whole number from 1"),
        (&["repro", "--micro-batch", "-8"], "expected a whole number from 1"),
        (&["repro", "--width", "-1/2"], "expected 1, 1/2, 1/4"),
        (&["repro", "-1"], "there is no experiment \"-1\""),
    ] {
        let (code, message) = said(arguments);
        assert_ne!(code, Some(0), "{arguments:?}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn generated_data_are_announced_and_marked() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    fs::create_dir(&data).unwrap();
    let common = ["--lr", "0.1", "--data-dir", text(&data), "--out", text(&out)];
    let fig3 = ["repro", "fig3", "--seeds", "2", "--method", "SP,GmP"];
    let (code, message) = said(&[&fig3[..], &common].concat());
    assert_eq!(code, Some(0), "{message}");
    let banana = data.join("banana.csv");
    assert!(
        message.contains(&format!("fig3 uses generated data: there is no {}\n", banana.display())),
        "{message}"
    );
    let claims: Vec<&str> = message.lines().filter(|line| line.contains(" Figure 3(")).collect();
    assert!(
        !claims.is_empty() && claims.iter().all(|line| line.ends_with("against SP (on generated data)")),
        "{message}"
    );
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("(on generated data)"));
    let fig4 = ["repro", "fig4", "--seeds", "2", "--method", "SP,GmP+IMN"];
    let small = ["--pictures", "32", "--epochs", "1", "--width", "1/64", "--batch", "8"];
    let (code, message) = said(&[&fig4[..], &small, &common].concat());
    assert_eq!(code, Some(0), "{message}");
    assert!(message.contains("fig4: trained on generated images"), "{message}");
    assert!(
        message.lines().any(|line| line.contains(" Figure 4: ") && line.ends_with("(on generated data)")),
        "{message}"
    );
}
