//! The opening of the chapter "Beyond the paper": one paragraph for each question, written by the outcomes of its claims, and
//! what follows from them for the paper's authors.

use crate::claim::{Claim, Unit};
use crate::experiment::{Chapter, Experiment, REGISTRY};
use crate::report::color::Color;
use crate::report::figure::{Axis, Figure, Layer, Legend, Marker, Panel, Stroke};
use crate::report::html::{Block, Section, Table};
use crate::setting::Setting;
use crate::statistics::Outcome;
use crate::statistics::median::median;
use std::collections::BTreeMap;

/// The name of the opening on the command line, where it stands for all questions, and in links.
pub const ID: &str = "beyond";

/// The opening of the chapter, of the sections of its questions; none where there are none of them.
#[must_use]
pub fn opening(sections: &[Section]) -> Option<Section> {
    let is_beyond = |experiment: &&dyn Experiment| experiment.chapter() == Chapter::Beyond;
    let of = |experiment: &'static dyn Experiment| {
        Some((experiment, sections.iter().find(|section| section.id == experiment.id())?))
    };
    let (asked, questions): (Vec<&dyn Experiment>, Vec<&Section>) =
        REGISTRY.iter().copied().filter(is_beyond).filter_map(of).unzip();
    if questions.is_empty() {
        return None;
    }
    let mut blocks = vec![Block::Paragraph(
        "Open questions of the paper, studied by this project. Every statement about results is generated from the outcomes of claims, which follow \
         the same rules and have the same intervals as those about the paper's figures; none of these claims is the paper's. A comparison is about \
         one problem in one setting."
            .to_owned(),
    )];
    for section in &questions {
        blocks.push(Block::Heading(section.title.clone()));
        blocks.push(Block::Paragraph(told(section)));
        blocks.extend(outcomes(section).map(Block::Table));
        blocks.extend(effects(section).map(Block::Figure));
    }
    blocks.push(Block::Heading("What we would tell the authors".to_owned()));
    let tell = |(experiment, section): (&&dyn Experiment, &&Section)| {
        experiment.advice(&Tally::new(&section.claims))
    };
    blocks.push(Block::List(asked.iter().zip(&questions).filter_map(tell).collect()));
    Some(Section { id: ID.to_owned(), title: "Beyond the paper".to_owned(), blocks, ..Section::default() })
}

/// The claims that sentences are made of: those on all baselines together, where there are several and some such claim of the question
/// was tested. None is where `--method` leaves out a baseline.
fn counted(claims: &[Claim]) -> impl Iterator<Item = &Claim> {
    let stem = |claim: &Claim| claim.id.rsplit_once('/').map(|(stem, _)| stem.to_owned());
    let tested: Vec<&str> =
        claims.iter().filter(|claim| claim.each && claim.n > 0).map(|claim| &claim.question[..]).collect();
    let together: Vec<Option<String>> =
        claims.iter().filter(|claim| claim.each && tested.contains(&&claim.question[..])).map(stem).collect();
    claims.iter().filter(move |claim| claim.each || !together.contains(&stem(claim)))
}

/// The outcomes of one question, in the order of its claims.
fn by_question(claims: &[Claim]) -> Vec<(&Claim, BTreeMap<Outcome, Vec<&Claim>>)> {
    let mut questions: Vec<(&Claim, BTreeMap<Outcome, Vec<&Claim>>)> = Vec::new();
    for claim in counted(claims).filter(|claim| claim.n > 0) {
        let place = questions.iter().position(|(first, _)| first.question == claim.question);
        let place = place.unwrap_or_else(|| {
            questions.push((claim, BTreeMap::new()));
            questions.len() - 1
        });
        questions[place].1.entry(claim.outcome).or_default().push(claim);
    }
    questions
}

/// Effects further away than this many times the smallest one that matters are drawn here.
const FURTHEST: f64 = 25.0;

