//! The records of one call, asked the questions that tables and figures have.

use super::store::Store;
use super::trace::Trace;
use super::{Method, Protocol, Record};
use crate::report::statistics::{Summary, mean};
use std::collections::BTreeMap;

/// The records of the planned runs, in the order of the plan.
#[derive(Debug)]
pub struct Results<'a> {
    /// The records.
    pub records: Vec<&'a Record>,
    /// What the experiment measured beside its runs.
    pub measurements: Vec<serde_json::Value>,
    store: &'a Store,
}

/// One cell of a table: the runs of all seeds that share the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell<'a> {
    /// Which data.
    pub dataset: &'a str,
    /// Which parameterization.
    pub method: Method,
    /// Which learning rate.
    pub lr: f64,
    /// Which samples decided.
    pub protocol: Protocol,
}

impl<'a> Results<'a> {
    /// Results from the store.
    #[must_use]
    pub fn new(records: Vec<&'a Record>, store: &'a Store) -> Self {
        Self { records, measurements: Vec::new(), store }
    }

    /// The records of a cell, by seed.
    pub fn of<'s>(&'s self, cell: Cell<'s>) -> impl Iterator<Item = &'a Record> + 's {
        self.records.iter().copied().filter(move |record| {
            let run = &record.run;
            run.dataset == cell.dataset
                && run.method == cell.method
                && run.lr == cell.lr
                && run.protocol == cell.protocol
        })
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

    /// The cell as a table shows it: `mean ± half-width`, or how many runs diverged, or a dash where nothing was run.
    #[must_use]
    pub fn display(&self, cell: Cell<'_>, decimals: usize) -> String {
        let values = self.values(cell);
        let diverged = values.values().filter(|v| v.is_nan()).count();
        match diverged {
            0 => self.summary(cell).display(decimals),
            _ => format!("{diverged} of {} diverged", values.len()),
        }
    }

    /// The learning rate at which a method's mean metric of the held-out validation samples is best; the test set has
    /// no say. None where no held-out runs were asked for, or all of them diverged.
    #[must_use]
    pub fn chosen_rate(&self, dataset: &str, method: Method, larger_is_better: bool) -> Option<f64> {
        let scored = self.rates(dataset, method).into_iter().filter_map(|lr| {
            let cell = Cell { dataset, method, lr, protocol: Protocol::HeldOut };
            let scores: Vec<f64> = self.by_seed(cell, |record| record.validation).into_values().collect();
            mean(&scores).map(|score| (lr, if larger_is_better { -score } else { score }))
        });
        scored.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(lr, _)| lr)
    }

    /// The learning rates that a method was run at, ascending.
    #[must_use]
    pub fn rates(&self, dataset: &str, method: Method) -> Vec<f64> {
        let of_method = self.records.iter().filter(|r| r.run.dataset == dataset && r.run.method == method);
        let mut rates: Vec<f64> = of_method.map(|record| record.run.lr).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        rates
    }

    /// The learning rate at which a method is pictured: the authors' where it was run, else the largest.
    #[must_use]
    pub fn pictured_rate(&self, dataset: &str, method: Method) -> Option<f64> {
        let rates = self.rates(dataset, method);
        rates.iter().copied().find(|lr| *lr == method.paper_rate()).or(rates.last().copied())
    }

    /// The curves of a record, where they were kept.
    #[must_use]
    pub fn trace(&self, record: &Record) -> Option<Trace> {
        self.store.trace(&record.run)
    }
}
