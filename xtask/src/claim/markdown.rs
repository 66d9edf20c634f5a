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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Outcome;

    #[test]
    fn one_row_for_the_learning_rates_of_a_claim() {
        let claim = |rates: &str, outcome| Claim {
            tested: "GmP has the lowest test RMSE".to_owned(),
            dataset: "levy".to_owned(),
            protocol: "paper".to_owned(),
            rates: rates.to_owned(),
            outcome,
            headline: true,
            each: true,
            n: 50,
            ..Claim::untested("fig2.rmse", Origin::Paper, "Figure 2(d)–(g)", "", "")
        };
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
}
