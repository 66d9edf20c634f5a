//! The claims on the page: three groups by who says them, one article a question, one row for each data set, protocol and
//! choice of learning rates, one column for each baseline.

use super::html::paragraphs;
use super::svg::{escape, markup};
use crate::claim::{Claim, Origin};
use crate::statistics::Outcome;
use std::fmt::Write as _;

/// The heading of a group.
fn heading(origin: Origin, claims: &[Claim]) -> &'static str {
    match origin {
        Origin::Ours if claims.iter().all(|claim| claim.origin == Origin::Ours) => "Claims about the methods",
        Origin::Paper => "What the paper claims",
        Origin::Mathematics => "Checks of the mathematics",
        Origin::Ours => "What this project asks in addition",
    }
}

fn groups(claims: &[Claim]) -> impl Iterator<Item = (Origin, Vec<&Claim>)> {
    let of = |origin| (origin, claims.iter().filter(|claim| claim.origin == origin).collect::<Vec<_>>());
    Origin::ALL.into_iter().map(of).filter(|(_, claims)| !claims.is_empty())
}

/// The entries of the table of contents.
pub(super) fn contents(out: &mut String, claims: &[Claim]) {
    for (origin, _) in groups(claims) {
        let _ = writeln!(out, "<li><a href=\"#claims-{origin}\">{}</a></li>", heading(origin, claims));
    }
}

/// How the claims of a section came out.
pub(super) fn tally(out: &mut String, claims: &[Claim]) {
    if claims.is_empty() {
        return;
    }
    out.push_str("<p class=\"tally\">");
    tally_of(out, claims.iter());
    out.push_str("</p>\n");
}

fn tally_of<'a>(out: &mut String, claims: impl Iterator<Item = &'a Claim> + Clone) {
    for outcome in Outcome::ALL {
        let count = claims.clone().filter(|claim| claim.outcome == outcome).count();
        if count > 0 {
            let _ = write!(out, "{} <b>{count}</b> ", badge(outcome));
        }
    }
}

/// All groups.
pub(super) fn write(out: &mut String, claims: &[Claim]) {
    for (k, (origin, group)) in groups(claims).enumerate() {
        let _ = writeln!(
            out,
            "<section aria-labelledby=\"claims-{origin}\">\n<h2 id=\"claims-{origin}\">{}</h2>",
            heading(origin, claims)
        );
        if k == 0 {
            out.push_str(WORDS);
        }
        let (tested, untested): (Vec<_>, Vec<_>) =
            by_question(&group).into_iter().partition(|claims| claims.iter().any(|claim| claim.n > 0));
        tested.iter().for_each(|claims| article(out, claims));
        folded(out, &untested);
        out.push_str("</section>\n");
    }
}

/// Those of one section, below its figures.
pub(super) fn of_section(out: &mut String, claims: &[Claim]) {
    if claims.is_empty() {
        return;
    }
    out.push_str("<details>\n<summary>Every comparison, with its effect and interval</summary>\n");
    let all: Vec<&Claim> = claims.iter().collect();
    by_question(&all).iter().for_each(|claims| article(out, claims));
    out.push_str("</details>\n");
}

fn by_question<'a>(claims: &[&'a Claim]) -> Vec<Vec<&'a Claim>> {
    let mut questions: Vec<Vec<&Claim>> = Vec::new();
    for &claim in claims {
        match questions.iter_mut().find(|known| known[0].question == claim.question) {
            Some(known) => known.push(claim),
            None => questions.push(vec![claim]),
        }
    }
    questions
}

/// Questions of which nothing was tested: a reader comes for the others.
fn folded(out: &mut String, questions: &[Vec<&Claim>]) {
    if questions.is_empty() {
        return;
    }
    let many =
        if questions.len() == 1 { "one claim".to_owned() } else { format!("{} claims", questions.len()) };
    let _ = writeln!(out, "<details>\n<summary>{} {many} in all</summary>", badge(Outcome::NotTested));
    questions.iter().for_each(|claims| article(out, claims));
    out.push_str("</details>\n");
}

