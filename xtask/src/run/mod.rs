//! Runs: training tasks, their results, and the files that keep both.
//!
//! An experiment plans [`Run`]s; [`execute`] carries them out over the cores; each ends as a [`Record`], one line of
//! `<experiment>/runs.jsonl`, with its curves in `<experiment>/traces/`. A record whose run is asked for again is not
//! carried out again.

pub mod execute;
pub mod line;
pub mod lock;
pub mod measures;
pub(crate) mod number;
pub mod origin;
pub mod parallel;
pub mod results;
pub mod stop;
pub mod store;
pub mod trace;

pub use origin::{NUMERICS, Origin, VERSION};

use crate::method::{self, MethodId};
use crate::setting::Setting;
use gmp_train::image::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};

/// Which samples decide when the learning rate falls and when training stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// As the authors did: the test set (for Levy the training loss). Flatters every method.
    Paper,
    /// A fifth of the training samples; the test set is read once.
    HeldOut,
    /// The same with another fifth, of 1 to 4: with [`Protocol::HeldOut`] they are the five folds of a cross-validation.
    Fold(u8),
}

impl Protocol {
    /// The folds of a cross-validation beside [`Protocol::HeldOut`].
    pub const FOLDS: [Self; 4] = [Self::Fold(1), Self::Fold(2), Self::Fold(3), Self::Fold(4)];
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Paper => "paper",
            Self::HeldOut => "held-out",
            Self::Fold(fold) => return f.pad(&format!("fold-{fold}")),
        })
    }
}

/// One network to be trained: everything that its result depends on but the program's numerics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Which experiment: `"table1"`.
    pub experiment: String,
    /// Which data: `"boston"`.
    pub dataset: String,
    /// How the units are parameterized.
    pub method: MethodId,
    /// Learning rate of the first epoch.
    pub lr: f64,
    /// Which samples decide.
    pub protocol: Protocol,
    /// Names the streams of the split, the noise, the initial weights and the shuffles.
    pub seed: u64,
    /// The maximum number of epochs.
    pub epoch_limit: usize,
    /// Fingerprint of the data, so that results of other data are not taken for these.
    pub data: String,
    /// What is changed of the problem's set-up: nothing in the paper's figures and tables.
    #[serde(default, skip_serializing_if = "Setting::is_none")]
    pub setting: Setting,
}

/// Learning rates are numbers: they are never NaN, in JSON either.
impl Eq for Run {}

impl Hash for Run {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { experiment, dataset, method, lr, protocol, seed, epoch_limit, data, setting } = self;
        // Both zeros are equal, so they must not differ here.
        let lr = (lr + 0.0).to_bits();
        (experiment, dataset, method, lr, protocol, seed, epoch_limit, data).hash(state);
        setting.hash(state);
    }
}

impl Run {
    /// A name for files: all that tells the runs of one experiment apart, the data among it, of which two sets may have
    /// one name. A name that is too long for a file system is cut, and a fingerprint of it put in the cut's place.
    #[must_use]
    pub fn slug(&self) -> String {
        let Self { dataset, method, lr, protocol, seed, epoch_limit, data, setting, .. } = self;
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let dataset: String = dataset.chars().map(plain).collect();
        let setting = match setting.is_none() {
            true => String::new(),
            false => format!("-{setting}").chars().map(plain).collect(),
        };
        let whole = format!("{dataset}-{method}-{lr}-{protocol}-{seed}-{epoch_limit}-{data:.8}{setting}");
        if whole.len() <= LONGEST_SLUG {
            return whole;
        }
        let hash = hex(Digest::default().bytes(whole.as_bytes()));
        let rest = format!("-{method}-{lr:e}-{protocol}-{seed}-{epoch_limit}-{data:.8}-{hash}");
        format!("{dataset:.*}{rest}", LONGEST_SLUG.saturating_sub(rest.len()))
    }
}

/// Bytes of a file's name, less than half of what file systems take, so that there is room for endings and for those
/// which take less.
const LONGEST_SLUG: usize = 120;

