//! From questions and records to claims.

use super::question::{Data, Question, Sides};
use super::tables::Rate;
use super::{Context, Profile};
use crate::claim::{Claim, Runs};
use crate::method::{self, MethodId};
use crate::report::number::rate as shown;
use crate::run::Protocol;
use crate::run::results::{Cell, Results};
use crate::setting::Setting;
use crate::statistics::outcome::{FEWEST_SEEDS, all_of_outcomes};
use crate::statistics::{ALPHA, Judgement, Needed, Outcome, Population, Study, judge, pooled};

/// What a call asked for, as far as claims depend on it.
pub struct Asker<'a> {
    /// What the user asked for.
    pub context: &'a Context,
    /// The methods that were run.
    pub methods: &'a [MethodId],
    /// The learning rates at which all methods are compared.
    pub equal: &'a [f64],
    /// The folder of the runs.
    pub store: &'a str,
    /// Whether there is one estimate over all data sets.
    pub pools: bool,
}

impl Asker<'_> {
    /// All claims of these questions and data, those that were not tested among them.
    #[must_use]
    pub fn ask(
        &self,
        questions: &[Question],
        data: &[Data<'_>],
        results: Option<&Results<'_>>,
    ) -> Vec<Claim> {
        let mut claims = Vec::new();
        for question in questions {
            for &protocol in question.protocols {
                for rate in question.rates(self.equal) {
                    self.at(question, data, results, protocol, rate, &mut claims);
                }
            }
        }
        claims
    }

    fn at(
        &self,
        question: &Question,
        data: &[Data<'_>],
        results: Option<&Results<'_>>,
        protocol: Protocol,
        rate: Rate,
        claims: &mut Vec<Claim>,
    ) {
        let mut by_baseline: Vec<Vec<Claim>> = vec![Vec::new(); question.baselines.len()];
        for set in data {
            let of = |&baseline: &MethodId| self.one(question, set, results, baseline, protocol, rate);
            let each: Vec<Claim> = question.baselines.iter().map(of).collect();
            by_baseline.iter_mut().zip(&each).for_each(|(all, claim)| all.push(claim.clone()));
            claims.extend(combined(each));
        }
        if self.pools && data.len() > 1 {
            let pooled = by_baseline
                .iter()
                .filter_map(|claims| over_sets(claims, question.headline && rate != Rate::ChosenBySeed))
                .collect();
            claims.extend(combined(pooled));
        }
    }

    /// One baseline on one data set.
    fn one(
        &self,
        question: &Question,
        data: &Data<'_>,
        results: Option<&Results<'_>>,
        baseline: MethodId,
        protocol: Protocol,
        rate: Rate,
    ) -> Claim {
        let smallest = (question.quantity.smallest)(&self.context.smallest);
        let (set, rates) = (data.id.name, rate.name());
        let empty = Claim::untested(question.id, question.origin, question.figure, question.statement, "");
        let mut claim = Claim {
            id: format!("{}/{set}/{protocol}/{}/{baseline}", question.id, rates.replace(' ', "-")),
            tested: question.tested.to_owned(),
            quantity: question.quantity.name.to_owned(),
            unit: question.quantity.unit(),
            dataset: set.to_owned(),
            generated: data.generated,
            subject: question.subject.to_string(),
            baseline: baseline.to_string(),
            rates,
            protocol: protocol.to_string(),
            population: data.population.to_string(),
            smallest: Some(smallest),
            headline: question.headline && data.headline && rate != Rate::ChosenBySeed,
            ..empty
        };
        let sides =
            results.and_then(|results| question.sides(results, data.id, baseline, protocol, rate, u64::MAX));
        let seeds = sides.as_ref().map_or_else(Vec::new, Sides::seeds);
        let (Some(sides), [first, .., last] | [first @ last]) = (sides, &seeds[..]) else {
            claim.reason = self.why_not(question, data, baseline, protocol, rate);
            return claim;
        };
        let scale = question.quantity.scale;
        let rates = sides.rates(scale);
        let of = |(method, rates): (MethodId, Vec<f64>)| Runs {
            file: format!("{}/runs.jsonl", self.store),
            method: method.to_string(),
            rates,
            seeds: [*first, *last],
            setting: Setting::default(),
        };
        let mut claim = filled(claim, sides.judge(scale, smallest, ALPHA, data.population));
        let neither = seeds.len() - claim.n;
        // A single seed has no others to choose its learning rate.
        if claim.n == 0 && neither > 1 {
            claim.reason = format!(
                "In none of {neither} pairs does a run have a number: all diverged or never reached the target."
            );
        } else if claim.n > 0 && neither > 0 {
            claim.reason +=
                &format!(" Pairs of which neither run has a number, and which are left out: {neither}.");
        }
        if claim.outcome == Outcome::NotTested {
            claim.reason += &data.limits.as_ref().map_or_else(String::new, |why| format!(" {why}"));
        }
        if matches!(rate, Rate::Chosen | Rate::ChosenBySeed) {
            let list = |rates: &[f64]| rates.iter().map(|lr| shown(*lr)).collect::<Vec<_>>().join(" or ");
            claim.reason += &format!(
                " Chosen learning rates: {} {}, {baseline} {}.",
                question.subject,
                list(&rates[0]),
                list(&rates[1])
            );
        }
        if rate == Rate::ChosenBySeed {
            let cell = |lr| Cell { set: data.id, method: baseline, lr, protocol: Protocol::FOLDS[0] };
            let has_folds = |results: &Results<'_>| {
                results.rates(data.id, baseline).into_iter().any(|lr| results.of(cell(lr)).next().is_some())
            };
            claim.reason += match results.is_some_and(has_folds) {
                true => " Each seed chose its learning rate by five-fold cross-validation.",
                false => " Each seed chose its learning rate on its held-out fifth of the samples.",
            };
        }
        claim.runs = [question.subject, baseline].into_iter().zip(rates).map(of).collect();
        claim
    }

    /// Why there are no runs for a comparison.
    fn why_not(
        &self,
        question: &Question,
        data: &Data<'_>,
        baseline: MethodId,
        protocol: Protocol,
        rate: Rate,
    ) -> String {
        let context = self.context;
        let sides = [question.subject, baseline];
        let left_out: Vec<MethodId> =
            sides.into_iter().filter(|method| !self.methods.contains(method)).collect();
        let named = context.rates.as_ref();
        let lacks = |lr: f64| named.is_some_and(|rates| !rates.contains(&lr));
        if let Some(why) = &data.limits {
            why.clone()
        } else if !left_out.is_empty() {
            format!("--method leaves out {}.", method::names(&left_out))
        } else if !context.protocols.contains(&protocol) {
            format!("--protocol leaves out {protocol}.")
        } else {
            match rate {
                Rate::Chosen | Rate::ChosenBySeed if !context.protocols.contains(&Protocol::HeldOut) => {
                    "--protocol leaves out held-out, which is needed to choose the learning rate.".to_owned()
                }
                Rate::Chosen | Rate::ChosenBySeed if named.is_some_and(|rates| rates.len() < 2) => {
                    "--lr leaves fewer than two learning rates to choose from.".to_owned()
                }
                Rate::Paper if sides.iter().any(|method| lacks(method.paper_rate)) => {
                    "--lr leaves out the authors' learning rates.".to_owned()
                }
                Rate::Equal(lr) if lacks(lr) => format!("--lr leaves out {}.", shown(lr)),
                _ if context.profile == Profile::Quick => "The quick profile does not run it.".to_owned(),
                _ => "It was not run.".to_owned(),
            }
        }
    }
}

