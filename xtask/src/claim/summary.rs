//! A summary of all claims in a few sentences, generated from the results.

use super::{Claim, Origin};
use crate::statistics::Outcome;

/// A few paragraphs for the top of the page: the mathematics; what holds against every baseline, what does not, what makes
/// no difference; what is open.
#[must_use]
pub fn sentences(claims: &[Claim]) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(mathematics(claims));
    let empirical: Vec<&Claim> =
        claims.iter().filter(|claim| claim.headline && claim.each && claim.origin == Origin::Paper).collect();
    let count = |outcome| empirical.iter().filter(|claim| claim.outcome == outcome).count();
    for (outcome, lead) in [
        (Outcome::Supported, "Holds against each baseline"),
        (Outcome::Contradicted, "Does not hold, since at least one baseline is better"),
        (Outcome::Equivalent, "Makes no difference that matters against at least one baseline"),
    ] {
        if count(outcome) > 0 {
            said.push(format!("{lead}: {}.", listed(&empirical, outcome)));
        }
    }
    let (open, untested) = (count(Outcome::Inconclusive), count(Outcome::NotTested));
    let decided = empirical.len() - open - untested;
    if untested == empirical.len() && untested > 0 {
        said.push("None of the paper's comparisons was tested: its claims state the reasons.".to_owned());
    } else if !empirical.is_empty() {
        let mut last = format!(
            "Of {} comparisons of the paper with all of their baselines, {decided} are decided, {open} are open (inconclusive), {untested} were not tested.",
            empirical.len()
        );
        if open > 0 {
            last += &format!(" Open: {}.", open_questions(&empirical, claims));
        }
        let mut generated: Vec<&str> = empirical
            .iter()
            .filter(|claim| claim.generated && claim.n > 0)
            .map(|claim| &claim.dataset[..])
            .collect();
        generated.dedup();
        if !generated.is_empty() {
            last += &format!(" On GENERATED data, in place of the paper's: {}.", generated.join(", "));
        }
        said.push(last);
    }
    said.extend(beyond(claims));
    said
}

/// How the questions beyond the paper were answered; none where they were not asked.
fn beyond(claims: &[Claim]) -> Option<String> {
    let asked: Vec<&Claim> =
        claims.iter().filter(|claim| claim.is_beyond() && claim.n > 0 && !claim.each).collect();
    let count = |outcome| asked.iter().filter(|claim| claim.outcome == outcome).count();
    (!asked.is_empty()).then(|| {
        format!(
            "Beyond the paper, of {} comparisons with one baseline each, {} are supported, {} contradicted, {} equivalent, and the others open: \
             “What we would tell the authors” draws the conclusions.",
            asked.len(),
            count(Outcome::Supported),
            count(Outcome::Contradicted),
            count(Outcome::Equivalent)
        )
    })
}

pub(super) fn mathematics(claims: &[Claim]) -> Option<String> {
    let all: Vec<&Claim> = claims
        .iter()
        .filter(|claim| claim.origin == Origin::Mathematics && claim.outcome != Outcome::NotTested)
        .collect();
    let failed: Vec<&str> = all
        .iter()
        .filter(|claim| claim.outcome != Outcome::Supported)
        .map(|claim| &claim.statement[..])
        .collect();
    match (all.len(), failed.len()) {
        (0, _) => None,
        (n, 0) => Some(format!(
            "The mathematics holds in every check ({n} of {n} propositions): no step of the parameters turns a boundary of GmP further than its \
             length, and under SP, WN and BN a short step can reverse one once the weights are small."
        )),
        (n, k) => Some(format!("Of {n} checks of the mathematics {k} fail: {}", failed.join(" "))),
    }
}

