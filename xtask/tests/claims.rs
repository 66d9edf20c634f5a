//! `claims.json`: every claim of every experiment, run or not, in one form; and what narrows a call is said by the claims
//! that it leaves out.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use xtask::claim::Claim;
use xtask::experiment::{Chapter, REGISTRY};
use xtask::statistics::Outcome;

fn repro(arguments: &[&str], data: &Path, out: &Path) -> Vec<Claim> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("repro").args(arguments).arg("--data-dir").arg(data).arg("--out").arg(out);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&fs::read(out.join("claims.json")).unwrap()).unwrap()
}

fn ids(claims: &[Claim]) -> BTreeSet<&str> {
    claims.iter().map(|claim| &claim.id[..]).collect()
}

/// Nothing but a figure without claims is run: all claims are there, and none was tested.
#[test]
fn what_is_not_asked_for_is_not_tested() {
    let folder = tempfile::tempdir().unwrap();
    let claims = repro(&["fig5"], folder.path(), folder.path());
    let text = fs::read_to_string(folder.path().join("claims.json")).unwrap();
    let objects: Vec<Value> = serde_json::from_str(&text).unwrap();
    for object in &objects {
        for key in [
            "id",
            "origin",
            "figure",
            "statement",
            "dataset",
            "baseline",
            "rates",
            "protocol",
            "n",
            "estimate",
            "low",
            "high",
            "smallest",
            "outcome",
            "reason",
            "population",
            "quantity",
            "generated",
            "runs",
        ] {
            assert!(object.get(key).is_some(), "{object} has no {key}");
        }
        assert!(["paper", "mathematics", "ours"].contains(&object["origin"].as_str().unwrap()));
        assert_eq!((&object["outcome"], &object["n"]), (&Value::from("not tested"), &Value::from(0)));
        assert!(
            !object["reason"].as_str().unwrap().is_empty()
                && !object["statement"].as_str().unwrap().is_empty()
        );
    }
    assert_eq!(ids(&claims).len(), claims.len(), "two claims have one id");
    for experiment in REGISTRY.iter().filter(|experiment| experiment.id() != "fig5") {
        let of = claims.iter().filter(|claim| claim.id.starts_with(&format!("{}.", experiment.id())));
        // What goes beyond the paper is claimed where it is asked for.
        assert_eq!(of.count() > 0, experiment.chapter() == Chapter::Paper, "claims of {}", experiment.id());
    }
    for set in ["boston", "concrete", "energy", "naval", "power", "wine", "yacht"] {
        assert!(claims.iter().any(|claim| claim.question == "table1.rmse" && claim.dataset == set));
    }
}

/// Without data an experiment is skipped, and its claims say what is missing.
#[test]
fn what_has_no_data_is_not_tested() {
    let folder = tempfile::tempdir().unwrap();
    let claims = repro(&["table1", "table3"], folder.path(), folder.path());
    for (prefix, word) in
        [("table1.", "data fetch uci"), ("table3.", "ILSVRC"), ("fig2.", "not part of this run")]
    {
        let of: Vec<&Claim> = claims.iter().filter(|claim| claim.id.starts_with(prefix)).collect();
        assert!(!of.is_empty());
        for claim in of {
            assert_eq!(claim.outcome, Outcome::NotTested);
            assert!(claim.reason.contains(word), "{}: {}", claim.id, claim.reason);
        }
    }
}

/// The same claims, whatever options leave of them; what is left out says so.
#[test]
fn options_narrow_what_is_tested_and_not_what_is_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let all = repro(&["fig5"], folder.path(), &out("none"));
    let arguments = ["fig2", "--seeds", "2", "--method", "SP,GmP", "--lr", "0.1,0.2", "--protocol", "paper"];
    let narrow = repro(&arguments, folder.path(), &out("narrow"));
    // A rate of one's own is one more choice of rates, and nothing else is.
    let (before, after) = (ids(&all), ids(&narrow));
    let more: Vec<&&str> = after.difference(&before).collect();
    assert!(!more.is_empty() && more.iter().all(|id| id.contains("/equal-0.2/")), "{more:?}");
    assert!(before.is_subset(&after));
    let find = |id: &str| narrow.iter().find(|claim| claim.id == id).unwrap();
    for (id, word) in [
        ("fig2.rmse/levy/paper/equal-0.1/WN", "--method leaves out WN"),
        ("fig2.rmse/levy/paper/equal-0.01/SP", "--lr leaves out 0.01"),
        ("fig2.rmse/levy/paper/authors/SP", "--lr leaves out the authors' learning rates"),
        ("fig2.rmse/levy/held-out/equal-0.1/SP", "--protocol leaves out held-out"),
        ("fig2.rmse/levy/paper/own-best/SP", "--protocol leaves out held-out, which is needed to choose"),
        ("fig2.rmse/levy/paper/equal-0.1/each", "--method leaves out WN"),
    ] {
        let claim = find(id);
        assert_eq!(claim.outcome, Outcome::NotTested, "{id}");
        assert!(claim.reason.contains(word), "{id}: {}", claim.reason);
    }
    let tested = find("fig2.rmse/levy/paper/equal-0.1/SP");
    assert_eq!((tested.n, tested.outcome), (2, Outcome::Inconclusive));
    assert!(tested.reason.contains("at least 5") && tested.estimate.is_some() && tested.low.is_some());
    assert_eq!(tested.runs.len(), 2);
    assert_eq!((&tested.runs[0].file[..], tested.runs[0].seeds), ("fig2/runs.jsonl", [0, 1]));
    // The runs behind it are there.
    let lines = fs::read_to_string(out("narrow").join("fig2/runs.jsonl")).unwrap();
    for runs in &tested.runs {
        let is_it = |line: &&str| {
            let record: Value = serde_json::from_str(line).unwrap();
            record["method"] == runs.method[..]
                && record["dataset"] == "levy"
                && record["protocol"] == "paper"
                && runs.rates.contains(&record["lr"].as_f64().unwrap())
        };
        assert_eq!(lines.lines().filter(is_it).count(), 2);
    }

    // The page shows them, and no lack of seeds in red.
    let page = fs::read_to_string(out("narrow").join("report.html")).unwrap();
    assert!(page.contains("--method leaves out WN") && !page.contains("class=\"badge no\""));
    assert!(out("narrow").join("claims.svg").exists());
}

/// `--first-seed` moves the seeds, `--smallest` the effects that matter.
#[test]
fn seeds_and_smallest_effects_are_the_user_s() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["fig3", "--seeds", "2", "--first-seed", "7", "--lr", "0.1", "--smallest", "accuracy=0.5,movement=2"];
    let claims = repro(&arguments, folder.path(), folder.path());
    let tested: Vec<&Claim> = claims.iter().filter(|claim| claim.n > 0).collect();
    assert!(
        !tested.is_empty() && tested.iter().all(|claim| claim.runs.iter().all(|runs| runs.seeds == [7, 8]))
    );
    assert!(tested.iter().all(|claim| claim.generated && claim.dataset == "banana-generated"));
    for claim in tested {
        let expected = match &claim.question[..] {
            "fig3.accuracy" | "fig3.half-sphere" => 0.5,
            "fig3.epochs" => 0.1f64.ln_1p(),
            "fig3.coverage" => 0.05,
            _ => 2.0,
        };
        assert_eq!(claim.smallest, Some(expected), "{}", claim.id);
    }
    // The paper's sets are claims too.
    let missing = claims.iter().find(|claim| claim.id == "fig3.accuracy/banana/paper/authors/SP").unwrap();
    assert!(missing.reason.contains("banana.csv"), "{}", missing.reason);
}
