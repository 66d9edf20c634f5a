//! What the effects of a claim decide.
//!
//! The smallest effect that matters, d, splits the line in three: the claim holds (effect > d), it makes no difference
//! (|effect| < d), the opposite holds (effect < −d). An outcome is named only where the other two regions are excluded:
//!
//! | outcome | rule |
//! |---|---|
//! | supported | the 1 − α interval lies above d |
//! | equivalent | the 1 − 2α interval lies inside ±d: two one-sided tests, each at α |
//! | contradicted | the 1 − α interval lies below −d |
//! | inconclusive | otherwise; [`Needed`] says how many seeds would decide |
//! | not tested | fewer than two seeds |
//!
//! So each wrong outcome has a probability of at most α for the size of the effect that makes it wrong, however many seeds
//! there are: more seeds decide more, and do not turn supported into contradicted. An effect that is significant (its
//! interval excludes 0) and yet smaller than d is equivalent, with `negligible` set; one that is significant and not yet
//! measured well enough is inconclusive, with `significant` set.
//!
//! Where every effect is finite, the intervals are Student's, of the mean. Where a run diverged there is no mean, and they are
//! the sign test's, of the median ([`Basis`]).
//!
//! Sources: J. J. Goeman, A. Solari and T. Stijnen, "Three-sided hypothesis testing", Statistics in Medicine 29 (2010); D. J.
//! Schuirmann, "A comparison of the two one-sided tests procedure …", J. Pharmacokinet. Biopharm. 15 (1987).

use super::median::{median, median_interval, sign_tail};
use super::rank::signed_rank;
use super::resplit::{Corrected, Population};
use super::student;
use super::summary::{Interval, interval_of_mean, mean, standard_deviation};
use crate::run::number;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The level of every interval and test of the report.
pub const ALPHA: f64 = 0.05;
/// Fewest seeds that may decide: Student's interval of two or three numbers rests on the normal distribution alone.
pub const FEWEST_SEEDS: usize = 5;
/// More seeds than this are called none: the effect is too near the smallest that matters.
pub const MOST_SEEDS: usize = 10_000;

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The effect favours the claim and is not negligible.
    Supported,
    /// The effect is smaller than the smallest that matters.
    Equivalent,
    /// The effect goes against the claim and is not negligible.
    Contradicted,
    /// More seeds are needed to decide.
    Inconclusive,
    /// It was not run.
    NotTested,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 5] =
        [Self::Supported, Self::Equivalent, Self::Contradicted, Self::Inconclusive, Self::NotTested];

    /// Whether the seeds decided.
    #[must_use]
    pub fn is_decided(self) -> bool {
        matches!(self, Self::Supported | Self::Equivalent | Self::Contradicted)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Supported => "supported",
            Self::Equivalent => "equivalent",
            Self::Contradicted => "contradicted",
            Self::Inconclusive => "inconclusive",
            Self::NotTested => "not tested",
        })
    }
}

/// How many seeds would decide, if the estimate and the spread stayed as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needed {
    /// None: it is decided.
    Decided,
    /// This many in all.
    Seeds(usize),
    /// More than [`MOST_SEEDS`]: the effect is too near the smallest that matters.
    TooNear,
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decided => f.write_str("decided"),
            Self::Seeds(n) => write!(f, "about {n} seeds would decide"),
            Self::TooNear => f.write_str(
                "no number of seeds would decide: the effect is too near the smallest one that matters",
            ),
        }
    }
}

/// What the estimate and its intervals are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The mean, with Student's intervals.
    Mean,
    /// The median, with the sign test's intervals, since a run diverged or a ratio is infinite.
    Median,
}

