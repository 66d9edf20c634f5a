//! Questions: what an experiment asks of its runs. A question and a data set, a protocol, learning rates and a baseline make
//! one [`Claim`](crate::claim::Claim); [`ask`](super::ask) makes them all.

use super::tables::Rate;
use crate::claim::{Origin, Unit};
use crate::method::MethodId;
use crate::run::results::{Cell, Results, SetId};
use crate::run::{Protocol, Record};
use crate::statistics::{
    Judgement, Population, Scale, SmallestEffects, Tried, effects_out_of_fold, effects_within_seed, judge,
    judge_choice, paired_effects, select_out_of_fold, select_within_seed,
};
use std::collections::BTreeMap;

/// What is compared.
#[derive(Clone, Copy)]
pub struct Quantity {
    /// What tables and claims call it.
    pub name: &'static str,
    /// Taken from each record; none where training diverged.
    pub number: fn(&Record) -> Option<f64>,
    /// Whether it was measured in a run at all. One in which it was not does not count; one that diverged does.
    pub is_measured: fn(&Record) -> bool,
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
        is_measured: |_| true,
        scale: Scale::LogRatio,
        smallest: SmallestEffects::rmse,
    };
    /// Test accuracy.
    pub const ACCURACY: Self = Self {
        name: "test accuracy",
        number: |record| record.value,
        is_measured: |_| true,
        scale: Scale::Difference,
        smallest: |smallest| smallest.accuracy,
    };

    /// A log₂ of a movement of boundaries, of which the smaller is better.
    #[must_use]
    pub const fn bits(name: &'static str, number: fn(&Record) -> Option<f64>) -> Self {
        Self {
            name,
            number,
            is_measured: has_measures,
            scale: Scale::Reduction,
            smallest: |smallest| smallest.movement,
        }
    }

    /// Epochs until something is reached, of which the smaller is better; none where it never is.
    #[must_use]
    pub const fn epochs(name: &'static str, number: fn(&Record) -> Option<f64>) -> Self {
        Self {
            name,
            number,
            is_measured: has_measures,
            scale: Scale::LogRatio,
            smallest: SmallestEffects::epochs,
        }
    }

    /// A share of the data's range in which boundaries are, of which the larger is better.
    #[must_use]
    pub const fn coverage(name: &'static str, number: fn(&Record) -> Option<f64>) -> Self {
        Self {
            name,
            number,
            is_measured: has_measures,
            scale: Scale::Difference,
            smallest: |smallest| smallest.coverage,
        }
    }

    /// A share of samples, of which the larger is better.
    #[must_use]
    pub const fn share(name: &'static str, number: fn(&Record) -> Option<f64>) -> Self {
        Self {
            name,
            number,
            is_measured: |_| true,
            scale: Scale::Difference,
            smallest: |smallest| smallest.accuracy,
        }
    }

    /// In what its effects are measured.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self.scale {
            Scale::LogRatio => Unit::LogRatio,
            Scale::Log2Ratio | Scale::Reduction => Unit::Bits,
            Scale::Difference => Unit::Share,
        }
    }
}

/// Of a run that was carried through. Records of networks on images from earlier versions have no measures.
fn has_measures(record: &Record) -> bool {
    record.value.is_none() || record.measures.is_some()
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
    /// Whether it is asked at each method's own best rate, which a validation result of the same kind chooses.
    pub at_best_rate: bool,
    /// Whether the page stands on it: drawn in the forest plot.
    pub headline: bool,
    /// Whether more seeds are run for it than the pilot's.
    pub asks_for_seeds: bool,
}

/// One of the data sets that a question is about.
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

/// Two sides of a comparison.
pub enum Sides {
    /// A number of each seed, at one learning rate a side.
    Fixed([BTreeMap<u64, f64>; 2], [f64; 2]),
    /// Every seed at every rate, of which the other seeds are to choose one.
    Chosen([BTreeMap<u64, Vec<Tried>>; 2]),
    /// The same, where each seed is to choose one for itself.
    ChosenBySeed([BTreeMap<u64, Vec<Tried>>; 2]),
}

