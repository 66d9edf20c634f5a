//! The main claims of the page as a table for a README.

use super::{Claim, Origin};
use std::fmt::Write as _;

/// A row for each question, data set and protocol; the outcome against every baseline together, by learning rates. The
/// same text for the same claims, so that a test can compare it with what a README says.
#[must_use]
pub fn table(claims: &[Claim]) -> String {
    let shown: Vec<&Claim> = claims
        .iter()
        .filter(|claim| claim.headline && claim.each && claim.origin == Origin::Paper && claim.n > 0)
        .collect();
    let mut rows: Vec<(String, String, Vec<String>)> = Vec::new();
    for claim in shown {
        let what = format!("{}: {}", claim.figure, claim.tested);
        let generated = if claim.generated { ", generated" } else { "" };
        let data = format!("{}, {}{generated}", claim.dataset, claim.protocol);
        let outcome = format!("{}: {}", claim.rates, claim.outcome);
        match rows.last_mut().filter(|row| row.0 == what && row.1 == data) {
            Some(row) => row.2.push(outcome),
            None => rows.push((what, data, vec![outcome])),
        }
    }
    let mut table =
        "| claim, against each baseline | data, protocol | outcome by learning rates |\n|---|---|---|\n"
            .to_owned();
    for (what, data, outcomes) in rows {
        let _ = writeln!(table, "| {what} | {data} | {} |", outcomes.join("; "));
    }
    table
}

/// The main claims on one question, with a column for each baseline: outcome, effect and interval by data, protocol and
/// learning rates.
#[must_use]
pub fn by_baseline(claims: &[Claim], question: &str) -> String {
    let shown: Vec<&Claim> = claims
        .iter()
        .filter(|claim| claim.headline && !claim.each && claim.question == question && claim.n > 0)
        .collect();
    let mut baselines: Vec<&str> = Vec::new();
    let mut rows: Vec<(String, Vec<&Claim>)> = Vec::new();
    for claim in shown {
        if !baselines.contains(&&claim.baseline[..]) {
            baselines.push(&claim.baseline);
        }
        let comparison = format!("{}, {}, {}", claim.dataset, claim.protocol, claim.rates);
        match rows.last_mut().filter(|row| row.0 == comparison) {
            Some(row) => row.1.push(claim),
            None => rows.push((comparison, vec![claim])),
        }
    }
    let mut table = "| data, protocol, learning rates |".to_owned();
    baselines.iter().for_each(|baseline| _ = write!(table, " against {baseline} |"));
    let _ = writeln!(table, "\n|---|{}", "---|".repeat(baselines.len()));
    for (comparison, claims) in rows {
        let cells = baselines.iter().map(|baseline| {
            let claim = claims.iter().find(|claim| claim.baseline == *baseline);
            claim.map_or_else(|| "–".to_owned(), |claim| format!("{}, {}", claim.outcome, claim.effect()))
        });
        let _ = writeln!(table, "| {comparison} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Unit;
    use crate::statistics::Outcome;

    fn claim(rates: &str, outcome: Outcome) -> Claim {
        Claim {
            tested: "GmP has the lowest test RMSE".to_owned(),
            dataset: "levy".to_owned(),
            protocol: "paper".to_owned(),
            rates: rates.to_owned(),
            outcome,
            headline: true,
            each: true,
            n: 50,
            ..Claim::untested("fig2.rmse", Origin::Paper, "Figure 2(d)–(g)", "", "")
        }
    }

    #[test]
    fn one_row_for_the_learning_rates_of_a_claim() {
        let claims = [
            claim("authors", Outcome::Supported),
            claim("equal 0.1", Outcome::Inconclusive),
            Claim { each: false, ..claim("own best", Outcome::Supported) },
        ];
        let table = table(&claims);
        assert_eq!(table.lines().count(), 3);
        assert!(table.ends_with(
            "| Figure 2(d)–(g): GmP has the lowest test RMSE | levy, paper | authors: supported; equal 0.1: inconclusive |\n"
        ));
    }
    #[test]
    fn one_column_for_each_baseline() {
        let against = |baseline: &str, rates, estimate| Claim {
            each: false,
            baseline: baseline.to_owned(),
            unit: Unit::LogRatio,
            estimate: Some(estimate),
            low: Some(estimate - 0.01),
            high: Some(estimate + 0.01),
            ..claim(rates, Outcome::Equivalent)
        };
        let claims = [
            against("SP", "authors", 0.0),
            against("WN", "authors", 0.02),
            against("WN", "own best", 0.0),
            claim("own best", Outcome::Supported),
            Claim { question: "fig2.movement".to_owned(), ..against("BN", "authors", 0.0) },
        ];
        let table = by_baseline(&claims, "fig2.rmse");
        assert_eq!(
            table.lines().collect::<Vec<_>>(),
            [
                "| data, protocol, learning rates | against SP | against WN |",
                "|---|---|---|",
                "| levy, paper, authors | equivalent, +0.0% [−1.0%, +1.0%] | equivalent, +2.0% [+1.0%, +3.0%] |",
                "| levy, paper, own best | – | equivalent, +0.0% [−1.0%, +1.0%] |",
            ]
        );
    }
}
