//! The samples of a table: which columns are inputs, which one is the target, and their numbers.

use super::error::TableError;
use super::table::TextTable;
use super::target::Target;
use super::task::Task;
use crate::data::shorten;
use gmp_train::Dataset;
use serde::{Deserialize, Serialize};

/// Most input columns.
const MOST_COLUMNS: usize = 10_000;
/// Most bytes of all names of columns and classes together: a file of a network holds them.
const MOST_BYTES_OF_NAMES: usize = 1 << 18;
/// Fewest rows of which three parts can be made.
const FEWEST_ROWS: usize = 10;

/// What the columns of a table are to a network. A file of the network holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    /// The names of the input columns, in the order of the network's inputs.
    pub inputs: Vec<String>,
    /// The name of the target column.
    pub target: String,
    /// What is learned of it.
    pub task: Task,
    /// The names of its classes; none for numbers.
    pub classes: Vec<String>,
}

impl Columns {
    /// Outputs of a network for these columns.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.task.outputs(self.classes.len())
    }
}

/// A table of which everything is known.
#[derive(Debug, Clone)]
pub struct Samples {
    /// What its columns are.
    pub columns: Columns,
    /// Why the task is what it is.
    pub reason: &'static str,
    /// Inputs, and as the target the number or the place of the class.
    pub data: Dataset<f64>,
}

impl Samples {
    /// Reads a table: the target is the column of that name or number, or the last one; those in `drop` are left out, all
    /// others are inputs.
    ///
    /// # Errors
    /// A column that is not there, has no name or that of another, and whatever keeps its cells from being numbers.
    pub fn read(
        table: &TextTable,
        target: Option<&str>,
        drop: &[String],
        task: Option<Task>,
    ) -> Result<Self, TableError> {
        let file = || table.file.clone();
        let last = table.columns.len() - 1;
        let place = target.map_or(Ok(last), |name| table.find(name))?;
        let dropped = drop.iter().map(|name| table.find(name)).collect::<Result<Vec<usize>, _>>()?;
        let inputs: Vec<usize> =
            (0..table.columns.len()).filter(|column| *column != place && !dropped.contains(column)).collect();
        for &column in inputs.iter().chain([&place]) {
            if table.columns[column].is_empty() {
                return Err(TableError::Unnamed { file: file(), column: column + 1 });
            }
        }
        if inputs.is_empty() {
            return Err(TableError::NoInputs { file: file(), target: shorten(&table.columns[place]) });
        }
        if inputs.len() > MOST_COLUMNS {
            let (found, limit) = (format!("{} names", inputs.len()), MOST_COLUMNS.to_string());
            return Err(TableError::TooManyNames { file: file(), found, limit });
        }
        check_names(table, inputs.iter().chain([&place]).copied().collect())?;
        if table.rows < FEWEST_ROWS {
            return Err(TableError::TooFewRows { file: file(), rows: table.rows, needed: FEWEST_ROWS });
        }
        let Target { task, reason, classes, values } = Target::read(table, place, task)?;
        let mut numbers = Vec::new();
        table.numbers(&inputs, |number| numbers.push(number))?;
        let columns = Columns {
            inputs: inputs.iter().map(|&column| table.columns[column].clone()).collect(),
            target: table.columns[place].clone(),
            task,
            classes,
        };
        let names = columns.inputs.iter().chain(&columns.classes).chain([&columns.target]);
        let bytes: usize = names.map(String::len).sum();
        if bytes > MOST_BYTES_OF_NAMES {
            let (found, limit) = (format!("{bytes} bytes of names"), format!("{MOST_BYTES_OF_NAMES} bytes"));
            return Err(TableError::TooManyNames { file: file(), found, limit });
        }
        let data = Dataset::new(numbers, inputs.len(), values, 1);
        let data = data.unwrap_or_else(|error| unreachable!("every cell was checked: {error}"));
        Ok(Self { columns, reason, data })
    }
}

/// No two columns that are needed have one name.
fn check_names(table: &TextTable, mut columns: Vec<usize>) -> Result<(), TableError> {
    columns.sort_by(|a, b| table.columns[*a].cmp(&table.columns[*b]).then(a.cmp(b)));
    for pair in columns.windows(2) {
        if table.columns[pair[0]] == table.columns[pair[1]] {
            return Err(TableError::SameName {
                file: table.file.clone(),
                name: shorten(&table.columns[pair[0]]),
                first: pair[0] + 1,
                second: pair[1] + 1,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::table::Format;

    fn read(text: &str, target: Option<&str>, drop: &[&str]) -> Result<Samples, TableError> {
        let table = TextTable::parse("a.csv", text.as_bytes().to_vec(), Format::default())?;
        let drop: Vec<String> = drop.iter().map(|name| (*name).to_owned()).collect();
        Samples::read(&table, target, &drop, None)
    }

    fn rows(header: &str, cells: &str) -> String {
        format!("{header}\n{}", (0..12).map(|k| format!("{k}.5,{cells}\n")).collect::<String>())
    }

    #[test]
    fn columns_are_inputs_or_the_target_or_left_out() {
        let text = rows("x,id,y", "red,2");
        let samples = read(&text, Some("x"), &["id"]).unwrap();
        assert_eq!((samples.columns.inputs, &samples.columns.target[..]), (vec!["y".to_owned()], "x"));
        assert_eq!(
            (samples.data.samples(), samples.data.inputs()[0], samples.data.targets()[3]),
            (12, 2.0, 3.5)
        );
        let samples = read(&rows("x,id,y", "1,2"), None, &["2"]).unwrap();
        assert_eq!(samples.columns.inputs, ["x"]);
    }

    #[test]
    fn tables_that_cannot_be_learned_from_are_refused() {
        for (text, drop, message) in [
            (
                rows("x,id,y", "red,2"),
                &[][..],
                "a.csv, line 2, column \"id\": \"red\" is text; expected a number in every input column: \
              write the column as numbers, or leave it out of training (--drop)",
            ),
            (
                rows("x,id,y", "?,2"),
                &[],
                "a.csv, line 2, column \"id\": the value is missing (\"?\"); expected one in every row: fill it in, \
              or remove the row or the column",
            ),
            (
                rows(",a,y", "1,2"),
                &[],
                "a.csv: column 1 has no name; expected a name for every column, or --drop 1 (is it a row number?)",
            ),
            (
                rows("x,x,y", "1,2"),
                &[],
                "a.csv: columns 1 and 2 are both called \"x\"; expected different names",
            ),
            (
                rows("x,y", "2"),
                &["x"],
                "a.csv: no input columns beside the target \"y\"; expected at least one (is another character than a comma between the cells? --delimiter)",
            ),
            (
                "x,y\n1,2\n".to_owned(),
                &[],
                "a.csv: 1 row; expected at least 10 for training, validation and test",
            ),
        ] {
            assert_eq!(read(&text, None, drop).unwrap_err().to_string(), message);
        }
        // Left out, both of the first two do no harm.
        assert!(read(&rows("x,id,y", "red,2"), None, &["id"]).is_ok());
        assert!(read(&rows(",a,y", "1,2"), None, &["1"]).is_ok());
    }
}