/// What the effects of a claim say. Numbers that are not finite are written as JSON strings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Number of effects: pairs of runs.
    pub n: usize,
    /// How many of them are infinite: one of the two runs diverged.
    pub diverged: usize,
    /// What is estimated.
    pub basis: Basis,
    /// The estimated effect, positive where it favours the claim; NaN where there are no effects.
    #[serde(with = "number")]
    pub estimate: f64,
    /// Lower end of the 1 − α interval.
    #[serde(with = "number")]
    pub low: f64,
    /// Its upper end.
    #[serde(with = "number")]
    pub high: f64,
    /// Lower end of the 1 − 2α interval, by which equivalence is decided.
    #[serde(with = "number")]
    pub inner_low: f64,
    /// Its upper end.
    #[serde(with = "number")]
    pub inner_high: f64,
    /// The smallest effect that matters.
    pub smallest: f64,
    /// What they decide.
    pub outcome: Outcome,
    /// Whether the effect is shown to differ from 0 and to be smaller than `smallest`; then `outcome` is equivalent.
    pub negligible: bool,
    /// Whether the 1 − α interval excludes 0, be the effect large enough or not.
    pub significant: bool,
    /// Mean over standard deviation of the effects; `None` where one is infinite or all are equal.
    pub standardized: Option<f64>,
    /// p-value of the decision, for [`page_wide`](super::page_wide): at most α where the outcome is decided. `None` for
    /// fewer than [`FEWEST_SEEDS`].
    pub p: Option<f64>,
    /// Two-sided p-value of no effect by the signed rank test; `None` where all effects are 0.
    pub p_rank: Option<f64>,
    /// Whether the signed rank test and the interval disagree on whether there is an effect, or in which direction.
    pub disagree: bool,
    /// How many seeds would decide.
    pub needed: Needed,
    /// By how much the intervals are wider than those of independent effects: 1, except for effects whose learning rates were
    /// chosen by one another ([`judge_choice`](super::judge_choice)).
    pub widening: f64,
    /// What the effects are about.
    pub population: Population,
    /// Where the seeds are resplits of one set: what they say of other draws of data. `None` otherwise, and where an
    /// effect is infinite.
    pub corrected: Option<Corrected>,
}

/// Judges a claim by its effects, one for each seed, positive where they favour it.
///
/// `smallest` is the smallest effect that matters, on the scale of the effects; `alpha` is most often [`ALPHA`]. A NaN
/// counts as −∞; [`paired_effects`](super::paired_effects) makes none.
///
/// # Panics
/// If `smallest` is negative or not finite.
#[must_use]
pub fn judge(effects: &[f64], smallest: f64, alpha: f64, population: Population) -> Judgement {
    judge_widened(effects, 1.0, smallest, alpha, population)
}

