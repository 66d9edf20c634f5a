//! What a number of seeds can and cannot say of a claim.
//!
//! A claim compares a subject with a baseline, seed by seed. [`paired_effects`] makes one number of each pair of runs,
//! positive where it favours the subject. [`judge`] says what these numbers decide, measured by the smallest effect that
//! would matter: [`Outcome`]. The rest serves these two: how many seeds to run ([`two_stage`]), what resplits of one data
//! set say of other data ([`resplit`]), a test that knows ranks only ([`rank`]), one estimate over several data sets
//! ([`mod@pooled`]), learning rates whose choice is part of what is measured ([`rate_choice`]), and how many outcomes of a page
//! may be wrong ([`multiplicity`]).
//!
//! ```
//! use std::collections::BTreeMap;
//! use xtask::statistics::{ALPHA, Outcome, Population, Scale, SmallestEffects, judge, paired_effects};
//!
//! // RMSE by seed; the baseline diverged under seed 3.
//! let ours = BTreeMap::from([(0, 0.50), (1, 0.52), (2, 0.47), (3, 0.51), (4, 0.49)]);
//! let theirs = BTreeMap::from([(0, 0.80), (1, 0.85), (2, 0.78), (3, f64::NAN), (4, 0.82)]);
//! let effects = paired_effects(Scale::LogRatio, &ours, &theirs);
//! assert_eq!(effects[3], f64::INFINITY);
//! let smallest = SmallestEffects::default().rmse();
//! let judgement = judge(&effects, smallest, ALPHA, Population::Initialisations);
//! // Five seeds of which one has no size cannot decide at this level: six that agree could.
//! assert_eq!(judgement.outcome, Outcome::Inconclusive);
//! ```

pub mod effect;
pub mod median;
pub mod multiplicity;
pub mod outcome;
pub mod paired;
pub mod pooled;
pub mod rank;
pub mod rate_choice;
pub mod resplit;
pub mod student;
pub mod summary;
pub mod two_stage;

pub use effect::{Scale, SmallestEffects, paired_effects};
pub use multiplicity::{benjamini_hochberg, holm, page_wide};
pub use outcome::{ALPHA, Basis, Judgement, Needed, Outcome, all_of, judge};
pub use paired::{PairedTest, pair_by_seed, paired_t_test};
pub use pooled::{Pooled, Study, pooled};
pub use rank::{SignedRank, signed_rank};
pub use rate_choice::{
    Edge, Selected, Tried, best_rate, edge, effects_out_of_fold, effects_within_seed, judge_choice,
    select_out_of_fold, select_within_seed,
};
pub use resplit::{Corrected, Population};
pub use summary::{Interval, Summary, confidence_interval, interval_of_mean, mean, standard_deviation};
pub use two_stage::{Plan, plan};
