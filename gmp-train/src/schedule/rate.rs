//! Learning rates as functions of the step.

use crate::Error;
use gmp_math::trig::sin_cos;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A factor that multiplies [`Trainer::learning_rate`](crate::Trainer) in every step.
///
/// Step i of n has the factor
///
/// | | |
/// |---|---|
/// | `WarmUp` | (i + 1)/n |
/// | `Linear` | from + (to − from) i/n |
/// | `Cosine` | to + (from − to)(1 + cos(π i/n))/2; SGDR without restarts, PyTorch's `CosineAnnealingLR` |
/// | `OneCycle` | a cosine up to 1 and another one down, with the break points of PyTorch's `OneCycleLR` |
///
/// n is the number of steps of the run, or of the [`Span`] in a [`Schedule::Sequence`]. The actual rate of a step is
/// in [`Step::learning_rate`](crate::Step), in the [`EpochRecord`](crate::EpochRecord) and in every log.
///
/// A schedule has no state: a resumed run has the same rates, to the last bit.
///
/// ```
/// use gmp_train::{Loss, Schedule, Span, Trainer};
/// let trainer = Trainer {
///     schedule: Some(Schedule::WarmUp.during(Span::Steps(100)).then(Schedule::cosine())),
///     ..Trainer::new(Loss::MeanSquaredError, 32, 10, 0.01)
/// };
/// let factor = |step| trainer.schedule.as_ref().unwrap().factor(step, 1100, 110);
/// assert_eq!([factor(0), factor(49), factor(99)], [0.01, 0.5, 1.0]);
/// assert!((factor(600) - 0.5).abs() < 1e-15);
/// ```
///
/// Source: Loshchilov & Hutter, "SGDR", ICLR 2017, Eq. 5; Smith & Topin, "Super-Convergence", 2018.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// A constant factor.
    Constant(f64),
    /// Linear warm-up, from 1/n to 1.
    WarmUp,
    /// A straight line.
    Linear {
        /// The first factor.
        from: f64,
        /// The factor at the end.
        to: f64,
    },
    /// Half a period of a cosine.
    Cosine {
        /// The first factor.
        from: f64,
        /// The factor at the end.
        to: f64,
    },
    /// A rise, and a fall to almost 0.
    OneCycle {
        /// Fraction of the steps in which the rate rises.
        rise: f64,
        /// The first factor.
        start: f64,
        /// The factor of the last step.
        end: f64,
    },
    /// One schedule after the other. After the last one the factor is 1.
    Sequence(Vec<Phase>),
    /// A user-defined schedule: see [`Schedule::custom`].
    Custom(CustomSchedule),
}

/// One schedule in a sequence, and its duration.
///
/// ```
/// use gmp_train::{Phase, Schedule, Span};
/// let warm_up = Phase { schedule: Schedule::WarmUp, span: Span::Epochs(5) };
/// assert_eq!(Schedule::Sequence(vec![warm_up]), Schedule::WarmUp.during(Span::Epochs(5)));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// The schedule.
    pub schedule: Schedule,
    /// Its duration.
    pub span: Span,
}

/// The duration of a phase.
///
/// ```
/// use gmp_train::{Schedule, Span};
/// let schedule = Schedule::Constant(0.5).during(Span::Epochs(2)).then(Schedule::Constant(0.25).during(Span::Rest));
/// let (steps, steps_per_epoch) = (50, 10);
/// assert_eq!([0, 19, 20, 49].map(|step| schedule.factor(step, steps, steps_per_epoch)), [0.5, 0.5, 0.25, 0.25]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// This many steps.
    Steps(usize),
    /// This many epochs.
    Epochs(usize),
    /// To the end of the run.
    Rest,
}

/// A step, as passed to a user-defined schedule.
///
/// ```
/// use gmp_train::Moment;
/// let moment = Moment { step: 25, steps: 100, steps_per_epoch: 10 };
/// assert_eq!((moment.epoch(), moment.share()), (2, 0.25));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The step, from 0: of the run, or of its phase.
    pub step: usize,
    /// Steps of the run, or of the phase.
    pub steps: usize,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
}

