//! What the page says of how a section was made.

use super::ReproCommand;
use crate::experiment::Experiment;
use crate::report::html::Section;
use crate::report::number::number;
use crate::run::Record;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// Completes what the experiment itself says of how its section was made.
pub(super) fn complete(
    section: &mut Section,
    command: &ReproCommand,
    experiment: &dyn Experiment,
    records: &[&Record],
    took: Duration,
) {
    let mut made = section.made.take().unwrap_or_default();
    made.command = command.alone(experiment.id());
    let this_call = format!("{} in this run of the command", duration(took.as_secs_f64()));
    made.time = match training(records) {
        Some(training) => format!("{training}; {this_call}, which reuses finished runs"),
        None => this_call,
    };
    if !records.is_empty() {
        made.sample = sample(records);
        made.seeds = seeds(records);
    }
    let (id, store) = (experiment.id(), experiment.store());
    let files = [format!("{store}/runs.jsonl"), format!("{id}/measurements.jsonl")];
    let exists = |path: &String| command.out.join(path).is_file();
    made.files = files
        .into_iter()
        .filter(|path| !records.is_empty() || !path.ends_with("runs.jsonl"))
        .filter(exists)
        .collect();
    section.made = Some(made);
}

/// Where the figures of an experiment are written.
pub(super) fn folder(command: &ReproCommand, experiment: &dyn Experiment) -> PathBuf {
    command.out.join(experiment.id())
}

/// `96 runs: levy 48, levy-notebook 48`.
fn sample(records: &[&Record]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    records.iter().for_each(|record| *counts.entry(&record.run.dataset).or_default() += 1);
    let of: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!("{} runs: {}", records.len(), of.join(", "))
}

/// `levy: 0 to 19, 20 for each method, learning rate and protocol`.
fn seeds(records: &[&Record]) -> String {
    type OfCell<'a> = BTreeMap<(&'a str, u64, String), BTreeSet<u64>>;
    let mut sets: BTreeMap<&str, OfCell<'_>> = BTreeMap::new();
    for record in records {
        let run = &record.run;
        let cell = (run.method.name, run.lr.to_bits(), run.protocol.to_string());
        sets.entry(&run.dataset).or_default().entry(cell).or_default().insert(run.seed);
    }
    let of = sets.iter().map(|(name, cells)| {
        let counts = || cells.values().map(BTreeSet::len);
        let all: BTreeSet<u64> = cells.values().flatten().copied().collect();
        let (first, last) = (all.first().copied().unwrap_or(0), all.last().copied().unwrap_or(0));
        let range = if first == last { format!("seed {first}") } else { format!("seeds {first} to {last}") };
        let n = match (counts().min().unwrap_or(0), counts().max().unwrap_or(0)) {
            (least, most) if least == most => format!("n = {most}"),
            (least, most) => format!("n = {least} to {most}"),
        };
        format!("{name}: {range}, {n}")
    });
    format!("{} (n: seeds for each method, learning rate and protocol)", of.collect::<Vec<_>>().join("; "))
}

/// The time of training in all, and of single runs.
fn training(records: &[&Record]) -> Option<String> {
    let mut seconds: Vec<f64> = records.iter().map(|record| record.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let (least, most) = (seconds.first()?, seconds.last()?);
    let all = duration(seconds.iter().sum());
    let middle = duration(seconds[seconds.len() / 2]);
    Some(format!(
        "{all} of training, summed over the runs; a run took {middle} ({} to {})",
        duration(*least),
        duration(*most)
    ))
}

/// `0.25 s`, `42 s`, `12 min`, `3.4 h`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 9.95 => format!("{} s", number(s, if s < 0.995 { 2 } else { 1 })),
        s if s < 99.5 => format!("{} s", number(s, 0)),
        s if s < 99.5 * 60.0 => format!("{} min", number(s / 60.0, 0)),
        s => format!("{} h", number(s / 3600.0, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_digits_or_so() {
        let shown = [0.004, 0.25, 3.04, 42.4, 300.0, 12_345.0].map(duration);
        assert_eq!(shown, ["0.00 s", "0.25 s", "3.0 s", "42 s", "5 min", "3.4 h"]);
    }
}
