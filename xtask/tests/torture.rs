//! A small part of every campaign of `cargo xtask torture`, the same one each time. What cannot be done here (without
//! strace, or where no disk can be mounted) is skipped by the program, which says so.
#![cfg(unix)]

use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn torture(out: &Path, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["torture", "--out"]).arg(out).args(arguments);
    let output = command.output().expect("the program starts");
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let summary = std::fs::read(out.join("summary.json")).unwrap_or_default();
    (output.status.code(), serde_json::from_slice(&summary).unwrap_or_default(), said)
}

/// Carries some cases of a campaign out: none may fail, and there must be some or a reason why not.
fn withstands(name: &str, cases: &str) {
    let out = tempfile::tempdir().unwrap();
    let (code, summary, said) = torture(out.path(), &["--minutes", "3", "--only", name, "--cases", cases]);
    let campaign = &summary["campaigns"][0];
    if let Some(reason) = campaign["skipped"].as_str() {
        println!("skipped: {name}: {reason}");
        return;
    }
    assert_eq!((code, campaign["failures"].as_array().map(Vec::len)), (Some(0), Some(0)), "{said}");
    let done = campaign["cases"].as_u64().unwrap_or(0);
    assert!(done > 0 && campaign["name"] == *name, "{said}");
    println!("{name}: {done} cases, {}", campaign["notes"]);
    let left: Vec<_> =
        std::fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["summary.json"]);
}

#[test]
fn system_calls_that_fail() {
    withstands("faults", "10");
}

#[test]
fn disks_that_are_full() {
    withstands("full-disk", "5");
}

#[test]
fn signals() {
    withstands("kills", "3");
}

#[test]
fn damage_between_two_calls() {
    withstands("damage", "15");
}

#[test]
fn hostile_files() {
    withstands("hostile", "3000");
}

/// Where no case could be carried out, that is no success.
#[test]
fn what_is_asked_for_must_make_sense() {
    let out = tempfile::tempdir().unwrap();
    let (code, _, said) = torture(out.path(), &["--only", "nosuch"]);
    assert!(code == Some(2) && said.contains("full-disk"), "{said}");
    let (code, _, said) = torture(out.path(), &["--minutes", "-1"]);
    assert!(code == Some(2) && said.contains("positive number of minutes"), "{said}");
    // A format that is not there.
    let (code, _, said) = torture(out.path(), &["--read", "nosuch", "--from", "0"]);
    assert!(code == Some(1) && said.contains("there is no format \"nosuch\""), "{said}");
}
