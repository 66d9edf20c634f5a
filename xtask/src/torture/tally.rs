//! What a campaign found.

use super::budget::Budget;
use crate::run::execute::say;
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Between two words on how far a campaign is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Cases and failures of one campaign.
pub(crate) struct Tally {
    name: String,
    pub(crate) cases: usize,
    pub(crate) failures: Vec<Failure>,
    skipped: Option<String>,
    notes: Vec<String>,
    start: Instant,
    seconds: f64,
    spoken: Cell<Instant>,
}

/// A case that did not end as it should.
pub(crate) struct Failure {
    /// Which one: enough to do it again.
    pub(crate) case: String,
    /// What was wrong.
    pub(crate) problem: String,
}

impl Tally {
    pub(crate) fn new(name: String) -> Self {
        let now = Instant::now();
        let spoken = Cell::new(now);
        Self {
            name,
            cases: 0,
            failures: Vec::new(),
            skipped: None,
            notes: Vec::new(),
            start: now,
            seconds: 0.0,
            spoken,
        }
    }

    /// A case that ended well, or what was wrong.
    pub(crate) fn count(&mut self, budget: &Budget, case: &str, outcome: Result<(), String>) {
        self.cases += 1;
        if let Err(problem) = outcome {
            say(&format!("{}: FAILED: {case}: {problem}", self.name));
            self.failures.push(Failure { case: case.to_owned(), problem });
        }
        self.progress(budget);
    }

    /// A word every few seconds.
    pub(crate) fn progress(&self, budget: &Budget) {
        if self.spoken.get().elapsed() >= PATIENCE {
            self.spoken.set(Instant::now());
            let Self { name, cases, failures, .. } = self;
            let percent = 100.0 * budget.used();
            say(&format!("{name}: {cases} cases, {} failures, {percent:.0} %", failures.len()));
        }
    }

    /// The campaign, or a part of it, cannot be carried out here.
    pub(crate) fn skip(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        say(&format!("{}: skipped: {reason}", self.name));
        self.skipped = Some(reason);
    }

    /// Something that the summary should say.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn end(&mut self) {
        self.seconds = self.start.elapsed().as_secs_f64();
    }

    pub(crate) fn line(&self) -> String {
        let skipped = self.skipped.iter().map(|reason| format!("skipped: {reason}"));
        let notes: Vec<String> = skipped.chain(self.notes.iter().cloned()).collect();
        let Self { name, cases, failures, seconds, .. } = self;
        format!("{name:9}  {cases:>9}  {:>8}  {seconds:>7.0}  {}", failures.len(), notes.join("; "))
    }

    pub(crate) fn as_json(&self) -> Value {
        let failures = self.failures.iter().map(|f| json!({"case": f.case, "problem": f.problem}));
        json!({
            "name": self.name,
            "cases": self.cases,
            "failures": failures.collect::<Vec<_>>(),
            "skipped": self.skipped,
            "notes": self.notes,
            "seconds": self.seconds,
        })
    }
}
