//! The target column: which task it sets, and the number of every row's target.

use super::error::TableError;
use super::table::{TextTable, is_missing};
use super::task::Task;
use crate::data::table::shortest;
use crate::data::{CellProblem, DataError, shorten};
use std::collections::HashMap;

/// Most classes of a target.
pub const MOST_CLASSES: usize = 1000;
/// Whole numbers from 0 or 1 up to this many are classes, unless the user says that they are numbers.
const FEW: usize = 20;

/// A target, read and understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What is learned of it.
    pub task: Task,
    /// Why, where the user did not say it.
    pub reason: &'static str,
    /// The names of its classes; none for numbers.
    pub classes: Vec<String>,
    /// Of every row the number, or the place of its class in `classes`.
    pub values: Vec<f64>,
}

/// The column as it stands: numbers and texts.
struct Column<'a> {
    table: &'a TextTable,
    name: String,
    /// Of every row its number, or NaN.
    numbers: Vec<f64>,
    /// Of every row the place of its text in `texts`.
    places: Vec<usize>,
    /// All different texts of cells that are no numbers, in the order in which they came.
    texts: Vec<String>,
    /// The line and the cell of the first one.
    first_text: Option<(usize, String)>,
}

impl Target {
    /// Reads the column at `place` (from 0) for `task`, or for the task that it looks like: text is classes; of numbers, two
    /// different whole ones are classes, and so are whole numbers 0, 1, … or 1, 2, … without a gap, up to twenty of them.
    ///
    /// # Errors
    /// A missing value, a number that is not finite, a text among numbers, or other classes than the task has.
    pub fn read(table: &TextTable, place: usize, task: Option<Task>) -> Result<Self, TableError> {
        let column = Column::read(table, place)?;
        let (has_texts, has_numbers) =
            (!column.texts.is_empty(), column.numbers.iter().any(|number| !number.is_nan()));
        let distinct = distinct(&column.numbers);
        let (task, reason) = match task {
            Some(task) => (task, "--task says so"),
            None if has_texts && has_numbers => return Err(column.text(true)),
            None if has_texts && column.texts.len() == 2 => {
                (Task::Binary, "the target has two distinct texts")
            }
            None if has_texts => (Task::MultiClass, "the target is text"),
            None if distinct.len() == 2 && distinct.iter().all(|number| number.fract() == 0.0) => {
                (Task::Binary, "the target has two distinct whole numbers")
            }
            None if are_classes(&distinct) => {
                (Task::MultiClass, "the target has few distinct whole numbers without a gap")
            }
            None => (Task::Regression, "the target has numbers"),
        };
        if task == Task::Regression {
            return match has_texts {
                true => Err(column.text(has_numbers)),
                false => Ok(Self { task, reason, classes: Vec::new(), values: column.numbers }),
            };
        }
        let (classes, values) = column.classes(&distinct);
        let wrong = |expected: &str| {
            Err(TableError::Classes {
                file: table.file.clone(),
                column: column.name.clone(),
                found: format!(
                    "{} distinct value{}",
                    classes.len(),
                    if classes.len() == 1 { "" } else { "s" }
                ),
                expected: expected.to_owned(),
            })
        };
        match (task, classes.len()) {
            (Task::Binary, 2) | (Task::MultiClass, 2..=MOST_CLASSES) => {
                Ok(Self { task, reason, classes, values })
            }
            (Task::Binary, _) => wrong("two classes"),
            (_, ..=1) => wrong("at least two classes"),
            _ => wrong("at most 1000 classes; is the target a number, or a name of the rows?"),
        }
    }
}

impl<'a> Column<'a> {
    fn read(table: &'a TextTable, place: usize) -> Result<Self, TableError> {
        let name = shorten(&table.columns[place]);
        let mut column = Self {
            table,
            name,
            numbers: Vec::with_capacity(table.rows),
            places: Vec::new(),
            texts: Vec::new(),
            first_text: None,
        };
        let mut known: HashMap<String, usize> = HashMap::new();
        table.each_row(|line, record| {
            let cell = record[place].trim();
            let (file, name) = (table.file.clone(), column.name.clone());
            if is_missing(cell) {
                return Err(TableError::MissingValue { file, line, column: name, cell: shorten(cell) });
            }
            match CellProblem::check(cell) {
                Ok(number) => {
                    column.numbers.push(number + 0.0);
                    column.places.push(usize::MAX);
                }
                Err(CellProblem::NotANumber(_)) => {
                    column.numbers.push(f64::NAN);
                    column.first_text.get_or_insert_with(|| (line, shorten(cell)));
                    // One more than are taken, so that the message can say how many there are at least.
                    if known.len() <= MOST_CLASSES && !known.contains_key(cell) {
                        known.insert(cell.to_owned(), column.texts.len());
                        column.texts.push(cell.to_owned());
                    }
                    column.places.push(known.get(cell).copied().unwrap_or(0));
                }
                Err(problem) => return Err(DataError::Cell { file, line, column: name, problem }.into()),
            }
            Ok(())
        })?;
        Ok(column)
    }

