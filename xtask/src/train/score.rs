//! What predictions are worth, in the units of the data.

use super::samples::Columns;
use super::task::Task;
use crate::report::number::{number, significant};
use gmp_train::{Loss, Metric};

/// The result on one set of samples.
#[derive(Debug, Clone, PartialEq)]
pub enum Score {
    /// Of numbers.
    Regression {
        /// Root mean squared error.
        rmse: f64,
        /// Mean absolute error.
        mae: f64,
        /// Share of the variance of the targets that is explained, 1 − Σ(y − ŷ)²/Σ(y − ȳ)²; NaN where all targets are equal.
        r2: f64,
    },
    /// Of classes.
    Classes {
        /// Share of the samples whose class has the largest probability.
        accuracy: f64,
        /// Mean of −ln of the probability of the sample's class.
        cross_entropy: f64,
        /// Share of the samples of the most frequent class: the accuracy of always answering it.
        most_frequent: f64,
        /// Numbers of samples, a row for each true class and a column for each predicted one.
        confusion: Vec<Vec<usize>>,
    },
}

impl Score {
    /// Compares a network's outputs, predictions in the unit of the target or logits, with the targets.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn of(columns: &Columns, outputs: &[f64], targets: &[f64]) -> Self {
        let task = columns.task;
        if task == Task::Regression {
            let mean = targets.iter().sum::<f64>() / targets.len() as f64;
            let spread: f64 = targets.iter().map(|y| (y - mean) * (y - mean)).sum();
            let mse = Metric::MeanSquaredError.of(outputs, targets);
            let explained = 1.0 - mse * targets.len() as f64 / spread;
            return Self::Regression {
                rmse: mse.sqrt(),
                mae: Metric::MeanAbsoluteError.of(outputs, targets),
                r2: if spread > 0.0 { explained } else { f64::NAN },
            };
        }
        let classes = columns.classes.len();
        let mut confusion = vec![vec![0; classes]; classes];
        let predicted = outputs.chunks_exact(task.outputs(classes)).map(|logits| class(task, logits));
        for (predicted, &target) in predicted.zip(targets) {
            confusion[target as usize][predicted] += 1;
        }
        let most = confusion.iter().map(|row| row.iter().sum::<usize>()).max().unwrap_or(0);
        Self::Classes {
            accuracy: task.metric().of(outputs, targets),
            cross_entropy: Metric::Loss(task.loss(Loss::MeanSquaredError)).of(outputs, targets),
            most_frequent: most as f64 / targets.len() as f64,
            confusion,
        }
    }

    /// The number that methods are compared by: the RMSE, or the accuracy.
    #[must_use]
    pub fn value(&self) -> f64 {
        match self {
            Self::Regression { rmse, .. } => *rmse,
            Self::Classes { accuracy, .. } => *accuracy,
        }
    }

    /// Names and values for a table, `target` being what the numbers are of.
    #[must_use]
    pub fn rows(&self, target: &str) -> Vec<[String; 2]> {
        let row = |name: String, value: String| [name, value];
        match self {
            Self::Regression { rmse, mae, r2 } => vec![
                row(format!("root mean squared error, in units of {target}"), significant(*rmse)),
                row(format!("mean absolute error, in units of {target}"), significant(*mae)),
                row("R²".to_owned(), if r2.is_nan() { "–".to_owned() } else { number(*r2, 4) }),
            ],
            Self::Classes { accuracy, cross_entropy, most_frequent, .. } => vec![
                row("accuracy".to_owned(), format!("{}%", number(100.0 * accuracy, 2))),
                row("cross-entropy, in nats".to_owned(), number(*cross_entropy, 4)),
                row(
                    "accuracy of always predicting the most frequent class".to_owned(),
                    format!("{}%", number(100.0 * most_frequent, 2)),
                ),
            ],
        }
    }
}

/// The place of the class with the largest probability; of equal ones the first.
pub(super) fn class(task: Task, logits: &[f64]) -> usize {
    if task == Task::Binary {
        return usize::from(logits[0] > 0.0);
    }
    (0..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(task: Task, classes: &[&str]) -> Columns {
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        Columns { inputs: vec!["x".to_owned()], target: "y".to_owned(), task, classes }
    }

    #[test]
    fn known_scores() {
        let numbers = columns(Task::Regression, &[]);
        let score = Score::of(&numbers, &[1.0, 2.0, 3.0], &[1.0, 2.0, 6.0]);
        // Σ(y − ŷ)² = 9, Σ(y − ȳ)² = 4 + 1 + 9.
        assert_eq!(score, Score::Regression { rmse: 3.0_f64.sqrt(), mae: 1.0, r2: 1.0 - 9.0 / 14.0 });
        let flat = Score::of(&numbers, &[1.0, 2.0], &[2.0, 2.0]);
        assert_eq!(flat.rows("y")[2][1], "–");
        let two = Score::of(&columns(Task::Binary, &["no", "yes"]), &[-1.0, 2.0, 3.0], &[0.0, 1.0, 0.0]);
        let Score::Classes { accuracy, most_frequent, confusion, .. } = &two else { panic!("{two:?}") };
        assert_eq!((*accuracy, *most_frequent), (2.0 / 3.0, 2.0 / 3.0));
        assert_eq!(*confusion, [[1, 1], [0, 1]]);
        let three = columns(Task::MultiClass, &["a", "b", "c"]);
        let score = Score::of(&three, &[0.0, 0.0, 0.0, 1.0, 5.0, 2.0], &[2.0, 1.0]);
        let Score::Classes { accuracy, confusion, .. } = &score else { panic!("{score:?}") };
        assert_eq!((*accuracy, confusion[2][0], confusion[1][1]), (0.5, 1, 1));
    }
}