impl Moment {
    /// Epoch of the step, from 0.
    pub fn epoch(self) -> usize {
        self.step / self.steps_per_epoch.max(1)
    }
    /// Fraction of the steps that are done, in [0, 1).
    pub fn share(self) -> f64 {
        self.step as f64 / self.steps.max(1) as f64
    }
}

impl Schedule {
    /// A cosine from 1 to 0.
    ///
    /// ```
    /// # use gmp_train::Schedule;
    /// let factor = |step| Schedule::cosine().factor(step, 100, 10);
    /// assert_eq!(factor(0), 1.0);
    /// assert!((factor(50) - 0.5).abs() < 1e-12); // half way
    /// ```
    pub fn cosine() -> Self {
        Self::Cosine { from: 1.0, to: 0.0 }
    }

    /// One cycle with the defaults of PyTorch's `OneCycleLR`: from 1/25 up to 1 in the first 30 % of the steps, and down
    /// to 4e-6. [`Trainer::learning_rate`](crate::Trainer) is the highest rate.
    ///
    /// ```
    /// # use gmp_train::Schedule;
    /// let factor = |step| Schedule::one_cycle().factor(step, 100, 10);
    /// assert_eq!(factor(29), 1.0); // the highest rate after 30 steps of 100
    /// assert!((factor(0) - 0.04).abs() < 1e-12 && (factor(99) - 4e-6).abs() < 1e-12);
    /// ```
    pub fn one_cycle() -> Self {
        Self::OneCycle { rise: 0.3, start: 1.0 / 25.0, end: 1.0 / 25.0 / 1e4 }
    }

    /// A user-defined schedule. `factor` must depend on its argument alone; otherwise a resumed run differs from the
    /// uninterrupted one. A file stores only the name: after reading a trainer from a file, put the schedule back in
    /// its place.
    ///
    /// ```
    /// use gmp_train::{Moment, Schedule};
    /// let halved = Schedule::custom("halved every ten epochs", |at: Moment| 0.5_f64.powi((at.epoch() / 10) as i32));
    /// assert_eq!(halved.factor(250, 1000, 10), 0.25);
    /// ```
    pub fn custom(name: impl Into<String>, factor: impl Fn(Moment) -> f64 + Send + Sync + 'static) -> Self {
        Self::Custom(CustomSchedule { name: name.into(), factor: Some(Arc::new(factor)) })
    }

    /// This schedule with a limited duration; add what follows with [`Schedule::then`].
    ///
    /// ```
    /// # use gmp_train::{Schedule, Span};
    /// let warm_up = Schedule::WarmUp.during(Span::Steps(4));
    /// let factors = [0, 1, 2, 3, 4].map(|step| warm_up.factor(step, 100, 10));
    /// assert_eq!(factors, [0.25, 0.5, 0.75, 1.0, 1.0]); // and 1 from there on
    /// ```
    #[must_use]
    pub fn during(self, span: Span) -> Self {
        Self::Sequence(vec![Phase { schedule: self, span }])
    }