/// As [`judge`], where the effects are not independent: Student's standard error is to be multiplied by `widening`.
pub(super) fn judge_widened(
    effects: &[f64],
    widening: f64,
    smallest: f64,
    alpha: f64,
    population: Population,
) -> Judgement {
    assert!(smallest >= 0.0 && smallest.is_finite(), "smallest effect {smallest}; expected 0 or more");
    let n = effects.len();
    let diverged = effects.iter().filter(|x| !x.is_finite()).count();
    let basis = if diverged == 0 { Basis::Mean } else { Basis::Median };
    let of = |alpha| {
        let unbounded = Interval { low: f64::NEG_INFINITY, high: f64::INFINITY };
        match basis {
            Basis::Mean => interval_of_mean(effects, alpha).map_or(unbounded, |x| x.widened(widening)),
            Basis::Median => median_interval(effects, alpha),
        }
    };
    let estimate = match basis {
        Basis::Mean => mean(effects),
        Basis::Median => median(effects),
    };
    let (outer, inner) = (of(alpha), of(2.0 * alpha));
    let (outcome, negligible) = decide(n, outer, inner, smallest);
    let significant = excludes_zero(outer);
    let rank = signed_rank(effects);
    let by_rank = rank.filter(|rank| rank.p <= alpha);
    // The signed rank test knows of no dependence: it is set against the interval as it is without.
    let plain = if basis == Basis::Mean { outer.widened(widening.recip()) } else { outer };
    let disagree = match by_rank {
        Some(rank) => !excludes_zero(plain) || rank.favours() != (plain.low > 0.0),
        // A few effects cannot be significant by their ranks, which is no contradiction.
        None => excludes_zero(plain) && rank.is_some_and(|rank| rank.smallest_p() <= alpha),
    };
    let p = (n >= FEWEST_SEEDS).then(|| match basis {
        Basis::Mean => p_of_mean(effects, widening, smallest),
        Basis::Median => p_of_median(effects, smallest),
    });
    let corrected = match population {
        Population::Splits { train, test } => {
            Corrected::of(effects, widening, smallest, alpha, [train, test])
        }
        Population::Initialisations | Population::Draws => None,
    };
    Judgement {
        n,
        diverged,
        basis,
        estimate: estimate.unwrap_or(f64::NAN),
        low: outer.low,
        high: outer.high,
        inner_low: inner.low,
        inner_high: inner.high,
        smallest,
        outcome,
        negligible,
        significant,
        standardized: mean(effects)
            .zip(standard_deviation(effects).filter(|s| *s > 0.0))
            .map(|(mean, spread)| mean / spread),
        p,
        p_rank: rank.map(|rank| rank.p),
        disagree,
        needed: if outcome.is_decided() {
            Needed::Decided
        } else {
            match basis {
                Basis::Mean => needed_for_mean(effects, widening, smallest, alpha),
                Basis::Median => needed_for_median(effects, smallest, alpha),
            }
        },
        widening,
        population,
        corrected,
    }
}

/// The rules of this module, for intervals of any origin: 1 − α in `outer`, 1 − 2α in `inner`. Whether the effect is
/// significant and negligible is the second.
#[must_use]
pub fn decide(n: usize, outer: Interval, inner: Interval, smallest: f64) -> (Outcome, bool) {
    let outcome = if n < 2 {
        Outcome::NotTested
    } else if n < FEWEST_SEEDS {
        Outcome::Inconclusive
    } else {
        decide_by_interval(outer, inner, smallest)
    };
    (outcome, outcome == Outcome::Equivalent && excludes_zero(outer))
}

/// The same where the number behind the intervals is no number of seeds.
pub(super) fn decide_by_interval(outer: Interval, inner: Interval, smallest: f64) -> Outcome {
    if outer.low > smallest {
        Outcome::Supported
    } else if outer.high < -smallest {
        Outcome::Contradicted
    } else if inner.low > -smallest && inner.high < smallest {
        Outcome::Equivalent
    } else {
        Outcome::Inconclusive
    }
}

pub(super) fn excludes_zero(interval: Interval) -> bool {
    interval.low > 0.0 || interval.high < 0.0
}

/// "Better than each of several baselines": an intersection–union test, which needs no correction for their number in
/// order to be supported.
///
/// Supported where every judgement is. Contradicted where one is: the subject is worse than that baseline by an effect
/// that matters. Otherwise not tested, or inconclusive, where a judgement is that; otherwise equivalent: it is shown to
/// be no worse than any, and no better than at least one. Without judgements it is not tested.
///
/// Source: R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24 (1982).
#[must_use]
pub fn all_of(judgements: &[Judgement]) -> Outcome {
    all_of_outcomes(judgements.iter().map(|judgement| judgement.outcome))
}

/// The same of outcomes.
#[must_use]
pub fn all_of_outcomes(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    // From the weakest to the strongest word.
    let order = [
        Outcome::Supported,
        Outcome::Equivalent,
        Outcome::Inconclusive,
        Outcome::NotTested,
        Outcome::Contradicted,
    ];
    let place = |outcome: &Outcome| order.iter().position(|other| other == outcome);
    outcomes.into_iter().max_by_key(place).unwrap_or(Outcome::NotTested)
}

