//! VGG-6 in the question `why`, as a user asks it: the real program on generated pictures.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Exit code, standard output and what was said.
fn repro(out: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("repro").args(arguments).arg("--out").arg(out);
    let output = command.arg("--data-dir").arg(out.parent().unwrap()).output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const TINY: [&str; 14] = [
    "why",
    "--dataset",
    "pictures",
    "--pictures",
    "20",
    "--width",
    "1/64",
    "--epochs",
    "2",
    "--seeds",
    "2",
    "--lr",
    "0.001,0.003",
    "--threads=2",
];

#[test]
fn why_is_asked_of_vgg_6() {
    let folder = tempfile::tempdir().unwrap();
    let out = &folder.path().join("out");
    let (code, plan, said) = repro(out, &[&TINY[..], &["--plan"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(plan.contains("0 are done") && plan.contains("each of at most 2 epochs"), "{plan}");
    // 32 runs over the 16 pictures that are not held out.
    let images = "at most 1,024 images to train on, in 64 steps; about ";
    assert!(plan.contains(images) && plan.contains("measured here"), "{plan}");
    let (_, with_others, said) = repro(out, &[&TINY[..], &["--dataset", "levy", "--plan"]].concat());
    assert!(with_others.contains(images) && !with_others.contains(" 32 runs;"), "{with_others}{said}");
    let (code, _, said) = repro(out, &TINY);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("why: VGG-6 is trained on generated images"), "{said}");
    let text = fs::read_to_string(out.join("why/runs.jsonl")).unwrap();
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // With --lr, interventions have all rates. SP, WN and GmP as they are, SP and WN limited twice, GmP jittered: each at two rates and under two seeds.
    let in_arm = |setting: &str| {
        records.iter().filter(|record| record["setting"].to_string().contains(setting)).count()
    };
    assert_eq!(
        [in_arm("null"), in_arm("limited to the largest"), in_arm("limited to the mean"), in_arm("jittered")],
        [12, 8, 8, 4]
    );
    for record in &records {
        assert_eq!(record["dataset"], "GENERATED pictures (20), VGG-6 1/64");
        assert_eq!((&record["metric"], &record["protocol"]), (&"top-1".into(), &"held-out".into()));
        assert!(["SP", "WN", "GmP"].contains(&record["method"].as_str().unwrap()), "{record}");
        let turn = &record["measures"]["running"]["direction"]["before_reduction"]["mean"]["mean_of_log"];
        assert!(turn.as_f64().is_some(), "{record}");
    }
    let claims: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("claims.json")).unwrap()).unwrap();
    let claims: Vec<&serde_json::Value> =
        claims["claims"].as_array().unwrap_or_else(|| claims.as_array().unwrap()).iter().collect();
    for question in [
        "why.result",
        "why.movement",
        "why.limited",
        "why.jittered",
        "why.within",
        "why.between",
        "why.seeds",
        "why.direct",
    ] {
        let of: Vec<_> = claims.iter().filter(|claim| claim["question"] == question).collect();
        assert!(!of.is_empty(), "no claim of {question}");
        for claim in of {
            assert!(
                claim["dataset"].as_str().unwrap().contains("VGG-6") && claim["generated"] == true,
                "{claim}"
            );
        }
    }
    // Two learning rates are no range to compare, and of so few epochs no claim of speed is made.
    assert!(claims.iter().all(|claim| claim["question"] != "why.tolerance"));
    assert!(claims.iter().all(|claim| !claim["question"].as_str().unwrap().starts_with("why.")
        || !claim["question"].as_str().unwrap().ends_with(".epochs")));
    let of_result = claims.iter().find(|claim| claim["question"] == "why.limited").unwrap();
    assert_eq!((&of_result["quantity"], &of_result["unit"]), (&"test accuracy".into(), &"share".into()));
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for expected in
        ["GENERATED", "VGG-6 has 2, 4 and 8 filters", "test accuracy", "GENERATED pictures (20), VGG-6 1/64"]
    {
        assert!(page.contains(expected), "the page does not say {expected}");
    }
    // What is there is not run again.
    let (code, _, said) = repro(out, &TINY);
    assert!(code == Some(0) && said.contains("why: 32 of 32 runs are already done"), "{said}");
}

#[test]
fn it_can_be_left_out_and_a_set_that_is_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = &folder.path().join("out");
    let options = ["why", "--dataset", "levy", "--seeds", "1", "--lr", "0.1", "--method", "GmP", "--plan"];
    let (code, plan, said) = repro(out, &options);
    assert_eq!(code, Some(0), "{said}");
    // As in the paper, batches of 16 and of 4, jittered.
    assert!(plan.contains("4 runs; 0 are done, 4 are left"), "{plan}");
    assert!(!said.contains("VGG-6"), "{said}");
    for (named, expected) in [
        (
            "nosuch",
            "why: there is no data set \"nosuch\"; its data sets are levy, banana, yacht, boston, energy, concrete, wine, cifar10, pictures",
        ),
        ("cifar10", "cifar10"),
    ] {
        let (code, _, said) = repro(out, &["why", "--dataset", named]);
        assert!(code == Some(1) && said.contains(expected), "{said}");
    }
    let (code, _, said) = repro(out, &["width", "--dataset", "pictures"]);
    assert!(code == Some(1) && said.contains("it has none of them; its data sets are levy, yacht"), "{said}");
    let (code, _, said) = repro(out, &["why", "--dataset", "pictures", "--pictures", "1"]);
    assert!(code == Some(1) && said.contains("--pictures 1"), "{said}");
}
