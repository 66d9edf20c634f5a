//! From an original as its publisher offers it to a [`Table`].

use std::path::PathBuf;

use super::{
    Table, archive,
    catalog::{Dataset, Format},
    error::{CellProblem, DataError, shorten},
    table::{Records, check_text},
    workbook::{self, Cell},
};

/// Converts the original of `dataset`, either the file itself or a zip archive that holds it, in folders or in other zip
/// archives.
///
/// `origin` is where `bytes` came from (a path or a URL), for errors.
///
/// # Errors
///
/// An unreadable file, a cell that is no number, or not exactly the rows and columns of the data set. Whether the
/// values are those that were published is for [`super::values::check`].
pub fn convert(dataset: &Dataset, origin: &str, bytes: &[u8]) -> Result<Table, DataError> {
    let begin = bytes[..bytes.len().min(512)].trim_ascii_start().to_ascii_lowercase();
    if begin.starts_with(b"<!doctype html") || begin.starts_with(b"<html") {
        return Err(DataError::WebPage { file: origin.to_string() });
    }
    if is_archive(dataset, origin, bytes) {
        let (name, inner) = archive::find(origin, bytes, dataset.file)?;
        return convert_file(dataset, &name, &inner);
    }
    convert_file(dataset, origin, bytes)
}

/// Whether the original is to be looked for in `bytes`. An .xlsx file is a zip archive too, one that says what it is.
fn is_archive(dataset: &Dataset, origin: &str, bytes: &[u8]) -> bool {
    let is_zip = bytes.starts_with(b"PK");
    match archive::open(bytes) {
        Ok(archive) if is_zip && dataset.format == Format::Workbook => {
            archive.index_for_name("[Content_Types].xml").is_none()
        }
        Ok(_) => is_zip,
        Err(_) => origin.to_lowercase().ends_with(".zip"),
    }
}

/// Checks that `table` is the converted `dataset`: its columns, its rows, and for the banana set classes −1 and 1.
///
/// # Errors
///
/// The first difference found.
pub fn check(dataset: &Dataset, table: &Table) -> Result<(), DataError> {
    let file = table.path.display().to_string();
    for index in 0..dataset.columns.len().max(table.cols) {
        let name = |column: Option<&str>| {
            column.map_or(format!("no column {}", index + 1), |name| {
                format!("column {} {:?}", index + 1, shorten(name))
            })
        };
        let found = name(table.columns.get(index).map(String::as_str));
        let expected = name(dataset.columns.get(index).copied());
        if found != expected {
            return Err(DataError::Columns { file, found, expected });
        }
    }
    if table.rows != dataset.rows {
        return Err(DataError::Rows { file, found: table.rows, expected: dataset.rows });
    }
    if dataset.format == Format::Keel { super::banana::check_classes(table) } else { Ok(()) }
}

fn convert_file(dataset: &Dataset, origin: &str, bytes: &[u8]) -> Result<Table, DataError> {
    let mut rows = Rows { dataset, origin, rows: 0, values: Vec::new() };
    match dataset.format {
        Format::Whitespace => {
            for (line, text) in lines(origin, bytes)? {
                rows.push(line, text.split_whitespace().map(CellProblem::check))?;
            }
        }
        Format::Keel => {
            for (line, text) in lines(origin, bytes)? {
                if !text.trim_start().starts_with('@') {
                    rows.push(line, text.split(',').map(CellProblem::check))?;
                }
            }
        }
        Format::Delimited(delimiter) => {
            let mut records = Records::new(origin, bytes, delimiter)?;
            records.next()?; // The header.
            while let Some((line, record)) = records.next()? {
                rows.push(line, record.iter().map(CellProblem::check))?;
            }
        }
        Format::Workbook => {
            let mut is_header = true;
            workbook::first_sheet(origin, bytes, &mut |line, cells| {
                if std::mem::take(&mut is_header) {
                    return Ok(());
                }
                rows.push(line, cells.iter().cloned())
            })?;
        }
    }
    rows.finish()
}

/// The rows of a data set as they come; no more of them are kept than it has.
struct Rows<'a> {
    dataset: &'a Dataset,
    origin: &'a str,
    rows: usize,
    values: Vec<f64>,
}

impl Rows<'_> {
    fn push(&mut self, line: usize, cells: impl Iterator<Item = Cell>) -> Result<(), DataError> {
        let Dataset { source_columns, columns, rows, .. } = *self.dataset;
        let file = || self.origin.to_string();
        let (mut found, mut problem) = (0, Ok(()));
        for cell in cells {
            if let Some(column) = columns.get(found)
                && problem.is_ok()
            {
                match cell {
                    Ok(value) if self.rows < rows => self.values.push(value),
                    Ok(_) => {}
                    Err(cause) => {
                        let (file, column) = (file(), column.to_string());
                        problem = Err(DataError::Cell { file, line, column, problem: cause });
                    }
                }
            }
            found += 1;
        }
        if found != source_columns {
            return Err(DataError::Ragged { file: file(), line, found, expected: source_columns });
        }
        self.rows += 1;
        problem
    }

    fn finish(self) -> Result<Table, DataError> {
        let Self { dataset, origin, rows, values } = self;
        if rows != dataset.rows {
            let (file, found, expected) = (origin.to_string(), rows, dataset.rows);
            return Err(DataError::Rows { file, found, expected });
        }
        let columns: Vec<String> = dataset.columns.iter().map(|name| name.to_string()).collect();
        let table = Table { path: PathBuf::from(origin), rows, cols: columns.len(), columns, values };
        check(dataset, &table)?;
        Ok(table)
    }
}

/// Lines of a text that are not blank, numbered from 1.
fn lines<'a>(
    origin: &str,
    bytes: &'a [u8],
) -> Result<impl Iterator<Item = (usize, &'a str)> + use<'a>, DataError> {
    let text = check_text(origin, bytes)?;
    Ok((1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()))
}