/// `boundaries move least (Figure 2(c)) on levy at authors, equal 0.1`, for every question with that outcome.
fn listed(claims: &[&Claim], outcome: Outcome) -> String {
    // By question, then by data and protocol.
    /// The learning rates at which something was found on one data set.
    struct OnData<'a> {
        name: String,
        rates: Vec<&'a str>,
    }
    let mut questions: Vec<(&str, String, Vec<OnData<'_>>)> = Vec::new();
    for claim in claims.iter().filter(|claim| claim.outcome == outcome) {
        let place = match questions.iter().position(|(id, ..)| *id == claim.question) {
            Some(place) => place,
            None => {
                questions.push((&claim.question, told(claim), Vec::new()));
                questions.len() - 1
            }
        };
        let data = &mut questions[place].2;
        let name = match &claim.protocol[..] {
            "paper" => claim.dataset.clone(),
            protocol => format!("{} ({protocol})", claim.dataset),
        };
        match data.iter_mut().find(|known| known.name == name) {
            Some(known) => known.rates.push(&claim.rates),
            None => data.push(OnData { name, rates: vec![&claim.rates] }),
        }
    }
    let told = questions.into_iter().map(|(_, told, data)| {
        let on: Vec<String> = data.iter().map(|on| format!("on {} {}", on.name, at(&on.rates))).collect();
        format!("{told} {}", on.join(" and "))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// `GmP has the lowest test RMSE (Table 1), 3 comparisons (against SP alone: 1 equivalent)`, for every question with
/// comparisons that are open: they may be decided against some of the baselines.
fn open_questions(together: &[&Claim], claims: &[Claim]) -> String {
    let open = || together.iter().filter(|claim| claim.outcome == Outcome::Inconclusive);
    let mut questions: Vec<&Claim> = Vec::new();
    for claim in open() {
        if questions.iter().all(|known| known.question != claim.question) {
            questions.push(claim);
        }
    }
    let said = questions.into_iter().map(|question| {
        let comparisons: Vec<&Claim> =
            open().filter(|claim| claim.question == question.question).copied().collect();
        let is_part = |claim: &&Claim| {
            !claim.each
                && comparisons.iter().any(|whole| {
                    (&whole.question, &whole.dataset, &whole.rates, &whole.protocol)
                        == (&claim.question, &claim.dataset, &claim.rates, &claim.protocol)
                })
        };
        let parts: Vec<&Claim> = claims.iter().filter(is_part).collect();
        let mut baselines: Vec<&str> = Vec::new();
        for part in &parts {
            if !baselines.contains(&&part.baseline[..]) {
                baselines.push(&part.baseline);
            }
        }
        let decided = baselines.into_iter().filter_map(|baseline| {
            let outcomes = [Outcome::Supported, Outcome::Equivalent, Outcome::Contradicted];
            let counts = outcomes.into_iter().filter_map(|outcome| {
                let is_one = |part: &&&Claim| part.baseline == baseline && part.outcome == outcome;
                let count = parts.iter().filter(is_one).count();
                (count > 0).then(|| format!("{count} {outcome}"))
            });
            let counts: Vec<String> = counts.collect();
            (!counts.is_empty()).then(|| format!("against {baseline} alone: {}", counts.join(", ")))
        });
        let decided: Vec<String> = decided.collect();
        let (told, count) = (told(question), comparisons.len());
        let plural = if count == 1 { "" } else { "s" };
        let decided = if decided.is_empty() { String::new() } else { format!(" ({})", decided.join("; ")) };
        format!("{told}, {count} comparison{plural}{decided}")
    });
    said.collect::<Vec<_>>().join("; ")
}

/// What is tested, as it stands within a sentence.
fn told(claim: &Claim) -> String {
    let mut letters = claim.tested.chars();
    let first = letters.next().unwrap_or_default();
    let second = letters.clone().next().unwrap_or_default();
    // A name keeps its capital.
    let is_name = claim.tested.starts_with("GmP") || second.is_uppercase();
    let first = if is_name { first.to_string() } else { first.to_lowercase().to_string() };
    format!("{first}{} ({})", letters.as_str(), claim.figure)
}

/// Learning rates as a sentence has them: `at the authors' learning rates and with all methods at 0.01 and 0.1`.
fn at(rates: &[&str]) -> String {
    let equal: Vec<&str> = rates.iter().filter_map(|rates| rates.strip_prefix("equal ")).collect();
    let equal = (!equal.is_empty()).then(|| format!("with all methods at {}", enumerated(&equal)));
    let is_there = |name: &str, words: &str| rates.contains(&name).then(|| words.to_owned());
    let parts = [
        is_there("authors", "at the authors' learning rates"),
        equal,
        is_there("own best", "at each method's own best rate"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    enumerated(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// `a, b and c`.
fn enumerated(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(outcome: Outcome, rates: &str) -> Claim {
        Claim {
            outcome,
            rates: rates.to_owned(),
            tested: "GmP has the lowest test RMSE".to_owned(),
            dataset: "levy".to_owned(),
            protocol: "paper".to_owned(),
            headline: true,
            each: true,
            n: 50,
            ..Claim::untested(
                "fig2.rmse",
                Origin::Paper,
                "Figure 2(d)–(g)",
                "Smaller RMSE values are better.",
                "",
            )
        }
    }

    fn part(outcome: Outcome, rates: &str, baseline: &str) -> Claim {
        Claim { each: false, baseline: baseline.to_owned(), ..claim(outcome, rates) }
    }

    #[test]
    fn what_holds_what_does_not_and_what_is_open() {
        let claims = [
            claim(Outcome::Supported, "authors"),
            claim(Outcome::Supported, "equal 0.1"),
            claim(Outcome::Supported, "equal 0.3"),
            claim(Outcome::Contradicted, "equal 0.01"),
            claim(Outcome::Inconclusive, "own best"),
            // Parts of the open comparison, and one of a comparison that is decided.
            part(Outcome::Equivalent, "own best", "SP"),
            part(Outcome::Inconclusive, "own best", "WN"),
            part(Outcome::Supported, "authors", "SP"),
        ];
        let said = sentences(&claims);
        assert_eq!(
            said[0],
            "Holds against each baseline: GmP has the lowest test RMSE (Figure 2(d)–(g)) on levy at the authors' learning rates \
             and with all methods at 0.1 and 0.3."
        );
        assert!(
            said[1].starts_with("Does not hold") && said[1].contains("with all methods at 0.01"),
            "{}",
            said[1]
        );
        assert!(
            said[2].contains("4 are decided, 1 are open")
                && said[2].ends_with("1 comparison (against SP alone: 1 equivalent)."),
            "{}",
            said[2]
        );
        assert_eq!(said.len(), 3);
        assert!(sentences(&[]).is_empty());
    }

    #[test]
    fn a_call_that_asks_for_none_of_the_papers_claims_says_so_and_counts_what_it_asked_for() {
        let untested = Claim { n: 0, ..claim(Outcome::NotTested, "authors") };
        let beyond = |outcome| Claim {
            figure: "Beyond: depth".to_owned(),
            origin: Origin::Ours,
            each: false,
            ..claim(outcome, "authors")
        };
        let said = sentences(&[
            untested,
            beyond(Outcome::Supported),
            beyond(Outcome::Inconclusive),
            beyond(Outcome::Contradicted),
        ]);
        assert_eq!(said.len(), 2);
        assert!(said[0].starts_with("None of the paper's"), "{}", said[0]);
        assert!(
            said[1]
                .contains("of 3 comparisons with one baseline each, 1 are supported, 1 contradicted, 0 eq")
        );
    }
}