    fn text(&self, among_numbers: bool) -> TableError {
        let (line, cell) = self.first_text.clone().unwrap_or_default();
        let (file, column) = (self.table.file.clone(), self.name.clone());
        TableError::TextTarget { file, line, column, cell, among_numbers }
    }

    /// The names of the classes, numbers first and both in their order, and of every row the place of its class.
    fn classes(&self, distinct: &[f64]) -> (Vec<String>, Vec<f64>) {
        let mut order: Vec<usize> = (0..self.texts.len()).collect();
        order.sort_by(|a, b| self.texts[*a].cmp(&self.texts[*b]));
        let mut place_of = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &text)| place_of[text] = distinct.len() + place);
        let names = distinct.iter().map(|number| shortest(*number));
        let names = names.chain(order.iter().map(|&text| self.texts[text].clone())).collect();
        let place = |(number, text): (&f64, &usize)| match number.is_nan() {
            true => place_of[*text] as f64,
            false => distinct.partition_point(|other| other < number) as f64,
        };
        (names, self.numbers.iter().zip(&self.places).map(place).collect())
    }
}

/// The different numbers, ascending, without the NaN.
fn distinct(numbers: &[f64]) -> Vec<f64> {
    let mut distinct: Vec<f64> = numbers.iter().copied().filter(|number| !number.is_nan()).collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    distinct
}

/// Whether numbers are 0, 1, … or 1, 2, … without a gap.
fn are_classes(distinct: &[f64]) -> bool {
    let first = distinct.first().copied().unwrap_or(f64::NAN);
    (2..=FEW).contains(&distinct.len())
        && [0.0, 1.0].contains(&first)
        && distinct.iter().enumerate().all(|(place, number)| *number == first + place as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::table::Format;

    fn target(cells: &str, task: Option<Task>) -> Result<Target, TableError> {
        let text = format!("x,y\n{}", cells.split(' ').map(|cell| format!("0,{cell}\n")).collect::<String>());
        Target::read(&TextTable::parse("a.csv", text.into_bytes(), Format::default()).unwrap(), 1, task)
    }

    #[test]
    fn the_task_is_what_the_target_looks_like_unless_the_user_says() {
        for (cells, task, classes, values) in [
            ("1.5 2 3", Task::Regression, "", [1.5, 2.0, 3.0]),
            ("-1 1 -1.0", Task::Binary, "-1 1", [0.0, 1.0, 0.0]),
            ("b a b", Task::Binary, "a b", [1.0, 0.0, 1.0]),
            ("b a c", Task::MultiClass, "a b c", [1.0, 0.0, 2.0]),
            ("0 2 1", Task::MultiClass, "0 1 2", [0.0, 2.0, 1.0]),
            // A count that does not begin at 0 or 1, and one with a gap.
            ("3 4 5", Task::Regression, "", [3.0, 4.0, 5.0]),
            ("0 1 3", Task::Regression, "", [0.0, 1.0, 3.0]),
            ("7 7 7", Task::Regression, "", [7.0, 7.0, 7.0]),
            ("-0 0 1", Task::Binary, "0 1", [0.0, 0.0, 1.0]),
        ] {
            let found = target(cells, None).unwrap();
            assert_eq!((found.task, &found.classes.join(" ")[..]), (task, classes), "{cells}");
            assert_eq!(found.values, values, "{cells}");
        }
        assert_eq!(target("0 1 2", Some(Task::Regression)).unwrap().values, [0.0, 1.0, 2.0]);
        assert_eq!(target("3 5 3", Some(Task::MultiClass)).unwrap().classes, ["3", "5"]);
        assert_eq!(target("3 many 3", Some(Task::Binary)).unwrap().classes, ["3", "many"]);
    }

    #[test]
    fn targets_that_make_no_sense_are_refused_by_line_and_column() {
        for (cells, task, message) in [
            (
                "1 2 oops",
                None,
                "a.csv, line 4, target column \"y\": \"oops\" is text where other rows have numbers; expected a number in every row, or --task \
              multi-class, which makes every distinct text a class",
            ),
            (
                "a b a",
                Some(Task::Regression),
                "a.csv, line 2, target column \"y\": \"a\" is text; expected a number in every row, or --task multi-class, which makes every \
              distinct text a class",
            ),
            (
                "1 NA 2",
                None,
                "a.csv, line 3, column \"y\": the value is missing (\"NA\"); expected one in every row: fill it in, or \
              remove the row or the column",
            ),
            ("1 inf 2", None, "a.csv, line 3, column \"y\": \"inf\" is not finite; expected a finite number"),
            ("a a a", None, "a.csv, target column \"y\": 1 distinct value; expected at least two classes"),
            (
                "1 2 3",
                Some(Task::Binary),
                "a.csv, target column \"y\": 3 distinct values; expected two classes",
            ),
        ] {
            assert_eq!(target(cells, task).unwrap_err().to_string(), message, "{cells}");
        }
        let many: Vec<String> = (0..1500).map(|k| format!("row{k}")).collect();
        let error = target(&many.join(" "), None).unwrap_err().to_string();
        assert!(
            error.ends_with("at most 1000 classes; is the target a number, or a name of the rows?"),
            "{error}"
        );
    }
}
