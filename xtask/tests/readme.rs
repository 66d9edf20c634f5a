//! The README's tables of outcomes are those of the example results in `docs/example`.
//!
//! `README_UPDATE=1 cargo test -p xtask --test readme` writes them anew from `claims.json` there.

#[path = "common/page.rs"]
mod page;

use page::with_table;
use std::fs;
use std::path::{Path, PathBuf};
use xtask::claim::agreement::Agreement;
use xtask::claim::{Claim, markdown};
use xtask::experiment::beyond::chapter;
use xtask::statistics::Outcome;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn example(profile: &str) -> Vec<Claim> {
    let file = root().join("xtask/docs/example").join(profile).join("claims.json");
    serde_json::from_slice(&fs::read(&file).unwrap()).unwrap()
}

#[test]
fn its_tables_are_those_of_the_example_results() {
    let file = root().join("README.md");
    let readme = fs::read_to_string(&file).unwrap();
    let wanted = with_table(&readme, "outcomes, full profile", &markdown::table(&example("full")));
    let table1 = markdown::by_baseline(&example("table1"), "table1.rmse");
    let wanted = with_table(&wanted, "outcomes of Table 1, full profile", &table1);
    let wanted = with_table(&wanted, "both profiles", &both("quick", &["full", "table1"]));
    let wanted = with_table(&wanted, "beyond the paper", &chapter::markdown(&example("beyond")));
    let beyond =
        format!("{}\n{}", chapter::markdown(&example("beyond-full")), both("beyond", &["beyond-full"]));
    let wanted = with_table(&wanted, "beyond the paper, full profile", &beyond);
    if std::env::var_os("README_UPDATE").is_some() {
        fs::write(&file, &wanted).unwrap();
    } else {
        assert!(
            readme == wanted,
            "README_UPDATE=1 cargo test -p xtask --test readme writes these tables:\n{wanted}"
        );
    }
}

/// The code is compiled as a documentation test; this is the same program, and what it prints.
#[test]
fn its_six_lines_print_what_stands_below_them() -> Result<(), Box<dyn std::error::Error>> {
    use gmp_train::{Adam, Dataset, Loss, Metric, Mlp, Parameterization, Trainer};
    let readme = fs::read_to_string(root().join("README.md"))?;
    let (_, rest) = readme.split_once("```text\n").ok_or("README.md has no output")?;
    let (output, _) = rest.split_once("```").ok_or("the output does not end")?;
    let x: Vec<f64> = (0..100).map(|i| f64::from(i) / 10.0 - 5.0).collect();
    let data = Dataset::new(x.clone(), 1, x.iter().map(|x| x.sin()).collect(), 1)?;
    let mut network = Mlp::new(1, &[100], 1, Parameterization::Geometric).build(7)?;
    let trainer = Trainer::new(Loss::MeanAbsoluteError, 20, 300, 0.01);
    trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ())?;
    let error = Metric::RootMeanSquaredError.evaluate(&network, &data);
    assert_eq!(output, format!("{}root mean squared error {error:.3}\n", network.summary()));
    Ok(())
}

/// Every file that a page of the project links to is there.
#[test]
fn links_between_files_lead_somewhere() {
    let pages = [
        "README.md",
        "ARCHITECTURE.md",
        "xtask/README.md",
        "xtask/docs/EXPERIMENTS.md",
        "xtask/docs/CLUSTER.md",
        "gmp-train/docs/RECIPES.md",
        "gmp-train/CHANGELOG.md",
        "gmp-train/RELIABILITY.md",
    ];
    let mut checked = 0;
    for page in pages {
        let file = root().join(page);
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{page}: {error}"));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, _) = link.split_once('#').unwrap_or((link, ""));
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(file.parent().unwrap().join(path).exists(), "{page} links to {link}, which is not there");
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked} links");
}

/// How outcomes of the quick profile and of the full one agree, of claims that both tested; the claims of the full profile
/// come from several calls.
fn agreement(quick: &str, full: &[&str]) -> Agreement {
    let is_tested = |claim: &Claim| claim.outcome != Outcome::NotTested;
    let full: Vec<Claim> = full.iter().flat_map(|name| example(name)).filter(is_tested).collect();
    Agreement::of(&example(quick), &full)
}

/// The same in words.
fn both(quick: &str, full: &[&str]) -> String {
    let Agreement { claims, both_decided, opposite, .. } = agreement(quick, full);
    format!(
        "Of {claims} claims that both profiles tested, {both_decided} are decided in both; {opposite} of these are supported in one \
         and contradicted in the other.\n"
    )
}

/// More seeds may decide what was open, but do not overturn what was decided.
#[test]
fn no_outcome_of_the_quick_profile_is_the_opposite_of_the_full_one() {
    let agreement = agreement("quick", &["full", "table1"]);
    assert_eq!(agreement.opposite, 0, "{agreement}");
    assert!(agreement.both_decided > 100, "{agreement}");
}
