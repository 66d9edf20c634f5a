//! The records of one call, asked the questions that tables and figures have.

use super::store::Store;
use super::trace::Trace;
use super::{Protocol, Record};
use crate::method::MethodId;
use crate::setting::Setting;
use crate::statistics::{Summary, mean};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The records of the planned runs, in the order of the plan.
#[derive(Debug)]
pub struct Results<'a> {
    /// The records.
    pub records: Vec<&'a Record>,
    /// What the experiment measured beside its runs.
    pub measurements: Vec<serde_json::Value>,
    cells: HashMap<Key<'a>, Vec<&'a Record>>,
    store: &'a Store,
    /// What was asked for and cannot be had.
    problems: RefCell<BTreeSet<String>>,
}

/// A data set as records know it: another set may have the name, but not the fingerprint too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId<'a> {
    /// What tables call it.
    pub name: &'a str,
    /// The fingerprint of its data.
    pub fingerprint: &'a str,
}

/// One cell of a table: the runs of all seeds that share the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell<'a> {
    /// Which data.
    pub set: SetId<'a>,
    /// Which parameterization.
    pub method: MethodId,
    /// Which learning rate.
    pub lr: f64,
    /// Which samples decided.
    pub protocol: Protocol,
}

/// A cell to look up, its learning rate by its bits.
type Key<'a> = (SetId<'a>, MethodId, u64, Protocol);

impl<'a> Cell<'a> {
    fn key(self) -> Key<'a> {
        (self.set, self.method, self.lr.to_bits(), self.protocol)
    }
}

impl Record {
    /// The data set of its run.
    #[must_use]
    pub fn set(&self) -> SetId<'_> {
        SetId { name: &self.run.dataset, fingerprint: &self.run.data }
    }
}

impl<'a> Results<'a> {
    /// Results from the store.
    #[must_use]
    pub fn new(records: Vec<&'a Record>, store: &'a Store) -> Self {
        let mut cells: HashMap<_, Vec<_>> = HashMap::new();
        for record in &records {
            let (method, lr, protocol) = (record.run.method, record.run.lr, record.run.protocol);
            cells.entry(Cell { set: record.set(), method, lr, protocol }.key()).or_default().push(*record);
        }
        let problems = RefCell::default();
        Self { records, measurements: Vec::new(), cells, store, problems }
    }

    /// The same of the runs with one setting.
    #[must_use]
    pub fn with(&self, setting: &Setting) -> Self {
        let records = self.records.iter().copied().filter(|record| record.run.setting == *setting);
        Self::new(records.collect(), self.store)
    }

    /// The records of a cell, by seed.
    pub fn of<'s>(&'s self, cell: Cell<'s>) -> impl Iterator<Item = &'a Record> + use<'a, 's> {
        self.cells.get(&cell.key()).into_iter().flatten().copied()
    }

    /// A number of each record of a cell by seed; NaN where there is none.
    pub fn by_seed(&self, cell: Cell<'_>, number: impl Fn(&Record) -> Option<f64>) -> BTreeMap<u64, f64> {
        self.of(cell).map(|record| (record.run.seed, number(record).unwrap_or(f64::NAN))).collect()
    }

    /// The test metric by seed; NaN where training diverged.
    #[must_use]
    pub fn values(&self, cell: Cell<'_>) -> BTreeMap<u64, f64> {
        self.by_seed(cell, |record| record.value)
    }

    /// Mean and interval of the test metric.
    #[must_use]
    pub fn summary(&self, cell: Cell<'_>) -> Summary {
        Summary::of(&self.values(cell).into_values().collect::<Vec<_>>())
    }

    /// The cell as a table shows it: `mean ± half-width`, or how many runs diverged or overflowed, or a dash where nothing
    /// was run.
    #[must_use]
    pub fn display(&self, cell: Cell<'_>, decimals: usize) -> String {
        let values = self.values(cell);
        let diverged = values.values().filter(|v| v.is_nan()).count();
        let overflowed = values.values().filter(|v| v.is_infinite()).count();
        match (diverged, overflowed) {
            (0, 0) => self.summary(cell).display(decimals),
            (0, _) => format!("{overflowed} of {} overflowed", values.len()),
            _ => format!("{diverged} of {} diverged", values.len()),
        }
    }

    /// The learning rate at which a method's mean metric of the held-out validation samples is best; the test set has
    /// no say. None where no held-out runs were asked for, or all of them diverged.
    #[must_use]
    pub fn chosen_rate(&self, set: SetId<'_>, method: MethodId, larger_is_better: bool) -> Option<f64> {
        let scored = self.rates(set, method).into_iter().filter_map(|lr| {
            let cell = Cell { set, method, lr, protocol: Protocol::HeldOut };
            let scores: Vec<f64> = self.by_seed(cell, |record| record.validation).into_values().collect();
            mean(&scores).map(|score| (lr, if larger_is_better { -score } else { score }))
        });
        scored.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(lr, _)| lr)
    }

    /// The learning rates that a method was run at, ascending.
    #[must_use]
    pub fn rates(&self, set: SetId<'_>, method: MethodId) -> Vec<f64> {
        let of_method = self.cells.keys().filter(|(s, m, ..)| *s == set && *m == method);
        let mut rates: Vec<f64> = of_method.map(|(_, _, lr, _)| f64::from_bits(*lr)).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        rates
    }

    /// The learning rate at which a method is pictured: the authors' where it was run, else the largest.
    #[must_use]
    pub fn pictured_rate(&self, set: SetId<'_>, method: MethodId) -> Option<f64> {
        let rates = self.rates(set, method);
        rates.iter().copied().find(|lr| *lr == method.paper_rate).or(rates.last().copied())
    }

    /// The curves of a record, where it left any. Where they cannot be had, [`Results::problems`] says so.
    #[must_use]
    pub fn trace(&self, record: &Record) -> Option<Trace> {
        self.store.curves(record).unwrap_or_else(|error| {
            self.problems.borrow_mut().insert(error.to_string());
            None
        })
    }

    /// What was asked for so far and could not be had: a line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.problems.borrow().iter().cloned().collect()
    }
}
