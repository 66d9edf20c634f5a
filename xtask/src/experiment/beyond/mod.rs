//! Beyond the paper: its open questions, asked and answered.
//!
//! A question is an [`Inquiry`]: plain data that say what is varied ([`Arm`]), which methods are compared at which learning
//! rates, and what is asked of the results. One file each, and one line in [`REGISTRY`](super::REGISTRY). What they share is
//! the held-out protocol (a fifth of the training samples decides, the test set is read once), one grid of learning rates for
//! all methods, and that methods are compared at their own best rates, whose choice is nested in the comparison.

pub mod activations;
pub mod ask;
pub mod chapter;
pub mod compare;
pub mod data;
pub mod depth;
pub mod dimensions;
pub mod duel;
pub mod initializations;
pub mod kernel;
pub mod mediation;
pub mod normalizations;
pub mod optimizers;
pub mod pictures;
pub mod rivals;
pub mod show;
pub mod study;
pub mod tolerance;
pub mod why;
pub mod width;

use super::{Chapter, Context, Experiment, Prepared, Profile};
use crate::claim::Claim;
use crate::method::{self, MethodId};
use crate::report::html::Block;
use crate::run::results::Results;
use crate::setting::Setting;
use anyhow::Result;
use ask::Asks;
use chapter::Tally;
use data::Kind;
use study::Asked;

/// The learning rates of all methods: two a power of ten.
pub const RATES: [f64; 7] = [1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0];

/// One open question.
#[derive(Clone)]
pub struct Inquiry {
    /// Its name on the command line.
    pub id: &'static str,
    /// Heading of its section.
    pub title: &'static str,
    /// What is asked, and why: a paragraph.
    pub question: &'static str,
    /// What is varied.
    pub arms: fn(Profile) -> Vec<Arm>,
    /// The methods that are compared, unless an arm or the user says otherwise: with `--method` any rival can be added. GmP is the
    /// subject of all comparisons.
    pub methods: fn() -> Vec<MethodId>,
    /// The learning rates of all methods.
    pub rates: fn(Profile) -> Vec<f64>,
    /// Their learning rates on pictures, with what a run changes.
    pub rates_on_pictures: fn(Profile, &Setting) -> &'static [f64],
    /// On which problems.
    pub problems: fn(Profile) -> Vec<Kind>,
    /// Seeds in the quick and in the full profile.
    pub seeds: [u64; 2],
    /// The share of a problem's epochs that the quick profile has.
    pub budget: f64,
    /// What is asked within every arm.
    pub asks: &'static [Asks],
    /// What is claimed over several arms.
    pub across: fn(&Asked, Option<&Results<'_>>) -> Vec<Claim>,
    /// The figure, and what else is shown below it, which may depend on the claims.
    pub show: fn(&Asked, &Results<'_>, &[Claim]) -> Vec<Block>,
    /// What it would tell the paper's authors.
    pub advice: fn(&Tally<'_>) -> String,
    /// What differs from what a reader may expect.
    pub notes: &'static [&'static str],
    /// See [`Experiment::duration`].
    pub duration: [&'static str; 2],
}

impl Inquiry {
    /// Whether VGG-6 on images is one of its problems.
    fn has_pictures(&self) -> bool {
        (self.problems)(Profile::Full).contains(&Kind::Pictures)
    }
}

/// One value of what is varied.
#[derive(Debug, Clone)]
pub struct Arm {
    /// What figures and tables call it.
    pub label: String,
    /// What its runs change.
    pub setting: Setting,
    /// On which problems which methods are run in it.
    pub on: fn(Kind, MethodId) -> bool,
}

impl Arm {
    /// An arm that is called what it changes.
    #[must_use]
    pub fn of(setting: Setting) -> Self {
        Self::named(setting.to_string(), setting)
    }

    /// An arm with another name, on every problem and for every method.
    #[must_use]
    pub fn named(label: impl Into<String>, setting: Setting) -> Self {
        Self { label: label.into(), setting, on: |_, _| true }
    }
}

/// The methods of the paper's dense networks.
#[must_use]
pub fn in_paper() -> Vec<MethodId> {
    method::in_paper(method::Architecture::Dense)
}

/// Those, and steps along great circles, the rival whose turn is exactly the length of the step.
#[must_use]
pub fn with_geodesic() -> Vec<MethodId> {
    [in_paper(), vec![method::GEODESIC]].concat()
}

/// The learning rates on pictures in both profiles.
#[must_use]
pub fn on_pictures(profile: Profile, _: &Setting) -> &'static [f64] {
    match profile {
        Profile::Quick => &[0.001, 0.003],
        Profile::Full => &[3e-4, 0.001, 0.003, 0.01, 0.03],
    }
}

/// No claims over several arms.
#[must_use]
pub fn nothing(_: &Asked, _: Option<&Results<'_>>) -> Vec<Claim> {
    Vec::new()
}

impl Experiment for Inquiry {
    fn id(&self) -> &'static str {
        self.id
    }
    fn title(&self) -> &'static str {
        self.title
    }
    fn chapter(&self) -> Chapter {
        Chapter::Beyond
    }
    fn methods(&self) -> Vec<MethodId> {
        (self.methods)()
    }
    fn options(&self) -> &'static [&'static str] {
        match self.has_pictures() {
            true => &[
                "--seeds",
                "--first-seed",
                "--method",
                "--lr",
                "--dataset",
                "--width",
                "--pictures",
                "--epochs",
            ],
            false => &["--seeds", "--first-seed", "--method", "--lr", "--dataset"],
        }
    }
    fn needs(&self) -> &'static str {
        match self.has_pictures() {
            true => {
                "DATA-DIR/banana.csv (else a set of its shape is generated), DATA-DIR/cifar10 (else images are generated) and the small sets of \
                 DATA-DIR/uci (missing ones are left out)"
            }
            false => {
                "DATA-DIR/banana.csv (else a set of its shape is generated) and the small sets of DATA-DIR/uci (missing ones are left out)"
            }
        }
    }
    fn duration(&self) -> [&'static str; 2] {
        self.duration
    }
    fn advice(&self, tally: &Tally<'_>) -> Option<String> {
        Some((self.advice)(tally))
    }
    fn prepare(&self, context: &Context) -> Result<Prepared> {
        Ok(Prepared::Ready(Box::new(Asked::new(self.clone(), context)?)))
    }
    fn untested(&self, context: &Context, why: &str) -> Vec<Claim> {
        ask::all(&Asked::absent(self.clone(), context), context, None, why)
    }
}

#[cfg(test)]
mod tests;