/// What the figure calls a question, in a few words; the sentence stands above it.
fn name(question: &str) -> String {
    let (_, asked) = question.split_once('.').unwrap_or(("", question));
    let (asked, what) = match asked.strip_suffix(".epochs") {
        Some(asked) => (asked, "speed"),
        None => (asked, "result"),
    };
    match asked {
        "result" => "best result".to_owned(),
        "epochs" => "learns fastest".to_owned(),
        "movement" => "moves least".to_owned(),
        "tolerance" => "tolerates most rates".to_owned(),
        "transfer" => "rate transfers".to_owned(),
        "lazy" => "lazier when wider, at own rates".to_owned(),
        "lazy.equal" => "lazier when wider, at one rate".to_owned(),
        "start" => "other init. is better".to_owned(),
        "limited" => format!("held still, at own rates: {what}"),
        "limited.equal" => format!("held still, at one rate: {what}"),
        "jittered" => format!("not jittered, at own rates: {what}"),
        "jittered.equal" => format!("not jittered, at one rate: {what}"),
        "within" => format!("less movement, within a method: {what}"),
        "between" => format!("less movement, between methods: {what}"),
        "seeds" => format!("less movement, between seeds: {what}"),
        "direct" => format!("GmP at equal movement: {what}"),
        "noise" => "small-batch advantage".to_owned(),
        _ => asked.replace('.', " "),
    }
}

/// All comparisons of an inquiry in one picture: a row for each question, a point for each comparison at its effect, in multiples of the
/// smallest effect that matters. None where nothing was compared.
fn effects(section: &Section) -> Option<Figure> {
    let questions = by_question(&section.claims);
    let count = questions.len();
    let place = |k: usize| (count - 1 - k) as f64;
    let ticks =
        questions.iter().enumerate().map(|(k, (first, _))| (place(k), name(&first.question))).collect();
    let y = Axis { ticks: Some(ticks), ..Axis::linear("").between(-0.6, count as f64 - 0.4) };
    let x = Axis::linear("effect / smallest effect that matters; right: favours what is tested");
    let mut panel = Panel::new("", x.between(-FURTHEST - 1.0, FURTHEST + 1.0), y).legend(Legend::Above);
    for end in [-1.0, 1.0] {
        let upright = [(end, -0.6), (end, count as f64 - 0.4)];
        panel = panel.with(Layer::line(upright, Color::GREY).stroked(Stroke::Dotted).sized(1.0));
    }
    let shown = [
        (&[Outcome::Inconclusive, Outcome::NotTested][..], "open", Color::GREY, Marker::Dot),
        (&[Outcome::Equivalent], "no difference that matters", Color::BLUE, Marker::Diamond),
        (&[Outcome::Contradicted], "contradicted", Color::VERMILION, Marker::Cross),
        (&[Outcome::Supported], "supported", Color::GREEN, Marker::Star),
    ];
    let mut drawn = 0;
    for (of, label, color, marker) in shown {
        let mut points = Vec::new();
        for (k, (_, outcomes)) in questions.iter().enumerate() {
            for claim in of.iter().filter_map(|outcome| outcomes.get(outcome)).flatten() {
                if let (Some(estimate), Some(smallest)) = (claim.estimate, claim.smallest) {
                    points.push(((estimate / smallest).clamp(-FURTHEST, FURTHEST), place(k)));
                }
            }
        }
        drawn += points.len();
        if !points.is_empty() {
            panel = panel.with(Layer::points(points, color, marker).sized(9.0).faded(0.7).labelled(label));
        }
    }
    let caption = format!(
        "{} One point for each comparison: on one problem, in one setting, against the least favourable baseline where there are several. Effects \
         between the dotted lines are too small to matter. Effects beyond {FURTHEST} times the smallest that matters are drawn at the edge; those of \
         runs that diverged or never reached the target are left out.",
        section.title
    );
    let figure = Figure::new(format!("{ID}-{}", section.id), section.title.clone()).caption(caption);
    (drawn > 0).then(|| figure.row(30.0 + 26.0 * count as f64, vec![panel]))
}

