//! Two disjoint sets of seeds say the same: of outcomes that are not inconclusive at least nine of ten, and never one that the
//! other contradicts. It takes two pages of 50 seeds:
//!
//! ```text
//! cargo xtask repro fig2 fig3 --seeds 50 --out a
//! cargo xtask repro fig2 fig3 --seeds 50 --first-seed 50 --out b
//! GMP_CLAIMS=a/claims.json:b/claims.json cargo test -p xtask --test agreement -- --nocapture
//! ```

use xtask::claim::Claim;
use xtask::claim::agreement::Agreement;

#[test]
fn two_sets_of_seeds_agree() {
    let Ok(files) = std::env::var("GMP_CLAIMS") else {
        println!("skipped: GMP_CLAIMS names no two files of claims, as a/claims.json:b/claims.json");
        return;
    };
    let read = |file: &str| -> Vec<Claim> {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let lists: Vec<Vec<Claim>> = files.split(':').map(read).collect();
    let [first, second] = &lists[..] else { panic!("GMP_CLAIMS names {} files; expected 2", lists.len()) };
    let agreement = Agreement::of(first, second);
    println!("{agreement}");
    assert!(agreement.both_decided > 0, "there is nothing to compare");
    assert_eq!(agreement.opposite, 0, "{agreement}");
    assert!(agreement.share() >= 0.9, "{agreement}");
}