/// The smallest level at which one of the three decisions would be made.
fn p_of_mean(effects: &[f64], widening: f64, smallest: f64) -> f64 {
    let (Some(centre), Some(spread)) = (mean(effects), standard_deviation(effects)) else { return 1.0 };
    let error = widening * spread / (effects.len() as f64).sqrt();
    // The probability of a mean this far above the boundary, or further. Without spread, 0 or 1.
    let above = |boundary: f64| {
        let distance = centre - boundary;
        let t = if distance == 0.0 { 0.0 } else { distance / error };
        student::upper_tail(effects.len() - 1, t).unwrap_or(1.0)
    };
    smallest_p(above(smallest), above(-smallest), 1.0 - above(smallest), 1.0 - above(-smallest))
}

fn p_of_median(effects: &[f64], smallest: f64) -> f64 {
    let n = effects.len();
    let tail = |is_beyond: &dyn Fn(f64) -> bool| {
        let number = |x: &&f64| is_beyond(if x.is_nan() { f64::NEG_INFINITY } else { **x });
        sign_tail(effects.iter().filter(number).count(), n)
    };
    smallest_p(
        tail(&|x| x > smallest),
        tail(&|x| x > -smallest),
        tail(&|x| x < smallest),
        tail(&|x| x < -smallest),
    )
}

/// One-sided p-values: that the effect is above d, above −d, below d and below −d.
fn smallest_p(above: f64, not_below: f64, not_above: f64, below: f64) -> f64 {
    let equivalent = not_below.max(not_above);
    (2.0 * above).min(2.0 * below).min(equivalent).min(1.0)
}

fn needed_for_mean(effects: &[f64], widening: f64, smallest: f64, alpha: f64) -> Needed {
    let n = effects.len();
    let (Some(centre), Some(spread)) = (mean(effects), standard_deviation(effects)) else {
        return Needed::Seeds(FEWEST_SEEDS);
    };
    let distance = (centre.abs() - smallest).abs();
    let p = if centre.abs() > smallest { 1.0 - alpha / 2.0 } else { 1.0 - alpha };
    // The quantile depends on the number of seeds: from the largest that counts down to where it no longer changes.
    let mut seeds = MOST_SEEDS as f64;
    for _ in 0..8 {
        let df = (seeds as usize).clamp(FEWEST_SEEDS, MOST_SEEDS) - 1;
        let Some(quantile) = student::quantile(df, p) else { return Needed::TooNear };
        seeds = (widening * quantile * spread / distance).powi(2).ceil();
        if !seeds.is_finite() || seeds > MOST_SEEDS as f64 {
            return Needed::TooNear;
        }
    }
    Needed::Seeds((seeds as usize).max(n + 1).max(FEWEST_SEEDS))
}

/// Of the three regions, the one that holds most of the effects; it is decided once more than half of them are known to.
fn needed_for_median(effects: &[f64], smallest: f64, alpha: f64) -> Needed {
    let n = effects.len();
    let share = |is_inside: &dyn Fn(f64) -> bool| {
        let number = |x: &&f64| is_inside(if x.is_nan() { f64::NEG_INFINITY } else { **x });
        effects.iter().filter(number).count() as f64 / n as f64
    };
    let equivalent = share(&|x| x < smallest).min(share(&|x| x > -smallest));
    let (better, worse) = (share(&|x| x > smallest), share(&|x| x < -smallest));
    let (best, p) = if equivalent >= better.max(worse) {
        (equivalent, 1.0 - alpha)
    } else {
        (better.max(worse), 1.0 - alpha / 2.0)
    };
    // The share of a sign has the variance ¼/n.
    let quantile = student::quantile(MOST_SEEDS, p).unwrap_or(f64::INFINITY);
    let seeds = (0.5 * quantile / (best - 0.5)).powi(2).ceil();
    if best <= 0.5 || seeds > MOST_SEEDS as f64 {
        return Needed::TooNear;
    }
    Needed::Seeds((seeds as usize).max(n + 1).max(FEWEST_SEEDS))
}

#[cfg(test)]
mod tests;