/// A summary of the claims of an inquiry, one sentence per question: what holds where, what does not, and the median effect.
#[must_use]
pub fn found(claims: &[Claim]) -> Vec<String> {
    let mut said = Vec::new();
    for (first, outcomes) in by_question(claims) {
        let all: Vec<&Claim> = outcomes.values().flatten().copied().collect();
        let of = |outcome| outcomes.get(&outcome).map_or(&[][..], Vec::as_slice);
        let mut parts = Vec::new();
        for (outcome, words) in [
            (Outcome::Supported, "supported"),
            (Outcome::Contradicted, "contradicted"),
            (Outcome::Equivalent, "without a difference that matters"),
        ] {
            if !of(outcome).is_empty() {
                parts.push(format!("{words} in {} ({})", of(outcome).len(), listed(of(outcome))));
            }
        }
        let open = of(Outcome::Inconclusive).len() + of(Outcome::NotTested).len();
        if open > 0 {
            parts.push(format!("open in {open}"));
        }
        let against = if first.each { format!(" against {}", first.baseline) } else { String::new() };
        let count = match all.len() {
            1 => "1 comparison".to_owned(),
            count => format!("{count} comparisons"),
        };
        said.push(format!("{}{against}: of {count}, {}{}.", first.tested, parts.join(", "), medians(&all)));
    }
    if said.is_empty() { vec!["Nothing was compared in this run.".to_owned()] } else { said }
}

/// A few of the comparisons by name, with the baseline that decides and the effect.
fn listed(claims: &[&Claim]) -> String {
    // A reader takes in no more than a few.
    const NAMED: usize = 4;
    let name = |claim: &&Claim| {
        // Of all baselines together, the least favourable one decides.
        let least = claim.reason.strip_prefix("Least favourable: ").and_then(|rest| rest.split_once(". "));
        let against = match least {
            Some((baseline, _)) => format!(" against {baseline}"),
            None if claim.subject.is_empty() => String::new(),
            None => format!(", {} against {}", claim.subject, claim.baseline),
        };
        let unit = if claim.estimate.is_some() { unit(claim.unit) } else { "" };
        format!("{}{against} {}{unit}", claim.dataset, claim.effect())
    };
    let mut names: Vec<String> = claims.iter().take(NAMED).map(name).collect();
    if claims.len() > NAMED {
        names.push(format!("and {} more", claims.len() - NAMED));
    }
    names.join("; ")
}

/// `; the median effect is +1.2%`: of errors and of accuracies each, where at least three are numbers.
fn medians(claims: &[&Claim]) -> String {
    let of = |measured: Unit| {
        let is_it = |claim: &&&Claim| claim.unit == measured;
        let effects: Vec<f64> = claims.iter().filter(is_it).filter_map(|claim| claim.estimate).collect();
        let middle = median(&effects).filter(|_| effects.len() > 2)?;
        Some(format!("{}{}", measured.show(middle), unit(measured)))
    };
    let units = [Unit::LogRatio, Unit::Bits, Unit::Share, Unit::Number];
    match &units.into_iter().filter_map(of).collect::<Vec<_>>()[..] {
        [] => String::new(),
        [one] => format!("; the median effect is {one}"),
        several => format!("; the median effects are {}", several.join(" and ")),
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::LogRatio | Unit::Number => "",
        Unit::Bits => " bits",
        Unit::Share => " points",
    }
}

/// The outcomes of an inquiry as advice is made of them.
pub struct Tally<'a>(&'a [Claim]);

impl<'a> Tally<'a> {
    /// Of these claims.
    #[must_use]
    pub fn new(claims: &'a [Claim]) -> Self {
        Self(claims)
    }

    /// How often a question was answered.
    #[must_use]
    pub fn of(&self, question: &str) -> Count {
        Count::of(counted(self.0).filter(|claim| claim.question == question))
    }

    /// How a question was answered when GmP was compared with this method alone.
    #[must_use]
    pub fn against(&self, question: &str, baseline: &str) -> Count {
        let is_it = |claim: &&Claim| claim.question == question && claim.baseline == baseline && !claim.each;
        Count::of(self.0.iter().filter(is_it))
    }

    /// The same of the comparisons of runs with some settings alone.
    #[must_use]
    pub fn of_settings(&self, question: &str, is_one: impl Fn(Setting) -> bool) -> Count {
        let is_one = |claim: &&Claim| claim.runs.first().is_some_and(|runs| is_one(runs.setting));
        Count::of(counted(self.0).filter(|claim| claim.question == question).filter(is_one))
    }