/// The seeds are dealt to this many folds; each fold's learning rate is chosen by the others.
const FOLDS: usize = 10;

impl Question {
    /// At which learning rates it is asked, where the equal ones are these.
    #[must_use]
    pub fn rates(&self, equal: &[f64]) -> Vec<Rate> {
        let authors = self.at_authors_rates.then_some(Rate::Paper);
        let equal = equal.iter().filter(|_| self.at_equal_rates).map(|lr| Rate::Equal(*lr));
        let best = self.at_best_rate.then_some(Rate::Chosen);
        // Captions of the paper say that cross-validation selects the rate.
        let by_seed = (self.at_best_rate && self.origin == Origin::Paper).then_some(Rate::ChosenBySeed);
        authors.into_iter().chain(equal).chain(best).chain(by_seed).collect()
    }

    /// The runs of the seeds below `before`; none where one of the sides was not run.
    #[must_use]
    pub fn sides(
        &self,
        results: &Results<'_>,
        set: SetId<'_>,
        baseline: MethodId,
        protocol: Protocol,
        rate: Rate,
        before: u64,
    ) -> Option<Sides> {
        let methods = [self.subject, baseline];
        let rates = match rate {
            Rate::Paper => methods.map(|method| method.paper_rate),
            Rate::Equal(lr) => [lr; 2],
            Rate::Chosen | Rate::ChosenBySeed => {
                let by_seed = rate == Rate::ChosenBySeed;
                let mut tables = methods.map(|method| self.tried(results, set, method, protocol, before));
                if by_seed {
                    for (method, table) in methods.iter().zip(&mut tables) {
                        cross_validate(results, set, *method, table);
                    }
                }
                let least =
                    |table: &BTreeMap<u64, Vec<Tried>>| table.values().map(Vec::len).min().unwrap_or(0);
                let sides = if by_seed { Sides::ChosenBySeed } else { Sides::Chosen };
                return tables.iter().all(|table| least(table) > 1).then(|| sides(tables));
            }
        };
        let number = |(method, lr): (MethodId, f64)| {
            let mut numbers = self.numbers(results, Cell { set, method, lr, protocol });
            numbers.retain(|seed, _| *seed < before);
            numbers
        };
        let sides = [number((methods[0], rates[0])), number((methods[1], rates[1]))];
        sides.iter().all(|side| !side.is_empty()).then_some(Sides::Fixed(sides, rates))
    }

    /// What is compared, of every run in which it was measured; NaN where training diverged.
    fn numbers(&self, results: &Results<'_>, cell: Cell<'_>) -> BTreeMap<u64, f64> {
        let measured = results.of(cell).filter(|record| (self.quantity.is_measured)(record));
        let number = |record: &Record| (self.quantity.number)(record).unwrap_or(f64::NAN);
        measured.map(|record| (record.run.seed, number(record))).collect()
    }

    /// Each seed at every learning rate: what its held-out samples say, and what counts.
    fn tried(
        &self,
        results: &Results<'_>,
        set: SetId<'_>,
        method: MethodId,
        protocol: Protocol,
        before: u64,
    ) -> BTreeMap<u64, Vec<Tried>> {
        let mut table: BTreeMap<u64, Vec<Tried>> = BTreeMap::new();
        for rate in results.rates(set, method) {
            let cell = |protocol| Cell { set, method, lr: rate, protocol };
            let validation = results.by_seed(cell(Protocol::HeldOut), |record| record.validation);
            for (seed, test) in self.numbers(results, cell(protocol)) {
                if let Some(&validation) = validation.get(&seed).filter(|_| seed < before) {
                    table.entry(seed).or_default().push(Tried { rate, validation, test });
                }
            }
        }
        // A rate that some seeds lack cannot be compared with the others.
        let most = table.values().map(Vec::len).max().unwrap_or(0);
        table.retain(|_, tried| tried.len() == most);
        table
    }
}