/// A run and its result: one line of `runs.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was carried out.
    #[serde(flatten)]
    pub run: Run,
    /// `rmse`, `accuracy` or `top-1`, of the test set.
    pub metric: String,
    /// Its value; none where training diverged, infinite where it overflowed.
    #[serde(with = "number::optional", default)]
    pub value: Option<f64>,
    /// The same metric of the samples that decided, where they are not the test set: what a learning rate may be
    /// chosen by.
    #[serde(with = "number::optional", default)]
    pub validation: Option<f64>,
    /// Epochs carried out.
    pub epochs: usize,
    /// Why training ended: `epochs`, `early stopping`, or what broke.
    pub end: String,
    /// Wall-clock seconds of training; of a run that was interrupted, those of its last part.
    pub seconds: f64,
    /// Movement of the activation boundaries, where it was watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub movement: Option<trace::Movement>,
    /// What was measured besides; none where training diverged, of images, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measures: Option<Box<measures::Measures>>,
    /// What is known of a classifier besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// The program that carried it out.
    #[serde(flatten)]
    pub origin: Origin,
    /// Fingerprint of the file of its curves, where it left any: the store fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curves: Option<String>,
}

impl Record {
    /// Whether the run left curves. Version 0.2.0 did not say: there it is told by the kind of run.
    #[must_use]
    pub fn has_curves(&self) -> bool {
        let left_by_0_2_0 = || {
            let Run { experiment, method, .. } = &self.run;
            let kept_angles = experiment == "theory" && *method == method::GMP && self.value.is_some();
            self.movement.is_some() || self.metric == "top-1" || kept_angles
        };
        self.curves.is_some() || self.origin.numerics.is_none() && left_by_0_2_0()
    }

    /// That of a run which broke down after so many epochs: a result, but not a number.
    #[must_use]
    pub fn diverged(run: &Run, metric: String, epochs: usize, end: String, seconds: f64) -> Self {
        Self {
            run: run.clone(),
            metric,
            value: None,
            validation: None,
            epochs,
            end,
            seconds,
            movement: None,
            measures: None,
            accuracy: None,
            origin: Origin::here(),
            curves: None,
        }
    }
}

/// The accuracy of a classifier, in shares of the images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Top-5 accuracy of the test set, of the network that `value` is the top-1 accuracy of.
    pub top5: f64,
    /// Top-1 accuracy on the training images in the last epoch, as predicted during training.
    pub training: f64,
    /// Mean of the top-1 accuracy of the test set over the first 25 epochs, or fewer if there were fewer: the speed of
    /// learning.
    pub mean: f64,
    /// Unreadable images of both sets, which were left out.
    #[serde(default)]
    pub skipped: usize,
}

/// A short fingerprint of numbers: FNV-1a over their bits.
#[must_use]
pub fn fingerprint<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> String {
    let add = |digest: Digest, number: &f64| digest.number(number.to_bits());
    hex(numbers.into_iter().fold(Digest::default(), add))
}

/// A digest as records and names of files have it.
#[must_use]
pub fn hex(digest: Digest) -> String {
    format!("{:016x}", digest.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(dataset: &str, lr: f64) -> Run {
        Run {
            experiment: "table2".to_owned(),
            dataset: dataset.to_owned(),
            method: method::GMP_HALF_SPHERE,
            lr,
            protocol: Protocol::HeldOut,
            seed: 7,
            epoch_limit: 500,
            data: "0123456789abcdef".to_owned(),
            setting: Setting::default(),
        }
    }

    #[test]
    fn names_of_files_are_short_enough_and_tell_runs_apart() {
        // As they always were.
        assert_eq!(run("a set, 1/8", 0.1).slug(), "a_set__1_8-GmP-half-sphere-0.1-held-out-7-500-01234567");
        let long = "x".repeat(1000);
        let names: Vec<String> = [
            run(&long, 0.1),
            run(&format!("{long}y"), 0.1),
            run(&long, 0.01),
            run("short", 1e-300),
            run("short", 1.1e-300),
            run(&"ü".repeat(200), f64::MIN_POSITIVE),
            Run { setting: Setting { depth: Some(2), ..Setting::default() }, ..run("short", 1e-300) },
            Run { seed: u64::MAX, epoch_limit: usize::MAX, ..run(&long, -f64::MIN_POSITIVE) },
        ]
        .iter()
        .map(Run::slug)
        .collect();
        for (i, name) in names.iter().enumerate() {
            assert!(name.len() <= LONGEST_SLUG && name.is_ascii(), "{name}");
            assert!(!names[..i].contains(name), "{name}");
        }
        assert!(names[0].starts_with("xxxxxx") && names[0].contains("-GmP-half-sphere-1e-1-held-out-7-500-"));
        // A name that is just short enough stays whole.
        let most = "x".repeat(LONGEST_SLUG - run("", 0.1).slug().len());
        assert!(run(&most, 0.1).slug().starts_with(&format!("{most}-GmP")));
    }
}