    /// This schedule followed by another one. A schedule without a span lasts to the end of the run.
    ///
    /// ```
    /// # use gmp_train::{Schedule, Span};
    /// let schedule = Schedule::WarmUp.during(Span::Steps(2)).then(Schedule::Linear { from: 1.0, to: 0.0 });
    /// let factors = [0, 1, 2, 4].map(|step| schedule.factor(step, 6, 10));
    /// assert_eq!(factors, [0.5, 1.0, 1.0, 0.5]);
    /// ```
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let phases = |schedule| match schedule {
            Self::Sequence(phases) => phases,
            schedule => vec![Phase { schedule, span: Span::Rest }],
        };
        let mut sequence = phases(self);
        sequence.extend(phases(next));
        Self::Sequence(sequence)
    }

    /// The factor of step `step` of a run of `steps`, each from 0.
    ///
    /// ```
    /// # use gmp_train::Schedule;
    /// let schedule = Schedule::Linear { from: 1.0, to: 0.0 };
    /// // The learning rates with which the four epochs of a run begin.
    /// let rates: Vec<f64> = (0..4).map(|epoch| 0.5 * schedule.factor(10 * epoch, 40, 10)).collect();
    /// assert_eq!(rates, [0.5, 0.375, 0.25, 0.125]);
    /// ```
    pub fn factor(&self, step: usize, steps: usize, steps_per_epoch: usize) -> f64 {
        let moment = Moment { step, steps, steps_per_epoch };
        match self {
            Self::Constant(factor) => *factor,
            Self::WarmUp => (step as f64 + 1.0) / steps.max(1) as f64,
            Self::Linear { from, to } => from + (to - from) * moment.share(),
            Self::Cosine { from, to } => half_cosine(*from, *to, moment.share()),
            Self::OneCycle { rise, start, end } => {
                let last = (steps as f64 - 1.0).max(0.0);
                let (at, peak) = (step as f64, (rise * steps as f64 - 1.0).max(0.0));
                if at <= peak && peak > 0.0 {
                    half_cosine(*start, 1.0, at / peak)
                } else {
                    half_cosine(1.0, *end, if last > peak { (at - peak) / (last - peak) } else { 1.0 })
                }
            }
            Self::Sequence(phases) => {
                let mut begin = 0_usize;
                for Phase { schedule, span } in phases {
                    let length = match *span {
                        Span::Steps(steps) => steps,
                        Span::Epochs(epochs) => epochs.saturating_mul(steps_per_epoch),
                        Span::Rest => steps.saturating_sub(begin),
                    };
                    let end = begin.saturating_add(length);
                    if step < end {
                        return schedule.factor(step - begin, length, steps_per_epoch);
                    }
                    begin = end;
                }
                1.0
            }
            Self::Custom(CustomSchedule { factor, .. }) => factor.as_ref().map_or(f64::NAN, |f| f(moment)),
        }
    }

    pub(crate) fn check_settings(&self) -> Result<(), Error> {
        let legal = |value: f64| value >= 0.0 && value.is_finite();
        let factors: &[f64] = match self {
            Self::WarmUp => &[],
            Self::Constant(factor) => &[*factor],
            Self::Linear { from, to } | Self::Cosine { from, to } => &[*from, *to],
            Self::OneCycle { rise, start, end } => {
                if !(*rise > 0.0 && *rise < 1.0) {
                    let expected = "between 0 and 1";
                    return Err(Error::Setting { setting: "one-cycle rise", value: *rise, expected });
                }
                &[*start, *end]
            }
            Self::Sequence(phases) => {
                return phases.iter().try_for_each(|phase| phase.schedule.check_settings());
            }
            Self::Custom(CustomSchedule { factor: None, .. }) => {
                return Err(Error::Placeholder { what: "schedule" });
            }
            Self::Custom(_) => &[],
        };
        match factors.iter().find(|factor| !legal(**factor)) {
            Some(&value) => {
                let expected = "a finite number that is not negative";
                Err(Error::Setting { setting: "factor of the schedule", value, expected })
            }
            None => Ok(()),
        }
    }
}

/// From `from` to `to` as the share goes from 0 to 1; the same bits on every machine.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    let (mut sine, mut cosine) = ([0.0], [0.0]);
    sin_cos(&[std::f64::consts::PI * share], &mut sine, &mut cosine);
    to + (from - to) * (1.0 + cosine[0]) / 2.0
}

/// A user-defined schedule with its name.
///
/// ```
/// use gmp_train::Schedule;
/// let schedule = Schedule::custom("every other step", |at| (at.step % 2) as f64);
/// let json = serde_json::to_string(&schedule)?;
/// assert_eq!(json, r#"{"custom":"every other step"}"#);
/// let read: Schedule = serde_json::from_str(&json)?;
/// assert!(schedule.factor(1, 10, 5) == 1.0 && read.factor(1, 10, 5).is_nan()); // a file holds no functions
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct CustomSchedule {
    name: String,
    /// `None` where it was read from a file.
    factor: Option<Arc<dyn Fn(Moment) -> f64 + Send + Sync>>,
}

impl fmt::Debug for CustomSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CustomSchedule").field(&self.name).finish()
    }
}

