//! What is shown of a run: a few lines of text, made of its records alone.

use super::sparkline::sparkline;
use crate::report::number::{rate, significant};
use gmp_train::{Change, EpochRecord};
use indicatif::HumanDuration;
use std::time::Duration;

/// A run so far, and what there is to say of it.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// What is trained on what.
    pub title: &'a str,
    /// The epochs so far.
    pub records: &'a [EpochRecord],
    /// The most epochs.
    pub epochs: usize,
    /// How far the boundaries turned in every epoch, where they are watched.
    pub turns: &'a [Change],
    /// The name of the first metric of the records, and what its values are multiplied by to be in the reader's unit.
    pub metric: Option<(&'a str, f64)>,
    /// Time since the start.
    pub elapsed: Duration,
    /// Whether training has ended.
    pub is_over: bool,
}

/// One curve: its name, its values, and what is said behind it.
struct Curve {
    name: &'static str,
    values: Vec<f64>,
    said: String,
}

impl View<'_> {
    /// A line for the run and one for each of its curves, none wider than `width` characters.
    #[must_use]
    pub fn lines(&self, width: usize) -> Vec<String> {
        const NAME: usize = 18;
        let curves = self.curves();
        let said = curves.iter().map(|curve| curve.said.chars().count()).max().unwrap_or(0);
        let room = width.saturating_sub(NAME + said + 4).min(60);
        let curve = |curve: &Curve| {
            let line = sparkline(&curve.values, room);
            format!("  {:NAME$}{line:room$}  {}", curve.name, curve.said)
        };
        let lines = std::iter::once(self.heading()).chain(curves.iter().map(curve));
        lines.map(|line| line.chars().take(width).collect()).collect()
    }

    /// All of it in one line, for where there is no terminal.
    #[must_use]
    pub fn line(&self) -> String {
        let said = self.curves().into_iter().map(|curve| format!("{} {}", curve.name, curve.said));
        std::iter::once(self.heading()).chain(said).collect::<Vec<_>>().join(" · ")
    }

    fn heading(&self) -> String {
        let done = self.records.len();
        let mut heading = format!("{} · epoch {done} of {}", self.title, self.epochs);
        match self.left() {
            _ if self.is_over => heading += &format!(" · ended after {}", HumanDuration(self.elapsed)),
            Some(left) => heading += &format!(" · at most {} left", HumanDuration(left)),
            None => {}
        }
        heading
    }

    /// The time that the epochs which are left take, if training does not stop before the last.
    fn left(&self) -> Option<Duration> {
        let done = self.records.len();
        let share = self.epochs.checked_sub(done).filter(|left| *left > 0)? as f64 / done.max(1) as f64;
        (done > 0).then(|| self.elapsed.mul_f64(share))
    }

    fn curves(&self) -> Vec<Curve> {
        let Some(last) = self.records.last() else { return Vec::new() };
        let of = |number: fn(&EpochRecord) -> Option<f64>| -> Vec<f64> {
            self.records.iter().map(|record| number(record).unwrap_or(f64::NAN)).collect()
        };
        let mut curves = vec![Curve {
            name: "training loss",
            values: of(|record| Some(record.training_loss)),
            said: significant(last.training_loss),
        }];
        if let Some(loss) = last.validation {
            let best = self.records.iter().filter(|record| record.validation.is_some_and(f64::is_finite));
            let best =
                best.min_by(|a, b| a.validation.unwrap_or(0.0).total_cmp(&b.validation.unwrap_or(0.0)));
            let best = best.map_or_else(String::new, |best| {
                format!(
                    ", best {} (epoch {})",
                    significant(best.validation.unwrap_or(f64::NAN)),
                    best.epoch + 1
                )
            });
            curves.push(Curve {
                name: "validation loss",
                values: of(|record| record.validation),
                said: significant(loss) + &best,
            });
        }
        if let Some((name, unit)) = self.metric {
            let number = |record: &EpochRecord| {
                record
                    .validation_metrics
                    .first()
                    .or(record.training_metrics.first())
                    .map(|value| value * unit)
            };
            let values = self.records.iter().map(|record| number(record).unwrap_or(f64::NAN)).collect();
            let said = format!("{} ({name})", number(last).map_or_else(|| "–".to_owned(), significant));
            let name =
                if last.validation_metrics.is_empty() { "training metric" } else { "validation metric" };
            curves.push(Curve { name, values, said });
        }
        curves.push(Curve {
            name: "learning rate",
            values: of(|record| Some(record.learning_rate)),
            said: rate(last.learning_rate),
        });
        if let Some(turn) = self.turns.last() {
            curves.push(Curve {
                name: "boundary turn",
                values: self.turns.iter().map(|turn| turn.mean).collect(),
                said: format!("{} rad, largest {}", significant(turn.mean), significant(turn.max)),
            });
        }
        curves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(epochs: usize) -> Vec<EpochRecord> {
        let record = |epoch: usize| EpochRecord {
            epoch,
            learning_rate: if epoch < 30 { 0.01 } else { 0.001 },
            training_loss: 1.0 / (1.0 + epoch as f64),
            validation: Some(0.5 + (epoch as f64 - 20.0).abs() / 40.0),
            training_metrics: vec![0.5],
            validation_metrics: vec![0.25],
        };
        (0..epochs).map(record).collect()
    }

    fn view<'a>(records: &'a [EpochRecord], turns: &'a [Change]) -> View<'a> {
        let (metric, elapsed) = (Some(("RMSE", 4.0)), Duration::from_secs(8));
        View { title: "boston, GmP, seed 0", records, epochs: 120, turns, metric, elapsed, is_over: false }
    }

    #[test]
    fn a_run_is_shown_in_lines_that_fit() {
        let turns = vec![Change { mean: 0.02, median: 0.01, max: 0.3 }; 40];
        let records = records(40);
        let lines = view(&records, &turns).lines(80);
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[0], "boston, GmP, seed 0 · epoch 40 of 120 · at most 16 seconds left");
        assert!(
            lines[1].starts_with("  training loss     █") && lines[1].ends_with("  0.02500"),
            "{lines:?}"
        );
        assert!(lines[2].ends_with("0.9750, best 0.5000 (epoch 21)"), "{lines:?}");
        assert!(lines[3].ends_with("1.000 (RMSE)"), "{lines:?}");
        assert!(lines[4].contains('█') && lines[4].ends_with("  0.001"), "{lines:?}");
        assert!(lines[5].ends_with("0.02000 rad, largest 0.3000"), "{lines:?}");
        for width in [0, 1, 20, 40, 80, 300] {
            let lines = view(&records, &turns).lines(width);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{width}: {lines:?}");
        }
    }

    #[test]
    fn where_there_is_no_terminal_it_is_one_line() {
        let line = view(&records(2), &[]).line();
        assert_eq!(
            line,
            "boston, GmP, seed 0 · epoch 2 of 120 · at most 8 minutes left · training loss 0.5000 · validation loss 0.9750, best \
             0.9750 (epoch 2) · validation metric 1.000 (RMSE) · learning rate 0.01"
        );
        assert_eq!(view(&[], &[]).line(), "boston, GmP, seed 0 · epoch 0 of 120");
        let over = View { is_over: true, ..view(&records(2), &[]) }.lines(80);
        assert_eq!(over[0], "boston, GmP, seed 0 · epoch 2 of 120 · ended after 8 seconds");
    }
}