/// A claim with the effects that judge it, one for each seed; without effects it stays as it is.
#[must_use]
pub fn judged(claim: Claim, effects: &[f64], population: Population) -> Claim {
    if effects.is_empty() {
        return claim;
    }
    let judgement = judge(effects, claim.smallest.unwrap_or(0.0), ALPHA, population);
    filled(claim, judgement)
}

fn filled(mut claim: Claim, judgement: Judgement) -> Claim {
    claim.reason = outcome_in_words(&judgement).join(" ");
    claim.population = judgement.population.to_string();
    claim.n = judgement.n;
    set_interval(&mut claim, judgement.estimate, judgement.low, judgement.high);
    claim.outcome = judgement.outcome;
    claim.judgement = Some(judgement);
    claim
}

fn set_interval(claim: &mut Claim, estimate: f64, low: f64, high: f64) {
    let finite = |number: f64| number.is_finite().then_some(number);
    (claim.estimate, claim.low, claim.high) = (finite(estimate), finite(low), finite(high));
}

/// What decided, or did not.
fn outcome_in_words(judgement: &Judgement) -> Vec<String> {
    let mut said = Vec::new();
    match judgement.outcome {
        Outcome::Supported => {
            said.push("The whole interval is beyond the smallest effect that matters.".to_owned())
        }
        Outcome::Contradicted => {
            said.push(
                "The whole interval is beyond the smallest effect that matters, in the opposite direction."
                    .to_owned(),
            );
        }
        Outcome::Equivalent if judgement.negligible => {
            said.push("There is a difference, but it is too small to matter.".to_owned());
        }
        Outcome::Equivalent => said.push("Any difference is too small to matter.".to_owned()),
        Outcome::NotTested => {
            said.push(format!("{} seed; an outcome needs at least {FEWEST_SEEDS}.", judgement.n));
        }
        Outcome::Inconclusive => {
            if judgement.n < FEWEST_SEEDS {
                said.push(format!("{} seeds; an outcome needs at least {FEWEST_SEEDS}.", judgement.n));
            }
            if judgement.significant {
                said.push("There is a difference, but it may be too small to matter.".to_owned());
            }
            if judgement.needed != Needed::Decided {
                let needed = judgement.needed.to_string();
                let (first, rest) = needed.split_at(1);
                said.push(format!("{}{rest}.", first.to_uppercase()));
            }
        }
    }
    if judgement.diverged > 0 {
        said.push(format!(
            "In {} of {} pairs a run diverged or did not move at all: the outcome is that of the median and the sign test.",
            judgement.diverged, judgement.n
        ));
    }
    if judgement.disagree {
        said.push("The signed rank test disagrees with the interval of the mean.".to_owned());
    }
    if let Some(corrected) = &judgement.corrected {
        said.push(format!("For other data from the same source: {}.", corrected.outcome));
    }
    said
}

