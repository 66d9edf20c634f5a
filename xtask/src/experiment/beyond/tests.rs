//! Every inquiry as small as it can be: its plan, its runs, its claims and its figures, of real training.

use super::normalizations::NORMALIZATIONS;
use super::rivals::RIVALS;
use super::study::Asked;
use super::why::WHY;
use super::{Inquiry, ask, chapter};
use crate::claim::Claim;
use crate::experiment::images::Options;
use crate::experiment::{Chapter, Context, Experiment, Prepared, REGISTRY, Study};
use crate::method;
use crate::report::html::{Block, Section};
use crate::run::results::Results;
use crate::run::stop::Stop;
use crate::run::store::Store;
use crate::run::{Record, Run};
use crate::statistics::Outcome;
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

fn context(folder: &Path) -> Context {
    Context {
        seeds: Some(2),
        first_seed: 3,
        methods: Some(vec![method::SP, method::GMP]),
        rates: Some(vec![0.01, 0.1]),
        pictures: Options { width: "1/64".parse().ok(), pictures: Some(20), ..Options::default() },
        data_dir: folder.join("data"),
        out: folder.join("out"),
        ..Context::default()
    }
}

/// Thirty rows of a set with three inputs, under the name of one of the paper's.
fn write_yacht(folder: &Path) {
    let uci = folder.join("data/uci");
    fs::create_dir_all(&uci).unwrap();
    let mut csv = "a,b,c,y\n".to_owned();
    (0..30).for_each(|i| csv += &format!("{},{},{},{}\n", i, i * i % 7, i % 4, i % 5));
    fs::write(uci.join("yacht.csv"), csv).unwrap();
}

fn inquiries() -> impl Iterator<Item = &'static dyn Experiment> {
    REGISTRY.iter().copied().filter(|experiment| experiment.chapter() == Chapter::Beyond)
}

/// Carries a few epochs of every run out, and reports.
fn report(experiment: &dyn Experiment, context: &Context) -> Section {
    let Prepared::Ready(study) = experiment.prepare(context).unwrap() else {
        panic!("{} is skipped", experiment.id())
    };
    let runs = study.runs();
    let distinct: HashSet<&Run> = runs.iter().collect();
    assert_eq!(distinct.len(), runs.len(), "{} plans a run twice", experiment.id());
    let names: HashSet<String> = runs.iter().map(Run::slug).collect();
    assert_eq!(names.len(), runs.len(), "{}: two runs have one name", experiment.id());
    assert!(runs.iter().all(|run| study.cost(run) > 0.0 && [3, 4].contains(&run.seed)));
    let mut store = Store::open(&context.out, experiment.id()).unwrap();
    for run in &runs {
        let brief = Run { epoch_limit: 4, ..run.clone() };
        let (mut record, trace) = study.carry_out(&brief, &Stop::default()).unwrap().unwrap();
        assert!(trace.is_none(), "no curves of hundreds of runs");
        record.run = run.clone();
        store.push(record).unwrap();
    }
    // As a later call finds them.
    let store = Store::open(&context.out, experiment.id()).unwrap();
    let records = runs.iter().map(|run| store.find(run).expect("it was carried out")).collect();
    let mut results = Results::new(records, &store);
    assert!(study.more(&results).is_empty());
    results.measurements = study.measure(&results, 1, &Stop::default()).unwrap();
    study.report(context, &results)
}