/// Puts the mean over five folds in the place of each held-out result, where folds were run. Then only the seeds that have
/// all of them count: one procedure is judged, not two.
fn cross_validate(
    results: &Results<'_>,
    set: SetId<'_>,
    method: MethodId,
    table: &mut BTreeMap<u64, Vec<Tried>>,
) {
    let folds = |lr| {
        let cell = |protocol| Cell { set, method, lr, protocol };
        Protocol::FOLDS.map(|fold| results.by_seed(cell(fold), |record| record.validation))
    };
    let rates = results.rates(set, method);
    let by_rate: Vec<(f64, [BTreeMap<u64, f64>; 4])> = rates.into_iter().map(|lr| (lr, folds(lr))).collect();
    if by_rate.iter().all(|(_, folds)| folds.iter().all(BTreeMap::is_empty)) {
        return;
    }
    table.retain(|seed, tried| {
        tried.iter_mut().all(|tried| {
            let of_rate = by_rate.iter().find(|(lr, _)| *lr == tried.rate);
            let others: Option<Vec<f64>> =
                of_rate.and_then(|(_, folds)| folds.iter().map(|fold| fold.get(seed).copied()).collect());
            let mean = others.map(|others| (tried.validation + others.iter().sum::<f64>()) / 5.0);
            mean.inspect(|mean| tried.validation = *mean).is_some()
        })
    });
}

impl Sides {
    /// What the effects decide at this level.
    #[must_use]
    pub fn judge(&self, scale: Scale, smallest: f64, alpha: f64, population: Population) -> Judgement {
        match self {
            Self::Fixed([ours, theirs], _) => {
                judge(&paired_effects(scale, ours, theirs), smallest, alpha, population)
            }
            Self::Chosen([ours, theirs]) => {
                judge_choice(scale, ours, theirs, FOLDS, smallest, alpha, population)
            }
            Self::ChosenBySeed(_) => judge(&self.effects(scale), smallest, alpha, population),
        }
    }

    /// The effects themselves.
    #[must_use]
    pub fn effects(&self, scale: Scale) -> Vec<f64> {
        match self {
            Self::Fixed([ours, theirs], _) => paired_effects(scale, ours, theirs),
            Self::Chosen([ours, theirs]) => effects_out_of_fold(scale, ours, theirs, FOLDS),
            Self::ChosenBySeed([ours, theirs]) => effects_within_seed(scale, ours, theirs),
        }
    }

    /// The learning rates of the two sides: those that some fold or seed chose, where there was a choice.
    #[must_use]
    pub fn rates(&self, scale: Scale) -> [Vec<f64>; 2] {
        match self {
            Self::Fixed(_, rates) => rates.map(|lr| vec![lr]),
            Self::Chosen(tables) | Self::ChosenBySeed(tables) => [&tables[0], &tables[1]].map(|table| {
                let larger_is_better = scale.larger_is_better();
                let selected = match self {
                    Self::ChosenBySeed(_) => select_within_seed(table, larger_is_better),
                    _ => select_out_of_fold(table, FOLDS, larger_is_better),
                };
                let mut rates: Vec<f64> =
                    selected.values().map(|s| s.rate).filter(|rate| rate.is_finite()).collect();
                rates.sort_by(f64::total_cmp);
                rates.dedup();
                rates
            }),
        }
    }

    /// The seeds of both, in ascending order.
    #[must_use]
    pub fn seeds(&self) -> Vec<u64> {
        match self {
            Self::Fixed([ours, theirs], _) => {
                ours.keys().filter(|seed| theirs.contains_key(seed)).copied().collect()
            }
            Self::Chosen([ours, theirs]) | Self::ChosenBySeed([ours, theirs]) => {
                ours.keys().filter(|seed| theirs.contains_key(seed)).copied().collect()
            }
        }
    }
}
