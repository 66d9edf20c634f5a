//! What can be wrong with a data file, a download or a name, each said in one line.

use std::{io, path::PathBuf};

use gmp_train::checkpoint::Problem;

/// A data file, download or name that cannot be used: what was wrong, where, and what was expected.
///
/// `file` is a path as the user wrote it, a URL, or `MEMBER in ARCHIVE`; `line` counts from 1, as an editor (or a
/// spreadsheet) shows it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No file of this name.
    #[error("{file}: no such file; expected a CSV file with a header line")]
    Missing {
        /// The file asked for.
        file: String,
    },
    /// A directory where a file was expected.
    #[error("{file}: is a directory; expected a CSV file with a header line")]
    Directory {
        /// The directory found.
        file: String,
    },
    /// The operating system refused to read.
    #[error("{file}: cannot be read: {cause}")]
    Read {
        /// The file asked for.
        file: String,
        /// The system's reason.
        cause: io::Error,
    },
    /// The operating system refused to write.
    #[error("{file}: {cause}; expected a folder that can be written to")]
    Write {
        /// The file to be written.
        file: String,
        /// What was refused, and why.
        cause: Problem,
    },
    /// More bytes than this program is willing to hold.
    #[error("{file}: larger than the limit of {} MiB", .limit >> 20)]
    TooLarge {
        /// The file or URL.
        file: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A line so long that this is hardly a table.
    #[error("{file}, line {line}: longer than {} KiB; expected rows of numbers, one to a line", .limit >> 10)]
    LongLine {
        /// The file read.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("{file}, line {line}: not UTF-8 text; expected a text file saved as UTF-8")]
    NotUtf8 {
        /// The file read.
        file: String,
        /// The line of the first wrong byte, from 1.
        line: usize,
    },
    /// Nothing in the file, or white space only.
    #[error("{file}: the file is empty; expected a header line and at least 2 rows of numbers")]
    Empty {
        /// The file read.
        file: String,
    },
    /// The first line holds numbers.
    #[error(
        "{file}, line {line}: every cell is a number, so the header line seems to be missing; expected the names \
         of the columns"
    )]
    NumericHeader {
        /// The file read.
        file: String,
        /// The line of the header, from 1.
        line: usize,
    },
    /// A header cell is blank, as in a table written with its row numbers.
    #[error(
        "{file}, line {line}: column {column} has no name; expected a name for every column (is it a row number?)"
    )]
    UnnamedColumn {
        /// The file read.
        file: String,
        /// The line of the header, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// One column only.
    #[error(
        "{file}, line {line}: one column, {column:?}; expected at least one input column and then the target, \
         separated by commas"
    )]
    NoInput {
        /// The file read.
        file: String,
        /// The line of the header, from 1.
        line: usize,
        /// The only column's name.
        column: String,
    },
    /// A header line and nothing below it.
    #[error("{file}: a header line only; expected at least 2 rows of numbers below it")]
    NoRows {
        /// The file read.
        file: String,
    },
    /// One row of numbers only.
    #[error("{file}, line {line}: the only row; expected at least 2, one for training and one for test")]
    OneRow {
        /// The file read.
        file: String,
        /// The line of that row, from 1.
        line: usize,
    },
    /// A row with too many or too few cells.
    #[error("{file}, line {line}: {found} {}; expected {expected}, one for each column", plural(*.found, "cell"))]
    Ragged {
        /// The file read.
        file: String,
        /// The line, from 1.
        line: usize,
        /// Cells in that row.
        found: usize,
        /// Cells in every row.
        expected: usize,
    },
    /// A cell that cannot be used.
    #[error("{file}, line {line}, column {column:?}: {problem}")]
    Cell {
        /// The file read.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column's name, or its number from 1 where the file names none.
        column: String,
        /// What is wrong with the cell.
        problem: CellProblem,
    },
    /// A class label other than −1 and 1.
    #[error("{file}, data row {row}, column {column:?}: {problem}")]
    Class {
        /// The file read.
        file: String,
        /// The row of numbers, from 1, the header line not counted.
        row: usize,
        /// The column's name.
        column: String,
        /// What is wrong with the cell.
        problem: CellProblem,
    },
    /// Not as many rows as the data set has.
    #[error("{file}: {found} {}; expected {expected} (a cut-off or changed file?)", plural(*.found, "row"))]
    Rows {
        /// The file or URL.
        file: String,
        /// Rows found.
        found: usize,
        /// Rows of the data set.
        expected: usize,
    },
    /// A converted file whose columns are not those of the data set.
    #[error("{file}: {found}; expected {expected}")]
    Columns {
        /// The file or URL.
        file: String,
        /// The first column that differs, or how many there are.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// Values other than those that were published.
    #[error(
        "{file}: the values differ from the published ones in {} of {of} columns: {}; --accept takes them anyway",
        .columns.len(), places(.columns, *.row)
    )]
    Values {
        /// The file or URL.
        file: String,
        /// How many columns there are.
        of: usize,
        /// Number, from 1, and name of each column that differs.
        columns: Vec<(usize, String)>,
        /// The first row that differs, from 1, without the header.
        row: Option<usize>,
    },
    /// A file in place that holds other values than those that were published.
    #[error("{different}, --force fetches the published ones in their place")]
    OtherValues {
        /// How they differ.
        different: Box<DataError>,
    },
    /// None of the addresses of a data set led to it.
    #[error("none of its {} addresses gave it: {}", .causes.len(), list(.causes))]
    Addresses {
        /// What went wrong at each.
        causes: Vec<DataError>,
    },
    /// From an encrypted connection to one that is not.
    #[error("{url}: redirected to {to}, which is not encrypted; expected to stay with https://")]
    NotEncrypted {
        /// The URL asked for.
        url: String,
        /// Where the server wanted us to go.
        to: String,
    },
    /// A folder that cannot be used.
    #[error("{}: {cause}; expected a folder that can be read", .dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// A zip archive that cannot be read.
    #[error(
        "{file}: not a readable zip archive ({cause}); expected the archive as published (a cut-off download?)"
    )]
    Archive {
        /// The file or URL.
        file: String,
        /// The reader's reason.
        cause: String,
    },
    /// A zip archive without the file looked for.
    #[error("{file}: holds no {member}; it holds {found}")]
    NotInArchive {
        /// The archive.
        file: String,
        /// The file looked for.
        member: String,
        /// The files in the archive.
        found: String,
    },
    /// A spreadsheet that cannot be read.
    #[error(
        "{file}: not a readable spreadsheet ({cause}); expected an .xls or .xlsx file (a cut-off download?)"
    )]
    Workbook {
        /// The file or URL.
        file: String,
        /// The reader's reason.
        cause: String,
    },
    /// A web page where data were expected.
    #[error(
        "{file}: a web page, not the data file; the file has moved or a log-in is in between: open the address in a \
         browser, save the file in a folder and pass --from FOLDER"
    )]
    WebPage {
        /// The file or URL.
        file: String,
    },
    /// An answer other than success.
    #[error(
        "{url}: the server answered {status}; expected 200 OK: try again later, or find the file elsewhere, save it \
         in a folder and pass --from FOLDER"
    )]
    Status {
        /// The URL asked for.
        url: String,
        /// The status code and its usual meaning.
        status: String,
    },
    /// Fewer bytes than announced.
    #[error("{url}: cut off after {received} of {expected} bytes; run the command again")]
    CutOff {
        /// The URL asked for.
        url: String,
        /// Bytes received.
        received: u64,
        /// Bytes announced by the server (`Content-Length`), or `?`.
        expected: String,
    },
    /// Nothing came for too long.
    #[error("{url}: timed out {phase} ({received} bytes received); run the command again")]
    TimedOut {
        /// The URL asked for.
        url: String,
        /// What was being done and how long for.
        phase: String,
        /// Bytes received before.
        received: u64,
    },
    /// No usable connection.
    #[error(
        "{url}: no connection ({cause}): check the network, or save the file in a folder and pass --from FOLDER"
    )]
    Connection {
        /// The URL asked for.
        url: String,
        /// The reason.
        cause: String,
    },
    /// `--from` is neither a folder nor a web address.
    #[error(
        "--from {from}: no such folder; expected a folder, or an address that begins with http:// or https://"
    )]
    NoSource {
        /// What the user gave.
        from: String,
    },
    /// `--from` holds none of the files a data set is published as.
    #[error("{from}: no file of {name}; expected one of {tried}")]
    NotInSource {
        /// The folder or address.
        from: String,
        /// The data set.
        name: String,
        /// The file names tried.
        tried: String,
    },
    /// A name that is no data set of the group.
    #[error("{name:?} is not one of the data sets; expected {known}")]
    UnknownName {
        /// What the user gave.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A name that is neither a file nor found.
    #[error("{name:?} is neither a CSV file nor a data set in {}: found {found}", .dir.display())]
    NotFound {
        /// What the user gave.
        name: String,
        /// Where it was looked for.
        dir: PathBuf,
        /// The names found there.
        found: String,
    },
    /// No data set at all.
    #[error(
        "{}: no CSV files; fetch them with `cargo xtask data fetch uci`, or name a CSV file of your own",
        .dir.display()
    )]
    NoneFound {
        /// Where they were looked for.
        dir: PathBuf,
    },
    /// Two different files of one name, whose results could not be told apart.
    #[error("{} and {}: both are called {name:?}; expected different file names", .first.display(), .second.display())]
    SameName {
        /// The shared name.
        name: String,
        /// One file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
}