#[test]
fn every_inquiry_is_planned_carried_out_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    write_yacht(folder.path());
    let context = context(folder.path());
    let mut sections = Vec::new();
    for experiment in inquiries() {
        let section = report(experiment, &context);
        let id = experiment.id();
        assert!(section.claims.iter().all(|claim| claim.id.starts_with(&format!("{id}."))), "{id}");
        // Two seeds decide nothing, and say so.
        let compared: Vec<&Claim> = section.claims.iter().filter(|claim| claim.n == 2).collect();
        assert!(compared.len() > 3, "{id}: {} claims of two seeds", compared.len());
        assert!(compared.iter().all(|claim| !claim.outcome.is_decided() && !claim.runs.is_empty()));
        // A sentence names its comparisons by these, so that no two of one question may have them all in common.
        let named: HashSet<_> = compared
            .iter()
            .map(|claim| (&claim.question, &claim.dataset, &claim.subject, &claim.baseline))
            .collect();
        assert_eq!(named.len(), compared.len(), "{id}: two comparisons of one question have one name");
        if id == "why" {
            let at = |question: &str| -> HashSet<&str> {
                let of = section.claims.iter().filter(|claim| claim.question == question);
                of.map(|claim| &claim.rates[..]).collect()
            };
            for question in ["why.limited", "why.limited.epochs", "why.jittered", "why.jittered.epochs"] {
                assert_eq!(at(question), HashSet::from(["own best"]), "{question}");
            }
            for question in [
                "why.limited.equal",
                "why.limited.equal.epochs",
                "why.jittered.equal",
                "why.jittered.equal.epochs",
            ] {
                let rates = at(question);
                assert!(!rates.is_empty() && rates.iter().all(|at| at.starts_with("equal ")), "{question}");
            }
        }
        if id == "width" {
            let is_lazy = |claim: &&&Claim| claim.question == "width.lazy";
            let lazy: Vec<_> = compared.iter().filter(is_lazy).collect();
            assert_eq!(lazy.len(), 4, "SP and GmP on levy and yacht");
            assert!(
                lazy.iter().all(|claim| claim.estimate.is_some() && claim.reason.contains("with 16 units"))
            );
        }
        let figures: Vec<_> = section.blocks.iter().filter_map(Block::figure).collect();
        assert!(!figures.is_empty(), "{id} shows no figure");
        for figure in figures {
            assert!(figure.caption.len() > 50 && !figure.svg().contains("NaN"), "{id}");
            let drawn: usize =
                figure.rows.iter().flat_map(|row| &row.panels).map(|panel| panel.layers.len()).sum();
            assert!(drawn > 4, "{id}: {drawn} layers");
        }
        sections.push(section);
    }
    let ids: Vec<&String> =
        sections.iter().flat_map(|section| &section.claims).map(|claim| &claim.id).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "two claims have one name");
    let opening = chapter::opening(&sections).unwrap();
    let told = opening.blocks.iter().find_map(|block| match block {
        Block::List(items) => Some(items.len()),
        _ => None,
    });
    assert_eq!(told, Some(sections.len()), "one sentence for the authors on each question");
}

/// Runs with an intervention leave nothing where they are stopped, and are the same whether their reference is carried out for them or
/// was for another run.
#[test]
fn a_stopped_intervention_leaves_nothing_and_a_reference_serves_several_runs() {
    let folder = tempfile::tempdir().unwrap();
    let context = Context {
        datasets: vec!["pictures".to_owned(), "banana".to_owned()],
        seeds: Some(1),
        ..context(folder.path())
    };
    let prepare = || match WHY.prepare(&context).unwrap() {
        Prepared::Ready(study) => study,
        Prepared::Skipped(_) => panic!("it is skipped"),
    };
    let study = prepare();
    let runs: Vec<Run> = study.runs().into_iter().filter(|run| run.setting.intervention.is_some()).collect();
    assert_eq!(runs.len(), 2 * 2 * 3, "of both problems, at two rates: SP limited twice and GmP jittered");
    let brief = |run: &Run| Run { epoch_limit: 3, ..run.clone() };
    let stop = Stop::default();
    stop.store(true, Ordering::Relaxed);
    assert!(runs.iter().all(|run| study.carry_out(&brief(run), &stop).unwrap().is_none()));
    for run in runs.iter().map(brief) {
        let record = |study: &dyn Study| {
            let (record, _) = study.carry_out(&run, &Stop::default()).unwrap().unwrap();
            Record { seconds: 0.0, ..record }
        };
        assert_eq!(record(&*study), record(&*prepare()), "{run:?}");
    }
}

/// Without the sets of Table 1 the rest is run, and what is left out says why; the same claims are there.
#[test]
fn what_has_no_data_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path());
    for experiment in inquiries() {
        let untested = experiment.untested(&context, "for a reason");
        assert!(untested.iter().all(|claim| claim.outcome == Outcome::NotTested && claim.n == 0));
        assert!(untested.iter().any(|claim| claim.reason.contains("for a reason")), "{}", experiment.id());
    }
}

/// On pictures the quick profile has one learning rate of every normalization, and two of the rivals; speed is not compared.
#[test]
fn on_pictures_methods_are_compared_at_the_learning_rates_that_there_are() {
    let context = Context::default();
    let on_pictures = |inquiry: Inquiry| {
        let mut claims = ask::all(&Asked::absent(inquiry, &context), &context, None, "for a reason");
        claims.retain(|claim| claim.dataset.starts_with("VGG-6"));
        claims
    };
    let of = |claims: &[Claim]| -> BTreeSet<(String, String)> {
        claims.iter().map(|claim| (claim.question.clone(), claim.rates.clone())).collect()
    };
    let expected = |pairs: &[(&str, &str)]| -> BTreeSet<(String, String)> {
        pairs.iter().map(|(question, rates)| ((*question).to_owned(), (*rates).to_owned())).collect()
    };
    let normalizations = on_pictures(NORMALIZATIONS);
    assert_eq!(of(&normalizations), expected(&[("normalizations.result", "equal 0.003")]));
    assert!(
        normalizations
            .iter()
            .all(|claim| claim.baseline != "WN" && claim.statement.contains("one learning rate"))
    );
    let rivals = on_pictures(RIVALS);
    assert_eq!(of(&rivals), expected(&[("rivals.movement", "own best"), ("rivals.result", "own best")]));
    assert!(rivals.iter().all(|claim| claim.baseline != "BN"));
}
