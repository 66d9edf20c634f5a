//! Rounds of repetitions, and their median.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use gmp_train::{Epoch, Observer};
use serde::{Deserialize, Serialize};

/// How long to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rounds {
    count: usize,
    shortest: Duration,
}

/// Seconds that one repetition took, over the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Timing {
    pub(super) median: f64,
    pub(super) fastest: f64,
    pub(super) slowest: f64,
}

impl Timing {
    fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let middle = rounds.len() / 2;
        let median = match rounds.len() % 2 {
            0 => (rounds[middle - 1] + rounds[middle]) / 2.0,
            _ => rounds[middle],
        };
        Self { median, fastest: rounds[0], slowest: rounds[rounds.len() - 1] }
    }
}

impl Rounds {
    pub(super) fn new(count: u16, shortest_milliseconds: u64) -> Self {
        Self { count: count.into(), shortest: Duration::from_millis(shortest_milliseconds) }
    }

    /// How many are timed.
    pub(super) fn count(self) -> usize {
        self.count
    }

    /// Times `work`, repeated until a round is long enough; a round before the first one warms up.
    pub(super) fn time(self, mut work: impl FnMut()) -> Timing {
        self.time_part(|| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
    }

    /// As [`Rounds::time`], for work that says itself how long the part took that counts.
    pub(super) fn time_part(self, mut work: impl FnMut() -> Duration) -> Timing {
        let mut round = || {
            let (mut elapsed, mut repetitions) = (Duration::ZERO, 0u32);
            loop {
                elapsed += work();
                repetitions += 1;
                if elapsed >= self.shortest {
                    return elapsed.as_secs_f64() / f64::from(repetitions);
                }
            }
        };
        round();
        Timing::of((0..self.count).map(|_| round()).collect())
    }

    /// Times the epochs of a run from within: `fit` trains with the observer that it is given, which ends the run.
    pub(super) fn time_epochs(self, fit: impl FnOnce(&mut Stopwatch)) -> Timing {
        let mut watch = Stopwatch {
            rounds: self,
            seconds: Vec::with_capacity(self.count + 1),
            start: Instant::now(),
            epochs: 0,
        };
        fit(&mut watch);
        // The first round held the first epoch's allocations.
        Timing::of(watch.seconds.split_off(1))
    }
}

/// Splits a training run into rounds.
pub(super) struct Stopwatch {
    rounds: Rounds,
    seconds: Vec<f64>,
    start: Instant,
    epochs: u32,
}

impl<T: gmp_nn::Element> Observer<T> for Stopwatch {
    fn on_epoch(&mut self, _: &Epoch<'_, T>) -> ControlFlow<()> {
        self.epochs += 1;
        let elapsed = self.start.elapsed();
        if elapsed >= self.rounds.shortest {
            self.seconds.push(elapsed.as_secs_f64() / f64::from(self.epochs));
            (self.start, self.epochs) = (Instant::now(), 0);
        }
        if self.seconds.len() > self.rounds.count {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(Timing::of(vec![3.0, 1.0, 2.0]), Timing { median: 2.0, fastest: 1.0, slowest: 3.0 });
        assert_eq!(Timing::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Timing::of(vec![7.0]), Timing { median: 7.0, fastest: 7.0, slowest: 7.0 });
    }

    #[test]
    fn a_round_before_the_first_warms_up() {
        let mut calls = 0;
        Rounds::new(3, 0).time(|| calls += 1);
        assert_eq!(calls, 4);
    }
}