const WORDS: &str = "<details class=\"words\">\n<summary>How to read the outcomes</summary>\n<p>An effect is the mean over seeds of the difference \
    between two runs that share their seed, positive where it favours the claim: ln(baseline/subject) for errors and epochs, in percent; \
    log<sub>2</sub>(baseline/subject) for movement, in bits; subject − baseline for accuracies, in points. Beside it stands its 95% \
    interval.</p>\n<ul>\n<li><b>supported</b>: the whole interval lies above the smallest effect that matters.</li>\n<li><b>equivalent</b>: the 90% \
    interval lies within the smallest effect that matters, on both sides of zero.</li>\n<li><b>contradicted</b>: the whole interval lies where \
    the baseline is better by more than the smallest effect that matters.</li>\n<li><b>inconclusive</b>: the interval leaves several of these \
    possible; the claim says how many seeds would decide.</li>\n<li><b>not tested</b>: there \
    are no runs for it.</li>\n</ul>\n<p>“Each” means better than each of the baselines: supported where it is supported against all of them, \
    contradicted where it is contradicted against at least one. A star marks a decided outcome that does not remain after a correction for all \
    claims of the page together (Benjamini and Hochberg, 5%). A run that diverges is a loss for its side.</p>\n</details>\n";

fn article(out: &mut String, claims: &[&Claim]) {
    let Some(first) = claims.first() else { return };
    let compared = !first.baseline.is_empty();
    let _ = write!(out, "<article class=\"claim\">\n<h3>{}: ", escape(&first.figure));
    if first.origin == Origin::Paper {
        let _ = write!(out, "“{}”", markup(&first.statement));
    } else {
        out.push_str(&markup(&first.statement));
    }
    out.push_str("</h3>\n");
    if !compared {
        for claim in claims {
            let _ = write!(out, "<p>{}", badge(claim.outcome));
            if claim.estimate.is_some() {
                let _ = write!(out, " {}", escape(&claim.effect()));
            }
            out.push_str("</p>\n");
            paragraphs(out, &claim.reason, "");
        }
        out.push_str("</article>\n");
        return;
    }
    let _ = writeln!(
        out,
        "<p>{}: {}{}; the smallest effect that matters is {}.</p>",
        markup(&first.tested),
        markup(&first.quantity),
        // A number has no unit.
        if first.unit.name().is_empty() { String::new() } else { format!(" in {}", first.unit.name()) },
        escape(
            first
                .smallest
                .map_or_else(|| "–".to_owned(), |smallest| first.unit.show(smallest))
                .trim_start_matches('+')
        )
    );
    let rows = rows(claims);
    let (tested, untested): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.iter().any(|claim| claim.n > 0));
    if !tested.is_empty() {
        table(out, &tested);
    }
    not_tested(out, &untested);
    out.push_str("</article>\n");
}

/// The claims that differ in the baseline alone.
fn rows<'a>(claims: &[&'a Claim]) -> Vec<Vec<&'a Claim>> {
    let key = |claim: &Claim| (claim.dataset.clone(), claim.protocol.clone(), claim.rates.clone());
    let mut rows: Vec<Vec<&Claim>> = Vec::new();
    for &claim in claims {
        match rows.iter_mut().find(|row| key(row[0]) == key(claim)) {
            Some(row) => row.push(claim),
            None => rows.push(vec![claim]),
        }
    }
    rows
}

