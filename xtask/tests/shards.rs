//! `--shard`, `--gather` and `--plan` as a user calls them: several jobs give the results of one call.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Eight short runs.
const WHAT: [&str; 9] =
    ["repro", "fig2", "--seeds", "1", "--method", "SP,GmP", "--lr", "0.1,0.2", "--threads=1"];

fn command(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(WHAT).args(arguments).arg("--out").arg(out).arg("--data-dir").arg(out.parent().unwrap());
    command
}

fn call(out: &Path, arguments: &[&str]) -> Output {
    let output = command(out, arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The records without what differs from call to call.
fn records(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out.join("fig2/runs.jsonl")).unwrap();
    let mut records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for record in &mut records {
        let fields = record.as_object_mut().unwrap();
        for field in ["seconds", "digest", "curves"] {
            fields.remove(field);
        }
    }
    records
}

#[test]
fn jobs_in_one_folder_give_the_results_of_one_call() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, shared, copy] = ["whole", "shared", "copy"].map(|name| folder.path().join(name));
    call(&whole, &[]);

    // Two at once, in one folder.
    let mut jobs = ["1/3", "3/3"].map(|job| command(&shared, &["--shard", job]).spawn().unwrap());
    assert!(jobs.iter_mut().all(|job| job.wait().unwrap().success()));
    assert!(!shared.join("report.html").exists(), "a job alone has no report");
    let plan = String::from_utf8(call(&shared, &["--plan"]).stdout).unwrap();
    let count = records(&whole).len();
    let there: usize = (0..count)
        .filter(|place| [0, 2].contains(&(if (place / 3) % 2 == 0 { place % 3 } else { 2 - place % 3 })))
        .count();
    assert!(plan.contains(&format!("{count} runs; {there} are done, {} are left", count - there)), "{plan}");
    assert!(plan.contains("measured here") && plan.contains("as 16 jobs"), "{plan}");
    call(&shared, &["--shard", "2/3"]);

    let output = call(&shared, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("{count} of {count} runs are already done")), "{said}");
    assert!(shared.join("report.html").exists());
    assert_eq!(records(&shared), records(&whole));
    let claims = |out: &Path| fs::read_to_string(out.join("claims.json")).unwrap();
    assert_eq!(claims(&shared), claims(&whole));

    // Into another folder, twice.
    let other = shared.to_str().unwrap();
    for there in
        [format!("{count} runs gathered from {other}"), format!("{count} of {count} runs are already done")]
    {
        let said = String::from_utf8(call(&copy, &["--gather", other]).stderr).unwrap();
        assert!(said.contains(&there), "{said}");
    }
    assert_eq!(records(&copy), records(&whole));
    assert_eq!(claims(&copy), claims(&whole));
}

/// Two runs of 48 images and three epochs in batches of 16, by parts of 4.
#[test]
fn a_plan_of_images_tells_their_number_the_memory_and_the_time_on_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let options = "repro table2 --dataset pictures --width 1/64 --batch 16 --pictures 48 --epochs 3 --method SP,GmP --seeds 1 \
                   --threads 1 --plan";
    let plan = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let output = command
            .args(options.split_whitespace())
            .args(more)
            .arg("--out")
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let whole = plan(&[]);
    assert!(whole.contains("at most 288 images to train on, in 18 steps; about "), "{whole}");
    assert!(whole.contains(" of memory for a process") && !whole.contains("parts of every batch"), "{whole}");
    let parts = plan(&["--micro-batch", "4"]);
    assert!(
        parts.contains("on 2, 4 ranks of such machines that share the 4 parts of every batch"),
        "{parts}"
    );
    assert!(parts.contains("over 100 Gbit/s") && parts.contains("of memory for each of 4"), "{parts}");
}

#[test]
fn a_job_that_is_none_and_a_folder_that_is_not_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let missing = folder.path().join("missing");
    for (arguments, why) in
        [(["--shard", "4/3"], "such as 2/8"), (["--gather", missing.to_str().unwrap()], "missing")]
    {
        let output = command(&out, &arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(why), "{said}");
    }
}