/// Schedules with the same name count as equal.
impl PartialEq for CustomSchedule {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Serialize for CustomSchedule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for CustomSchedule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { name: String::deserialize(deserializer)?, factor: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(schedule: &Schedule, steps: usize, per_epoch: usize) -> Vec<f64> {
        (0..steps).map(|step| schedule.factor(step, steps, per_epoch)).collect()
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-14, "{found:?}, expected {expected:?}");
        }
    }

    /// The formulas that PyTorch's documentation states, worked out by hand.
    #[test]
    fn known_factors() {
        close(&factors(&Schedule::Constant(0.5), 2, 1), &[0.5; 2]);
        close(&factors(&Schedule::Linear { from: 0.2, to: 1.0 }, 4, 1), &[0.2, 0.4, 0.6, 0.8]);
        let half = std::f64::consts::FRAC_1_SQRT_2;
        close(&factors(&Schedule::cosine(), 4, 1), &[1.0, (1.0 + half) / 2.0, 0.5, (1.0 - half) / 2.0]);
        // OneCycleLR(max_lr=1, total_steps=10, pct_start=0.3): phases end at steps 2 and 9.
        let down = |i: f64| 4e-6 + (1.0 - 4e-6) * (1.0 + (std::f64::consts::PI * i / 7.0).cos()) / 2.0;
        let up = [0.04, 0.52, 1.0];
        let expected: Vec<f64> = up.into_iter().chain((1..=7).map(|i| down(f64::from(i)))).collect();
        close(&factors(&Schedule::one_cycle(), 10, 1), &expected);
        assert!((expected[9] - 4e-6).abs() < 1e-15);
    }

    #[test]
    fn a_sequence_gives_every_schedule_its_own_steps() {
        let schedule =
            Schedule::WarmUp.during(Span::Epochs(2)).then(Schedule::Constant(0.5).during(Span::Steps(1)));
        let schedule = schedule.then(Schedule::Linear { from: 1.0, to: 0.0 });
        close(&factors(&schedule, 7, 2), &[0.25, 0.5, 0.75, 1.0, 0.5, 1.0, 0.5]);
        // After the last phase: 1.
        close(&factors(&Schedule::WarmUp.during(Span::Steps(2)), 4, 2), &[0.5, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn short_runs_have_finite_factors() {
        for schedule in [Schedule::WarmUp, Schedule::cosine(), Schedule::one_cycle()] {
            for steps in 0..5 {
                for step in 0..8 {
                    assert!(schedule.factor(step, steps, 0).is_finite(), "{schedule:?}: {step} of {steps}");
                }
            }
        }
        assert!(Schedule::one_cycle().factor(5, usize::MAX, 1).is_finite());
    }

    #[test]
    fn a_file_keeps_schedules_and_the_names_of_own_ones() {
        let own = Schedule::custom("mine", |_| 1.0);
        let schedule = Schedule::WarmUp.during(Span::Steps(3)).then(Schedule::one_cycle()).then(own);
        let text = serde_json::to_string(&schedule).unwrap();
        let read: Schedule = serde_json::from_str(&text).unwrap();
        assert_eq!(read, schedule);
        assert_eq!(schedule.check_settings(), Ok(()));
        assert_eq!(read.check_settings(), Err(Error::Placeholder { what: "schedule" }));
        assert!(Schedule::Constant(f64::NAN).check_settings().is_err());
        assert!(Schedule::Linear { from: 1.0, to: -0.1 }.during(Span::Rest).check_settings().is_err());
        let cycle = |rise| Schedule::OneCycle { rise, start: 0.1, end: 0.1 }.check_settings();
        assert_eq!(cycle(0.5), Ok(()));
        for rise in [-0.5, 0.0, 1.0, 1.5, f64::NAN] {
            assert!(cycle(rise).is_err(), "{rise}");
        }
    }

    #[test]
    fn own_schedules_are_told_apart_by_name() {
        let own = |name| Schedule::custom(name, |_| 1.0);
        assert_eq!(own("mine"), own("mine"));
        assert_ne!(own("mine"), own("yours"));
        assert_eq!(format!("{:?}", own("mine")), "Custom(CustomSchedule(\"mine\"))");
    }

    #[test]
    fn an_own_schedule_sees_the_epoch() {
        let epochs = Schedule::custom("epochs", |at| at.epoch() as f64);
        close(&factors(&epochs, 7, 3), &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0]);
    }
}