fn table(out: &mut String, rows: &[Vec<&Claim>]) {
    let mut columns: Vec<&str> = Vec::new();
    for claim in rows.iter().flatten() {
        let name = if claim.each { "each" } else { &claim.baseline[..] };
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Outcomes by data, protocol and learning rates\">\
         <table>\n<thead><tr><th scope=\"col\">data</th><th scope=\"col\">protocol</th>\
         <th scope=\"col\">learning rates</th>",
    );
    for column in &columns {
        let _ = write!(
            out,
            "<th scope=\"col\">{} {}</th>",
            if *column == "each" { "" } else { "against" },
            escape(column)
        );
    }
    out.push_str("<th scope=\"col\">seeds</th></tr></thead>\n<tbody>\n");
    for row in rows {
        let first = row[0];
        let data = if first.generated {
            format!("{} (on generated data)", first.dataset)
        } else {
            first.dataset.clone()
        };
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td>",
            escape(&data),
            escape(&first.protocol),
            escape(&first.rates)
        );
        for column in &columns {
            let claim = row
                .iter()
                .find(|claim| if claim.each { *column == "each" } else { claim.baseline == *column });
            let Some(claim) = claim else {
                out.push_str("<td>–</td>");
                continue;
            };
            let star = if claim.stands == Some(false) { "*" } else { "" };
            let effect = if claim.each || claim.n == 0 {
                String::new()
            } else {
                format!("<div>{}</div>", escape(&claim.effect()))
            };
            let _ = write!(
                out,
                "<td title=\"{}\">{}{star}{effect}</td>",
                escape(&claim.reason),
                badge(claim.outcome)
            );
        }
        let (least, most) = row.iter().fold((usize::MAX, 0), |(l, m), c| (l.min(c.n), m.max(c.n)));
        let seeds = if least == most { format!("{least}") } else { format!("{least}–{most}") };
        let _ = writeln!(out, "<td class=\"number\">{seeds}</td></tr>");
    }
    out.push_str("</tbody>\n</table></div>\n");
    // A decided outcome whose reason is one sentence says no more than its word does.
    let says_more = |claim: &&&Claim| !claim.outcome.is_decided() || claim.reason.contains(". ");
    let mut more = rows.iter().flatten().filter(|claim| !claim.each).filter(says_more).peekable();
    if more.peek().is_none() {
        return;
    }
    out.push_str("<details><summary>More on each comparison</summary>\n<ul>\n");
    for claim in more {
        let _ = writeln!(
            out,
            "<li>{}, {}, {}, {}: {}. {}</li>",
            escape(&claim.dataset),
            escape(&claim.protocol),
            escape(&claim.rates),
            escape(&claim.baseline),
            claim.outcome,
            markup(&claim.reason)
        );
    }
    out.push_str("</ul>\n</details>\n");
}

/// What was not tested, by the reason.
fn not_tested(out: &mut String, rows: &[Vec<&Claim>]) {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for row in rows {
        // The first has the reason itself, the last one is put together.
        let (reason, first) = (&row[0].reason[..], row[0]);
        let what = format!("{}, {}, {}", first.dataset, first.protocol, first.rates);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, all)) => all.push(what),
            None => reasons.push((reason, vec![what])),
        }
    }
    for (reason, all) in reasons {
        let _ = writeln!(
            out,
            "<details><summary>{} {} of {}: {}</summary>\n<p>{}</p>\n</details>",
            badge(Outcome::NotTested),
            if all.len() == 1 { "one comparison".to_owned() } else { format!("{} comparisons", all.len()) },
            escape(&rows[0][0].subject),
            markup(reason),
            escape(&all.join("; "))
        );
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Supported => "yes",
        Outcome::Equivalent => "same",
        Outcome::Contradicted => "no",
        Outcome::Inconclusive | Outcome::NotTested => "open",
    }
}

/// Shape and words, not colour alone, tell the outcomes apart.
fn badge(outcome: Outcome) -> String {
    let sign = match outcome {
        Outcome::Supported => "●",
        Outcome::Equivalent => "=",
        Outcome::Contradicted => "○",
        Outcome::Inconclusive => "?",
        Outcome::NotTested => "–",
    };
    format!(
        "<span class=\"badge {}\"><span aria-hidden=\"true\">{sign}</span> {outcome}</span>",
        class(outcome)
    )
}
