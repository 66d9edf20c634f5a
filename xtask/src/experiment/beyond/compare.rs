//! Claims that compare two groups of runs seed by seed, whatever distinguishes them.

use super::data::Loaded;
use super::study::Asked;
use crate::claim::{Claim, Origin, Runs, Unit};
use crate::experiment::ask::judged;
use crate::method::MethodId;
use crate::run::Protocol;
use crate::setting::Setting;

/// What is compared, in words.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// `why.limited`.
    pub question: &'static str,
    /// The sentence.
    pub statement: &'static str,
    /// What is measured.
    pub tested: &'a str,
    /// What is compared.
    pub quantity: &'a str,
    /// In what the effects are.
    pub unit: Unit,
    /// The smallest effect that matters.
    pub smallest: f64,
    /// What the claim is in favour of.
    pub subject: &'a str,
    /// Against what.
    pub baseline: &'a str,
    /// At which learning rates: one word or two.
    pub rates: &'a str,
}

impl Compared<'_> {
    /// The claim on one problem, of the effects of all seeds, positive where they favour the subject, and the runs behind it.
    #[must_use]
    pub fn claim(
        &self,
        asked: &Asked,
        problem: &Loaded,
        effects: &[f64],
        runs: &[(MethodId, Setting)],
    ) -> Claim {
        let (data, id) = (problem.data(), asked.inquiry.id);
        let base = Claim {
            population: data.population.to_string(),
            generated: data.generated,
            ..self.absent(id, data.id.name, "No run of this comparison has a result.")
        };
        let mut claim = judged(base, effects, data.population);
        let seeds = asked.seeds_on(problem.kind());
        let seeds = [seeds.start, seeds.end.saturating_sub(1)];
        claim.runs = runs
            .iter()
            .filter(|_| claim.n > 0)
            .map(|&(method, setting)| Runs {
                file: format!("{id}/runs.jsonl"),
                method: method.to_string(),
                rates: asked.rates_on(problem.kind()).to_vec(),
                seeds,
                setting,
            })
            .collect();
        claim
    }

    /// The claim where there is nothing to judge it by, and why.
    #[must_use]
    pub fn absent(&self, inquiry: &str, dataset: &str, why: &str) -> Claim {
        let words = |text: &str| text.replace(' ', "-");
        Claim {
            id: format!(
                "{}/{dataset}/held-out/{}/{}/{}",
                self.question,
                words(self.rates),
                words(self.subject),
                words(self.baseline)
            ),
            tested: self.tested.to_owned(),
            quantity: self.quantity.to_owned(),
            unit: self.unit,
            dataset: dataset.to_owned(),
            subject: self.subject.to_owned(),
            baseline: self.baseline.to_owned(),
            rates: self.rates.to_owned(),
            protocol: Protocol::HeldOut.to_string(),
            smallest: Some(self.smallest),
            ..Claim::untested(
                self.question,
                Origin::Ours,
                &Claim::figure_beyond(inquiry),
                self.statement,
                why,
            )
        }
    }
}