    /// `yes in 3 and no in 1 of 18 comparisons`.
    #[must_use]
    pub fn words(&self, question: &str) -> String {
        self.of(question).words()
    }

    /// One of four texts: where more than half of the comparisons say yes, where they say no, where they say that there is no difference
    /// that matters, and where none of these is so.
    #[must_use]
    pub fn verdict<'t>(&self, question: &str, [yes, no, same, open]: [&'t str; 4]) -> &'t str {
        let Count { yes: supported, no: contradicted, same: equivalent, all } = self.of(question);
        let is_most = |count: usize| 2 * count > all;
        match () {
            () if is_most(supported) => yes,
            () if is_most(contradicted) => no,
            () if is_most(equivalent) => same,
            () => open,
        }
    }
}

/// How often a question was answered with yes (supported), with no (contradicted), and with no difference that matters (equivalent), of how many comparisons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Supported.
    pub yes: usize,
    /// Contradicted.
    pub no: usize,
    /// Equivalent.
    pub same: usize,
    /// All that were compared.
    pub all: usize,
}

impl Count {
    fn of<'c>(claims: impl Iterator<Item = &'c Claim>) -> Self {
        claims.filter(|claim| claim.n > 0).fold(Self::default(), |count, claim| Self {
            yes: count.yes + usize::from(claim.outcome == Outcome::Supported),
            no: count.no + usize::from(claim.outcome == Outcome::Contradicted),
            same: count.same + usize::from(claim.outcome == Outcome::Equivalent),
            all: count.all + 1,
        })
    }

    /// `yes in 3 and no in 1 of 18 comparisons`.
    #[must_use]
    pub fn words(self) -> String {
        match (self.all, self.said()) {
            (0, _) => "not compared".to_owned(),
            (1, Some(said)) => format!("{said} of 1 comparison"),
            (all, Some(said)) => format!("{said} of {all} comparisons"),
            (all, None) => format!("open in all {all} comparisons"),
        }
    }

    /// `yes in 3 and no in 1`; none where nothing was decided.
    #[must_use]
    pub fn said(self) -> Option<String> {
        let all = [(self.yes, "yes"), (self.no, "no"), (self.same, "no difference that matters")];
        let said: Vec<String> = all
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{word} in {count}"))
            .collect();
        let (last, first) = said.split_last()?;
        Some(if first.is_empty() { last.clone() } else { format!("{} and {last}", first.join(", ")) })
    }
}

/// How an inquiry was answered as a whole.
fn told(section: &Section) -> String {
    let count = Count::of(counted(&section.claims));
    let comparisons = if count.all == 1 { "comparison" } else { "comparisons" };
    match (count.all, count.said()) {
        (0, _) => "Nothing was compared in this run.".to_owned(),
        (all, Some(said)) => format!("Of {all} {comparisons}: {said}; the others are open."),
        (all, None) => format!("Open in all of {all} {comparisons}."),
    }
}

/// How often what is asked was found, and how often its opposite, a row for each question; none where nothing was compared.
fn outcomes(section: &Section) -> Option<Table> {
    let questions = by_question(&section.claims);
    let row = |(first, _): &(&Claim, _)| {
        let Count { yes, no, same, all } = Tally(&section.claims).of(&first.question);
        let counts = [yes, no, same, all - yes - no - same].map(|count| count.to_string());
        std::iter::once(first.tested.clone()).chain(counts).collect()
    };
    (!questions.is_empty()).then(|| Table {
        caption: "Comparisons by outcome".to_owned(),
        header: ["what is tested", "yes", "no", "no difference that matters", "open"]
            .map(str::to_owned)
            .to_vec(),
        rows: questions.iter().map(row).collect(),
        highlight: Vec::new(),
    })
}

