//! What can be wrong with a table of one's own, or with a network for it, each said in one line.

use crate::data::DataError;
use gmp_train::checkpoint::CheckpointError;

/// A table that cannot be learned or predicted from, or a file that holds no network for tables: what was wrong, where, and
/// what was expected. Lines count from 1, as an editor shows them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A file that cannot be read, or is no table.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A network that cannot be written or read.
    #[error(transparent)]
    Network(#[from] CheckpointError),
    /// Training that could not be carried out, or diverged.
    #[error(transparent)]
    Training(#[from] gmp_train::Error),
    /// A column whose mean or deviation is no number.
    #[error(
        "column {column:?}: its numbers are too large to be standardized; expected none beyond about 1e150"
    )]
    Range {
        /// The column's name.
        column: String,
    },
    /// A prediction that is no number.
    #[error(
        "{file}, row {row}: the prediction is not finite; expected inputs nearer to those that the network was trained on"
    )]
    Prediction {
        /// The file read.
        file: String,
        /// The row, from 1, the header not counted.
        row: usize,
    },
    /// A cell without a value.
    #[error(
        "{file}, line {line}, column {column:?}: the value is missing ({cell:?}); expected one in every row: fill it in, \
         or remove the row or the column"
    )]
    MissingValue {
        /// The file read.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column's name.
        column: String,
        /// What is there.
        cell: String,
    },
    /// Text in an input column.
    #[error(
        "{file}, line {line}, column {column:?}: {cell:?} is text; expected a number in every input column: write the column \
         as numbers, or leave it out of training (--drop)"
    )]
    Text {
        /// The file read.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column's name.
        column: String,
        /// What is there.
        cell: String,
    },
    /// Text in a target that is to be a number, or is one in other rows.
    #[error(
        "{file}, line {line}, target column {column:?}: {cell:?} is text{}; expected a number in every row, or --task multi-class, which makes every \
         distinct text a class",
        if *.among_numbers { " where other rows have numbers" } else { "" }
    )]
    TextTarget {
        /// The file read.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column's name.
        column: String,
        /// What is there.
        cell: String,
        /// Whether other rows have numbers.
        among_numbers: bool,
    },
    /// A name or a number that is no column.
    #[error("{file}: there is no column {name:?}; expected one of {known}, or a number from 1 to {columns}")]
    UnknownColumn {
        /// The file read.
        file: String,
        /// What was asked for.
        name: String,
        /// The columns that there are.
        known: String,
        /// How many there are.
        columns: usize,
    },
    /// Two columns of one name.
    #[error("{file}: columns {first} and {second} are both called {name:?}; expected different names")]
    SameName {
        /// The file read.
        file: String,
        /// The name.
        name: String,
        /// Number of the first one, from 1.
        first: usize,
        /// Number of the second one.
        second: usize,
    },
    /// A column that is needed and has no name.
    #[error(
        "{file}: column {column} has no name; expected a name for every column, or --drop {column} (is it a row number?)"
    )]
    Unnamed {
        /// The file read.
        file: String,
        /// The column, from 1.
        column: usize,
    },
    /// Nothing to predict from.
    #[error(
        "{file}: no input columns beside the target {target:?}; expected at least one (is another character than a comma \
         between the cells? --delimiter)"
    )]
    NoInputs {
        /// The file read.
        file: String,
        /// The target.
        target: String,
    },
    /// More names than a file of a network can hold.
    #[error("{file}: the names of columns and classes have {found}; expected at most {limit}")]
    TooManyNames {
        /// The file read.
        file: String,
        /// How many, or how long.
        found: String,
        /// How many are taken.
        limit: String,
    },
    /// Fewer rows than three parts need.
    #[error("{file}: {rows} row{}; expected at least {needed} for training, validation and test", if *.rows == 1 { "" } else { "s" })]
    TooFewRows {
        /// The file read.
        file: String,
        /// Rows found.
        rows: usize,
        /// Rows needed.
        needed: usize,
    },
    /// Shares that leave a part empty.
    #[error("{file}: {rows} rows; --test and --validation leave none for training or validation")]
    EmptyPart {
        /// The file read.
        file: String,
        /// Rows found.
        rows: usize,
    },
    /// A target that does not have the classes that its task needs.
    #[error("{file}, target column {column:?}: {found}; expected {expected}")]
    Classes {
        /// The file read.
        file: String,
        /// The column's name.
        column: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A table that lacks columns that a network was trained on.
    #[error("{file}: no column {missing} of the columns that the network was trained on; it has {known}")]
    LackingColumns {
        /// The file read.
        file: String,
        /// The names that are missing.
        missing: String,
        /// The columns that there are.
        known: String,
    },
    /// A table without names whose columns are not as many as a network takes.
    #[error(
        "{file}: {found} columns and no names; expected {expected}, in the order of training, or a header line"
    )]
    ColumnCount {
        /// The file read.
        file: String,
        /// Columns found.
        found: usize,
        /// Columns that the network takes.
        expected: usize,
    },
    /// A safetensors file that was not written by `cargo xtask train`.
    #[error(
        "{file}: the file does not say which columns the network takes; expected a file that `cargo xtask train` wrote"
    )]
    NotOfATable {
        /// The file read.
        file: String,
    },
    /// A description of columns that does not fit its network.
    #[error("{file}: the description of its columns: {reason}")]
    Description {
        /// The file read.
        file: String,
        /// What is wrong.
        reason: String,
    },
}