/// The claims of each baseline, and behind them that of all together: better than each of them.
#[must_use]
pub fn combined(mut each: Vec<Claim>) -> Vec<Claim> {
    if each.len() < 2 {
        return each;
    }
    let outcome = all_of_outcomes(each.iter().map(|claim| claim.outcome));
    let names: Vec<&str> = each.iter().map(|claim| &claim.baseline[..]).collect();
    let names = names.join(", ");
    // The least favourable baseline: of those with the outcome of all, the one with the smallest effect.
    let effect = |claim: &Claim| claim.estimate.unwrap_or(f64::NEG_INFINITY);
    let least = each.iter().filter(|claim| claim.outcome == outcome);
    let Some(least) = least.min_by(|a, b| effect(a).total_cmp(&effect(b))) else { return each };
    let (stem, _) = least.id.rsplit_once('/').unwrap_or((&least.id, ""));
    let mut runs: Vec<Runs> = Vec::new();
    for claim in &each {
        runs.extend(claim.runs.iter().filter(|of| !runs.contains(of)).cloned().collect::<Vec<_>>());
    }
    let all = Claim {
        id: format!("{stem}/each"),
        baseline: format!("each of {names}"),
        each: true,
        n: each.iter().map(|claim| claim.n).min().unwrap_or(0),
        outcome,
        reason: format!("Least favourable: {}. {}", least.baseline, least.reason),
        judgement: None,
        runs,
        ..least.clone()
    };
    each.push(all);
    each
}