/// How often GmP had the best results, learned fastest and tolerated most learning rates in each inquiry, as a table for a
/// README; without the inquiries that were not made. A second table says what it changes to limit the movement of boundaries.
#[must_use]
pub fn markdown(claims: &[Claim]) -> String {
    let tally = Tally(claims);
    let mut table = "| | GmP has the best test result | learns fastest | tolerates the widest range of learning rates |\n|---|---|---|---|\n".to_owned();
    for experiment in REGISTRY.iter().filter(|experiment| experiment.chapter() == Chapter::Beyond) {
        let id = experiment.id();
        let questions = ["result", "epochs", "tolerance"].map(|asked| format!("{id}.{asked}"));
        if questions.iter().all(|question| tally.of(question).all == 0) {
            continue;
        }
        let words = questions.map(|question| {
            if tally.of(&question).all == 0 { "–".to_owned() } else { tally.words(&question) }
        });
        table += &format!("| {id} | {} |\n", words.join(" | "));
    }
    if tally.of("why.limited").all > 0 {
        table += "\n| SP and WN with their boundaries held as still as those of GmP | better test results | faster learning |\n|---|---|---|\n";
        for (at, limited) in [
            ("each at its own best learning rate", "why.limited"),
            ("with the limit and without it, at one learning rate", "why.limited.equal"),
        ] {
            let [result, speed] =
                [limited, &format!("{limited}.epochs")].map(|question| tally.words(question));
            table += &format!("| {at} | {result} | {speed} |\n");
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{Origin, Runs};
    use gmp_nn::Activation;

    fn claim(outcome: Outcome, dataset: &str) -> Claim {
        Claim {
            id: format!("depth.result/{dataset}/SP"),
            tested: "GmP has the best test result".to_owned(),
            dataset: dataset.to_owned(),
            n: 5,
            outcome,
            ..Claim::untested("depth.result", Origin::Ours, "Beyond: depth", "", "")
        }
    }

    #[test]
    fn a_paragraph_counts_outcomes_and_names_some() {
        let claims = [
            claim(Outcome::Contradicted, "levy · 2"),
            claim(Outcome::Supported, "levy · 1"),
            claim(Outcome::Inconclusive, "levy · 4"),
        ];
        assert_eq!(
            found(&claims).join(" "),
            "GmP has the best test result: of 3 comparisons, supported in 1 (levy · 1 –), contradicted in 1 (levy · 2 –), open in 1."
        );
        let section = Section { title: "Depth".to_owned(), claims: claims.to_vec(), ..Section::default() };
        assert_eq!(told(&section), "Of 3 comparisons: yes in 1 and no in 1; the others are open.");
        assert_eq!(outcomes(&section).unwrap().rows, [["GmP has the best test result", "1", "1", "0", "1"]]);
        assert!(outcomes(&Section::default()).is_none());
        assert_eq!(found(&[]), ["Nothing was compared in this run."]);
        let tally = Tally(&claims);
        assert_eq!(tally.of("depth.result"), Count { yes: 1, no: 1, same: 0, all: 3 });
        assert_eq!(tally.words("depth.result"), "yes in 1 and no in 1 of 3 comparisons");
        let texts = ["yes", "no", "same", "open"];
        assert_eq!(tally.verdict("depth.result", texts), "open");
        assert_eq!(Tally(&claims[1..2]).verdict("depth.result", texts), "yes");
        assert_eq!(Tally(&claims[..1]).verdict("depth.result", texts), "no");
        assert_eq!(Tally(&[]).verdict("depth.result", texts), "open");
        assert_eq!(tally.words("depth.epochs"), "not compared");
        assert!(effects(&section).is_none(), "none of them has an effect");
        let at = |estimate| Claim {
            estimate: Some(estimate),
            smallest: Some(0.5),
            ..claim(Outcome::Supported, "levy")
        };
        let section = Section { claims: vec![at(1.0), at(-2.0), at(1e9)], ..section };
        let figure = effects(&section).unwrap();
        let Some(Layer::Points { points, label, .. }) = figure.rows[0].panels[0].layers.last() else {
            panic!()
        };
        assert_eq!((&points[..], &label[..]), (&[(2.0, 0.0), (-4.0, 0.0), (FURTHEST, 0.0)][..], "supported"));
    }

    #[test]
    fn comparisons_of_some_settings_are_counted_alone() {
        let of = |outcome, activation| {
            let setting = Setting { activation: Some(activation), ..Setting::default() };
            let runs = Runs {
                file: "depth/runs.jsonl".to_owned(),
                method: "GmP".to_owned(),
                rates: vec![0.1],
                seeds: [0, 4],
                setting,
            };
            Claim { runs: vec![runs], ..claim(outcome, "levy") }
        };
        let claims = [
            of(Outcome::Supported, Activation::Relu),
            of(Outcome::Contradicted, Activation::Tanh),
            of(Outcome::Inconclusive, Activation::Gelu),
        ];
        let words = |is_one: fn(Setting) -> bool| Tally(&claims).of_settings("depth.result", is_one).words();
        assert_eq!(words(|setting| setting.activation == Some(Activation::Tanh)), "no in 1 of 1 comparison");
        assert_eq!(words(|setting| setting.activation != Some(Activation::Relu)), "no in 1 of 2 comparisons");
        assert_eq!(words(|setting| setting.activation.is_none()), "not compared");
    }

    #[test]
    fn effects_of_errors_and_of_accuracies_are_not_mixed() {
        let of = |unit, estimate| Claim {
            unit,
            estimate: Some(estimate),
            low: Some(0.0),
            high: Some(0.5),
            ..claim(Outcome::Supported, "levy")
        };
        let errors = [0.1, 0.2, 0.3].map(|effect| of(Unit::LogRatio, effect));
        let accuracies = [0.01, 0.02, 0.03].map(|effect| of(Unit::Share, effect));
        assert!(found(&errors)[0].ends_with("; the median effect is +20.0%."), "{:?}", found(&errors));
        let said = found(&[&errors[..], &accuracies].concat());
        assert!(said[0].ends_with("; the median effects are +20.0% and +2.00 points."), "{said:?}");
        assert!(!found(&errors[..2])[0].contains("median"));
        assert!(
            found(&accuracies)[0].contains("levy +1.00 [+0.00, +50.00] points; "),
            "{:?}",
            found(&accuracies)
        );
    }

    #[test]
    fn single_baselines_are_counted_where_not_all_were_run() {
        let single = claim(Outcome::Supported, "levy");
        let all = |n| Claim {
            id: "depth.result/levy/each".to_owned(),
            each: true,
            n,
            ..claim(Outcome::Inconclusive, "levy")
        };
        let count = |claims: &[Claim]| Tally(claims).of("depth.result");
        assert_eq!(count(&[single.clone(), all(0)]), Count { yes: 1, all: 1, ..Count::default() });
        assert_eq!(count(&[single.clone(), all(5)]), Count { all: 1, ..Count::default() });
        // One of the baselines had no run with a number, elsewhere all had.
        let elsewhere = Claim { id: "depth.result/banana/each".to_owned(), ..all(5) };
        assert_eq!(count(&[single, all(0), elsewhere]), Count { all: 1, ..Count::default() });
    }

    #[test]
    fn a_row_for_each_inquiry_that_was_made() {
        let claims = [claim(Outcome::Supported, "levy · 1"), claim(Outcome::Inconclusive, "levy · 4")];
        let table = markdown(&claims);
        assert!(table.contains("| depth | yes in 1 of 2 comparisons | – | – |\n"), "{table}");
        assert!(!table.contains("why") && !table.contains("held as still"), "{table}");
        let limited = Claim { question: "why.limited".to_owned(), ..claim(Outcome::Supported, "levy") };
        let table = markdown(&[limited]);
        assert!(
            table
                .contains("| each at its own best learning rate | yes in 1 of 1 comparison | not compared |"),
            "{table}"
        );
    }

    #[test]
    fn the_picture_names_its_questions_in_words() {
        assert_eq!(name("depth.result"), "best result");
        assert_eq!(name("depth.epochs"), "learns fastest");
        assert_eq!(name("why.limited.epochs"), "held still, at own rates: speed");
        assert_eq!(name("why.limited.equal"), "held still, at one rate: result");
        assert_eq!(name("why.within"), "less movement, within a method: result");
    }

    #[test]
    fn there_is_no_chapter_without_its_questions() {
        assert!(opening(&[Section { id: "fig2".to_owned(), ..Section::default() }]).is_none());
        let depth = Section { id: "depth".to_owned(), title: "Depth".to_owned(), ..Section::default() };
        let opening = opening(&[depth]).unwrap();
        assert!(opening.blocks.contains(&Block::Heading("Depth".to_owned())));
    }
}
