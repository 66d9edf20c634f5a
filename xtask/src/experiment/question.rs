//! Questions: what an experiment asks of its runs. A question and a data set, a protocol, learning rates and a baseline make
//! one [`Claim`](crate::claim::Claim); [`ask`](super::ask) makes them all.

use super::tables::Rate;
use crate::claim::{Origin, Unit};
use crate::method::MethodId;
use crate::run::results::{Cell, Results, SetId};
use crate::run::{Protocol, Record};
use crate::statistics::{Population, Scale, SmallestEffects, Tried, paired_effects, select_out_of_fold};
use std::collections::BTreeMap;

/// What is compared.
#[derive(Clone, Copy)]
pub struct Quantity {
    /// What tables and claims call it.
    pub name: &'static str,
    /// Taken from each record; none where training diverged.
    pub number: fn(&Record) -> Option<f64>,
    /// How two of its numbers make an effect.
    pub scale: Scale,
    /// The smallest effect that matters, on that scale.
    pub smallest: fn(&SmallestEffects) -> f64,
}

impl Quantity {
    /// Test RMSE.
    pub const RMSE: Self = Self {
        name: "test RMSE",
        number: |record| record.value,
        scale: Scale::LogRatio,
        smallest: SmallestEffects::rmse,
    };
    /// Test accuracy.
    pub const ACCURACY: Self = Self {
        name: "test accuracy",
        number: |record| record.value,
        scale: Scale::Difference,
        smallest: |smallest| smallest.accuracy,
    };

    /// A movement of boundaries, of which the smaller is better.
    #[must_use]
    pub const fn movement(name: &'static str, number: fn(&Record) -> Option<f64>) -> Self {
        Self { name, number, scale: Scale::Log2Ratio, smallest: |smallest| smallest.movement }
    }

    /// A share of samples, of which the larger is better.
    #[must_use]
    pub const fn share(name: &'static str, number: fn(&Record) -> Option<f64>) -> Self {
        Self { name, number, scale: Scale::Difference, smallest: |smallest| smallest.accuracy }
    }

    /// In what its effects are measured.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self.scale {
            Scale::LogRatio => Unit::LogRatio,
            Scale::Log2Ratio => Unit::Bits,
            Scale::Difference | Scale::Reduction => Unit::Share,
        }
    }
}

/// What is asked.
pub struct Question {
    /// Names it: `fig2.rmse`.
    pub id: &'static str,
    /// Whose statement it is.
    pub origin: Origin,
    /// `Figure 2(d)–(g)`.
    pub figure: &'static str,
    /// The sentence of the caption, or ours.
    pub statement: &'static str,
    /// What is measured: `GmP has the lowest test RMSE`.
    pub tested: &'static str,
    /// What is compared.
    pub quantity: Quantity,
    /// What the claim is in favour of.
    pub subject: MethodId,
    /// Against each of these.
    pub baselines: Vec<MethodId>,
    /// Under which protocols.
    pub protocols: &'static [Protocol],
    /// Whether it is asked at the authors' learning rates.
    pub at_authors_rates: bool,
    /// Whether it is asked at every equal learning rate.
    pub at_equal_rates: bool,
    /// Whether it is asked at each method's own best rate, and whether a larger validation result is then the better one.
    pub at_best_rate: Option<Better>,
    /// Whether the page stands on it: drawn in the forest plot.
    pub headline: bool,
}

/// Which of two results is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Of errors.
    Smaller,
    /// Of accuracies.
    Larger,
}

/// One of the data sets that a question is asked of.
#[derive(Debug, Clone)]
pub struct Data<'a> {
    /// What records call it.
    pub id: SetId<'a>,
    /// What an interval over its seeds is about.
    pub population: Population,
    /// Whether this program generated it in place of the paper's.
    pub generated: bool,
    /// Whether its claims are headlines.
    pub headline: bool,
    /// Why there are no runs of it, or fewer than of others.
    pub limits: Option<String>,
}

/// The effects of a question's pairs of runs, by seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    /// Positive where they favour the subject.
    pub effects: Vec<f64>,
    /// The learning rates of the subject's runs and of the baseline's.
    pub rates: [Vec<f64>; 2],
    /// First and last seed.
    pub seeds: [u64; 2],
}

/// The seeds are dealt to so many folds; each fold's learning rate is chosen by the others.
const FOLDS: usize = 10;

impl Question {
    /// At which learning rates it is asked, where the equal ones are these.
    #[must_use]
    pub fn rates(&self, equal: &[f64]) -> Vec<Rate> {
        let equal = equal.iter().filter(|_| self.at_equal_rates).map(|lr| Rate::Equal(*lr));
        let best = self.at_best_rate.map(|_| Rate::Chosen);
        let authors = self.at_authors_rates.then_some(Rate::Paper);
        authors.into_iter().chain(equal).chain(best).collect()
    }

    /// The effects of the seeds below `before`; none where one of the sides was not run.
    #[must_use]
    pub fn effects(
        &self,
        results: &Results<'_>,
        set: SetId<'_>,
        baseline: MethodId,
        protocol: Protocol,
        rate: Rate,
        before: u64,
    ) -> Option<Effects> {
        let side = |method: MethodId| match rate {
            Rate::Chosen => self.at_own_rate(results, set, method, protocol, before),
            Rate::Paper => Some(self.at(results, Cell { set, method, lr: method.paper_rate, protocol }, before)),
            Rate::Equal(lr) => Some(self.at(results, Cell { set, method, lr, protocol }, before)),
        };
        let (subject, subject_rates) = side(self.subject)?;
        let (other, other_rates) = side(baseline)?;
        let common = || subject.keys().filter(|seed| other.contains_key(seed)).copied();
        let seeds = [common().next()?, common().last()?];
        let effects = paired_effects(self.quantity.scale, &subject, &other);
        Some(Effects { effects, rates: [subject_rates, other_rates], seeds })
    }

    fn at(&self, results: &Results<'_>, cell: Cell<'_>, before: u64) -> (BTreeMap<u64, f64>, Vec<f64>) {
        let mut numbers = results.by_seed(cell, self.quantity.number);
        numbers.retain(|seed, _| *seed < before);
        (numbers, vec![cell.lr])
    }

    /// Each seed at the learning rate that the seeds of the other folds choose by their held-out samples.
    fn at_own_rate(
        &self,
        results: &Results<'_>,
        set: SetId<'_>,
        method: MethodId,
        protocol: Protocol,
        before: u64,
    ) -> Option<(BTreeMap<u64, f64>, Vec<f64>)> {
        let better = self.at_best_rate?;
        let mut table: BTreeMap<u64, Vec<Tried>> = BTreeMap::new();
        for rate in results.rates(set, method) {
            let cell = |protocol| Cell { set, method, lr: rate, protocol };
            let validation = results.by_seed(cell(Protocol::HeldOut), |record| record.validation);
            for (seed, test) in results.by_seed(cell(protocol), self.quantity.number) {
                if let Some(&validation) = validation.get(&seed).filter(|_| seed < before) {
                    table.entry(seed).or_default().push(Tried { rate, validation, test });
                }
            }
        }
        if table.values().map(Vec::len).max().unwrap_or(0) < 2 {
            return None;
        }
        let selected = select_out_of_fold(&table, FOLDS, better == Better::Larger);
        let mut rates: Vec<f64> = selected.values().map(|s| s.rate).filter(|rate| rate.is_finite()).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        Some((selected.into_iter().map(|(seed, selected)| (seed, selected.test)).collect(), rates))
    }
}