/// What is wrong with one cell of a table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CellProblem {
    /// Nothing in it.
    #[error("the cell is empty; expected a number")]
    Empty,
    /// Text (shortened to be shown).
    #[error("{0:?} is not a number; expected a finite number such as 0.5 or 1e-3")]
    NotANumber(String),
    /// NaN, infinite, or too large for a double (shortened to be shown).
    #[error("{0:?} is not finite; expected a finite number")]
    NotFinite(String),
    /// A class label other than −1 and 1.
    #[error("{0} is not a class; expected -1 or 1")]
    NotAClass(f64),
}

impl CellProblem {
    /// Reads one cell as a finite number.
    ///
    /// # Errors
    ///
    /// An empty cell, text, NaN, or a number that is infinite as a double.
    pub fn check(cell: &str) -> Result<f64, CellProblem> {
        let cell = cell.trim();
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(_) => Err(CellProblem::NotFinite(shorten(cell))),
            Err(_) if cell.is_empty() => Err(CellProblem::Empty),
            Err(_) => Err(CellProblem::NotANumber(shorten(cell))),
        }
    }
}

/// At most 40 characters of `text`, so that an error stays one line.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

fn list(causes: &[DataError]) -> String {
    causes.iter().map(DataError::to_string).collect::<Vec<_>>().join("; ")
}

/// Where values differ: the first cell, where one column differs.
fn places(columns: &[(usize, String)], row: Option<usize>) -> String {
    const NAMED: usize = 3;
    let named =
        columns.iter().take(NAMED).map(|(number, name)| format!("column {number} {:?}", shorten(name)));
    let more = if columns.len() > NAMED { ", …" } else { "" };
    let columns = named.collect::<Vec<_>>().join(", ") + more;
    row.map_or(columns.clone(), |row| format!("{columns}, first in row {row}"))
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { noun.to_string() } else { format!("{noun}s") }
}
