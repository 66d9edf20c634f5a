//! How long a campaign may go on.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A time limit and a largest number of cases.
#[derive(Debug)]
pub struct Budget {
    start: Instant,
    end: Instant,
    cases: Option<usize>,
    begun: Cell<usize>,
}

impl Budget {
    /// The time limit, and the number of cases where one is given.
    #[must_use]
    pub fn new(time: Duration, cases: Option<usize>) -> Self {
        let start = Instant::now();
        Self { start, end: start + time, cases, begun: Cell::new(0) }
    }

    /// Whether another case may begin, which it then does. The first one always may.
    pub fn begin(&self) -> bool {
        let begun = self.begun.get();
        let goes_on = begun == 0 || Instant::now() < self.end && self.cases.is_none_or(|most| begun < most);
        self.begun.set(begun + usize::from(goes_on));
        goes_on
    }

    /// The share of the time of one of `of` parts, each with the whole number of cases.
    #[must_use]
    pub fn part(&self, of: usize) -> Self {
        let left = self.end.saturating_duration_since(Instant::now());
        Self::new(left / of.max(1) as u32, self.cases)
    }

    /// The share of the time or of the cases that is used up.
    #[must_use]
    pub fn used(&self) -> f64 {
        let whole = self.end.duration_since(self.start).as_secs_f64();
        let time = self.start.elapsed().as_secs_f64() / whole.max(1e-9);
        let cases = self.cases.map_or(0.0, |most| self.begun.get() as f64 / most.max(1) as f64);
        time.max(cases).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_with_the_cases_or_with_the_time() {
        let count = |budget: &Budget| (0..100).take_while(|_| budget.begin()).count();
        let long = Duration::from_secs(1000);
        assert_eq!(count(&Budget::new(long, Some(7))), 7);
        assert_eq!(count(&Budget::new(long, None)), 100);
        assert_eq!(count(&Budget::new(Duration::ZERO, None)), 1);
        assert_eq!(count(&Budget::new(long, Some(7)).part(3)), 7);
    }
}