/// One estimate over the data sets of a baseline.
fn over_sets(claims: &[Claim], headline: bool) -> Option<Claim> {
    let first = claims.first()?;
    let smallest = first.smallest?;
    let tested: Vec<&Claim> = claims.iter().filter(|claim| claim.n >= FEWEST_SEEDS).collect();
    let studies: Vec<Study> =
        tested.iter().filter_map(|claim| Study::of(claim.judgement.as_ref()?, ALPHA)).collect();
    let mut parts: Vec<&str> = first.id.split('/').collect();
    parts[1] = "pooled";
    let mut claim = Claim {
        id: parts.join("/"),
        dataset: format!("pooled over {} sets", studies.len()),
        population: "other data sets".to_owned(),
        headline,
        n: 0,
        judgement: None,
        runs: tested.iter().flat_map(|claim| claim.runs.clone()).collect(),
        outcome: Outcome::NotTested,
        reason: first.reason.clone(),
        estimate: None,
        low: None,
        high: None,
        ..first.clone()
    };
    let Some(pooled) = pooled(&studies, ALPHA) else {
        if !tested.is_empty() {
            claim.reason = "A pooled estimate needs at least two data sets with enough seeds.".to_owned();
        }
        return Some(claim);
    };
    let (outcome, negligible) = pooled.outcome(smallest);
    claim.n = tested.iter().map(|claim| claim.n).sum();
    set_interval(&mut claim, pooled.estimate, pooled.low, pooled.high);
    claim.outcome = outcome;
    let lost = tested.len() - studies.len();
    claim.reason = format!(
        "Random effects over {} data sets; {:.0}% of the variation of their estimates is between data sets{}.{}",
        pooled.studies,
        100.0 * pooled.heterogeneity,
        if negligible { "; the difference is too small to matter" } else { "" },
        if lost > 0 {
            format!(" {lost} data sets have no standard error and are left out.")
        } else {
            String::new()
        }
    );
    Some(claim)
}

/// Marks the claims whose decided outcome remains when all of the page are corrected for together.
pub fn correct_for_all(claims: &mut [Claim]) {
    let judged: Vec<usize> = (0..claims.len()).filter(|&k| claims[k].judgement.is_some()).collect();
    let judgements: Vec<&Judgement> = judged.iter().filter_map(|&k| claims[k].judgement.as_ref()).collect();
    let stand = crate::statistics::page_wide(&judgements, ALPHA);
    for (k, stands) in judged.into_iter().zip(stand) {
        claims[k].stands = claims[k].outcome.is_decided().then_some(stands);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Origin;
    use crate::experiment::question::Quantity;
    use crate::run::execute::tests::{record, runs};
    use crate::run::results::SetId;
    use crate::run::store::Store;
    use crate::run::{Record, Run};

    /// The claim on ten seeds at equal rates, of which both runs of the first `neither` diverged and the baseline's run of the next one.
    fn asked(neither: u64) -> Claim {
        let of = |method: MethodId, value: fn(u64, u64) -> Option<f64>| {
            let records = runs(10).into_iter().map(move |run| (run.seed, record(&Run { method, ..run })));
            records.map(move |(seed, record)| Record { value: value(seed, neither), ..record })
        };
        let ours = of(method::GMP, |seed, neither| (seed >= neither).then_some(1.0));
        let theirs =
            of(method::SP, |seed, neither| (seed > neither).then_some(2.0 + 1e-3 * (seed % 3) as f64));
        let records: Vec<Record> = ours.chain(theirs).collect();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), "test").unwrap();
        let results = Results::new(records.iter().collect(), &store);
        let question = Question {
            id: "test.result",
            origin: Origin::Ours,
            figure: "",
            statement: "",
            tested: "",
            quantity: Quantity::RMSE,
            subject: method::GMP,
            baselines: vec![method::SP],
            protocols: &[Protocol::Paper],
            at_authors_rates: false,
            at_equal_rates: true,
            at_best_rate: false,
            headline: false,
            asks_for_seeds: false,
        };
        let data = Data {
            id: SetId { name: &records[0].run.dataset, fingerprint: &records[0].run.data },
            population: Population::Draws,
            generated: false,
            headline: false,
            limits: None,
        };
        let context = Context::default();
        let methods = [method::GMP, method::SP];
        let asker =
            Asker { context: &context, methods: &methods, equal: &[0.1], store: "test", pools: false };
        asker.ask(&[question], &[data], Some(&results)).remove(0)
    }

    #[test]
    fn pairs_of_which_neither_run_has_a_number_are_left_out() {
        let all = asked(0);
        assert_eq!((all.n, all.outcome), (10, Outcome::Supported), "{}", all.reason);
        assert!(!all.reason.contains("left out"));
        let some = asked(3);
        assert_eq!((some.n, some.outcome), (7, Outcome::Supported), "{}", some.reason);
        assert!(some.reason.contains("and which are left out: 3."), "{}", some.reason);
        // No pair in which there is no difference that matters: no pair at all.
        let none = asked(10);
        assert_eq!((none.n, none.outcome, none.estimate), (0, Outcome::NotTested, None));
        assert!(none.reason.starts_with("In none of 10 pairs does a run have a number"), "{}", none.reason);
    }
}
