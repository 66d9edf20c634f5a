//! An earlier run of the benchmark, or that of another implementation, to compare with.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::Path;

use super::{Case, Figures};
use crate::report::number::number;

/// The lines that `--json` printed, or another implementation in the same form.
#[derive(Debug, Default)]
pub(super) struct Earlier(Vec<Line>);

/// What is read of a line; the range of its rounds where it has one.
#[derive(Debug, Deserialize)]
struct Line {
    workload: String,
    case: String,
    #[serde(rename = "impl")]
    implementation: String,
    threads: u16,
    metric: String,
    value: f64,
    fastest: Option<f64>,
    slowest: Option<f64>,
}

/// How much faster a case is than it was there: 2 is twice as fast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Ratio {
    /// Than which implementation.
    #[serde(rename = "impl")]
    implementation: String,
    /// Of the medians.
    ratio: f64,
    /// Of our slowest round and their fastest.
    low: f64,
    /// Of our fastest round and their slowest.
    high: f64,
}

impl Earlier {
    /// Reads a file with one JSON object per line.
    ///
    /// # Errors
    /// If it cannot be read, or a line is none of a benchmark.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes =
            gmp_train::io::read_regular(path, 64 << 20).with_context(|| path.display().to_string())?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let lines = lines.map(|(i, line)| {
            serde_json::from_str(line).with_context(|| {
                format!("{}, line {}: expected a line that `bench --json` printed", path.display(), i + 1)
            })
        });
        let lines = lines.collect::<Result<Vec<Line>>>()?;
        if lines.is_empty() {
            bail!("{}: no line of a benchmark in it", path.display());
        }
        Ok(Self(lines))
    }

    /// The same case on as many threads, in every implementation of the file.
    pub(super) fn ratios(&self, case: &Case, threads: u16) -> Vec<Ratio> {
        let workload = case.workload.name();
        let same = self.0.iter().filter(|line| {
            (line.workload == workload && line.case == case.name)
                && (line.metric == case.metric && line.threads == threads)
        });
        same.map(|line| {
            let (ours, value) = (case.figures(), line.value);
            let [fastest, slowest] = [line.fastest, line.slowest].map(|figure| figure.unwrap_or(value));
            let speed_up = |ours: f64, theirs: f64| {
                if case.is_a_rate() { ours / theirs } else { theirs / ours }
            };
            let Figures { median, fastest: our_fastest, slowest: our_slowest } = ours;
            Ratio {
                implementation: line.implementation.clone(),
                ratio: speed_up(median, value),
                low: speed_up(our_slowest, fastest),
                high: speed_up(our_fastest, slowest),
            }
        })
        .collect()
    }
}

impl Ratio {
    /// `1.30× gmp [1.21, 1.38]`.
    pub(super) fn words(&self) -> String {
        let Self { implementation, ratio, low, high } = self;
        format!("{}× {implementation} [{}, {}]", number(*ratio, 2), number(*low, 2), number(*high, 2))
    }
}

#[cfg(test)]
mod tests {
    use super::super::timing::Timing;
    use super::super::{Work, Workload};
    use super::*;

    fn case(metric: &'static str, unit: &'static str, figure: fn(f64, Work) -> f64) -> Case {
        Case {
            workload: Workload::Mlp,
            name: "GmP-b404-float64".to_owned(),
            metric,
            unit,
            timing: Timing { median: 2e-6, fastest: 1e-6, slowest: 4e-6 },
            figure,
            work: Work::Flops64(1e3),
            peak_memory: None,
        }
    }

    fn earlier(metric: &str, value: f64) -> Earlier {
        let line = format!(
            r#"{{"workload":"mlp","case":"GmP-b404-float64","impl":"gmp","threads":1,"metric":"{metric}","value":{value},"unit":""}}"#
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), line + "\n\n").unwrap();
        Earlier::read(file.path()).unwrap()
    }

    #[test]
    fn a_ratio_above_one_is_faster_whatever_the_metric() {
        let time = case("us/step", "us", |seconds, _| seconds * 1e6);
        let ratio = &earlier("us/step", 6.0).ratios(&time, 1)[0];
        assert_eq!((ratio.ratio, ratio.low, ratio.high), (3.0, 1.5, 6.0));
        let rate = case("GFLOP/s", "GFLOP/s", |seconds, work| work.amount() / seconds / 1e9);
        let ratio = &earlier("GFLOP/s", 0.25).ratios(&rate, 1)[0];
        assert_eq!((ratio.ratio, ratio.low, ratio.high), (2.0, 1.0, 4.0));
        assert_eq!(ratio.words(), "2.00× gmp [1.00, 4.00]");
    }

    #[test]
    fn only_the_same_case_is_compared() {
        let time = case("us/step", "us", |seconds, _| seconds * 1e6);
        assert!(earlier("us/step", 6.0).ratios(&time, 2).is_empty(), "other threads");
        assert!(earlier("s/10000 steps", 6.0).ratios(&time, 1).is_empty(), "another metric");
    }

    #[test]
    fn files_that_are_none_of_a_benchmark_are_refused_with_the_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            format!("{:#}", Earlier::read(file.path()).unwrap_err())
        };
        assert!(message("").contains("no line of a benchmark"));
        assert!(
            message("\nworkload  case\n").contains("line 2: expected a line that `bench --json` printed")
        );
    }
}
